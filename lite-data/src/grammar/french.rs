//! The French side of a tree.

use super::conjugation::{conjugate, takes_etre};
use super::elision::{Piece, join};
use super::english::capitalise;
use super::french_forms as forms;
use super::lexicon::names::CountryKind;
use super::lexicon::times::{MONTHS, UNITS, WEEKDAYS};
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
            let fronted = phrase(join.1).into_iter().chain(clause(first, None)).chain([Piece::Attach(",")]);
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
            (word("qui").into_iter().chain(verb_phrase(predicate, agreement, None)).collect(), " ?")
        }
        Sentence::HowMuch(what) => {
            let form = conjugate(COST.french).present[what.agreement().row()].clone();
            (phrase(&format!("combien {form}")).into_iter().chain(nominal(what, false)).collect(), " ?")
        }
        Sentence::There(tense, what, where_) => {
            let avoir = finite("avoir", *tense, 2, true);
            (phrase(&format!("il y {avoir}")).into_iter().chain(nominal(what, false)).chain(place(where_)).collect(), ".")
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

fn subject_pronoun(pronoun: &Pronoun) -> Piece {
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

fn verb_phrase(tree: &Predicate, agreement: Agreement, gap: Option<Agreement>) -> Vec<Piece> {
    let mut pieces = match &tree.core {
        Core::Verb { verb, object, recipient } => {
            let clitics = clitics(verb, object.as_ref(), recipient.as_ref());
            let preceding = match object {
                Some(Nominal::Pronoun(pronoun)) => Some(pronoun.agreement),
                _ => gap,
            };
            let group = Group { verb, tree, agreement, preceding: preceding.filter(|_| verb.link == Link::Direct), clitics };
            let mut pieces = group.pieces();
            pieces.extend(full_objects(verb, object.as_ref(), recipient.as_ref(), tree.polarity != Polarity::Yes));
            pieces
        }
        Core::Control(verb, inner) => {
            let mut pieces = Group { verb, tree, agreement, preceding: None, clitics: Vec::new() }.pieces();
            // "essayer de" keeps its preposition before the infinitive.
            pieces.extend(verb.french.split_once(' ').map(|(_, link)| phrase(link)).into_iter().flatten());
            let inner = Predicate::new(Tense::Infinitive, (**inner).clone());
            pieces.extend(verb_phrase(&inner, agreement, None));
            pieces
        }
        Core::That(verb, said) => {
            let mut pieces = Group { verb, tree, agreement, preceding: None, clitics: Vec::new() }.pieces();
            pieces.push(Piece::Elide("que"));
            pieces.extend(clause(said, None));
            pieces
        }
        Core::Be(Attribute::Age(years)) => {
            let mut pieces = Group { verb: &AGE, tree, agreement, preceding: None, clitics: Vec::new() }.pieces();
            pieces.extend(phrase(&format!("{} ans", forms::number(*years, false))));
            pieces
        }
        Core::Be(attribute) => {
            let mut pieces = Group { verb: &BE, tree, agreement, preceding: None, clitics: Vec::new() }.pieces();
            pieces.extend(be(attribute, agreement));
            pieces
        }
        Core::Passive(verb, agent) => passive(verb, agent.as_ref(), tree, agreement),
        Core::Cost(cents) => {
            let mut pieces = Group { verb: &COST, tree, agreement, preceding: None, clitics: Vec::new() }.pieces();
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
    let mut pieces = Group { verb: &event, tree, agreement, preceding: None, clitics: Vec::new() }.pieces();
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
            degree.chain([forms::predicate_adjective(adjective, agreement)]).collect()
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
            word(if agreement.plural { forms::plural(form) } else { (*form).to_string() })
        }
        Attribute::Place(where_) => place(where_),
        Attribute::Age(years) => phrase(&format!("{} ans", forms::number(*years, false))),
    }
}

/// A verb about to be conjugated.
struct Group<'a> {
    verb: &'a Verb,
    tree: &'a Predicate,
    agreement: Agreement,
    /// A direct object before the verb, with which the participle of avoir agrees.
    preceding: Option<Agreement>,
    clitics: Vec<Piece>,
}

impl Group<'_> {
    /// ne, clitics, conjugated verb, pas, adverb, participle or infinitive, fixed tail.
    fn pieces(&self) -> Vec<Piece> {
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
        pieces.extend(tail.split(' ').filter(|word| !matches!(*word, "" | "de" | "à")).flat_map(word));
        pieces
    }
}

