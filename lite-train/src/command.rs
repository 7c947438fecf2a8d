//! What the program does with its command line.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, bail};
use experiments::{ComparisonRecord, Definition, Record, RunDefinition, RunFolder};
use lite_data::{DataConfig, PairStore, PrepareOptions, Prepared, chain_text, prepare, progress};
use lite_eval::compare::{compare_all, compare_rows};
use lite_eval::cost::check_model;
use lite_eval::decode::DecodeConfig;
use lite_eval::evaluate::Split;
use lite_eval::metrics::bootstrap::Bootstrap;
use lite_eval::tables::{Row, comparison};
use lite_model::{LanguageModel, ModelConfig, Seq2Seq, Task, VocabularySizes};
use lite_train::config::TrainConfig;
use lite_train::devices::{Place, check_precision};
use lite_train::finish::{finish, finished, keep_in, record_of};
use lite_train::run::{Run, default_tokens_per_batch, vocabulary_sizes};
use lite_train::trainee::{self, Trainee};
use serde_json::{Value, json};

use crate::claim;
use crate::cli::{Args, Command};
use crate::difference::differing_keys;
use crate::tune;

/// What no model could be trained by, whatever the corpus.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadDefinition(String);

/// Runs the program.
pub fn run(args: &Args) -> anyhow::Result<()> {
    if let Some(Command::Serve { device, listen }) = &args.command {
        return serve(device, *listen);
    }
    if args.list {
        return list(args.json);
    }
    if let Some(folder) = &args.fine_tune {
        return tune::run(folder, args);
    }
    let name = args.exp.as_deref().unwrap_or_default();
    let definition = Definition::load(name, &args.overrides())?;
    let archs = definition.select_archs(&args.arch)?;
    let jobs = archs
        .iter()
        .map(|arch| Job::new(&definition, arch, args))
        .collect::<anyhow::Result<Vec<_>>>()
        .map_err(|error| BadDefinition(chain_text(&error)))?;
    let devices = args.places()?.open()?;
    for job in &jobs {
        check_precision(job.train.precision, &devices)?;
    }

    let options = PrepareOptions {
        data_root: args.data.clone(),
        mirror: args.mirror.clone(),
        offline: args.offline,
    };
    let data: DataConfig = definition.section("data")?;
    let prepared = prepare(&data, &options, &progress::Stderr::new())?;
    for job in &jobs {
        job.check(&definition, &prepared)?;
    }
    if args.prepare_only {
        return say(&format!("{}\n", prepared.root.display()));
    }
    let mut records = Vec::new();
    for job in &jobs {
        let record = job
            .run(&prepared, args)
            .with_context(|| format!("{} {}", definition.name, job.definition.arch))?;
        records.push(record);
    }
    print(&definition, args, records, &prepared)
}

/// Compares the architectures by all their records in `results`, and writes down what came of it; what it returns is of the
/// rows alone that are to be shown.
fn compare(
    definition: &Definition,
    rows: &[Row<'_>],
    prepared: &Prepared,
    results: &Path,
) -> anyhow::Result<Vec<ComparisonRecord>> {
    let references = prepared.references(Split::Test.name())?;
    let (hash, bootstrap) = (&prepared.hash, Bootstrap::default());
    for comparison in compare_all(results, &definition.name, hash, &references, bootstrap)? {
        comparison.write(results)?;
    }
    Ok(compare_rows(results, rows, hash, &references, bootstrap)?)
}

#[cfg(feature = "remote")]
fn serve(place: &Place, listen: SocketAddr) -> anyhow::Result<()> {
    lite_train::serve::serve(place.open()?, listen, |url| {
        eprintln!("{place} computes for others; Ctrl+C ends it");
        println!("{url}");
    })
}

#[cfg(not(feature = "remote"))]
fn serve(_: &Place, _: SocketAddr) -> anyhow::Result<()> {
    bail!("this build cannot serve devices\nhint: build with `--features remote`")
}

fn list(as_json: bool) -> anyhow::Result<()> {
    let experiments = experiments::list();
    if as_json {
        let list: Vec<Value> = experiments
            .iter()
            .map(|(name, title)| json!({ "name": name, "title": title }))
            .collect();
        return say(&(serde_json::to_string_pretty(&list)? + "\n"));
    }
    let width = experiments.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines = experiments
        .iter()
        .map(|(name, title)| format!("{name:width$}  {title}\n"));
    say(&lines.collect::<String>())
}

/// Writes to stdout, whose reader may have seen enough.
fn say(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("stdout"),
        _ => Ok(()),
    }
}

/// One architecture that is to be trained: everything of it that the definition says, read and checked.
struct Job {
    definition: RunDefinition,
    train: TrainConfig,
    model: ModelConfig,
    decode: DecodeConfig,
}

