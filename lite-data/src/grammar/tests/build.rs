//! Short ways to write trees.

use crate::grammar::lexicon::adjectives::ADJECTIVES;
use crate::grammar::lexicon::names::NAMES;
use crate::grammar::lexicon::nouns::NOUNS;
use crate::grammar::lexicon::times::{self, WHERE};
use crate::grammar::lexicon::verbs::*;
use crate::grammar::lexicon::{Adjective, Noun, Verb};
use crate::grammar::tree::Determiner::*;
use crate::grammar::tree::*;
use crate::grammar::{english, french};

pub fn entry<T>(table: &'static [T], found: impl Fn(&T) -> bool) -> &'static T {
    table.iter().find(|entry| found(entry)).expect("a word of the lexicon")
}

pub fn noun(word: &str) -> &'static Noun {
    entry(NOUNS, |noun| noun.english == word)
}

pub fn adjective(word: &str) -> &'static Adjective {
    entry(ADJECTIVES, |adjective| adjective.english == word)
}

pub fn verb(table: &'static [Verb], word: &str) -> &'static Verb {
    entry(table, |verb| verb.english == word)
}

/// A noun phrase from words: "old cat red" puts adjectives where they belong; a final "s" on "+s" makes a plural.
pub fn np(determiner: Determiner, text: &str) -> NounPhrase {
    let (text, plural) = text.strip_suffix("+s").map_or((text, false), |text| (text, true));
    let mut words: Vec<&str> = text.split(' ').collect();
    let head = noun(words.pop().unwrap());
    let mut phrase = NounPhrase {
        determiner,
        noun: head,
        plural,
        before: None,
        after: None,
        superlative: None,
        modifier: None,
    };
    for word in words.into_iter().map(adjective) {
        let slot = if word.precedes {
            &mut phrase.before
        } else {
            &mut phrase.after
        };
        *slot = Some(word);
    }
    phrase
}

impl NounPhrase {
    pub fn with(mut self, modifier: Modifier) -> Self {
        self.modifier = Some(modifier);
        self
    }
}

impl From<NounPhrase> for Nominal {
    fn from(phrase: NounPhrase) -> Self {
        Nominal::Phrase(Box::new(phrase))
    }
}

impl From<Pronoun> for Nominal {
    fn from(pronoun: Pronoun) -> Self {
        Nominal::Pronoun(pronoun)
    }
}

pub fn name(word: &str) -> Nominal {
    Nominal::Name(entry(NAMES, |name| name.english == word))
}

pub fn them(feminine: bool) -> Nominal {
    Nominal::Pronoun(Pronoun {
        agreement: Agreement::third(feminine, true),
        thing: true,
    })
}

pub fn it(feminine: bool) -> Nominal {
    Nominal::Pronoun(Pronoun {
        agreement: Agreement::third(feminine, false),
        thing: true,
    })
}

pub fn does(word: &str) -> Core {
    Core::Verb {
        verb: verb(INTRANSITIVE, word),
        object: None,
        recipient: None,
    }
}

pub fn acts(word: &str, object: impl Into<Nominal>) -> Core {
    Core::Verb {
        verb: verb(TRANSITIVE, word),
        object: Some(object.into()),
        recipient: None,
    }
}

pub fn gives(word: &str, object: impl Into<Nominal>, to: impl Into<Nominal>) -> Core {
    Core::Verb {
        verb: verb(DITRANSITIVE, word),
        object: Some(object.into()),
        recipient: Some(to.into()),
    }
}

pub fn is(word: &str) -> Core {
    Core::Be(Attribute::Adjective(adjective(word), None))
}

pub fn clause(subject: impl Into<Nominal>, tense: Tense, core: Core) -> Clause {
    Clause::new(subject.into(), Predicate::new(tense, core))
}

impl Clause {
    pub fn not(mut self, polarity: Polarity) -> Self {
        self.predicate.polarity = polarity;
        self
    }

    pub fn at(mut self, adjunct: Adjunct) -> Self {
        self.predicate.adjuncts.push(adjunct);
        self
    }

    pub fn often(mut self) -> Self {
        self.predicate.adverb = Some(&times::FREQUENCIES[0]);
        self
    }

    pub fn first(mut self, time: Time) -> Self {
        self.front = Some(time);
        self
    }

    pub fn and(mut self, tense: Tense, core: Core) -> Self {
        self.second = Some(Predicate::new(tense, core));
        self
    }
}

pub fn that(subject: impl Into<Nominal>, tense: Tense, word: &str) -> Modifier {
    let core = Core::Verb {
        verb: verb(TRANSITIVE, word),
        object: None,
        recipient: None,
    };
    Modifier::Relative(Relative::Object(Box::new(clause(subject, tense, core))))
}

pub fn who(tense: Tense, core: Core) -> Modifier {
    Modifier::Relative(Relative::Subject(Box::new(Predicate::new(tense, core))))
}

pub fn near(preposition: &str, what: NounPhrase) -> Place {
    Place::At(entry(WHERE, |found| found.english == preposition), what.into())
}

#[track_caller]
pub fn check(tree: impl Into<Sentence>, source: &str, target: &str) {
    let tree = tree.into();
    assert_eq!(english::sentence(&tree), source);
    assert_eq!(french::sentence(&tree), target);
}

impl From<Clause> for Sentence {
    fn from(clause: Clause) -> Self {
        Sentence::Statement(clause)
    }
}

pub fn man() -> NounPhrase {
    np(The, "man")
}
