//! Where the rows go.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::known::{self, Known};
use super::rows::Format;
use crate::StartError;
use crate::cli::sources::Identity;

/// How often rows are brought to the disk, which is what a power failure may cost.
const SYNC_EVERY: Duration = Duration::from_secs(5);

/// A file of rows, or standard output.
///
/// Each row is written at once and whole, so that a process that is killed loses no row that is done.
pub(super) struct Output {
    to: To,
    format: Format,
    /// Rows that this run wrote.
    rows: u64,
}

enum To {
    Stdout,
    File {
        file: File,
        path: PathBuf,
        /// Bytes of whole rows, and of the line before them.
        length: u64,
        /// When the operating system last wrote all that it held.
        synced: Instant,
        /// This run made the file.
        is_new: bool,
    },
}

/// What the output held already.
#[derive(Default)]
pub(super) struct Before {
    /// The sources that have a row.
    pub(super) sources: HashSet<Identity>,
    /// How many of these rows are errors.
    pub(super) errors: u64,
}

/// What became of a row.
#[derive(Debug)]
pub(super) enum WriteError {
    /// Whoever read standard output has enough, which is a normal end.
    Enough,
    /// It cannot be written.
    Failed(StartError),
}

impl Output {
    /// Opens the output. With `resume`, new rows are added to a file that is there.
    ///
    /// # Errors
    ///
    /// Why rows cannot be written to it, and what can be done.
    pub(super) fn open(out: &Path, format: Format, resume: bool) -> Result<(Self, Before), StartError> {
        let fault = |what: String| StartError::Command(format!("{}: {what}", out.display()));
        if out == Path::new("-") {
            if resume {
                return Err(fault(
                    "what was written to standard output cannot be resumed; name a file".to_owned(),
                ));
            }
            return Ok((Self { to: To::Stdout, format, rows: 0 }, Before::default()));
        }
        let is_there = fs::symlink_metadata(out).is_ok();
        if is_there && !resume {
            return Err(fault(
                "the file is there already; add --resume to go on with it, or give --out another name"
                    .to_owned(),
            ));
        }
        if is_there && !out.is_file() {
            return Err(fault("it is not a file".to_owned()));
        }
        let mut open = OpenOptions::new();
        open.read(true).write(true);
        // A file that came meanwhile is another run's.
        let mut file = if is_there { open.open(out) } else { open.create_new(true).open(out) }
            .map_err(|error| fault(error.to_string()))?;
        // Where a file system has no locks, two runs have to be told apart by whoever starts them.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(fault("another run is writing it".to_owned()));
        }
        let known = if is_there {
            let known = Known::read(&mut file, format).map_err(fault)?;
            if !known.again.is_empty() {
                file = without(file, out, &known).map_err(|error| fault(error.to_string()))?;
            }
            known
        } else {
            Known::default()
        };
        let again: u64 = known.again.iter().map(|part| part.end - part.start).sum();
        let length = known.end - again;
        let cut = file.set_len(length).and_then(|()| file.seek(SeekFrom::Start(length)));
        cut.map_err(|error| fault(error.to_string()))?;
        let to = To::File { file, path: out.to_owned(), length, synced: Instant::now(), is_new: !is_there };
        Ok((Self { to, format, rows: 0 }, Before { sources: known.sources, errors: known.errors }))
    }

    /// Writes a row, or several, and before the first one the names of the columns.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; of a file no part of the row is left in it.
    pub(super) fn write(&mut self, row: &[u8]) -> Result<(), WriteError> {
        if self.is_empty() {
            let header = self
                .format
                .header()
                .map_err(|error| WriteError::Failed(StartError::Command(error.to_string())))?;
            self.put(&header)?;
        }
        self.put(row)?;
        self.rows += 1;
        Ok(())
    }

    /// Whether the output holds nothing, not even the names of the columns.
    fn is_empty(&self) -> bool {
        match &self.to {
            To::Stdout => self.rows == 0,
            To::File { length, .. } => *length == 0,
        }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        match &mut self.to {
            To::Stdout => {
                io::stdout().write_all(bytes).and_then(|()| io::stdout().flush()).map_err(|error| {
                    if error.kind() == io::ErrorKind::BrokenPipe {
                        WriteError::Enough
                    } else {
                        WriteError::Failed(StartError::Command(format!("standard output: {error}")))
                    }
                })
            }
            To::File { file, path, length, synced, .. } => match file.write_all(bytes) {
                Ok(()) => {
                    *length += bytes.len() as u64;
                    if synced.elapsed() < SYNC_EVERY {
                        return Ok(());
                    }
                    let done = file.sync_data();
                    *synced = Instant::now();
                    done.map_err(|error| WriteError::Failed(lost(path, &error)))
                }
                Err(error) => {
                    // What is left of the row would be found by the next run as well.
                    let _ = file.set_len(*length);
                    Err(WriteError::Failed(lost(path, &error)))
                }
            },
        }
    }

    /// Has the operating system write what it still holds.
    ///
    /// # Errors
    ///
    /// A disk that is full may be noticed only now.
    pub(super) fn finish(&mut self) -> Result<(), StartError> {
        match &self.to {
            To::Stdout => Ok(()),
            To::File { file, path, .. } => file.sync_data().map_err(|error| lost(path, &error)),
        }
    }

    /// Whether this run wrote no row.
    pub(super) fn is_unused(&self) -> bool {
        self.rows == 0
    }

    /// Takes a file away that this run made and that holds no row, so that it is not in the way of the next run.
    pub(super) fn discard_if_unused(&self) {
        if let (To::File { path, is_new: true, .. }, true) = (&self.to, self.is_unused()) {
            // It does no harm either.
            let _ = fs::remove_file(path);
        }
    }
}

fn lost(path: &Path, error: &io::Error) -> StartError {
    StartError::Command(format!(
        "{}: {error}; the rows before are complete: make room, then go on with --resume",
        path.display()
    ))
}

/// Makes a copy of the file without the rows that are to be tried again, which takes its place.
fn without(mut file: File, path: &Path, known: &Known) -> io::Result<File> {
    // Through a link, so that the link stays.
    let path = fs::canonicalize(path)?;
    // A random name, and only a file that is new: no file of a person or of another run is written over.
    let part = path.with_added_extension(format!("{}.part", Uuid::new_v4().simple()));
    let mut copy = OpenOptions::new().read(true).write(true).create_new(true).open(&part)?;
    let mut fill = || {
        copy.set_permissions(file.metadata()?.permissions())?;
        known::copy_without(&mut file, known.end, &known.again, &mut copy)?;
        copy.sync_all()?;
        // Nobody else knows it yet.
        let _ = copy.try_lock();
        fs::rename(&part, &path)
    };
    fill().inspect_err(|_| {
        // The file that was there is whole. The copy is of no use.
        let _ = fs::remove_file(&part);
    })?;
    Ok(copy)
}