impl Job {
    fn new(definition: &Definition, arch: &str, args: &Args) -> anyhow::Result<Self> {
        let train: TrainConfig = definition.section("train")?;
        train
            .validate()
            .map_err(|error| definition.refuse("train", error.key, &error.found, &error.expected))?;
        let decode = DecodeConfig::of(definition)?;
        let model: ModelConfig = definition.section(&format!("arch.{arch}"))?;
        let data: DataConfig = definition.section("data")?;
        trainee::check(&model, &train, &data).with_context(|| format!("{} {arch}", definition.name))?;
        // With vocabularies that everything fits: what cannot be built is found before a corpus is prepared for it.
        check_model(definition, arch, &model, VocabularySizes::joint(usize::MAX >> 16))?;
        Ok(Self {
            definition: RunDefinition::new(definition, arch, args.seed)?,
            train,
            model,
            decode,
        })
    }

    fn check(&self, definition: &Definition, prepared: &Prepared) -> anyhow::Result<()> {
        let arch = &self.definition.arch;
        check_model(definition, arch, &self.model, vocabulary_sizes(prepared))?;
        if self.model.task == Task::LanguageModel {
            // It learns from blocks of as many tokens as it has positions, whatever the lines.
            return Ok(());
        }
        let (source, target) = (self.model.max_source_positions, self.model.max_target_positions);
        let beyond = |store: &PairStore| {
            let lengths = (0..store.len()).map(|pair| store.lengths(pair));
            lengths.filter(|&(s, t)| s > source || t > target).count()
        };
        let place = format!("longer than the {source} source or {target} target positions of arch.{arch}");
        let n_valid = beyond(&prepared.valid);
        if n_valid > 0 {
            bail!(
                "{n_valid} pairs of valid are {place}\n\
                 hint: data.max_source_tokens and data.max_target_tokens cut them; more positions take them whole"
            );
        }
        let n_train = beyond(&prepared.train);
        if n_train > 0 {
            eprintln!("{n_train} pairs of train are {place}: left out");
        }
        Ok(())
    }

    fn run(&self, prepared: &Prepared, args: &Args) -> anyhow::Result<Record> {
        let RunDefinition { experiment, arch, .. } = &self.definition;
        let folder = RunFolder::new(&args.runs, experiment, arch);
        // Taken now: the source tree may have moved on when a long run ends.
        let commit = experiments::commit();
        let _lock = claim::lock(&folder)?;
        if args.restart {
            claim::restart(&folder)?;
        }
        claim::settle(&folder, &self.definition, prepared)?;
        eprintln!(
            "{experiment} {arch}: {} updates on {}",
            self.train.updates,
            args.places()?
        );
        let devices = args.places()?.open()?;
        let run = Run {
            train: self.train.clone(),
            model: self.model.clone(),
            decode: self.decode.clone(),
            prepared,
            folder,
            tokens_per_batch: match args.tokens_per_batch {
                Some(tokens) => tokens as usize,
                None => default_tokens_per_batch(&self.train, &devices),
            },
            devices,
            commit,
            seed: args.seed,
            time_budget: args.time_budget,
        };
        match self.model.task {
            Task::Seq2Seq => self.train::<Seq2Seq>(&run, args),
            Task::LanguageModel => self.train::<LanguageModel>(&run, args),
        }
    }

    fn train<M: Trainee>(&self, run: &Run<'_>, args: &Args) -> anyhow::Result<Record> {
        let (state, ending) = run.train::<M>()?;
        if let Some((path, record)) = finished(run, &state, ending) {
            keep_in(&args.results, &path, &record)?;
            return Ok(record);
        }
        finish::<M>(
            run,
            &self.definition,
            &state,
            ending,
            &args.results,
            &progress::Stderr::new(),
        )
    }
}

/// The comparison of what was asked for and of what else of the experiment was trained before.
fn print(definition: &Definition, args: &Args, mut records: Vec<Record>, prepared: &Prepared) -> anyhow::Result<()> {
    let order = definition.archs();
    for arch in &order {
        if records.iter().all(|record| record.arch != *arch) {
            records.extend(earlier(definition, arch, args, prepared));
        }
    }
    records.sort_by_key(|record| order.iter().position(|arch| *arch == record.arch));
    let rows: Vec<Row<'_>> = records.iter().map(Row::one).collect();
    let compared = compare(definition, &rows, prepared, &args.results).unwrap_or_else(|error| {
        eprintln!("warning: the architectures were not compared: {error:#}");
        Vec::new()
    });
    if args.json {
        let found = json!({ "experiment": definition.name, "runs": records, "comparisons": compared });
        say(&(serde_json::to_string_pretty(&found)? + "\n"))
    } else {
        say(&format!("{}\n\n{}", definition.title(), comparison(&rows, &compared)))
    }
}

/// The record of an architecture that was trained by the same definition on the same corpus before.
fn earlier(definition: &Definition, arch: &str, args: &Args, prepared: &Prepared) -> Option<Record> {
    let folder = RunFolder::new(&args.runs, &definition.name, arch);
    let there = RunDefinition::read(&folder.definition()).ok()?;
    let now = RunDefinition::new(definition, arch, args.seed).ok()?;
    if !differing_keys(&there, &now).is_empty() {
        return None;
    }
    let (_, record) = record_of(&folder)?;
    (record.data_hash == prepared.hash).then_some(record)
}
