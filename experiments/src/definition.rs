//! One experiment as people write it: parents merged, overrides applied, sections handed to whoever owns their type.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use crate::error::nearest;
use crate::tree::{Entry, Node, Table, Value};
use crate::{DefinitionError, PaperNumbers, Place, builtin, canonical, overrides, parse, read};

/// The keys a definition may have at its top.
const TOP: [&str; 7] = ["title", "extends", "data", "train", "decode", "arch", "paper"];

/// One experiment: a corpus, settings of training and decoding, and the architectures that are compared.
#[derive(Debug, Clone)]
pub struct Definition {
    /// Name of the experiment: the built-in name, or the file's name without `.toml`.
    pub name: String,
    title: String,
    /// The file that errors name when something is absent.
    file: Arc<str>,
    root: Table,
    overrides: Vec<String>,
    paper: Vec<(String, PaperNumbers)>,
}

impl Definition {
    /// Loads a built-in definition by name, or a file by a path that ends in `.toml`, and applies overrides such as
    /// `train.updates=100` or `arch.lite.d_model=64` (TOML values; a bare word is a string).
    pub fn load(name_or_path: &str, overrides: &[String]) -> Result<Definition, DefinitionError> {
        let origin = if Path::new(name_or_path)
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            Origin::Path(PathBuf::from(name_or_path))
        } else {
            Origin::built_in(name_or_path).ok_or_else(|| DefinitionError::UnknownName {
                name: name_or_path.to_owned(),
                nearest: nearest(name_or_path, builtin::runnable()),
            })?
        };
        let mut root = resolve(&origin, &mut Vec::new())?;
        for text in overrides {
            overrides::apply(&mut root, text)?;
        }
        let file = origin.shown();
        check_tables(&root)?;
        let title = match root.get("title") {
            Some(entry) => read::read(&entry.node, "title")?,
            None => String::new(),
        };
        let paper = read_paper(&root)?;
        Ok(Definition {
            name: origin.name(),
            title,
            file,
            root,
            overrides: overrides.to_vec(),
            paper,
        })
    }

    /// Reads a section: `data`, `train`, `decode` or `arch.NAME`. A section that is absent is read as an empty table,
    /// so that its defaults apply.
    pub fn section<T: DeserializeOwned>(&self, path: &str) -> Result<T, DefinitionError> {
        if let Some(arch) = path.strip_prefix("arch.") {
            self.check_arch(arch)?;
        }
        let empty = Node {
            value: Value::Table(Table::default()),
            place: Place::File(self.file.clone()),
        };
        let (entry, rest) = self.along(path);
        let node = entry.filter(|_| rest.is_empty()).map_or(&empty, |entry| &entry.node);
        read::read(node, path)
    }

    /// Refuses a value that could be read but not used, such as `updates` in the section `train`: at its line, or at the
    /// file where it is not written.
    pub fn refuse(&self, section: &str, key: &str, found: &str, expected: &str) -> DefinitionError {
        let key = format!("{section}.{key}");
        let place = match self.along(&key) {
            (Some(entry), "") => entry.node.place.clone(),
            _ => Place::File(self.file.clone()),
        };
        DefinitionError::Invalid {
            place,
            key,
            message: format!("found {found}, expected {expected}"),
        }
    }

    /// The last entry along a dotted key that is written, and what of the key is left after it.
    fn along<'k>(&self, key: &'k str) -> (Option<&Entry>, &'k str) {
        let (mut last, mut table, mut rest) = (None, Some(&self.root), key);
        while !rest.is_empty() {
            let (first, after) = rest.split_once('.').unwrap_or((rest, ""));
            let Some(entry) = table.and_then(|table| table.get(first)) else {
                break;
            };
            (last, table, rest) = (Some(entry), entry.node.table(), after);
        }
        (last, rest)
    }

    /// The architectures compared, in the order of the file.
    pub fn archs(&self) -> Vec<String> {
        let table = self.root.get("arch").and_then(table_of);
        table.map_or(Vec::new(), |table| table.keys().map(str::to_owned).collect())
    }

    /// What `--arch` selects: all architectures for `all`, of which there has to be one, else the one named.
    pub fn select_archs(&self, name: &str) -> Result<Vec<String>, DefinitionError> {
        if name == "all" {
            let archs = self.archs();
            if archs.is_empty() {
                return Err(DefinitionError::Invalid {
                    place: Place::File(self.file.clone()),
                    key: "arch".into(),
                    message: "found no architecture, expected a table [arch.NAME] for each".into(),
                });
            }
            return Ok(archs);
        }
        self.check_arch(name)?;
        Ok(vec![name.to_owned()])
    }

    /// What the publication reports for an architecture, if anything.
    pub fn paper(&self, arch: &str) -> Option<PaperNumbers> {
        self.paper
            .iter()
            .find(|(name, _)| name == arch)
            .map(|(_, numbers)| numbers.clone())
    }

    /// The title, empty if the file gives none.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The overrides that were applied, as typed.
    pub fn overrides(&self) -> &[String] {
        &self.overrides
    }

    /// The whole definition as JSON, parents merged and overrides applied.
    pub fn resolved(&self) -> Json {
        self.root.to_json()
    }

    /// [`Self::resolved`] with only one architecture: its table as `arch`, its published numbers as `paper`.
    pub fn for_arch(&self, arch: &str) -> Json {
        let mut whole = self.resolved();
        for group in ["arch", "paper"] {
            let one = whole.get(group).and_then(|table| table.get(arch)).cloned();
            if let Some(map) = whole.as_object_mut() {
                match one {
                    Some(one) => map.insert(group.to_owned(), one),
                    None => map.shift_remove(group),
                };
            }
        }
        whole
    }

    /// sha256 (hex) of everything that changes a result: all but the title and the published numbers, whatever the
    /// formatting and the order of keys.
    pub fn hash(&self) -> String {
        hash_of(&self.resolved())
    }

    /// Refuses an architecture that the definition does not have, naming the nearest.
    pub fn check_arch(&self, arch: &str) -> Result<(), DefinitionError> {
        let known = self.archs();
        if known.iter().any(|name| name == arch) {
            return Ok(());
        }
        Err(DefinitionError::UnknownArch {
            definition: self.name.clone(),
            arch: arch.to_owned(),
            nearest: nearest(arch, known.iter().map(String::as_str)),
            known,
        })
    }
}

