//! The words: what each one means to the grammar, in tables of plain data.

pub mod adjectives;
pub mod names;
pub mod nouns;
pub mod times;
pub mod verbs;

/// What a noun can be, as bits: a verb or an adjective names the bits it goes with.
pub type Kind = u32;

/// People.
pub const PERSON: Kind = 1;
/// Animals.
pub const ANIMAL: Kind = 1 << 1;
/// Whoever acts.
pub const ANIMATE: Kind = PERSON | ANIMAL;
/// Cars, trains, boats.
pub const VEHICLE: Kind = 1 << 2;
/// Things one can carry or own.
pub const THING: Kind = 1 << 3;
/// Things to sit or put something on.
pub const SURFACE: Kind = 1 << 4;
/// Things one opens and closes.
pub const OPENABLE: Kind = 1 << 5;
/// What one reads.
pub const TEXT: Kind = 1 << 6;
/// What one listens to.
pub const SONG: Kind = 1 << 7;
/// What one looks at.
pub const PICTURE: Kind = 1 << 8;
/// What one wears.
pub const CLOTHING: Kind = 1 << 9;
/// What one eats.
pub const FOOD: Kind = 1 << 10;
/// What one drinks.
pub const DRINK: Kind = 1 << 11;
/// Food and drink that is not counted: "some bread".
pub const MASS: Kind = 1 << 12;
/// Houses, shops, stations.
pub const BUILDING: Kind = 1 << 13;
/// Places outside.
pub const AREA: Kind = 1 << 14;
/// Places one can be "in" (French "dans").
pub const INSIDE: Kind = 1 << 15;
/// Places one goes "to" (French "à").
pub const GOAL: Kind = 1 << 16;
/// Problems, ideas, lessons.
pub const ABSTRACT: Kind = 1 << 17;
/// Parts of a building: door, roof.
pub const PART: Kind = 1 << 18;
/// What music is played on.
pub const INSTRUMENT: Kind = 1 << 19;
/// Trees and flowers.
pub const PLANT: Kind = 1 << 20;
/// Family: somebody's.
pub const RELATIVE: Kind = 1 << 21;

/// What can be bought, held, lost.
pub const OBJECT: Kind = THING | SURFACE | CLOTHING | TEXT | PICTURE | INSTRUMENT;
/// Anywhere.
pub const PLACE: Kind = BUILDING | AREA;
/// What can be seen.
pub const VISIBLE: Kind = OBJECT | VEHICLE | PLACE | PART | PLANT | ANIMATE;

/// A noun in both languages; plurals follow rules (`english_forms`, `french_forms`).
#[derive(Debug, PartialEq, Eq)]
pub struct Noun {
    /// English singular.
    pub english: &'static str,
    /// French singular.
    pub french: &'static str,
    /// French gender.
    pub feminine: bool,
    /// What it can be.
    pub kind: Kind,
}

/// How English compares an adjective.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Comparison {
    /// big, bigger, biggest.
    Ending(&'static str, &'static str),
    /// more modern, most modern.
    More,
    /// red: not compared here.
    None,
}

/// An adjective in both languages.
#[derive(Debug, PartialEq, Eq)]
pub struct Adjective {
    /// English form.
    pub english: &'static str,
    /// French masculine singular.
    pub masculine: &'static str,
    /// French feminine singular.
    pub feminine: &'static str,
    /// Masculine singular before a vowel, where it differs: bel, nouvel, vieil.
    pub before_vowel: Option<&'static str>,
    /// Stands before the noun in French.
    pub precedes: bool,
    /// What it is said of.
    pub kind: Kind,
    /// How English compares it.
    pub comparison: Comparison,
}

/// How a French verb takes its object.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Link {
    /// voir quelqu'un.
    Direct,
    /// parler à quelqu'un.
    To,
    /// avoir besoin de quelque chose.
    Of,
}

/// A verb in both languages; both sides may be phrases whose first word is conjugated.
#[derive(Debug, PartialEq, Eq)]
pub struct Verb {
    /// English base form.
    pub english: &'static str,
    /// English past tense, empty where regular.
    pub past: &'static str,
    /// English past participle, empty where it equals the past tense.
    pub participle: &'static str,
    /// French infinitive, with "se" where reflexive.
    pub french: &'static str,
    /// Who does it.
    pub subject: Kind,
    /// To what; 0 for none.
    pub object: Kind,
    /// How French links the object.
    pub link: Link,
    /// A state: no English progressive, and the past is the French imparfait.
    pub stative: bool,
}

impl Verb {
    const fn new(english: &'static str, french: &'static str, subject: Kind, object: Kind) -> Self {
        Verb {
            english,
            past: "",
            participle: "",
            french,
            subject,
            object,
            link: Link::Direct,
            stative: false,
        }
    }

    const fn irregular(mut self, past: &'static str, participle: &'static str) -> Self {
        self.past = past;
        self.participle = participle;
        self
    }

    const fn link(mut self, link: Link) -> Self {
        self.link = link;
        self
    }

    const fn state(mut self) -> Self {
        self.stative = true;
        self
    }
}
