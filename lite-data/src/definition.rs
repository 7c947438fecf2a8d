//! The `[data]` section of a definition file, for the commands of this program.
//!
//! A parent (`extends`) is looked for beside the file. What else a definition may hold, and which are built in, is the
//! business of the `experiments` crate, which this one does not know.

use std::fs;
use std::path::{Path, PathBuf};

use lite_data::DataConfig;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What is wrong with a definition file, in one line, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct DefinitionError {
    message: String,
    /// What to try, where there is something to say.
    pub hint: Option<String>,
}

/// Reads the section of a file and of its parents.
pub fn read(path: &Path) -> Result<DataConfig, DefinitionError> {
    let mut sources = Vec::new();
    let table = with_parents(path, &mut sources)?;
    let Some(data) = table.get("data") else {
        return Err(wrong(format!("`{}` has no [data] section", path.display())));
    };
    let mut unknown = Vec::new();
    let config = serde_ignored::deserialize(data.clone(), |key| unknown.push(key.to_string()));
    let config: DataConfig = config.map_err(|error: toml::de::Error| {
        let message = error.to_string();
        wrong(format!(
            "`{}`, section [data]: {}",
            path.display(),
            message.trim_end().replace('\n', ", ")
        ))
    })?;
    let Some(key) = unknown.first() else {
        return Ok(config);
    };
    // A value that may be absent is a question mark in the path.
    let keys: Vec<String> = ["data"]
        .into_iter()
        .chain(key.split('.').filter(|key| *key != "?"))
        .map(str::to_owned)
        .collect();
    let place = sources.iter().find_map(|source| source.place(&keys));
    let place = place.unwrap_or_else(|| format!("`{}`", path.display()));
    Err(wrong(format!("{place}: unknown key `{}`", keys.join("."))))
}

/// A file that was read.
struct Source {
    path: PathBuf,
    text: String,
}

/// The tables of a file over those of its parents. The sources are noted, children before parents.
fn with_parents(path: &Path, sources: &mut Vec<Source>) -> Result<toml::Table, DefinitionError> {
    if sources.iter().any(|source| source.path == path) {
        return Err(wrong(format!("`{}` extends itself", path.display())));
    }
    let text = fs::read_to_string(path).map_err(|error| DefinitionError {
        message: format!("`{}`: {error}", path.display()),
        hint: (error.kind() == std::io::ErrorKind::NotFound).then(|| {
            let name = path.file_stem().unwrap_or_default();
            format!(
                "a built-in experiment goes by its name: `lite-train --exp {} --prepare-only`",
                name.display()
            )
        }),
    })?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| {
        let begin = error.span().map_or(0, |span| span.start);
        wrong(format!(
            "`{}` line {}: {}",
            path.display(),
            line_of(&text, begin),
            error.message().replace('\n', ", ")
        ))
    })?;
    let source = Source {
        path: path.to_path_buf(),
        text,
    };
    let extends = source.place(&["extends".to_owned()]).unwrap_or_default();
    sources.push(source);
    let Some(parent) = table.get("extends") else {
        return Ok(table);
    };
    let Some(name) = parent.as_str() else {
        return Err(wrong(format!(
            "{extends}: extends = {parent}, expected the name of a definition"
        )));
    };
    let parent = path.with_file_name(format!("{}.toml", name.trim_end_matches(".toml")));
    if !parent.is_file() {
        return Err(DefinitionError {
            message: format!(
                "{extends}: `extends` names `{name}`, and there is no `{}`",
                parent.display()
            ),
            hint: Some(format!(
                "parents are looked for beside the file; `lite-train --exp {} --prepare-only` knows the built-in ones too",
                path.display()
            )),
        });
    }
    let mut merged = with_parents(&parent, sources)?;
    merge(&mut merged, table);
    Ok(merged)
}

/// Tables merge key by key; anything else is replaced. So is a table that names a file, by another that does: size and hash
/// are of the file, and not of its place in the definition.
fn merge(parent: &mut toml::Table, child: toml::Table) {
    for (key, value) in child {
        match (parent.get_mut(&key), value) {
            (Some(toml::Value::Table(parent)), toml::Value::Table(child))
                if !(names_file(parent) && names_file(&child)) =>
            {
                merge(parent, child);
            }
            (_, value) => {
                parent.insert(key, value);
            }
        }
    }
}

fn names_file(table: &toml::Table) -> bool {
    table.contains_key("path") || table.contains_key("url")
}

fn wrong(message: String) -> DefinitionError {
    DefinitionError { message, hint: None }
}

