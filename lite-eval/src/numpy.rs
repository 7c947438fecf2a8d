//! What numpy draws from a seed: `default_rng(seed).choice(n, size, replace=True)`, so that resampling draws the lines that
//! sacreBLEU draws, and `random.seed(seed); random.permutation(n)`, in which fairseq takes sentences of equal length.

use rand_mt::Mt;
use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng;

/// `numpy.random.default_rng`: PCG64 seeded through a `SeedSequence`.
pub(crate) struct Generator {
    bits: Pcg64,
    /// The upper half of the last 64 bits, where only the lower half was used.
    half: Option<u32>,
}

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        let words = seed_sequence(seed);
        let wide = |i: usize| {
            // numpy: the words are taken two by two as little-endian 64 bits, the upper 64 bits first.
            let narrow = |i: usize| u128::from(words[i]) | u128::from(words[i + 1]) << 32;
            narrow(i) << 64 | narrow(i + 2)
        };
        Self {
            bits: Pcg64::new(wide(0), wide(4)),
            half: None,
        }
    }

    fn next_u32(&mut self) -> u32 {
        if let Some(half) = self.half.take() {
            return half;
        }
        let bits = self.bits.next_u64();
        self.half = Some((bits >> 32) as u32);
        bits as u32
    }

    /// A number below `n`, by Lemire's multiplication. numpy draws none where there is no choice.
    pub(crate) fn below(&mut self, n: u32) -> u32 {
        if n <= 1 {
            return 0;
        }
        let threshold = n.wrapping_neg() % n;
        loop {
            let product = u64::from(self.next_u32()) * u64::from(n);
            if product as u32 >= threshold {
                return (product >> 32) as u32;
            }
        }
    }
}

/// `numpy.random.seed(seed)` and then `numpy.random.permutation(n)`: the Mersenne Twister and a shuffle from the end.
pub(crate) fn permutation(seed: u32, n: usize) -> Vec<usize> {
    let mut bits = Mt::new(seed);
    let mut indices: Vec<usize> = (0..n).collect();
    for last in (1..n).rev() {
        // numpy `random_interval`: as many bits as `last` has, drawn until they are no more than it.
        let mask = usize::MAX >> last.leading_zeros();
        let chosen = loop {
            let drawn = match u32::try_from(last) {
                Ok(_) => bits.next_u32() as usize,
                Err(_) => bits.next_u64() as usize,
            } & mask;
            if drawn <= last {
                break drawn;
            }
        };
        indices.swap(last, chosen);
    }
    indices
}

/// `SeedSequence(seed).generate_state(8)`: M. E. O'Neill's `seed_seq_fe` with a pool of four words.
fn seed_sequence(seed: u64) -> [u32; 8] {
    const POOL: usize = 4;
    let mut constant: u32 = 0x43b0_d7e5;
    let mut hash = |value: u32| {
        let value = value ^ constant;
        constant = constant.wrapping_mul(0x931e_8875);
        let value = value.wrapping_mul(constant);
        value ^ value >> 16
    };
    let mut pool = [seed as u32, (seed >> 32) as u32, 0, 0].map(&mut hash);
    for from in 0..POOL {
        for to in (0..POOL).filter(|&to| to != from) {
            let mixed = pool[to]
                .wrapping_mul(0xca01_f9dd)
                .wrapping_sub(hash(pool[from]).wrapping_mul(0x4973_f715));
            pool[to] = mixed ^ mixed >> 16;
        }
    }
    let mut constant: u32 = 0x8b51_f9dd;
    std::array::from_fn(|i| {
        let value = pool[i % POOL] ^ constant;
        constant = constant.wrapping_mul(0x58f3_8ded);
        let value = value.wrapping_mul(constant);
        value ^ value >> 16
    })
}

#[cfg(test)]
mod tests {
    use super::{Generator, permutation};

    #[test]
    fn shuffles_as_numpy_does() {
        // numpy.random.seed(1); numpy.random.permutation(n), numpy 2.4.6
        assert_eq!(permutation(1, 0), [0; 0]);
        assert_eq!(permutation(1, 1), [0]);
        assert_eq!(permutation(1, 2), [0, 1]);
        assert_eq!(permutation(1, 10), [2, 9, 6, 4, 0, 3, 1, 7, 8, 5]);
        let many = permutation(1, 70_000);
        assert_eq!(many[..6], [6670, 49567, 50796, 22310, 54037, 6869]);
        assert_eq!(many[69_995..], [49100, 20609, 21440, 50057, 5192]);
    }

    #[test]
    fn draws_what_numpy_draws() {
        // numpy.random.default_rng(seed).choice(n, size=len(expected)), numpy 2.4.6
        for (seed, n, expected) in [
            (12345, 7, &[4, 1, 5, 2, 1, 5, 4, 4, 6, 2, 5, 2, 3, 4][..]),
            (12345, 3003, &[2099, 682, 2368, 951, 613, 2394, 1929, 2030, 2968, 1174]),
            ((1 << 40) + 7, 100_000, &[20651, 82981, 60950, 25530, 1701, 15379]),
            (0, 24, &[20, 15, 12, 6, 7, 0]),
            (0, 1, &[0, 0, 0]),
            // Close to a power of two, so that about half of what is drawn is refused.
            (
                1,
                (1 << 31) + 5,
                &[1016164993, 1621709878, 74845286, 309580411, 2037209179, 535214421],
            ),
        ] {
            let mut generator = Generator::new(seed);
            let found: Vec<u32> = expected.iter().map(|_| generator.below(n)).collect();
            assert_eq!(found, expected, "seed {seed}, below {n}");
        }
    }
}
