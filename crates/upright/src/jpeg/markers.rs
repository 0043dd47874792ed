//! Markers and their segments (ITU-T T.81, B.1.1).

/// A walk from marker to marker.
pub(super) struct Markers<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Markers<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next marker, over fill bytes and whatever else is in between; `None` at the end
    /// of the file.
    pub(super) fn next(&mut self) -> Option<u8> {
        loop {
            self.at += self.rest().iter().position(|&byte| byte == 0xff)?;
            self.at += self.rest().iter().position(|&byte| byte != 0xff)?;
            let marker = *self.rest().first()?;
            self.at += 1;
            // A zero after 0xff is stuffing, left over from a scan.
            if marker != 0 {
                return Some(marker);
            }
        }
    }

    /// The segment that follows the marker, without its length; `None` if the file ends before it does. A
    /// length that does not even count itself is taken as an empty segment.
    pub(super) fn segment(&mut self) -> Option<&'a [u8]> {
        let length = self.rest().first_chunk::<2>().map(|two| usize::from(u16::from_be_bytes(*two)))?.max(2);
        let segment = self.rest().get(2..length)?;
        self.at += length;
        Some(segment)
    }

    /// What has not been walked over.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Steps over `count` bytes of a scan.
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
