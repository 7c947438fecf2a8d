//! `lite-eval tables`: TABLES.md and the README's tables, from records.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use experiments::{ComparisonRecord, CompressionRecord, Record, write_atomically};
use lite_eval::tables::{bench, compression, document, fill};

use super::ResultsArguments;

/// Write results/TABLES.md and the README's tables from the records
///
/// In the README, what stands between `<!-- table:EXPERIMENT -->`, `<!-- table:compression:EXPERIMENT -->` or `<!-- table:bench:NAME
/// -->` and `<!-- end -->` is replaced.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  lite-eval tables --check")]
pub struct Arguments {
    #[command(flatten)]
    results: ResultsArguments,
    /// The document with markers
    #[arg(long, value_name = "FILE", default_value = "README.md")]
    readme: PathBuf,
    /// Change nothing; fail if a table is not what the records say
    #[arg(long)]
    check: bool,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let results = &arguments.results.results;
    let records = Record::read_all(results)?;
    let compared = ComparisonRecord::read_all(results)?;
    let compressed = CompressionRecord::read_all(results)?;
    let timings = bench::read_all(&results.join("bench"))?;
    let tables = document(&records, &compared) + &compression::document(&compressed, &compression::published()?);
    let mut files = vec![(results.join("TABLES.md"), tables)];
    if arguments.readme.exists() {
        let place = || format!("`{}`", arguments.readme.display());
        let readme = fs::read_to_string(&arguments.readme).with_context(place)?;
        files.push((
            arguments.readme.clone(),
            fill(&readme, &records, &compared, &compressed, &timings).with_context(place)?,
        ));
    }
    publish(&files, arguments.check, "lite-eval tables")
}

/// Writes the files that differ from what is there, or names them.
pub fn publish(files: &[(PathBuf, String)], check: bool, command: &str) -> anyhow::Result<()> {
    let differs = |path: &Path, text: &str| fs::read(path).map_or(true, |found| found != text.as_bytes());
    let stale: Vec<_> = files.iter().filter(|(path, text)| differs(path, text)).collect();
    if check {
        if stale.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = stale.iter().map(|(path, _)| format!("`{}`", path.display())).collect();
        bail!("stale: {}; run `{command}`", names.join(", "));
    }
    for (path, text) in stale {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).with_context(|| format!("`{}`", folder.display()))?;
        }
        write_atomically(path, |file| file.write_all(text.as_bytes()))
            .with_context(|| format!("`{}`", path.display()))?;
        eprintln!("wrote {}", path.display());
    }
    Ok(())
}
