//! Bytes of three values in a block of text, as bits: commas, line ends and quotes, say.

/// Bytes that are looked at together.
pub(super) const BLOCK: usize = 64;

/// A bit for every byte that is `A`, `B` or `C`, the lowest for the first.
#[inline]
pub(super) fn marks<const A: u8, const B: u8, const C: u8>(block: &[u8; BLOCK]) -> u64 {
    let (words, _) = block.as_chunks::<16>();
    words.iter().rev().fold(0, |marks, word| marks << 16 | u64::from(marks_of::<A, B, C>(word)))
}

/// With the sandbox's vectors: three comparisons for sixteen bytes.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[inline]
fn marks_of<const A: u8, const B: u8, const C: u8>(word: &[u8; 16]) -> u16 {
    use std::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_splat, u64x2, v128_or};
    let ([low, high], _) = word.as_chunks::<8>() else {
        return 0;
    };
    let word = u64x2(u64::from_le_bytes(*low), u64::from_le_bytes(*high));
    let is = |byte: u8| u8x16_eq(word, u8x16_splat(byte));
    u8x16_bitmask(v128_or(v128_or(is(A), is(B)), is(C)))
}

/// With ordinary words, everywhere else.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
#[inline]
fn marks_of<const A: u8, const B: u8, const C: u8>(word: &[u8; 16]) -> u16 {
    let (halves, _) = word.as_chunks::<8>();
    halves.iter().rev().fold(0, |marks, half| marks << 8 | marks_of_half::<A, B, C>(*half))
}

/// No byte spoils its neighbour: sums of seven bits never carry.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
#[inline]
fn marks_of_half<const A: u8, const B: u8, const C: u8>(word: [u8; 8]) -> u16 {
    const LOW: u64 = u64::from_ne_bytes([0x7f; 8]);
    /// Brings the highest bits of eight bytes side by side into the highest byte.
    const GATHER: u64 = 0x0002_0408_1020_4081;
    let word = u64::from_le_bytes(word);
    let is_not = |byte: u8| {
        let differs = word ^ u64::from_ne_bytes([byte; 8]);
        ((differs & LOW) + LOW) | differs
    };
    let highest = !(is_not(A) & is_not(B) & is_not(C)) & !LOW;
    (highest.wrapping_mul(GATHER) >> 56) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_where_the_bytes_are_whatever_stands_beside_them() {
        for byte in 0..=255u8 {
            for other in [0, 0x21, 0x22, 0x23, 0x2b, 0x2c, 0x2d, 0x0a, 0x0b, 0x80, 0xa2, 0xac, 0xff] {
                for at in 0..64 {
                    let mut block = [other; 64];
                    block[at] = byte;
                    let expected = (0..64).filter(|at| matches!(block[*at], b',' | b'\n' | b'"'));
                    let expected = expected.fold(0u64, |marks, at| marks | 1 << at);
                    assert_eq!(marks::<b',', b'\n', b'"'>(&block), expected, "{block:?}");
                }
            }
        }
    }
}
