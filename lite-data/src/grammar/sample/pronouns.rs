//! Drawing sentences in which a pronoun takes up something said before.

use super::predicates::fits;
use super::sentences::{BECAUSE, BUT, WHEN};
use super::{Detail, Sampler};
use crate::grammar::lexicon::names::NAMES;
use crate::grammar::lexicon::verbs::{DITRANSITIVE, TRANSITIVE};
use crate::grammar::lexicon::*;
use crate::grammar::tree::*;

impl Sampler {
    /// "it", "them", "she" with an antecedent in the sentence.
    pub(super) fn with_pronoun(&mut self) -> Sentence {
        let subject = self.somebody(Detail::Full);
        let first = self.pick_where(TRANSITIVE, |verb| {
            verb.link == Link::Direct && verb.object & !PERSON != 0
        });
        let first = first.unwrap_or(&TRANSITIVE[0]);
        let object = self.antecedent(first.object & !PERSON);
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
        let one = Predicate::new(
            tense,
            Core::Verb {
                verb: first,
                object: Some(object.clone()),
                recipient: None,
            },
        );
        let continues = |verb: &Verb| {
            verb.link == Link::Direct
                && verb.object & kind != 0
                && !verb.stative
                && fits(verb, tense)
                && *verb != *first
        };
        let second = self.pick_where(TRANSITIVE, continues).unwrap_or(&TRANSITIVE[1]);
        match self.weighted(&[22, 19, 12, 16, 18, 13]) {
            5 => self.with_people(subject),
            0 => {
                let mut clause = Clause::new(subject, one);
                let core = Core::Verb {
                    verb: second,
                    object: Some(it),
                    recipient: None,
                };
                clause.second = Some(Predicate::new(progressive_free(tense), core));
                clause.predicate.tense = progressive_free(tense);
                let read =
                    matches!(&clause.predicate.core, Core::Verb { verb, .. } if !fits(verb, clause.predicate.tense));
                if read {
                    self.with_pronoun()
                } else {
                    Sentence::Statement(clause)
                }
            }
            1 => {
                let mut but = Predicate::new(
                    tense,
                    Core::Verb {
                        verb: second,
                        object: Some(it),
                        recipient: None,
                    },
                );
                but.polarity = [Polarity::Yes, Polarity::Not][self.below(2)];
                Sentence::Joined(Clause::new(subject, one), BUT, Clause::new(they, but), true)
            }
            2 => {
                let core = Core::Verb {
                    verb: second,
                    object: Some(it),
                    recipient: None,
                };
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
                let core = Core::Verb {
                    verb: gives,
                    object: Some(it),
                    recipient: Some(recipient),
                };
                let mut clause = Clause::new(subject, one);
                clause.predicate.tense = tense;
                clause.second = Some(Predicate::new(tense, core));
                Sentence::Statement(clause)
            }
            _ => {
                if subject.agreement().plural && object.agreement().plural {
                    // "because they were new": who?
                    return self.with_pronoun();
                }
                let about_subject = self.chance(40);
                let (pronoun, noun_of) = if about_subject { (they, &subject) } else { (it, &object) };
                let noun = match noun_of {
                    Nominal::Phrase(phrase) => phrase.noun,
                    _ => &nouns::NOUNS[0],
                };
                let Some(adjective) = self.adjective(noun, |_| true) else {
                    return self.with_pronoun();
                };
                let past = matches!(tense, Tense::Past | Tense::PastProgressive);
                let be = Predicate::new(
                    if past { Tense::Past } else { Tense::Present },
                    Core::Be(Attribute::Adjective(adjective, None)),
                );
                Sentence::Joined(Clause::new(subject, one), BECAUSE, Clause::new(pronoun, be), false)
            }
        }
    }

    /// Something that "it" or "them" can take up.
    pub(super) fn antecedent(&mut self, kind: Kind) -> Nominal {
        let mut phrase = self.noun_phrase(kind, Detail::Full);
        if phrase.determiner == Determiner::Every {
            phrase.determiner = Determiner::This;
        }
        Nominal::Phrase(Box::new(phrase))
    }

    /// "We met the boys and talked to them": le, la, les against lui, leur.
    pub(super) fn with_people(&mut self, subject: Nominal) -> Sentence {
        let object = self.antecedent(PERSON);
        let them = Nominal::Pronoun(pronoun_for(&object));
        let tense = [Tense::Past, Tense::Present, Tense::Future][self.weighted(&[60, 20, 20])];
        let people = |verb: &Verb| verb.object & PERSON != 0 && verb.link != Link::Of && !verb.stative;
        let first = self.pick_where(TRANSITIVE, people).unwrap_or(&TRANSITIVE[0]);
        let second = self
            .pick_where(TRANSITIVE, |verb| people(verb) && *verb != *first)
            .unwrap_or(&TRANSITIVE[1]);
        let predicate = |verb, object| {
            Predicate::new(
                tense,
                Core::Verb {
                    verb,
                    object: Some(object),
                    recipient: None,
                },
            )
        };
        let mut clause = Clause::new(subject, predicate(first, object));
        let mut then = predicate(second, them);
        if self.chance(25) {
            then.polarity = Polarity::Not;
        }
        clause.second = Some(then);
        Sentence::Statement(clause)
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
    Pronoun {
        agreement: antecedent.agreement(),
        thing,
    }
}
