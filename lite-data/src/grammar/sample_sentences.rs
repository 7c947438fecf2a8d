//! Drawing whole sentences, one function a pattern.

use super::lexicon::names::NAMES;
use super::lexicon::times::{FREQUENCIES, MANNERS};
use super::lexicon::verbs::*;
use super::lexicon::*;
use super::sample::{Detail, Sampler, fits};
use super::tree::*;

const AND: Join = &("and", "et");
const BUT: Join = &("but", "mais");
const BECAUSE: Join = &("because", "parce que");
const WHEN: Join = &("when", "quand");
const WHILE: Join = &("while", "pendant que");
const IF: Join = &("if", "si");

impl Sampler {
    /// A sentence of any pattern.
    pub fn sentence(&mut self) -> Sentence {
        match self.weighted(&[28, 14, 8, 5, 9, 8, 8, 4, 4, 4, 12]) {
            0 => Sentence::Statement(self.statement()),
            1 => self.with_pronoun(),
            2 => self.joined(),
            3 => self.fronted(),
            4 => self.question(),
            5 => self.copula(),
            6 => Sentence::Statement(self.embedded()),
            7 => self.there(),
            8 => self.imperative(),
            9 => self.price(),
            _ => self.long_subject(),
        }
    }

    /// One clause with adjuncts.
    fn statement(&mut self) -> Clause {
        let mut clause = self.plain_clause(Detail::Rich);
        if self.chance(6) && clause.front.is_none() && clause.predicate.polarity == Polarity::Yes {
            let kind = if matches!(clause.subject, Nominal::Phrase(ref phrase) if phrase.noun.kind & ANIMAL != 0) {
                ANIMAL
            } else {
                PERSON
            };
            let mut second = self.action(kind);
            second.tense = clause.predicate.tense;
            let Core::Verb { verb, .. } = second.core else { return clause };
            if fits(verb, second.tense) && !verb.stative {
                clause.second = Some(second);
            }
        }
        clause
    }

    /// Subject, verb of any frame, objects, place, time.
    pub fn plain_clause(&mut self, detail: Detail) -> Clause {
        match self.weighted(&[48, 16, 12, 14, 10]) {
            0 => {
                let verb = self.pick(TRANSITIVE);
                let subject = self.subject(verb.subject, detail);
                let object = self.object(verb, &subject, detail);
                let place = if self.chance(15) { Some(Adjunct::Place(self.location())) } else { None };
                self.clause(subject, verb, Some(object), None, place)
            }
            1 => {
                let verb = self.pick(INTRANSITIVE);
                let subject = self.subject(verb.subject, detail);
                let company = self.chance(25) && verb.subject & PERSON != 0;
                let place = match (verb.stative, company) {
                    (true, _) => None,
                    (_, true) => Some(Adjunct::With(self.definite(PERSON))),
                    _ if verb.subject & VEHICLE == 0 => Some(Adjunct::Place(self.location())),
                    _ => None,
                };
                self.clause(subject, verb, None, None, place)
            }
            2 => {
                let (verbs, direction) =
                    if self.chance(70) { (MOTION, Direction::To) } else { (DEPARTURE, Direction::From) };
                let verb = self.pick(verbs);
                let subject = self.subject(verb.subject, detail);
                let place = Adjunct::Place(self.goal(direction));
                self.clause(subject, verb, None, None, Some(place))
            }
            3 => {
                let verb = self.pick(DITRANSITIVE);
                let subject = self.subject(PERSON, detail);
                let object = self.phrase(verb.object, Detail::Full);
                let recipient = self.recipient(&subject);
                self.clause(subject, verb, Some(object), Some(recipient), None)
            }
            _ => {
                let verb = self.pick(STAY);
                let subject = self.subject(PERSON, detail);
                let place = Adjunct::Place(self.location());
                self.clause(subject, verb, None, None, Some(place))
            }
        }
    }

