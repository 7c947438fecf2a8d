//! The entropy coder: range asymmetric numeral systems with a fixed table of frequencies (Duda 2013; the byte-wise form of
//! Giesen's `rans_byte`).
//!
//! A stream is the state after the last symbol that was coded, which is the first to be read, and then the bytes that
//! were shifted out. It ends where the state is what the coder began with, so its length need not be stored, and nearly
//! every alteration is found; for certainty there are the hashes of a file.

use super::error::{PackedError, wrong};

/// Frequencies are out of `2^SCALE_BITS`.
pub const SCALE_BITS: u32 = 14;
const SCALE: u32 = 1 << SCALE_BITS;
/// Between symbols the state is at least this, and below 256 times it.
const LOW: u32 = 1 << 23;

/// How often each symbol occurs, out of `2^SCALE_BITS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frequencies {
    of: Vec<u16>,
    starts: Vec<u16>,
}

impl Frequencies {
    /// For symbols below `n_symbols`, of which each that occurs gets a share that is not zero.
    ///
    /// # Panics
    ///
    /// A symbol is out of range, or there are more than 256.
    pub fn of(symbols: &[u8], n_symbols: usize) -> Self {
        assert!((1..=256).contains(&n_symbols), "{n_symbols} symbols");
        let mut counts = vec![0u64; n_symbols];
        for &symbol in symbols {
            counts[usize::from(symbol)] += 1;
        }
        if symbols.is_empty() {
            counts[0] = 1;
        }
        Self::new(normalised(&counts)).expect("shares of the whole")
    }

    fn new(of: Vec<u16>) -> Result<Self, PackedError> {
        let total: u32 = of.iter().map(|&frequency| u32::from(frequency)).sum();
        if total != SCALE {
            return wrong(format!("frequencies of {total} in all"), SCALE.to_string());
        }
        let mut start = 0;
        let starts = of
            .iter()
            .map(|&frequency| {
                let this = start;
                // The last start may be the whole; its symbol then has no share.
                start += frequency;
                this
            })
            .collect();
        Ok(Self { of, starts })
    }

    /// As they stand in a file: one or two bytes each, in order of the symbols.
    pub fn write(&self, bytes: &mut Vec<u8>) {
        for &frequency in &self.of {
            if frequency < 0x80 {
                bytes.push(frequency as u8);
            } else {
                // The whole, 2^14, needs 15 bits.
                bytes.push((frequency & 0x7f) as u8 | 0x80);
                bytes.push((frequency >> 7) as u8);
            }
        }
    }

    /// Reads what [`write`](Self::write) wrote from the front of `bytes`; returns what follows.
    pub fn read(mut bytes: &[u8], n_symbols: usize) -> Result<(Self, &[u8]), PackedError> {
        let mut of = Vec::with_capacity(n_symbols.min(bytes.len()));
        for symbol in 0..n_symbols {
            let mut next = || -> Result<u8, PackedError> {
                let Some((&byte, rest)) = bytes.split_first() else {
                    return wrong(format!("frequencies of {symbol} symbols"), n_symbols.to_string());
                };
                bytes = rest;
                Ok(byte)
            };
            let low = u16::from(next()?);
            of.push(if low < 0x80 {
                low
            } else {
                low & 0x7f | u16::from(next()?) << 7
            });
        }
        Ok((Self::new(of)?, bytes))
    }

    /// Codes symbols.
    ///
    /// # Panics
    ///
    /// A symbol has no share: it could be coded for ever.
    pub fn encode(&self, symbols: &[u8]) -> Vec<u8> {
        let mut state = LOW;
        let mut bytes = Vec::new();
        for &symbol in symbols.iter().rev() {
            let (frequency, start) = self.at(symbol);
            assert!(frequency > 0, "symbol {symbol} has no share");
            // In 64 bits: the bound for a symbol with the whole share is 2^31 itself.
            let bound = (u64::from(LOW >> SCALE_BITS) << 8) * u64::from(frequency);
            while u64::from(state) >= bound {
                bytes.push(state as u8);
                state >>= 8;
            }
            state = ((state / frequency) << SCALE_BITS) + state % frequency + start;
        }
        bytes.extend(state.to_be_bytes());
        bytes.reverse();
        bytes
    }

    /// Decodes `n` symbols from the front of `bytes`; returns what follows.
    pub fn decode<'a>(&self, bytes: &'a [u8], n: usize) -> Result<(Vec<u8>, &'a [u8]), PackedError> {
        let Some((&first, rest)) = bytes.split_first_chunk::<4>() else {
            return wrong(format!("{} bytes", bytes.len()), "a coded stream");
        };
        let mut state = u32::from_le_bytes(first);
        if !(LOW..LOW << 8).contains(&state) {
            return wrong(format!("state {state:#x}"), "the start of a coded stream");
        }
        let symbols = self.symbols();
        let mut decoded = Vec::with_capacity(n);
        let mut rest = rest.iter();
        for _ in 0..n {
            let slot = state & (SCALE - 1);
            let symbol = symbols[slot as usize];
            let (frequency, start) = self.at(symbol);
            state = frequency * (state >> SCALE_BITS) + slot - start;
            while state < LOW {
                let Some(&byte) = rest.next() else {
                    return wrong(format!("a stream of {} symbols", decoded.len()), n.to_string());
                };
                state = state << 8 | u32::from(byte);
            }
            decoded.push(symbol);
        }
        if state != LOW {
            return wrong(format!("state {state:#x} at the end of a stream"), format!("{LOW:#x}"));
        }
        Ok((decoded, rest.as_slice()))
    }

    /// Frequency and start of a symbol.
    fn at(&self, symbol: u8) -> (u32, u32) {
        let i = usize::from(symbol);
        (u32::from(self.of[i]), u32::from(self.starts[i]))
    }

    /// The symbol of each slot.
    fn symbols(&self) -> Vec<u8> {
        let mut symbols = Vec::with_capacity(SCALE as usize);
        for (symbol, &frequency) in self.of.iter().enumerate() {
            symbols.resize(symbols.len() + usize::from(frequency), symbol as u8);
        }
        symbols
    }
}

