//! The `[data]` section of a definition: which corpus, which tokeniser, which lines are kept.

mod archive;
mod file;
mod validate;

use serde::{Deserialize, Serialize};

use crate::grammar::GrammarConfig;
use crate::moses::MosesConfig;
use crate::subword::LearnConfig;

pub use archive::{Archive, Split};
pub use file::{Field, File, Files, Given, JsonField, Remote, Sides, TableFile};

/// Everything that decides what the prepared data are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataConfig {
    /// Where the sentence pairs come from. Default: `files`.
    #[serde(default)]
    pub corpus: Corpus,
    /// Language code of the source side, such as `en`. Required, but for a corpus of one side: the text that a language
    /// model learns is a target without a source.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source_language: String,
    /// Language code of the target side, such as `fr`. Required.
    pub target_language: String,
    /// Lower-case every line, after Unicode normalisation and before anything else. Default: false.
    #[serde(default)]
    pub lowercase: bool,
    /// Unicode normalisation of every line, before anything else. Default: `none`.
    #[serde(default)]
    pub unicode: Unicode,
    /// What happens to a training line that is no valid text. Default: `error`.
    #[serde(default)]
    pub broken_lines: BrokenLines,
    /// Longest source in tokens, `</s>` counted. Longer: dropped in train, cut in valid and test. Limits on length are for
    /// pairs: a corpus of one side keeps every line, empty ones too. Default: 1024.
    #[serde(default = "default_max_tokens")]
    pub max_source_tokens: usize,
    /// Longest target in tokens, `</s>` counted. Longer: dropped in train, cut in valid and test. Default: 1024.
    #[serde(default = "default_max_tokens")]
    pub max_target_tokens: usize,
    /// What happens in train to a source above `max_source_tokens`. Default: `drop`.
    #[serde(default, skip_serializing_if = "LongSources::is_default")]
    pub long_sources: LongSources,
    /// Training pairs with a side of fewer tokens, `</s>` not counted, are dropped. Default: 1.
    #[serde(default = "default_min_tokens")]
    pub min_tokens: usize,
    /// Training pairs with one side more than this many times longer are dropped, as Moses clean-corpus-n does.
    /// Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ratio: Option<f64>,
    /// Every pair of train whose place is a multiple of this is valid instead, by the rules of train. Places are counted
    /// after `moses.clean`, before all else. Default: valid has files of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_every: Option<usize>,
    /// The steps of Moses, after the rules above and before the tokeniser. Default: none of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moses: Option<MosesConfig>,
    /// How a line is cut into pieces.
    #[serde(default)]
    pub tokeniser: TokeniserConfig,
    /// How pieces become numbers.
    #[serde(default)]
    pub vocabulary: VocabularyConfig,
    /// The files of `corpus = "files"`; local files here also replace any other corpus.
    #[serde(default, skip_serializing_if = "Files::is_empty")]
    pub files: Files,
    /// The settings of `corpus = "grammar"`.
    #[serde(default)]
    pub grammar: GrammarConfig,
    /// The archives of `corpus = "archives"`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub archives: Vec<Archive>,
    /// Text that is taken in the place of the archives. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stand_in: Option<StandIn>,
}

/// Text that is taken in the place of the archives, and has to be there: a part of them that was prepared elsewhere. It has
/// gone through the steps of Moses already.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StandIn {
    /// The six files.
    pub files: Files,
    /// Codes of subword-nmt, if they are not learnt on these files. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codes: Option<File>,
}

impl StandIn {
    /// All files that are named.
    pub fn named(&self) -> impl Iterator<Item = &File> {
        self.files.named().chain(&self.codes)
    }
}

/// Where the sentence pairs come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Corpus {
    /// One file a split and side, downloaded or local.
    #[default]
    Files,
    /// Generated from the built-in grammar: no file, no network.
    Grammar,
    /// Archives with many files, of which some are joined; local files stand in.
    Archives,
}

/// How the lines of a file become sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Every line is a sentence.
    #[default]
    Text,
    /// The training text of IWSLT: lines of addresses, keywords and numbers are left out, other tags taken away.
    Tagged,
    /// XML or SGM: only lines with `<seg id` hold sentences.
    Segments,
}

