//! The first step of preparation: the text of each split under the line rules, without what cannot be used.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::SPLITS;
use super::inputs::Pairs;
use super::stream::{Block, blocks, stream};
use crate::config::{BrokenLines, DataConfig};
use crate::corpus::{Broken, LineRules, Pair};
use crate::error::DataError;
use crate::manifest::SplitReport;
use crate::moses::CleanConfig;
use crate::progress::Progress;
use crate::whole::WholeFile;

/// Where the text of a split and side stands.
pub fn side_path(folder: &Path, split: &str, side: &str) -> PathBuf {
    folder.join(format!("{split}.{side}.txt"))
}

/// The name under which this step leaves a split. Of a valid that is taken from train, only the limits on length say which
/// pairs it has, so that its own name is for the text that the last step keeps.
pub fn text_name<'a>(config: &DataConfig, split: &'a str) -> &'a str {
    match (split, config.valid_every) {
        ("valid", Some(_)) => "valid-all",
        _ => split,
    }
}

/// Copies the lines of all splits after the line rules, without what is left out.
pub fn write_text(
    config: &DataConfig,
    inputs: &Pairs,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<Vec<SplitReport>, DataError> {
    let mut reports: Vec<SplitReport> = SPLITS.iter().map(|name| SplitReport::new(name)).collect();
    let (train, others) = reports.split_at_mut(1);
    let [valid, test] = others else { return Ok(reports) };
    write_split(config, inputs, 2, [Some(test), None], folder, progress)?;
    if config.valid_every.is_some() {
        valid.as_train = true;
        write_split(config, inputs, 0, [Some(&mut train[0]), Some(valid)], folder, progress)?;
    } else {
        write_split(config, inputs, 1, [Some(valid), None], folder, progress)?;
        write_split(config, inputs, 0, [Some(&mut train[0]), None], folder, progress)?;
    }
    Ok(reports)
}

/// What the rules made of a pair.
enum Outcome {
    Pair(String, String),
    Broken(Broken),
    /// Refused by `moses.clean`, with the words of its sides.
    Unclean([usize; 2]),
}

/// Writes one split, and with a second report the pairs of valid that are taken from it.
fn write_split(
    config: &DataConfig,
    inputs: &Pairs,
    split: usize,
    [own, taken]: [Option<&mut SplitReport>; 2],
    folder: &Path,
    progress: &dyn Progress,
) -> Result<(), DataError> {
    let in_train = split == 0;
    let rules = [
        LineRules::new(config)?.for_split(SPLITS[split]),
        LineRules::target(config)?.for_split(SPLITS[split]),
    ];
    let mut clean = Clean {
        config: config.moses.as_ref().and_then(|moses| moses.clean).filter(|_| in_train),
        keep_empty: !in_train || config.valid_every.is_some(),
        factored: None,
    };
    let writer = |report| Writer::new(config, folder, report);
    let mut own = own.map(writer).transpose()?;
    let mut taken = taken.map(writer).transpose()?;
    let valid_every = config.valid_every.filter(|_| in_train);
    let mut counted = 0;
    progress.begin(&format!("reading {}", SPLITS[split]), None);
    let write = |block: Block<Outcome>| {
        let end = block.first + block.pairs.len() - 1;
        for (index, outcome) in block.pairs.into_iter().enumerate() {
            // As the scripts count: what cleaning leaves, or all lines if there is no cleaning yet.
            counted += usize::from(!matches!(outcome, Outcome::Unclean(_)));
            let is_valid = !matches!(outcome, Outcome::Unclean(_))
                && valid_every.is_some_and(|every| usize::is_multiple_of(counted, every));
            let writer = if is_valid { &mut taken } else { &mut own };
            if let Some(writer) = writer {
                writer.put(config, in_train, block.first + index, outcome)?;
            }
        }
        progress.advance(end as u64);
        Ok(())
    };
    let work = |block: Block<Pair>| Block {
        first: block.first,
        pairs: clean.apply(apply(&rules, block.pairs)),
    };
    stream(blocks(inputs.split(split)?), work, write)?;
    progress.end();
    own.into_iter().chain(taken).try_for_each(Writer::finish)
}

/// The rules of each side on all cores.
fn apply([source_rules, target_rules]: &[LineRules; 2], pairs: Vec<Pair>) -> Vec<Pair> {
    pairs
        .into_par_iter()
        .map(|pair| pair.map(|(source, target)| (source_rules.apply(source), target_rules.apply(target))))
        .collect()
}

/// `moses.clean` on blocks in their order.
struct Clean {
    config: Option<CleanConfig>,
    /// A pair with an empty side is refused like any other, and not set apart before.
    keep_empty: bool,
    factored: Option<bool>,
}

impl Clean {
    fn apply(&mut self, pairs: Vec<Pair>) -> Vec<Outcome> {
        let Some(config) = self.config else {
            return pairs.into_iter().map(Outcome::from).collect();
        };
        let keep_empty = self.keep_empty;
        let looked_at = |(source, target): &(String, String)| keep_empty || !(is_empty(source) || is_empty(target));
        let mut usable = pairs.iter().flatten().filter(|pair| looked_at(pair));
        self.factored = self.factored.or_else(|| {
            usable
                .next()
                .map(|(source, target)| source.contains('|') || target.contains('|'))
        });
        let factored = self.factored.unwrap_or(false);
        pairs
            .into_par_iter()
            .map(|pair| match pair {
                Ok(pair) if looked_at(&pair) => match config.clean(&pair.0, &pair.1, factored) {
                    Some((source, target)) => Outcome::Pair(source, target),
                    None => Outcome::Unclean([pair.0, pair.1].map(|side| side.split_whitespace().count())),
                },
                pair => pair.into(),
            })
            .collect()
    }
}

impl From<Pair> for Outcome {
    fn from(pair: Pair) -> Self {
        match pair {
            Ok((source, target)) => Outcome::Pair(source, target),
            Err(broken) => Outcome::Broken(broken),
        }
    }
}

fn is_empty(line: &str) -> bool {
    line.trim().is_empty()
}

/// The text of a split and what is told of it.
struct Writer<'a> {
    report: &'a mut SplitReport,
    sides: [TextWriter; 2],
}

