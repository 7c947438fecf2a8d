//! `lite-eval bench scale`: how cost grows with length, vocabulary, width and batch.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;
use clap::ValueEnum;
use experiments::{machine, now, write_atomically};
use lite_eval::bench::Task;
use lite_eval::bench::scale::{Axis, Point, Scale};
use serde_json::Value as Json;

use super::workload::{architecture, positive};
use super::{TaskName, measured};
use crate::program::{DeviceArguments, print_json, print_table};

/// Time and memory against length, vocabulary, width or batch
///
/// Every point is measured in a process of its own. What is not varied is small, so that all takes minutes. Writes
/// DIR/scale-TASK-AXIS.json, which holds all that was measured, and beside it a figure, .svg.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  \
    lite-eval bench scale --task greedy --axis length --values 32,64,128 \\\n    \
    --arch lite,transformer")]
pub struct Arguments {
    /// What is varied
    #[arg(long, value_enum, value_name = "AXIS", default_value = "length")]
    axis: AxisName,
    /// Values of the axis [default: length 32 to 1024, vocabulary 1000 to 64000, width 64 to 512, batch 1 to 64]
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = positive())]
    values: Vec<usize>,
    /// What is timed
    #[arg(long, value_enum, value_name = "TASK", default_value = "greedy")]
    task: TaskName,
    /// Architectures
    #[arg(
        long,
        value_name = "NAME",
        value_delimiter = ',',
        default_value = "lite,transformer,dynamicconv,evolved"
    )]
    arch: Vec<String>,
    /// Width where it is not varied
    #[arg(long, value_name = "N", default_value = "128", value_parser = positive())]
    d_model: usize,
    /// Words where they are not varied
    #[arg(long, alias = "vocabulary", value_name = "N", default_value = "8000", value_parser = positive())]
    vocab: usize,
    /// Sentences where they are not varied
    #[arg(long, value_name = "N", default_value = "8", value_parser = positive())]
    batch: usize,
    /// Tokens of a source and of a target where they are not varied
    #[arg(long, value_name = "N", default_value = "32", value_parser = positive())]
    length: usize,
    /// Repetitions that are timed, after one for warming up
    #[arg(long, alias = "repetitions", value_name = "N", default_value = "3", value_parser = positive())]
    steps: usize,
    /// Cores [default: all, or RAYON_NUM_THREADS]
    #[arg(long, value_name = "N", value_parser = positive())]
    threads: Option<usize>,
    /// Where the record and the figure are written
    #[arg(long, alias = "output", value_name = "DIR", default_value = "results/bench")]
    out: PathBuf,
    /// Print the record as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArguments,
}

#[derive(ValueEnum, Debug, Clone, Copy)]
enum AxisName {
    Length,
    Vocabulary,
    Width,
    Batch,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let axis = match arguments.axis {
        AxisName::Length => Axis::Length,
        AxisName::Vocabulary => Axis::Vocabulary,
        AxisName::Width => Axis::Width,
        AxisName::Batch => Axis::Batch,
    };
    let task = arguments.task.task();
    for arch in &arguments.arch {
        architecture(arch)?;
    }
    arguments.device.device.open()?;
    let values = if arguments.values.is_empty() {
        axis.values()
    } else {
        &arguments.values
    };
    let mut points = Vec::new();
    for &value in values {
        for arch in &arguments.arch {
            eprintln!("{arch}: {} {value}", axis.name());
            points.push(Point {
                arch: arch.clone(),
                value,
                found: measure(arguments, task, axis, arch, value)?,
            });
        }
    }
    let scale = Scale {
        task,
        axis,
        date: now(),
        machine: machine().to_string(),
        points,
    };
    let name = format!("scale-{}-{}", task.name(), axis.name());
    std::fs::create_dir_all(&arguments.out).with_context(|| format!("`{}`", arguments.out.display()))?;
    let json = serde_json::to_string_pretty(&scale)? + "\n";
    for (ending, text) in [("json", json), ("svg", scale.figure()?)] {
        let path = arguments.out.join(format!("{name}.{ending}"));
        write_atomically(&path, |file| file.write_all(text.as_bytes()))
            .with_context(|| format!("`{}`", path.display()))?;
    }
    if arguments.json {
        return print_json(&scale);
    }
    let rows: Vec<Vec<String>> = scale.points.iter().map(row).collect();
    print_table(&["architecture", axis.name(), "s/batch", "spread", "peak MiB"], &rows)?;
    eprintln!("written to {}", arguments.out.join(name).display());
    Ok(())
}

fn measure(arguments: &Arguments, task: Task, axis: Axis, arch: &str, value: usize) -> anyhow::Result<Json> {
    let of = |this, otherwise| if axis == this { value } else { otherwise };
    let length = of(Axis::Length, arguments.length).to_string();
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bench", task.name(), "--json", "--warmup", "1", "--arch", arch]);
    for (flag, number) in [
        ("--d-model", of(Axis::Width, arguments.d_model)),
        ("--vocab", of(Axis::Vocabulary, arguments.vocab)),
        ("--batch", of(Axis::Batch, arguments.batch)),
        ("--steps", arguments.steps),
    ] {
        command.args([flag, &number.to_string()]);
    }
    command.args(["--src-len", &length, "--tgt-len", &length]);
    command.args(["--device", &arguments.device.device.to_string()]);
    if let Some(n) = arguments.threads {
        command.args(["--threads", &n.to_string()]);
    }
    measured(&mut command, &format!("{arch}, {} {value}", axis.name()))
}

fn row(point: &Point) -> Vec<String> {
    let number = |key: &str, decimals: usize| match point.found[key].as_f64() {
        Some(value) => format!("{value:.decimals$}"),
        None => "-".into(),
    };
    vec![
        point.arch.clone(),
        point.value.to_string(),
        number("median_seconds", 4),
        format!("{:.0} %", 100.0 * point.found["spread"].as_f64().unwrap_or(0.0)),
        number("peak_rss_mib", 0),
    ]
}
