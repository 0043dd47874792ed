//! The sources of pictures: files, folders, lists of them, and S3 objects.

mod document;
mod file;
mod inventory;
mod list;
mod manifest;
mod name;
mod prefix;
mod storage;
mod walk;

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

pub(super) use document::Document;
pub(super) use file::read;
pub(super) use name::{Identity, identity, text};
pub(super) use storage::Storage;
pub(super) use walk::Walk;

use crate::Error;
use crate::objects::Location;
use list::Names;
use manifest::{BadLine, Columns};
use prefix::Prefix;

/// The prefix of an object's URL.
const S3: &str = "s3://";

/// A picture, or a file that may be one.
#[derive(Debug)]
pub(super) struct Item {
    /// The name in a row, see [`text`].
    pub(super) name: String,
    /// Where the picture is stored.
    pub(super) place: Place,
    /// Whether the item is known to be a picture, because a user named it or because of its extension.
    /// Otherwise its first bytes decide.
    pub(super) is_certain: bool,
}

/// Where a picture is stored.
#[derive(Debug)]
pub(super) enum Place {
    /// In a file.
    File(PathBuf),
    /// In an object.
    Object(Location),
    /// In a folder that cannot be read, or on a line without a valid name. Contains the reason.
    Unreadable(io::Error),
}

impl Item {
    /// A file that is known to be a picture.
    fn file(path: PathBuf) -> Self {
        Self { name: text(&path), place: Place::File(path), is_certain: true }
    }

    /// An object that is known to be a picture.
    fn object(location: Location) -> Self {
        Self { name: storage::text(&location), place: Place::Object(location), is_certain: true }
    }

    /// An invalid line of a document. The name of the item is like `manifest.csv:500000`.
    fn bad_line(document: &str, BadLine { line, what }: BadLine) -> Self {
        let error = io::Error::new(io::ErrorKind::InvalidData, what);
        Self { name: format!("{document}:{line}"), place: Place::Unreadable(error), is_certain: true }
    }

    /// Whether this is a picture, or a folder that cannot be read. If it is uncertain, the first bytes of the
    /// file are checked.
    pub(super) fn is_picture(&self) -> bool {
        match &self.place {
            Place::File(path) if !self.is_certain => {
                File::open(path).and_then(|file| file::head(&file)).is_ok_and(|head| upright::is_image(&head))
            }
            Place::File(_) | Place::Object(_) | Place::Unreadable(_) => true,
        }
    }
}

/// The items of a source. An error ends them early.
pub(super) type Items = Box<dyn Iterator<Item = Result<Item, String>> + Send>;

/// A source as given by the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A picture.
    File(PathBuf),
    /// A folder that contains pictures.
    Folder(PathBuf),
    /// A list of files and folders. `nul` means that names are separated by NUL; otherwise the separator is
    /// detected.
    List {
        /// `-` is standard input.
        file: PathBuf,
        /// Whether names are separated by NUL.
        nul: bool,
    },
    /// An object that is a picture.
    Object(Location),
    /// All pictures among the objects whose keys begin with a prefix.
    Prefix(Prefix),
    /// A CSV manifest of objects, in the format of S3 Batch Operations.
    Manifest(Document),
    /// The manifest.json of an S3 Inventory.
    Inventory(Document),
}

impl Source {
    /// Parses a command line argument.
    ///
    /// # Errors
    ///
    /// A message for the user if the argument is invalid.
    pub(super) fn of(argument: &Path, nul: bool) -> Result<Self, String> {
        if argument == Path::new("-") {
            return Self::list(argument, nul);
        }
        if let Some(address) = argument.to_str().and_then(|text| text.strip_prefix(S3)) {
            return Self::in_s3(address);
        }
        let found = fs::metadata(argument).map_err(|error| told(argument, &error))?;
        let path = argument.to_owned();
        Ok(match walk::ending(argument.as_os_str().as_bytes()) {
            _ if found.is_dir() => Self::Folder(path),
            Some(b"csv") => Self::Manifest(Document::File(path)),
            Some(b"json") => Self::Inventory(Document::File(path)),
            _ => Self::File(path),
        })
    }

    /// Parses the part after `s3://`: an object if it has a known extension, otherwise a prefix.
    fn in_s3(address: &str) -> Result<Self, String> {
        let location = || format!("{S3}{address}").parse().map_err(|error: Error| error.to_string());
        Ok(match walk::ending(address.as_bytes()) {
            Some(b"csv") => Self::Manifest(Document::Object(location()?)),
            Some(b"json") => Self::Inventory(Document::Object(location()?)),
            _ if walk::has_image_ending(address.as_bytes()) => Self::Object(location()?),
            _ => Self::Prefix(Prefix::new(address)?),
        })
    }

