//! Drawing tenses, negation, places and what is said of a subject.

use super::Sampler;
use crate::grammar::lexicon::adjectives::{ADJECTIVES, DEGREES};
use crate::grammar::lexicon::names::{CITIES, COUNTRIES, NAMES, PROFESSIONS};
use crate::grammar::lexicon::nouns::NOUNS;
use crate::grammar::lexicon::verbs::INTRANSITIVE;
use crate::grammar::lexicon::*;
use crate::grammar::tree::*;

impl Sampler {
    /// Something done without an object.
    pub(super) fn action(&mut self, kind: Kind) -> Predicate {
        let verb = self
            .pick_where(INTRANSITIVE, |verb| verb.subject & kind != 0)
            .unwrap_or(&INTRANSITIVE[0]);
        let tense = self.tense_for(verb);
        Predicate::new(
            tense,
            Core::Verb {
                verb,
                object: None,
                recipient: None,
            },
        )
    }

    /// Negation, rarely.
    pub(super) fn polarity(&mut self, tense: Tense, stative: bool) -> Polarity {
        if matches!(tense, Tense::UsedTo | Tense::Infinitive) || !self.chance(20) {
            return Polarity::Yes;
        }
        let never = matches!(tense, Tense::Present | Tense::Past | Tense::Future);
        let no_longer = matches!(tense, Tense::Present | Tense::Future) || (tense == Tense::Past && stative);
        let polarities = [Polarity::Not, Polarity::Never, Polarity::NoLonger];
        polarities[self.weighted(&[60, if never { 22 } else { 0 }, if no_longer { 18 } else { 0 }])]
    }

    /// A tense in which a verb is at home.
    pub(super) fn tense_for(&mut self, verb: &Verb) -> Tense {
        use Tense::*;
        let tenses = [Present, Progressive, Past, PastProgressive, UsedTo, Future, GoingTo];
        let weights = if verb.stative {
            [54, 0, 30, 0, 6, 10, 0]
        } else {
            [30, 11, 30, 5, 4, 14, 6]
        };
        let tense = tenses[self.weighted(&weights)];
        if fits(verb, tense) { tense } else { Future }
    }

    /// Where something of this kind is: in Paris, in Japan, behind the house.
    pub(super) fn location(&mut self, kind: Kind) -> Place {
        let small = THING | TEXT | PICTURE | CLOTHING | FOOD | INSTRUMENT | ANIMAL;
        let fitting = |preposition: &times::Preposition| kind & small != 0 || preposition.kind & SURFACE == 0;
        match self.weighted(&[14, 10, 60, if kind & ANIMATE != 0 { 16 } else { 0 }]) {
            0 => Place::City(Direction::In, self.pick(CITIES)),
            1 => Place::Country(Direction::In, self.pick(COUNTRIES)),
            3 => Place::At(&times::AT, self.destination()),
            _ => {
                let preposition = self.pick_where(times::WHERE, fitting).unwrap_or(&times::WHERE[0]);
                Place::At(preposition, self.definite(preposition.kind))
            }
        }
    }

    /// To somewhere, or from there.
    pub(super) fn goal(&mut self, direction: Direction) -> Place {
        match self.weighted(&[22, 18, 60]) {
            0 => Place::City(direction, self.pick(CITIES)),
            1 => Place::Country(direction, self.pick(COUNTRIES)),
            _ => {
                let preposition = if direction == Direction::From {
                    &times::FROM
                } else {
                    &times::TO
                };
                Place::At(preposition, self.destination())
            }
        }
    }

    /// One definite place.
    fn destination(&mut self) -> Nominal {
        let Nominal::Phrase(mut place) = self.definite(GOAL) else {
            return self.definite(GOAL);
        };
        place.plural = place.plural && self.chance(15);
        Nominal::Phrase(place)
    }

    /// What "be" can say of a noun.
    pub(super) fn attribute(&mut self, subject: &Nominal) -> Attribute {
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
                    false => self.definite(noun.kind & !(INSIDE | GOAL | OPENABLE)),
                };
                let degree = [Degree::More, Degree::Less, Degree::As][self.weighted(&[60, 15, 25])];
                match self.adjective(noun, compared) {
                    Some(adjective) if than != *subject => Attribute::Comparison(degree, adjective, than),
                    _ => Attribute::Place(self.location(noun.kind)),
                }
            }
            2 => Attribute::Profession(self.pick(PROFESSIONS)),
            3 if noun.kind & (PERSON | ANIMAL | OBJECT | VEHICLE) != 0 => Attribute::Place(self.location(noun.kind)),
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
pub(super) fn fits(verb: &Verb, tense: Tense) -> bool {
    match tense {
        Tense::Past => verb.past != verb.english,
        Tense::Progressive | Tense::PastProgressive => {
            !verb.stative && !["see", "hear", "understand", "forget", "discover"].contains(&verb.english)
        }
        Tense::GoingTo => !verb.stative,
        _ => true,
    }
}
