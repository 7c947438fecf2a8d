//! Dropout: zeroes entries with probability `p` and scales the rest by `1 / (1 - p)`.

use std::cell::Cell;

use burn::module::Module;
use burn::tensor::{Device, Distribution, Int, Shape, Tensor, TensorData};

use crate::device::is_host;
#[cfg(feature = "flex")]
use crate::kernels;
use crate::kernels::mask::Mask;

/// Dropout that acts on a training device (one with autodiff) and nowhere else.
#[derive(Module, Debug)]
pub struct Dropout {
    #[module(skip)]
    probability: f64,
}

impl Dropout {
    /// Drops with `probability`, which is at least 0 and below 1.
    pub fn new(probability: f64) -> Self {
        Self { probability }
    }

    /// Applies dropout; the identity outside training.
    pub fn forward<const D: usize>(&self, input: Tensor<D>) -> Tensor<D> {
        let device = input.device();
        if self.probability == 0.0 || !device.is_autodiff() {
            return input;
        }
        if let Some(mask) = self.draw(&device) {
            #[cfg(feature = "flex")]
            if let Some(output) = kernels::drop_tracked(&input, mask) {
                return output;
            }
            // The mask carries the scale, so that forward and backward are one product each.
            let mut factors = vec![0.0; input.shape().num_elements()];
            mask.fill(0, &mut factors);
            return input.clone() * Tensor::from_data(TensorData::new(factors, Shape::from(input.dims())), &device);
        }
        let keep = 1.0 - self.probability;
        let mask = input
            .random_like(Distribution::Bernoulli(keep))
            .mul_scalar(keep.recip());
        input * mask
    }

    /// The next mask of a training device whose tensors are arrays in main memory, if anything is dropped.
    pub(crate) fn draw(&self, device: &Device) -> Option<Mask> {
        let is_active = self.probability > 0.0 && device.is_autodiff() && is_host(device);
        is_active.then(|| Mask::new(self.probability, seed(device)))
    }
}

thread_local! {
    /// What seeds the next mask of this thread, within [`seeded`].
    static STREAM: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Runs `f` with the masks of this thread drawn from `seed` alone, whatever other threads draw.
///
/// The device's generator is one for the whole process, so threads that shared it would decide by their speed which
/// mask is whose. It acts where tensors are arrays in main memory.
pub fn seeded<T>(seed: u64, f: impl FnOnce() -> T) -> T {
    struct Restore(Option<u64>);
    impl Drop for Restore {
        fn drop(&mut self) {
            STREAM.set(self.0);
        }
    }
    let _restore = Restore(STREAM.replace(Some(split_mix(seed))));
    f()
}

/// A seed from the thread's stream or else from the device's own generator, so that `device.seed` governs dropout on
/// every backend.
fn seed(device: &Device) -> u64 {
    if let Some(state) = STREAM.get() {
        STREAM.set(Some(state.wrapping_add(GOLDEN_GAMMA)));
        return split_mix(state);
    }
    let halves = Tensor::<1, Int>::random([2], Distribution::Uniform(0.0, f64::from(i32::MAX)), device);
    halves
        .into_data()
        .iter::<i64>()
        .fold(0, |seed, half| (seed << 32) ^ half as u64)
}

/// The step of SplitMix64's counter: 2^64 over the golden ratio, made odd.
const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
pub(crate) fn split_mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_the_same_on_any_thread() {
        let draw = |seed| {
            let ones = Tensor::<2>::ones([8, 33], &Device::flex().autodiff());
            let dropout = Dropout::new(0.3);
            seeded(seed, || {
                [
                    dropout.forward(ones.clone()).into_data(),
                    dropout.forward(ones).into_data(),
                ]
            })
        };
        let here = draw(7);
        assert_ne!(here[0], here[1]);
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(move || draw(7))).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), here);
        }
        assert_ne!(draw(8), here);
    }
}