/// The hash of a resolved definition, or of one architecture's part of it.
pub(crate) fn hash_of(resolved: &Json) -> String {
    let empty = Map::new();
    let map = resolved.as_object().unwrap_or(&empty);
    let kept = map
        .iter()
        .filter(|(key, _)| !["title", "paper"].contains(&key.as_str()));
    canonical::hash_value(&Json::Object(
        kept.map(|(key, value)| (key.clone(), value.clone())).collect(),
    ))
}

/// Where a definition's text comes from. Equal origins are the same definition.
#[derive(Debug, Clone, PartialEq)]
enum Origin {
    BuiltIn(&'static str),
    Path(PathBuf),
}

impl Origin {
    fn built_in(name: &str) -> Option<Origin> {
        builtin::names().find(|known| *known == name).map(Origin::BuiltIn)
    }

    /// The definition that `extends = "name"` means in a file of this origin.
    fn parent(&self, name: &str) -> Option<Origin> {
        Origin::built_in(name).or_else(|| {
            let Origin::Path(path) = self else {
                return None;
            };
            let beside = path.parent().unwrap_or(Path::new("")).join(format!("{name}.toml"));
            beside.is_file().then_some(Origin::Path(beside))
        })
    }

    fn name(&self) -> String {
        match self {
            Origin::BuiltIn(name) => (*name).to_owned(),
            Origin::Path(path) => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        }
    }

    /// The file as errors name it.
    fn shown(&self) -> Arc<str> {
        match self {
            Origin::BuiltIn(name) => format!("experiments/definitions/{name}.toml").into(),
            Origin::Path(path) => path.display().to_string().into(),
        }
    }

