//! The French side of a tree.

pub mod conjugation;
pub mod elision;
pub mod forms;

mod adjuncts;
mod nouns;
mod verbs;

use adjuncts::{adjunct, place, price, time};
use conjugation::conjugate;
use elision::{Piece, join};
use nouns::nominal;
use verbs::{Group, clitics, finite, full_objects, imperative, subject_pronoun};

use super::english::capitalise;
use super::lexicon::verbs::{AGE, BE, COST};
use super::lexicon::{Link, Verb};
use super::tree::*;

/// A sentence, with capital and full stop.
pub fn sentence(tree: &Sentence) -> String {
    let (pieces, mark) = match tree {
        Sentence::Statement(one) => (clause(one, None), "."),
        Sentence::Joined(first, join, second, comma) => {
            let comma = comma.then_some(Piece::Attach(","));
            let joined = clause(first, None).into_iter().chain(comma).chain(phrase(join.1));
            (joined.chain(clause(second, None)).collect(), ".")
        }
        Sentence::Fronted(join, first, second) => {
            let fronted = phrase(join.1)
                .into_iter()
                .chain(clause(first, None))
                .chain([Piece::Attach(",")]);
            (fronted.chain(clause(second, None)).collect(), ".")
        }
        Sentence::Question(question, asked) => {
            let start = match question {
                Question::Whether => "est-ce que".to_string(),
                Question::Word(pair) => format!("{} est-ce que", pair.1),
                Question::What => "qu'est-ce que".to_string(),
            };
            (phrase(&start).into_iter().chain(clause(asked, None)).collect(), " ?")
        }
        Sentence::Who(predicate) => {
            let agreement = Pronoun::HE.agreement;
            (
                word("qui")
                    .into_iter()
                    .chain(verb_phrase(predicate, agreement, None))
                    .collect(),
                " ?",
            )
        }
        Sentence::HowMuch(what) => {
            let form = conjugate(COST.french).present[what.agreement().row()].clone();
            (
                phrase(&format!("combien {form}"))
                    .into_iter()
                    .chain(nominal(what, false))
                    .collect(),
                " ?",
            )
        }
        Sentence::There(tense, what, where_) => {
            let avoir = finite("avoir", *tense, 2, true);
            (
                phrase(&format!("il y {avoir}"))
                    .into_iter()
                    .chain(nominal(what, false))
                    .chain(place(where_))
                    .collect(),
                ".",
            )
        }
        Sentence::Imperative(polarity, core, please) => {
            let mut pieces = imperative(*polarity, core);
            if *please {
                pieces.push(Piece::Attach(","));
                pieces.extend(word("s'il vous plaît"));
            }
            (pieces, if *please { "." } else { " !" })
        }
    };
    capitalise(&join(&pieces)) + mark
}

fn word(text: impl Into<String>) -> Vec<Piece> {
    vec![Piece::Word(text.into())]
}

/// Words of a fixed phrase, with the pieces that react to their neighbours.
fn phrase(text: &str) -> Vec<Piece> {
    let pieces = text.split(' ').filter(|word| !word.is_empty()).map(|word| match word {
        "de" => Piece::De,
        "à" => Piece::A,
        "que" => Piece::Elide("que"),
        other => Piece::Word(other.to_string()),
    });
    pieces.collect()
}

/// A clause; `gap` is what a relative clause has taken out of it.
fn clause(tree: &Clause, gap: Option<Agreement>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    if let Some(front) = tree.front {
        pieces.extend(time(front));
        pieces.push(Piece::Attach(","));
    }
    let agreement = tree.subject.agreement();
    pieces.extend(match &tree.subject {
        Nominal::Pronoun(pronoun) => vec![subject_pronoun(pronoun)],
        other => nominal(other, false),
    });
    pieces.extend(verb_phrase(&tree.predicate, agreement, gap));
    if let Some(second) = &tree.second {
        pieces.extend(word("et"));
        pieces.extend(verb_phrase(second, agreement, None));
    }
    pieces
}