impl Source {
    /// The file and the line of a key, if it stands here.
    fn place(&self, keys: &[String]) -> Option<String> {
        let document = DeTable::parse(&self.text).ok()?;
        let begin = begin_in(document.get_ref(), keys)?;
        Some(format!("`{}` line {}", self.path.display(), line_of(&self.text, begin)))
    }
}

/// Where a key begins.
fn begin_in(table: &DeTable<'_>, keys: &[String]) -> Option<usize> {
    let (first, rest) = keys.split_first()?;
    let (key, value) = table.iter().find(|(key, _)| key.get_ref() == first.as_str())?;
    if rest.is_empty() {
        return Some(key.span().start);
    }
    begin(value, rest)
}

/// The same below a value; an item of a list has its place for a key.
fn begin(value: &Spanned<DeValue<'_>>, keys: &[String]) -> Option<usize> {
    match value.get_ref() {
        DeValue::Table(table) => begin_in(table, keys),
        DeValue::Array(items) => {
            let (first, rest) = keys.split_first()?;
            let item = items.get(first.parse::<usize>().ok()?)?;
            if rest.is_empty() {
                return Some(item.span().start);
            }
            begin(item, rest)
        }
        _ => None,
    }
}

/// The line of a byte, from one.
fn line_of(text: &str, offset: usize) -> usize {
    let before = &text.as_bytes()[..offset.min(text.len())];
    before.iter().filter(|&&byte| byte == b'\n').count() + 1
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
            "[data]\nsource_language = \"en\"\ntarget_language = \"xx\"\ntokeniser.vocabulary_size = 9\n\
             [data.files.test]\nsource = { path = \"a\", size = 3 }\n",
        );
        let child = write(
            folder,
            "child.toml",
            "extends = \"base\"\n[data]\ntarget_language = \"fr\"\nfiles.test.source = { path = \"b\" }\n",
        );
        let config = read(&child).unwrap();
        assert_eq!(
            (config.source_language.as_str(), config.target_language.as_str()),
            ("en", "fr")
        );
        assert_eq!(config.tokeniser.vocabulary_size, 9);
        // The size is of another file.
        let given = config
            .files
            .test
            .source
            .as_ref()
            .and_then(lite_data::File::given)
            .unwrap();
        assert_eq!((given.path.as_path(), given.size), (Path::new("b"), None));
    }

    #[test]
    fn cycles_and_missing_parents_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let a = write(folder.path(), "a.toml", "# Mine.\nextends = \"b\"\n");
        let error = read(&a).unwrap_err();
        assert!(error.message.contains("a.toml` line 2: `extends` names `b`"), "{error}");
        assert!(error.hint.unwrap().contains("/a.toml --prepare-only`"));
        write(folder.path(), "b.toml", "extends = \"a\"\n");
        let error = read(&a).unwrap_err();
        assert!(error.message.contains("a.toml` extends itself"), "{error}");
        let error = read(&folder.path().join("quick")).unwrap_err();
        assert!(error.message.contains("quick`: No such file"), "{error}");
        assert!(error.hint.unwrap().ends_with("`lite-train --exp quick --prepare-only`"));
    }

    #[test]
    fn what_is_wrong_has_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let check = |parent: &str, child: &str, expected: &str| {
            write(folder.path(), "p.toml", parent);
            let path = write(folder.path(), "c.toml", &format!("extends = \"p\"\n[data]\n{child}"));
            let message = read(&path).unwrap_err().message;
            let shown = message.replace(&format!("{}/", folder.path().display()), "");
            assert_eq!(shown, expected);
        };
        let parent = "[data]\nsource_language = \"en\"\ntarget_language = \"fr\"\n";
        check(
            parent,
            "lowercas = true\n",
            "`c.toml` line 3: unknown key `data.lowercas`",
        );
        check(
            &format!("{parent}[data.tokeniser]\nvocab_size = 3\n"),
            "max_ratio = 2.0\n",
            "`p.toml` line 5: unknown key `data.tokeniser.vocab_size`",
        );
        check(
            &format!("{parent}tokeniser.merges = -1\n"),
            "max_ratio = 2\n",
            "`c.toml`, section [data]: invalid value: integer `-1`, expected usize, in `tokeniser.merges`",
        );
        check(
            "[train]\n",
            "max_ratio = 2\n",
            "`c.toml`, section [data]: missing field `target_language`",
        );
        check(
            "[data]\nx = y\n",
            "",
            "`p.toml` line 2: string values must be quoted, expected literal string",
        );
    }
}
