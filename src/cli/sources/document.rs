//! Files and objects that list other objects.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::PathBuf;

use super::inventory::Inventory;
use super::{Item, Items, Storage, reason, text};
use crate::objects::Location;

/// The location of a file that lists objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Document {
    File(PathBuf),
    Object(Location),
}

impl Document {
    pub(super) fn open(&self, storage: &Storage) -> Result<Box<dyn Read + Send>, String> {
        match self {
            Self::File(path) => {
                File::open(path).map(|file| Box::new(file) as _).map_err(|error| error.to_string())
            }
            Self::Object(location) => storage
                .read(location)
                .map(|bytes| Box::new(Cursor::new(bytes)) as _)
                .map_err(|error| reason(&error)),
        }
    }

    pub(super) fn inventory(&self, storage: &Storage) -> Result<Inventory, String> {
        let mut manifest = Vec::new();
        self.open(storage)?.read_to_end(&mut manifest).map_err(|error| error.to_string())?;
        let folder = match self {
            Self::File(path) => path.parent(),
            Self::Object(_) => None,
        };
        Inventory::read(&manifest, folder)
    }

    /// The name of the document, as in a row.
    pub(super) fn name(&self) -> String {
        match self {
            Self::File(path) => text(path),
            Self::Object(location) => location.to_string(),
        }
    }

    /// Prefixes errors with the name of the document.
    pub(super) fn named(&self, items: impl Iterator<Item = Result<Item, String>> + Send + 'static) -> Items {
        let name = self.name();
        Box::new(items.map(move |item| item.map_err(|what| format!("{name}: {what}"))))
    }
}