    fn text(&self) -> Result<String, DefinitionError> {
        match self {
            Origin::BuiltIn(name) => Ok(builtin::text(name).unwrap_or_default().to_owned()),
            Origin::Path(path) => std::fs::read_to_string(path).map_err(|source| DefinitionError::Unreadable {
                path: path.clone(),
                source,
            }),
        }
    }
}

/// Parses a definition and puts it over its parents. `chain` holds the children that led here.
fn resolve(origin: &Origin, chain: &mut Vec<Origin>) -> Result<Table, DefinitionError> {
    let start = chain.iter().position(|child| child == origin);
    chain.push(origin.clone());
    if let Some(start) = start {
        let chain = chain[start..].iter().map(|origin| origin.shown().to_string()).collect();
        return Err(DefinitionError::Cycle { chain });
    }
    let mut own = parse::parse(&origin.text()?, &origin.shown())?;
    for entry in &own.0 {
        if !TOP.contains(&entry.key.as_str()) {
            return Err(DefinitionError::UnknownKey {
                place: entry.key_place.clone(),
                table: String::new(),
                key: entry.key.clone(),
                nearest: nearest(&entry.key, TOP),
            });
        }
    }
    let Some(extends) = own.remove("extends") else {
        return Ok(own);
    };
    let name: String = read::read(&extends.node, "extends")?;
    let parent = origin.parent(&name).ok_or_else(|| DefinitionError::UnknownParent {
        place: extends.node.place.clone(),
        nearest: nearest(&name, builtin::names()),
        name,
    })?;
    let mut root = resolve(&parent, chain)?;
    root.merge(own);
    Ok(root)
}

/// Sections are tables, and `[arch]` and `[paper]` hold tables, whose names can stand in a path and in a key.
fn check_tables(root: &Table) -> Result<(), DefinitionError> {
    let not_a_table = |place: &Place, key: String| DefinitionError::Invalid {
        place: place.clone(),
        message: format!("found a single value, expected a table [{key}]"),
        key,
    };
    for entry in root.0.iter().filter(|entry| entry.key != "title") {
        let Some(table) = table_of(entry) else {
            return Err(not_a_table(&entry.key_place, entry.key.clone()));
        };
        if ["arch", "paper"].contains(&entry.key.as_str()) {
            let single = table.0.iter().find(|inner| inner.node.table().is_none());
            if let Some(inner) = single {
                return Err(not_a_table(&inner.key_place, format!("{}.{}", entry.key, inner.key)));
            }
            // Runs and records lie in folders of these names.
            if let Some(inner) = table.0.iter().find(|inner| !is_plain(&inner.key)) {
                return Err(DefinitionError::Invalid {
                    place: inner.key_place.clone(),
                    key: format!("{}.\"{}\"", entry.key, inner.key.escape_debug()),
                    message: "found a name with other characters than letters, digits, `-` and `_`".into(),
                });
            }
        }
    }
    Ok(())
}

fn is_plain(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    !name.is_empty() && name.chars().all(is_plain)
}

/// Reads `[paper.NAME]`; each must belong to an `[arch.NAME]`.
fn read_paper(root: &Table) -> Result<Vec<(String, PaperNumbers)>, DefinitionError> {
    let archs: Vec<&str> = root
        .get("arch")
        .and_then(table_of)
        .map_or(Vec::new(), |table| table.keys().collect());
    let mut paper = Vec::new();
    for entry in root.get("paper").and_then(table_of).map_or(&[][..], |table| &table.0) {
        if !archs.contains(&entry.key.as_str()) {
            return Err(DefinitionError::Invalid {
                place: entry.key_place.clone(),
                key: format!("paper.{}", entry.key),
                message: match nearest(&entry.key, archs.iter().copied()) {
                    Some(name) => {
                        format!("there is no [arch.{}] (did you mean `{name}`?)", entry.key)
                    }
                    None => format!("there is no [arch.{}]", entry.key),
                },
            });
        }
        paper.push((
            entry.key.clone(),
            read::read(&entry.node, &format!("paper.{}", entry.key))?,
        ));
    }
    Ok(paper)
}

fn table_of(entry: &Entry) -> Option<&Table> {
    entry.node.table()
}
