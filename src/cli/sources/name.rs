//! The names of pictures in rows, and their identity.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{self, Path};

use sha2::{Digest as _, Sha256};

/// A path as text. Each byte that is not UTF-8 becomes `\x` and two hexadecimal digits. A backslash before an
/// `x` becomes `\x5c`, so that different paths always have different texts. Everything else is unchanged.
pub(in crate::cli) fn text(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        text += &chunk.valid().replace("\\x", "\\x5cx");
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// Identifies a name: the beginning of a hash, which saves memory for millions of names. `photos/a.jpg`,
/// `./photos//a.jpg` and the absolute path have the same identity. Links are not followed.
pub(in crate::cli) type Identity = [u8; 16];

/// The [`Identity`] of the text of a path, see [`text()`], or of an object's location.
pub(in crate::cli) fn identity(name: &str) -> Identity {
    let absolute = if name.starts_with(super::S3) { None } else { path::absolute(name).ok() };
    let bytes = absolute.as_deref().map_or(name.as_bytes(), |path| path.as_os_str().as_bytes());
    let mut identity = Identity::default();
    identity.copy_from_slice(&Sha256::digest(bytes)[..16]);
    identity
}

/// Bytes from a list as a path.
pub(super) fn path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_not_utf8_is_escaped_and_no_two_names_have_the_same_text() {
        for (bytes, expected) in [
            (&b"a/caf\xc3\xa9\n.jpg"[..], "a/café\n.jpg"),
            (b"a\xff\xfe.jpg", "a\\xff\\xfe.jpg"),
            (b"a\\xff.jpg", "a\\x5cxff.jpg"),
            (b"a\\n\\\\x\\", "a\\n\\\\x5cx\\"),
            // A truncated UTF-8 character.
            (b"\xe2\x82", "\\xe2\\x82"),
        ] {
            assert_eq!(text(path(bytes)), expected, "{bytes:?}");
        }
    }

    #[test]
    fn ways_to_write_the_same_path_have_one_identity() {
        let here = std::env::current_dir().unwrap();
        let absolute = here.join("photos/a.jpg");
        for same in ["photos/a.jpg", "./photos//a.jpg", "photos/./a.jpg", absolute.to_str().unwrap()] {
            assert_eq!(identity(same), identity("photos/a.jpg"), "{same}");
        }
        for other in ["photos/b.jpg", "photos/x/../a.jpg", "s3://photos/a.jpg", ""] {
            assert_ne!(identity(other), identity("photos/a.jpg"), "{other}");
        }
        assert_ne!(identity("s3://b/a//c.jpg"), identity("s3://b/a/c.jpg"));
    }
}
