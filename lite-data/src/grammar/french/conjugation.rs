//! French verbs: présent, imparfait, futur, participle, by rule and by table.

/// Forms of one infinitive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conjugation {
    /// je, tu, il, nous, vous, ils.
    pub present: [String; 6],
    /// Stem of the imparfait.
    imperfect: String,
    /// Stem of the futur, with its r.
    future: String,
    /// Past participle, masculine singular.
    pub participle: String,
}

const IMPERFECT: [&str; 6] = ["ais", "ais", "ait", "ions", "iez", "aient"];
const FUTURE: [&str; 6] = ["ai", "as", "a", "ons", "ez", "ont"];

impl Conjugation {
    /// Imparfait for a row of the table.
    pub fn imperfect(&self, row: usize) -> String {
        let ending = IMPERFECT[row];
        // mangeais, but mangions; commençais, but commencions.
        let stem = match ending.starts_with('i') {
            true if self.imperfect.ends_with("ge") => self.imperfect[..self.imperfect.len() - 1].to_string(),
            true => self
                .imperfect
                .strip_suffix('ç')
                .map_or(self.imperfect.clone(), |stem| format!("{stem}c")),
            false => self.imperfect.clone(),
        };
        stem + ending
    }

    /// Futur for a row of the table.
    pub fn future(&self, row: usize) -> String {
        format!("{}{}", self.future, FUTURE[row])
    }
}

/// Verbs that take être: participles agree with the subject. Reflexives do too.
pub fn takes_etre(infinitive: &str) -> bool {
    const ETRE: &[&str] = &[
        "aller",
        "venir",
        "revenir",
        "arriver",
        "partir",
        "sortir",
        "rester",
        "tomber",
        "retourner",
    ];
    ETRE.contains(&infinitive)
}

type Row = (&'static str, [&'static str; 6], &'static str, &'static str);

/// Infinitive, present, stem of the futur, participle.
#[rustfmt::skip]
const IRREGULAR: &[Row] = &[
    ("être", ["suis", "es", "est", "sommes", "êtes", "sont"], "ser", "été"),
    ("avoir", ["ai", "as", "a", "avons", "avez", "ont"], "aur", "eu"),
    ("aller", ["vais", "vas", "va", "allons", "allez", "vont"], "ir", "allé"),
    ("voir", ["vois", "vois", "voit", "voyons", "voyez", "voient"], "verr", "vu"),
    ("venir", ["viens", "viens", "vient", "venons", "venez", "viennent"], "viendr", "venu"),
    ("prendre", ["prends", "prends", "prend", "prenons", "prenez", "prennent"], "prendr", "pris"),
    ("dire", ["dis", "dis", "dit", "disons", "dites", "disent"], "dir", "dit"),
    ("lire", ["lis", "lis", "lit", "lisons", "lisez", "lisent"], "lir", "lu"),
    ("écrire", ["écris", "écris", "écrit", "écrivons", "écrivez", "écrivent"], "écrir", "écrit"),
    ("boire", ["bois", "bois", "boit", "buvons", "buvez", "boivent"], "boir", "bu"),
    ("croire", ["crois", "crois", "croit", "croyons", "croyez", "croient"], "croir", "cru"),
    ("rire", ["ris", "ris", "rit", "rions", "riez", "rient"], "rir", "ri"),
    ("connaître", ["connais", "connais", "connaît", "connaissons", "connaissez", "connaissent"], "connaîtr", "connu"),
    ("savoir", ["sais", "sais", "sait", "savons", "savez", "savent"], "saur", "su"),
    ("vouloir", ["veux", "veux", "veut", "voulons", "voulez", "veulent"], "voudr", "voulu"),
    ("pouvoir", ["peux", "peux", "peut", "pouvons", "pouvez", "peuvent"], "pourr", "pu"),
    ("devoir", ["dois", "dois", "doit", "devons", "devez", "doivent"], "devr", "dû"),
    ("recevoir", ["reçois", "reçois", "reçoit", "recevons", "recevez", "reçoivent"], "recevr", "reçu"),
    ("ouvrir", ["ouvre", "ouvres", "ouvre", "ouvrons", "ouvrez", "ouvrent"], "ouvrir", "ouvert"),
    ("offrir", ["offre", "offres", "offre", "offrons", "offrez", "offrent"], "offrir", "offert"),
    ("dormir", ["dors", "dors", "dort", "dormons", "dormez", "dorment"], "dormir", "dormi"),
    ("partir", ["pars", "pars", "part", "partons", "partez", "partent"], "partir", "parti"),
    ("sortir", ["sors", "sors", "sort", "sortons", "sortez", "sortent"], "sortir", "sorti"),
    ("courir", ["cours", "cours", "court", "courons", "courez", "courent"], "courr", "couru"),
    ("conduire", ["conduis", "conduis", "conduit", "conduisons", "conduisez", "conduisent"], "conduir", "conduit"),
    ("construire", ["construis", "construis", "construit", "construisons", "construisez", "construisent"], "construir", "construit"),
    ("traduire", ["traduis", "traduis", "traduit", "traduisons", "traduisez", "traduisent"], "traduir", "traduit"),
    ("suivre", ["suis", "suis", "suit", "suivons", "suivez", "suivent"], "suivr", "suivi"),
    ("peindre", ["peins", "peins", "peint", "peignons", "peignez", "peignent"], "peindr", "peint"),
    ("envoyer", ["envoie", "envoies", "envoie", "envoyons", "envoyez", "envoient"], "enverr", "envoyé"),
    ("appeler", ["appelle", "appelles", "appelle", "appelons", "appelez", "appellent"], "appeller", "appelé"),
    // Said of the weather alone.
    ("pleuvoir", ["pleut", "pleut", "pleut", "pleuvons", "pleuvez", "pleuvent"], "pleuvr", "plu"),
];

