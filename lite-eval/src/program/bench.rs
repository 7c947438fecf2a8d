//! `lite-eval bench`: sentences and tokens a second, and memory.

mod pair;
mod scale;
mod workload;

use std::io::{self, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, anyhow};
use burn::tensor::Device;
use clap::{Subcommand, ValueEnum};
use experiments::{Definition, commit, machine, now};
use lite_eval::Translator;
use lite_eval::bench::{BURN, Measurement, Repetitions, Task, Workload, measure, simd, vocabulary_sizes};
use lite_eval::memory::give_back_freed_pages;
use lite_eval::precision::{Precision, PrecisionError};
use serde_json::{Value as Json, json};

use super::errors::usage_if;
use super::{DeviceArguments, print_json, print_table};

/// Time decoding and training with random weights
///
/// With a task: one workload, of a definition (--exp) or of the sizes given. Without: greedy and beam search at batch 1 and
/// 32 and training at batch 128, for every architecture of a definition, each in a process of its own, so that its peak
/// memory is its own.
#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "Example:\n  \
    lite-eval bench --exp wmt14-enfr-100M --arch lite\n  \
    lite-eval bench beam --arch lite --d-model 200 --batch 1 --threads 1 --json")]
pub struct Arguments {
    #[command(subcommand)]
    task: Option<TaskCommand>,
    #[command(flatten)]
    survey: SurveyArguments,
}

#[derive(Subcommand, Debug)]
enum TaskCommand {
    Train(workload::Arguments),
    Greedy(workload::Arguments),
    Beam(workload::Arguments),
    Scale(scale::Arguments),
    Pair(pair::Arguments),
}

/// A task as an option's value.
#[derive(ValueEnum, Debug, Clone, Copy)]
enum TaskName {
    Train,
    Greedy,
    Beam,
}

impl TaskName {
    fn task(self) -> Task {
        match self {
            Self::Train => Task::Train,
            Self::Greedy => Task::Greedy,
            Self::Beam => Task::Beam,
        }
    }
}

#[derive(clap::Args, Debug)]
struct SurveyArguments {
    /// Experiment: a built-in name or a .toml file
    #[arg(long = "exp", value_name = "NAME", required = true)]
    experiment: Option<String>,
    /// One architecture, or all
    #[arg(long, value_name = "NAME", default_value = "all")]
    arch: String,
    /// Pieces of both vocabularies, or SOURCE,TARGET [default: the definition's]
    #[arg(long, alias = "vocab", value_name = "N", value_delimiter = ',')]
    vocabulary: Vec<usize>,
    /// Timed repetitions, after one for warming up
    #[arg(long, alias = "steps", value_name = "N", default_value_t = 5, value_parser = workload::positive())]
    repetitions: usize,
    /// Change a value of the definition
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Print JSON, an object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArguments,
}

/// What is measured of every architecture, with its sentences.
const SURVEY: [(Task, usize); 5] = [
    (Task::Beam, 1),
    (Task::Beam, 32),
    (Task::Greedy, 1),
    (Task::Greedy, 32),
    (Task::Train, 128),
];

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    match &arguments.task {
        Some(TaskCommand::Train(arguments)) => one(Task::Train, arguments),
        Some(TaskCommand::Greedy(arguments)) => one(Task::Greedy, arguments),
        Some(TaskCommand::Beam(arguments)) => one(Task::Beam, arguments),
        Some(TaskCommand::Scale(arguments)) => scale::run(arguments),
        Some(TaskCommand::Pair(arguments)) => pair::run(arguments),
        None => survey(&arguments.survey),
    }
}

fn one(task: Task, arguments: &workload::Arguments) -> anyhow::Result<()> {
    arguments.use_threads()?;
    let device = arguments.device.device.open()?;
    let workload = arguments.workload(task)?;
    check_precision(task, workload.precision, &device)?;
    if task != Task::Train && Translator::packs(&workload.model, &device) {
        give_back_freed_pages();
    }
    let repetitions = Repetitions {
        warmup: arguments.warmup,
        steps: arguments.steps,
    };
    let found = measure(&workload, repetitions, arguments.seed, &device);
    let found = found.map_err(usage_if(arguments.is_of_command_line()))?;
    if let Some(warning) = found.noise.and_then(|noise| noise.warning(found.spread)) {
        eprintln!("warning: {warning}");
    }
    let described = describe(arguments, &workload, &found)?;
    if arguments.json {
        return print_json(&described);
    }
    let mut out = io::stdout().lock();
    for (key, value) in described.as_object().into_iter().flatten() {
        let value = match value {
            Json::Number(number) if number.is_f64() => format!("{:.4}", number.as_f64().unwrap_or_default()),
            Json::String(text) => text.clone(),
            Json::Array(_) | Json::Object(_) | Json::Null => continue,
            other => other.to_string(),
        };
        writeln!(out, "{key:22} {value}")?;
    }
    Ok(())
}

