//! Tensors come back as they were packed, and bytes that were made to do harm end in an error.

use super::*;
use crate::compress::codebook::Start;
use crate::compress::prune::prune;
use crate::compress::tensor::{Coded, Coding};
use crate::draws::Draws;

fn weights(n: usize, seed: u64) -> Vec<f32> {
    let draws = Draws::new(seed * 2 + 1).normal(n);
    draws.into_iter().map(|x| 0.035 * x).collect()
}

fn packed() -> Vec<(&'static str, Vec<usize>, PackedBytes, Vec<f32>)> {
    let mut all = Vec::new();
    let bias = weights(40, 1);
    all.push(("a.bias", vec![40], PackedBytes::floats(&bias), bias));
    let norm: Vec<f32> = (0..40).map(|i| 1.0 + i as f32 / 64.0).collect();
    all.push(("b.norm", vec![40], PackedBytes::halves(&norm).unwrap(), norm));
    let names = [
        ["c.0", "c.1", "c.2", "c.3"],
        ["d.0", "d.1", "d.2", "d.3"],
        ["e.0", "e.1", "e.2", "e.3"],
    ];
    for (bits, names) in [8, 4, 1].into_iter().zip(names) {
        for (i, name) in names.into_iter().enumerate() {
            let is_pruned = i / 2 == 1;
            let mut matrix = weights(40 * 30, 7 + i as u64);
            if is_pruned {
                prune(&mut matrix, 0.6);
            }
            let coded = Coded::new(&matrix, bits, is_pruned, Start::Linear);
            let coding = [Coding::Fixed, Coding::Entropy][i % 2];
            all.push((name, vec![40, 30], coded.pack(coding), coded.values().into_floats()));
        }
    }
    all
}

