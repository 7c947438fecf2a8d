//! `lite-eval bench pair`: the same workloads by this program and by others, in turns.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;
use experiments::{commit, machine, now, write_atomically};
use lite_eval::bench::pair::{OURS, Pairs, Row, Timed, command_of};
use lite_eval::bench::simd;
use lite_eval::precision::Precision;
use lite_eval::tables::bench::table;
use lite_eval::text_table::Format;
use serde_json::Value as Json;

use super::workload::{architecture, positive};
use super::{TaskName, check_precision, measured};
use crate::program::{DeviceArguments, print_json};

/// Time workloads beside other programs
///
/// Every workload that the lists make is timed by this program and by each that --beside names, in turns, each time in a process of
/// its own. Such a program prints one JSON object with `median_seconds` and `peak_rss_mib`; in its command line {KEY} is what `lite-eval
/// bench TASK --json` prints under that key. After each workload DIR/NAME.json.part has what was found so far, and at the end it
/// becomes DIR/NAME.json; `lite-eval tables` makes the README's table `<!-- table:bench:NAME -->` of it.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  \
    lite-eval bench pair --task greedy --arch lite --d-model 64 --batch 1 \\\n    \
    --vocab 1000 --steps 2 --rounds 1 --out pairs\n  \
    lite-eval bench pair --arch transformer --d-model 128,320 --batch 1,32 \\\n    \
    --threads 1 --name decoding --beside \"CTranslate2=python3 YOUR_SCRIPT.py \\\n    \
    --d-model {d_model} --vocab {vocab} --batch {batch} --beam {beam} \\\n    \
    --threads {threads} --json\"")]
pub struct Arguments {
    /// What is timed
    #[arg(long, value_enum, value_name = "TASK", default_value = "beam")]
    task: TaskName,
    /// Architectures
    #[arg(long, value_name = "NAME", value_delimiter = ',', default_value = "lite")]
    arch: Vec<String>,
    /// Widths
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "200", value_parser = positive())]
    d_model: Vec<usize>,
    /// Words of both vocabularies
    #[arg(long, alias = "vocabulary", value_name = "N", value_delimiter = ',', default_value = "32000",
          value_parser = positive())]
    vocab: Vec<usize>,
    /// Sentences [default: 128 in training, 1 and 32 in a search]
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = positive())]
    batch: Vec<usize>,
    /// Cores [default: all]
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = positive())]
    threads: Vec<usize>,
    /// f32; in training also bf16, in a search int8
    #[arg(long, value_name = "PRECISION", default_value = "f32")]
    precision: Precision,
    /// Another program, and its command line
    #[arg(long, value_name = "NAME=COMMAND", value_parser = peer)]
    beside: Vec<Peer>,
    /// Turns of each program
    #[arg(long, value_name = "N", default_value = "3", value_parser = positive())]
    rounds: usize,
    /// Repetitions of a turn that are timed, after one for warming up
    #[arg(long, alias = "repetitions", value_name = "N", default_value = "5", value_parser = positive())]
    steps: usize,
    /// Name of the record
    #[arg(long, value_name = "NAME", default_value = "pairs")]
    name: String,
    /// Where it is written
    #[arg(long, alias = "output", value_name = "DIR", default_value = "results/bench")]
    out: PathBuf,
    /// Print the record as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArguments,
}

#[derive(Debug, Clone)]
struct Peer {
    name: String,
    command: String,
}

