//! Where pictures come from: files, folders, lists of them, and objects in S3.

mod inventory;
mod list;
mod manifest;
mod name;
mod prefix;
mod storage;
mod walk;

use std::fs::{self, File};
use std::io::{self, BufReader, Cursor, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

pub(super) use name::{Identity, identity, text};
pub(super) use storage::Storage;
pub(super) use walk::Walk;

use crate::Error;
use crate::objects::Location;
use inventory::Inventory;
use list::Names;
use manifest::{BadLine, Columns};
use prefix::Prefix;

/// How an object's location begins.
const S3: &str = "s3://";

/// Bytes that tell a picture from another file: no format needs more.
const HEAD: u64 = 256;

/// One picture, or what may be one.
#[derive(Debug)]
pub(super) struct Item {
    /// What it is called in a row, see [`text`].
    pub(super) name: String,
    /// Where it lies.
    pub(super) place: Place,
    /// It was named as a picture, by a person or by its ending. If not, its first bytes decide.
    pub(super) is_certain: bool,
}

/// Where a picture lies.
#[derive(Debug)]
pub(super) enum Place {
    /// In a file.
    File(PathBuf),
    /// In an object.
    Object(Location),
    /// In a folder that cannot be read, or on a line that names nothing, and why.
    Unreadable(io::Error),
}

impl Item {
    /// A file that is certain to be a picture.
    fn file(path: PathBuf) -> Self {
        Self { name: text(&path), place: Place::File(path), is_certain: true }
    }

    /// An object that is certain to be a picture.
    fn object(location: Location) -> Self {
        Self { name: storage::text(&location), place: Place::Object(location), is_certain: true }
    }

    /// A line of a document that names no object, called `manifest.csv:500000`.
    fn bad_line(document: &str, BadLine { line, what }: BadLine) -> Self {
        let error = io::Error::new(io::ErrorKind::InvalidData, what);
        Self { name: format!("{document}:{line}"), place: Place::Unreadable(error), is_certain: true }
    }

    /// Whether this is a picture, or a folder that cannot be read. Looks at the first bytes of a file that is not
    /// certain.
    pub(super) fn is_picture(&self) -> bool {
        match &self.place {
            Place::File(path) if !self.is_certain => {
                File::open(path).and_then(|file| head(&file)).is_ok_and(|head| upright::is_image(&head))
            }
            Place::File(_) | Place::Object(_) | Place::Unreadable(_) => true,
        }
    }
}

/// The items of a source, or what keeps it from telling more.
pub(super) type Items = Box<dyn Iterator<Item = Result<Item, String>> + Send>;

/// What a person named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A picture.
    File(PathBuf),
    /// A folder with pictures in it.
    Folder(PathBuf),
    /// A list of either. `nul` says that NUL separates its names; else the list tells.
    List {
        /// `-` is standard input.
        file: PathBuf,
        /// Whether NUL separates the names.
        nul: bool,
    },
    /// An object that is a picture.
    Object(Location),
    /// The pictures among the objects whose keys begin with a text.
    Prefix(Prefix),
    /// A CSV file that names objects, as S3 Batch Operations takes it.
    Manifest(Document),
    /// The manifest.json of an S3 Inventory.
    Inventory(Document),
}

/// Where a file that names objects lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Document {
    File(PathBuf),
    Object(Location),
}

impl Source {
    /// What an argument of the command line means.
    ///
    /// # Errors
    ///
    /// Why it means nothing, for the person who wrote it.
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

    /// What stands behind `s3://`: an object by its ending, else a prefix.
    fn in_s3(address: &str) -> Result<Self, String> {
        let location = || format!("{S3}{address}").parse().map_err(|error: Error| error.to_string());
        Ok(match walk::ending(address.as_bytes()) {
            Some(b"csv") => Self::Manifest(Document::Object(location()?)),
            Some(b"json") => Self::Inventory(Document::Object(location()?)),
            _ if walk::has_image_ending(address.as_bytes()) => Self::Object(location()?),
            _ => Self::Prefix(Prefix::new(address)?),
        })
    }