    /// A file that contains a list.
    ///
    /// # Errors
    ///
    /// A message if the file does not exist.
    pub(super) fn list(file: &Path, nul: bool) -> Result<Self, String> {
        if file != Path::new("-") {
            // Do not open the file here: a pipe can be opened only once.
            fs::metadata(file).map_err(|error| told(file, &error))?;
        }
        Ok(Self::List { file: file.to_owned(), nul })
    }

    /// Whether the items can be counted without consuming them.
    pub(super) fn is_countable(&self) -> bool {
        match self {
            Self::File(_) | Self::Folder(_) | Self::Object(_) | Self::Manifest(Document::File(_)) => true,
            // Counting these takes as many requests as listing them. A list may contain prefixes, and a pipe
            // can be read only once.
            Self::Prefix(_) | Self::Manifest(_) | Self::Inventory(_) | Self::List { .. } => false,
        }
    }

    /// Whether pictures may come over a network. A list may contain `s3://` URLs.
    pub(super) fn is_remote(&self) -> bool {
        !matches!(self, Self::File(_) | Self::Folder(_))
    }

    /// The items of the source, in order.
    pub(super) fn items(&self, storage: &Storage) -> Items {
        match self {
            Self::File(path) => Box::new(std::iter::once(Ok(Item::file(path.clone())))),
            Self::Folder(path) => Box::new(Walk::new(path).map(Ok)),
            Self::List { file, nul } => in_list(file, *nul, storage),
            Self::Object(location) => Box::new(std::iter::once(Ok(Item::object(location.clone())))),
            Self::Prefix(prefix) => Box::new(prefix.items(storage)),
            Self::Manifest(document) => match document.open(storage) {
                Ok(csv) => {
                    let name = document.name();
                    let item = move |found: Result<_, _>| {
                        found.map_or_else(|bad| Item::bad_line(&name, bad), Item::object)
                    };
                    let objects = manifest::objects(csv, Columns::OF_BATCH_OPERATIONS);
                    document.named(objects.map(move |found| found.map(&item)))
                }
                Err(what) => document.named(std::iter::once(Err(what))),
            },
            Self::Inventory(document) => match document.inventory(storage) {
                Ok(inventory) => document.named(inventory.items(storage)),
                Err(what) => document.named(std::iter::once(Err(what))),
            },
        }
    }
}

/// The pictures and folders in a list.
fn in_list(file: &Path, nul: bool, storage: &Storage) -> Items {
    let opened: io::Result<Box<dyn Read + Send>> = if file == Path::new("-") {
        Ok(Box::new(io::stdin()))
    } else {
        File::open(file).map(|file| Box::new(file) as _)
    };
    let opened = match opened {
        Ok(opened) => opened,
        Err(error) => return Box::new(std::iter::once(Err(told(file, &error)))),
    };
    let (list, storage) = (file.to_owned(), storage.clone());
    let names = Names::new(BufReader::new(opened), nul);
    Box::new(names.flat_map(move |name| -> Items {
        match name {
            Ok(name) => named(name::path(&name), &storage),
            Err(error) => Box::new(std::iter::once(Err(told(&list, &error)))),
        }
    }))
}

/// The items that a name in a list refers to. If the file or object does not exist, its row reports it.
fn named(path: &Path, storage: &Storage) -> Items {
    if let Some(address) = path.to_str().and_then(|text| text.strip_prefix(S3)) {
        if address.ends_with('/') || !address.contains('/') {
            return match Prefix::new(address) {
                Ok(prefix) => Box::new(prefix.items(storage)),
                Err(what) => Box::new(std::iter::once(Err(what))),
            };
        }
        let (bucket, key) = address.split_once('/').unwrap_or((address, ""));
        return Box::new(std::iter::once(Ok(Item::object(Location::new(bucket, key)))));
    }
    if path.is_dir() {
        Box::new(Walk::new(path).map(Ok))
    } else {
        Box::new(std::iter::once(Ok(Item::file(path.to_owned()))))
    }
}

/// The error message with all causes. The user runs the program and has its credentials, so the message may
/// contain private details.
pub(super) fn reason(error: &Error) -> String {
    match error {
        Error::Internal(cause) | Error::StorageDenied(cause) | Error::StorageUnavailable(cause) => {
            let causes = std::iter::successors(cause.source(), |&cause| cause.source());
            causes.fold(cause.to_string(), |text, cause| {
                let more = cause.to_string();
                // Some errors already contain the message of their cause.
                if text.contains(&more) { text } else { format!("{text}: {more}") }
            })
        }
        error => error.to_string(),
    }
}

/// The error message for a path.
fn told(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests;
