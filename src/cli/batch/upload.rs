//! Rows that go to S3 once they are complete.

use std::fs;
use std::path::{Path, PathBuf};

use super::rows::Format;
use crate::cli::sources::{self, Storage};
use crate::objects::Location;
use crate::{Error, StartError};

/// An object that the rows become. Until then they stand in a file of this machine, so that a run can be resumed.
pub(super) struct Upload {
    location: Location,
    /// In the current folder: the last part of the key, and `.part`.
    pub(super) file: PathBuf,
}

impl Upload {
    /// What `--out` asks for; `None` if it names a file.
    ///
    /// # Errors
    ///
    /// That it begins with `s3://` and is not the address of an object.
    pub(super) fn of(out: &Path) -> Result<Option<Self>, StartError> {
        let Some(address) = out.to_str().filter(|out| out.starts_with("s3://")) else { return Ok(None) };
        let location: Location =
            address.parse().map_err(|error: Error| StartError::Command(error.to_string()))?;
        let name = location.key.rsplit('/').next().unwrap_or_default();
        let file = PathBuf::from(format!("{name}.part"));
        Ok(Some(Self { location, file }))
    }

    /// Refuses an object that is there already.
    ///
    /// # Errors
    ///
    /// That it is there, or why this cannot be told.
    pub(super) fn check(&self, storage: &Storage) -> Result<(), StartError> {
        let fault = |what: String| StartError::Command(format!("{}: {what}", self.location));
        if storage.has(&self.location).map_err(|error| fault(sources::reason(&error)))? {
            return Err(fault("the object is there already; give --out another name".to_owned()));
        }
        Ok(())
    }

    /// Writes the object and takes the file away.
    ///
    /// # Errors
    ///
    /// Why it cannot be written. The file is kept.
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
        // The object has all that it has.
        let _ = fs::remove_file(file);
        Ok(())
    }
}
