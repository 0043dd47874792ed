//! Reads an existing file of rows, to find out which pictures already have a row.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Seek as _, SeekFrom};
use std::ops::Range;

use serde::Deserialize;

use super::rows::Format;
use crate::cli::sources::{Identity, identity};

/// The beginning of each JSON row.
const BEGIN: &[u8] = b"{\"source\":";

/// The content of a file of rows.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The sources that have a row.
    pub(super) sources: HashSet<Identity>,
    /// Offset of the end of the last complete row, in bytes. The rest of the file is a truncated row.
    pub(super) end: u64,
    /// Byte ranges of rows to retry: errors with status 409, or 500 and above.
    pub(super) again: Vec<Range<u64>>,
    /// Number of rows with a permanent error.
    pub(super) errors: u64,
}

/// The relevant parts of a row.
struct Row {
    source: String,
    status: Option<u16>,
}

impl Known {
    /// Reads all rows.
    ///
    /// # Errors
    ///
    /// An error message if the file was not written by this program, or has other columns.
    pub(super) fn read(file: &mut File, format: Format) -> Result<Self, String> {
        file.seek(SeekFrom::Start(0)).map_err(|error| error.to_string())?;
        match format {
            Format::JsonLines => Self::json_lines(BufReader::new(file)),
            Format::Csv { .. } => Self::csv(file, &format.header().map_err(|error| error.to_string())?),
        }
    }

    fn json_lines(mut file: BufReader<&mut File>) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Line {
            source: String,
            error: Option<Fault>,
        }
        #[derive(Deserialize)]
        struct Fault {
            status: u16,
        }
        let mut known = Self::default();
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let read = file.read_until(b'\n', &mut line).map_err(|error| error.to_string())?;
            if line.last() != Some(&b'\n') {
                if !(line.starts_with(BEGIN) || BEGIN.starts_with(&line)) {
                    return Err(format!("line {number} is not a row that this program wrote"));
                }
                // A truncated row.
                break;
            }
            let Line { source, error } = serde_json::from_slice(&line)
                .map_err(|error| format!("line {number} is not a row that this program wrote ({error})"))?;
            let end = known.end + read as u64;
            known.add(&Row { source, status: error.map(|error| error.status) }, end);
        }
        Ok(known)
    }

    fn csv(file: &mut File, header: &[u8]) -> Result<Self, String> {
        let mut known = Self::default();
        let length = file.metadata().map_err(|error| error.to_string())?.len();
        let mut first = Vec::new();
        file.by_ref().take(header.len() as u64).read_to_end(&mut first).map_err(|error| error.to_string())?;
        if first.len() < header.len() && header.starts_with(&first) {
            // The first line is truncated.
            return Ok(known);
        }
        if first != header {
            return Err(format!(
                "its first line is not {}: was it written with another --top-k?",
                String::from_utf8_lossy(header).trim_end()
            ));
        }
        known.end = header.len() as u64;
        let ends_with_line = {
            file.seek(SeekFrom::Start(length - 1)).map_err(|error| error.to_string())?;
            let mut last = [0];
            file.read_exact(&mut last).map_err(|error| error.to_string())?;
            last == *b"\n"
        };
        let begin = known.end;
        file.seek(SeekFrom::Start(begin)).map_err(|error| error.to_string())?;
        let columns = header.split(|&byte| byte == b',').count();
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(BufReader::new(file));
        let mut record = csv::StringRecord::new();
        while reader.read_record(&mut record).map_err(|error| error.to_string())? {
            let end = begin + reader.position().byte();
            if end >= length && (!ends_with_line || record.len() != columns) {
                break;
            }
            let (Some(source), Some(code), true) =
                (record.get(0), record.get(columns - 2), record.len() == columns)
            else {
                let line = record.position().map_or(0, |position| position.line() + 1);
                return Err(format!("line {line} is not a row that this program wrote"));
            };
            let status = (!code.is_empty()).then(|| status_of(code));
            known.add(&Row { source: source.to_owned(), status }, end);
        }
        Ok(known)
    }

    fn add(&mut self, row: &Row, end: u64) {
        let place = self.end..end;
        self.end = end;
        if row.status.is_some_and(may_change) {
            self.again.push(place);
            return;
        }
        self.errors += u64::from(row.status.is_some());
        self.sources.insert(identity(&row.source));
    }
}

/// Whether a retry may have a different result.
fn may_change(status: u16) -> bool {
    status >= 500 || status == 409
}

