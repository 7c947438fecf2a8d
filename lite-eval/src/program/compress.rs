//! `lite-eval compress`: a run as one small file, and the record of what each step cost.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::ValueEnum;
use experiments::{
    CompressionRecord, CompressionSettings, Hypotheses, ParameterCounts, ScanPoint, hash_bytes, write_atomically,
};
use lite_data::progress::Stderr;
use lite_data::{Corpus, Prepared, Progress};
use lite_eval::compress::scan::{ScanSettings, scan};
use lite_eval::compress::score::Judge;
use lite_eval::compress::tune::{Request, TuneFolder, tune};
use lite_eval::compress::weights::{CodeSettings, Packable, Weights};
use lite_eval::compress::{Step, Steps, bits_name, first_steps, transformer_base};
use lite_eval::precision::Precision;
use lite_eval::run::Run;
use lite_eval::tables::compression::steps_table;
use lite_eval::text_table::Format;
use lite_model::compress::{Coding, Start};
use lite_model::{Task, cost};
use serde_json::json;

use super::{CorpusArguments, DeviceArguments, print_json};

/// Make one small file of a run, which translate, evaluate and score take with --model
///
/// Weights of matrices below a share of their matrix's standard deviation, the sensitivity, become zero; the others become one of
/// the centroids of their matrix, and are written by their frequency. Embeddings get codes too, but keep all weights. Without
/// --sparsity or --sensitivity, the highest sensitivity is taken at which the validation set's score falls by no more than the
/// tolerance, and without --fine-tune nothing is trained in between.
///
/// Each step is scored on the run's test set, the file itself also in 8 bits, as it is computed by default, and goes into a record under results/EXPERIMENT/ARCHITECTURE/compression, from which
/// `lite-eval tables` makes the table. A run without a corpus, as an imported one is, is compressed by a given value and gets no
/// record. With --json, the record is printed.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  \
    lite-eval compress --run runs/quick/lite --out quick.lite\n  \
    lite-eval compress --run runs/released/lite --sparsity 0.44 \\\n    --out released.lite\n  \
    lite-eval translate --model quick.lite < sentences.en")]
pub struct Arguments {
    /// Run folder
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// The file
    #[arg(long, alias = "output", value_name = "FILE")]
    out: PathBuf,
    /// Share of the weights of all matrices that become zero; 0 prunes none
    #[arg(long, value_name = "SHARE", value_parser = share, conflicts_with = "sensitivity")]
    sparsity: Option<f64>,
    /// Standard deviations of a matrix below which its weights become zero
    #[arg(long, value_name = "S", value_parser = non_negative)]
    sensitivity: Option<f64>,
    /// What the scan may lose of the validation set's score
    #[arg(long, value_name = "POINTS", value_parser = non_negative, default_value = "0.1")]
    tolerance: f64,
    /// Validation sentences that the scan translates, or lines that it measures
    #[arg(long, value_name = "N", default_value_t = 500)]
    scan_sentences: usize,
    /// Bits of a weight's code
    #[arg(long, value_name = "BITS", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=8))]
    bits: u32,
    /// The same for embeddings [default: as many]
    #[arg(long, value_name = "BITS", value_parser = clap::value_parser!(u32).range(1..=8))]
    embedding_bits: Option<u32>,
    /// Where k-means begins
    #[arg(long, value_name = "WHERE", default_value = "linear")]
    start: StartName,
    /// Updates of training, of which one half moves the kept weights and the other the centroids; lite-train does it, which must
    /// stand beside this program
    #[arg(long, value_name = "UPDATES")]
    fine_tune: Option<u64>,
    /// The first learning rate of that training, as a share of the highest of the run
    #[arg(long, value_name = "SHARE", value_parser = non_negative, default_value = "0.1")]
    fine_tune_rate: f64,
    #[command(flatten)]
    corpus: CorpusArguments,
    /// Folder for the record
    #[arg(long, value_name = "DIR", default_value = "results")]
    results: PathBuf,
    /// Score nothing and write no record
    #[arg(long)]
    no_scores: bool,
    /// Print the record, or without scores the steps, as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArguments,
}

#[derive(ValueEnum, Debug, Clone, Copy)]
enum StartName {
    /// Evenly between the smallest and the largest weight
    Linear,
    /// At even steps of the distribution
    Density,
    /// At weights drawn at random
    Forgy,
}

fn share(text: &str) -> Result<f64, String> {
    let value: Option<f64> = text.parse().ok().filter(|value| (0.0..1.0).contains(value));
    value.ok_or_else(|| "expected at least 0 and below 1".into())
}

fn non_negative(text: &str) -> Result<f64, String> {
    let value: Option<f64> = text
        .parse()
        .ok()
        .filter(|value: &f64| *value >= 0.0 && value.is_finite());
    value.ok_or_else(|| "expected 0 or more".into())
}

