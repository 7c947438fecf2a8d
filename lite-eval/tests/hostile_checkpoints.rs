//! Files that were made to do harm, or broke on the way, end in an error: soon, in little memory, and nothing is run.

use std::fs;
use std::path::{Path, PathBuf};

use lite_eval::import::torch::{Checkpoint, TorchError};

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/fairseq");
    let names = [
        "mb_dynamic_wmt/checkpoint_old_style.pt",
        "mb_dynamic_wmt/checkpoint_zip.pt",
        "mb_light_iwslt/checkpoint_cuda_like.pt",
    ];
    names.map(|name| folder.join(name)).into()
}

/// The stream container around the pickle of an object (without its first and last opcode) and one storage.
fn legacy(object: &[u8], storage: &[f32]) -> Vec<u8> {
    let mut bytes = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.".to_vec();
    bytes.extend([b"\x80\x02", object, b"."].concat());
    bytes.extend(b"\x80\x02]X\x01\x00\x00\x000a.");
    bytes.extend((storage.len() as u64).to_le_bytes());
    bytes.extend(storage.iter().flat_map(|x| x.to_le_bytes()));
    bytes
}

fn text(text: &str) -> Vec<u8> {
    [&b"X"[..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

fn number(number: u64) -> Vec<u8> {
    [&b"\x8a\x09"[..], &number.to_le_bytes(), b"\x00"].concat()
}

fn tuple(items: &[Vec<u8>]) -> Vec<u8> {
    [&b"("[..], &items.concat(), b"t"].concat()
}

fn storage(n_elements: u64) -> Vec<u8> {
    let class = b"ctorch\nFloatStorage\n".to_vec();
    let id = tuple(&[
        text("storage"),
        class,
        text("0"),
        text("cuda:0"),
        long(n_elements),
        b"N".to_vec(),
    ]);
    [id, b"Q".to_vec()].concat()
}

/// An integer of up to 63 bits.
fn long(value: u64) -> Vec<u8> {
    [&b"\x8a\x08"[..], &value.to_le_bytes()].concat()
}

fn tensor(n_elements: u64, offset: u64, shape: &[u64], strides: &[u64]) -> Vec<u8> {
    let numbers = |numbers: &[u64]| tuple(&numbers.iter().map(|&n| long(n)).collect::<Vec<_>>());
    let arguments = tuple(&[
        storage(n_elements),
        long(offset),
        numbers(shape),
        numbers(strides),
        b"\x89".to_vec(),
        b"N".to_vec(),
    ]);
    [
        b"ctorch._utils\n_rebuild_tensor_v2\n".to_vec(),
        arguments,
        b"R".to_vec(),
    ]
    .concat()
}

fn parsed(object: &[u8]) -> Result<(), TorchError> {
    let bytes = legacy(object, &[]);
    // The storage that the container ends with is used by nothing here.
    match Checkpoint::parse(&bytes) {
        Err(error) if error.expected == "one" && error.place == "storage `0`" => Ok(()),
        other => other.map(drop),
    }
}

#[test]
fn a_sound_file_is_read() {
    let bytes = legacy(&tensor(6, 1, &[2, 2], &[1, 2]), &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    let checkpoint = Checkpoint::parse(&bytes).unwrap();
    let tensor = checkpoint.root().as_tensor().unwrap().unwrap();
    assert_eq!(
        (tensor.shape(), tensor.to_f32()),
        (&[2, 2][..], vec![1.0, 3.0, 2.0, 4.0])
    );
    assert_eq!(tensor.rows(1, 1).to_f32(), [2.0, 4.0]);
}

#[test]
fn views_outside_their_storage_are_refused() {
    for (n_elements, offset, shape, strides) in [
        (6, 3, &[2, 2][..], &[2, 1][..]),
        (6, 7, &[], &[]),
        (6, u64::MAX >> 1, &[1], &[1]),
        (6, 0, &[2, 2], &[1 << 62, 1]),
        (6, 0, &[1 << 62, 1 << 62], &[0, 0]),
        // Expanded: more elements than there are.
        (6, 0, &[1 << 40], &[0]),
        (6, 0, &[7], &[0]),
    ] {
        let bytes = legacy(&tensor(n_elements, offset, shape, strides), &[0.0; 6]);
        let checkpoint = Checkpoint::parse(&bytes).unwrap();
        let found = checkpoint.root().as_tensor().unwrap();
        assert!(found.is_err(), "offset {offset}, shape {shape:?}, strides {strides:?}");
    }
    // Nothing of a storage is always there, whatever its strides; along one element nothing moves.
    for (shape, strides) in [(&[0, 5][..], &[1 << 62, 9][..]), (&[1, 6], &[1 << 62, 1])] {
        let bytes = legacy(&tensor(6, 0, shape, strides), &[0.5; 6]);
        let checkpoint = Checkpoint::parse(&bytes).unwrap();
        let tensor = checkpoint.root().as_tensor().unwrap().unwrap();
        assert_eq!(tensor.to_f32(), vec![0.5; tensor.n_elements()]);
    }
}

#[test]
fn a_storage_that_claims_too_much_is_refused() {
    for claimed in [7, 1 << 40, u64::MAX >> 1] {
        let bytes = legacy(&tensor(claimed, 0, &[6], &[1]), &[0.0; 6]);
        let error = Checkpoint::parse(&bytes).unwrap_err();
        assert_eq!(error.place, "storage `0`", "{error}");
        // The same claim in both places.
        let mut bytes = bytes;
        let at = bytes.len() - 6 * 4 - 8;
        bytes[at..at + 8].copy_from_slice(&claimed.to_le_bytes());
        let error = Checkpoint::parse(&bytes).unwrap_err();
        assert!(error.found.ends_with(" bytes to the end"), "{error}");
    }
    let twice = tuple(&[tensor(6, 0, &[6], &[1]), tensor(5, 0, &[5], &[1])]);
    assert!(Checkpoint::parse(&legacy(&twice, &[0.0; 6])).is_err());
}

#[test]
fn what_doubles_itself_costs_nothing() {
    // Each tuple holds the one before twice: 2^100,000 values if they were copied.
    let doubled = [&b")"[..], &b"2\x86".repeat(100_000)].concat();
    parsed(&doubled).unwrap();
    // A list that holds itself.
    parsed(b"]q\x00h\x00a").unwrap();
    // One long list of pairs, made into dictionaries again and again.
    let pairs = [&b"]("[..], &b"NN\x86".repeat(1_000), b"e\x85q\x01"].concat();
    let again = b"0ccollections\nOrderedDict\nh\x01R".repeat(10_000);
    let error = parsed(&[pairs, again].concat()).unwrap_err();
    assert_eq!(error.expected, "4194304 opcodes at most", "{error}");
}

#[test]
fn deep_nesting_is_read_without_a_stack() {
    let lists = [&b"]".repeat(1_000_000)[..], &b"a".repeat(999_999)].concat();
    parsed(&lists).unwrap();
    let tuples = [&b"(".repeat(1_000_000)[..], &b"t".repeat(1_000_000)].concat();
    parsed(&tuples).unwrap();
    let error = parsed(&b"N0".repeat(3_000_000)).unwrap_err();
    assert_eq!(error.expected, "4194304 opcodes at most", "{error}");
}

#[test]
fn counts_that_lie_are_held_to_the_file() {
    for object in [
        &b"X\xff\xff\xff\xff"[..],
        b"T\xff\xff\xff\x7f",
        b"B\xff\xff\xff\xff",
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x96\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x8b\xff\xff\xff\xff",
    ] {
        let error = parsed(object).unwrap_err();
        assert!(error.found.ends_with("bytes to the end"), "{error}");
    }
    parsed(b"N\x95\xff\xff\xff\xff\xff\xff\xff\xff").unwrap();
    parsed(b"Nr\xff\xff\xff\xffj\xff\xff\xff\xff0").unwrap();
}

#[test]
fn programs_that_go_wrong_are_named() {
    for (object, found) in [
        (&b"0"[..], "0 values on the stack"),
        (b"N(0", "0 values on the stack"),
        (b"t", "no mark on the stack"),
        (b"h\x05", "memo entry 5"),
        (b"Nq\x00(h\x01", "memo entry 1"),
        (b"NNa", "another value"),
        (b"}(NNNu", "a key without a value"),
        (b"NQ", "a persistent id of another kind"),
        (b"I42\n", "opcode 0x49"),
        (b"ctorch._utils\n_rebuild_tensor_v2\n)R", "other arguments"),
        (b"\x80\x09N", "protocol 9"),
    ] {
        let error = parsed(object).unwrap_err();
        assert_eq!(error.found, found, "{error}");
    }
    let negative = tuple(&[storage(6), long(0), tuple(&[number(u64::MAX)]), tuple(&[long(1)])]);
    let call = [b"ctorch._utils\n_rebuild_tensor_v2\n".to_vec(), negative, b"R".to_vec()].concat();
    assert!(Checkpoint::parse(&legacy(&call, &[0.0; 6])).is_err());
}

#[test]
fn nothing_is_run() {
    let folder = tempfile::tempdir().unwrap();
    let proof = folder.path().join("proof");
    let command = format!("touch {}", proof.display());
    let object = [b"cposix\nsystem\n".to_vec(), text(&command), b"\x85R".to_vec()].concat();
    parsed(&object).unwrap();
    let object = [b"cposix\nsystem\n".to_vec(), text(&command), b"\x85\x81}b".to_vec()].concat();
    parsed(&object).unwrap();
    assert!(!proof.exists());
}

#[test]
fn a_file_that_was_cut_is_refused_wherever_it_was_cut() {
    for path in fixtures() {
        let whole = fs::read(&path).unwrap();
        assert!(Checkpoint::parse(&whole).is_ok());
        for length in (0..whole.len()).step_by(397).chain(whole.len() - 40..whole.len()) {
            assert!(
                Checkpoint::parse(&whole[..length]).is_err(),
                "{}, {length} bytes",
                path.display()
            );
        }
    }
}

#[test]
fn a_changed_byte_is_no_panic_and_in_an_archive_an_error() {
    for path in fixtures() {
        let mut bytes = fs::read(&path).unwrap();
        let (is_archive, whole) = (bytes.starts_with(b"PK"), bytes.len());
        for at in (0..bytes.len()).step_by(211) {
            let before = bytes[at];
            for value in [before ^ 0x10, 0xff, 0] {
                bytes[at] = value;
                if let Ok(checkpoint) = Checkpoint::parse(&bytes) {
                    let tensors = checkpoint.values().filter_map(|value| value.as_tensor()?.ok());
                    tensors.for_each(|tensor| assert!(tensor.n_elements() * tensor.dtype().size() <= whole));
                }
            }
            bytes[at] = before;
        }
        if !is_archive {
            continue;
        }
        // Inside an entry, the checksum tells.
        let at = bytes.windows(9).position(|window| window == b"Namespace").unwrap();
        bytes[at] ^= 1;
        let error = Checkpoint::parse(&bytes).unwrap_err();
        assert!(error.found.starts_with("checksum "), "{error}");
    }
}

/// An archive of stored entries.
struct Zip {
    bytes: Vec<u8>,
    directory: Vec<u8>,
    n_entries: u16,
}

impl Zip {
    fn new() -> Self {
        Self {
            bytes: Vec::new(),
            directory: Vec::new(),
            n_entries: 0,
        }
    }

    fn entry(mut self, name: &str, data: &[u8]) -> Self {
        let at = self.bytes.len() as u32;
        let lengths = [(name.len() as u16).to_le_bytes(), [0; 2]].concat();
        self.bytes
            .extend([&b"PK\x03\x04"[..], &[0; 22], &lengths, name.as_bytes(), data].concat());
        self.listed(name, crc32fast::hash(data), data.len() as u32, at)
    }

    fn listed(mut self, name: &str, checksum: u32, size: u32, at: u32) -> Self {
        let numbers = [checksum, size, size].map(u32::to_le_bytes).concat();
        let head = [
            &b"PK\x01\x02"[..],
            &[0; 12],
            &numbers,
            &(name.len() as u16).to_le_bytes(),
        ]
        .concat();
        self.directory
            .extend([&head[..], &[0; 12], &at.to_le_bytes(), name.as_bytes()].concat());
        self.n_entries += 1;
        self
    }

    fn finish(self) -> Vec<u8> {
        let at = (self.bytes.len() as u32).to_le_bytes();
        let size = (self.directory.len() as u32).to_le_bytes();
        let n = self.n_entries.to_le_bytes();
        let end = [&b"PK\x05\x06"[..], &[0; 4], &n, &n, &size, &at, &[0; 2]].concat();
        [self.bytes, self.directory, end].concat()
    }
}

#[test]
fn archives_that_lie_are_refused() {
    let pickle = [b"\x80\x02", &tensor(2, 0, &[2], &[1])[..], b"."].concat();
    let sound = || Zip::new().entry("a/data.pkl", &pickle).entry("a/data/0", &[0; 8]);
    let bytes = sound().finish();
    let checkpoint = Checkpoint::parse(&bytes).unwrap();
    assert_eq!(checkpoint.root().as_tensor().unwrap().unwrap().to_f32(), [0.0; 2]);

    let refused = |bytes: &[u8], found: &str| {
        let error = Checkpoint::parse(bytes).unwrap_err();
        assert!(error.to_string().contains(found), "{error}, expected {found}");
    };
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = sound().finish();
        change(&mut bytes);
        bytes
    };
    let end = bytes.len() - 22;
    refused(
        &with(&|bytes| bytes[end + 10..end + 12].fill(0xff)),
        "the zip signature",
    );
    refused(&with(&|bytes| bytes[end + 16..end + 20].fill(0xff)), "bytes to the end");
    refused(
        &with(&|bytes| bytes[end..end + 4].fill(0)),
        "the end record of a zip archive",
    );
    refused(&sound().entry("a/data.pkl", b"").finish(), "a second one of this name");
    refused(&sound().entry("b/data.pkl", b"").finish(), "several `data.pkl`");
    refused(&Zip::new().entry("a/data", b"").finish(), "no `data.pkl`");
    refused(&sound().entry("a/byteorder", b"big").finish(), "`big`");
    refused(
        &sound().listed("a/data/1", 0, u32::MAX - 1, 0).finish(),
        "entries of 4294967",
    );
    let overlapping = (1..40).fold(sound(), |zip, i| {
        zip.listed(&format!("a/{i}"), 0, pickle.len() as u32, 0)
    });
    refused(&overlapping.finish(), "the size of the file");
    let changed = |offset: usize, value: u8| {
        let mut bytes = sound().finish();
        let at = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
        bytes[at + offset] = value;
        bytes
    };
    refused(&changed(10, 8), "packed or encrypted");
    refused(&changed(8, 1), "packed or encrypted");
    refused(&changed(16, 0xaa), "checksum");
    refused(&changed(45, 0x7f), "bytes to the end");
    // A storage shorter than its tensor; one that is not there.
    let short = Zip::new()
        .entry("a/data.pkl", &pickle)
        .entry("a/data/0", &[0; 7])
        .finish();
    let checkpoint = Checkpoint::parse(&short).unwrap();
    assert_eq!(checkpoint.root().as_tensor().unwrap().unwrap_err().found, "7 bytes");
    let absent = Zip::new().entry("a/data.pkl", &pickle).finish();
    let checkpoint = Checkpoint::parse(&absent).unwrap();
    assert_eq!(checkpoint.root().as_tensor().unwrap().unwrap_err().found, "nothing");
}

#[test]
fn other_files_are_told_apart() {
    for (bytes, found) in [
        (&b""[..], "an empty file"),
        (b"{\"a\": 1}", "`{\"a\": 1}`"),
        (b"\x80\x02}.", "another pickle"),
        (b"PK\x03\x04", "the end"),
    ] {
        assert_eq!(Checkpoint::parse(bytes).unwrap_err().found, found);
    }
    let mut tar = vec![0; 600];
    tar[257..262].copy_from_slice(b"ustar");
    assert!(Checkpoint::parse(&tar).unwrap_err().found.contains("tar archive"));
}
