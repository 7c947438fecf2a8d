//! The `[data]` section of a definition file, for the commands of this program.
//!
//! A parent (`extends`) is looked for beside the file. What else a definition may hold is the business of the
//! `experiments` crate, which this one does not know.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use lite_data::DataConfig;

/// Reads the section of a file and of its parents.
pub fn read(path: &Path) -> Result<DataConfig> {
    let table = with_parents(path, &mut Vec::new())?;
    let Some(data) = table.get("data") else {
        bail!("`{}` has no [data] section", path.display());
    };
    let mut unknown = Vec::new();
    let config = serde_ignored::deserialize(data.clone(), |key| unknown.push(key.to_string()))
        .with_context(|| format!("`{}`, section [data]", path.display()))?;
    if !unknown.is_empty() {
        bail!(
            "`{}`, section [data]: unknown keys: {}",
            path.display(),
            unknown.join(", ")
        );
    }
    Ok(config)
}

fn with_parents(path: &Path, children: &mut Vec<PathBuf>) -> Result<toml::Table> {
    if children.iter().any(|child| child == path) {
        bail!("`{}` extends itself", path.display());
    }
    children.push(path.to_path_buf());
    let text = fs::read_to_string(path).with_context(|| format!("`{}`", path.display()))?;
    let table: toml::Table = toml::from_str(&text).with_context(|| format!("`{}`", path.display()))?;
    let Some(parent) = table.get("extends") else {
        return Ok(table);
    };
    let Some(parent) = parent.as_str() else {
        bail!(
            "`{}`: extends = {parent}, expected the name of a definition",
            path.display()
        );
    };
    let parent = path.with_file_name(format!("{}.toml", parent.trim_end_matches(".toml")));
    let mut merged = with_parents(&parent, children).with_context(|| format!("the parent of `{}`", path.display()))?;
    merge(&mut merged, table);
    Ok(merged)
}

/// Tables merge key by key; anything else is replaced.
fn merge(parent: &mut toml::Table, child: toml::Table) {
    for (key, value) in child {
        match (parent.get_mut(&key), value) {
            (Some(toml::Value::Table(parent)), toml::Value::Table(child)) => merge(parent, child),
            (_, value) => {
                parent.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn parents_are_merged_key_by_key() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(
            folder,
            "base.toml",
            "[data]\nsource_language = \"en\"\ntarget_language = \"xx\"\ntokeniser.vocabulary_size = 9\n",
        );
        let child = write(
            folder,
            "child.toml",
            "extends = \"base\"\n[data]\ntarget_language = \"fr\"\n",
        );
        let config = read(&child).unwrap();
        assert_eq!(
            (config.source_language.as_str(), config.target_language.as_str()),
            ("en", "fr")
        );
        assert_eq!(config.tokeniser.vocabulary_size, 9);
    }

    #[test]
    fn cycles_and_missing_parents_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let a = write(folder.path(), "a.toml", "extends = \"b\"\n");
        let error = format!("{:#}", read(&a).unwrap_err());
        assert!(error.contains("the parent of") && error.contains("b.toml`"), "{error}");
        write(folder.path(), "b.toml", "extends = \"a\"\n");
        let error = format!("{:#}", read(&a).unwrap_err());
        assert!(error.contains("a.toml` extends itself"), "{error}");
    }
}
