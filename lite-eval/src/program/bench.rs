//! `lite-eval bench`: sentences and tokens a second, and memory.

use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use experiments::{Definition, machine};
use lite_eval::bench::{Task, measure, vocabulary_sizes};
use lite_model::ModelConfig;
use serde_json::Value as Json;

use super::{DeviceArguments, print_json, print_table};

/// Time decoding and training of a definition with random weights
///
/// 32 tokens on either side, no padding: beam 4 and greedy at batch 1 and 32, and a forward and backward pass over 128
/// sentences without the optimiser. Every task runs in a process of its own, so that its peak memory is its own.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  lite-eval bench --exp wmt14-enfr-100M --arch lite --vocabulary 32000")]
pub struct Arguments {
    /// Experiment: a built-in name or a .toml file
    #[arg(long = "exp", value_name = "NAME")]
    experiment: String,
    /// One architecture, or all
    #[arg(long, value_name = "NAME", default_value = "all")]
    arch: String,
    /// Pieces of both vocabularies, or SOURCE,TARGET [default: the definition's]
    #[arg(long, value_name = "N", value_delimiter = ',')]
    vocabulary: Vec<usize>,
    /// Tasks whose name begins so, such as beam4 or train
    #[arg(long, value_name = "TASK", default_value = "")]
    task: String,
    /// Timed repetitions, after one for warming up
    #[arg(long, value_name = "N", default_value_t = 5)]
    repetitions: usize,
    /// Change a value of the definition
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Measure in this process
    #[arg(long, hide = true)]
    in_process: bool,
    #[command(flatten)]
    device: DeviceArguments,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let definition = Definition::load(&arguments.experiment, &arguments.overrides)?;
    let archs = definition.select_archs(&arguments.arch)?;
    let tasks: Vec<Task> = Task::ALL
        .into_iter()
        .filter(|task| task.name().starts_with(&arguments.task))
        .collect();
    let names: Vec<String> = Task::ALL.iter().map(|task| task.name()).collect();
    ensure!(
        !tasks.is_empty(),
        "no task begins with `{}`; there are {}",
        arguments.task,
        names.join(", ")
    );
    if arguments.in_process {
        return measure_here(arguments, &definition, &archs[0], tasks[0]);
    }
    arguments.device.device.open()?;
    let mut rows = Vec::new();
    for arch in &archs {
        for task in &tasks {
            eprintln!("{arch}: {}", task.name());
            let found = measure_elsewhere(arguments, arch, &task.name())?;
            if arguments.json {
                print_json(&found)?;
            } else {
                rows.push(row(arch, &found));
            }
        }
    }
    if !arguments.json {
        print_table(
            &["architecture", "task", "s/batch", "sentences/s", "tokens/s", "peak MiB"],
            &rows,
        )?;
        eprintln!("{} on {}", arguments.device.device, machine());
    }
    Ok(())
}

fn measure_here(arguments: &Arguments, definition: &Definition, arch: &str, task: Task) -> anyhow::Result<()> {
    let config: ModelConfig = definition.section(&format!("arch.{arch}"))?;
    let sizes = vocabulary_sizes(definition, &arguments.vocabulary)?;
    let device = arguments.device.device.open()?;
    let found = measure(task, &config, sizes, arguments.repetitions, &device)?;
    let mut json = serde_json::json!({
        "experiment": definition.name, "arch": arch, "device": arguments.device.device.name(),
        "machine": machine().to_string(), "vocabulary": sizes,
    });
    if let (Json::Object(all), Json::Object(found)) = (&mut json, serde_json::to_value(&found)?) {
        all.extend(found);
    }
    print_json(&json)
}

fn measure_elsewhere(arguments: &Arguments, arch: &str, task: &str) -> anyhow::Result<Json> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([
        "bench",
        "--in-process",
        "--exp",
        &arguments.experiment,
        "--arch",
        arch,
        "--task",
        task,
    ]);
    command.args(["--device", arguments.device.device.name()]);
    command.args(["--repetitions", &arguments.repetitions.to_string()]);
    for size in &arguments.vocabulary {
        command.args(["--vocabulary", &size.to_string()]);
    }
    for change in &arguments.overrides {
        command.args(["--set", change]);
    }
    let output = command.stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "{arch}, {task}: {}", output.status);
    serde_json::from_slice(&output.stdout).with_context(|| format!("{arch}, {task}"))
}

fn row(arch: &str, found: &Json) -> Vec<String> {
    let number = |key: &str, scale: f64, decimals: usize| match found[key].as_f64() {
        Some(value) => format!("{:.decimals$}", value / scale),
        None => "-".into(),
    };
    vec![
        arch.to_owned(),
        found["task"].as_str().unwrap_or_default().to_owned(),
        number("median_seconds", 1.0, 3),
        number("sentences_per_second", 1.0, 1),
        number("tokens_per_second", 1.0, 0),
        number("peak_memory_bytes", f64::from(1 << 20), 0),
    ]
}
