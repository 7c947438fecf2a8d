//! The files of a corpus, and how a definition names one: a plain string, or a table with the keys of one of the kinds.

use std::fmt;
use std::path::PathBuf;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// The six files of a corpus; each may be missing where another corpus stands behind it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Files {
    /// What is trained on.
    pub train: Sides,
    /// What is watched during training.
    pub valid: Sides,
    /// What is scored at the end.
    pub test: Sides,
}

/// The two files of a split.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Sides {
    /// The side that is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<File>,
    /// The side that is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<File>,
}

/// One plain or gzipped text file: a sentence a line, or an object of JSON a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum File {
    /// A file on this machine, written as a plain string.
    Local(PathBuf),
    /// A file of the network, written as a table.
    Remote(Remote),
    /// A file that no address serves in this form, written as a table without `url`.
    Given(Given),
    /// One field of lines of JSON: either table with a `field`.
    Field(Field),
}

/// A file that a table names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum TableFile {
    /// One with an address.
    Remote(Remote),
    /// One without.
    Given(Given),
}

/// A file of the network and how to know that it is the right one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    /// The address.
    pub url: String,
    /// Where a mirror and the download folder keep it. No other address may have it.
    pub path: String,
    /// Bytes, if they are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Hash of the bytes as lower-case hexadecimal digits, if it is known. Otherwise that of the first download from this
    /// address counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// A file that has to be given: in the mirror, or under its path on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Given {
    /// Where a mirror keeps it; without a mirror, its path.
    pub path: PathBuf,
    /// Bytes, if only one file will do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Hash of the bytes as lower-case hexadecimal digits, if only one file will do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Where it comes from and how it was made, for those who do not have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
}

/// One field of lines of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Field {
    /// The file.
    #[serde(flatten)]
    pub file: TableFile,
    /// Which field of each object is the text.
    #[serde(flatten)]
    pub json: JsonField,
}

/// How a line of JSON becomes a line of text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JsonField {
    /// The key whose value is the text.
    pub field: String,
    /// The word that stands for a line break in the text, so that turns or paragraphs stay apart. Default: empty, which
    /// joins the lines with a space.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub line_break: String,
}

impl File {
    /// The address and the rest of it, if it has one.
    pub fn remote(&self) -> Option<&Remote> {
        match self {
            File::Remote(remote) => Some(remote),
            File::Field(Field {
                file: TableFile::Remote(remote),
                ..
            }) => Some(remote),
            File::Local(_) | File::Given(_) | File::Field(_) => None,
        }
    }

    /// Where it has to be and what it has to be, if it is a table without an address.
    pub fn given(&self) -> Option<&Given> {
        match self {
            File::Given(given) => Some(given),
            File::Field(Field {
                file: TableFile::Given(given),
                ..
            }) => Some(given),
            File::Local(_) | File::Remote(_) | File::Field(_) => None,
        }
    }
}

impl Files {
    /// Whether no file is named at all.
    pub fn is_empty(&self) -> bool {
        *self == Files::default()
    }

    /// The files that are named, split by split, sources first.
    pub fn named(&self) -> impl Iterator<Item = &File> {
        let Files { train, valid, test } = self;
        let sides = [train, valid, test].into_iter();
        sides.flat_map(|sides| [&sides.source, &sides.target]).flatten()
    }
}

/// Every key that such a table can have.
#[derive(Deserialize)]
struct Table {
    url: Option<String>,
    path: Option<String>,
    size: Option<u64>,
    sha256: Option<String>,
    origin: Option<String>,
    field: Option<String>,
    line_break: Option<String>,
}

// Written by hand and not derived as `untagged`, because that would hide unknown keys from the definition's reader.
impl<'de> Deserialize<'de> for File {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FileVisitor;

        impl<'de> Visitor<'de> for FileVisitor {
            type Value = File;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("the path of a local file, or a table with path and perhaps url, size and sha256")
            }

            fn visit_str<E>(self, path: &str) -> Result<File, E> {
                Ok(File::Local(PathBuf::from(path)))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<File, A::Error> {
                of_table(Table::deserialize(MapAccessDeserializer::new(map))?)
            }
        }

        deserializer.deserialize_any(FileVisitor)
    }
}

fn of_table<E: Error>(table: Table) -> Result<File, E> {
    let path = table.path.ok_or_else(|| E::missing_field("path"))?;
    let file = match table.url {
        // What comes from the network is never used unchecked.
        Some(url) => TableFile::Remote(Remote {
            url,
            path,
            size: Some(table.size.ok_or_else(|| E::missing_field("size"))?),
            sha256: Some(table.sha256.ok_or_else(|| E::missing_field("sha256"))?),
        }),
        None => TableFile::Given(Given {
            path: path.into(),
            size: table.size,
            sha256: table.sha256,
            origin: table.origin,
        }),
    };
    match (table.field, table.line_break) {
        (Some(field), line_break) => Ok(File::Field(Field {
            file,
            json: JsonField {
                field,
                line_break: line_break.unwrap_or_default(),
            },
        })),
        (None, Some(_)) => Err(E::custom("`line_break` needs a `field`: lines of plain text have none")),
        (None, None) => Ok(match file {
            TableFile::Remote(remote) => File::Remote(remote),
            TableFile::Given(given) => File::Given(given),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<File, toml::de::Error> {
        toml::from_str::<std::collections::BTreeMap<String, File>>(&format!("file = {text}"))
            .map(|mut files| files.remove("file").unwrap())
    }

    #[test]
    fn every_kind_comes_back_from_what_it_is_written_as() {
        for text in [
            r#""a.en""#,
            r#"{ url = "http://x/a", path = "c/a", size = 3, sha256 = "00" }"#,
            r#"{ path = "c/a" }"#,
            r#"{ path = "c/a", size = 3, sha256 = "00", origin = "made by hand" }"#,
            r#"{ path = "c/a", field = "dialogue", line_break = "|" }"#,
            r#"{ url = "http://x/a", path = "c/a", size = 3, sha256 = "00", field = "summary" }"#,
        ] {
            let file = read(text).unwrap();
            let json = serde_json::to_value(&file).unwrap();
            assert_eq!(serde_json::from_value::<File>(json).unwrap(), file, "{text}");
        }
    }

    #[test]
    fn half_a_table_is_refused() {
        let check = |text: &str, expected: &str| {
            let message = read(text).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        };
        check(
            r#"{ url = "http://x/a", size = 3, sha256 = "00" }"#,
            "missing field `path`",
        );
        check(
            r#"{ url = "http://x/a", path = "a", size = 3 }"#,
            "missing field `sha256`",
        );
        check(r#"{ path = "a", line_break = "|" }"#, "`line_break` needs a `field`");
        check("7", "the path of a local file, or a table");
    }
}
