//! Text that a definition takes in the place of its archives.

use std::path::PathBuf;

use super::PrepareOptions;
use crate::config::{Corpus, DataConfig, File, Given};
use crate::error::DataError;
use crate::sources::places_of;

/// The section with the files in the place of the archives, if it names such files. It never falls back on the archives: a
/// part of a corpus and the whole of it are two experiments, whatever lies on a machine.
pub fn taken(config: &DataConfig, options: &PrepareOptions) -> Result<Option<DataConfig>, DataError> {
    // Files that are named outright come first, as for any corpus.
    let Some(stand_in) = config.stand_in.as_ref().filter(|_| config.files.is_empty()) else {
        return Ok(None);
    };
    let is_missing = |given: &&Given| {
        let places = places_of(given, options.mirror.as_deref());
        !places.iter().any(|place| place.is_file())
    };
    let missing: Vec<&Given> = stand_in.named().filter_map(File::given).filter(is_missing).collect();
    if let Some(first) = missing.first() {
        let origin = first.origin.as_ref();
        let origin = origin.map(|origin| format!("; `{}` is {origin}", first.path.display()));
        let mut files: Vec<PathBuf> = missing.iter().map(|given| given.path.clone()).collect();
        files.dedup();
        return Err(DataError::NoStandIn {
            files,
            hint: format!(
                "name the folder that holds them with --mirror{}",
                origin.unwrap_or_default()
            ),
        });
    }
    let mut taken = DataConfig {
        corpus: Corpus::Files,
        files: stand_in.files.clone(),
        moses: None,
        valid_every: None,
        archives: Vec::new(),
        stand_in: None,
        ..config.clone()
    };
    taken.tokeniser.codes.clone_from(&stand_in.codes);
    Ok(Some(taken))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Files;

    #[test]
    fn what_stands_in_is_taken_or_missed() {
        let folder = tempfile::tempdir().unwrap();
        let mut config: DataConfig = toml::from_str(
            r#"
            corpus = "archives"
            source_language = "de"
            target_language = "en"
            moses = { tokenise = true }
            tokeniser = { kind = "subword-nmt" }
            archives = [{ url = "http://nowhere.invalid/x/all.tgz", files = "a", split = "train" }]
            [stand_in]
            codes = { path = "codes" }
            files.train = { source = { path = "x/a.de", origin = "a part" }, target = { path = "x/a.en" } }
            files.valid = { source = { path = "b.de" }, target = { path = "b.en" } }
            files.test = { source = { path = "c/b.de" }, target = { path = "c/b.en" } }
            "#,
        )
        .unwrap();
        config.validate().unwrap();
        let options = |mirror: Option<&Path>| PrepareOptions {
            data_root: folder.path().join("data"),
            mirror: mirror.map(Path::to_path_buf),
            offline: false,
        };
        let here = options(Some(folder.path()));
        // That the archive is there as well makes no difference.
        std::fs::write(folder.path().join("all.tgz"), "").unwrap();
        for mirror in [None, Some(folder.path())] {
            let error = taken(&config, &options(mirror)).unwrap_err();
            let message = error.to_string();
            assert!(
                message.ends_with("`x/a.de`, `x/a.en`, `b.de`, `b.en`, `c/b.de`, `c/b.en`, `codes`"),
                "{message}"
            );
            let hint = error.hint().unwrap();
            assert!(
                hint.contains("with --mirror") && hint.ends_with("`x/a.de` is a part"),
                "{hint}"
            );
        }
        for name in ["a.de", "a.en", "b.de", "b.en"] {
            std::fs::write(folder.path().join(name), "x\n").unwrap();
        }
        let error = taken(&config, &here).unwrap_err().to_string();
        assert!(error.ends_with("not found: `codes`"), "{error}");
        std::fs::write(folder.path().join("codes"), "").unwrap();
        let standing = taken(&config, &here).unwrap().unwrap();
        assert_eq!((standing.corpus, &standing.moses), (Corpus::Files, &None));
        assert_eq!(
            Some(standing.files),
            config.stand_in.as_ref().map(|it| it.files.clone())
        );
        assert!(standing.tokeniser.codes.is_some() && standing.archives.is_empty());

        config.files.train.source = Some(File::Local("own.de".into()));
        assert_eq!(taken(&config, &here).unwrap(), None, "own files come first");
        config.files = Files::default();
        config.stand_in = None;
        assert_eq!(taken(&config, &here).unwrap(), None);
    }
}
