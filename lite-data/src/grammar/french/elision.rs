//! From French words to French text: elision, contraction, forms before a vowel, spacing.

/// A word whose form may depend on the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A word as it stands.
    Word(String),
    /// A word that loses its last vowel: je, me, le, la, ne, que.
    Elide(&'static str),
    /// A word with another form before a vowel: beau, ma, ce.
    Variant(&'static str, &'static str),
    /// The article le, la, les.
    The {
        /// Gender.
        feminine: bool,
        /// Number.
        plural: bool,
    },
    /// The article des, du, de la.
    Partitive {
        /// Gender.
        feminine: bool,
        /// Number.
        plural: bool,
    },
    /// The preposition de.
    De,
    /// The preposition à.
    A,
    /// Punctuation or a suffix that follows without space.
    Attach(&'static str),
}

/// Words in h that are treated as consonants, and vowels that are.
const ASPIRATED: &[&str] = &["huit", "huitième", "hibou", "hiboux", "héros", "onze"];

/// Whether `text` starts with a sound that elides.
pub fn starts_with_vowel(text: &str) -> bool {
    let word = text
        .split([' ', '-', ',', '.'])
        .next()
        .unwrap_or_default()
        .to_lowercase();
    if ASPIRATED.contains(&word.as_str()) {
        return false;
    }
    word.chars().next().is_some_and(|c| "aàâeéèêiîoôuûyhœ".contains(c))
}

/// Joins pieces into text.
pub fn join(pieces: &[Piece]) -> String {
    // Right to left, so that each piece sees the text that follows it.
    let mut words: Vec<String> = Vec::with_capacity(pieces.len());
    for (i, piece) in pieces.iter().enumerate().rev() {
        let follower = pieces.get(i + 1);
        if let (Piece::De, Some(Piece::Partitive { .. })) = (piece, follower) {
            // de + des = de.
            words.pop();
        }
        let word = match words
            .last()
            .map(String::as_str)
            .and_then(|next| contraction(piece, follower, next))
        {
            Some(contracted) => {
                words.pop();
                contracted.to_string()
            }
            None => form(piece, words.last().map_or("", String::as_str)),
        };
        words.push(match piece {
            // A mark that stands without space; the space is decided when the words are joined.
            Piece::Attach(_) => format!("{ATTACHED}{word}"),
            _ => word,
        });
    }
    let mut text = String::new();
    for word in words.iter().rev() {
        let (word, attached) = word
            .strip_prefix(ATTACHED)
            .map_or((word.as_str(), false), |word| (word, true));
        if !attached && !text.is_empty() && !text.ends_with('\'') {
            text.push(' ');
        }
        text.push_str(word);
    }
    text
}

const ATTACHED: char = '\u{2060}';

/// de + le = du, de + les = des, à + le = au, à + les = aux.
fn contraction(preposition: &Piece, follower: Option<&Piece>, next: &str) -> Option<&'static str> {
    let Some(Piece::The { .. }) = follower else { return None };
    match (preposition, next) {
        (Piece::De, "le") => Some("du"),
        (Piece::De, "les") => Some("des"),
        (Piece::A, "le") => Some("au"),
        (Piece::A, "les") => Some("aux"),
        _ => None,
    }
}

/// The form of one piece before the text `next`.
fn form(piece: &Piece, next: &str) -> String {
    let vowel = starts_with_vowel(next);
    let elide = |word: &str| match (vowel, word.char_indices().next_back()) {
        (true, Some((end, _))) => format!("{}'", &word[..end]),
        _ => word.to_string(),
    };
    match piece {
        Piece::Word(word) if word == "si" && matches!(next, "il" | "ils") => "s'".to_string(),
        Piece::Word(word) => word.clone(),
        Piece::Attach(text) => (*text).to_string(),
        Piece::Elide(word) => elide(word),
        Piece::Variant(plain, before_vowel) => (if vowel { before_vowel } else { plain }).to_string(),
        Piece::The { plural: true, .. } => "les".to_string(),
        Piece::The { feminine, .. } => elide(if *feminine { "la" } else { "le" }),
        Piece::Partitive { plural: true, .. } => "des".to_string(),
        Piece::Partitive { .. } if vowel => "de l'".to_string(),
        Piece::Partitive { feminine, .. } => (if *feminine { "de la" } else { "du" }).to_string(),
        Piece::De => elide("de"),
        Piece::A => "à".to_string(),
    }
}