impl Arguments {
    fn codes(&self) -> CodeSettings {
        CodeSettings {
            bits: self.bits,
            embedding_bits: self.embedding_bits.unwrap_or(self.bits),
            start: match self.start {
                StartName::Linear => Start::Linear,
                StartName::Density => Start::Density,
                StartName::Forgy => Start::Forgy,
            },
        }
    }

    fn start_name(&self) -> String {
        let name = self.start.to_possible_value();
        name.map_or_else(String::new, |name| name.get_name().to_owned())
    }

    /// The corpus, or why there is none to score on.
    fn corpus(&self, run: &Run<()>, progress: &Stderr) -> anyhow::Result<Option<Prepared>> {
        let is_imported = run.data.corpus == Corpus::Files && run.data.files.is_empty();
        if self.fine_tune.is_some() && is_imported {
            bail!("--fine-tune: the run names no corpus to train on, as imported runs do not");
        }
        if self.fine_tune.is_some() && run.model_config.task != Task::Seq2Seq {
            bail!("--fine-tune trains models of pairs; a language model is compressed without it");
        }
        if is_imported || self.no_scores && self.is_given() && self.fine_tune.is_none() {
            return Ok(None);
        }
        Ok(Some(self.corpus.prepare_for(run, &self.run, progress)?))
    }

    fn is_given(&self) -> bool {
        self.sparsity.is_some() || self.sensitivity.is_some()
    }

    /// What lite-train is told beside the folder.
    fn train_arguments(&self) -> Vec<String> {
        let mut arguments = vec!["--data".into(), self.corpus.data.display().to_string()];
        if let Some(mirror) = &self.corpus.mirror {
            arguments.extend(["--mirror".into(), mirror.display().to_string()]);
        }
        if self.corpus.offline {
            arguments.push("--offline".into());
        }
        arguments.extend(["--device".into(), self.device.device.to_string()]);
        arguments
    }
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    // Taken now: the source tree may have moved on when a long scan ends.
    let commit = experiments::commit();
    let progress = Stderr::default();
    let device = arguments.device.device.open()?;
    let run = Run::describe(&arguments.run)?;
    let prepared = arguments.corpus(&run, &progress)?;
    let folder = run.folder.as_ref().context("a run folder")?;
    let weights = Weights::read(&folder.model())?;
    let judge = prepared.as_ref().map(|prepared| Judge {
        run: &run,
        prepared,
        device: &device,
        progress: &progress,
    });

    let codes = arguments.codes();
    let (sensitivity, points) = sensitivity(arguments, &weights, judge.as_ref(), &progress)?;
    let settings = CompressionSettings {
        bits: codes.bits,
        embedding_bits: codes.embedding_bits,
        sensitivity,
        start: arguments.start_name(),
        fine_tune: arguments.fine_tune.unwrap_or(0),
        fine_tune_rate: arguments
            .fine_tune
            .filter(|&updates| updates > 0)
            .map(|_| arguments.fine_tune_rate),
    };
    let maker = Steps {
        run: &run,
        weights_sha256: weights.sha256.clone(),
        compression: json!(settings),
    };
    let mut steps: Vec<Step> = first_steps(&maker, &weights, codes).into();
    let (last, sparsity) = compressed(arguments, weights, &settings, codes)?;
    let mut name = bits_name(codes);
    if last != steps[1].weights {
        name = match (sensitivity > 0.0, settings.fine_tune > 0) {
            (true, true) => format!("{name} + pruning + training"),
            (true, false) => format!("{name} + pruning"),
            (false, _) => format!("{name} + training"),
        };
        steps.push(maker.step(name.clone(), last.clone(), Coding::Fixed, sparsity));
    }
    steps.push(maker.step(format!("{name} + entropy coding"), last, Coding::Entropy, sparsity));

    let (mut hypotheses, mut int8_scores) = (Vec::new(), Vec::new());
    if let Some(judge) = judge.as_ref().filter(|_| !arguments.no_scores) {
        hypotheses = score(judge, &mut steps, &progress)?;
        if judge.is_computed_in_8_bits() {
            progress.message("the file, computed in 8 bits");
            let weights = &steps.last().context("a step")?.weights;
            (int8_scores, _) = judge.test(weights.sources(), Precision::Int8)?;
        }
    }
    let file = &steps.last().context("a step")?.file;
    write_atomically(&arguments.out, |out| out.write_all(file)).with_context(|| place(&arguments.out))?;

    let mut record = record(&run, settings, points, &steps, commit, arguments)?;
    record.int8_scores = int8_scores;
    if hypotheses.is_empty() {
        progress.message("no record, since nothing was scored");
    } else {
        let path = record.write(&arguments.results, &hypotheses)?;
        progress.message(&format!("record in {}", path.display()));
    }
    if arguments.json {
        return print_json(&record);
    }
    let table = steps_table(&[&record]).render(Format::Text);
    Ok(write!(io::stdout().lock(), "{table}")?)
}

