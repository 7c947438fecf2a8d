//! One tensor as bytes: floats, half-precision floats, or a codebook with codes, of which those of pruned weights are left
//! out and the rest may be entropy-coded.
//!
//! Little-endian throughout. A codebook's bytes are
//!
//! - flags (bit 0: pruned, bit 1: entropy-coded), bits of a code, number of centroids (u16), scale (f32), and the
//!   centroids as half-precision multiples of the scale;
//! - if pruned, which weights were kept. Entropy-coded: the longest run of zeros that is a symbol `r` (u8), the number of
//!   symbols (u32), frequencies of `r + 2` symbols, and the symbols, each of which says how many zeros stand before the next
//!   kept weight; `r + 1` is that many zeros without a weight. Otherwise: a bit for each weight;
//! - the codes of the kept weights: frequencies and symbols, or that many bits for each;
//! - zeros, where the tensor would otherwise have more than [`WEIGHTS_A_BYTE`] weights for each byte.

use half::f16;

use super::bits::{pack, packed_len, unpack};
use super::codebook::{Codebook, Start};
use super::error::{PackedError, wrong};
use super::rans::Frequencies;

/// No tensor has more weights than this for each byte of it, so a file bounds the memory that reading it takes.
pub const WEIGHTS_A_BYTE: usize = 16;

const PRUNED: u8 = 1;
const ENTROPY: u8 = 2;

/// How the bytes of a tensor are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Single-precision floats.
    Floats,
    /// Half-precision floats.
    Halves,
    /// A codebook and codes.
    Codes,
}

/// How codes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// A fixed number of bits for each.
    Fixed,
    /// By frequency.
    Entropy,
}

/// The numbers of a tensor in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// As they are.
    Floats(Vec<f32>),
    /// Each by its place in a codebook. In a pruned tensor the first entry is the zero of weights that were not kept.
    Codes {
        /// At most 256 values.
        codebook: Vec<f32>,
        /// One for each weight.
        codes: Vec<u8>,
    },
}

impl Values {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Floats(values) => values.len(),
            Self::Codes { codes, .. } => codes.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers from `first` on.
    ///
    /// # Panics
    ///
    /// There are not as many as `out` takes.
    pub fn copy_to(&self, first: usize, out: &mut [f32]) {
        match self {
            Self::Floats(values) => out.copy_from_slice(&values[first..first + out.len()]),
            Self::Codes { codebook, codes } => {
                let codes = &codes[first..first + out.len()];
                out.iter_mut()
                    .zip(codes)
                    .for_each(|(value, &code)| *value = codebook[usize::from(code)]);
            }
        }
    }

    /// The numbers themselves.
    pub fn into_floats(self) -> Vec<f32> {
        match self {
            Self::Floats(values) => values,
            Self::Codes { codebook, codes } => codes.iter().map(|&code| codebook[usize::from(code)]).collect(),
        }
    }
}

/// A tensor as bytes, and what they are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedBytes {
    /// How they are to be read.
    pub encoding: Encoding,
    /// All of them.
    pub bytes: Vec<u8>,
    /// Of these, codes of weights or the weights themselves. A fixed number of bits is not rounded up.
    pub bits_of_weights: u64,
    /// Of these, what says which weights were kept.
    pub index: usize,
}

impl PackedBytes {
    /// Single precision.
    pub fn floats(values: &[f32]) -> Self {
        Self::plain(
            Encoding::Floats,
            values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        )
    }

    /// Half precision. `None` if a value is too large for it.
    pub fn halves(values: &[f32]) -> Option<Self> {
        let halves: Vec<f16> = values.iter().map(|&value| f16::from_f32(value)).collect();
        if values
            .iter()
            .zip(&halves)
            .any(|(value, half)| value.is_finite() != half.is_finite())
        {
            return None;
        }
        Some(Self::plain(
            Encoding::Halves,
            halves.iter().flat_map(|half| half.to_le_bytes()).collect(),
        ))
    }