/// The status for an error code. CSV rows contain only the code.
fn status_of(code: &str) -> u16 {
    match crate::error::Error::KINDS.iter().find(|kind| kind.code == code) {
        Some(kind) => kind.status,
        None if code == "file_not_found" => 404,
        None => 500,
    }
}

/// Copies the first `end` bytes of a file, without the parts in `without`.
pub(super) fn copy_without(
    file: &mut File,
    end: u64,
    without: &[Range<u64>],
    to: &mut impl io::Write,
) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    let mut file = BufReader::new(file);
    let mut at = 0;
    for part in without.iter().cloned().chain(std::iter::once(end..end)) {
        io::copy(&mut file.by_ref().take(part.start - at), to)?;
        io::copy(&mut file.by_ref().take(part.end - part.start), &mut io::sink())?;
        at = part.end;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file(content: &str) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content.as_bytes()).unwrap();
        file
    }

    const JSON: &str = concat!(
        "{\"source\":\"a.jpg\",\"predictions\":[]}\n",
        "{\"source\":\"b\\n.jpg\",\"error\":{\"code\":\"undecodable_image\",\"status\":422,\"detail\":\"\"}}\n",
        "{\"source\":\"c.jpg\",\"error\":{\"code\":\"file_unreadable\",\"status\":500,\"detail\":\"\"}}\n",
        "{\"source\":\"d.jpg\",\"predictions\":[]}\n",
    );
    const HEADER: &str = "source,label_1,score_1,class_id_1,error_code,error_detail\n";
    const CSV: &str = concat!(
        "source,label_1,score_1,class_id_1,error_code,error_detail\n",
        "a.jpg,cup,1,2,,\n",
        "\"b\n.jpg\",,,,undecodable_image,corrupt\n",
        "c.jpg,,,,file_unreadable,denied\n",
        "d.jpg,cup,1,2,,\n",
    );
    const FORMATS: [(Format, &str); 2] = [(Format::JsonLines, JSON), (Format::Csv { labels: 1 }, CSV)];

    #[test]
    fn every_row_is_known_but_those_that_may_succeed_later() {
        for (format, content) in FORMATS {
            let mut file = file(content);
            let known = Known::read(&mut file, format).unwrap();
            assert_eq!(known.sources, ["a.jpg", "b\n.jpg", "d.jpg"].map(identity).into(), "{format:?}");
            assert_eq!((known.end, known.errors), (content.len() as u64, 1));
            let mut left = Vec::new();
            copy_without(&mut file, known.end, &known.again, &mut left).unwrap();
            let expected: String =
                content.split_inclusive('\n').filter(|line| !line.contains("c.jpg")).collect();
            assert_eq!(String::from_utf8(left).unwrap(), expected);
        }
    }

    #[test]
    fn a_file_may_be_cut_anywhere() {
        for (format, content) in FORMATS {
            let mut before = 0;
            for cut in 0..content.len() {
                let known = Known::read(&mut file(&content[..cut]), format).unwrap();
                let end = usize::try_from(known.end).unwrap();
                let rows = known.sources.len() + known.again.len();
                assert!(
                    end <= cut && content[..end].is_empty() | content[..end].ends_with('\n'),
                    "{format:?} at {cut}"
                );
                assert!(rows == before || rows == before + 1, "{format:?} at {cut}");
                before = rows;
                // A run can be resumed with the remaining rows.
                let again = Known::read(&mut file(&content[..end]), format).unwrap();
                assert_eq!((again.sources, again.end), (known.sources, known.end), "{format:?} at {cut}");
            }
            assert_eq!(before, 3, "{format:?}");
        }
    }

    #[test]
    fn another_file_is_refused() {
        for (format, content, expected) in [
            (Format::JsonLines, "{\"source\":\"a\"}\n{\"file\":\"a\"}\n", "line 2 is not a row"),
            (Format::JsonLines, "a poem,\nof two lines\n", "line 1 is not a row"),
            (Format::JsonLines, "a poem without a line break at its end", "line 1 is not a row"),
            (Format::JsonLines, "{\"source\":\"a\"}\n{\"file\":\"a\"}", "line 2 is not a row"),
            (Format::Csv { labels: 1 }, "a poem", "its first line is not source,label_1,score_1,"),
            (
                Format::Csv { labels: 2 },
                &format!("{HEADER}{:90}\n", "a"),
                "its first line is not source,label_1,score_1,",
            ),
            (Format::Csv { labels: 2 }, HEADER, "its first line is not source,label_1,score_1,"),
            (Format::Csv { labels: 1 }, &format!("{HEADER}a,b\nc,d\n"), "line 2 is not a row"),
        ] {
            let message = Known::read(&mut file(content), format).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
    }
}
