//! Drawing whole sentences, one function a pattern.

use super::predicates::fits;
use super::{Detail, Sampler};
use crate::grammar::lexicon::verbs::*;
use crate::grammar::lexicon::*;
use crate::grammar::tree::*;

pub(super) const AND: Join = &("and", "et");
pub(super) const BUT: Join = &("but", "mais");
pub(super) const BECAUSE: Join = &("because", "parce que");
pub(super) const WHEN: Join = &("when", "quand");
pub(super) const WHILE: Join = &("while", "pendant que");
pub(super) const IF: Join = &("if", "si");

impl Sampler {
    /// A sentence of any pattern.
    pub fn sentence(&mut self) -> Sentence {
        match self.weighted(&[28, 16, 12, 7, 7, 6, 9, 2, 2, 3, 18]) {
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

    /// "The old cats that the teacher sees sleep": agreement at a distance.
    pub(super) fn long_subject(&mut self) -> Sentence {
        let mut clause = self.plain_clause(Detail::Full);
        for _ in 0..8 {
            let Nominal::Phrase(phrase) = &clause.subject else {
                clause = self.plain_clause(Detail::Full);
                continue;
            };
            let mut phrase = phrase.clone();
            self.modify(&mut phrase);
            clause.subject = Nominal::Phrase(phrase);
            clause.predicate.adverb = None;
            break;
        }
        clause.front = None;
        Sentence::Statement(clause)
    }

    pub(super) fn copula(&mut self) -> Sentence {
        let kinds = [PERSON, ANIMAL, OBJECT, PLACE, VEHICLE, ABSTRACT, FOOD | DRINK];
        let kind = kinds[self.weighted(&[40, 10, 15, 10, 8, 10, 7])];
        let mut subject = match kind {
            PERSON => self.subject(PERSON, Detail::Rich),
            kind => self.phrase(kind, Detail::Rich),
        };
        if let Nominal::Phrase(phrase) = &mut subject {
            (phrase.before, phrase.after) = (None, None);
        }
        let superlative =
            matches!(&subject, Nominal::Phrase(phrase) if phrase.noun.kind & (PERSON | PLACE | VEHICLE) != 0);
        if superlative && self.chance(25) {
            return self.superlative(kind);
        }
        let tense = [Tense::Present, Tense::Past, Tense::Future][self.weighted(&[60, 30, 10])];
        let mut predicate = Predicate::new(tense, Core::Be(self.attribute(&subject)));
        // "not quite old" and "pas assez vieux" are not the same.
        if !matches!(predicate.core, Core::Be(Attribute::Adjective(_, Some(_)))) {
            predicate.polarity = self.polarity(tense, true);
        }
        Sentence::Statement(Clause::new(subject, predicate))
    }

    /// "The oldest house in the city": French "de la ville".
    pub(super) fn superlative(&mut self, kind: Kind) -> Sentence {
        let mut phrase = self.noun_phrase(kind, Detail::Plain);
        let adjective = self.adjective(phrase.noun, |adjective| adjective.comparison != Comparison::None);
        phrase.superlative = adjective;
        (phrase.before, phrase.after, phrase.determiner) = (None, None, Determiner::The);
        phrase.modifier = Some(Modifier::Within(self.definite_singular(INSIDE)));
        let phrase = Nominal::Phrase(Box::new(phrase));
        if self.chance(50) {
            let predicate = Predicate::new(Tense::Present, Core::Be(self.attribute(&phrase)));
            return Sentence::Statement(Clause::new(phrase, predicate));
        }
        let fitting = |verb: &Verb| verb.object & kind != 0 && verb.link == Link::Direct;
        let verb = self.pick_where(TRANSITIVE, fitting).unwrap_or(&TRANSITIVE[0]);
        let subject = self.subject(PERSON, Detail::Plain);
        let tense = self.tense_for(verb);
        let core = Core::Verb {
            verb,
            object: Some(phrase),
            recipient: None,
        };
        Sentence::Statement(Clause::new(subject, Predicate::new(tense, core)))
    }

    /// Two clauses with subjects of their own.
    pub(super) fn joined(&mut self) -> Sentence {
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
                let readable =
                    matches!(&interruption.predicate.core, Core::Verb { verb, .. } if fits(verb, Tense::Past));
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

    /// If it rains, when he comes.
    pub(super) fn fronted(&mut self) -> Sentence {
        let (join, tense) = if self.chance(50) {
            (IF, Tense::Present)
        } else {
            (WHEN, Tense::PresentForFuture)
        };
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

    pub(super) fn question(&mut self) -> Sentence {
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
                let stays = matches!(&asked.predicate.core, Core::Verb { verb, .. }
                    if verb.stative || MOTION.contains(verb) || DEPARTURE.contains(verb) || STAY.contains(verb));
                let word = if stays { words[2] } else { words[self.below(5)] };
                if word.0 != "why" {
                    asked
                        .predicate
                        .adjuncts
                        .retain(|adjunct| matches!(adjunct, Adjunct::With(_)));
                }
                Sentence::Question(Question::Word(word), asked)
            }
            2 => {
                let verb = self.pick_where(TRANSITIVE, |verb| {
                    verb.link == Link::Direct && verb.object & PERSON == 0
                });
                let verb = verb.unwrap_or(&TRANSITIVE[0]);
                let tense = match self.tense_for(verb) {
                    Tense::UsedTo => Tense::Past,
                    tense => tense,
                };
                let subject = self.subject(PERSON, Detail::Full);
                let core = Core::Verb {
                    verb,
                    object: None,
                    recipient: None,
                };
                let mut predicate = Predicate::new(tense, core);
                if self.chance(40) {
                    predicate.adjuncts.push(Adjunct::Place(self.location(PERSON)));
                }
                Sentence::Question(Question::What, Clause::new(subject, predicate))
            }
            _ => {
                let he = Nominal::Pronoun(Pronoun::HE);
                let mut clause = self.ongoing();
                let verb_takes_people =
                    matches!(&clause.predicate.core, Core::Verb { verb, .. } if verb.subject & PERSON != 0);
                if !verb_takes_people {
                    clause.predicate.core = Core::Verb {
                        verb: &INTRANSITIVE[0],
                        object: None,
                        recipient: None,
                    };
                }
                clause.subject = he;
                Sentence::Who(clause.predicate)
            }
        }
    }

    pub(super) fn there(&mut self) -> Sentence {
        let mut phrase = self.noun_phrase(ANIMATE | OBJECT | VEHICLE, Detail::Full);
        let number = 2 + self.below(11) as u32;
        let quantities = [
            Determiner::Partitive,
            Determiner::Number(number),
            Determiner::Many,
            Determiner::Several,
        ];
        phrase.determiner = if phrase.plural {
            quantities[self.below(4)].clone()
        } else {
            Determiner::A
        };
        let tense = [Tense::Present, Tense::Past, Tense::Future][self.weighted(&[55, 35, 10])];
        let place = self.location(phrase.noun.kind);
        Sentence::There(tense, Nominal::Phrase(Box::new(phrase)), place)
    }

    pub(super) fn imperative(&mut self) -> Sentence {
        let polarity = if self.chance(25) { Polarity::Not } else { Polarity::Yes };
        let please = self.chance(35);
        let core = if self.chance(30) {
            let verb = self.pick(DITRANSITIVE);
            let object = Some(self.definite(verb.object));
            let recipients = [Pronoun::I, Pronoun::WE, Pronoun::HIM, Pronoun::HER];
            let recipient = Some(Nominal::Pronoun(recipients[self.below(4)]));
            Core::Verb {
                verb,
                object,
                recipient,
            }
        } else {
            let accidents = [
                "understand",
                "lose",
                "forget",
                "receive",
                "hear",
                "see",
                "find",
                "meet",
                "break",
                "discover",
            ];
            let ordered = |verb: &Verb| !verb.stative && !accidents.contains(&verb.english);
            let verb = self.pick_where(TRANSITIVE, ordered).unwrap_or(&TRANSITIVE[1]);
            let object = Some(self.definite(verb.object));
            Core::Verb {
                verb,
                object,
                recipient: None,
            }
        };
        Sentence::Imperative(polarity, core, please)
    }

    pub(super) fn price(&mut self) -> Sentence {
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
}
