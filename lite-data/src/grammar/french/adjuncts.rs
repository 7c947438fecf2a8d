//! French places, times and prices.

use super::elision::Piece;
use super::nouns::nominal;
use super::{forms, phrase, word};
use crate::grammar::lexicon::names::CountryKind;
use crate::grammar::lexicon::times::{MONTHS, UNITS, WEEKDAYS};
use crate::grammar::tree::*;

pub(super) fn adjunct(tree: &Adjunct) -> Vec<Piece> {
    match tree {
        Adjunct::Place(where_) => place(where_),
        Adjunct::Time(when) => time(*when),
        Adjunct::Manner(pair) => word(pair.1),
        Adjunct::With(who) => word("avec").into_iter().chain(nominal(who, false)).collect(),
        Adjunct::For(who) => word("pour").into_iter().chain(nominal(who, false)).collect(),
    }
}

pub(super) fn place(tree: &Place) -> Vec<Piece> {
    match tree {
        Place::At(preposition, what) => phrase(preposition.french)
            .into_iter()
            .chain(nominal(what, false))
            .collect(),
        Place::City(Direction::From, pair) => vec![Piece::De, Piece::Word(pair.1.to_string())],
        Place::City(_, pair) => vec![Piece::A, Piece::Word(pair.1.to_string())],
        Place::Country(direction, (_, name, kind)) => {
            let from = *direction == Direction::From;
            let preposition = if from { Piece::De } else { Piece::A };
            let name = Piece::Word((*name).to_string());
            match kind {
                CountryKind::Feminine if from => vec![Piece::De, name],
                CountryKind::Feminine => vec![Piece::Word("en".to_string()), name],
                CountryKind::Masculine => vec![
                    preposition,
                    Piece::The {
                        feminine: false,
                        plural: false,
                    },
                    name,
                ],
                CountryKind::Plural => vec![
                    preposition,
                    Piece::The {
                        feminine: false,
                        plural: true,
                    },
                    name,
                ],
            }
        }
    }
}

fn duration(n: u32, unit: usize) -> String {
    let (_, singular, feminine) = UNITS[unit];
    let noun = if n == 1 {
        singular.to_string()
    } else {
        forms::plural(singular)
    };
    format!("{} {noun}", forms::number(n, feminine))
}

pub(super) fn time(tree: Time) -> Vec<Piece> {
    let first = |day: u32| if day == 1 { "1er".to_string() } else { day.to_string() };
    word(match tree {
        Time::Clock(12, 0) => "à midi".to_string(),
        Time::Clock(0, 0) => "à minuit".to_string(),
        Time::Clock(hour, 0) => format!("à {hour} h"),
        Time::Clock(hour, minute) => format!("à {hour} h {minute:02}"),
        Time::Date(day, month, year) => format!("le {} {} {year}", first(day), MONTHS[month].1),
        Time::Day(day, month) => format!("le {} {}", first(day), MONTHS[month].1),
        Time::Weekday(day) => WEEKDAYS[day].1.to_string(),
        Time::Weekdays(day) => format!("le {}", WEEKDAYS[day].1),
        Time::WeekdayPart(day, part) => format!("{} {}", WEEKDAYS[day].1, ["matin", "soir"][part]),
        Time::Month(month) => format!("en {}", MONTHS[month].1),
        Time::Year(year) => format!("en {year}"),
        Time::Ago(n, unit) => format!("il y a {}", duration(n, unit)),
        Time::Within(n, unit) => format!("dans {}", duration(n, unit)),
        Time::During(n, unit) => format!("pendant {}", duration(n, unit)),
        Time::Fixed(pair) => pair.1.to_string(),
    })
}

pub(super) fn price(cents: u32) -> String {
    let (euros, cents) = (cents / 100, cents % 100);
    let euros = if euros < 1000 {
        euros.to_string()
    } else {
        format!("{} {:03}", euros / 1000, euros % 1000)
    };
    if cents == 0 {
        format!("{euros} euros")
    } else {
        format!("{euros},{cents:02} euros")
    }
}
