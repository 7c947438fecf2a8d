//! Codes of a fixed number of bits, and one bit for each weight that was kept: what stands in a file without entropy coding.

use super::error::{PackedError, wrong};

/// Codes below `2^bits`, the lowest bits of a byte first.
pub fn pack(codes: &[u8], bits: u32) -> Vec<u8> {
    debug_assert!((1..=8).contains(&bits));
    let mut packed = Vec::with_capacity(packed_len(codes.len(), bits));
    let (mut buffer, mut n_bits) = (0u32, 0);
    for &code in codes {
        buffer |= u32::from(code) << n_bits;
        n_bits += bits;
        while n_bits >= 8 {
            packed.push(buffer as u8);
            buffer >>= 8;
            n_bits -= 8;
        }
    }
    if n_bits > 0 {
        packed.push(buffer as u8);
    }
    packed
}

/// Bytes that `n` codes take.
pub fn packed_len(n: usize, bits: u32) -> usize {
    (n as u128 * u128::from(bits))
        .div_ceil(8)
        .try_into()
        .unwrap_or(usize::MAX)
}

/// `n` codes from the front of `bytes`, and what follows them.
pub fn unpack(bytes: &[u8], n: usize, bits: u32) -> Result<(Vec<u8>, &[u8]), PackedError> {
    let len = packed_len(n, bits);
    let Some((packed, rest)) = bytes.split_at_checked(len) else {
        return wrong(format!("{} bytes", bytes.len()), format!("{n} codes of {bits} bits"));
    };
    let mut codes = Vec::with_capacity(n);
    let (mut buffer, mut n_bits) = (0u32, 0);
    let mask = (1u32 << bits) - 1;
    let mut packed = packed.iter();
    while codes.len() < n {
        while n_bits < bits {
            buffer |= u32::from(*packed.next().unwrap_or(&0)) << n_bits;
            n_bits += 8;
        }
        codes.push((buffer & mask) as u8);
        buffer >>= bits;
        n_bits -= bits;
    }
    Ok((codes, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_come_back() {
        for bits in 1..=8 {
            for n in [0, 1, 7, 8, 9, 1000] {
                let codes: Vec<u8> = (0..n).map(|i| (i * 37 % (1 << bits)) as u8).collect();
                let mut packed = pack(&codes, bits);
                assert_eq!(packed.len(), packed_len(codes.len(), bits));
                packed.push(7);
                assert_eq!(unpack(&packed, codes.len(), bits), Ok((codes, &[7][..])));
            }
        }
        assert!(unpack(&[0; 9], 10, 8).is_err());
        assert!(unpack(&[0; 9], usize::MAX, 8).is_err());
    }
}
