//! When prepared text stands in for archives: where a mirror holds all of its files, and not the archives themselves.

use std::path::Path;

use super::PrepareOptions;
use crate::config::{Corpus, DataConfig, File, Files, Given, StandIn};
use crate::progress::Progress;
use crate::sources::in_mirror;

/// The section with the files in the place of the archives, if it comes to that.
pub fn found(config: &DataConfig, options: &PrepareOptions, progress: &dyn Progress) -> Option<DataConfig> {
    let stand_in = config.stand_in.as_ref()?;
    let mirror = options.mirror.as_deref()?;
    // Files that are named outright come first, as for any corpus.
    if config.corpus != Corpus::Archives || !config.files.is_empty() {
        return None;
    }
    let given = given(stand_in)?;
    let is_there = |given: &&Given| in_mirror(mirror, &given.path).is_some();
    let whole = config
        .archives
        .iter()
        .all(|archive| in_mirror(mirror, Path::new(&archive.remote().path)).is_some());
    if whole || !given.iter().all(is_there) {
        return None;
    }
    progress.message(&format!(
        "`{}` holds no archives of this corpus; what stands in for them there is `{}` and so on",
        mirror.display(),
        given.first().map_or(Path::new(""), |given| &given.path).display()
    ));
    let mut config = DataConfig {
        corpus: Corpus::Files,
        files: stand_in.files.clone(),
        moses: None,
        valid_every: None,
        archives: Vec::new(),
        stand_in: None,
        ..config.clone()
    };
    config.tokeniser.codes.clone_from(&stand_in.codes);
    Some(config)
}

/// All files, if they are of the kind that a mirror holds.
fn given(stand_in: &StandIn) -> Option<Vec<&Given>> {
    let Files { train, valid, test } = &stand_in.files;
    let sides = [train, valid, test];
    let files = sides
        .into_iter()
        .flat_map(|sides| [sides.source.as_ref(), sides.target.as_ref()]);
    files
        .chain(stand_in.codes.iter().map(Some))
        .map(|file| match file {
            Some(File::Given(given)) => Some(given),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;

    #[test]
    fn what_stands_in_is_taken_where_it_is_all_there_is() {
        let folder = tempfile::tempdir().unwrap();
        let mut config: DataConfig = toml::from_str(
            r#"
            corpus = "archives"
            source_language = "de"
            target_language = "en"
            moses = { tokenise = true }
            archives = [{ url = "http://nowhere.invalid/x/all.tgz", files = "a", split = "train" }]
            [stand_in]
            codes = { path = "codes" }
            files.train = { source = { path = "a.de" }, target = { path = "a.en" } }
            files.valid = { source = { path = "b.de" }, target = { path = "b.en" } }
            files.test = { source = { path = "c/b.de" }, target = { path = "c/b.en" } }
            "#,
        )
        .unwrap();
        let options = |mirror: Option<&Path>| PrepareOptions {
            data_root: folder.path().join("data"),
            mirror: mirror.map(Path::to_path_buf),
            offline: true,
        };
        let here = options(Some(folder.path()));
        for name in ["a.de", "a.en", "b.de", "b.en"] {
            assert_eq!(found(&config, &here, &Silent), None, "{name} is still missing");
            std::fs::write(folder.path().join(name), "x\n").unwrap();
        }
        assert_eq!(found(&config, &here, &Silent), None, "the codes are still missing");
        std::fs::write(folder.path().join("codes"), "").unwrap();
        let standing = found(&config, &here, &Silent).unwrap();
        assert_eq!((standing.corpus, &standing.moses), (Corpus::Files, &None));
        assert_eq!(
            Some(standing.files),
            config.stand_in.as_ref().map(|it| it.files.clone())
        );
        assert!(standing.tokeniser.codes.is_some() && standing.archives.is_empty());

        assert_eq!(found(&config, &options(None), &Silent), None);
        config.files.train.source = Some(File::Local("own.de".into()));
        assert_eq!(found(&config, &here, &Silent), None, "own files come first");
        config.files = Files::default();
        std::fs::write(folder.path().join("all.tgz"), "").unwrap();
        assert_eq!(found(&config, &here, &Silent), None, "the whole is there");
    }
}
