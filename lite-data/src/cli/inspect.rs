//! `lite-data inspect`: what a prepared folder holds, single pairs, and batches of them in the order of training.
//!
//! No model is known here. Training leaves out pairs that are longer than its model has positions, and cuts a text into
//! blocks of as many tokens; batches here are of all pairs, and of a text of its lines.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use lite_data::{
    Batch, BatchConfig, BpeDropout, EpochDropout, PAD, PairStore, Prepared, UpdatePlan, sequential_batches, updates,
};
use serde_json::{Value, json};

use super::ranges;
use super::report::Usage;

#[derive(Debug, Args)]
pub struct Inspect {
    /// A prepared folder.
    folder: PathBuf,
    /// Split of the pairs and batches to show.
    #[arg(long, default_value = "train", value_parser = ["train", "valid", "test"])]
    split: String,
    /// Number of a pair to show, from zero; may be repeated.
    #[arg(long, value_name = "N")]
    pair: Vec<usize>,
    /// Show the first N batches: of train in the order of an epoch, of others by length. They have every pair, and of a
    /// text its lines: training leaves out what is longer than its model has positions, and learns a text in blocks.
    #[arg(long, value_name = "N", default_value_t = 0)]
    batches: usize,
    /// Most tokens of a batch, of train also of an update: rows times the longest side.
    #[arg(long, value_name = "N", default_value_t = 4096)]
    tokens_per_batch: usize,
    /// Seed of the order of train.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Epoch of the order of train, from zero.
    #[arg(long, default_value_t = 0)]
    epoch: u64,
    /// Cut pairs and batches of train anew, each merge left out with probability P, as training with
    /// `train.bpe_dropout` cuts them in that epoch.
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = ranges::probability)]
    bpe_dropout: f64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Shows the folder.
pub fn run(arguments: &Inspect) -> Result<()> {
    if arguments.bpe_dropout > 0.0 && arguments.split != "train" {
        let message = format!("--bpe-dropout is for train, the split is {}", arguments.split);
        return Err(Usage(message).into());
    }
    let prepared = Prepared::open(&arguments.folder)?;
    let store = match arguments.split.as_str() {
        "valid" => &prepared.valid,
        "test" => &prepared.test,
        _ => &prepared.train,
    };
    let config = batch_config(arguments.tokens_per_batch);
    let dropout = (arguments.bpe_dropout > 0.0)
        .then(|| BpeDropout::new(&prepared, arguments.bpe_dropout, &config, arguments.seed))
        .transpose()?;
    let seen = Seen {
        prepared: &prepared,
        store,
        dropout: dropout.as_ref().map(|dropout| dropout.epoch(arguments.epoch)),
    };
    let mut pairs = Vec::new();
    for &index in &arguments.pair {
        if index >= store.len() {
            bail!(
                "{} has pairs 0 to {}, there is no pair {index}",
                arguments.split,
                store.len().saturating_sub(1)
            );
        }
        pairs.push(seen.pair(index));
    }
    let batches = seen.batches(arguments, &config);
    let mut out = io::stdout().lock();
    if arguments.json {
        let batches: Vec<Value> = batches.iter().map(|batch| seen.batch_json(batch)).collect();
        let all = json!({
            "hash": prepared.hash, "manifest": prepared.manifest, "pairs": pairs, "batches": batches,
        });
        writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?;
        return Ok(());
    }
    // With batches or pairs to show, the rest is known.
    if pairs.is_empty() && batches.is_empty() {
        summary(&prepared, &mut out)?;
    }
    for pair in &pairs {
        writeln!(out, "{}", serde_json::to_string(pair)?)?;
    }
    for (number, batch) in batches.iter().enumerate() {
        seen.table(number, batch, &mut out)?;
    }
    Ok(())
}

fn summary(prepared: &Prepared, out: &mut impl Write) -> Result<()> {
    let manifest = &prepared.manifest;
    writeln!(out, "hash: {}", prepared.hash)?;
    for input in &manifest.inputs {
        writeln!(
            out,
            "input: {} ({} bytes, sha256 {})",
            input.name, input.size, input.sha256
        )?;
    }
    writeln!(out, "tokeniser: {}", prepared.tokeniser)?;
    writeln!(
        out,
        "vocabulary: {} source, {} target pieces",
        manifest.source_vocabulary, manifest.target_vocabulary
    )?;
    for split in &manifest.splits {
        writeln!(out, "{}", split.summary())?;
        for line in split.length_summary() {
            writeln!(out, "  {line}")?;
        }
        for example in &split.examples {
            writeln!(out, "  {example}")?;
        }
    }
    Ok(())
}

