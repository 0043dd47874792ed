//! Presents several pieces of a file as one file, without copying them.
//!
//! A decoder that reads from a splice sees only the pieces that it needs for the pixels.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

/// A reader over several pieces, one after the other.
pub(super) struct Splice<'a> {
    parts: Vec<&'a [u8]>,
    /// Index of the current part; `parts.len()` at the end.
    part: usize,
    /// Position within the current part.
    at: usize,
    /// Position of the current part within the whole.
    start: u64,
}

impl<'a> Splice<'a> {
    pub(super) fn new(mut parts: Vec<&'a [u8]>) -> Self {
        // `BufRead` reports the end of the data with an empty buffer, so empty parts must go.
        parts.retain(|part| !part.is_empty());
        Self { parts, part: 0, at: 0, start: 0 }
    }

    fn rest(&self) -> &'a [u8] {
        self.parts.get(self.part).and_then(|part| part.get(self.at..)).unwrap_or_default()
    }

    fn advance(&mut self, bytes: usize) {
        self.at += bytes;
        if let Some(part) = self.parts.get(self.part)
            && self.at >= part.len()
        {
            self.start += part.len() as u64;
            self.part += 1;
            self.at = 0;
        }
    }

    fn go_to(&mut self, position: u64) {
        (self.part, self.at, self.start) = (0, 0, 0);
        while let Some(part) = self.parts.get(self.part) {
            let length = part.len() as u64;
            if position < self.start + length {
                // Fits in `usize`: it is less than the length of a slice.
                self.at = (position - self.start) as usize;
                return;
            }
            self.start += length;
            self.part += 1;
        }
    }
}

impl Read for Splice<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = self.rest();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.advance(count);
        Ok(count)
    }
}

impl BufRead for Splice<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.rest())
    }

    fn consume(&mut self, bytes: usize) {
        self.advance(bytes);
    }
}

impl Seek for Splice<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let here = self.start + self.at as u64;
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(offset) => here.checked_add_signed(offset),
            SeekFrom::End(offset) => {
                self.parts.iter().map(|part| part.len() as u64).sum::<u64>().checked_add_signed(offset)
            }
        };
        let position = position.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        // Decoders often seek back by a few bytes. Handle this without a search over all parts.
        let length = self.parts.get(self.part).map_or(0, |part| part.len() as u64);
        if position >= self.start && position - self.start < length {
            self.at = (position - self.start) as usize;
        } else {
            self.go_to(position);
        }
        Ok(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_read_as_one_file_wherever_they_are_entered() {
        let whole = b"abcdefgh";
        for from in 0..=whole.len() {
            let mut splice = Splice::new(vec![b"abc", b"", b"d", b"efgh"]);
            splice.seek(SeekFrom::Start(from as u64)).unwrap();
            let mut rest = Vec::new();
            splice.read_to_end(&mut rest).unwrap();
            assert_eq!(rest, whole[from..]);
        }
    }

    #[test]
    fn a_step_back_over_the_seam_of_two_parts_lands_where_it_should() {
        let mut splice = Splice::new(vec![b"ab", b"cd"]);
        let mut three = [0; 3];
        splice.read_exact(&mut three).unwrap();
        assert_eq!(splice.seek(SeekFrom::Current(-2)).unwrap(), 1);
        splice.read_exact(&mut three).unwrap();
        assert_eq!(&three, b"bcd");
        assert_eq!(splice.seek(SeekFrom::End(-1)).unwrap(), 3);
        assert!(splice.seek(SeekFrom::Current(-9)).is_err());
    }
}
