//! Drawing trees: nouns, verbs and times that go together.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::lexicon::adjectives::{ADJECTIVES, DEGREES};
use super::lexicon::names::{CITIES, COUNTRIES, NAMES, PROFESSIONS};
use super::lexicon::nouns::NOUNS;
use super::lexicon::verbs::{INTRANSITIVE, STAY, TRANSITIVE};
use super::lexicon::*;
use super::tree::*;

/// A source of random trees.
pub struct Sampler {
    rng: ChaCha8Rng,
}

/// How much a noun phrase may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Determiner, perhaps an adjective; after prepositions.
    Plain,
    /// Also quantities and owners.
    Full,
    /// Also relative clauses and other modifiers.
    Rich,
}

impl Sampler {
    /// The same trees for the same seed.
    pub fn new(seed: u64) -> Self {
        Sampler { rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (((self.rng.next_u64() >> 32) * n as u64) >> 32) as usize
    }

    /// True in so many cases of a hundred.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of `items`.
    pub fn pick<T>(&mut self, items: &'static [T]) -> &'static T {
        &items[self.below(items.len())]
    }

    /// One of `items` that fits.
    pub fn pick_where<T>(&mut self, items: &'static [T], fits: impl Fn(&T) -> bool) -> Option<&'static T> {
        let fitting: Vec<&'static T> = items.iter().filter(|item| fits(item)).collect();
        (!fitting.is_empty()).then(|| fitting[self.below(fitting.len())])
    }

    /// An index drawn with weights.
    pub fn weighted(&mut self, weights: &[usize]) -> usize {
        let mut left = self.below(weights.iter().sum());
        for (i, weight) in weights.iter().enumerate() {
            if left < *weight {
                return i;
            }
            left -= weight;
        }
        weights.len() - 1
    }

    /// Who acts: names, pronouns, people, animals.
    pub fn subject(&mut self, kind: Kind, detail: Detail) -> Nominal {
        if kind & PERSON == 0 || self.chance(if kind & ANIMAL != 0 { 30 } else { 0 }) {
            return self.phrase(kind & !PERSON, detail);
        }
        match self.weighted(&[20, 26, 6, 48]) {
            0 => Nominal::Name(self.pick(NAMES)),
            1 => self.free_pronoun(),
            2 => self.couple(),
            _ => self.phrase(PERSON, detail),
        }
    }

    /// Somebody in the third person who can be an antecedent.
    pub fn somebody(&mut self, detail: Detail) -> Nominal {
        match self.weighted(&[35, 10, 55]) {
            0 => Nominal::Name(self.pick(NAMES)),
            1 => self.couple(),
            _ => self.phrase(PERSON, detail),
        }
    }

    fn couple(&mut self) -> Nominal {
        let first = Nominal::Name(self.pick(NAMES));
        let second = match self.chance(50) {
            true => Nominal::Name(self.pick(NAMES)),
            false => self.phrase(PERSON, Detail::Plain),
        };
        if first == second { first } else { Nominal::And(Box::new(first), Box::new(second)) }
    }

    fn free_pronoun(&mut self) -> Nominal {
        let pronouns = [Pronoun::I, Pronoun::WE, Pronoun::YOU, Pronoun::HE, Pronoun::SHE];
        Nominal::Pronoun(pronouns[self.weighted(&[20, 14, 14, 26, 26])])
    }

    /// An object for a verb; me, us and you only beside a third person.
    pub fn object(&mut self, verb: &Verb, subject: &Nominal, detail: Detail) -> Nominal {
        if verb.object & PERSON != 0 && verb.link != Link::Of && self.chance(15) {
            return self.object_pronoun(subject);
        }
        if verb.object & PERSON != 0 && self.chance(15) {
            return Nominal::Name(self.pick(NAMES));
        }
        let mut object = self.phrase(verb.object, if verb.link == Link::Direct { detail } else { Detail::Plain });
        let Nominal::Phrase(phrase) = &mut object else { return object };
        if verb.link == Link::Of && phrase.determiner == Determiner::Some {
            phrase.determiner = Determiner::The;
        }
        object
    }

    /// him, her, and where the subject allows it me, us, you.
    pub fn object_pronoun(&mut self, subject: &Nominal) -> Nominal {
        let pronouns = [Pronoun::HIM, Pronoun::HER, Pronoun::I, Pronoun::WE, Pronoun::YOU];
        let third = subject.agreement().person == Person::Third;
        let choice = self.below(if third { 5 } else { 2 });
        Nominal::Pronoun(pronouns[choice])
    }

    /// A person something is given to.
    pub fn recipient(&mut self, subject: &Nominal) -> Nominal {
        match self.weighted(&[30, 25, 45]) {
            0 => self.object_pronoun(subject),
            1 => Nominal::Name(self.pick(NAMES)),
            _ => self.phrase(PERSON, Detail::Plain),
        }
    }

    /// A noun phrase of some kind.
    pub fn phrase(&mut self, kind: Kind, detail: Detail) -> Nominal {
        Nominal::Phrase(Box::new(self.noun_phrase(kind, detail)))
    }

    /// A noun phrase of some kind.
    pub fn noun_phrase(&mut self, kind: Kind, detail: Detail) -> NounPhrase {
        let noun = self.noun(kind);
        self.phrase_of(noun, detail)
    }

    fn noun(&mut self, kind: Kind) -> &'static Noun {
        self.pick_where(NOUNS, |noun| noun.kind & kind != 0).unwrap_or(&NOUNS[0])
    }

    fn phrase_of(&mut self, noun: &'static Noun, detail: Detail) -> NounPhrase {
        let (determiner, plural) = self.determiner(noun, detail);
        let mut phrase =
            NounPhrase { determiner, noun, plural, before: None, after: None, superlative: None, modifier: None };
        let likely = if detail == Detail::Plain { 18 } else { 42 };
        if self.chance(likely) {
            let first = self.adjective(noun, |_| true);
            let second = self.chance(15).then(|| self.adjective(noun, |_| true)).flatten();
            for adjective in [first, second].into_iter().flatten() {
                let slot = if adjective.precedes { &mut phrase.before } else { &mut phrase.after };
                *slot = Some(adjective);
            }
        }
        let likely = if detail == Detail::Rich { 32 } else { 0 };
        if self.chance(likely) {
            self.modify(&mut phrase);
        }
        phrase
    }

    /// An adjective that can be said of a noun.
    pub fn adjective(&mut self, noun: &Noun, fits: impl Fn(&Adjective) -> bool) -> Option<&'static Adjective> {
        self.pick_where(ADJECTIVES, |adjective| adjective.kind & noun.kind != 0 && fits(adjective))
    }

    fn determiner(&mut self, noun: &'static Noun, detail: Detail) -> (Determiner, bool) {
        use Determiner::*;
        let is = |kind: Kind| noun.kind & kind != 0;
        if is(MASS) {
            return ([The, Some, This][self.weighted(&[45, 45, 10])].clone(), false);
        }
        let plural = self.chance(38);
        let owned = if is(RELATIVE) {
            250
        } else if is(AREA | PLANT | VEHICLE | PART) {
            2
        } else {
            10
        };
        let full = if detail == Detail::Plain { 0 } else { 1 };
        let number = if self.chance(80) { 2 + self.below(9) } else { 11 + self.below(89) } as u32;
        match self.weighted(&[45, 18, 9, owned, 7 * full, 2 * full, 7 * full, 6 * full, owned / 2]) {
            0 => (The, plural),
            1 if plural => (Some, true),
            1 => (A, false),
            2 => (This, plural),
            3 => {
                let owners = [Pronoun::I, Pronoun::WE, Pronoun::YOU, Pronoun::HE, Pronoun::SHE];
                (Mine(owners[self.below(5)]), plural)
            }
            4 => (Number(number), true),
            5 => (TheNumber(number.min(10)), true),
            6 => ([Many, Several, Few][self.below(3)].clone(), true),
            7 if plural => (All, true),
            7 => (Every, false),
            _ => {
                let owner = match self.chance(50) {
                    true => Nominal::Name(self.pick(NAMES)),
                    false => Nominal::Phrase(Box::new(NounPhrase {
                        determiner: The,
                        noun: self.noun(PERSON),
                        plural: self.chance(25),
                        before: None,
                        after: None,
                        superlative: None,
                        modifier: None,
                    })),
                };
                (Owner(owner), plural)
            }
        }
    }

    /// Adds a relative clause, a place, an owner.
    pub fn modify(&mut self, phrase: &mut NounPhrase) {
        let is = |kind: Kind| phrase.noun.kind & kind != 0;
        if is(PART) {
            phrase.modifier = Some(Modifier::Of(self.phrase(BUILDING, Detail::Plain)));
            return;
        }
        let object = self.pick_where(TRANSITIVE, |verb| verb.object & phrase.noun.kind != 0);
        let here = if is(THING | TEXT | ANIMAL | SURFACE) { 15 } else { 0 };
        let weights =
            [if is(ANIMATE) { 35 } else { 0 }, 45, if is(PERSON) { 9 } else { 0 }, if is(PLACE) { 30 } else { 0 }, here];
        let modifier = match self.weighted(&weights) {
            0 => Modifier::Relative(Relative::Subject(Box::new(self.attributive(phrase)))),
            2 => Modifier::Relative(Relative::Whose(Box::new(self.possessed()))),
            3 => {
                let verb = self.pick(STAY);
                let tense = self.tense_for(verb);
                let core = Core::Verb { verb, object: None, recipient: None };
                let inner = Clause::new(self.subject(PERSON, Detail::Plain), Predicate::new(tense, core));
                Modifier::Relative(Relative::Where(Box::new(inner)))
            }
            4 => Modifier::Place(self.location()),
            _ => {
                let Some(verb) = object else { return };
                Modifier::Relative(Relative::Object(Box::new(self.without_object(verb))))
            }
        };
        let relative = matches!(modifier, Modifier::Relative(_));
        if relative && matches!(phrase.determiner, Determiner::Mine(_) | Determiner::Owner(_)) {
            phrase.determiner = Determiner::The;
        }
        // "avoir peur de" and its like keep to plain phrases, hence no clash of tenses here.
        phrase.modifier = Some(modifier);
    }

    /// A clause that lacks its direct object.
    fn without_object(&mut self, verb: &'static Verb) -> Clause {
        let subject = self.subject(verb.subject & PERSON | verb.subject, Detail::Plain);
        let tense = self.tense_for(verb);
        Clause::new(subject, Predicate::new(tense, Core::Verb { verb, object: None, recipient: None }))
    }

    /// What a relative clause says of its head.
    fn attributive(&mut self, head: &NounPhrase) -> Predicate {
        let kind = head.noun.kind;
        match self.weighted(&[35, 35, 30]) {
            0 => {
                let adjective = self.adjective(head.noun, |adjective| adjective.comparison != Comparison::None);
                let Some(adjective) = adjective else { return self.action(kind) };
                let tense = if self.chance(70) { Tense::Present } else { Tense::Past };
                let degree = self.chance(50).then(|| self.pick(DEGREES));
                Predicate::new(tense, Core::Be(Attribute::Adjective(adjective, degree)))
            }
            1 => self.action(kind),
            _ => {
                let Some(verb) = self.pick_where(TRANSITIVE, |verb| verb.subject & kind != 0) else {
                    return self.action(kind);
                };
                let object = match self.phrase(verb.object, Detail::Plain) {
                    Nominal::Phrase(mut phrase) if verb.link == Link::Of && phrase.determiner == Determiner::Some => {
                        phrase.determiner = Determiner::The;
                        Nominal::Phrase(phrase)
                    }
                    other => other,
                };
                let tense = self.tense_for(verb);
                Predicate::new(tense, Core::Verb { verb, object: Some(object), recipient: None })
            }
        }
    }

    /// Something done without an object.
    pub fn action(&mut self, kind: Kind) -> Predicate {
        let verb = self.pick_where(INTRANSITIVE, |verb| verb.subject & kind != 0).unwrap_or(&INTRANSITIVE[0]);
        let tense = self.tense_for(verb);
        Predicate::new(tense, Core::Verb { verb, object: None, recipient: None })
    }

    /// "whose car is red".
    fn possessed(&mut self) -> Clause {
        let mut phrase = self.noun_phrase(THING | VEHICLE | RELATIVE | ANIMAL, Detail::Plain);
        phrase.determiner = Determiner::Bare;
        let adjective = self.adjective(phrase.noun, |_| true);
        (phrase.before, phrase.after) = (None, None);
        let tense = if self.chance(75) { Tense::Present } else { Tense::Past };
        let core = Core::Be(Attribute::Adjective(adjective.unwrap_or(&ADJECTIVES[1]), None));
        Clause::new(Nominal::Phrase(Box::new(phrase)), Predicate::new(tense, core))
    }

    /// Negation, rarely.
    pub fn polarity(&mut self, tense: Tense, stative: bool) -> Polarity {
        if matches!(tense, Tense::UsedTo | Tense::Infinitive) || !self.chance(20) {
            return Polarity::Yes;
        }
        let never = matches!(tense, Tense::Present | Tense::Past | Tense::Future);
        let no_longer = matches!(tense, Tense::Present | Tense::Future) || (tense == Tense::Past && stative);
        let polarities = [Polarity::Not, Polarity::Never, Polarity::NoLonger];
        polarities[self.weighted(&[60, if never { 22 } else { 0 }, if no_longer { 18 } else { 0 }])]
    }

    /// A tense in which a verb is at home.
    pub fn tense_for(&mut self, verb: &Verb) -> Tense {
        use Tense::*;
        let tenses = [Present, Progressive, Past, PastProgressive, UsedTo, Future, GoingTo];
        let weights = if verb.stative { [54, 0, 30, 0, 6, 10, 0] } else { [30, 11, 30, 5, 4, 14, 6] };
        let tense = tenses[self.weighted(&weights)];
        if fits(verb, tense) { tense } else { Future }
    }

    /// Somewhere: in Paris, in Japan, behind the house.
    pub fn location(&mut self) -> Place {
        match self.weighted(&[14, 10, 76]) {
            0 => Place::City(Direction::In, self.pick(CITIES)),
            1 => Place::Country(Direction::In, self.pick(COUNTRIES)),
            _ => {
                let preposition = self.pick(times::WHERE);
                Place::At(preposition, self.definite(preposition.kind))
            }
        }
    }

    /// To somewhere, or from there.
    pub fn goal(&mut self, direction: Direction) -> Place {
        match self.weighted(&[22, 18, 60]) {
            0 => Place::City(direction, self.pick(CITIES)),
            1 => Place::Country(direction, self.pick(COUNTRIES)),
            _ => {
                let preposition = if direction == Direction::From { &times::FROM } else { &times::TO };
                Place::At(preposition, self.definite(GOAL))
            }
        }
    }

    /// A phrase with "the", "this" or an owner: what prepositions like.
    pub fn definite(&mut self, kind: Kind) -> Nominal {
        let mut phrase = self.noun_phrase(kind, Detail::Plain);
        if matches!(phrase.determiner, Determiner::Some | Determiner::A) {
            phrase.determiner = Determiner::The;
        }
        Nominal::Phrase(Box::new(phrase))
    }

    /// What "be" can say of a noun.
    pub fn attribute(&mut self, subject: &Nominal) -> Attribute {
        let person = NOUNS[0].kind;
        let noun = match subject {
            Nominal::Phrase(phrase) => phrase.noun,
            _ => &NOUNS[0],
        };
        let compared = |adjective: &Adjective| adjective.comparison != Comparison::None;
        let third = subject.agreement().person == Person::Third;
        let alive = if noun.kind & ANIMATE != 0 { 1 } else { 0 };
        let profession = usize::from(noun.kind == person && third && !matches!(subject, Nominal::Phrase(_)))
            + usize::from(noun.kind & RELATIVE != 0);
        match self.weighted(&[45, 25, 12 * profession, 14, 8 * alive]) {
            1 => {
                let than = match self.chance(30) && noun.kind & PERSON != 0 {
                    true => Nominal::Name(self.pick(NAMES)),
                    false => self.definite(noun.kind & (ANIMATE | OBJECT | VEHICLE | PLACE | PLANT | FOOD | ABSTRACT)),
                };
                let degree = [Degree::More, Degree::Less, Degree::As][self.weighted(&[60, 15, 25])];
                match self.adjective(noun, |adjective| compared(adjective) && adjective.kind & PERSON == noun.kind & PERSON & adjective.kind) {
                    Some(adjective) if than != *subject => Attribute::Comparison(degree, adjective, than),
                    _ => Attribute::Place(self.location()),
                }
            }
            2 => Attribute::Profession(self.pick(PROFESSIONS)),
            3 if noun.kind & (PERSON | ANIMAL | OBJECT | VEHICLE) != 0 => Attribute::Place(self.location()),
            4 => Attribute::Age(2 + self.below(if noun.kind & PERSON != 0 { 98 } else { 18 }) as u32),
            _ => {
                let graded = self.chance(50);
                let adjective = self.adjective(noun, |adjective| !graded || compared(adjective));
                let degree = graded.then(|| self.pick(DEGREES));
                Attribute::Adjective(adjective.unwrap_or(&ADJECTIVES[1]), degree)
            }
        }
    }
}

/// Whether English shows this tense of this verb: "read" hides its past, states have no progressive.
pub fn fits(verb: &Verb, tense: Tense) -> bool {
    match tense {
        Tense::Past => verb.past != verb.english,
        Tense::Progressive | Tense::PastProgressive | Tense::GoingTo => !verb.stative,
        _ => true,
    }
}