    /// Tense, negation, adverb and adjuncts around a verb.
    fn clause(
        &mut self,
        subject: Nominal,
        verb: &'static Verb,
        object: Option<Nominal>,
        recipient: Option<Nominal>,
        place: Option<Adjunct>,
    ) -> Clause {
        let passive = verb.link == Link::Direct && !verb.stative && recipient.is_none() && self.chance(12);
        if let (true, Some(Nominal::Phrase(patient))) = (passive, &object)
            && patient.noun.kind & (OBJECT | BUILDING | VEHICLE | FOOD | SONG) != 0
            && !verb.english.contains(' ')
            && !matches!(subject, Nominal::Pronoun(_))
        {
            return self.passive(Nominal::Phrase(patient.clone()), verb, subject);
        }
        let tense = self.tense_for(verb);
        let mut predicate = Predicate::new(tense, Core::Verb { verb, object, recipient });
        predicate.polarity = self.polarity(tense, verb.stative);
        // "not several", "not every": nobody agrees on what they mean.
        if let Core::Verb { object: Some(Nominal::Phrase(phrase)), .. } = &predicate.core
            && !matches!(phrase.determiner, Determiner::The | Determiner::A | Determiner::Some)
            && !matches!(phrase.determiner, Determiner::This | Determiner::Mine(_) | Determiner::Owner(_))
        {
            predicate.polarity = Polarity::Yes;
        }
        let often = matches!(tense, Tense::Present | Tense::Past) && predicate.polarity == Polarity::Yes;
        let frequent = often && self.chance(10);
        if frequent {
            predicate.adverb = Some(self.pick(FREQUENCIES));
        }
        let manner = verb.subject & VEHICLE == 0 && !verb.stative && place.is_none() && self.chance(8);
        predicate.adjuncts.extend(place);
        if manner && subject.agreement().person == Person::Third {
            predicate.adjuncts.push(Adjunct::Manner(self.pick(MANNERS)));
        }
        let mut clause = Clause::new(subject, predicate);
        let durable = tense != Tense::Past || clause.predicate.polarity == Polarity::Yes;
        if durable && !frequent && self.chance(if verb.stative { 8 } else { 38 }) {
            let time = self.time(tense);
            let first = !matches!(time, Time::During(..) | Time::Clock(..)) && self.chance(30);
            if first {
                clause.front = Some(time);
            } else {
                clause.predicate.adjuncts.push(Adjunct::Time(time));
            }
        }
        clause
    }

    fn passive(&mut self, patient: Nominal, verb: &'static Verb, agent: Nominal) -> Clause {
        let tense = [Tense::Past, Tense::Future][self.weighted(&[70, 30])];
        let agent = self.chance(65).then_some(agent);
        let mut predicate = Predicate::new(tense, Core::Passive(verb, agent));
        if self.chance(40) {
            predicate.adjuncts.push(Adjunct::Time(self.time(tense)));
        }
        Clause::new(patient, predicate)
    }

    /// "The old cats that the teacher sees sleep": agreement at a distance.
    fn long_subject(&mut self) -> Sentence {
        let mut clause = self.plain_clause(Detail::Full);
        for _ in 0..8 {
            let Nominal::Phrase(phrase) = &clause.subject else {
                clause = self.plain_clause(Detail::Full);
                continue;
            };
            let mut phrase = phrase.clone();
            self.modify(&mut phrase);
            clause.subject = Nominal::Phrase(phrase);
            break;
        }
        clause.front = None;
        Sentence::Statement(clause)
    }

    fn copula(&mut self) -> Sentence {
        let kinds = [PERSON, ANIMAL, OBJECT, PLACE, VEHICLE, ABSTRACT, FOOD | DRINK];
        let kind = kinds[self.weighted(&[40, 10, 15, 10, 8, 10, 7])];
        let mut subject = match kind {
            PERSON => self.subject(PERSON, Detail::Rich),
            kind => self.phrase(kind, Detail::Rich),
        };
        if let Nominal::Phrase(phrase) = &mut subject {
            (phrase.before, phrase.after) = (None, None);
        }
        let superlative = matches!(&subject, Nominal::Phrase(phrase) if phrase.noun.kind & (PERSON | PLACE | VEHICLE) != 0);
        if superlative && self.chance(25) {
            return self.superlative(kind);
        }
        let tense = [Tense::Present, Tense::Past, Tense::Future][self.weighted(&[60, 30, 10])];
        let mut predicate = Predicate::new(tense, Core::Be(self.attribute(&subject)));
        predicate.polarity = self.polarity(tense, true);
        Sentence::Statement(Clause::new(subject, predicate))
    }

