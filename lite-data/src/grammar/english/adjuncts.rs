//! English places, times and prices.

use super::{forms, object};
use crate::grammar::lexicon::times::{MONTHS, UNITS, WEEKDAYS};
use crate::grammar::tree::*;

pub(super) fn adjunct(tree: &Adjunct) -> String {
    match tree {
        Adjunct::Place(where_) => place(where_),
        Adjunct::Time(when) => time(*when),
        Adjunct::Manner(pair) => pair.0.to_string(),
        Adjunct::With(who) => format!("with {}", object(who)),
        Adjunct::For(who) => format!("for {}", object(who)),
    }
}

pub(super) fn place(tree: &Place) -> String {
    let word = |direction: &Direction| match direction {
        Direction::In => "in",
        Direction::To => "to",
        Direction::From => "from",
    };
    match tree {
        Place::At(preposition, what) => format!("{} {}", preposition.english, object(what)),
        Place::City(direction, pair) => format!("{} {}", word(direction), pair.0),
        Place::Country(direction, country) => format!("{} {}", word(direction), country.0),
    }
}

fn duration(n: u32, unit: usize) -> String {
    match (n, UNITS[unit].0) {
        (1, unit) => format!("{} {unit}", forms::article(unit)),
        (n, unit) => format!("{} {unit}s", forms::number(n)),
    }
}

pub(super) fn time(tree: Time) -> String {
    match tree {
        Time::Clock(12, 0) => "at noon".to_string(),
        Time::Clock(0, 0) => "at midnight".to_string(),
        Time::Clock(hour, minute) => {
            let half = if hour < 12 { "am" } else { "pm" };
            let hour = (hour + 11) % 12 + 1;
            if minute == 0 {
                format!("at {hour} {half}")
            } else {
                format!("at {hour}:{minute:02} {half}")
            }
        }
        Time::Date(day, month, year) => format!("on {} {day}, {year}", MONTHS[month].0),
        Time::Day(day, month) => format!("on {} {day}", MONTHS[month].0),
        Time::Weekday(day) => format!("on {}", WEEKDAYS[day].0),
        Time::Weekdays(day) => format!("on {}s", WEEKDAYS[day].0),
        Time::WeekdayPart(day, part) => format!("on {} {}", WEEKDAYS[day].0, ["morning", "evening"][part]),
        Time::Month(month) => format!("in {}", MONTHS[month].0),
        Time::Year(year) => format!("in {year}"),
        Time::Ago(n, unit) => format!("{} ago", duration(n, unit)),
        Time::Within(n, unit) => format!("in {}", duration(n, unit)),
        Time::During(n, unit) => format!("for {}", duration(n, unit)),
        Time::Fixed(pair) => pair.0.to_string(),
    }
}

pub(super) fn price(cents: u32) -> String {
    let (euros, cents) = (cents / 100, cents % 100);
    let euros = if euros < 1000 {
        euros.to_string()
    } else {
        format!("{},{:03}", euros / 1000, euros % 1000)
    };
    if cents == 0 {
        format!("{euros} euros")
    } else {
        format!("{euros}.{cents:02} euros")
    }
}