    fn plain(encoding: Encoding, bytes: Vec<u8>) -> Self {
        Self {
            encoding,
            bits_of_weights: bytes.len() as u64 * 8,
            index: 0,
            bytes,
        }
    }
}

/// A tensor whose weights are entries of a codebook.
#[derive(Debug, Clone, PartialEq)]
pub struct Coded {
    codebook: Codebook,
    /// In a pruned tensor, 0 is no weight and the others are one more than the centroid's number.
    codes: Vec<u8>,
    bits: u32,
    is_pruned: bool,
}

impl Coded {
    /// Codes of at most `bits` bits (1 to 8) for weights, which must be finite. If `is_pruned`, zeros are weights that were
    /// not kept, and there is one centroid less.
    pub fn new(weights: &[f32], bits: u32, is_pruned: bool, start: Start) -> Self {
        assert!((1..=8).contains(&bits), "codes of {bits} bits");
        if !is_pruned {
            let codebook = Codebook::of(weights, 1 << bits, start);
            let codes = codebook.codes(weights);
            return Self {
                codebook,
                codes,
                bits,
                is_pruned,
            };
        }
        let kept: Vec<f32> = weights.iter().copied().filter(|&weight| weight != 0.0).collect();
        let codebook = Codebook::of(&kept, (1 << bits) - 1, start);
        let mut codes_of_kept = codebook.codes(&kept).into_iter();
        let code = |&weight: &f32| match weight == 0.0 {
            true => 0,
            false => 1 + codes_of_kept.next().expect("a code for each kept weight"),
        };
        let codes = weights.iter().map(code).collect();
        Self {
            codebook,
            codes,
            bits,
            is_pruned,
        }
    }

    /// The same codes, each standing for the mean of what its weights have become.
    ///
    /// # Panics
    ///
    /// There are not as many weights as codes.
    pub fn moved_to(&self, weights: &[f32]) -> Self {
        assert_eq!(weights.len(), self.codes.len(), "weights and codes");
        let first = usize::from(self.is_pruned);
        let mut sums = vec![(0.0, 0u64); self.codebook.centroids().len() + first];
        for (&code, &weight) in self.codes.iter().zip(weights) {
            let (sum, n) = &mut sums[usize::from(code)];
            *sum += f64::from(weight);
            *n += 1;
        }
        let means = sums[first..].iter().zip(self.codebook.centroids());
        let means: Vec<f64> = means
            .map(|(&(sum, n), &before)| if n > 0 { sum / n as f64 } else { before.into() })
            .collect();
        Self {
            codebook: Codebook::new(&means),
            ..self.clone()
        }
    }

    /// The codes: in a pruned tensor 0 is no weight.
    pub fn codes(&self) -> &[u8] {
        &self.codes
    }

    /// Whether zeros are weights that were not kept.
    pub fn is_pruned(&self) -> bool {
        self.is_pruned
    }

    /// The numbers that the codes stand for.
    pub fn values(&self) -> Values {
        let zero = self.is_pruned.then_some(0.0);
        Values::Codes {
            codebook: zero
                .into_iter()
                .chain(self.codebook.centroids().iter().copied())
                .collect(),
            codes: self.codes.clone(),
        }
    }

    /// As bytes.
    pub fn pack(&self, coding: Coding) -> PackedBytes {
        let (scale, halves) = self.codebook.parts();
        let flags = u8::from(self.is_pruned) * PRUNED + u8::from(coding == Coding::Entropy) * ENTROPY;
        let mut bytes = vec![flags, self.bits as u8];
        bytes.extend((halves.len() as u16).to_le_bytes());
        bytes.extend(scale.to_le_bytes());
        bytes.extend(halves.iter().flat_map(|half| half.to_le_bytes()));
        let before_index = bytes.len();
        let mut kept = Vec::new();
        let mut codes = &self.codes;
        if self.is_pruned {
            write_kept(&self.codes, coding, &mut bytes);
            kept.extend(self.codes.iter().filter(|&&code| code != 0).map(|code| code - 1));
            codes = &kept;
        }
        let index = bytes.len() - before_index;
        let bits_of_weights = match coding {
            Coding::Fixed => {
                bytes.extend(pack(codes, self.bits));
                codes.len() as u64 * u64::from(self.bits)
            }
            Coding::Entropy => {
                let frequencies = Frequencies::of(codes, halves.len());
                frequencies.write(&mut bytes);
                let coded = frequencies.encode(codes);
                bytes.extend(&coded);
                coded.len() as u64 * 8
            }
        };
        bytes.resize(bytes.len().max(self.codes.len().div_ceil(WEIGHTS_A_BYTE)), 0);
        PackedBytes {
            encoding: Encoding::Codes,
            bytes,
            bits_of_weights,
            index,
        }
    }
}

