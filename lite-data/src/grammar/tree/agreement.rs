//! Person, number, gender, and the pronouns that show them.

/// Who is speaking, spoken to, spoken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Person {
    /// I, we.
    First,
    /// you, always several: vous.
    Second,
    /// The others.
    Third,
}

/// What verbs, adjectives and participles agree with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreement {
    /// Person.
    pub person: Person,
    /// Number.
    pub plural: bool,
    /// French gender.
    pub feminine: bool,
}

impl Agreement {
    /// Third person.
    pub const fn third(feminine: bool, plural: bool) -> Self {
        Agreement {
            person: Person::Third,
            plural,
            feminine,
        }
    }

    /// Row of a conjugation table: je, tu, il, nous, vous, ils.
    pub const fn row(self) -> usize {
        match (self.person, self.plural) {
            (Person::First, false) => 0,
            (Person::Second, false) => 1,
            (Person::Third, false) => 2,
            (Person::First, true) => 3,
            (Person::Second, true) => 4,
            (Person::Third, true) => 5,
        }
    }
}

/// A pronoun; its agreement comes from what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pronoun {
    /// Agreement of the antecedent.
    pub agreement: Agreement,
    /// English "it".
    pub thing: bool,
}

impl Pronoun {
    /// I: je.
    pub const I: Self = Self::speaker(Person::First, false);
    /// we: nous.
    pub const WE: Self = Self::speaker(Person::First, true);
    /// you: vous, several people.
    pub const YOU: Self = Self::speaker(Person::Second, true);
    /// he: il.
    pub const HE: Self = Pronoun {
        agreement: Agreement::third(false, false),
        thing: false,
    };
    /// she: elle.
    pub const SHE: Self = Pronoun {
        agreement: Agreement::third(true, false),
        thing: false,
    };
    /// they, here only as owners: leur, leurs.
    pub const THEY: Self = Pronoun {
        agreement: Agreement::third(false, true),
        thing: false,
    };
    /// him: le, lui.
    pub const HIM: Self = Self::HE;
    /// her: la, lui.
    pub const HER: Self = Self::SHE;
    /// The "it" of "it rains".
    pub const WEATHER: Self = Pronoun {
        agreement: Agreement::third(false, false),
        thing: true,
    };

    const fn speaker(person: Person, plural: bool) -> Self {
        Pronoun {
            agreement: Agreement {
                person,
                plural,
                feminine: false,
            },
            thing: false,
        }
    }
}