    /// A file with a list.
    ///
    /// # Errors
    ///
    /// Why there is no such list.
    pub(super) fn list(file: &Path, nul: bool) -> Result<Self, String> {
        if file != Path::new("-") {
            // It is not opened: a pipe can be opened once.
            fs::metadata(file).map_err(|error| told(file, &error))?;
        }
        Ok(Self::List { file: file.to_owned(), nul })
    }

    /// Whether the items can be counted without taking them away.
    pub(super) fn is_countable(&self) -> bool {
        match self {
            Self::File(_) | Self::Folder(_) | Self::Object(_) | Self::Manifest(Document::File(_)) => true,
            // Counting them would take as many requests as listing them. A list may have lines with prefixes, and a
            // pipe can be read once.
            Self::Prefix(_) | Self::Manifest(_) | Self::Inventory(_) | Self::List { .. } => false,
        }
    }

    /// Whether its pictures may come over a network. A list may have lines with `s3://`.
    pub(super) fn is_remote(&self) -> bool {
        !matches!(self, Self::File(_) | Self::Folder(_))
    }

    /// The items, one after the other.
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

impl Document {
    fn open(&self, storage: &Storage) -> Result<Box<dyn Read + Send>, String> {
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

    fn inventory(&self, storage: &Storage) -> Result<Inventory, String> {
        let mut manifest = Vec::new();
        self.open(storage)?.read_to_end(&mut manifest).map_err(|error| error.to_string())?;
        let folder = match self {
            Self::File(path) => path.parent(),
            Self::Object(_) => None,
        };
        Inventory::read(&manifest, folder)
    }

    /// As a row has it.
    fn name(&self) -> String {
        match self {
            Self::File(path) => text(path),
            Self::Object(location) => location.to_string(),
        }
    }

    /// Puts the document's name before what is wrong with it.
    fn named(&self, items: impl Iterator<Item = Result<Item, String>> + Send + 'static) -> Items {
        let name = self.name();
        Box::new(items.map(move |item| item.map_err(|what| format!("{name}: {what}"))))
    }
}

/// The pictures and folders that a list names.
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

/// What a name in a list means. Whether there is such a file or object is told by its row.
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

/// Reads a file of at most `limit` bytes. `None` if it is not certain to be a picture and its first bytes are not those
/// of one.
///
/// # Errors
///
/// What the operating system says, or [`io::ErrorKind::FileTooLarge`].
pub(super) fn read(path: &Path, is_certain: bool, limit: usize) -> io::Result<Option<Vec<u8>>> {
    // Before it is opened: a pipe without a writer would wait for one.
    let found = fs::metadata(path)?;
    if !found.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
    }
    let size = usize::try_from(found.len()).unwrap_or(usize::MAX);
    let file = File::open(path)?;
    let mut bytes = Vec::new();
    if !is_certain {
        bytes = head(&file)?;
        if !upright::is_image(&bytes) {
            return Ok(None);
        }
    }
    if size > limit {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    // One byte more tells a file that grew.
    bytes.reserve_exact((size + 1).saturating_sub(bytes.len()));
    let most = u64::try_from(limit - bytes.len().min(limit)).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut bytes)?;
    if bytes.len() > limit { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(Some(bytes)) }
}

/// The first bytes of a file, from where it stands.
fn head(file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(HEAD).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What is wrong, for the person who runs the program and has its credentials.
pub(super) fn reason(error: &Error) -> String {
    match error {
        Error::Internal(cause) | Error::StorageDenied(cause) | Error::StorageUnavailable(cause) => {
            let causes = std::iter::successors(cause.source(), |&cause| cause.source());
            causes.fold(cause.to_string(), |text, cause| {
                let more = cause.to_string();
                // Some errors tell what those below them say.
                if text.contains(&more) { text } else { format!("{text}: {more}") }
            })
        }
        error => error.to_string(),
    }
}

/// What is wrong with a path, as a person reads it.
fn told(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests;