/// Shares out of the whole in proportion to counts; each that is not zero gets one at least.
fn normalised(counts: &[u64]) -> Vec<u16> {
    let total: u64 = counts.iter().sum();
    let mut shares: Vec<u64> = counts
        .iter()
        .map(|&count| {
            let share = (u128::from(count) * u128::from(SCALE) / u128::from(total)) as u64;
            share.max(u64::from(count > 0))
        })
        .collect();
    // What rounding left over or took too much goes to where it changes the length least: the most frequent ones.
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse((counts[i], std::cmp::Reverse(i))));
    let mut difference = i64::from(SCALE) - shares.iter().sum::<u64>() as i64;
    while difference != 0 {
        for &i in &order {
            if difference > 0 && shares[i] > 0 {
                shares[i] += 1;
                difference -= 1;
            } else if difference < 0 && shares[i] > 1 {
                shares[i] -= 1;
                difference += 1;
            }
        }
    }
    shares.into_iter().map(|share| share as u16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A generator that is good enough to draw test data.
    fn draws(n: usize) -> impl Iterator<Item = u64> {
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        (0..n).map(move |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        })
    }

    fn symbols(n: usize, n_symbols: usize) -> Vec<u8> {
        // Skewed: the lowest of three draws.
        let one = |x: u64| {
            (x % n_symbols as u64)
                .min((x >> 20) % n_symbols as u64)
                .min((x >> 40) % n_symbols as u64)
        };
        draws(n).map(|x| one(x) as u8).collect()
    }

    fn round_trip(symbols: &[u8], n_symbols: usize) -> usize {
        let frequencies = Frequencies::of(symbols, n_symbols);
        let mut bytes = Vec::new();
        frequencies.write(&mut bytes);
        let head = bytes.len();
        bytes.extend(frequencies.encode(symbols));
        let len = bytes.len() - head;
        bytes.extend([1, 2, 3]);
        let (read, rest) = Frequencies::read(&bytes, n_symbols).unwrap();
        assert_eq!(read, frequencies);
        let (decoded, rest) = read.decode(rest, symbols.len()).unwrap();
        assert!(decoded == symbols, "{} of {n_symbols}", symbols.len());
        assert_eq!(rest, [1, 2, 3]);
        len
    }

    #[test]
    fn symbols_come_back() {
        for n_symbols in [1, 2, 3, 15, 255, 256] {
            for n in [0, 1, 2, 100, 20_000] {
                round_trip(&symbols(n, n_symbols), n_symbols);
            }
        }
        // One that is all there is costs nothing beside the state; one of a pair next to nothing.
        assert_eq!(round_trip(&[7; 100_000], 9), 4);
        let mut rare = vec![0; 100_000];
        rare[5] = 1;
        assert!(round_trip(&rare, 2) < 20);
    }

    #[test]
    fn the_length_is_the_entropy() {
        let symbols = symbols(100_000, 256);
        let mut counts = [0f64; 256];
        symbols.iter().for_each(|&symbol| counts[usize::from(symbol)] += 1.0);
        let n = symbols.len() as f64;
        let entropy: f64 = counts.iter().filter(|&&c| c > 0.0).map(|c| -c * (c / n).log2()).sum();
        let length = round_trip(&symbols, 256) as f64 * 8.0;
        // The rest is the rounding of frequencies to 1/16384.
        assert!(
            length > entropy && length < entropy * 1.002,
            "{length} bits for {entropy}"
        );
    }

    #[test]
    #[should_panic(expected = "symbol 1 has no share")]
    fn a_symbol_without_a_share_is_refused() {
        Frequencies::of(&[0, 0], 2).encode(&[0, 1]);
    }

    #[test]
    fn damage_is_found() {
        let symbols = symbols(1000, 40);
        let frequencies = Frequencies::of(&symbols, 40);
        let bytes = frequencies.encode(&symbols);
        for length in 0..bytes.len() {
            assert!(frequencies.decode(&bytes[..length], 1000).is_err(), "{length}");
        }
        let mut n_missed = 0;
        for i in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[i] ^= 1 << (i % 8);
            // Either the end is missed, or bytes are left over that should not be.
            let decoded = frequencies.decode(&bytes, 1000);
            n_missed += usize::from(decoded.is_ok_and(|(_, rest)| rest.is_empty()));
        }
        // In the last symbol: every symbol leads from some state to the end.
        assert!(n_missed <= 2, "{n_missed}");
        assert!(Frequencies::read(&[0x7f; 300], 256).is_err());
        assert!(Frequencies::read(&[0; 3], 4).is_err());
    }
}
