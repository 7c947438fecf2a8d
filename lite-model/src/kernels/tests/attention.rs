//! Attention between its projections.

use burn::tensor::Tensor;
use burn::tensor::activation::softmax;

use super::super::attend;
use super::{check, device, dropout_plainly, flat};
use crate::dropout::Dropout;

/// Queries, keys, and a mask: none, a causal one, one of padding, with a sentence that has none, or one for every head.
#[test]
fn attention_of_any_shape() {
    for [batch_size, n_heads, n_queries, n_keys, head_size] in [
        [1, 1, 1, 1, 1],
        [2, 3, 5, 5, 3],
        [2, 2, 4, 17, 8],
        [3, 4, 33, 33, 25],
        [2, 1, 65, 65, 2],
        [1, 2, 150, 3, 5],
    ] {
        let is_square = n_queries == n_keys;
        let causal = is_square.then(|| crate::seq2seq::causal_mask(n_queries, &device()));
        let padding = {
            let hidden = (0..batch_size * n_keys).map(|i| {
                // None in the first sentence, some keys from the first on in the others.
                let is_padding = i % n_keys + 1 < n_keys.min(i / n_keys * 2 + 1);
                if is_padding { f32::NEG_INFINITY } else { 0.0 }
            });
            let hidden: Vec<f32> = hidden.collect();
            Some(Tensor::<1>::from_floats(hidden.as_slice(), &device()).reshape([batch_size, 1, 1, n_keys]))
        };
        let of_heads = {
            let shape = [batch_size, n_heads, n_queries, n_keys];
            let added = (0..shape.iter().product()).map(|i: usize| {
                let (head, query, key) = (i / n_keys / n_queries % n_heads, i / n_keys % n_queries, i % n_keys);
                // A window that begins later in each head, and what is added within it.
                let begin = (query + 2 * head) % n_keys;
                let is_hidden = key < begin || key > begin + 3;
                if is_hidden {
                    f32::NEG_INFINITY
                } else {
                    0.1 * key as f32 / n_keys as f32
                }
            });
            let added: Vec<f32> = added.collect();
            Some(Tensor::<1>::from_floats(added.as_slice(), &device()).reshape(shape))
        };
        let masks = [None, causal, padding, of_heads];
        for (mask, dropout) in masks.iter().zip([0.0, 0.3, 0.2, 0.1].map(Dropout::new)) {
            let heads = |x: &Tensor<1>, length| {
                x.clone()
                    .reshape([batch_size, length, n_heads, head_size])
                    .swap_dims(1, 2)
            };
            let n = batch_size * n_heads * head_size;
            check(
                &format!("attention {n_queries} {n_keys}"),
                &[n * n_queries, n * n_keys, n * n_keys],
                &|x| {
                    let (keys, values) = (heads(&x[1], n_keys), heads(&x[2], n_keys));
                    flat(attend(
                        heads(&x[0], n_queries),
                        keys,
                        values,
                        mask.as_ref(),
                        0.4,
                        &dropout,
                    ))
                },
                &|x| {
                    let scores = heads(&x[0], n_queries)
                        .mul_scalar(0.4)
                        .matmul(heads(&x[1], n_keys).swap_dims(2, 3));
                    let scores = match mask {
                        Some(mask) => scores + mask.clone(),
                        None => scores,
                    };
                    let context = dropout_plainly(&dropout, softmax(scores, 3)).matmul(heads(&x[2], n_keys));
                    flat(context.swap_dims(1, 2))
                },
            );
        }
    }
}