/// Simple forms.
fn finite(infinitive: &str, tense: Tense, row: usize, stative: bool) -> String {
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

/// Pronoun objects, in the order me/nous/vous, le/la/les, lui/leur.
fn clitics(verb: &Verb, object: Option<&Nominal>, recipient: Option<&Nominal>) -> Vec<Piece> {
    let of = |nominal: Option<&Nominal>, dative: bool| match nominal {
        Some(Nominal::Pronoun(pronoun)) => Some(clitic(pronoun, dative)),
        _ => None,
    };
    let mut found: Vec<(u8, Piece)> =
        [of(object, verb.link == Link::To), of(recipient, true)].into_iter().flatten().collect();
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
fn full_objects(verb: &Verb, object: Option<&Nominal>, recipient: Option<&Nominal>, negated: bool) -> Vec<Piece> {
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
fn imperative(polarity: Polarity, core: &Core) -> Vec<Piece> {
    let you = Pronoun::YOU.agreement;
    let Core::Verb { verb, object, recipient } = core else {
        return verb_phrase(&Predicate { polarity, ..Predicate::new(Tense::Present, core.clone()) }, you, None);
    };
    if polarity != Polarity::Yes {
        return verb_phrase(&Predicate { polarity, ..Predicate::new(Tense::Present, core.clone()) }, you, None);
    }
    let (infinitive, reflexive) = reflexive(verb.french);
    let infinitive = infinitive.split(' ').next().unwrap_or(infinitive);
    let mut pieces = word(conjugate(infinitive).present[you.row()].clone());
    pieces.extend(reflexive.then_some(Piece::Attach("-vous")));
    if let Some(Nominal::Pronoun(pronoun)) = recipient {
        pieces.push(Piece::Attach(match (pronoun.agreement.row(), pronoun.agreement.plural) {
            (0, _) => "-moi",
            (3, _) => "-nous",
            (_, false) => "-lui",
            (_, true) => "-leur",
        }));
    }
    pieces.extend(full_objects(verb, object.as_ref(), recipient.as_ref(), false));
    pieces
}

/// Names, noun phrases and their coordination; `negated` turns "un" and "des" into "de".
fn nominal(tree: &Nominal, negated: bool) -> Vec<Piece> {
    match tree {
        Nominal::Pronoun(pronoun) => vec![subject_pronoun(pronoun)],
        Nominal::Name(name) => word(name.french),
        Nominal::Phrase(phrase) => noun_phrase(phrase, negated),
        Nominal::And(a, b) => {
            nominal(a, negated).into_iter().chain(word("et")).chain(nominal(b, negated)).collect()
        }
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
        pieces.push(Piece::The { feminine: agreement.feminine, plural: agreement.plural });
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
        Relative::Subject(predicate) => {
            word("qui").into_iter().chain(verb_phrase(predicate, head, None)).collect()
        }
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
        Determiner::A | Determiner::Some if negated => vec![Piece::De],
        Determiner::A => word(if feminine { "une" } else { "un" }),
        // de petites maisons, not des petites maisons.
        Determiner::Some if plural && tree.before.is_some() => vec![Piece::De],
        Determiner::Some => vec![Piece::Some { feminine, plural }],
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

fn adjunct(tree: &Adjunct) -> Vec<Piece> {
    match tree {
        Adjunct::Place(where_) => place(where_),
        Adjunct::Time(when) => time(*when),
        Adjunct::Manner(pair) => word(pair.1),
        Adjunct::With(who) => word("avec").into_iter().chain(nominal(who, false)).collect(),
        Adjunct::For(who) => word("pour").into_iter().chain(nominal(who, false)).collect(),
    }
}

fn place(tree: &Place) -> Vec<Piece> {
    match tree {
        Place::At(preposition, what) => phrase(preposition.french).into_iter().chain(nominal(what, false)).collect(),
        Place::City(Direction::From, pair) => vec![Piece::De, Piece::Word(pair.1.to_string())],
        Place::City(_, pair) => vec![Piece::A, Piece::Word(pair.1.to_string())],
        Place::Country(direction, (_, name, kind)) => {
            let from = *direction == Direction::From;
            let preposition = if from { Piece::De } else { Piece::A };
            let name = Piece::Word((*name).to_string());
            match kind {
                CountryKind::Feminine if from => vec![Piece::De, name],
                CountryKind::Feminine => vec![Piece::Word("en".to_string()), name],
                CountryKind::Masculine => vec![preposition, Piece::The { feminine: false, plural: false }, name],
                CountryKind::Plural => vec![preposition, Piece::The { feminine: false, plural: true }, name],
            }
        }
    }
}

fn duration(n: u32, unit: usize) -> String {
    let (_, singular, feminine) = UNITS[unit];
    let noun = if n == 1 { singular.to_string() } else { forms::plural(singular) };
    format!("{} {noun}", forms::number(n, feminine))
}

fn time(tree: Time) -> Vec<Piece> {
    let first = |day: u32| if day == 1 { "1er".to_string() } else { day.to_string() };
    word(match tree {
        Time::Clock(12, 0) => "à midi".to_string(),
        Time::Clock(0, 0) => "à minuit".to_string(),
        Time::Clock(hour, 0) => format!("à {hour} h"),
        Time::Clock(hour, minute) => format!("à {hour} h {minute:02}"),
        Time::Date(day, month, year) => format!("le {} {} {year}", first(day), MONTHS[month].1),
        Time::Day(day, month) => format!("le {} {}", first(day), MONTHS[month].1),
        Time::Weekday(day) => WEEKDAYS[day].1.to_string(),
        Time::Weekdays(day) => format!("le {}", WEEKDAYS[day].1),
        Time::WeekdayPart(day, part) => format!("{} {}", WEEKDAYS[day].1, ["matin", "soir"][part]),
        Time::Month(month) => format!("en {}", MONTHS[month].1),
        Time::Year(year) => format!("en {year}"),
        Time::Ago(n, unit) => format!("il y a {}", duration(n, unit)),
        Time::Within(n, unit) => format!("dans {}", duration(n, unit)),
        Time::During(n, unit) => format!("pendant {}", duration(n, unit)),
        Time::Fixed(pair) => pair.1.to_string(),
    })
}

fn price(cents: u32) -> String {
    let (euros, cents) = (cents / 100, cents % 100);
    let euros = if euros < 1000 { euros.to_string() } else { format!("{} {:03}", euros / 1000, euros % 1000) };
    if cents == 0 { format!("{euros} euros") } else { format!("{euros},{cents:02} euros") }
}
