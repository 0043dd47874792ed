//! Markers and their segments (ITU-T T.81, B.1.1).

/// Iterates over the markers.
pub(super) struct Markers<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Markers<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Returns the next marker, skipping fill bytes and anything else before it; `None` at the end of the
    /// file.
    pub(super) fn next(&mut self) -> Option<u8> {
        loop {
            self.at += self.rest().iter().position(|&byte| byte == 0xff)?;
            self.at += self.rest().iter().position(|&byte| byte != 0xff)?;
            let marker = *self.rest().first()?;
            self.at += 1;
            // A zero after 0xff is byte stuffing, left over from a scan.
            if marker != 0 {
                return Some(marker);
            }
        }
    }

    /// The segment that follows the marker, without its length field; `None` if the file ends before the
    /// segment does. A length below 2, which does not even cover the length field, means an empty segment.
    pub(super) fn segment(&mut self) -> Option<&'a [u8]> {
        let length = self.rest().first_chunk::<2>().map(|two| usize::from(u16::from_be_bytes(*two)))?.max(2);
        let segment = self.rest().get(2..length)?;
        self.at += length;
        Some(segment)
    }

    /// The bytes that were not parsed yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Skips `count` bytes of a scan.
    pub(super) fn step_over(&mut self, count: usize) {
        self.at += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fill_bytes_and_garbage_between_markers_are_stepped_over() {
        let mut markers = Markers::new(b"\xff\xd8junk\xff\x00\xff\xff\xff\xdb\x00\x03a\xff\xd9");
        assert_eq!(markers.next(), Some(0xd8));
        assert_eq!(markers.next(), Some(0xdb));
        assert_eq!(markers.segment(), Some(&b"a"[..]));
        assert_eq!(markers.next(), Some(0xd9));
        assert_eq!(markers.next(), None);
    }

    #[test]
    fn a_segment_that_is_cut_is_none() {
        for cut in [&b"\xff\xdb"[..], b"\xff\xdb\x00", b"\xff\xdb\x00\x04a"] {
            let mut markers = Markers::new(cut);
            markers.next().unwrap();
            assert_eq!(markers.segment(), None);
        }
    }
}
