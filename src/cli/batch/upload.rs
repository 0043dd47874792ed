//! Uploads complete rows to S3.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::rows::Format;
use crate::cli::sources::{self, Storage};
use crate::objects::Location;
use crate::{Error, StartError};

/// The output object in S3. Until the run is complete, rows are stored in a local file, so that the run can
/// be resumed.
pub(super) struct Upload {
    location: Location,
    /// The local file in the current folder, see [`working_file`].
    pub(super) file: PathBuf,
}

impl Upload {
    /// Parses `--out`. Returns `None` if it names a file.
    ///
    /// # Errors
    ///
    /// A message if it begins with `s3://` but is not a valid object URL.
    pub(super) fn of(out: &Path) -> Result<Option<Self>, StartError> {
        let Some(address) = out.to_str().filter(|out| out.starts_with("s3://")) else { return Ok(None) };
        let location: Location =
            address.parse().map_err(|error: Error| StartError::Command(error.to_string()))?;
        let file = working_file(&location);
        Ok(Some(Self { location, file }))
    }

    /// Checks that the object does not exist yet.
    ///
    /// # Errors
    ///
    /// A message if it exists, or if this cannot be determined.
    pub(super) fn check(&self, storage: &Storage) -> Result<(), StartError> {
        let fault = |what: String| StartError::Command(format!("{}: {what}", self.location));
        if storage.has(&self.location).map_err(|error| fault(sources::reason(&error)))? {
            return Err(fault("the object is there already; give --out another name".to_owned()));
        }
        Ok(())
    }

    /// Uploads the object and deletes the local file.
    ///
    /// # Errors
    ///
    /// A message if the object cannot be written. The local file is kept.
    pub(super) fn upload(self, storage: &Storage, format: Format) -> Result<(), StartError> {
        let Self { location, file } = self;
        let rows =
            fs::read(&file).map_err(|error| StartError::Command(format!("{}: {error}", file.display())))?;
        storage.write(&location, rows.into(), format.media_type()).map_err(|error| {
            StartError::Command(format!(
                "{location}: {}; all rows are in {}, and --resume tries again to write the object",
                sources::reason(&error),
                file.display()
            ))
        })?;
        // The object contains all rows, so an error here is harmless.
        let _ = fs::remove_file(file);
        Ok(())
    }
}

/// The name of the local file: the last part of the key, so that users recognize it, and a hash of bucket and
/// key, so that each object has its own file. It is limited in length, because file systems allow at most 255
/// bytes.
fn working_file(location: &Location) -> PathBuf {
    let name = location.key.rsplit('/').next().unwrap_or_default();
    let name: String = name.chars().take(50).collect();
    let hash = Sha256::digest(location.to_string());
    let hash: String = hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    PathBuf::from(format!("{name}.{hash}.part"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_object_has_a_working_file_of_its_own() {
        let file =
            |address: String| working_file(&address.parse().unwrap()).into_os_string().into_string().unwrap();
        let names = ["a/2025/rows.csv", "a/2026/rows.csv", "b/2025/rows.csv"];
        let files = names.map(|name| file(format!("s3://bucket-{name}")));
        assert!(
            files.iter().all(|file| file.starts_with("rows.csv.") && file.ends_with(".part")),
            "{files:?}"
        );
        assert!(files[0] != files[1] && files[0] != files[2] && files[1] != files[2], "{files:?}");
        assert_eq!(files[0], file("s3://bucket-a/2025/rows.csv".to_owned()));
        assert!(file(format!("s3://bucket/{}.csv", "é".repeat(300))).len() <= 255);
    }
}
