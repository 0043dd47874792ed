//! Reads the `manifest.json` of an S3 Inventory, and the objects in its data files.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde::Deserialize;

use super::manifest::{self, Columns};
use super::{Item, Items, Storage, prefix, reason};
use crate::objects::Location;

/// The relevant fields of the manifest.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    /// `arn:aws:s3:::bucket`, the bucket that contains the data files.
    destination_bucket: String,
    file_format: String,
    file_schema: String,
    files: Vec<DataFile>,
}

#[derive(Deserialize)]
struct DataFile {
    key: String,
}

/// An inventory with a valid manifest.
pub(super) struct Inventory {
    columns: Columns,
    bucket: String,
    keys: Vec<String>,
    /// The folder of the manifest, if it is a local copy.
    folder: Option<PathBuf>,
}

impl Inventory {
    /// Parses a manifest. Data files are searched near `folder` first.
    ///
    /// # Errors
    ///
    /// A message if the manifest is invalid or not supported.
    pub(super) fn read(manifest: &[u8], folder: Option<&Path>) -> Result<Self, String> {
        let manifest: Manifest = serde_json::from_slice(manifest)
            .map_err(|error| format!("it is not the manifest of an S3 Inventory: {error}"))?;
        let Manifest { destination_bucket, file_format, file_schema, files } = manifest;
        if !file_format.eq_ignore_ascii_case("csv") {
            return Err(format!(
                "the format of the inventory is {file_format}; configure the inventory for CSV"
            ));
        }
        let columns = Columns::of_inventory(&file_schema)
            .ok_or_else(|| format!("its fileSchema has no Bucket or no Key: {file_schema}"))?;
        let bucket = destination_bucket.rsplit(':').next().unwrap_or_default().to_owned();
        let keys = files.into_iter().map(|file| file.key).collect();
        Ok(Self { columns, bucket, keys, folder: folder.map(Path::to_owned) })
    }

    /// The pictures among the objects in the data files. The rules for prefixes apply, because an inventory
    /// lists a bucket. A data file that cannot be read yields an error and ends the iteration.
    pub(super) fn items(
        self,
        storage: &Storage,
    ) -> impl Iterator<Item = Result<Item, String>> + Send + use<> {
        let Self { columns, bucket, keys, folder } = self;
        let storage = storage.clone();
        keys.into_iter().flat_map(move |key| -> Items {
            let file = match open(&key, &bucket, folder.as_deref(), &storage) {
                Ok(file) if key.ends_with(".gz") => Box::new(MultiGzDecoder::new(file)),
                Ok(file) => file,
                Err(what) => return Box::new(std::iter::once(Err(format!("{key}: {what}")))),
            };
            Box::new(manifest::objects(file, columns).filter_map(move |found| match found {
                Ok(Ok(location)) => prefix::picture("", location).map(Ok),
                Ok(Err(bad)) => Some(Ok(Item::bad_line(&key, bad))),
                Err(what) => Some(Err(format!("{key}: {what}"))),
            }))
        })
    }
}

/// Opens a data file: a copy near the manifest, or the object itself.
fn open(
    key: &str,
    bucket: &str,
    folder: Option<&Path>,
    storage: &Storage,
) -> Result<Box<dyn Read + Send>, String> {
    let name = key.rsplit('/').next().unwrap_or(key);
    // `aws s3 sync` stores them in a folder next to the manifest's folder.
    let near = folder.iter().flat_map(|folder| {
        [folder.join(name), folder.join("data").join(name), folder.join("../data").join(name)]
    });
    for path in near {
        match File::open(path) {
            Ok(file) => return Ok(Box::new(BufReader::new(file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    let bytes = storage.read(&Location::new(bucket, key)).map_err(|error| reason(&error))?;
    Ok(Box::new(Cursor::new(bytes)))
}
