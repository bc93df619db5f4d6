//! Cuts a payload into chunks where its content says so: bytes that are inserted change the chunks around them and no others.

use fastcdc::v2020::FastCDC;

/// No chunk but the last of a payload is smaller,
const SMALLEST: usize = 256 << 10;
/// most are about so large,
const USUAL: usize = 1 << 20;
/// and none is larger.
pub(super) const LARGEST: usize = 4 << 20;
/// Cutting waits for so many bytes, so that they are moved seldom.
const FULL: usize = 2 * LARGEST;

/// Takes bytes in pieces of any size.
#[derive(Debug, Default)]
pub(super) struct Chunker {
    pending: Vec<u8>,
}

impl Chunker {
    /// Takes bytes; gives whole chunks to `take` as they are known.
    pub(super) fn push<E>(&mut self, mut bytes: &[u8], mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(FULL - self.pending.len()));
            self.pending.extend_from_slice(now);
            bytes = later;
            if self.pending.len() == FULL {
                // A cut only depends on the bytes that the largest chunk could have.
                self.cut(LARGEST, &mut take)?;
            }
        }
        Ok(())
    }

    /// Gives the last chunks.
    pub(super) fn finish<E>(&mut self, mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        self.cut(1, &mut take)
    }

    /// Forgets what is pending.
    pub(super) fn clear(&mut self) {
        self.pending.clear();
    }

    /// Cuts while at least `needed` bytes are left.
    fn cut<E>(&mut self, needed: usize, take: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let pending = std::mem::take(&mut self.pending);
        let cutter = FastCDC::new(&pending, SMALLEST, USUAL, LARGEST);
        let mut start = 0;
        while pending.len() - start >= needed {
            let (_, end) = cutter.cut(start, pending.len() - start);
            // At least one byte each time, whatever the cutter says.
            let end = end.clamp(start + 1, pending.len());
            take(&pending[start..end])?;
            start = end;
        }
        self.pending = pending;
        self.pending.drain(..start);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(length: usize, seed: u64) -> Vec<u8> {
        let mut state = seed | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        };
        std::iter::repeat_with(&mut next).flatten().take(length).collect()
    }

    fn chunks(bytes: &[u8], piece: usize) -> Vec<Vec<u8>> {
        let (mut chunker, mut found) = (Chunker::default(), Vec::new());
        let mut take = |chunk: &[u8]| -> Result<(), ()> {
            found.push(chunk.to_vec());
            Ok(())
        };
        for piece in bytes.chunks(piece) {
            chunker.push(piece, &mut take).unwrap();
        }
        chunker.finish(&mut take).unwrap();
        found
    }

    #[test]
    fn pieces_do_not_matter_and_nothing_is_lost() {
        let bytes = noise(20 << 20, 7);
        let whole = chunks(&bytes, bytes.len());
        assert_eq!(whole.concat(), bytes);
        assert!(whole.len() > 5 && whole.iter().all(|chunk| chunk.len() <= LARGEST));
        assert!(whole[..whole.len() - 1].iter().all(|chunk| chunk.len() >= SMALLEST));
        for piece in [65_537, 3 << 20] {
            assert_eq!(chunks(&bytes, piece), whole);
        }
        assert!(chunks(&[], 1).is_empty());
        assert_eq!(chunks(b"a", 1), [b"a"]);
    }

    #[test]
    fn an_insertion_changes_few_chunks() {
        let bytes = noise(20 << 20, 7);
        let mut longer = bytes.clone();
        longer.splice(10_000_000..10_000_000, *b"inserted");
        let (before, after) = (chunks(&bytes, 1 << 20), chunks(&longer, 1 << 20));
        let new = after.iter().filter(|chunk| !before.contains(chunk)).count();
        assert!((1..=3).contains(&new), "{new} of {}", after.len());
    }
}