fn verb_phrase(tree: &Predicate, agreement: Agreement, gap: Option<Agreement>) -> Vec<Piece> {
    let mut pieces = match &tree.core {
        Core::Verb {
            verb,
            object,
            recipient,
        } => {
            let clitics = clitics(verb, object.as_ref(), recipient.as_ref());
            let preceding = match object {
                Some(Nominal::Pronoun(pronoun)) => Some(pronoun.agreement),
                _ => gap,
            };
            let group = Group {
                verb,
                tree,
                agreement,
                preceding: preceding.filter(|_| verb.link == Link::Direct),
                clitics,
            };
            let mut pieces = group.pieces();
            pieces.extend(full_objects(
                verb,
                object.as_ref(),
                recipient.as_ref(),
                tree.polarity != Polarity::Yes,
            ));
            pieces
        }
        Core::Control(verb, inner) => {
            let mut pieces = Group {
                verb,
                tree,
                agreement,
                preceding: None,
                clitics: Vec::new(),
            }
            .pieces();
            // "essayer de" keeps its preposition before the infinitive.
            pieces.extend(
                verb.french
                    .split_once(' ')
                    .map(|(_, link)| phrase(link))
                    .into_iter()
                    .flatten(),
            );
            let inner = Predicate::new(Tense::Infinitive, (**inner).clone());
            pieces.extend(verb_phrase(&inner, agreement, None));
            pieces
        }
        Core::That(verb, said) => {
            let mut pieces = Group {
                verb,
                tree,
                agreement,
                preceding: None,
                clitics: Vec::new(),
            }
            .pieces();
            pieces.push(Piece::Elide("que"));
            pieces.extend(clause(said, None));
            pieces
        }
        Core::Be(Attribute::Age(years)) => {
            let mut pieces = Group {
                verb: &AGE,
                tree,
                agreement,
                preceding: None,
                clitics: Vec::new(),
            }
            .pieces();
            pieces.extend(phrase(&format!("{} ans", forms::number(*years, false))));
            pieces
        }
        Core::Be(attribute) => {
            let mut pieces = Group {
                verb: &BE,
                tree,
                agreement,
                preceding: None,
                clitics: Vec::new(),
            }
            .pieces();
            pieces.extend(be(attribute, agreement));
            pieces
        }
        Core::Passive(verb, agent) => passive(verb, agent.as_ref(), tree, agreement),
        Core::Cost(cents) => {
            let mut pieces = Group {
                verb: &COST,
                tree,
                agreement,
                preceding: None,
                clitics: Vec::new(),
            }
            .pieces();
            pieces.extend(word(price(*cents)));
            pieces
        }
    };
    pieces.extend(tree.adjuncts.iter().flat_map(adjunct));
    pieces
}

fn passive(verb: &Verb, agent: Option<&Nominal>, tree: &Predicate, agreement: Agreement) -> Vec<Piece> {
    // An event, not a state: "a été construit", where "was old" is "était vieux".
    let event = Verb { stative: false, ..BE };
    let mut pieces = Group {
        verb: &event,
        tree,
        agreement,
        preceding: None,
        clitics: Vec::new(),
    }
    .pieces();
    pieces.extend(word(forms::participle(&conjugate(verb.french).participle, agreement)));
    if let Some(agent) = agent {
        pieces.extend(word("par"));
        pieces.extend(nominal(agent, false));
    }
    pieces
}

fn be(attribute: &Attribute, agreement: Agreement) -> Vec<Piece> {
    match attribute {
        Attribute::Adjective(adjective, degree) => {
            let degree = degree.iter().map(|pair| Piece::Word(pair.1.to_string()));
            degree
                .chain([forms::predicate_adjective(adjective, agreement)])
                .collect()
        }
        Attribute::Comparison(degree, adjective, than) => {
            let degree = match degree {
                Degree::More => "plus",
                Degree::Less => "moins",
                Degree::As => "aussi",
            };
            let mut pieces = word(degree);
            pieces.extend([forms::predicate_adjective(adjective, agreement), Piece::Elide("que")]);
            pieces.extend(nominal(than, false));
            pieces
        }
        Attribute::Profession((_, masculine, feminine)) => {
            let form = if agreement.feminine { feminine } else { masculine };
            word(if agreement.plural {
                forms::plural(form)
            } else {
                (*form).to_string()
            })
        }
        Attribute::Place(where_) => place(where_),
        Attribute::Age(years) => phrase(&format!("{} ans", forms::number(*years, false))),
    }
}
