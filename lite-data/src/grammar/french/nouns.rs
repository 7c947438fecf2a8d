//! French noun phrases: determiners, the place of adjectives, relative clauses.

use super::adjuncts::place;
use super::elision::Piece;
use super::verbs::subject_pronoun;
use super::{clause, forms, phrase, verb_phrase, word};
use crate::grammar::lexicon::Link;
use crate::grammar::tree::*;

/// Names, noun phrases and their coordination; `negated` turns "un" and "des" into "de".
pub(super) fn nominal(tree: &Nominal, negated: bool) -> Vec<Piece> {
    match tree {
        Nominal::Pronoun(pronoun) => vec![subject_pronoun(pronoun)],
        Nominal::Name(name) => word(name.french),
        Nominal::Phrase(phrase) => noun_phrase(phrase, negated),
        Nominal::And(a, b) => nominal(a, negated)
            .into_iter()
            .chain(word("et"))
            .chain(nominal(b, negated))
            .collect(),
    }
}

fn noun_phrase(tree: &NounPhrase, negated: bool) -> Vec<Piece> {
    let agreement = Agreement::third(tree.noun.feminine, tree.plural);
    let mut pieces = determiner(tree, negated);
    if let Some(superlative) = tree.superlative.filter(|adjective| adjective.precedes) {
        pieces.extend(word("plus"));
        pieces.push(forms::adjective(superlative, agreement));
    }
    pieces.extend(tree.before.map(|adjective| forms::adjective(adjective, agreement)));
    pieces.extend(word(forms::noun(tree.noun, tree.plural)));
    pieces.extend(tree.after.map(|adjective| forms::adjective(adjective, agreement)));
    if let Some(superlative) = tree.superlative.filter(|adjective| !adjective.precedes) {
        pieces.push(Piece::The {
            feminine: agreement.feminine,
            plural: agreement.plural,
        });
        pieces.extend(word("plus"));
        pieces.push(forms::adjective(superlative, agreement));
    }
    if let Determiner::Owner(owner) = &tree.determiner {
        pieces.push(Piece::De);
        pieces.extend(nominal(owner, false));
    }
    match &tree.modifier {
        None => {}
        Some(Modifier::Of(whole) | Modifier::Within(whole)) => {
            pieces.push(Piece::De);
            pieces.extend(nominal(whole, false));
        }
        Some(Modifier::Place(where_)) => pieces.extend(place(where_)),
        Some(Modifier::Relative(relative)) => pieces.extend(relative_clause(relative, agreement)),
    }
    pieces
}

fn relative_clause(tree: &Relative, head: Agreement) -> Vec<Piece> {
    match tree {
        Relative::Subject(predicate) => word("qui")
            .into_iter()
            .chain(verb_phrase(predicate, head, None))
            .collect(),
        Relative::Object(inner) => {
            let link = match &inner.predicate.core {
                Core::Verb { verb, .. } => verb.link,
                Core::Control(_, inner) => match &**inner {
                    Core::Verb { verb, .. } => verb.link,
                    _ => Link::Direct,
                },
                _ => Link::Direct,
            };
            let pronoun = match link {
                Link::Direct => vec![Piece::Elide("que")],
                Link::To => phrase("à qui"),
                Link::Of => word("dont"),
            };
            pronoun.into_iter().chain(clause(inner, Some(head))).collect()
        }
        Relative::Whose(inner) => word("dont").into_iter().chain(clause(inner, None)).collect(),
        Relative::Where(inner) => word("où").into_iter().chain(clause(inner, None)).collect(),
    }
}

fn determiner(tree: &NounPhrase, negated: bool) -> Vec<Piece> {
    let (feminine, plural) = (tree.noun.feminine, tree.plural);
    let the = Piece::The { feminine, plural };
    match &tree.determiner {
        Determiner::The | Determiner::Owner(_) | Determiner::Bare => vec![the],
        Determiner::A | Determiner::Partitive if negated => vec![Piece::De],
        Determiner::A => word(if feminine { "une" } else { "un" }),
        // de petites maisons, not des petites maisons.
        Determiner::Partitive if plural && tree.before.is_some() => vec![Piece::De],
        Determiner::Partitive => vec![Piece::Partitive { feminine, plural }],
        Determiner::This => vec![match (feminine, plural) {
            (_, true) => Piece::Word("ces".to_string()),
            (true, false) => Piece::Word("cette".to_string()),
            (false, false) => Piece::Variant("ce", "cet"),
        }],
        Determiner::Mine(owner) => vec![possessive(owner, feminine, plural)],
        Determiner::Number(n) => word(forms::number(*n, feminine)),
        Determiner::TheNumber(n) => vec![the, Piece::Word(forms::number(*n, feminine))],
        Determiner::Many => vec![Piece::Word("beaucoup".to_string()), Piece::De],
        Determiner::Several => word("plusieurs"),
        Determiner::Few => word("quelques"),
        Determiner::Every => word("chaque"),
        Determiner::All => vec![Piece::Word((if feminine { "toutes" } else { "tous" }).to_string()), the],
    }
}

fn possessive(owner: &Pronoun, feminine: bool, plural: bool) -> Piece {
    let forms: [(&'static str, &'static str, &'static str); 6] = [
        ("mon", "ma", "mes"),
        ("votre", "votre", "vos"),
        ("son", "sa", "ses"),
        ("notre", "notre", "nos"),
        ("votre", "votre", "vos"),
        ("leur", "leur", "leurs"),
    ];
    let (masculine_form, feminine_form, plural_form) = forms[owner.agreement.row()];
    match (plural, feminine) {
        (true, _) => Piece::Word(plural_form.to_string()),
        (false, false) => Piece::Word(masculine_form.to_string()),
        // mon amie, son école.
        (false, true) => Piece::Variant(feminine_form, masculine_form),
    }
}