fn archive(tensors: &[(&'static str, Vec<usize>, PackedBytes, Vec<f32>)]) -> Vec<u8> {
    write(
        tensors
            .iter()
            .map(|(name, shape, packed, _)| (*name, &shape[..], packed)),
    )
}

#[test]
fn tensors_come_back() {
    let tensors = packed();
    let bytes = archive(&tensors);
    let archive = Archive::parse(&bytes).unwrap();
    assert_eq!(archive.entries().len(), tensors.len());
    for (name, shape, packed, values) in &tensors {
        let entry = archive.get(name).unwrap();
        assert_eq!((entry.shape(), entry.bytes()), (&shape[..], &packed.bytes[..]));
        assert!(entry.values().unwrap().into_floats() == *values, "{name}");
    }
    assert!(archive.get("z").is_none());
}

#[test]
fn extremes_of_pruning_come_back() {
    for n_kept in [0, 1, 3, 700] {
        let mut matrix = vec![0.0; 70_000];
        (0..n_kept).for_each(|i| matrix[69_999 - i * 97] = 0.5 + (i % 5) as f32 / 8.0);
        for coding in [Coding::Fixed, Coding::Entropy] {
            let coded = Coded::new(&matrix, 8, true, Start::Density);
            assert_eq!(coded.codes().iter().filter(|code| **code != 0).count(), n_kept);
            let packed = coded.pack(coding);
            assert!(packed.bytes.len() * WEIGHTS_A_BYTE >= matrix.len());
            let values = unpack_values(packed.encoding, &packed.bytes, matrix.len()).unwrap();
            assert!(values.into_floats() == matrix, "{n_kept} {coding:?}");
        }
    }
}

#[test]
fn errors_of_quantisation_are_small_and_entropy_coding_is_smaller() {
    let mut matrix = weights(100_000, 3);
    let n_zeros = prune(&mut matrix, 0.58);
    let coded = Coded::new(&matrix, 8, true, Start::Linear);
    let largest = matrix.iter().fold(0f32, |largest, x| largest.max(x.abs()));
    let values = coded.values().into_floats();
    for (value, weight) in values.iter().zip(&matrix) {
        // Half a step of the linear start, which k-means only narrows where weights are.
        assert!(
            (value - weight).abs() < 2.0 * largest / 254.0,
            "{weight} became {value}"
        );
        assert_eq!(*value == 0.0, *weight == 0.0);
    }
    let [fixed, entropy] = [Coding::Fixed, Coding::Entropy].map(|coding| coded.pack(coding));
    assert_eq!(fixed.bits_of_weights, 8 * (100_000 - n_zeros) as u64);
    assert_eq!(fixed.index, 100_000 / 8);
    assert!(entropy.bits_of_weights < fixed.bits_of_weights && entropy.bytes.len() < fixed.bytes.len());
}

#[test]
fn codes_can_stand_for_other_values() {
    let mut matrix = weights(1200, 5);
    prune(&mut matrix, 0.6);
    let coded = Coded::new(&matrix, 4, true, Start::Linear);
    let doubled: Vec<f32> = coded
        .values()
        .into_floats()
        .iter()
        .map(|weight| weight * -2.0)
        .collect();
    let moved = coded.moved_to(&doubled);
    assert!(moved.codes() == coded.codes() && moved.values().into_floats() == doubled);
    assert!(coded.moved_to(&coded.values().into_floats()) == coded);
}

#[test]
fn a_cut_or_altered_archive_never_panics() {
    let bytes = archive(&packed());
    for length in 0..bytes.len() {
        let error = Archive::parse(&bytes[..length]).unwrap_err();
        assert!(!error.place.is_empty() && !error.found.is_empty(), "{error}");
    }
    for i in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[i] ^= 1 << (i % 8);
        let Ok(archive) = Archive::parse(&bytes) else { continue };
        for entry in archive.entries() {
            if let Ok(values) = entry.values() {
                assert_eq!(values.into_floats().len(), entry.n_elements());
            }
        }
    }
}

#[test]
fn a_name_cannot_speak_to_a_terminal() {
    let broken = PackedBytes {
        encoding: Encoding::Codes,
        ..PackedBytes::floats(&[0.0; 16])
    };
    let one = |name: &'static str| archive(&[(name, vec![16], broken.clone(), vec![])]);
    let bytes = one("w\u{1b}[2J");
    let error = Archive::parse(&bytes).unwrap().entries()[0].values().unwrap_err();
    // As if it stood there twice.
    let twice = [&2u32.to_le_bytes()[..], &bytes[4..], &bytes[4..]].concat();
    for error in [error, Archive::parse(&twice).unwrap_err()] {
        let message = error.to_string();
        assert!(message.starts_with("tensor `w\u{fffd}[2J`: found "), "{message:?}");
        assert!(!message.contains('\u{1b}'), "{message:?}");
    }
}

#[test]
fn claims_beyond_the_bytes_are_refused() {
    let entry = |encoding: u8, shape: &[u64], payload: &[u8], n_bytes: u64| {
        let mut bytes = 1u32.to_le_bytes().to_vec();
        bytes.extend(1u16.to_le_bytes());
        bytes.extend([b'w', encoding, shape.len() as u8]);
        bytes.extend(shape.iter().flat_map(|n| n.to_le_bytes()));
        bytes.extend(n_bytes.to_le_bytes());
        bytes.extend(payload);
        bytes
    };
    for (encoding, shape, n_bytes, message) in [
        (
            2,
            &[1_000_000, 1_000_000][..],
            64,
            "tensor `w`: found 1000000000000 weights in 64 bytes",
        ),
        (0, &[u64::MAX, u64::MAX], 64, "tensor `w`: found shape"),
        (1, &[33], 64, "tensor `w`: found 33 weights in 64 bytes"),
        (
            2,
            &[8],
            1 << 40,
            "tensor `w`: found 64 bytes to the end, expected 1099511627776",
        ),
        (3, &[8], 64, "tensor `w`: found encoding 3"),
        (0, &[1; 9], 64, "tensor `w`: found 9 dimensions"),
    ] {
        let error = Archive::parse(&entry(encoding, shape, &[0; 64], n_bytes)).unwrap_err();
        assert!(error.to_string().starts_with(message), "{error}");
    }
    let error = Archive::parse(&u32::MAX.to_le_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "byte 4: found 0 bytes to the end, expected 2");
    // A thousand zeros in the claim of runs, where the tensor has ten weights.
    let payload = [
        &[3, 8, 1, 0, 0, 0, 128, 63, 0, 60, 0][..],
        &1000u32.to_le_bytes(),
        &[0; 64],
    ]
    .concat();
    let bytes = entry(2, &[10], &payload, payload.len() as u64);
    let error = Archive::parse(&bytes).unwrap().entries()[0].values().unwrap_err();
    assert!(
        error.to_string().starts_with("tensor `w`: found 1000 runs of zeros"),
        "{error}"
    );
}
