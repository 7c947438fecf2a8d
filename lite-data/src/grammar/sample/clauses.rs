//! Drawing clauses.

use super::predicates::fits;
use super::{Detail, Sampler};
use crate::grammar::lexicon::times::{FREQUENCIES, MANNERS};
use crate::grammar::lexicon::verbs::*;
use crate::grammar::lexicon::*;
use crate::grammar::tree::*;

impl Sampler {
    /// One clause with adjuncts.
    pub(super) fn statement(&mut self) -> Clause {
        let mut clause = self.plain_clause(Detail::Rich);
        // "the map that he chose and swims" would leave open who swims.
        let open = matches!(&clause.predicate.core, Core::Verb { object: Some(Nominal::Phrase(phrase)), .. }
            if phrase.modifier.is_some());
        if self.chance(6) && !open && clause.front.is_none() && clause.predicate.polarity == Polarity::Yes {
            let kind = if matches!(clause.subject, Nominal::Phrase(ref phrase) if phrase.noun.kind & ANIMAL != 0) {
                ANIMAL
            } else {
                PERSON
            };
            let mut second = self.action(kind);
            second.tense = clause.predicate.tense;
            let Core::Verb { verb, .. } = second.core else {
                return clause;
            };
            if fits(verb, second.tense) && !verb.stative {
                clause.second = Some(second);
            }
        }
        clause
    }

    /// Subject, verb of any frame, objects, place, time.
    pub(super) fn plain_clause(&mut self, detail: Detail) -> Clause {
        match self.weighted(&[48, 16, 12, 14, 10]) {
            0 => {
                let verb = self.pick(TRANSITIVE);
                let subject = self.subject(verb.subject, detail);
                let object = self.object(verb, &subject, detail);
                let favour = [
                    "buy",
                    "prepare",
                    "choose",
                    "draw",
                    "write",
                    "translate",
                    "repair",
                    "build",
                    "paint",
                ];
                let place = match (favour.contains(&verb.english) && self.chance(30), self.chance(20)) {
                    (true, _) => Some(Adjunct::For(self.definite(PERSON))),
                    (false, true) => Some(Adjunct::Place(self.location(PERSON))),
                    (false, false) => None,
                };
                self.clause(subject, verb, Some(object), None, place)
            }
            1 => {
                let verb = self.pick(INTRANSITIVE);
                let subject = self.subject(verb.subject, detail);
                let company = self.chance(25) && verb.subject & PERSON != 0;
                let place = match (verb.stative, company) {
                    (true, _) => None,
                    (_, true) => Some(Adjunct::With(self.definite(PERSON))),
                    _ if verb.subject & VEHICLE == 0 => Some(Adjunct::Place(self.location(PERSON))),
                    _ => None,
                };
                self.clause(subject, verb, None, None, place)
            }
            2 => {
                let (verbs, direction) = if self.chance(70) {
                    (MOTION, Direction::To)
                } else {
                    (DEPARTURE, Direction::From)
                };
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
                let place = Adjunct::Place(self.location(PERSON));
                self.clause(subject, verb, None, None, Some(place))
            }
        }
    }

    /// Tense, negation, adverb and adjuncts around a verb.
    pub(super) fn clause(
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
        let mut predicate = Predicate::new(
            tense,
            Core::Verb {
                verb,
                object,
                recipient,
            },
        );
        predicate.polarity = self.polarity(tense, verb.stative);
        // "not several", "not every": nobody agrees on what they mean.
        if let Core::Verb {
            object: Some(Nominal::Phrase(phrase)),
            ..
        } = &predicate.core
            && !matches!(
                phrase.determiner,
                Determiner::The | Determiner::A | Determiner::Partitive
            )
            && !matches!(
                phrase.determiner,
                Determiner::This | Determiner::Mine(_) | Determiner::Owner(_)
            )
        {
            predicate.polarity = Polarity::Yes;
        }
        let often = matches!(tense, Tense::Present | Tense::Past) && predicate.polarity == Polarity::Yes;
        // "the women who ate often sing" would leave open what happens often.
        let bare = !matches!(&subject, Nominal::Phrase(phrase) if phrase.modifier.is_some());
        let frequent = often && bare && self.chance(12);
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
        if durable && !frequent && self.chance(if verb.stative { 8 } else { 42 }) {
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

    pub(super) fn passive(&mut self, patient: Nominal, verb: &'static Verb, agent: Nominal) -> Clause {
        let tense = [Tense::Past, Tense::Future][self.weighted(&[70, 30])];
        let agent = self.chance(65).then_some(agent);
        let mut predicate = Predicate::new(tense, Core::Passive(verb, agent));
        if self.chance(40) {
            predicate.adjuncts.push(Adjunct::Time(self.time(tense)));
        }
        Clause::new(patient, predicate)
    }

    /// A clause without times, of a verb that has progressives.
    pub(super) fn ongoing(&mut self) -> Clause {
        loop {
            let mut clause = self.plain_clause(Detail::Full);
            if !progresses(&clause.predicate.core) {
                continue;
            }
            clause.front = None;
            clause.predicate.polarity = Polarity::Yes;
            clause.predicate.adverb = None;
            clause
                .predicate
                .adjuncts
                .retain(|adjunct| !matches!(adjunct, Adjunct::Time(_)));
            return clause;
        }
    }

    /// Wanting to do something, thinking that something is so.
    pub(super) fn embedded(&mut self) -> Clause {
        let subject = self.subject(PERSON, Detail::Full);
        if self.chance(45) {
            let verb = self.pick(CLAUSAL);
            let (tense, mut inner) = match self.chance(75) {
                true => (Tense::Present, self.plain_clause(Detail::Full)),
                false => {
                    let mut inner = self.ongoing();
                    inner.predicate.tense = Tense::PastProgressive;
                    (Tense::Past, inner)
                }
            };
            inner.front = None;
            return Clause::new(subject, Predicate::new(tense, Core::That(verb, Box::new(inner))));
        }
        let verb = self.pick(CONTROL);
        let mut inner = self.plain_clause(Detail::Full);
        while !progresses(&inner.predicate.core) {
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
        let places = inner
            .predicate
            .adjuncts
            .into_iter()
            .filter(|adjunct| !matches!(adjunct, Adjunct::Time(_)));
        predicate.adjuncts.extend(places);
        Clause::new(subject, predicate)
    }

    pub(super) fn weather(&mut self, tense: Tense) -> Clause {
        let core = Core::Verb {
            verb: self.pick(WEATHER),
            object: None,
            recipient: None,
        };
        Clause::new(Nominal::Pronoun(Pronoun::WEATHER), Predicate::new(tense, core))
    }
}

/// Whether it can be said to be going on: no state, no passive.
fn progresses(core: &Core) -> bool {
    matches!(core, Core::Verb { verb, .. } if fits(verb, Tense::Progressive))
}

/// Replaces me, us and you by him.
fn keep_third(core: &mut Core) {
    let Core::Verb { object, recipient, .. } = core else {
        return;
    };
    for place in [object, recipient] {
        if let Some(Nominal::Pronoun(pronoun)) = place
            && pronoun.agreement.person != Person::Third
        {
            *pronoun = Pronoun::HIM;
        }
    }
}
