//! Drawing times that suit a tense.

use super::Sampler;
use crate::grammar::lexicon::times::*;
use crate::grammar::tree::*;

impl Sampler {
    /// A time for a tense.
    pub(super) fn time(&mut self, tense: Tense) -> Time {
        match tense {
            Tense::Past | Tense::PastProgressive => self.past_time(tense == Tense::Past),
            Tense::Future | Tense::GoingTo => self.future_time(),
            Tense::Progressive => Time::Fixed(self.pick(NOW)),
            Tense::Present | Tense::UsedTo | Tense::PresentForFuture | Tense::Infinitive => {
                match self.weighted(&[60, 25, 15]) {
                    0 => Time::Fixed(self.pick(PRESENT_TIMES)),
                    1 => Time::Weekdays(self.below(7)),
                    _ => self.clock(),
                }
            }
        }
    }

    pub(super) fn clock(&mut self) -> Time {
        let hour = self.below(24) as u32;
        let minutes = [0, 0, 15, 30, 45, 10, 20, 40, 50, 5];
        Time::Clock(hour, minutes[self.below(minutes.len())])
    }

    pub(super) fn past_time(&mut self, event: bool) -> Time {
        let day = 1 + self.below(28) as u32;
        let year = 1950 + self.below(75) as u32;
        let event = usize::from(event);
        match self.weighted(&[25, 12, 10, 10, 8, 15, 5, 8, 12 * event, 8 * event]) {
            0 => Time::Fixed(self.pick(PAST_TIMES)),
            1 => Time::Date(day, self.below(12), year),
            2 => Time::Day(day, self.below(12)),
            3 => Time::Weekday(self.below(7)),
            4 => Time::WeekdayPart(self.below(7), self.below(2)),
            5 => self.clock(),
            6 => Time::Month(self.below(12)),
            7 => Time::Year(year),
            8 => Time::Ago(1 + self.below(12) as u32, self.below(UNITS.len())),
            _ => Time::During(1 + self.below(12) as u32, self.below(UNITS.len())),
        }
    }

    pub(super) fn future_time(&mut self) -> Time {
        let day = 1 + self.below(28) as u32;
        match self.weighted(&[35, 10, 12, 10, 15, 6, 12]) {
            0 => Time::Fixed(self.pick(FUTURE_TIMES)),
            1 => Time::Day(day, self.below(12)),
            2 => Time::Weekday(self.below(7)),
            3 => Time::WeekdayPart(self.below(7), self.below(2)),
            4 => self.clock(),
            5 => Time::Month(self.below(12)),
            _ => Time::Within(1 + self.below(12) as u32, self.below(UNITS.len())),
        }
    }
}
