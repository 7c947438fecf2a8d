//! Names of people, cities and countries, and professions said of somebody.

/// A person's name, the same in both languages but for a title.
#[derive(Debug, PartialEq, Eq)]
pub struct Name {
    /// English form.
    pub english: &'static str,
    /// French form.
    pub french: &'static str,
    /// Gender.
    pub feminine: bool,
}

const fn he(name: &'static str) -> Name {
    Name {
        english: name,
        french: name,
        feminine: false,
    }
}

const fn she(name: &'static str) -> Name {
    Name {
        english: name,
        french: name,
        feminine: true,
    }
}

const fn titled(english: &'static str, french: &'static str, feminine: bool) -> Name {
    Name {
        english,
        french,
        feminine,
    }
}

/// People.
#[rustfmt::skip]
pub static NAMES: &[Name] = &[
    he("Paul"), he("Pierre"), he("Jean"), he("Louis"), he("Marc"), he("Thomas"), he("Nicolas"), he("Antoine"), he("Henri"), he("Lucas"),
    she("Marie"), she("Anne"), she("Julie"), she("Sophie"), she("Claire"), she("Alice"), she("Emma"), she("Isabelle"), she("Hélène"), she("Léa"),
    titled("Mr. Martin", "M. Martin", false), titled("Mr. Dubois", "M. Dubois", false), titled("Mr. Moreau", "M. Moreau", false),
    titled("Mrs. Martin", "Mme Martin", true), titled("Mrs. Bernard", "Mme Bernard", true), titled("Mrs. Laurent", "Mme Laurent", true),
];

/// Cities: English, French.
#[rustfmt::skip]
pub static CITIES: &[(&str, &str)] = &[
    ("Paris", "Paris"), ("Lyon", "Lyon"), ("Marseille", "Marseille"), ("Bordeaux", "Bordeaux"), ("Nice", "Nice"),
    ("London", "Londres"), ("Brussels", "Bruxelles"), ("Geneva", "Genève"), ("Lisbon", "Lisbonne"), ("Athens", "Athènes"),
    ("Vienna", "Vienne"), ("Rome", "Rome"), ("Berlin", "Berlin"), ("Madrid", "Madrid"), ("Venice", "Venise"), ("Moscow", "Moscou"),
];

/// How French names a country after a preposition.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum CountryKind {
    /// en France, de France.
    Feminine,
    /// au Japon, du Japon.
    Masculine,
    /// aux États-Unis, des États-Unis.
    Plural,
}

/// Countries: English, French, kind.
#[rustfmt::skip]
pub static COUNTRIES: &[(&str, &str, CountryKind)] = &[
    ("France", "France", CountryKind::Feminine), ("Germany", "Allemagne", CountryKind::Feminine), ("Italy", "Italie", CountryKind::Feminine),
    ("Spain", "Espagne", CountryKind::Feminine), ("Belgium", "Belgique", CountryKind::Feminine), ("Switzerland", "Suisse", CountryKind::Feminine),
    ("England", "Angleterre", CountryKind::Feminine), ("China", "Chine", CountryKind::Feminine), ("Japan", "Japon", CountryKind::Masculine),
    ("Canada", "Canada", CountryKind::Masculine), ("Brazil", "Brésil", CountryKind::Masculine), ("Portugal", "Portugal", CountryKind::Masculine),
    ("the United States", "États-Unis", CountryKind::Plural), ("the Netherlands", "Pays-Bas", CountryKind::Plural),
];

/// A profession said of a person ("she is a lawyer", "elle est avocate"): English, masculine, feminine.
pub type Profession = (&'static str, &'static str, &'static str);

/// Professions whose French form follows the subject.
#[rustfmt::skip]
pub static PROFESSIONS: &[Profession] = &[
    ("lawyer", "avocat", "avocate"), ("student", "étudiant", "étudiante"), ("baker", "boulanger", "boulangère"),
    ("musician", "musicien", "musicienne"), ("cook", "cuisinier", "cuisinière"), ("journalist", "journaliste", "journaliste"),
    ("dentist", "dentiste", "dentiste"), ("pharmacist", "pharmacien", "pharmacienne"), ("nurse", "infirmier", "infirmière"),
    ("architect", "architecte", "architecte"), ("engineer", "ingénieur", "ingénieure"), ("singer", "chanteur", "chanteuse"),
];
