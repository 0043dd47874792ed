//! Formats the result for a picture as a row.

use std::io;
use std::path::Path;

use serde::Serialize;

use crate::Error;
use crate::classifier::{Classification, ImageInfo};
use crate::cli::sources;
use crate::model::Prediction;

/// Why a picture has no labels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Fault {
    /// A code of the HTTP API, `file_not_found` or `file_unreadable`.
    pub(super) code: &'static str,
    /// The HTTP status of the code. From 500 on, a retry may succeed.
    pub(super) status: u16,
    /// The error message, in one line.
    pub(super) detail: String,
}

impl Fault {
    /// The error for a file that cannot be read.
    pub(super) fn of_file(error: &io::Error, limit: usize) -> Self {
        match error.kind() {
            io::ErrorKind::FileTooLarge => Self {
                detail: format!(
                    "The file is larger than the {limit} bytes that are accepted. MAX_BODY_BYTES sets the limit."
                ),
                ..Self::from(&Error::BodyTooLarge { max: limit })
            },
            io::ErrorKind::NotFound => {
                Self { code: "file_not_found", status: 404, detail: "There is no such file.".to_owned() }
            }
            io::ErrorKind::InvalidData => Self {
                code: "file_unreadable",
                status: 500,
                detail: one_line(&format!("This line names no object: {error}.")),
            },
            _ => Self {
                code: "file_unreadable",
                status: 500,
                detail: one_line(&format!("The file cannot be read: {error}.")),
            },
        }
    }
}

impl From<&Error> for Fault {
    fn from(error: &Error) -> Self {
        // The private details may be included, because the caller is also the operator.
        Self { code: error.code(), status: error.status(), detail: one_line(&sources::reason(error)) }
    }
}

/// Replaces line breaks. Only the name of a source may contain line breaks, see [`super::known`].
fn one_line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}

/// The format of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// One JSON object per line.
    JsonLines,
    /// CSV with columns for this number of labels.
    Csv {
        /// At least 1.
        labels: usize,
    },
}

/// A line of JSON. It contains nothing that differs between runs, such as times.
#[derive(Serialize)]
struct Line<'a> {
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    predictions: Option<&'a [Prediction]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<ImageInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a Fault>,
}

impl Format {
    /// The format for a file extension. Standard output, `-`, gets JSON.
    ///
    /// # Errors
    ///
    /// A message that lists the supported extensions.
    pub(super) fn of(out: &Path, labels: usize) -> Result<Self, String> {
        let ending = out.extension().map(|ending| ending.to_ascii_lowercase());
        match ending.as_deref().and_then(|ending| ending.to_str()) {
            None if out == Path::new("-") => Ok(Self::JsonLines),
            Some("jsonl" | "ndjson") => Ok(Self::JsonLines),
            Some("csv") => Ok(Self::Csv { labels }),
            _ => Err(format!(
                "{}: the ending decides the format; name a file that ends in .jsonl or .ndjson (JSON lines) or .csv, or - for \
                 JSON lines on standard output",
                out.display()
            )),
        }
    }