/// A split as it is stored, or with the words cut anew.
struct Seen<'a> {
    prepared: &'a Prepared,
    store: &'a PairStore,
    dropout: Option<EpochDropout<'a>>,
}

impl Seen<'_> {
    fn ids(&self, index: usize) -> (Vec<u32>, Vec<u32>) {
        let (source, target) = self.store.pair(index);
        match &self.dropout {
            Some(dropout) => dropout.pair(index as u32, (source, target)),
            None => (source.to_vec(), target.to_vec()),
        }
    }

    /// A pair with its ids, pieces and text.
    fn pair(&self, index: usize) -> Value {
        let (source, target) = self.ids(index);
        let [source, target] = [
            (source, &self.prepared.source_vocabulary),
            (target, &self.prepared.target_vocabulary),
        ]
        .map(|(ids, vocabulary)| {
            let pieces = vocabulary.decode(&ids);
            let text = self.prepared.tokeniser.decode(&pieces);
            json!({ "ids": ids, "pieces": pieces, "text": text })
        });
        json!({ "pair": index, "source": source, "target": target })
    }

    fn batches(&self, arguments: &Inspect, config: &BatchConfig) -> Vec<Batch> {
        let n = arguments.batches;
        if n == 0 {
            return Vec::new();
        }
        let mut batches: Vec<Batch> = if arguments.split == "train" {
            let plans = updates(self.store, config, arguments.seed, arguments.epoch);
            let load = |plan: &UpdatePlan| match &self.dropout {
                Some(dropout) => plan.load_drawn(self.store, dropout, config.tokens_per_batch),
                None => plan.load(self.store),
            };
            plans.iter().take(n).flat_map(|plan| load(plan).batches).collect()
        } else {
            sequential_batches(self.store, arguments.tokens_per_batch)
        };
        batches.truncate(n);
        batches
    }

    fn batch_json(&self, batch: &Batch) -> Value {
        let rows: Vec<Value> = batch.indices.iter().map(|&index| self.pair(index as usize)).collect();
        json!({
            "rows": rows,
            "source_length": batch.source_length,
            "target_length": batch.target_length,
            "source_padding": padding(&batch.source),
            "target_padding": padding(&batch.target_output),
            "target_tokens": batch.n_tokens,
        })
    }

    /// A line for each side of each row, as the model gets it: `</s>` counted, padding apart.
    fn table(&self, number: usize, batch: &Batch, out: &mut impl Write) -> Result<()> {
        writeln!(
            out,
            "batch {number}: {} rows · source {} long, {:.1} % padding · target {} long, {:.1} % padding · {} target tokens",
            batch.indices.len(),
            batch.source_length,
            100.0 * padding(&batch.source),
            batch.target_length,
            100.0 * padding(&batch.target_output),
            batch.n_tokens
        )?;
        writeln!(
            out,
            "{:>8}  {:<6}  {:>6}  {:>7}  {:<TEXT$}  ids",
            "pair", "side", "tokens", "padding", "text"
        )?;
        for &index in &batch.indices {
            let (source, target) = self.ids(index as usize);
            let prepared = self.prepared;
            for (side, ids, vocabulary, length) in [
                ("source", source, &prepared.source_vocabulary, batch.source_length),
                ("target", target, &prepared.target_vocabulary, batch.target_length),
            ] {
                let text = prepared.tokeniser.decode(&vocabulary.decode(&ids));
                let numbers: Vec<String> = ids.iter().map(u32::to_string).collect();
                writeln!(
                    out,
                    "{index:>8}  {side:<6}  {:>6}  {:>7}  {:<TEXT$}  {}",
                    ids.len(),
                    length - ids.len(),
                    cut(&text, TEXT),
                    cut(&numbers.join(" "), IDS)
                )?;
            }
        }
        Ok(())
    }
}

/// Widths of the columns of text and ids.
const TEXT: usize = 48;
const IDS: usize = 40;

/// Of the order of train: an update is a batch here, and no pair is too long.
fn batch_config(tokens: usize) -> BatchConfig {
    BatchConfig {
        tokens_per_update: tokens,
        tokens_per_group: tokens,
        tokens_per_batch: tokens,
        max_source: usize::MAX,
        max_target: usize::MAX,
    }
}

/// Share of ids that are padding.
fn padding(ids: &[i32]) -> f64 {
    ids.iter().filter(|&&id| id == PAD as i32).count() as f64 / ids.len().max(1) as f64
}

/// The beginning of a text; what does not print is a space.
fn cut(text: &str, width: usize) -> String {
    let shown = text
        .chars()
        .map(|character| if character.is_control() { ' ' } else { character });
    if text.chars().count() <= width {
        return shown.collect();
    }
    shown.take(width - 1).chain(['…']).collect()
}
