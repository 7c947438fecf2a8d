//! Numbers for tests, the same in every run and on every machine.

/// A generator of Knuth's constants, for tests that want numbers and no quality.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Above 0, and at most 1.
    pub(crate) fn uniform(&mut self) -> f32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 40) as f32 + 0.5) / (1 << 24) as f32
    }

    /// `n` numbers of -1..1.
    pub(crate) fn symmetric(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| 2.0 * self.uniform() - 1.0).collect()
    }

    /// `n` numbers of a normal distribution (Box and Muller 1958).
    pub(crate) fn normal(&mut self, n: usize) -> Vec<f32> {
        let mut one = || (-2.0 * self.uniform().ln()).sqrt() * (std::f32::consts::TAU * self.uniform()).cos();
        (0..n).map(|_| one()).collect()
    }
}
