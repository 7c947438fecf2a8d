//! Where and when.

use super::{Nominal, Pair};
use crate::grammar::lexicon::names::CountryKind;
use crate::grammar::lexicon::times::Preposition;

/// Where.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// behind the house.
    At(&'static Preposition, Nominal),
    /// in Paris: à Paris.
    City(Direction, Pair),
    /// in France, in Japan: en France, au Japon.
    Country(Direction, &'static (&'static str, &'static str, CountryKind)),
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// in.
    In,
    /// to; as "in" in French.
    To,
    /// from.
    From,
}

/// When.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// at 7:45 pm: à 19 h 45.
    Clock(u32, u32),
    /// on March 5, 1998: le 5 mars 1998.
    Date(u32, usize, u32),
    /// on March 5: le 5 mars.
    Day(u32, usize),
    /// on Monday: lundi.
    Weekday(usize),
    /// on Mondays: le lundi.
    Weekdays(usize),
    /// on Monday morning: lundi matin, with 0 morning, 1 evening.
    WeekdayPart(usize, usize),
    /// in March: en mars.
    Month(usize),
    /// in 1998: en 1998.
    Year(u32),
    /// three days ago: il y a trois jours.
    Ago(u32, usize),
    /// in three days: dans trois jours.
    Within(u32, usize),
    /// for three days: pendant trois jours.
    During(u32, usize),
    /// yesterday: hier.
    Fixed(Pair),
}