/// Which codes are not 0.
fn write_kept(codes: &[u8], coding: Coding, bytes: &mut Vec<u8>) {
    if coding == Coding::Fixed {
        let kept: Vec<u8> = codes.iter().map(|&code| u8::from(code != 0)).collect();
        return bytes.extend(pack(&kept, 1));
    }
    let runs: Vec<usize> = runs(codes);
    let longest = runs.iter().copied().max().unwrap_or(0).min(254);
    let mut symbols = Vec::with_capacity(runs.len());
    for mut run in runs {
        while run > longest {
            symbols.push(longest as u8 + 1);
            run -= longest + 1;
        }
        symbols.push(run as u8);
    }
    let frequencies = Frequencies::of(&symbols, longest + 2);
    bytes.push(longest as u8);
    bytes.extend((symbols.len() as u32).to_le_bytes());
    frequencies.write(bytes);
    bytes.extend(frequencies.encode(&symbols));
}

/// Zeros before each code that is none.
fn runs(codes: &[u8]) -> Vec<usize> {
    let mut runs = Vec::new();
    let mut run = 0;
    for &code in codes {
        if code == 0 {
            run += 1;
        } else {
            runs.push(run);
            run = 0;
        }
    }
    runs
}

/// The numbers of a tensor of `n` weights.
pub fn unpack_values(encoding: Encoding, bytes: &[u8], n: usize) -> Result<Values, PackedError> {
    let plain = |size: usize| {
        if n.checked_mul(size) == Some(bytes.len()) {
            Ok(())
        } else {
            wrong(format!("{} bytes", bytes.len()), format!("{n} weights of {size} bytes"))
        }
    };
    match encoding {
        Encoding::Floats => {
            plain(4)?;
            let (chunks, _) = bytes.as_chunks::<4>();
            Ok(Values::Floats(
                chunks.iter().map(|&chunk| f32::from_le_bytes(chunk)).collect(),
            ))
        }
        Encoding::Halves => {
            plain(2)?;
            let (chunks, _) = bytes.as_chunks::<2>();
            let value = |&chunk: &[u8; 2]| f16::from_le_bytes(chunk).to_f32();
            Ok(Values::Floats(chunks.iter().map(value).collect()))
        }
        Encoding::Codes => unpack_codes(bytes, n),
    }
}