impl<'a> Writer<'a> {
    fn new(config: &DataConfig, folder: &Path, report: &'a mut SplitReport) -> Result<Self, DataError> {
        let name = text_name(config, &report.name);
        Ok(Writer {
            sides: [
                TextWriter::new(folder, name, "source")?,
                TextWriter::new(folder, name, "target")?,
            ],
            report,
        })
    }

    fn put(&mut self, config: &DataConfig, in_train: bool, line: usize, outcome: Outcome) -> Result<(), DataError> {
        let report = &mut *self.report;
        report.lines += 1;
        let name = SPLITS[if in_train {
            0
        } else {
            usize::from(report.name == "test") + 1
        }];
        let (source, target) = match outcome {
            Outcome::Pair(source, target) => (source, target),
            Outcome::Broken(broken) if in_train && config.broken_lines == BrokenLines::Drop => {
                report.broken += 1;
                if report.broken == 1 {
                    report.examples.push(DataError::from(broken).to_string() + ": left out");
                }
                return Ok(());
            }
            Outcome::Broken(broken) => return Err(broken.error(in_train)),
            Outcome::Unclean(n) => {
                report.unclean += 1;
                if report.unclean == 1 {
                    let clean = config.moses.as_ref().and_then(|moses| moses.clean).unwrap_or_default();
                    let (min, max, ratio) = (clean.min, clean.max, clean.ratio);
                    report.examples.push(format!(
                        "{name} line {line}: {} source and {} target words, {min} to {max} and at most {ratio} times \
                         as many: left out",
                        n[0], n[1]
                    ));
                }
                return Ok(());
            }
        };
        // Where valid is taken from train, the scripts learn from such lines too, and their last step leaves them out.
        let keep_empty = in_train && config.valid_every.is_some();
        // An empty line of a text is a part of it.
        let keep_empty = keep_empty || config.is_one_sided();
        if !keep_empty && (is_empty(&source) || is_empty(&target)) {
            report.empty += 1;
            if report.empty == 1 {
                let side = if is_empty(&source) { "source" } else { "target" };
                let fate = if in_train { "left out" } else { "kept" };
                report
                    .examples
                    .push(format!("{name} line {line}: the {side} is empty: {fate}"));
            }
            if in_train {
                return Ok(());
            }
        }
        self.sides[0].line(&source)?;
        self.sides[1].line(&target)
    }

    fn finish(self) -> Result<(), DataError> {
        self.sides.into_iter().try_for_each(TextWriter::finish)
    }
}

/// One side of a split.
pub struct TextWriter(WholeFile);

impl TextWriter {
    /// Begins a file.
    pub fn new(folder: &Path, name: &str, side: &str) -> Result<Self, DataError> {
        WholeFile::create(&side_path(folder, name, side)).map(TextWriter)
    }

    /// Adds a line.
    pub fn line(&mut self, line: &str) -> Result<(), DataError> {
        self.0.write(line.as_bytes())?;
        self.0.write(b"\n")
    }

    /// Completes the file and gives it its name.
    pub fn finish(self) -> Result<(), DataError> {
        self.0.finish()
    }
}
