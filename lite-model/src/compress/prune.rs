//! Which weights are set to zero: those below a share of their tensor's standard deviation, the sensitivity (Han et al.
//! 2015).
//!
//! Only matrices are pruned: not the tables of embeddings, which the paper does not count, nor biases, norms and the
//! few taps of lightweight filters.

/// What is done with a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A table of words or positions, or the projection of an adaptive input's band: no parameter of the paper's.
    Embedding,
    /// A matrix that the paper counts.
    Matrix,
    /// Anything else, which the paper counts too.
    Vector,
}

impl Role {
    /// Of a tensor by its name in the reference and its shape.
    pub fn of(name: &str, shape: &[usize]) -> Self {
        let is_table = |part| matches!(part, "embed_tokens" | "embed_positions");
        if name.split('.').any(is_table) {
            Self::Embedding
        } else if shape.len() == 2 && shape.iter().all(|&n| n > 1) {
            Self::Matrix
        } else {
            Self::Vector
        }
    }
}

/// Standard deviation of weights.
pub fn deviation(weights: &[f32]) -> f64 {
    let n = weights.len().max(1) as f64;
    let mean = weights.iter().map(|&weight| f64::from(weight)).sum::<f64>() / n;
    let squares = weights.iter().map(|&weight| (f64::from(weight) - mean).powi(2));
    (squares.sum::<f64>() / n).sqrt()
}

/// Sets to zero what is smaller than `sensitivity` times the standard deviation. Says how many are zero then.
pub fn prune(weights: &mut [f32], sensitivity: f64) -> usize {
    let threshold = (sensitivity * deviation(weights)) as f32;
    let mut n_zeros = 0;
    for weight in weights {
        if weight.abs() < threshold {
            *weight = 0.0;
        }
        n_zeros += usize::from(*weight == 0.0);
    }
    n_zeros
}

/// The sensitivity at which `share` of the weights of all these tensors together become zero.
pub fn sensitivity_of<'a>(tensors: impl Iterator<Item = &'a [f32]>, share: f64) -> f64 {
    let mut relative: Vec<f32> = Vec::new();
    for weights in tensors {
        let deviation = deviation(weights) as f32;
        relative.extend(weights.iter().map(|weight| {
            if deviation > 0.0 {
                weight.abs() / deviation
            } else {
                f32::MAX
            }
        }));
    }
    let n = (share * relative.len() as f64).round() as usize;
    if n == 0 {
        return 0.0;
    }
    if n >= relative.len() {
        // Above every weight.
        return relative.into_iter().filter(|&x| x < f32::MAX).fold(0f32, f32::max) as f64 * 1.001;
    }
    // What is below the next larger one.
    let (_, &mut next, _) = relative.select_nth_unstable_by(n, f32::total_cmp);
    next.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_met_over_tensors_of_different_scale() {
        let small: Vec<f32> = (1..=100)
            .map(|i| i as f32 * if i % 2 == 0 { 1e-3 } else { -1e-3 })
            .collect();
        let large: Vec<f32> = small.iter().map(|weight| weight * 50.0).collect();
        for share in [0.0, 0.1, 0.44, 0.9, 1.0] {
            let sensitivity = sensitivity_of([&small[..], &large[..]].into_iter(), share);
            for tensor in [&small, &large] {
                let mut pruned = tensor.clone();
                let n_zeros = prune(&mut pruned, sensitivity);
                let expected = (share * 100.0).round() as usize;
                assert!(n_zeros.abs_diff(expected) <= 1, "{n_zeros} for {share}");
                let is_kept = |(new, old): (&f32, &f32)| new == old || *new == 0.0;
                assert!(pruned.iter().zip(tensor).all(is_kept));
            }
        }
    }

    #[test]
    fn tensors_have_roles() {
        for (name, shape, role) in [
            ("encoder.embed_tokens.weight", &[10, 4][..], Role::Embedding),
            ("decoder.embed_tokens.embeddings.1.1.weight", &[10, 4], Role::Embedding),
            ("encoder.embed_positions.weight", &[10, 4], Role::Embedding),
            ("decoder.embed_out", &[10, 4], Role::Matrix),
            ("encoder.layers.0.fc1.weight", &[4, 4], Role::Matrix),
            ("encoder.layers.0.fc1.bias", &[4], Role::Vector),
            ("encoder.layers.0.self_attn.branches.1.weight", &[4, 1, 3], Role::Vector),
        ] {
            assert_eq!(Role::of(name, shape), role, "{name}");
        }
    }
}
