//! English plurals, verb forms, comparison and numbers in words.

use crate::grammar::lexicon::{Adjective, Comparison, Verb};

/// Plural of a noun.
pub fn plural(singular: &str) -> String {
    const IRREGULAR: &[(&str, &str)] = &[
        ("man", "men"),
        ("woman", "women"),
        ("policeman", "policemen"),
        ("child", "children"),
        ("mouse", "mice"),
        ("knife", "knives"),
        ("wolf", "wolves"),
        ("shelf", "shelves"),
        ("scarf", "scarves"),
        ("hero", "heroes"),
        ("tomato", "tomatoes"),
    ];
    match IRREGULAR.iter().find(|(word, _)| *word == singular) {
        Some((_, form)) => (*form).to_string(),
        None => add_s(singular),
    }
}

fn add_s(word: &str) -> String {
    if ["s", "x", "sh", "ch"].iter().any(|end| word.ends_with(end)) {
        format!("{word}es")
    } else if let Some(stem) = consonant_y(word) {
        format!("{stem}ies")
    } else {
        format!("{word}s")
    }
}

fn consonant_y(word: &str) -> Option<&str> {
    word.strip_suffix('y')
        .filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u']))
}

/// Applies `change` to the first word of a phrase: "look at", "looks at".
fn on_head(phrase: &str, change: impl Fn(&str) -> String) -> String {
    match phrase.split_once(' ') {
        Some((head, tail)) => format!("{} {tail}", change(head)),
        None => change(phrase),
    }
}

/// Third person singular.
pub fn third_person(base: &str) -> String {
    on_head(base, |head| match head {
        "have" => "has".to_string(),
        "go" => "goes".to_string(),
        "can" | "must" => head.to_string(),
        _ => add_s(head),
    })
}

/// Verbs that double their last letter.
const DOUBLING: &[&str] = &["run", "swim", "stop", "get", "forget", "begin"];

/// sleeping.
pub fn gerund(base: &str) -> String {
    on_head(base, |head| match head {
        "see" | "be" => format!("{head}ing"),
        _ if DOUBLING.contains(&head) => format!("{head}{}ing", &head[head.len() - 1..]),
        _ => format!("{}ing", head.strip_suffix('e').unwrap_or(head)),
    })
}

/// slept.
pub fn past(verb: &Verb) -> String {
    if !verb.past.is_empty() {
        return on_head(verb.past, str::to_string);
    }
    on_head(verb.english, |head| {
        if DOUBLING.contains(&head) {
            format!("{head}{}ed", &head[head.len() - 1..])
        } else if head.ends_with('e') {
            format!("{head}d")
        } else if let Some(stem) = consonant_y(head) {
            format!("{stem}ied")
        } else {
            format!("{head}ed")
        }
    })
}

/// seen.
pub fn participle(verb: &Verb) -> String {
    if verb.participle.is_empty() {
        past(verb)
    } else {
        verb.participle.to_string()
    }
}

/// older, more modern.
pub fn comparative(adjective: &Adjective) -> String {
    match adjective.comparison {
        Comparison::Ending(form, _) => form.to_string(),
        _ => format!("more {}", adjective.english),
    }
}

/// oldest, most modern.
pub fn superlative(adjective: &Adjective) -> String {
    match adjective.comparison {
        Comparison::Ending(_, form) => form.to_string(),
        _ => format!("most {}", adjective.english),
    }
}

/// a or an.
pub fn article(next: &str) -> &'static str {
    let exception = ["hour", "honest"].iter().any(|word| next.starts_with(word));
    let consonant = ["useful", "univers", "one"].iter().any(|word| next.starts_with(word));
    let vowel = next.starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'U']);
    if exception || (vowel && !consonant) { "an" } else { "a" }
}

#[rustfmt::skip]
const UNITS: [&str; 20] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
];
const TENS: [&str; 10] = [
    "", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
];

/// A number below 100 in words.
pub fn number(n: u32) -> String {
    match (TENS[n as usize / 10], n % 10) {
        ("", _) => UNITS[n as usize].to_string(),
        (tens, 0) => tens.to_string(),
        (tens, ones) => format!("{tens}-{}", UNITS[ones as usize]),
    }
}