    /// "The oldest house in the city": French "de la ville".
    fn superlative(&mut self, kind: Kind) -> Sentence {
        let mut phrase = self.noun_phrase(kind, Detail::Plain);
        let adjective = self.adjective(phrase.noun, |adjective| adjective.comparison != Comparison::None);
        phrase.superlative = adjective;
        (phrase.before, phrase.after, phrase.determiner) = (None, None, Determiner::The);
        phrase.modifier = Some(Modifier::Within(self.definite_singular(INSIDE)));
        let phrase = Nominal::Phrase(Box::new(phrase));
        if self.chance(50) {
            let predicate = Predicate::new(Tense::Present, Core::Be(Attribute::Place(self.location())));
            return Sentence::Statement(Clause::new(phrase, predicate));
        }
        let fitting = |verb: &Verb| verb.object & kind != 0 && verb.link == Link::Direct;
        let verb = self.pick_where(TRANSITIVE, fitting).unwrap_or(&TRANSITIVE[0]);
        let subject = self.subject(PERSON, Detail::Plain);
        let tense = self.tense_for(verb);
        let core = Core::Verb { verb, object: Some(phrase), recipient: None };
        Sentence::Statement(Clause::new(subject, Predicate::new(tense, core)))
    }

    fn definite_singular(&mut self, kind: Kind) -> Nominal {
        let mut phrase = self.noun_phrase(kind, Detail::Plain);
        (phrase.before, phrase.after, phrase.determiner, phrase.plural) = (None, None, Determiner::The, false);
        Nominal::Phrase(Box::new(phrase))
    }

    /// Wanting to do something, thinking that something is so.
    fn embedded(&mut self) -> Clause {
        let subject = self.subject(PERSON, Detail::Full);
        if self.chance(45) {
            let verb = self.pick(CLAUSAL);
            let (tense, inner) = match self.chance(75) {
                true => (Tense::Present, self.plain_clause(Detail::Full)),
                false => {
                    let mut inner = self.plain_clause(Detail::Full);
                    inner.predicate.tense = Tense::PastProgressive;
                    (Tense::Past, inner)
                }
            };
            let stative = matches!(&inner.predicate.core, Core::Verb { verb, .. } if verb.stative);
            let passive = matches!(inner.predicate.core, Core::Passive(..));
            let tense = if tense == Tense::Past && (stative || passive) { Tense::Present } else { tense };
            let mut inner = inner;
            if tense == Tense::Present && inner.predicate.tense == Tense::PastProgressive && (stative || passive) {
                inner.predicate.tense = Tense::Past;
            }
            inner.front = None;
            if tense == Tense::Past {
                inner.predicate.adverb = None;
                inner.predicate.polarity = Polarity::Yes;
                inner.predicate.adjuncts.retain(|adjunct| !matches!(adjunct, Adjunct::Time(_)));
            }
            return Clause::new(subject, Predicate::new(tense, Core::That(verb, Box::new(inner))));
        }
        let verb = self.pick(CONTROL);
        let mut inner = self.plain_clause(Detail::Full);
        while matches!(inner.predicate.core, Core::Passive(..)) || stative(&inner.predicate.core) {
            inner = self.plain_clause(Detail::Full);
        }
        // Its subject is now ours: "he wants to see me" stays, "I want to see me" goes.
        if subject.agreement().person != Person::Third {
            keep_third(&mut inner.predicate.core);
        }
        let modal = matches!(verb.english, "can" | "must");
        let tense = match (verb.english, modal) {
            ("must", _) => Tense::Present,
            (_, true) => [Tense::Present, Tense::Past][self.weighted(&[70, 30])],
            _ => self.tense_for(verb),
        };
        let mut predicate = Predicate::new(tense, Core::Control(verb, Box::new(inner.predicate.core)));
        predicate.polarity = match self.polarity(tense, verb.stative) {
            Polarity::Yes => Polarity::Yes,
            _ => Polarity::Not,
        };
        let places = inner.predicate.adjuncts.into_iter().filter(|adjunct| !matches!(adjunct, Adjunct::Time(_)));
        predicate.adjuncts.extend(places);
        Clause::new(subject, predicate)
    }

