//! Corpora in archives.

use serde::{Deserialize, Serialize};

use super::{DataConfig, Form, Remote};

/// Two files of an archive, for `corpus = "archives"`; in the order of the definition they make the splits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    /// The address.
    pub url: String,
    /// Where a mirror and the download folder keep it; no other address may have it. Default: the last part of the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Bytes, if they are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Hash of the bytes, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The files inside, without their endings: for `NAME`, either `NAME.en`, `NAME.en.gz`, `NAME.en.xml`, `NAME.en.sgm`,
    /// or `NAME-src.en.sgm` for the source and `NAME-ref.fr.sgm` for the target. Of a corpus of one side, the whole name.
    pub files: String,
    /// The split that they belong to.
    pub split: Split,
    /// How their lines become sentences. Default: `segments` for XML and SGM, otherwise `text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<Form>,
}

/// A part of a corpus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// What is trained on.
    Train,
    /// What is watched during training.
    Valid,
    /// What is scored at the end.
    Test,
}

impl Archive {
    /// The archive as a file of the network.
    pub fn remote(&self) -> Remote {
        let last = self.url.rsplit('/').next().unwrap_or_default();
        Remote {
            url: self.url.clone(),
            path: self.path.clone().unwrap_or_else(|| last.to_owned()),
            size: self.size,
            sha256: self.sha256.clone(),
        }
    }

    /// What each side, or the only one, may be called inside of the archive.
    pub fn member_names(&self, config: &DataConfig) -> Vec<Vec<String>> {
        let files = &self.files;
        if config.is_one_sided() {
            return vec![vec![files.clone(), format!("{files}.gz")]];
        }
        let names = |language: &str, marked: &str| {
            vec![
                format!("{files}.{language}"),
                format!("{files}.{language}.gz"),
                format!("{files}.{language}.xml"),
                format!("{files}.{language}.sgm"),
                format!("{files}-{marked}.{language}.sgm"),
            ]
        };
        vec![
            names(&config.source_language, "src"),
            names(&config.target_language, "ref"),
        ]
    }
}