/// The sensitivity that was given or that the scan finds, and what the scan saw.
fn sensitivity(
    arguments: &Arguments,
    weights: &Weights,
    judge: Option<&Judge<'_>>,
    progress: &Stderr,
) -> anyhow::Result<(f64, Vec<ScanPoint>)> {
    if let Some(sensitivity) = arguments.sensitivity {
        return Ok((sensitivity, Vec::new()));
    }
    if let Some(sparsity) = arguments.sparsity {
        return Ok((weights.sensitivity_of(sparsity), Vec::new()));
    }
    let Some(judge) = judge else {
        return Err(NothingToScan.into());
    };
    let (score_name, less_is_better) = judge.main_score();
    let settings = ScanSettings {
        tolerance: arguments.tolerance,
        less_is_better,
    };
    let found = scan(weights, settings, |pruned| -> anyhow::Result<f64> {
        let coded = pruned.coded(arguments.codes(), true);
        let score = judge.validation(coded.sources(), arguments.scan_sentences)?;
        progress.message(&format!(
            "{:.1} % zeros: {score:.2} {score_name} on the validation set",
            100.0 * pruned.sparsity()
        ));
        Ok(score)
    })?;
    progress.message(&format!("sensitivity {:.1}", found.0));
    Ok(found)
}

/// Neither a value nor a corpus.
#[derive(Debug, thiserror::Error)]
#[error("the run names no corpus, so no sensitivity can be found on its validation set")]
pub struct NothingToScan;

/// The pruned weights with codes, trained if that is asked for, and the share of zeros.
fn compressed(
    arguments: &Arguments,
    weights: Weights,
    settings: &CompressionSettings,
    codes: CodeSettings,
) -> anyhow::Result<(Packable, f64)> {
    let is_pruned = settings.sensitivity > 0.0;
    let mut weights = weights.pruned(settings.sensitivity);
    let Some(updates) = arguments.fine_tune.filter(|&updates| updates > 0) else {
        return Ok((weights.coded(codes, is_pruned), weights.sparsity()));
    };
    let folder = TuneFolder(arguments.out.with_added_extension("fine-tune"));
    let request = |updates| Request {
        run: arguments.run.clone(),
        updates,
        rate: arguments.fine_tune_rate,
    };
    let more = arguments.train_arguments();
    let half = updates.div_ceil(2);
    weights = tune(&folder, &request(half), &weights.tensors(), &weights.masks(), &more)?;
    let mut coded = weights.coded(codes, is_pruned);
    if updates > half {
        let trained = tune(
            &folder,
            &request(updates - half),
            &coded.tensors(),
            &coded.codes(),
            &more,
        )?;
        coded = coded.moved_to(&trained);
    }
    fs::remove_dir_all(&folder.0).with_context(|| place(&folder.0))?;
    Ok((coded, weights.sparsity()))
}

/// Scores every step on the test set, in single precision. Returns the translations of the last one.
fn score(judge: &Judge<'_>, steps: &mut [Step], progress: &Stderr) -> anyhow::Result<Vec<String>> {
    let mut hypotheses = Vec::new();
    for i in 0..steps.len() {
        let (before, step) = steps.split_at_mut(i);
        let step = &mut step[0];
        // Another way to write the same weights changes no score.
        if let Some(same) = before.last().filter(|before| before.weights == step.weights) {
            step.report.scores = same.report.scores.clone();
            continue;
        }
        progress.message(&step.name);
        (step.report.scores, hypotheses) = judge.test(step.weights.sources(), Precision::F32)?;
    }
    Ok(hypotheses)
}

fn record(
    run: &Run<()>,
    settings: CompressionSettings,
    scan: Vec<ScanPoint>,
    steps: &[Step],
    commit: String,
    arguments: &Arguments,
) -> anyhow::Result<CompressionRecord> {
    let parameters = cost::parameters(&run.model_config, run.text.sizes());
    let (first, last) = (steps.first().context("a step")?, steps.last().context("a step")?);
    let folder = run.folder.as_ref().context("a run folder")?;
    let definition = &run.definition;
    Ok(CompressionRecord {
        experiment: definition.experiment.clone(),
        arch: definition.arch.clone(),
        date: experiments::now(),
        commit,
        version: env!("CARGO_PKG_VERSION").into(),
        definition: definition.definition.clone(),
        definition_hash: definition.definition_hash.clone(),
        seed: definition.seed,
        device: arguments.device.device.to_string(),
        machine: experiments::machine(),
        weights_sha256: hash_bytes(&fs::read(folder.model())?),
        parameters: ParameterCounts {
            total: parameters.total as u64,
            embedding: parameters.embedding as u64,
            counted_as_paper: parameters.counted as u64,
        },
        settings,
        scan,
        baseline: transformer_base(run, first.report.size),
        steps: steps.iter().map(|step| step.report.clone()).collect(),
        int8_scores: Vec::new(),
        file_sha256: hash_bytes(&last.file),
        hypotheses: Hypotheses::default(),
    })
}

fn place(path: &Path) -> String {
    format!("`{}`", path.display())
}
