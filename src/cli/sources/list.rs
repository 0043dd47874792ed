//! Reads a list of names from a file or a pipe.

use std::io::{self, BufRead};

const BOM: &[u8] = b"\xef\xbb\xbf";

/// The names in a list: one per line, or separated by NUL as `find -print0` writes them. Unless `nul` is set,
/// the separator is detected from the first bytes: names cannot contain NUL, so a NUL is a separator.
///
/// Empty lines are skipped. A carriage return at the end of a line, as Windows writes it, is removed.
pub(super) struct Names<R> {
    list: R,
    separator: Option<u8>,
}

impl<R: BufRead> Names<R> {
    pub(super) fn new(list: R, nul: bool) -> Self {
        Self { list, separator: nul.then_some(0) }
    }

    /// Detects the separator from the first bytes, and skips a byte order mark.
    fn begin(&mut self) -> io::Result<u8> {
        let head = self.list.fill_buf()?;
        let separator = if head.contains(&0) { 0 } else { b'\n' };
        if head.starts_with(BOM) {
            self.list.consume(BOM.len());
        }
        self.separator = Some(separator);
        Ok(separator)
    }

    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        let separator = self.separator.map_or_else(|| self.begin(), Ok)?;
        loop {
            let mut name = Vec::new();
            if self.list.read_until(separator, &mut name)? == 0 {
                return Ok(None);
            }
            name.pop_if(|last| *last == separator);
            if separator == b'\n' {
                name.pop_if(|last| *last == b'\r');
            }
            if !name.is_empty() {
                return Ok(Some(name));
            }
        }
    }
}

impl<R: BufRead> Iterator for Names<R> {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_separated_by_line_breaks_or_nul() {
        for (list, nul, expected) in [
            (&b"a.jpg\nb c.jpg\n"[..], false, &["a.jpg", "b c.jpg"][..]),
            (b"\xef\xbb\xbfa.jpg\r\n\r\n b.jpg", false, &["a.jpg", " b.jpg"]),
            (b"a\nb.jpg\0c\r\0", false, &["a\nb.jpg", "c\r"]),
            (b"a\nb.jpg", true, &["a\nb.jpg"]),
            (b"", false, &[]),
            (b"\n\n", false, &[]),
            (b"\0", false, &[]),
        ] {
            let names: Vec<_> =
                Names::new(list, nul).map(|name| String::from_utf8(name.unwrap()).unwrap()).collect();
            assert_eq!(names, expected, "{list:?}");
        }
    }
}