    /// Two clauses with subjects of their own.
    fn joined(&mut self) -> Sentence {
        let mut first = self.plain_clause(Detail::Full);
        let mut second = self.plain_clause(Detail::Full);
        (first.front, second.front) = (None, None);
        match self.weighted(&[30, 20, 25, 25]) {
            0 => Sentence::Joined(first, AND, second, false),
            1 => Sentence::Joined(first, BUT, second, true),
            2 => {
                let mut doing = self.ongoing();
                let tense = [Tense::Progressive, Tense::PastProgressive][self.below(2)];
                doing.predicate.tense = tense;
                let mut meanwhile = self.ongoing();
                meanwhile.predicate.tense = tense;
                Sentence::Joined(doing, WHILE, meanwhile, false)
            }
            _ => {
                let mut interruption = self.ongoing();
                interruption.predicate.tense = Tense::Past;
                let readable = matches!(&interruption.predicate.core, Core::Verb { verb, .. } if fits(verb, Tense::Past));
                let join = if readable { WHEN } else { WHILE };
                if !readable {
                    interruption.predicate.tense = Tense::PastProgressive;
                }
                let mut doing = self.ongoing();
                doing.predicate.tense = Tense::PastProgressive;
                Sentence::Joined(doing, join, interruption, false)
            }
        }
    }

    /// A clause without times, of a verb that has progressives.
    fn ongoing(&mut self) -> Clause {
        loop {
            let mut clause = self.plain_clause(Detail::Full);
            if stative(&clause.predicate.core) || matches!(clause.predicate.core, Core::Passive(..)) {
                continue;
            }
            clause.front = None;
            clause.predicate.polarity = Polarity::Yes;
            clause.predicate.adverb = None;
            clause.predicate.adjuncts.retain(|adjunct| !matches!(adjunct, Adjunct::Time(_)));
            return clause;
        }
    }

    fn weather(&mut self, tense: Tense) -> Clause {
        let core = Core::Verb { verb: self.pick(WEATHER), object: None, recipient: None };
        Clause::new(Nominal::Pronoun(Pronoun::WEATHER), Predicate::new(tense, core))
    }

    /// If it rains, when he comes.
    fn fronted(&mut self) -> Sentence {
        let (join, tense) = if self.chance(50) { (IF, Tense::Present) } else { (WHEN, Tense::PresentForFuture) };
        let mut condition = match self.chance(35) {
            true => self.weather(tense),
            false => self.ongoing(),
        };
        condition.predicate.tense = tense;
        let mut result = self.ongoing();
        result.predicate.tense = Tense::Future;
        if self.chance(20) {
            // Habit: the present on both sides.
            condition.predicate.tense = Tense::Present;
            result.predicate.tense = Tense::Present;
        }
        Sentence::Fronted(join, condition, result)
    }

    fn question(&mut self) -> Sentence {
        let words: [Pair; 5] = [
            &("where", "où"),
            &("when", "quand"),
            &("why", "pourquoi"),
            &("how", "comment"),
            &("at what time", "à quelle heure"),
        ];
        let mut asked = self.plain_clause(Detail::Full);
        while matches!(asked.predicate.tense, Tense::UsedTo) || matches!(asked.predicate.core, Core::Passive(..)) {
            asked = self.plain_clause(Detail::Full);
        }
        asked.front = None;
        asked.predicate.adverb = None;
        asked.predicate.polarity = Polarity::Yes;
        match self.weighted(&[35, 30, 20, 15]) {
            0 => Sentence::Question(Question::Whether, asked),
            1 => {
                let word = words[self.below(5)];
                if word.0 != "why" {
                    asked.predicate.adjuncts.retain(|adjunct| matches!(adjunct, Adjunct::With(_)));
                }
                let stays = matches!(&asked.predicate.core, Core::Verb { verb, .. } if verb.stative);
                let goes = matches!(&asked.predicate.core, Core::Verb { verb, .. } if MOTION.contains(verb));
                let word = if stays || goes { words[2] } else { word };
                Sentence::Question(Question::Word(word), asked)
            }
            2 => {
                let verb = self.pick_where(TRANSITIVE, |verb| verb.link == Link::Direct && verb.object & PERSON == 0);
                let verb = verb.unwrap_or(&TRANSITIVE[0]);
                let tense = match self.tense_for(verb) {
                    Tense::UsedTo => Tense::Past,
                    tense => tense,
                };
                let subject = self.subject(PERSON, Detail::Full);
                let core = Core::Verb { verb, object: None, recipient: None };
                let mut predicate = Predicate::new(tense, core);
                if self.chance(40) {
                    predicate.adjuncts.push(Adjunct::Place(self.location()));
                }
                Sentence::Question(Question::What, Clause::new(subject, predicate))
            }
            _ => {
                let he = Nominal::Pronoun(Pronoun::HE);
                let mut clause = self.ongoing();
                let verb_takes_people = matches!(&clause.predicate.core, Core::Verb { verb, .. } if verb.subject & PERSON != 0);
                if !verb_takes_people {
                    clause.predicate.core = Core::Verb { verb: &INTRANSITIVE[0], object: None, recipient: None };
                }
                clause.subject = he;
                Sentence::Who(clause.predicate)
            }
        }
    }

