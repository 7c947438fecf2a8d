//! Which sources are computed together. Where padding leaks into a convolution, the batch is part of the result, so
//! batches are those of the reference (fairseq `data_utils.batch_by_size`).

use burn::tensor::{Device, Int, Tensor, TensorData};
use lite_data::{collate_right, collate_sources};

use crate::decode::SourcePadding;
use crate::numpy::permutation;

/// A full batch gives up what exceeds a multiple of this.
const MULTIPLE: usize = 8;

/// The seed with which the reference shuffles sentences before it sorts them (`FairseqTask.get_batch_iterator`).
const SHUFFLE: u32 = 1;

/// The order in which the reference takes sentences (`LanguagePairDataset.ordered_indices`): short sources first, of
/// equal ones those with a short target, where the targets are known, and shuffled where nothing tells them apart.
pub(crate) fn order(sources: &[usize], targets: Option<&[usize]>) -> Vec<usize> {
    let mut order = permutation(SHUFFLE, sources.len());
    order.sort_by_key(|&i| (sources[i], targets.map(|targets| targets[i])));
    order
}

/// Cuts sentences, given in the order of their lengths, into batches of at most `batch_size`.
pub(crate) fn cut(order: &[usize], batch_size: usize) -> Vec<&[usize]> {
    let size = (batch_size / MULTIPLE * MULTIPLE).max(batch_size % MULTIPLE);
    let mut batches = Vec::new();
    let mut rest = order;
    while rest.len() > batch_size {
        let (batch, others) = rest.split_at(size);
        batches.push(batch);
        rest = others;
    }
    if !rest.is_empty() {
        batches.push(rest);
    }
    batches
}

/// Sources as one tensor `[batch_size, length]`, and how many columns of padding stand on the left of each.
pub(crate) fn source_tensor(
    sources: &[Vec<u32>],
    side: SourcePadding,
    device: &Device,
) -> (Tensor<2, Int>, Vec<usize>) {
    let (tokens, length) = match side {
        SourcePadding::Left => collate_sources(sources),
        SourcePadding::Right => collate_right(sources),
    };
    let padding = sources.iter().map(|source| match side {
        SourcePadding::Left => length - source.len(),
        SourcePadding::Right => 0,
    });
    let tensor = Tensor::from_data(TensorData::new(tokens, [sources.len(), length]), device);
    (tensor, padding.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_of_equal_length_are_taken_as_the_reference_takes_them() {
        // numpy 2.4.6: np.random.seed(1); i = np.random.permutation(12); i = i[np.argsort(t[i], kind="mergesort")] where
        // there is a t; i[np.argsort(s[i], kind="mergesort")]
        let sources = [3, 5, 3, 3, 5, 4, 3, 5, 4, 3, 3, 4];
        let targets = [7, 2, 7, 6, 2, 9, 7, 2, 1, 6, 7, 9];
        assert_eq!(order(&sources, None), [2, 3, 10, 6, 0, 9, 11, 8, 5, 4, 1, 7]);
        assert_eq!(order(&sources, Some(&targets)), [3, 9, 2, 10, 6, 0, 8, 11, 5, 4, 1, 7]);
    }

    #[test]
    fn batches_are_those_of_the_reference() {
        // Lengths that `batch_by_size` gives for 50 sentences, with `required_batch_size_multiple` 8.
        let lengths = |n: usize, batch_size| -> Vec<usize> {
            let order: Vec<usize> = (0..n).collect();
            let batches = cut(&order, batch_size);
            assert_eq!(batches.concat(), order);
            batches.iter().map(|batch| batch.len()).collect()
        };
        assert_eq!(lengths(50, 128), [50]);
        assert_eq!(lengths(50, 16), [16, 16, 16, 2]);
        assert_eq!(lengths(50, 30), [24, 26]);
        assert_eq!(lengths(55, 30), [24, 24, 7]);
        assert_eq!(lengths(14, 12), [8, 6]);
        assert_eq!(lengths(5, 2), [2, 2, 1]);
        assert_eq!(lengths(3, 1), [1, 1, 1]);
        assert_eq!(lengths(0, 8), [0; 0]);
    }
}
