//! The English side of a tree.

pub mod forms;

mod adjuncts;

use adjuncts::{adjunct, place, price, time};

use super::lexicon::verbs::{BE, COST};
use super::lexicon::{Kind, PERSON, Verb};
use super::tree::*;

/// A sentence, with capital and full stop.
pub fn sentence(tree: &Sentence) -> String {
    let (words, mark) = match tree {
        Sentence::Statement(one) => (clause(one), "."),
        Sentence::Joined(first, join, second, comma) => {
            let comma = if *comma { "," } else { "" };
            (format!("{}{comma} {} {}", clause(first), join.0, clause(second)), ".")
        }
        Sentence::Fronted(join, first, second) => (format!("{} {}, {}", join.0, clause(first), clause(second)), "."),
        Sentence::Question(question, asked) => (ask(question, asked), "?"),
        Sentence::Who(predicate) => (
            format!(
                "who {}",
                verb_phrase(predicate, Pronoun::HE.agreement, None).words(None)
            ),
            "?",
        ),
        Sentence::HowMuch(what) => {
            let does = if what.agreement().plural { "do" } else { "does" };
            (format!("how much {does} {} cost", subject(what)), "?")
        }
        Sentence::There(tense, what, where_) => {
            let group = verb_group(&BE, *tense, Polarity::Yes, None, what.agreement(), false);
            (
                format!("there {} {} {}", group.words(None), object(what), place(where_)),
                ".",
            )
        }
        Sentence::Imperative(polarity, core, please) => {
            let start = if *polarity == Polarity::Yes { "" } else { "do not " };
            let please_word = if *please { "please " } else { "" };
            let order = verb_phrase(
                &Predicate::new(Tense::Infinitive, core.clone()),
                Pronoun::YOU.agreement,
                None,
            );
            (
                format!("{please_word}{start}{}", order.words(None)),
                if *please { "." } else { "!" },
            )
        }
    };
    capitalise(&words) + mark
}

