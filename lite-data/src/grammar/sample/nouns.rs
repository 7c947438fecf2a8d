//! Drawing noun phrases.

use super::{Detail, Sampler};
use crate::grammar::lexicon::adjectives::{ADJECTIVES, DEGREES};
use crate::grammar::lexicon::names::NAMES;
use crate::grammar::lexicon::nouns::NOUNS;
use crate::grammar::lexicon::verbs::{STAY, TRANSITIVE};
use crate::grammar::lexicon::*;
use crate::grammar::tree::*;

impl Sampler {
    /// A noun phrase of some kind.
    pub(super) fn phrase(&mut self, kind: Kind, detail: Detail) -> Nominal {
        Nominal::Phrase(Box::new(self.noun_phrase(kind, detail)))
    }

    /// A noun phrase of some kind.
    pub(super) fn noun_phrase(&mut self, kind: Kind, detail: Detail) -> NounPhrase {
        let noun = self.noun(kind);
        self.phrase_of(noun, detail)
    }

    pub(super) fn noun(&mut self, kind: Kind) -> &'static Noun {
        self.pick_where(NOUNS, |noun| noun.kind & kind != 0)
            .unwrap_or(&NOUNS[0])
    }

    pub(super) fn phrase_of(&mut self, noun: &'static Noun, detail: Detail) -> NounPhrase {
        let (determiner, plural) = self.determiner(noun, detail);
        let mut phrase = NounPhrase {
            determiner,
            noun,
            plural,
            before: None,
            after: None,
            superlative: None,
            modifier: None,
        };
        let likely = if detail == Detail::Plain { 32 } else { 48 };
        if self.chance(likely) {
            let first = self.adjective(noun, |_| true);
            let second = self.chance(15).then(|| self.adjective(noun, |_| true)).flatten();
            for adjective in [first, second].into_iter().flatten() {
                let slot = if adjective.precedes {
                    &mut phrase.before
                } else {
                    &mut phrase.after
                };
                *slot = Some(adjective);
            }
        }
        let likely = if detail == Detail::Rich { 42 } else { 0 };
        if self.chance(likely) {
            self.modify(&mut phrase);
        }
        phrase
    }

    /// An adjective that can be said of a noun.
    pub(super) fn adjective(&mut self, noun: &Noun, fits: impl Fn(&Adjective) -> bool) -> Option<&'static Adjective> {
        self.pick_where(ADJECTIVES, |adjective| {
            adjective.kind & noun.kind != 0 && fits(adjective)
        })
    }

    pub(super) fn determiner(&mut self, noun: &'static Noun, detail: Detail) -> (Determiner, bool) {
        use Determiner::*;
        let is = |kind: Kind| noun.kind & kind != 0;
        if is(MASS) {
            return ([The, Partitive, This][self.weighted(&[45, 45, 10])].clone(), false);
        }
        let plural = self.chance(38) && !matches!(noun.english, "mother" | "father");
        let owned = if is(RELATIVE) {
            250
        } else if is(AREA | PLANT | VEHICLE | PART) {
            2
        } else {
            10
        };
        let full = if detail == Detail::Plain { 0 } else { 1 };
        let number = if self.chance(88) {
            2 + self.below(9)
        } else {
            11 + self.below(89)
        } as u32;
        match self.weighted(&[45, 18, 9, owned, 7 * full, 2 * full, 7 * full, 6 * full, owned / 2]) {
            0 => (The, plural),
            1 if plural => (Partitive, true),
            1 => (A, false),
            2 => (This, plural),
            3 => {
                let owners = [
                    Pronoun::I,
                    Pronoun::WE,
                    Pronoun::YOU,
                    Pronoun::HE,
                    Pronoun::SHE,
                    Pronoun::THEY,
                ];
                (Mine(owners[self.below(6)]), plural)
            }
            4 => (Number(number), true),
            5 => (TheNumber(number.min(10)), true),
            6 => ([Many, Several, Few][self.below(3)].clone(), true),
            7 if plural || self.chance(50) => (All, true),
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
    pub(super) fn modify(&mut self, phrase: &mut NounPhrase) {
        let is = |kind: Kind| phrase.noun.kind & kind != 0;
        if is(PART) {
            phrase.modifier = Some(Modifier::Of(self.phrase(BUILDING, Detail::Plain)));
            return;
        }
        let object = self.pick_where(TRANSITIVE, |verb| verb.object & phrase.noun.kind != 0);
        let here = if is(THING | TEXT | ANIMAL | SURFACE) { 15 } else { 0 };
        let weights = [
            if is(ANIMATE) { 35 } else { 0 },
            45,
            if is(PERSON) { 9 } else { 0 },
            if is(PLACE) { 30 } else { 0 },
            here,
        ];
        let modifier = match self.weighted(&weights) {
            0 => Modifier::Relative(Relative::Subject(Box::new(self.attributive(phrase)))),
            2 => Modifier::Relative(Relative::Whose(Box::new(self.possessed()))),
            3 => {
                let verb = self.pick(STAY);
                let tense = self.tense_for(verb);
                let core = Core::Verb {
                    verb,
                    object: None,
                    recipient: None,
                };
                let inner = Clause::new(self.subject(PERSON, Detail::Plain), Predicate::new(tense, core));
                Modifier::Relative(Relative::Where(Box::new(inner)))
            }
            4 => Modifier::Place(self.location(phrase.noun.kind)),
            _ => {
                let Some(verb) = object else { return };
                Modifier::Relative(Relative::Object(Box::new(self.without_object(verb))))
            }
        };
        let relative = matches!(modifier, Modifier::Relative(_));
        if relative && matches!(phrase.determiner, Determiner::Mine(_) | Determiner::Owner(_)) {
            phrase.determiner = Determiner::The;
        }
        phrase.modifier = Some(modifier);
    }

    /// A clause that lacks its direct object.
    pub(super) fn without_object(&mut self, verb: &'static Verb) -> Clause {
        let subject = self.subject(verb.subject, Detail::Plain);
        let tense = self.tense_for(verb);
        Clause::new(
            subject,
            Predicate::new(
                tense,
                Core::Verb {
                    verb,
                    object: None,
                    recipient: None,
                },
            ),
        )
    }

    /// What a relative clause says of its head.
    pub(super) fn attributive(&mut self, head: &NounPhrase) -> Predicate {
        let kind = head.noun.kind;
        match self.weighted(&[35, 35, 30]) {
            0 => {
                let adjective = self.adjective(head.noun, |adjective| adjective.comparison != Comparison::None);
                let Some(adjective) = adjective else {
                    return self.action(kind);
                };
                let tense = if self.chance(70) { Tense::Present } else { Tense::Past };
                let degree = self.chance(50).then(|| self.pick(DEGREES));
                Predicate::new(tense, Core::Be(Attribute::Adjective(adjective, degree)))
            }
            1 => self.action(kind),
            _ => {
                let Some(verb) = self.pick_where(TRANSITIVE, |verb| verb.subject & kind != 0) else {
                    return self.action(kind);
                };
                let object = self.full_object(verb, Detail::Plain);
                let tense = self.tense_for(verb);
                Predicate::new(
                    tense,
                    Core::Verb {
                        verb,
                        object: Some(object),
                        recipient: None,
                    },
                )
            }
        }
    }

    /// "whose car is red".
    pub(super) fn possessed(&mut self) -> Clause {
        let mut phrase = self.noun_phrase(THING | VEHICLE | RELATIVE | ANIMAL, Detail::Plain);
        phrase.determiner = Determiner::Bare;
        let adjective = self.adjective(phrase.noun, |_| true);
        (phrase.before, phrase.after) = (None, None);
        let tense = if self.chance(75) { Tense::Present } else { Tense::Past };
        let core = Core::Be(Attribute::Adjective(adjective.unwrap_or(&ADJECTIVES[1]), None));
        Clause::new(Nominal::Phrase(Box::new(phrase)), Predicate::new(tense, core))
    }

    /// A phrase with "the", "this" or an owner: what prepositions like.
    pub(super) fn definite(&mut self, kind: Kind) -> Nominal {
        let mut phrase = self.noun_phrase(kind, Detail::Plain);
        if matches!(phrase.determiner, Determiner::Partitive | Determiner::A) {
            phrase.determiner = Determiner::The;
        }
        Nominal::Phrase(Box::new(phrase))
    }

    pub(super) fn definite_singular(&mut self, kind: Kind) -> Nominal {
        let mut phrase = self.noun_phrase(kind, Detail::Plain);
        (phrase.before, phrase.after, phrase.determiner, phrase.plural) = (None, None, Determiner::The, false);
        Nominal::Phrase(Box::new(phrase))
    }
}