fn unpack_codes(bytes: &[u8], n: usize) -> Result<Values, PackedError> {
    if n > bytes.len().saturating_mul(WEIGHTS_A_BYTE) {
        return wrong(
            format!("{n} weights in {} bytes", bytes.len()),
            format!("at most {WEIGHTS_A_BYTE} a byte"),
        );
    }
    let Some((&[flags, bits, low, high, s0, s1, s2, s3], rest)) = bytes.split_first_chunk::<8>() else {
        return wrong(format!("{} bytes", bytes.len()), "a codebook");
    };
    let (is_pruned, is_entropy) = (flags & PRUNED != 0, flags & ENTROPY != 0);
    if flags & !(PRUNED | ENTROPY) != 0 || !(1..=8).contains(&bits) {
        return wrong(
            format!("flags {flags:#x} and codes of {bits} bits"),
            "known flags, 1 to 8 bits",
        );
    }
    let n_centroids = usize::from(u16::from_le_bytes([low, high]));
    let most = (1usize << bits) - usize::from(is_pruned);
    if !(1..=most).contains(&n_centroids) {
        return wrong(format!("{n_centroids} centroids"), format!("1 to {most}"));
    }
    let scale = f32::from_le_bytes([s0, s1, s2, s3]);
    let Some((halves, rest)) = rest.split_at_checked(2 * n_centroids) else {
        return wrong(format!("{} bytes", rest.len()), format!("{n_centroids} centroids"));
    };
    let (halves, _) = halves.as_chunks::<2>();
    let halves = halves.iter().map(|&half| f16::from_le_bytes(half)).collect();
    let stored = Codebook::stored(scale, halves);
    if stored.centroids().iter().any(|centroid| !centroid.is_finite()) {
        return wrong("a centroid that is no number", "numbers");
    }
    let zero = is_pruned.then_some(0.0);
    let codebook: Vec<f32> = zero.into_iter().chain(stored.centroids().iter().copied()).collect();

    let (kept, rest) = match (is_pruned, is_entropy) {
        (false, _) => (None, rest),
        (true, false) => {
            let (kept, rest) = unpack(rest, n, 1)?;
            (Some(kept), rest)
        }
        (true, true) => {
            let (kept, rest) = read_kept(rest, n)?;
            (Some(kept), rest)
        }
    };
    let n_codes = match &kept {
        Some(kept) => kept.iter().filter(|&&is_kept| is_kept != 0).count(),
        None => n,
    };
    let (codes, rest) = if is_entropy {
        let (frequencies, rest) = Frequencies::read(rest, n_centroids)?;
        frequencies.decode(rest, n_codes)?
    } else {
        unpack(rest, n_codes, bits.into())?
    };
    if let Some(&code) = codes.iter().find(|&&code| usize::from(code) >= n_centroids) {
        return wrong(format!("code {code}"), format!("below {n_centroids}"));
    }
    if rest.iter().any(|&byte| byte != 0) {
        return wrong(format!("{} bytes behind the codes", rest.len()), "none, or zeros");
    }
    let codes = match kept {
        None => codes,
        Some(mut kept) => {
            let places = kept.iter_mut().filter(|is_kept| **is_kept != 0);
            places.zip(codes).for_each(|(place, code)| *place = code + 1);
            kept
        }
    };
    Ok(Values::Codes { codebook, codes })
}

/// A 1 for each weight that was kept, and what follows.
fn read_kept(bytes: &[u8], n: usize) -> Result<(Vec<u8>, &[u8]), PackedError> {
    let Some((&[longest, a, b, c, d], rest)) = bytes.split_first_chunk::<5>() else {
        return wrong(format!("{} bytes", bytes.len()), "runs of zeros");
    };
    let longest = usize::from(longest);
    let n_symbols = u32::from_le_bytes([a, b, c, d]) as usize;
    // Each stands for a weight or more.
    if longest > 254 || n_symbols > n {
        return wrong(
            format!("{n_symbols} runs of zeros, up to {longest} long"),
            format!("at most {n} of up to 254"),
        );
    }
    let (frequencies, rest) = Frequencies::read(rest, longest + 2)?;
    let (symbols, rest) = frequencies.decode(rest, n_symbols)?;
    let mut kept = vec![0; n];
    let mut at = 0;
    for symbol in symbols {
        at += usize::from(symbol);
        if usize::from(symbol) > longest {
            continue;
        }
        match kept.get_mut(at) {
            Some(place) => *place = 1,
            None => return wrong(format!("a kept weight {at}"), format!("below {n}")),
        }
        at += 1;
    }
    Ok((kept, rest))
}

/// Whether codes of `bits` bits take less room than half-precision floats.
pub fn codes_are_smaller(n: usize, bits: u32) -> bool {
    let codebook = 8 + 2 * n.min(1 << bits);
    packed_len(n, bits) + codebook < 2 * n
}