/// Prefixes on verbs of the table.
const PREFIXED: &[(&str, &str)] = &[
    ("revenir", "re"),
    ("comprendre", "com"),
    ("apprendre", "ap"),
    ("découvrir", "déc"),
    ("sourire", "sou"),
];

/// Conjugates an infinitive without "se".
pub fn conjugate(infinitive: &str) -> Conjugation {
    if let Some((_, prefix)) = PREFIXED.iter().find(|(verb, _)| *verb == infinitive) {
        let base = conjugate(&infinitive[prefix.len()..]);
        return Conjugation {
            present: base.present.map(|form| format!("{prefix}{form}")),
            imperfect: format!("{prefix}{}", base.imperfect),
            future: format!("{prefix}{}", base.future),
            participle: format!("{prefix}{}", base.participle),
        };
    }
    if let Some((_, present, future, participle)) = IRREGULAR.iter().find(|row| row.0 == infinitive) {
        let imperfect = if infinitive == "être" {
            "ét"
        } else {
            present[3].trim_end_matches("ons")
        };
        return Conjugation {
            present: present.map(String::from),
            imperfect: imperfect.to_string(),
            future: (*future).to_string(),
            participle: (*participle).to_string(),
        };
    }
    let stem = &infinitive[..infinitive.len() - 2];
    if infinitive.ends_with("er") {
        first_group(stem)
    } else if infinitive.ends_with("ir") {
        from_endings(stem, ["is", "is", "it", "issons", "issez", "issent"], "ir", "i", "iss")
    } else {
        assert!(infinitive.ends_with("re"), "no conjugation for {infinitive}");
        from_endings(stem, ["s", "s", "", "ons", "ez", "ent"], "r", "u", "")
    }
}

fn from_endings(stem: &str, present: [&str; 6], future: &str, participle: &str, imperfect: &str) -> Conjugation {
    Conjugation {
        present: present.map(|ending| format!("{stem}{ending}")),
        imperfect: format!("{stem}{imperfect}"),
        future: format!("{stem}{future}"),
        participle: format!("{stem}{participle}"),
    }
}

/// Verbs in -er, with the spelling changes of g, c, y, e and é.
fn first_group(stem: &str) -> Conjugation {
    let soft = match stem.chars().next_back() {
        Some('g') => format!("{stem}e"),
        Some('c') => format!("{}ç", &stem[..stem.len() - 1]),
        _ => stem.to_string(),
    };
    // The stem before a mute ending, and that of the futur.
    let (mute, future) = if let Some(root) = stem.strip_suffix('y') {
        (format!("{root}i"), format!("{root}i"))
    } else if let Some((root, tail)) = split_last_e(stem, 'e') {
        (format!("{root}è{tail}"), format!("{root}è{tail}"))
    } else if let Some((root, tail)) = split_last_e(stem, 'é') {
        (format!("{root}è{tail}"), stem.to_string())
    } else {
        (stem.to_string(), stem.to_string())
    };
    Conjugation {
        present: [
            format!("{mute}e"),
            format!("{mute}es"),
            format!("{mute}e"),
            format!("{soft}ons"),
            format!("{stem}ez"),
            format!("{mute}ent"),
        ],
        imperfect: soft,
        future: format!("{future}er"),
        participle: format!("{stem}é"),
    }
}

/// Splits "achet" at its last e, if only one consonant follows it.
fn split_last_e(stem: &str, e: char) -> Option<(&str, &str)> {
    let (root, tail) = stem.rsplit_once(e)?;
    let one_consonant = tail.chars().count() == 1 && !"aeiouyéèê".contains(tail);
    one_consonant.then_some((root, tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Infinitive; il, nous, ils in the présent; nous in the imparfait; je in the futur; participle.
    #[test]
    #[rustfmt::skip]
    fn forms_are_those_of_the_grammar_books() {
        for (infinitive, expected) in [
            ("manger", "mange mangeons mangent mangions mangerai mangé"),
            ("commencer", "commence commençons commencent commencions commencerai commencé"),
            ("acheter", "achète achetons achètent achetions achèterai acheté"),
            ("espérer", "espère espérons espèrent espérions espérerai espéré"),
            ("protéger", "protège protégeons protègent protégions protégerai protégé"),
            ("essayer", "essaie essayons essaient essayions essaierai essayé"),
            ("appeler", "appelle appelons appellent appelions appellerai appelé"),
            ("dessiner", "dessine dessinons dessinent dessinions dessinerai dessiné"),
            ("étudier", "étudie étudions étudient étudiions étudierai étudié"),
            ("choisir", "choisit choisissons choisissent choisissions choisirai choisi"),
            ("perdre", "perd perdons perdent perdions perdrai perdu"),
            ("découvrir", "découvre découvrons découvrent découvrions découvrirai découvert"),
            ("apprendre", "apprend apprenons apprennent apprenions apprendrai appris"),
            ("revenir", "revient revenons reviennent revenions reviendrai revenu"),
            ("sourire", "sourit sourions sourient souriions sourirai souri"),
            ("être", "est sommes sont étions serai été"),
            ("avoir", "a avons ont avions aurai eu"),
            ("peindre", "peint peignons peignent peignions peindrai peint"),
            ("recevoir", "reçoit recevons reçoivent recevions recevrai reçu"),
            ("boire", "boit buvons boivent buvions boirai bu"),
        ] {
            let verb = conjugate(infinitive);
            let found = [
                verb.present[2].clone(), verb.present[3].clone(), verb.present[5].clone(),
                verb.imperfect(3), verb.future(0), verb.participle.clone(),
            ];
            assert_eq!(found.join(" "), expected);
        }
    }
}
