//! What a corpus is read from: found and checked first, read pair by pair later.

use std::fs;
use std::path::Path;

use crate::config::{Archive, Corpus, DataConfig, File, Files, Form, Split};
use crate::corpus::{Pair, PairReader, TextFile};
use crate::error::DataError;
use crate::grammar::{self, Splits};
use crate::manifest::Input;
use crate::progress::Progress;
use crate::sources::archive::{Limits, Member, unpack};
use crate::sources::{Found, SourceOptions, fetch};

use super::SPLITS;

/// Where the pairs come from, found and checked.
pub(crate) enum Inputs {
    /// Source and target of each split, or the only side; of valid nothing if it is taken from train.
    Files([Vec<Found>; 3]),
    /// What the built-in grammar says.
    Grammar(Box<Splits>),
    /// Archives, each with what is wanted of it.
    Archives(Vec<(Found, Vec<Wanted>)>),
}

/// Two members of an archive, or one of a text.
pub(crate) struct Wanted {
    /// Place among the archives of the definition.
    place: usize,
    split: Split,
    form: Option<Form>,
    /// What each side may be called.
    names: Vec<Vec<String>>,
}

/// Source, if there is one, and target, which are read line by line.
pub(crate) type Part = (Option<TextFile>, TextFile);

/// What the pairs of each split are read from, in order.
pub(crate) enum Pairs<'a> {
    Files([Vec<Part>; 3]),
    Grammar(&'a Splits),
}

/// Gives the next pair, or nothing at the end.
pub(crate) type Next<'a> = Box<dyn FnMut() -> Result<Option<Pair>, DataError> + Send + 'a>;

/// Finds the inputs of a section, downloading them if need be.
pub(crate) fn find(config: &DataConfig, options: &SourceOptions, progress: &dyn Progress) -> Result<Inputs, DataError> {
    if config.files.is_empty() {
        match config.corpus {
            Corpus::Grammar => {
                progress.message("generating sentences");
                return Ok(Inputs::Grammar(Box::new(grammar::generate(&config.grammar))));
            }
            Corpus::Archives => return find_archives(config, options, progress).map(Inputs::Archives),
            Corpus::Files => {}
        }
    }
    let Files { train, valid, test } = &config.files;
    let mut inputs: [Vec<Found>; 3] = Default::default();
    for ((split, sides), input) in SPLITS.into_iter().zip([train, valid, test]).zip(&mut inputs) {
        if split == "valid" && config.valid_every.is_some() {
            if sides.source.is_some() || sides.target.is_some() {
                return Err(DataError::Config {
                    message: "valid_every takes the valid split from train, and files.valid names another".into(),
                    hint: "leave one of them out".into(),
                });
            }
            continue;
        }
        let find = |side: &str, file: &Option<_>| match file {
            Some(file) => fetch(file, options, progress),
            None => Err(DataError::Config {
                message: format!("files.{split}.{side} is missing"),
                hint: format!(
                    "give `data.files.{split}.{side}` the path of a local file; all {} are needed",
                    if config.is_one_sided() { "three" } else { "six" }
                ),
            }),
        };
        if !config.is_one_sided() {
            input.push(find("source", &sides.source)?);
        }
        input.push(find("target", &sides.target)?);
    }
    Ok(Inputs::Files(inputs))
}