    fn there(&mut self) -> Sentence {
        let mut phrase = self.noun_phrase(ANIMATE | OBJECT | VEHICLE, Detail::Full);
        let number = 2 + self.below(11) as u32;
        let quantities = [Determiner::Some, Determiner::Number(number), Determiner::Many, Determiner::Several];
        phrase.determiner = if phrase.plural { quantities[self.below(4)].clone() } else { Determiner::A };
        let tense = [Tense::Present, Tense::Past, Tense::Future][self.weighted(&[55, 35, 10])];
        Sentence::There(tense, Nominal::Phrase(Box::new(phrase)), self.location())
    }

    fn imperative(&mut self) -> Sentence {
        let polarity = if self.chance(25) { Polarity::Not } else { Polarity::Yes };
        let please = self.chance(35);
        let core = if self.chance(30) {
            let verb = self.pick(DITRANSITIVE);
            let object = Some(self.definite(verb.object));
            let recipients = [Pronoun::I, Pronoun::WE, Pronoun::HIM, Pronoun::HER];
            let recipient = Some(Nominal::Pronoun(recipients[self.below(4)]));
            Core::Verb { verb, object, recipient }
        } else {
            let verb = self.pick_where(TRANSITIVE, |verb| !verb.stative).unwrap_or(&TRANSITIVE[1]);
            let object = Some(self.definite(verb.object));
            Core::Verb { verb, object, recipient: None }
        };
        Sentence::Imperative(polarity, core, please)
    }

    fn price(&mut self) -> Sentence {
        let what = self.phrase(OBJECT | FOOD, Detail::Rich);
        if self.chance(25) {
            return Sentence::HowMuch(what);
        }
        let cents = match self.below(3) {
            0 => 100 * (2 + self.below(98)),
            1 => 100 * (2 + self.below(40)) + [50, 20, 95, 99, 75, 25][self.below(6)],
            _ => 50_00 * (1 + self.below(60)),
        };
        let tense = if self.chance(80) { Tense::Present } else { Tense::Future };
        Sentence::Statement(Clause::new(what, Predicate::new(tense, Core::Cost(cents as u32))))
    }

