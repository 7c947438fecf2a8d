//! What a sentence says, before either language: the tree both realisations read.

mod adjuncts;
mod agreement;

pub use adjuncts::{Direction, Place, Time};
pub use agreement::{Agreement, Person, Pronoun};

use super::lexicon::names::{Name, Profession};
use super::lexicon::{Adjective, Noun, Verb};

/// A word in both languages that needs no inflection.
pub type Pair = &'static (&'static str, &'static str);

/// Whatever fills the place of a subject or an object.
#[derive(Debug, Clone, PartialEq)]
pub enum Nominal {
    /// he, it, them.
    Pronoun(Pronoun),
    /// Marie.
    Name(&'static Name),
    /// the old cat.
    Phrase(Box<NounPhrase>),
    /// the cat and the dog.
    And(Box<Nominal>, Box<Nominal>),
}

/// Determiner, adjectives, noun and what follows.
#[derive(Debug, Clone, PartialEq)]
pub struct NounPhrase {
    /// the, a, my ...
    pub determiner: Determiner,
    /// The head.
    pub noun: &'static Noun,
    /// Number.
    pub plural: bool,
    /// Adjective that French puts before the noun.
    pub before: Option<&'static Adjective>,
    /// Adjective that French puts after the noun.
    pub after: Option<&'static Adjective>,
    /// "the oldest"; replaces the two above.
    pub superlative: Option<&'static Adjective>,
    /// What follows the noun.
    pub modifier: Option<Modifier>,
}

/// What opens a noun phrase.
#[derive(Debug, Clone, PartialEq)]
pub enum Determiner {
    /// the: le, la, les.
    The,
    /// a: un, une.
    A,
    /// some: des, du, de la.
    Partitive,
    /// this, these: ce, cette, ces.
    This,
    /// my, his: agrees with what is owned.
    Mine(Pronoun),
    /// three: trois.
    Number(u32),
    /// the three: les trois.
    TheNumber(u32),
    /// many: beaucoup de.
    Many,
    /// several: plusieurs.
    Several,
    /// a few: quelques.
    Few,
    /// every: chaque.
    Every,
    /// all the: tous les, toutes les.
    All,
    /// After "whose": nothing in English, le in French.
    Bare,
    /// the teacher's: le ... du professeur.
    Owner(Nominal),
}

/// What follows a noun.
#[derive(Debug, Clone, PartialEq)]
pub enum Modifier {
    /// of the house.
    Of(Nominal),
    /// After a superlative: in the city, French "de".
    Within(Nominal),
    /// under the table.
    Place(Place),
    /// who, that, whose.
    Relative(Relative),
}

/// A relative clause.
#[derive(Debug, Clone, PartialEq)]
pub enum Relative {
    /// who sleeps: qui dort.
    Subject(Box<Predicate>),
    /// that the teacher sees: que le professeur voit.
    Object(Box<Clause>),
    /// whose car is red: dont la voiture est rouge.
    Whose(Box<Clause>),
    /// where we live: où nous habitons.
    Where(Box<Clause>),
}

/// English tense; each has one French tense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tense {
    /// sleeps: dort.
    Present,
    /// is sleeping: dort.
    Progressive,
    /// slept: a dormi; for states the imparfait.
    Past,
    /// was sleeping: dormait.
    PastProgressive,
    /// used to sleep: dormait.
    UsedTo,
    /// will sleep: dormira.
    Future,
    /// is going to sleep: va dormir.
    GoingTo,
    /// sleeps after "when", of what is to come: dormira.
    PresentForFuture,
    /// sleep: dormir.
    Infinitive,
}

/// Affirmed or denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polarity {
    /// Affirmed.
    Yes,
    /// not: ne ... pas.
    Not,
    /// never: ne ... jamais.
    Never,
    /// no longer: ne ... plus.
    NoLonger,
}

/// A verb phrase.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicate {
    /// Tense.
    pub tense: Tense,
    /// Negation.
    pub polarity: Polarity,
    /// often: souvent.
    pub adverb: Option<Pair>,
    /// Verb and complements.
    pub core: Core,
    /// Place, time, manner, in this order.
    pub adjuncts: Vec<Adjunct>,
}