fn find_archives(
    config: &DataConfig,
    options: &SourceOptions,
    progress: &dyn Progress,
) -> Result<Vec<(Found, Vec<Wanted>)>, DataError> {
    let has = |split: Split| config.archives.iter().any(|archive| archive.split == split);
    for (split, wanted) in [
        (Split::Train, true),
        (Split::Valid, config.valid_every.is_none()),
        (Split::Test, true),
    ] {
        if has(split) != wanted {
            return Err(DataError::Config {
                message: match wanted {
                    true => format!("none of the archives has a {} split", SPLITS[split as usize]),
                    false => "valid_every takes the valid split from train, and an archive has another".into(),
                },
                hint: "each of train, valid and test needs an archive, but valid with valid_every none".into(),
            });
        }
    }
    let mut found: Vec<(Archive, Found, Vec<Wanted>)> = Vec::new();
    for (place, archive) in config.archives.iter().enumerate() {
        let wanted = Wanted {
            place,
            split: archive.split,
            form: archive.form,
            names: archive.member_names(config),
        };
        let same = |known: &&mut (Archive, _, _)| known.0.remote() == archive.remote();
        match found.iter_mut().find(same) {
            Some((_, _, all)) => all.push(wanted),
            None => {
                let file = fetch(&File::Remote(archive.remote()), options, progress)?;
                found.push((archive.clone(), file, vec![wanted]));
            }
        }
    }
    Ok(found.into_iter().map(|(_, file, wanted)| (file, wanted)).collect())
}

impl Inputs {
    /// The files, for the manifest and for the name of the prepared folder.
    pub fn found(&self) -> Vec<Input> {
        match self {
            Inputs::Files(splits) => splits.iter().flatten().map(Input::from).collect(),
            Inputs::Grammar(_) => Vec::new(),
            Inputs::Archives(archives) => archives.iter().map(|(file, _)| Input::from(file)).collect(),
        }
    }

    /// What the name of the prepared folder depends on, a line each.
    pub fn key_lines(&self) -> Vec<String> {
        match self {
            // The sentences themselves, so that a grammar that has learnt something is prepared anew.
            Inputs::Grammar(splits) => {
                let pairs = [&splits.train, &splits.valid, &splits.test].into_iter().flatten();
                pairs.map(|(source, target)| format!("{source}\n{target}\n")).collect()
            }
            Inputs::Files(splits) => {
                let line = |file: &Found| match &file.json {
                    Some(json) => format!("{}\n{json:?}\n", file.sha256),
                    None => format!("{}\n", file.sha256),
                };
                splits.iter().flatten().map(line).collect()
            }
            Inputs::Archives(archives) => {
                let line = |file: &Found,
                            Wanted {
                                place,
                                split,
                                form,
                                names,
                            }: &Wanted| {
                    format!("{} {place} {split:?} {form:?} {names:?}\n", file.sha256)
                };
                let lines = archives
                    .iter()
                    .flat_map(|(file, wanted)| wanted.iter().map(move |wanted| line(file, wanted)));
                lines.collect()
            }
        }
    }

    /// The pairs, ready to be read. Members of archives are unpacked into `folder`; those that an earlier run has unpacked
    /// are there.
    pub fn open(&self, folder: &Path, progress: &dyn Progress) -> Result<Pairs<'_>, DataError> {
        match self {
            Inputs::Grammar(splits) => Ok(Pairs::Grammar(splits)),
            Inputs::Files(splits) => Ok(Pairs::Files(splits.each_ref().map(|split| {
                let file = |found: &Found| TextFile {
                    path: found.path.clone(),
                    form: Form::Text,
                    json: found.json.clone(),
                };
                let mut files: Vec<TextFile> = split.iter().map(file).collect();
                let target = files.pop();
                target.map(|target| (files.pop(), target)).into_iter().collect()
            }))),
            Inputs::Archives(archives) => {
                fs::create_dir_all(folder).map_err(DataError::io(folder))?;
                let mut parts: Vec<(usize, Split, Part)> = Vec::new();
                for (archive, wanted) in archives {
                    progress.begin(&format!("unpacking {}", archive.name), None);
                    parts.extend(unpack_wanted(archive, wanted, folder)?);
                    progress.end();
                }
                // In the order of the definition, whatever archive they come from.
                parts.sort_by_key(|(place, ..)| *place);
                let mut splits: [Vec<Part>; 3] = Default::default();
                parts
                    .into_iter()
                    .for_each(|(_, split, part)| splits[split as usize].push(part));
                Ok(Pairs::Files(splits))
            }
        }
    }
}