/// Unicode normalisation of every line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unicode {
    /// Lines stay as they are.
    #[default]
    None,
    /// Canonical composition.
    Nfc,
    /// Compatibility composition.
    Nfkc,
}

/// What happens to a training line with invalid UTF-8 or a NUL. In valid and test it is always an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BrokenLines {
    /// Stop, naming file and line.
    #[default]
    Error,
    /// Leave the pair out and count it.
    Drop,
}

/// What happens in train to a source above `max_source_tokens`. In valid and test it is always cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LongSources {
    /// Its pair is left out, as a sentence without its end has no translation.
    #[default]
    Drop,
    /// It is cut, as articles are: a summary of the beginning is one of the whole.
    Cut,
}

/// How a line is cut into pieces. The tokeniser is learnt on both sides of the training split together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokeniserConfig {
    /// Which tokeniser. Default: `sentencepiece`.
    pub kind: TokeniserKind,
    /// What SentencePiece learns. Default: `bpe`.
    pub model: SubwordModel,
    /// Pieces of the SentencePiece model, the four special ones counted. Default: 8000.
    pub vocabulary_size: usize,
    /// Share of the training characters that get a piece of their own; rarer ones become `<unk>`. Default: 1.0.
    pub character_coverage: f64,
    /// Never learn a piece that mixes letters and other characters, as SentencePiece's own trainer does. Switch it off
    /// for text that is tokenised already. Default: true.
    pub split_by_script: bool,
    /// Longest piece in characters. Default: 16.
    pub max_piece_length: usize,
    /// Merges that subword-nmt learns. Default: 10,000.
    #[serde(skip_serializing_if = "is_default_merges")]
    pub merges: usize,
    /// A codes file to use instead of learning one, for `kind = "subword-nmt"` alone. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codes: Option<File>,
    /// Give text as Moses's detokeniser does, references too, and not the words that the paper scores. For subword-nmt.
    /// Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub detokenise: bool,
}

/// Which tokeniser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokeniserKind {
    /// Subword pieces of a SentencePiece model that is trained here.
    #[default]
    Sentencepiece,
    /// Byte-pair encoding of subword-nmt: `ge@@ ht`.
    SubwordNmt,
    /// Words between spaces.
    Words,
    /// The lines hold pieces already, separated by spaces; `@@ ` joins words when decoding.
    None,
}

/// What SentencePiece learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SubwordModel {
    /// Byte-pair encoding (over characters).
    #[default]
    Bpe,
    /// Unigram language model.
    Unigram,
}

/// How pieces become numbers, as fairseq-preprocess does it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VocabularyConfig {
    /// One vocabulary for both sides. With SentencePiece it is the model's own order of pieces. Default: true.
    pub joined: bool,
    /// Pieces seen less often become `<unk>`. Not used by a joined SentencePiece vocabulary. Default: 0.
    pub threshold: u64,
    /// Most pieces kept, the four special ones counted. Not used by a joined SentencePiece vocabulary. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_words: Option<usize>,
    /// The size is padded to a multiple of this with `madeupword0000`. Default: 8.
    pub padding_factor: usize,
}

impl DataConfig {
    /// A corpus of files with every other setting at its default.
    pub fn new(source_language: &str, target_language: &str) -> Self {
        DataConfig {
            corpus: Corpus::default(),
            source_language: source_language.into(),
            target_language: target_language.into(),
            lowercase: false,
            unicode: Unicode::default(),
            broken_lines: BrokenLines::default(),
            max_source_tokens: default_max_tokens(),
            max_target_tokens: default_max_tokens(),
            long_sources: LongSources::default(),
            min_tokens: default_min_tokens(),
            max_ratio: None,
            valid_every: None,
            moses: None,
            tokeniser: TokeniserConfig::default(),
            vocabulary: VocabularyConfig::default(),
            files: Files::default(),
            grammar: GrammarConfig::default(),
            archives: Vec::new(),
            stand_in: None,
        }
    }