fn peer(text: &str) -> Result<Peer, String> {
    let parts = text
        .split_once('=')
        .filter(|(name, command)| !name.is_empty() && !command.trim().is_empty());
    let (name, command) = parts.ok_or("expected NAME=COMMAND")?;
    Ok(Peer {
        name: name.to_owned(),
        command: command.to_owned(),
    })
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    for arch in &arguments.arch {
        architecture(arch)?;
    }
    let device = arguments.device.device.open()?;
    check_precision(arguments.task.task(), arguments.precision, &device)?;
    std::fs::create_dir_all(&arguments.out).with_context(|| format!("`{}`", arguments.out.display()))?;
    let path = arguments.out.join(format!("{}.json", arguments.name));
    // A measurement that is stopped leaves the record of an earlier one as it was, and what it found beside it.
    let part = arguments.out.join(format!("{}.json.part", arguments.name));
    let mut pairs = Pairs {
        date: now(),
        commit: commit(),
        machine: format!("{}, {}", machine(), simd()),
        rounds: arguments.rounds,
        rows: Vec::new(),
    };
    for workload in arguments.workloads() {
        eprintln!("{}", workload.join(" "));
        pairs.rows.push(measure(arguments, &workload)?);
        pairs.date = now();
        let json = serde_json::to_string_pretty(&pairs)? + "\n";
        write_atomically(&part, |file| file.write_all(json.as_bytes()))
            .with_context(|| format!("`{}`", part.display()))?;
    }
    std::fs::rename(&part, &path).with_context(|| format!("`{}`", path.display()))?;
    if arguments.json {
        return print_json(&pairs);
    }
    write!(io::stdout().lock(), "{}", table(&pairs).render(Format::Text))?;
    eprintln!("written to {}", path.display());
    Ok(())
}

impl Arguments {
    /// The arguments of each workload.
    fn workloads(&self) -> Vec<Vec<String>> {
        let or = |given: &[usize], default: &[usize]| {
            if given.is_empty() {
                default.to_vec()
            } else {
                given.to_vec()
            }
        };
        let batches = or(
            &self.batch,
            match self.task {
                TaskName::Train => &[128],
                TaskName::Greedy | TaskName::Beam => &[1, 32],
            },
        );
        let threads = or(&self.threads, &[rayon::current_num_threads()]);
        let mut workloads = vec![Vec::new()];
        let lists = [
            ("--arch", self.arch.clone()),
            ("--d-model", words(&self.d_model)),
            ("--vocab", words(&self.vocab)),
            ("--batch", words(&batches)),
            ("--threads", words(&threads)),
        ];
        for (flag, values) in lists {
            let longer = |workload: &Vec<String>, value: &String| {
                let flag = [flag.to_owned(), value.clone()];
                workload.iter().cloned().chain(flag).collect()
            };
            workloads = workloads
                .iter()
                .flat_map(|workload: &Vec<String>| values.iter().map(move |value| longer(workload, value)))
                .collect();
        }
        workloads
    }
}

fn words(numbers: &[usize]) -> Vec<String> {
    numbers.iter().map(ToString::to_string).collect()
}

fn measure(arguments: &Arguments, workload: &[String]) -> anyhow::Result<Row> {
    let steps = arguments.steps.to_string();
    let ours = {
        let task = arguments.task.task().name();
        let device = arguments.device.device.to_string();
        let fixed = ["bench", task, "--json", "--warmup", "1", "--steps", &steps];
        let more = ["--device", &device, "--precision", arguments.precision.name()];
        let words = fixed.into_iter().map(str::to_owned).chain(workload.iter().cloned());
        words.chain(more.map(str::to_owned)).collect::<Vec<_>>()
    };
    let start = |name: &str, command: &[String]| Timed {
        name: name.into(),
        command: command.join(" "),
        dtype: None,
        seconds: Vec::new(),
        peak_rss_mib: None,
        matrix_share: Vec::new(),
    };
    let mut programs = vec![start(OURS, &ours)];
    let mut last = Json::Null;
    for round in 0..arguments.rounds {
        let mut command = Command::new(std::env::current_exe()?);
        last = measured(command.args(&ours), OURS)?;
        programs[0].add(&last).context(OURS)?;
        for (i, peer) in arguments.beside.iter().enumerate() {
            let words = command_of(&peer.command, &last)?;
            if round == 0 {
                programs.push(start(&peer.name, &words));
            }
            let mut command = Command::new(&words[0]);
            let found = measured(command.args(&words[1..]), &peer.name)?;
            programs[i + 1].add(&found).with_context(|| peer.name.clone())?;
        }
    }
    let number = |key: &str| -> anyhow::Result<usize> {
        let number = last[key]
            .as_u64()
            .with_context(|| format!("{OURS} printed no `{key}`"))?;
        Ok(number.try_into()?)
    };
    let text = |key: &str| last[key].as_str().unwrap_or_default().to_owned();
    Ok(Row {
        task: text("task"),
        arch: text("arch"),
        d_model: number("d_model")?,
        vocab: number("vocab")?,
        batch: number("batch")?,
        threads: number("threads")?,
        programs,
    })
}
