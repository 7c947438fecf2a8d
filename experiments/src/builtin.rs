//! The built-in definitions, compiled in so that a program finds them wherever it stands.

macro_rules! built_in {
    ($($name:literal),* $(,)?) => {
        /// Name and text of every file in `experiments/definitions`.
        pub(crate) const BUILT_IN: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../definitions/", $name, ".toml")))),*];
    };
}

// A test compares this list with the folder.
built_in![
    "cnndm-800M",
    "docs-enfr-100M",
    "iwslt14-deen-110M",
    "iwslt14-deen-200M",
    "iwslt14-deen-50M-part",
    "iwslt14-deen-50M",
    "iwslt14-deen.base",
    "multi30k-ende",
    "multi30k-enfr-short",
    "multi30k-enfr.base",
    "multi30k-enfr",
    "multi30k.base",
    "quick",
    "samsum-100M",
    "wikitext103-1150M",
    "wikitext2-10M",
    "wmt14-enfr-100M",
    "wmt14-enfr-300M",
    "wmt14-enfr-500M",
    "wmt14-enfr-base",
    "wmt14-enfr.base",
    "wmt16-ende-100M",
    "wmt16-ende-300M",
    "wmt16-ende-500M",
    "wmt16-ende-base",
    "wmt16-ende.base",
];

/// The text of a built-in definition.
pub(crate) fn text(name: &str) -> Option<&'static str> {
    BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The names of all of them, parents too.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(name, _)| *name)
}

/// The names of those that can be run.
pub(crate) fn runnable() -> impl Iterator<Item = &'static str> {
    names().filter(|name| !name.ends_with(".base"))
}

/// Names and titles of the built-in definitions that can be run; the parents (`*.base`) are left out.
pub fn list() -> Vec<(String, String)> {
    runnable()
        .map(|name| {
            let title = crate::Definition::load(name, &[]).map_or(String::new(), |it| it.title().to_owned());
            (name.to_owned(), title)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_the_folder() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/definitions");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let listed: Vec<_> = names().map(|name| format!("{name}.toml")).collect();
        assert_eq!(listed, files);
    }
}