/// A verb and its complements.
#[derive(Debug, Clone, PartialEq)]
pub enum Core {
    /// A verb with or without objects; pronouns become clitics.
    Verb {
        /// The verb.
        verb: &'static Verb,
        /// What.
        object: Option<Nominal>,
        /// To whom.
        recipient: Option<Nominal>,
    },
    /// wants to sleep.
    Control(&'static Verb, Box<Core>),
    /// thinks that it rains.
    That(&'static Verb, Box<Clause>),
    /// is old, is a lawyer, is in the garden.
    Be(Attribute),
    /// was built by the workers.
    Passive(&'static Verb, Option<Nominal>),
    /// costs 3.50 euros; the price in cents.
    Cost(u32),
}

/// What "be" says of its subject.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// very old.
    Adjective(&'static Adjective, Option<Pair>),
    /// older than Marie.
    Comparison(Degree, &'static Adjective, Nominal),
    /// a lawyer: avocate, without article.
    Profession(&'static Profession),
    /// in the garden.
    Place(Place),
    /// twenty years old: a vingt ans.
    Age(u32),
}

/// How two things compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Degree {
    /// more than: plus que.
    More,
    /// less than: moins que.
    Less,
    /// as much as: aussi que.
    As,
}

/// What may follow the objects.
#[derive(Debug, Clone, PartialEq)]
pub enum Adjunct {
    /// Where.
    Place(Place),
    /// When.
    Time(Time),
    /// How.
    Manner(Pair),
    /// with somebody: avec.
    With(Nominal),
    /// for somebody: pour.
    For(Nominal),
}

/// Subject and predicates.
#[derive(Debug, Clone, PartialEq)]
pub struct Clause {
    /// Before the subject, with a comma.
    pub front: Option<Time>,
    /// Who.
    pub subject: Nominal,
    /// Does what.
    pub predicate: Predicate,
    /// And does what else, with the same subject.
    pub second: Option<Predicate>,
}

/// Words that join clauses: English, French.
pub type Join = Pair;

/// Something asked about.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// Does he sleep? Est-ce qu'il dort ?
    Whether,
    /// Where, when, why: before est-ce que.
    Word(Pair),
    /// What does he buy? Qu'est-ce qu'il achète ?
    What,
}

/// A whole sentence.
#[derive(Debug, Clone, PartialEq)]
pub enum Sentence {
    /// One clause.
    Statement(Clause),
    /// Two clauses; the flag puts a comma between them.
    Joined(Clause, Join, Clause, bool),
    /// When it rains, he stays.
    Fronted(Join, Clause, Clause),
    /// A question with auxiliary.
    Question(Question, Clause),
    /// Who sleeps? Qui dort ?
    Who(Predicate),
    /// How much does the car cost? Combien coûte la voiture ?
    HowMuch(Nominal),
    /// There is a cat in the garden.
    There(Tense, Nominal, Place),
    /// Close the door! The flag says please.
    Imperative(Polarity, Core, bool),
}

impl Nominal {
    /// What agrees with it.
    pub fn agreement(&self) -> Agreement {
        match self {
            Nominal::Pronoun(pronoun) => pronoun.agreement,
            Nominal::Name(name) => Agreement::third(name.feminine, false),
            Nominal::Phrase(phrase) => Agreement::third(phrase.noun.feminine, phrase.plural),
            // One masculine is enough for a masculine plural.
            Nominal::And(a, b) => Agreement::third(a.agreement().feminine && b.agreement().feminine, true),
        }
    }
}

impl Predicate {
    /// A plain predicate.
    pub fn new(tense: Tense, core: Core) -> Self {
        Predicate {
            tense,
            polarity: Polarity::Yes,
            adverb: None,
            core,
            adjuncts: Vec::new(),
        }
    }
}

impl Clause {
    /// A plain clause.
    pub fn new(subject: Nominal, predicate: Predicate) -> Self {
        Clause {
            front: None,
            subject,
            predicate,
            second: None,
        }
    }
}
