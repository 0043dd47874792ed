//! Reads the files of a bundle. Each error names its file.

use std::fs;
use std::io;
use std::path::Path;

use crate::StartError;
use crate::model::fields::Fields;
use crate::model::linear_head::LinearHead;

pub(super) fn fault(path: &Path, what: impl std::fmt::Display) -> StartError {
    StartError::Bundle(format!("{}: {what}", path.display()))
}

pub(super) fn read_text(path: &Path) -> Result<Option<String>, StartError> {
    match fs::read_to_string(path) {
        // Remove a byte order mark, which would hide the first key from the parser.
        Ok(text) => Ok(Some(match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fault(path, error)),
    }
}

/// Reads the trained head and the bytes of its file; `None` if there is no such file.
pub(super) fn read_head(path: &Path) -> Result<Option<(LinearHead, Vec<u8>)>, StartError> {
    match fs::read(path) {
        Ok(file) => {
            let head = LinearHead::read(&file).map_err(|what| fault(path, what))?;
            Ok(Some((head, file)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fault(path, error)),
    }
}

/// Reads the object in a JSON file; `None` if there is no such file.
pub(super) fn read_fields(path: &Path) -> Result<Option<Fields>, StartError> {
    let Some(text) = read_text(path)? else { return Ok(None) };
    Fields::parse(&text).map(Some).map_err(|what| fault(path, what))
}
