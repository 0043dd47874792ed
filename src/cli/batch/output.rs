//! The output of the rows.

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

/// How often rows are synced to disk. A power failure may lose the rows of this period.
const SYNC_EVERY: Duration = Duration::from_secs(5);

/// A file of rows, or standard output.
///
/// Each row is written immediately and in one piece, so that a killed process loses no completed row.
pub(super) struct Output {
    to: To,
    format: Format,
    /// Number of rows that this run has written.
    rows: u64,
}

enum To {
    Stdout,
    File {
        file: File,
        path: PathBuf,
        /// Total length of complete rows and of the header line, in bytes.
        length: u64,
        /// Time of the last sync to disk.
        synced: Instant,
        /// Whether this run created the file.
        is_new: bool,
    },
}

/// The content of the output before this run.
#[derive(Default)]
pub(super) struct Before {
    /// The sources that have a row.
    pub(super) sources: HashSet<Identity>,
    /// Number of these rows that are errors.
    pub(super) errors: u64,
}

/// The error of writing a row.
#[derive(Debug)]
pub(super) enum WriteError {
    /// The reader of standard output closed the pipe. This is not an error.
    Enough,
    /// The row cannot be written.
    Failed(StartError),
}

impl Output {
    /// Opens the output. With `resume`, rows are appended to an existing file.
    ///
    /// # Errors
    ///
    /// A message that says why rows cannot be written and what the user can do.
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
        // If the file has been created since the check, it belongs to another run.
        let mut file = if is_there { open.open(out) } else { open.create_new(true).open(out) }
            .map_err(|error| fault(error.to_string()))?;
        // On file systems without locks, the user must not start two runs with the same output.
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

    /// Writes one or more rows. Before the first row, writes the header line.
    ///
    /// # Errors
    ///
    /// A [`WriteError`]. If a write to a file fails, no part of the row remains in the file.
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

    /// Whether the output is empty, without even a header line.
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
                    // Remove the partial row. If this fails, the next run detects it, too.
                    let _ = file.set_len(*length);
                    Err(WriteError::Failed(lost(path, &error)))
                }
            },
        }
    }

    /// Syncs the file to disk.
    ///
    /// # Errors
    ///
    /// A full disk may be detected only now.
    pub(super) fn finish(&mut self) -> Result<(), StartError> {
        match &self.to {
            To::Stdout => Ok(()),
            To::File { file, path, .. } => file.sync_data().map_err(|error| lost(path, &error)),
        }
    }

    /// Whether this run has written no rows.
    pub(super) fn is_unused(&self) -> bool {
        self.rows == 0
    }

    /// Removes a file that this run created if it has no rows, so that it does not block the next run.
    pub(super) fn discard_if_unused(&self) {
        if let (To::File { path, is_new: true, .. }, true) = (&self.to, self.is_unused()) {
            // If this fails, the file does no harm.
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

/// Replaces the file with a copy that lacks the rows to retry.
fn without(mut file: File, path: &Path, known: &Known) -> io::Result<File> {
    // Resolve links, so that a link is not replaced.
    let path = fs::canonicalize(path)?;
    // Use a random name and require a new file, so that no other file is overwritten.
    let part = path.with_added_extension(format!("{}.part", Uuid::new_v4().simple()));
    let mut copy = OpenOptions::new().read(true).write(true).create_new(true).open(&part)?;
    let mut fill = || {
        copy.set_permissions(file.metadata()?.permissions())?;
        known::copy_without(&mut file, known.end, &known.again, &mut copy)?;
        copy.sync_all()?;
        // No other process knows this file yet.
        let _ = copy.try_lock();
        fs::rename(&part, &path)
    };
    fill().inspect_err(|_| {
        // The original file is unchanged. Remove the incomplete copy.
        let _ = fs::remove_file(&part);
    })?;
    Ok(copy)
}