    /// The media type of the format.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::JsonLines => "application/x-ndjson",
            Self::Csv { .. } => "text/csv",
        }
    }

    /// The line before all rows: empty for JSON, the column names for CSV.
    ///
    /// # Errors
    ///
    /// None in practice, because writing to memory does not fail.
    pub(super) fn header(self) -> io::Result<Vec<u8>> {
        let Self::Csv { labels } = self else { return Ok(Vec::new()) };
        let columns =
            (1..=labels).flat_map(|rank| ["label", "score", "class_id"].map(|name| format!("{name}_{rank}")));
        let ends = ["error_code", "error_detail"].map(str::to_owned);
        csv_line(std::iter::once("source".to_owned()).chain(columns).chain(ends))
    }

    /// The row of a picture, including its line break.
    ///
    /// # Errors
    ///
    /// None in practice, because writing to memory does not fail.
    pub(super) fn row(self, source: &str, result: Result<&Classification, &Fault>) -> io::Result<Vec<u8>> {
        match self {
            Self::JsonLines => {
                let (found, error) = (result.ok(), result.err());
                let line = Line {
                    source,
                    predictions: found.map(|found| &found.predictions[..]),
                    image: found.map(|found| found.image),
                    error,
                };
                let mut row = serde_json::to_vec(&line)?;
                row.push(b'\n');
                Ok(row)
            }
            Self::Csv { labels } => {
                let predictions = result.map_or(&[][..], |found| &found.predictions);
                let columns = (0..labels).flat_map(|rank| match predictions.get(rank) {
                    Some(Prediction { label, score, class_id, .. }) => [
                        label.name.clone(),
                        score.to_string(),
                        class_id.map(|class_id| class_id.to_string()).unwrap_or_default(),
                    ],
                    None => Default::default(),
                });
                let (code, detail) = result.err().map_or(("", ""), |fault| (fault.code, &fault.detail));
                let ends = [code.to_owned(), detail.to_owned()];
                csv_line(std::iter::once(source.to_owned()).chain(columns).chain(ends))
            }
        }
    }
}

fn csv_line(fields: impl Iterator<Item = String>) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(fields.map(String::into_bytes))?;
    writer.into_inner().map_err(|error| error.into_error())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classifier::Timing;
    use crate::model::Label;

    fn found() -> Classification {
        let label = Label { name: "cup, \"hot\"".to_owned(), ..Label::default() };
        Classification {
            predictions: vec![Prediction {
                class_id: Some(968),
                score: 0.25,
                label: label.into(),
                heat_map: None,
            }],
            image: ImageInfo { format: upright::Format::Png, width: 2, height: 1 },
            timing: Timing::default(),
            cached: false,
        }
    }

    fn row(format: Format, source: &str, result: Result<&Classification, &Fault>) -> String {
        String::from_utf8(format.row(source, result).unwrap()).unwrap()
    }

    #[test]
    fn json_lines_hold_labels_and_image_or_an_error() {
        let fault = Fault::of_file(&io::ErrorKind::NotFound.into(), 10);
        for (result, expected) in [
            (
                Ok(&found()),
                "{\"source\":\"a\\nb\",\"predictions\":[{\"label\":\"cup, \\\"hot\\\"\",\"score\":0.25,\"class_id\":968}],\
                 \"image\":{\"format\":\"png\",\"width\":2,\"height\":1}}\n",
            ),
            (
                Err(&fault),
                "{\"source\":\"a\\nb\",\"error\":{\"code\":\"file_not_found\",\"status\":404,\"detail\":\"There is no such \
                 file.\"}}\n",
            ),
        ] {
            assert_eq!(row(Format::JsonLines, "a\nb", result), expected);
        }
    }

    #[test]
    fn csv_has_the_same_columns_in_every_row() {
        let format = Format::Csv { labels: 2 };
        let header = String::from_utf8(format.header().unwrap()).unwrap();
        assert_eq!(
            header,
            "source,label_1,score_1,class_id_1,label_2,score_2,class_id_2,error_code,error_detail\n"
        );
        assert_eq!(row(format, "a\nb", Ok(&found())), "\"a\nb\",\"cup, \"\"hot\"\"\",0.25,968,,,,,\n");
        let fault = Fault::from(&Error::internal("two\nlines"));
        assert_eq!(row(format, "a", Err(&fault)), "a,,,,,,,internal,two lines\n");
    }

    #[test]
    fn the_ending_decides_the_format() {
        for (name, expected) in [
            ("-", Some(Format::JsonLines)),
            ("a/b.JSONL", Some(Format::JsonLines)),
            ("b.ndjson", Some(Format::JsonLines)),
            ("b.jsonl.csv", Some(Format::Csv { labels: 3 })),
            ("b.json", None),
            ("b", None),
            ("a.csv/b", None),
        ] {
            assert_eq!(Format::of(Path::new(name), 3).ok(), expected, "{name}");
        }
    }
}
