//! Weekdays, months, units, adverbs and prepositions.

use super::*;

/// Weekdays: English, French.
#[rustfmt::skip]
pub static WEEKDAYS: &[(&str, &str)] = &[
    ("Monday", "lundi"), ("Tuesday", "mardi"), ("Wednesday", "mercredi"), ("Thursday", "jeudi"),
    ("Friday", "vendredi"), ("Saturday", "samedi"), ("Sunday", "dimanche"),
];

/// Months: English, French.
#[rustfmt::skip]
pub static MONTHS: &[(&str, &str)] = &[
    ("January", "janvier"), ("February", "février"), ("March", "mars"), ("April", "avril"), ("May", "mai"), ("June", "juin"),
    ("July", "juillet"), ("August", "août"), ("September", "septembre"), ("October", "octobre"), ("November", "novembre"),
    ("December", "décembre"),
];

/// Units of time: English singular, French singular, feminine.
#[rustfmt::skip]
pub static UNITS: &[(&str, &str, bool)] = &[
    ("minute", "minute", true), ("hour", "heure", true), ("day", "jour", false), ("week", "semaine", true),
    ("month", "mois", false), ("year", "an", false),
];

/// When, beside a verb in the past.
#[rustfmt::skip]
pub static PAST_TIMES: &[(&str, &str)] = &[
    ("yesterday", "hier"), ("last week", "la semaine dernière"), ("last year", "l'année dernière"), ("last month", "le mois dernier"),
    ("yesterday evening", "hier soir"), ("in spring", "au printemps"), ("in summer", "en été"), ("in winter", "en hiver"),
];

/// When, beside a verb in the future.
#[rustfmt::skip]
pub static FUTURE_TIMES: &[(&str, &str)] = &[
    ("tomorrow", "demain"), ("next week", "la semaine prochaine"), ("next year", "l'année prochaine"), ("next month", "le mois prochain"),
    ("this evening", "ce soir"), ("tomorrow morning", "demain matin"), ("soon", "bientôt"),
];

/// When, beside a verb in the present.
#[rustfmt::skip]
pub static PRESENT_TIMES: &[(&str, &str)] = &[
    ("every day", "tous les jours"), ("every morning", "chaque matin"), ("every evening", "chaque soir"),
    ("every week", "chaque semaine"), ("in the morning", "le matin"), ("in the afternoon", "l'après-midi"),
    ("in the evening", "le soir"), ("in summer", "en été"), ("in winter", "en hiver"), ("in autumn", "en automne"),
];

/// When, beside a progressive.
pub static NOW: &[(&str, &str)] = &[
    ("now", "maintenant"),
    ("at the moment", "en ce moment"),
    ("today", "aujourd'hui"),
];

/// Adverbs between subject and verb in English, after the conjugated verb in French.
pub static FREQUENCIES: &[(&str, &str)] = &[
    ("often", "souvent"),
    ("always", "toujours"),
    ("sometimes", "parfois"),
    ("rarely", "rarement"),
];

/// Adverbs after the object.
#[rustfmt::skip]
pub static MANNERS: &[(&str, &str)] = &[
    ("slowly", "lentement"), ("quickly", "rapidement"), ("calmly", "calmement"), ("carefully", "prudemment"),
    ("with pleasure", "avec plaisir"), ("without a word", "sans un mot"),
    ("in silence", "en silence"),
];

/// A preposition of place and the nouns it goes with.
#[derive(Debug, PartialEq, Eq)]
pub struct Preposition {
    /// English.
    pub english: &'static str,
    /// French; a last word "de" or "à" contracts with the article.
    pub french: &'static str,
    /// Where it can be said.
    pub kind: Kind,
}

const fn preposition(english: &'static str, french: &'static str, kind: Kind) -> Preposition {
    Preposition { english, french, kind }
}

/// Where something is.
#[rustfmt::skip]
pub static WHERE: &[Preposition] = &[
    preposition("in", "dans", INSIDE),
    preposition("on", "sur", SURFACE),
    preposition("under", "sous", SURFACE | PLANT),
    preposition("behind", "derrière", BUILDING | PART | PLANT),
    preposition("in front of", "devant", BUILDING | PART),
    preposition("near", "près de", PLACE | PLANT | PART),
    preposition("next to", "à côté de", BUILDING | PART),
];

/// Where somebody goes.
pub static TO: Preposition = preposition("to", "à", GOAL);
/// Where somebody arrives or is.
pub static AT: Preposition = preposition("at", "à", GOAL);
/// Where somebody comes from.
pub static FROM: Preposition = preposition("from", "de", GOAL);