/// Refuses a precision that the task has not got on this device.
fn check_precision(task: Task, precision: Precision, device: &Device) -> Result<(), PrecisionError> {
    match task {
        Task::Train => precision.check_training(device),
        Task::Greedy | Task::Beam => precision.check_search(device),
    }
}

/// Everything that decides a number, under the names that other benchmark programs of such models use.
fn describe(arguments: &workload::Arguments, workload: &Workload, found: &Measurement) -> anyhow::Result<Json> {
    let model = &workload.model;
    let mut json = json!({
        "task": workload.task,
        "experiment": arguments.experiment,
        "arch": arguments.arch,
        "d_model": model.d_model,
        "d_ff": model.d_ff,
        "layers": model.decoder_layers,
        "heads": arguments.self_attention_heads(model),
        "vocab": workload.sizes.target,
        "batch": workload.batch,
        "src_len": workload.source_length,
        "tgt_len": workload.target_length,
        "beam": if workload.task == Task::Beam { workload.beam } else { 1 },
        "threads": rayon::current_num_threads(),
        "device": arguments.device.device.to_string(),
        "dtype": workload.precision.name(),
    });
    let about = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "burn": BURN,
        "commit": commit(),
        "date": now(),
        "machine": machine().to_string(),
        "simd": simd(),
    });
    if let Json::Object(all) = &mut json {
        for part in [serde_json::to_value(found)?, about] {
            let Json::Object(part) = part else { continue };
            all.extend(part);
        }
    }
    Ok(json)
}

fn survey(arguments: &SurveyArguments) -> anyhow::Result<()> {
    let experiment = arguments.experiment.as_deref().unwrap_or_default();
    let definition = Definition::load(experiment, &arguments.overrides)?;
    let archs = definition.select_archs(&arguments.arch)?;
    vocabulary_sizes(&definition, &arguments.vocabulary)?;
    arguments.device.device.open()?;
    let mut rows = Vec::new();
    for arch in &archs {
        for (task, batch) in SURVEY {
            eprintln!("{arch}: {}, batch {batch}", task.name());
            let found = in_own_process(arguments, experiment, arch, task, batch)?;
            if arguments.json {
                print_json(&found)?;
            } else {
                rows.push(row(arch, task, batch, &found));
            }
        }
    }
    if !arguments.json {
        let header = [
            "architecture",
            "task",
            "s/batch",
            "spread",
            "sentences/s",
            "tokens/s",
            "peak MiB",
        ];
        print_table(&header, &rows)?;
        eprintln!("{} on {}", arguments.device.device, machine());
    }
    Ok(())
}

fn in_own_process(
    arguments: &SurveyArguments,
    experiment: &str,
    arch: &str,
    task: Task,
    batch: usize,
) -> anyhow::Result<Json> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bench", task.name(), "--json", "--exp", experiment, "--arch", arch]);
    command.args(["--batch", &batch.to_string(), "--warmup", "1"]);
    command.args(["--steps", &arguments.repetitions.to_string()]);
    command.args(["--device", &arguments.device.device.to_string()]);
    for size in &arguments.vocabulary {
        command.args(["--vocab", &size.to_string()]);
    }
    for change in &arguments.overrides {
        command.args(["--set", change]);
    }
    measured(&mut command, &format!("{arch}, {}", task.name()))
}

/// What a program prints: one JSON object. `place` is named in errors.
fn measured(command: &mut Command, place: &str) -> anyhow::Result<Json> {
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("{place}: `{}`", command.get_program().display()))?;
    if !output.status.success() {
        // It has said what is wrong with its command line, which is made of ours.
        let is_misused = output.status.code() == Some(2);
        return Err(usage_if(is_misused)(anyhow!("{place}: {}", output.status)));
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("{place}: expected one JSON object"))
}

fn row(arch: &str, task: Task, batch: usize, found: &Json) -> Vec<String> {
    let number = |key: &str, decimals: usize| match found[key].as_f64() {
        Some(value) => format!("{value:.decimals$}"),
        None => "-".into(),
    };
    let spread = found["spread"].as_f64().unwrap_or(0.0);
    vec![
        arch.to_owned(),
        format!("{}, batch {batch}", task.name()),
        number("median_seconds", 3),
        format!("{:.0} %", 100.0 * spread),
        number("sentences_per_second", 1),
        number("tokens_per_second", 0),
        number("peak_rss_mib", 0),
    ]
}
