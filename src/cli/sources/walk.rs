//! Finds the pictures in a folder.

use std::collections::{HashSet, VecDeque};
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::{Item, Place};

/// Extensions of pictures: those of supported formats, and those of unsupported formats that phones and
/// browsers write. For the latter, the user should learn why there are no labels.
const ENDINGS: &[&str] = &[
    "jpg", "jpeg", "jpe", "jfif", "jif", "png", "apng", "webp", "gif", "bmp", "dib", "tif", "tiff", "avif",
    "heic", "heif", "hif", "jxl", "jp2", "j2k",
];

/// The pictures in a folder and its subfolders, sorted by the bytes of their names. The order is the same in
/// each walk over the same folder.
///
/// - Names that begin with a dot are skipped.
/// - A file with a picture extension is certain to be a picture. For other files, the first bytes decide
///   later.
/// - Links to files are treated as files. Links to folders are followed last, and each folder is walked only
///   once, however many links lead to it. This ends loops, and a picture that can be reached without links
///   gets its name without links.
/// - A folder that cannot be read yields an error item, because pictures may be missing.
pub(in crate::cli) struct Walk {
    entries: walkdir::IntoIter,
    linked: VecDeque<PathBuf>,
    /// Device and inode of each folder that was walked.
    walked: HashSet<(u64, u64)>,
}

impl Walk {
    pub(in crate::cli) fn new(folder: &Path) -> Self {
        Self { entries: walker(folder), linked: VecDeque::new(), walked: HashSet::new() }
    }

    /// Converts an entry to an item. Returns `None` if it is not one.
    fn item(&mut self, entry: &DirEntry) -> Option<Item> {
        let path = entry.path();
        // A folder that the user named is walked, even if its name begins with a dot.
        let is_root = entry.depth() == 0;
        if !is_root && is_hidden(entry.file_name()) {
            self.leave_out(entry);
            return None;
        }
        if entry.file_type().is_dir() || is_root {
            let is_new = fs::metadata(path).map_or(true, |folder| self.walked.insert(id(&folder)));
            if !is_new {
                self.leave_out(entry);
            }
            return None;
        }
        let is_picture = has_image_ending(path.as_os_str().as_bytes());
        let is_file = if entry.path_is_symlink() {
            match fs::metadata(path) {
                Ok(target) if target.is_dir() => {
                    self.linked.push_back(path.to_owned());
                    false
                }
                Ok(target) => target.is_file(),
                // The row will report the broken link.
                Err(_) => is_picture,
            }
        } else {
            entry.file_type().is_file()
        };
        is_file.then(|| Item { is_certain: is_picture, ..Item::file(path.to_owned()) })
    }

    fn leave_out(&mut self, entry: &DirEntry) {
        // A root may be a link to a folder.
        if entry.file_type().is_dir() || entry.depth() == 0 {
            self.entries.skip_current_dir();
        }
    }
}

impl Iterator for Walk {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        loop {
            match self.entries.next() {
                Some(Ok(entry)) => {
                    if let Some(item) = self.item(&entry) {
                        return Some(item);
                    }
                }
                Some(Err(error)) => return Some(unreadable(error)),
                None => self.entries = walker(&self.linked.pop_front()?),
            }
        }
    }
}

fn walker(folder: &Path) -> walkdir::IntoIter {
    WalkDir::new(folder).sort_by_file_name().into_iter()
}

fn unreadable(error: walkdir::Error) -> Item {
    let path = error.path().unwrap_or(Path::new("")).to_owned();
    let message = error.to_string();
    let cause = error.into_io_error().unwrap_or_else(|| std::io::Error::other(message));
    Item { place: Place::Unreadable(cause), ..Item::file(path) }
}

fn id(folder: &Metadata) -> (u64, u64) {
    (folder.dev(), folder.ino())
}

/// Whether a name begins with a dot: `.DS_Store`, `.git`, `._photo.jpg`.
pub(super) fn is_hidden(name: &OsStr) -> bool {
    name.as_bytes().first() == Some(&b'.')
}

/// Whether a name has a picture extension.
pub(super) fn has_image_ending(name: &[u8]) -> bool {
    ending(name)
        .is_some_and(|ending| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known.as_bytes())))
}

/// The extension: the part after the last dot of a name.
pub(super) fn ending(path: &[u8]) -> Option<&[u8]> {
    let name = path.rsplit(|&byte| byte == b'/').next()?;
    let dot = name.iter().rposition(|&byte| byte == b'.')?;
    Some(&name[dot + 1..])
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Names relative to the folder, and whether they are certain to be pictures.
    fn walk(dir: &Path) -> Vec<(String, bool)> {
        Walk::new(dir)
            .map(|item| {
                let name = item.name.strip_prefix(dir.to_str().unwrap()).unwrap();
                (name.trim_start_matches('/').to_owned(), item.is_certain)
            })
            .collect()
    }

    fn put(dir: &Path, names: &[&str]) {
        for name in names {
            let path = dir.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
    }

    #[test]
    fn pictures_are_found_in_the_order_of_their_names_and_what_is_hidden_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        put(
            dir.path(),
            &[
                "b.jpg",
                "a/2.PNG",
                "a/10.heic",
                "c",
                "Thumbs.db",
                ".git/x.jpg",
                "a/.DS_Store",
                "._b.jpg",
                "é/1.webp",
            ],
        );
        let expected = [
            ("Thumbs.db", false),
            ("a/10.heic", true),
            ("a/2.PNG", true),
            ("b.jpg", true),
            ("c", false),
            ("é/1.webp", true),
        ];
        assert_eq!(walk(dir.path()), expected.map(|(name, certain)| (name.to_owned(), certain)));
        // Hidden folders are walked if they are named explicitly.
        assert_eq!(walk(&dir.path().join(".git")), [("x.jpg".to_owned(), true)]);
    }

    #[test]
    fn loops_of_links_end_and_each_folder_is_walked_once() {
        let dir = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        put(dir.path(), &["a/1.jpg", "b/2.jpg"]);
        put(elsewhere.path(), &["3.jpg"]);
        symlink("..", dir.path().join("a/up")).unwrap();
        symlink("../b", dir.path().join("a/across")).unwrap();
        symlink("../a", dir.path().join("b/across")).unwrap();
        symlink("self.jpg", dir.path().join("self.jpg")).unwrap();
        symlink("nowhere", dir.path().join("nowhere")).unwrap();
        symlink(elsewhere.path(), dir.path().join("a/elsewhere")).unwrap();
        symlink(elsewhere.path(), dir.path().join("b/elsewhere")).unwrap();
        symlink("a/1.jpg", dir.path().join("link.jpg")).unwrap();
        let names: Vec<_> = walk(dir.path()).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a/1.jpg", "b/2.jpg", "link.jpg", "self.jpg", "a/elsewhere/3.jpg"]);
        // Through a link to the folder itself.
        let link = elsewhere.path().join("link");
        symlink(dir.path(), &link).unwrap();
        assert_eq!(walk(&link).len(), 5);
    }

    #[test]
    fn what_is_no_file_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let made = std::process::Command::new("mkfifo").arg(dir.path().join("pipe.jpg")).status().unwrap();
        assert!(made.success());
        assert_eq!(walk(dir.path()), []);
    }
}