/// First letter in upper case.
pub fn capitalise(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// A verb with what stands around it; the auxiliary apart, because questions move it.
struct VerbPhrase {
    auxiliary: Option<String>,
    rest: Vec<String>,
}

impl VerbPhrase {
    /// In order, with the subject of a question after the auxiliary.
    fn words(&self, inverted: Option<&str>) -> String {
        let words = self.auxiliary.iter().map(String::as_str).chain(inverted);
        words
            .chain(self.rest.iter().map(String::as_str))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

fn ask(question: &Question, asked: &Clause) -> String {
    let predicate = &asked.predicate;
    let phrase = verb_phrase(predicate, asked.subject.agreement(), Some(()));
    let words = phrase.words(Some(&subject(&asked.subject)));
    match question {
        Question::Whether => words,
        Question::Word(word) => format!("{} {words}", word.0),
        Question::What => format!("what {words}"),
    }
}

fn clause(tree: &Clause) -> String {
    let front = tree.front.map(|front| format!("{}, ", time(front))).unwrap_or_default();
    let agreement = tree.subject.agreement();
    let first = verb_phrase(&tree.predicate, agreement, None).words(None);
    let second = tree
        .second
        .as_ref()
        .map(|more| format!(" and {}", verb_phrase(more, agreement, None).words(None)));
    format!(
        "{front}{} {first}{}",
        subject(&tree.subject),
        second.unwrap_or_default()
    )
}

fn verb_phrase(tree: &Predicate, agreement: Agreement, question: Option<()>) -> VerbPhrase {
    let group = |verb: &Verb| {
        verb_group(
            verb,
            tree.tense,
            tree.polarity,
            tree.adverb,
            agreement,
            question.is_some(),
        )
    };
    let mut phrase = match &tree.core {
        Core::Verb { verb, .. } | Core::Control(verb, _) | Core::That(verb, _) => group(verb),
        Core::Be(_) | Core::Passive(..) => group(&BE),
        Core::Cost(_) => group(&COST),
    };
    phrase
        .rest
        .extend(complements(&tree.core, agreement, tree.polarity != Polarity::Yes));
    phrase.rest.extend(tree.adjuncts.iter().map(adjunct));
    phrase
}

fn complements(core: &Core, agreement: Agreement, negated: bool) -> Vec<String> {
    match core {
        Core::Verb {
            object: what,
            recipient,
            ..
        } => {
            let to = recipient.iter().map(|whom| format!("to {}", object(whom)));
            what.iter()
                .map(|what| if negated { denied_object(what) } else { object(what) })
                .chain(to)
                .collect()
        }
        Core::Control(_, inner) => {
            let inner = Predicate::new(Tense::Infinitive, (**inner).clone());
            vec![verb_phrase(&inner, agreement, None).words(None)]
        }
        Core::That(_, said) => vec!["that".to_string(), clause(said)],
        Core::Be(attribute) => vec![be(attribute, agreement)],
        Core::Passive(verb, agent) => {
            let by = agent.iter().map(|agent| format!("by {}", object(agent)));
            std::iter::once(forms::participle(verb)).chain(by).collect()
        }
        Core::Cost(cents) => vec![price(*cents)],
    }
}

fn be(attribute: &Attribute, agreement: Agreement) -> String {
    match attribute {
        Attribute::Adjective(adjective, None) => adjective.english.to_string(),
        Attribute::Adjective(adjective, Some(degree)) => format!("{} {}", degree.0, adjective.english),
        Attribute::Comparison(Degree::More, adjective, than) => {
            format!("{} than {}", forms::comparative(adjective), object(than))
        }
        Attribute::Comparison(Degree::Less, adjective, than) => {
            format!("less {} than {}", adjective.english, object(than))
        }
        Attribute::Comparison(Degree::As, adjective, than) => format!("as {} as {}", adjective.english, object(than)),
        Attribute::Profession((english, ..)) if agreement.plural => forms::plural(english),
        Attribute::Profession((english, ..)) => format!("{} {english}", forms::article(english)),
        Attribute::Place(where_) => place(where_),
        Attribute::Age(years) => format!("{} years old", forms::number(*years)),
    }
}

/// The conjugated verb with negation and adverb; objects follow.
fn verb_group(
    verb: &Verb,
    tense: Tense,
    polarity: Polarity,
    adverb: Option<Pair>,
    agreement: Agreement,
    question: bool,
) -> VerbPhrase {
    let base = verb.english;
    let negated = polarity == Polarity::Not;
    let third = agreement.row() == 2;
    let be = match agreement.row() {
        0 => ("am", "was"),
        2 => ("is", "was"),
        _ => ("are", "were"),
    };
    let do_word = if third { "does" } else { "do" };
    let copula = base
        .strip_prefix("be")
        .filter(|tail| tail.is_empty() || tail.starts_with(' '))
        .map(str::trim_start);
    let modal = matches!(base, "can" | "must");
    let present = matches!(tense, Tense::Present | Tense::PresentForFuture);
    let (auxiliary, main): (Option<&str>, String) = match tense {
        Tense::Infinitive => (None, base.to_string()),
        Tense::Progressive => (Some(be.0), forms::gerund(base)),
        Tense::PastProgressive => (Some(be.1), forms::gerund(base)),
        Tense::Future => (Some("will"), base.to_string()),
        Tense::GoingTo => (Some(be.0), format!("going to {base}")),
        Tense::UsedTo => (None, format!("used to {base}")),
        Tense::Present | Tense::Past | Tense::PresentForFuture => match copula {
            Some(tail) => (Some(if present { be.0 } else { be.1 }), tail.to_string()),
            None if modal => (Some(if present { base } else { verb.past }), String::new()),
            None if negated || question => (Some(if present { do_word } else { "did" }), base.to_string()),
            None if present => (
                None,
                if third {
                    forms::third_person(base)
                } else {
                    base.to_string()
                },
            ),
            None => (None, forms::past(verb)),
        },
    };
    let negation = match polarity {
        Polarity::Yes => None,
        Polarity::Not => Some("not"),
        Polarity::Never => Some("never"),
        Polarity::NoLonger => Some("no longer"),
    };
    let rest = negation.into_iter().chain(adverb.map(|pair| pair.0)).map(String::from);
    let mut phrase = VerbPhrase {
        auxiliary: auxiliary.map(String::from),
        rest: rest.chain(Some(main).filter(|main| !main.is_empty())).collect(),
    };
    if negated && auxiliary == Some("can") {
        phrase.auxiliary = Some("cannot".to_string());
        phrase.rest.remove(0);
    }
    phrase
}

/// In the place of a subject.
fn subject(tree: &Nominal) -> String {
    nominal(tree, |pronoun| {
        match (pronoun.agreement.row(), pronoun.thing, pronoun.agreement.feminine) {
            (0, ..) => "I",
            (3, ..) => "we",
            (1 | 4, ..) => "you",
            (5, ..) => "they",
            (_, true, _) => "it",
            (_, _, true) => "she",
            _ => "he",
        }
    })
}

/// In the place of an object.
fn object(tree: &Nominal) -> String {
    nominal(tree, |pronoun| {
        match (pronoun.agreement.row(), pronoun.thing, pronoun.agreement.feminine) {
            (0, ..) => "me",
            (3, ..) => "us",
            (1 | 4, ..) => "you",
            (5, ..) => "them",
            (_, true, _) => "it",
            (_, _, true) => "her",
            _ => "him",
        }
    })
}

/// In the place of an object, after "not": "some" gives way to "any".
fn denied_object(tree: &Nominal) -> String {
    let text = object(tree);
    match tree {
        Nominal::Phrase(phrase) if phrase.determiner == Determiner::Partitive => text.replacen("some", "any", 1),
        _ => text,
    }
}

fn nominal(tree: &Nominal, pronoun: fn(&Pronoun) -> &'static str) -> String {
    match tree {
        Nominal::Pronoun(which) => pronoun(which).to_string(),
        Nominal::Name(name) => name.english.to_string(),
        Nominal::Phrase(phrase) => noun_phrase(phrase),
        Nominal::And(a, b) => format!("{} and {}", nominal(a, pronoun), nominal(b, pronoun)),
    }
}

fn noun_phrase(tree: &NounPhrase) -> String {
    let superlative = tree.superlative.map(forms::superlative);
    let adjectives = [tree.before, tree.after]
        .into_iter()
        .flatten()
        .map(|adjective| adjective.english.to_string());
    let noun = if tree.plural {
        forms::plural(tree.noun.english)
    } else {
        tree.noun.english.to_string()
    };
    let words: Vec<String> = superlative.into_iter().chain(adjectives).chain([noun]).collect();
    let words = words.join(" ");
    let opening = determiner(&tree.determiner, tree.plural, &words);
    let start = if opening.is_empty() {
        words
    } else {
        format!("{opening} {words}")
    };
    match &tree.modifier {
        None => start,
        Some(Modifier::Of(whole)) => format!("{start} of {}", object(whole)),
        Some(Modifier::Within(whole)) => format!("{start} in {}", object(whole)),
        Some(Modifier::Place(where_)) => format!("{start} {}", place(where_)),
        Some(Modifier::Relative(relative)) => format!("{start} {}", relative_clause(relative, tree)),
    }
}

fn relative_clause(tree: &Relative, head: &NounPhrase) -> String {
    let is = |kind: Kind| head.noun.kind & kind != 0;
    match tree {
        Relative::Subject(predicate) => {
            let agreement = Agreement::third(head.noun.feminine, head.plural);
            let who = if is(PERSON) { "who" } else { "that" };
            format!("{who} {}", verb_phrase(predicate, agreement, None).words(None))
        }
        Relative::Object(inner) => format!("that {}", clause(inner)),
        Relative::Whose(inner) => format!("whose {}", clause(inner)),
        Relative::Where(inner) => format!("where {}", clause(inner)),
    }
}

fn determiner(tree: &Determiner, plural: bool, next: &str) -> String {
    match tree {
        Determiner::The => "the".to_string(),
        Determiner::A => forms::article(next).to_string(),
        Determiner::Partitive => "some".to_string(),
        Determiner::This => (if plural { "these" } else { "this" }).to_string(),
        Determiner::Mine(owner) => possessive(owner).to_string(),
        Determiner::Number(n) => forms::number(*n),
        Determiner::TheNumber(n) => format!("the {}", forms::number(*n)),
        Determiner::Many => "many".to_string(),
        Determiner::Several => "several".to_string(),
        Determiner::Few => "a few".to_string(),
        Determiner::Every => "every".to_string(),
        Determiner::All => "all the".to_string(),
        Determiner::Bare => String::new(),
        Determiner::Owner(owner) => {
            let regular_plural = owner.agreement().plural && object(owner).ends_with('s');
            format!("{}{}", object(owner), if regular_plural { "'" } else { "'s" })
        }
    }
}

fn possessive(owner: &Pronoun) -> &'static str {
    match (owner.agreement.row(), owner.agreement.feminine) {
        (0, _) => "my",
        (3, _) => "our",
        (1 | 4, _) => "your",
        (5, _) => "their",
        (_, true) => "her",
        _ => "his",
    }
}