    /// Whether the corpus has one side alone: text for a language model.
    pub fn is_one_sided(&self) -> bool {
        self.source_language.is_empty()
    }
}

impl LongSources {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl TokeniserConfig {
    /// Whether lines are cut by merging pairs, of which BPE-dropout can leave some out.
    pub fn has_merges(&self) -> bool {
        match self.kind {
            TokeniserKind::Sentencepiece => self.model == SubwordModel::Bpe,
            TokeniserKind::SubwordNmt => true,
            TokeniserKind::Words | TokeniserKind::None => false,
        }
    }
}

impl Default for TokeniserConfig {
    fn default() -> Self {
        TokeniserConfig {
            kind: TokeniserKind::default(),
            model: SubwordModel::default(),
            vocabulary_size: 8000,
            character_coverage: 1.0,
            split_by_script: true,
            max_piece_length: 16,
            merges: LearnConfig::default().merges,
            codes: None,
            detokenise: false,
        }
    }
}

impl Default for VocabularyConfig {
    fn default() -> Self {
        VocabularyConfig {
            joined: true,
            threshold: 0,
            max_words: None,
            padding_factor: 8,
        }
    }
}

fn is_default_merges(merges: &usize) -> bool {
    *merges == LearnConfig::default().merges
}

fn is_false(value: &bool) -> bool {
    !value
}

fn default_max_tokens() -> usize {
    1024
}

fn default_min_tokens() -> usize {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_a_path_or_a_table() {
        let config: DataConfig = toml::from_str(
            r#"
            source_language = "en"
            target_language = "fr"
            [files.train]
            source = "a.en"
            target = { url = "http://x/a.fr", path = "c/a.fr", size = 3, sha256 = "00" }
            "#,
        )
        .unwrap();
        assert_eq!(config.files.train.source, Some(File::Local("a.en".into())));
        assert!(matches!(config.files.train.target, Some(File::Remote(_))));
        assert_eq!(config.tokeniser, TokeniserConfig::default());
        config.validate().unwrap();

        let json = serde_json::to_value(&config).unwrap();
        assert_eq!(serde_json::from_value::<DataConfig>(json).unwrap(), config);
    }

    #[test]
    fn impossible_values_are_refused() {
        let check = |change: fn(&mut DataConfig), expected: &str| {
            let mut config = DataConfig::new("en", "fr");
            change(&mut config);
            let message = config.validate().unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        };
        check(|config| config.max_source_tokens = 1, "max_source_tokens = 1");
        check(|config| config.max_ratio = Some(0.5), "max_ratio = 0.5");
        check(|config| config.valid_every = Some(1), "valid_every = 1");
        check(
            |config| config.tokeniser.character_coverage = 1.5,
            "character_coverage = 1.5",
        );
        check(|config| config.tokeniser.vocabulary_size = 4, "vocabulary_size = 4");
        check(|config| config.vocabulary.padding_factor = 0, "padding_factor");
        check(|config| config.tokeniser.detokenise = true, "detokenise needs kind");
        let one_sided = |change: fn(&mut DataConfig), expected: &str| {
            let mut config = DataConfig::new("", "en");
            config.validate().unwrap();
            change(&mut config);
            let message = config.validate().unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        };
        one_sided(|config| config.max_ratio = Some(1.5), "max_ratio without a source");
        one_sided(|config| config.corpus = Corpus::Grammar, "which makes pairs, without");
        one_sided(
            |config| config.files.valid.source = Some(File::Local("a".into())),
            "files with a source without",
        );
        let moses = |moses: &str| -> MosesConfig { toml::from_str(moses).unwrap() };
        let refused = |section: &str, expected: &str| {
            let mut config = DataConfig::new("en", "xx");
            if section.contains('=') {
                config.target_language = "fr".into();
            }
            config.moses = Some(moses(section));
            let message = config.validate().unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        };
        refused("", "no rules for the language `xx`");
        refused("protected = [\"(\"]", "protected pattern `(`");
        refused("clean = { ratio = 0.5 }", "ratio = 0.5, min = 1, max = 80");
        refused("clean = { min = 9, max = 8 }", "min = 9, max = 8");
    }
}
