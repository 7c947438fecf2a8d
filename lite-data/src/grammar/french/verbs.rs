//! French verbs in a clause: negation, clitics, auxiliaries, participles, orders.

use super::conjugation::{conjugate, takes_etre};
use super::elision::Piece;
use super::nouns::nominal;
use super::{forms, verb_phrase, word};
use crate::grammar::lexicon::{Link, Verb};
use crate::grammar::tree::*;

/// A verb about to be conjugated.
pub(super) struct Group<'a> {
    pub verb: &'a Verb,
    pub tree: &'a Predicate,
    pub agreement: Agreement,
    /// A direct object before the verb, with which the participle of avoir agrees.
    pub preceding: Option<Agreement>,
    pub clitics: Vec<Piece>,
}

impl Group<'_> {
    /// ne, clitics, conjugated verb, pas, adverb, participle or infinitive, fixed tail.
    pub fn pieces(&self) -> Vec<Piece> {
        let (infinitive, reflexive) = reflexive(self.verb.french);
        let (infinitive, tail) = infinitive.split_once(' ').unwrap_or((infinitive, ""));
        let row = self.agreement.row();
        let mut clitics: Vec<Piece> = reflexive.then(|| reflexive_pronoun(row)).into_iter().collect();
        clitics.extend(self.clitics.iter().cloned());

        let tense = self.tree.tense;
        let compound = tense == Tense::Past && !self.verb.stative;
        let (before, form, after) = if compound {
            let etre = reflexive || takes_etre(infinitive);
            let auxiliary = conjugate(if etre { "être" } else { "avoir" }).present[row].clone();
            let agreement = if etre { Some(self.agreement) } else { self.preceding };
            let agreement = agreement.unwrap_or(Agreement::third(false, false));
            let participle = forms::participle(&conjugate(infinitive).participle, agreement);
            (clitics, auxiliary, word(participle))
        } else if tense == Tense::GoingTo {
            let infinitive = clitics.into_iter().chain(word(infinitive)).collect();
            (Vec::new(), conjugate("aller").present[row].clone(), infinitive)
        } else {
            (clitics, finite(infinitive, tense, row, self.verb.stative), Vec::new())
        };

        let negation = match self.tree.polarity {
            Polarity::Yes => None,
            Polarity::Not => Some("pas"),
            Polarity::Never => Some("jamais"),
            Polarity::NoLonger => Some("plus"),
        };
        let mut pieces: Vec<Piece> = negation.map(|_| Piece::Elide("ne")).into_iter().collect();
        pieces.extend(before);
        pieces.extend(word(form));
        pieces.extend(negation.into_iter().flat_map(word));
        pieces.extend(self.tree.adverb.iter().flat_map(|pair| word(pair.1)));
        pieces.extend(after);
        // "avoir besoin de": the last word belongs to the object.
        pieces.extend(
            tail.split(' ')
                .filter(|word| !matches!(*word, "" | "de" | "à"))
                .flat_map(word),
        );
        pieces
    }
}

/// Simple forms.
pub(super) fn finite(infinitive: &str, tense: Tense, row: usize, stative: bool) -> String {
    let forms = conjugate(infinitive);
    match tense {
        Tense::Present | Tense::Progressive => forms.present[row].clone(),
        Tense::Past if !stative => forms.present[row].clone(),
        Tense::Past | Tense::PastProgressive | Tense::UsedTo => forms.imperfect(row),
        Tense::Future | Tense::PresentForFuture => forms.future(row),
        Tense::GoingTo | Tense::Infinitive => infinitive.to_string(),
    }
}

fn reflexive(french: &str) -> (&str, bool) {
    let bare = french.strip_prefix("se ").or_else(|| french.strip_prefix("s'"));
    (bare.unwrap_or(french), bare.is_some())
}

fn reflexive_pronoun(row: usize) -> Piece {
    match row {
        0 => Piece::Elide("me"),
        3 => Piece::Word("nous".to_string()),
        1 | 4 => Piece::Word("vous".to_string()),
        _ => Piece::Elide("se"),
    }
}