/// Unpacks what is wanted of an archive, unless it is there.
fn unpack_wanted(archive: &Found, wanted: &[Wanted], folder: &Path) -> Result<Vec<(usize, Split, Part)>, DataError> {
    // Which names the members had: written when all of them are there.
    let list = folder.join(format!(
        "{}.names.json",
        wanted.first().map_or(0, |wanted| wanted.place)
    ));
    let known = fs::read(&list)
        .ok()
        .and_then(|text| serde_json::from_slice::<Vec<String>>(&text).ok());
    let mut members: Vec<Member> = Vec::new();
    let mut places: Vec<Vec<usize>> = Vec::new();
    for wanted in wanted {
        let sides = wanted.names.iter().enumerate().map(|(side, names)| {
            // What is wanted twice is unpacked once.
            let known = members.iter().position(|member| member.names == *names);
            known.unwrap_or_else(|| {
                members.push(Member {
                    names: names.clone(),
                    to: folder.join(format!("{}.{side}", wanted.place)),
                });
                members.len() - 1
            })
        });
        places.push(sides.collect());
    }
    let complete =
        |names: &Vec<String>| names.len() == members.len() && members.iter().all(|member| member.to.is_file());
    let names = match known.filter(complete) {
        Some(names) => names,
        None => {
            let names = unpack(&archive.path, &members, &Limits::default())?;
            let text = serde_json::to_vec(&names).unwrap_or_default();
            fs::write(&list, text).map_err(DataError::io(&list))?;
            names
        }
    };
    let parts = wanted.iter().zip(&places).filter_map(|(wanted, sides)| {
        let (&first, &last) = (sides.first()?, sides.last()?);
        let name = names[first].trim_end_matches(".gz");
        let form = match name.ends_with(".xml") || name.ends_with(".sgm") {
            true => Form::Segments,
            false => Form::Text,
        };
        let file = |member: usize| TextFile {
            path: members[member].to.clone(),
            form: wanted.form.unwrap_or(form),
            json: None,
        };
        let part = ((sides.len() > 1).then(|| file(first)), file(last));
        Some((wanted.place, wanted.split, part))
    });
    Ok(parts.collect())
}

impl Pairs<'_> {
    /// Reads the pairs of a split, file after file.
    pub fn split(&self, split: usize) -> Result<Next<'_>, DataError> {
        match self {
            Pairs::Grammar(splits) => {
                let mut pairs = [&splits.train, &splits.valid, &splits.test][split].iter();
                Ok(Box::new(move || Ok(pairs.next().cloned().map(Ok))))
            }
            Pairs::Files(splits) => {
                let mut parts = splits[split].iter();
                let mut open = move || {
                    let next = parts.next();
                    next.map(|(source, target)| PairReader::open(source.clone(), target.clone()))
                        .transpose()
                };
                let mut reader = open()?;
                Ok(Box::new(move || {
                    while let Some(current) = &mut reader {
                        if let Some(pair) = current.next_pair()? {
                            return Ok(Some(pair));
                        }
                        reader = open()?;
                    }
                    Ok(None)
                }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_member_that_two_splits_want_is_unpacked_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.en.gz");
        let mut encoder = flate2::write::GzEncoder::new(fs::File::create(&path).unwrap(), flate2::Compression::fast());
        encoder.write_all(b"a dog\n").unwrap();
        encoder.finish().unwrap();
        let archive = Found {
            path,
            name: "x.en.gz".into(),
            size: 0,
            sha256: String::new(),
            json: None,
        };
        let wanted = |place: usize, split: Split| Wanted {
            place,
            split,
            form: None,
            names: vec![vec!["x.en".into()]],
        };
        let wanted = [wanted(0, Split::Valid), wanted(1, Split::Test)];
        // The second time it is there already.
        for _ in 0..2 {
            let parts = unpack_wanted(&archive, &wanted, folder.path()).unwrap();
            let [(0, Split::Valid, (None, valid)), (1, Split::Test, (None, test))] = parts.as_slice() else {
                panic!("{parts:?}")
            };
            assert_eq!(valid.path, test.path);
            assert_eq!(fs::read(&test.path).unwrap(), b"a dog\n");
        }
    }
}