    /// "it", "them", "she" with an antecedent in the sentence.
    fn with_pronoun(&mut self) -> Sentence {
        let subject = self.somebody(Detail::Full);
        let first = self.pick_where(TRANSITIVE, |verb| verb.link == Link::Direct && verb.object & !PERSON != 0);
        let first = first.unwrap_or(&TRANSITIVE[0]);
        let object = self.phrase(first.object & !PERSON, Detail::Full);
        let kind = match &object {
            Nominal::Phrase(phrase) => phrase.noun.kind,
            _ => THING,
        };
        let it = Nominal::Pronoun(pronoun_for(&object));
        let they = Nominal::Pronoun(pronoun_for(&subject));
        let tense = match self.tense_for(first) {
            Tense::UsedTo => Tense::Past,
            tense => tense,
        };
        let one = Predicate::new(tense, Core::Verb { verb: first, object: Some(object.clone()), recipient: None });
        let continues = |verb: &Verb| {
            verb.link == Link::Direct && verb.object & kind != 0 && !verb.stative && fits(verb, tense) && *verb != *first
        };
        let second = self.pick_where(TRANSITIVE, continues).unwrap_or(&TRANSITIVE[1]);
        match self.weighted(&[26, 22, 14, 18, 20]) {
            0 => {
                let mut clause = Clause::new(subject, one);
                let core = Core::Verb { verb: second, object: Some(it), recipient: None };
                clause.second = Some(Predicate::new(progressive_free(tense), core));
                clause.predicate.tense = progressive_free(tense);
                let read = matches!(&clause.predicate.core, Core::Verb { verb, .. } if !fits(verb, clause.predicate.tense));
                if read { self.with_pronoun() } else { Sentence::Statement(clause) }
            }
            1 => {
                let mut but = Predicate::new(tense, Core::Verb { verb: second, object: Some(it), recipient: None });
                but.polarity = [Polarity::Yes, Polarity::Not][self.below(2)];
                Sentence::Joined(Clause::new(subject, one), BUT, Clause::new(they, but), true)
            }
            2 => {
                let core = Core::Verb { verb: second, object: Some(it), recipient: None };
                let result = Clause::new(they, Predicate::new(Tense::Future, core));
                let mut condition = Clause::new(subject, one);
                condition.predicate.tense = Tense::PresentForFuture;
                Sentence::Fronted(WHEN, condition, result)
            }
            3 => {
                let gives = self.pick_where(DITRANSITIVE, |verb| verb.object & kind != 0);
                let Some(gives) = gives else { return self.with_pronoun() };
                let tense = [Tense::Past, Tense::Future][self.below(2)];
                if !fits(first, tense) || *gives == *first {
                    return self.with_pronoun();
                }
                let recipient = match self.chance(50) {
                    true => self.object_pronoun(&subject),
                    false => Nominal::Name(self.pick(NAMES)),
                };
                let core = Core::Verb { verb: gives, object: Some(it), recipient: Some(recipient) };
                let mut clause = Clause::new(subject, one);
                clause.predicate.tense = tense;
                clause.second = Some(Predicate::new(tense, core));
                Sentence::Statement(clause)
            }
            _ => {
                let about_subject = self.chance(40);
                let (pronoun, noun_of) = if about_subject { (they, &subject) } else { (it, &object) };
                let noun = match noun_of {
                    Nominal::Phrase(phrase) => phrase.noun,
                    _ => &nouns::NOUNS[0],
                };
                let Some(adjective) = self.adjective(noun, |_| true) else { return self.with_pronoun() };
                let past = matches!(tense, Tense::Past | Tense::PastProgressive);
                let be = Predicate::new(
                    if past { Tense::Past } else { Tense::Present },
                    Core::Be(Attribute::Adjective(adjective, None)),
                );
                Sentence::Joined(Clause::new(subject, one), BECAUSE, Clause::new(pronoun, be), false)
            }
        }
    }
}

/// Coordinated verbs repeat no auxiliary, so progressives give way.
fn progressive_free(tense: Tense) -> Tense {
    match tense {
        Tense::Progressive => Tense::Present,
        Tense::PastProgressive => Tense::Past,
        Tense::GoingTo => Tense::Future,
        other => other,
    }
}

/// The pronoun that stands for somebody or something said before.
fn pronoun_for(antecedent: &Nominal) -> Pronoun {
    let thing = matches!(antecedent, Nominal::Phrase(phrase) if phrase.noun.kind & PERSON == 0);
    Pronoun { agreement: antecedent.agreement(), thing }
}

fn stative(core: &Core) -> bool {
    matches!(core, Core::Verb { verb, .. } if verb.stative)
}

/// Replaces me, us and you by him.
fn keep_third(core: &mut Core) {
    let Core::Verb { object, recipient, .. } = core else { return };
    for place in [object, recipient] {
        if let Some(Nominal::Pronoun(pronoun)) = place
            && pronoun.agreement.person != Person::Third
        {
            *pronoun = Pronoun::HIM;
        }
    }
}
