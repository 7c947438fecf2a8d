//! Drawing who acts and who or what is acted on.

use super::{Detail, Sampler};
use crate::grammar::lexicon::names::NAMES;
use crate::grammar::lexicon::*;
use crate::grammar::tree::*;

impl Sampler {
    /// Who acts: names, pronouns, people, animals.
    pub(super) fn subject(&mut self, kind: Kind, detail: Detail) -> Nominal {
        if kind & PERSON == 0 || self.chance(if kind & ANIMAL != 0 { 30 } else { 0 }) {
            return self.phrase(kind & !PERSON, detail);
        }
        match self.weighted(&[20, 26, 6, 48]) {
            0 => Nominal::Name(self.pick(NAMES)),
            1 => self.free_pronoun(),
            2 => self.couple(),
            _ => self.phrase(PERSON, detail),
        }
    }

    /// Somebody in the third person who can be an antecedent.
    pub(super) fn somebody(&mut self, detail: Detail) -> Nominal {
        match self.weighted(&[35, 10, 55]) {
            0 => Nominal::Name(self.pick(NAMES)),
            1 => self.couple(),
            _ => self.phrase(PERSON, detail),
        }
    }

    pub(super) fn couple(&mut self) -> Nominal {
        let first = Nominal::Name(self.pick(NAMES));
        let second = match self.chance(50) {
            true => Nominal::Name(self.pick(NAMES)),
            false => self.phrase(PERSON, Detail::Plain),
        };
        if first == second {
            first
        } else {
            Nominal::And(Box::new(first), Box::new(second))
        }
    }

    pub(super) fn free_pronoun(&mut self) -> Nominal {
        let pronouns = [Pronoun::I, Pronoun::WE, Pronoun::YOU, Pronoun::HE, Pronoun::SHE];
        Nominal::Pronoun(pronouns[self.weighted(&[20, 14, 14, 26, 26])])
    }

    /// An object for a verb; me, us and you only beside a third person.
    pub(super) fn object(&mut self, verb: &Verb, subject: &Nominal, detail: Detail) -> Nominal {
        if verb.object & PERSON != 0 && verb.link != Link::Of && self.chance(15) {
            return self.object_pronoun(subject);
        }
        if verb.object & PERSON != 0 && self.chance(15) {
            return Nominal::Name(self.pick(NAMES));
        }
        self.full_object(verb, detail)
    }

    /// A noun phrase as object of a verb.
    pub(super) fn full_object(&mut self, verb: &Verb, detail: Detail) -> Nominal {
        let mut phrase = self.noun_phrase(
            verb.object,
            if verb.link == Link::Direct {
                detail
            } else {
                Detail::Plain
            },
        );
        if verb.link == Link::Of && phrase.determiner == Determiner::Partitive {
            phrase.determiner = Determiner::The;
        }
        if verb.object == INSTRUMENT {
            // One plays the piano, not these pianos.
            (phrase.determiner, phrase.plural) = (Determiner::The, false);
        }
        Nominal::Phrase(Box::new(phrase))
    }

    /// him, her, and where the subject allows it me, us, you.
    pub(super) fn object_pronoun(&mut self, subject: &Nominal) -> Nominal {
        let pronouns = [Pronoun::HIM, Pronoun::HER, Pronoun::I, Pronoun::WE, Pronoun::YOU];
        let third = subject.agreement().person == Person::Third;
        let choice = self.below(if third { 5 } else { 2 });
        Nominal::Pronoun(pronouns[choice])
    }

    /// A person something is given to.
    pub(super) fn recipient(&mut self, subject: &Nominal) -> Nominal {
        match self.weighted(&[30, 25, 45]) {
            0 => self.object_pronoun(subject),
            1 => Nominal::Name(self.pick(NAMES)),
            _ => self.phrase(PERSON, Detail::Plain),
        }
    }
}