pub(super) fn subject_pronoun(pronoun: &Pronoun) -> Piece {
    let Agreement { feminine, .. } = pronoun.agreement;
    match (pronoun.agreement.row(), feminine) {
        (0, _) => Piece::Elide("je"),
        (3, _) => Piece::Word("nous".to_string()),
        (1 | 4, _) => Piece::Word("vous".to_string()),
        (5, true) => Piece::Word("elles".to_string()),
        (5, false) => Piece::Word("ils".to_string()),
        (_, true) => Piece::Word("elle".to_string()),
        (_, false) => Piece::Word("il".to_string()),
    }
}

/// Pronoun objects, in the order me/nous/vous, le/la/les, lui/leur.
pub(super) fn clitics(verb: &Verb, object: Option<&Nominal>, recipient: Option<&Nominal>) -> Vec<Piece> {
    let of = |nominal: Option<&Nominal>, dative: bool| match nominal {
        Some(Nominal::Pronoun(pronoun)) => Some(clitic(pronoun, dative)),
        _ => None,
    };
    let mut found: Vec<(u8, Piece)> = [of(object, verb.link == Link::To), of(recipient, true)]
        .into_iter()
        .flatten()
        .collect();
    found.sort_by_key(|(slot, _)| *slot);
    found.into_iter().map(|(_, piece)| piece).collect()
}

fn clitic(pronoun: &Pronoun, dative: bool) -> (u8, Piece) {
    match (pronoun.agreement.row(), dative, pronoun.agreement.feminine) {
        (0, ..) => (0, Piece::Elide("me")),
        (3, ..) => (0, Piece::Word("nous".to_string())),
        (1 | 4, ..) => (0, Piece::Word("vous".to_string())),
        (2, false, true) => (1, Piece::Elide("la")),
        (2, false, false) => (1, Piece::Elide("le")),
        (_, false, _) => (1, Piece::Word("les".to_string())),
        (2, true, _) => (2, Piece::Word("lui".to_string())),
        (_, true, _) => (2, Piece::Word("leur".to_string())),
    }
}

/// Objects that are no pronouns, after the verb.
pub(super) fn full_objects(
    verb: &Verb,
    object: Option<&Nominal>,
    recipient: Option<&Nominal>,
    negated: bool,
) -> Vec<Piece> {
    let full = |nominal: Option<&Nominal>, negated: bool| match nominal {
        None | Some(Nominal::Pronoun(_)) => None,
        Some(other) => Some(self::nominal(other, negated)),
    };
    let mut pieces = Vec::new();
    if let Some(object) = full(object, negated && verb.link == Link::Direct) {
        pieces.extend(link(verb.link));
        pieces.extend(object);
    }
    if let Some(recipient) = full(recipient, false) {
        pieces.push(Piece::A);
        pieces.extend(recipient);
    }
    pieces
}

fn link(link: Link) -> Option<Piece> {
    match link {
        Link::Direct => None,
        Link::To => Some(Piece::A),
        Link::Of => Some(Piece::De),
    }
}

/// Orders are given to vous; pronouns follow with hyphens unless the order is negative.
pub(super) fn imperative(polarity: Polarity, core: &Core) -> Vec<Piece> {
    let you = Pronoun::YOU.agreement;
    let Core::Verb {
        verb,
        object,
        recipient,
    } = core
    else {
        return verb_phrase(
            &Predicate {
                polarity,
                ..Predicate::new(Tense::Present, core.clone())
            },
            you,
            None,
        );
    };
    if polarity != Polarity::Yes {
        return verb_phrase(
            &Predicate {
                polarity,
                ..Predicate::new(Tense::Present, core.clone())
            },
            you,
            None,
        );
    }
    let (infinitive, reflexive) = reflexive(verb.french);
    let infinitive = infinitive.split(' ').next().unwrap_or(infinitive);
    let mut pieces = word(conjugate(infinitive).present[you.row()].clone());
    pieces.extend(reflexive.then_some(Piece::Attach("-vous")));
    if let Some(Nominal::Pronoun(pronoun)) = recipient {
        pieces.push(Piece::Attach(
            match (pronoun.agreement.row(), pronoun.agreement.plural) {
                (0, _) => "-moi",
                (3, _) => "-nous",
                (_, false) => "-lui",
                (_, true) => "-leur",
            },
        ));
    }
    pieces.extend(full_objects(verb, object.as_ref(), recipient.as_ref(), false));
    pieces
}
