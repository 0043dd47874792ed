//! Reads lists of objects: the CSV manifest of S3 Batch Operations, or the data files of an S3 Inventory.

use std::borrow::Cow;
use std::io::Read;

use percent_encoding::percent_decode;

use crate::objects::Location;

/// The indices of the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    bucket: usize,
    key: usize,
    version: Option<usize>,
    is_latest: Option<usize>,
    is_delete_marker: Option<usize>,
}

impl Columns {
    /// The columns of an S3 Batch Operations manifest: `bucket,key` or `bucket,key,version`.
    pub(super) const OF_BATCH_OPERATIONS: Self =
        Self { bucket: 0, key: 1, version: Some(2), is_latest: None, is_delete_marker: None };

    /// The columns of an S3 Inventory, from the `fileSchema` of its manifest:
    /// `Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, …`. `None` if there is no bucket or no key
    /// column.
    pub(super) fn of_inventory(schema: &str) -> Option<Self> {
        let column =
            |name: &str| schema.split(',').position(|column| column.trim().eq_ignore_ascii_case(name));
        Some(Self {
            bucket: column("Bucket")?,
            key: column("Key")?,
            version: column("VersionId"),
            is_latest: column("IsLatest"),
            is_delete_marker: column("IsDeleteMarker"),
        })
    }
}

/// An invalid line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BadLine {
    /// The line number, starting at 1.
    pub(super) line: u64,
    /// The error message.
    pub(super) what: String,
}

/// The objects in a CSV file. Keys are URL-encoded as AWS writes them, with `+` for a space. If an inventory
/// contains all versions, only the latest ones are returned, and delete markers are skipped. An invalid line
/// yields an error but does not end the iteration. If the file cannot be read, the iteration ends.
pub(super) fn objects(
    csv: impl Read + Send + 'static,
    columns: Columns,
) -> impl Iterator<Item = Result<Result<Location, BadLine>, String>> + Send {
    let reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::Fields).from_reader(csv);
    let mut is_over = false;
    reader.into_byte_records().enumerate().filter_map(move |(number, record)| {
        if is_over {
            return None;
        }
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                is_over = true;
                return Some(Err(error.to_string()));
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        let location = location(&record, columns, number == 0).map_err(|what| BadLine { line, what });
        location.transpose().map(Ok)
    })
}

/// The object in a row. `None` for a header, an old version or a delete marker.
fn location(record: &csv::ByteRecord, columns: Columns, is_first: bool) -> Result<Option<Location>, String> {
    let field = |column: usize| record.get(column).unwrap_or_default();
    let says = |column: Option<usize>, text: &str| {
        column.is_some_and(|column| field(column).eq_ignore_ascii_case(text.as_bytes()))
    };
    let (bucket, key) = (field(columns.bucket), field(columns.key));
    if is_first && bucket.eq_ignore_ascii_case(b"bucket") && key.eq_ignore_ascii_case(b"key") {
        return Ok(None);
    }
    if says(columns.is_delete_marker, "true") || says(columns.is_latest, "false") {
        return Ok(None);
    }
    if bucket.is_empty() || key.is_empty() {
        return Err("a bucket and a key are expected: bucket,key or bucket,key,version".to_owned());
    }
    let spaced: Vec<u8> = key.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    let key: Cow<'_, str> = percent_decode(&spaced)
        .decode_utf8()
        .map_err(|_| "the key is not UTF-8 once its URL-encoding is undone".to_owned())?;
    let bucket = str::from_utf8(bucket).map_err(|_| "the bucket is not UTF-8".to_owned())?;
    // In an inventory, the latest version is read by default. Reading it without its id requires fewer
    // permissions.
    let version = columns.version.filter(|_| columns.is_latest.is_none()).map(field).unwrap_or_default();
    let version_id = str::from_utf8(version).ok().filter(|version| !version.is_empty() && *version != "null");
    Ok(Some(Location { version_id: version_id.map(str::to_owned), ..Location::new(bucket, key) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(csv: &'static str, columns: Columns) -> Vec<Result<String, String>> {
        objects(csv.as_bytes(), columns)
            .map(|object| match object.unwrap() {
                Ok(object) => Ok(format!("{object}?{}", object.version_id.as_deref().unwrap_or_default())),
                Err(BadLine { line, what }) => Err(format!("line {line}: {what}")),
            })
            .collect()
    }

    #[test]
    fn a_manifest_of_batch_operations_names_bucket_key_and_perhaps_a_version() {
        let csv = "Bucket,Key\nphotos,a/b+c%20d%2Be%25.jpg\n\"photos\",\"caf%C3%A9,1.jpg\",v2\nphotos,%F0%9F%90%B1.jpg,null\n";
        let expected = ["s3://photos/a/b c d+e%.jpg?", "s3://photos/café,1.jpg?v2", "s3://photos/🐱.jpg?"];
        assert_eq!(read(csv, Columns::OF_BATCH_OPERATIONS), expected.map(|text| Ok(text.to_owned())));
    }

    #[test]
    fn an_inventory_has_its_columns_in_any_order_and_only_objects_of_today_count() {
        let columns =
            Columns::of_inventory("Key, Bucket, VersionId, IsLatest, IsDeleteMarker, Size").unwrap();
        let csv =
            "a.jpg,photos,v2,true,false,10\na.jpg,photos,v1,false,false,9\nb.jpg,photos,v3,true,true,\n";
        assert_eq!(read(csv, columns), [Ok("s3://photos/a.jpg?".to_owned())]);
        assert_eq!(Columns::of_inventory("Bucket, Size"), None);
    }

    #[test]
    fn a_bad_line_is_told_with_its_number_and_does_not_end_it() {
        let csv = "photos,a.jpg\nphotos\nphotos,b.jpg\n";
        let read = read(csv, Columns::OF_BATCH_OPERATIONS);
        assert_eq!(read[2], Ok("s3://photos/b.jpg?".to_owned()));
        assert!(read[1].as_ref().unwrap_err().starts_with("line 2: a bucket and a key are expected"));
        let message = self::read("photos,%FF.jpg\n", Columns::OF_BATCH_OPERATIONS).remove(0).unwrap_err();
        assert!(message.contains("line 1: the key is not UTF-8"), "{message}");
    }
}
