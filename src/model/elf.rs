//! Inspects a shared library before it is loaded.
//!
//! `dlopen` maps the file into memory. A truncated file then ends the process with SIGBUS, and a file for
//! another processor fails with a message that names neither processor. The headers show both faults.
//!
//! Offsets are those of the ELF-64 object file format (System V gABI, chapters 4 and 5).

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Bytes read from the start of the file: the headers, and the strings that hold the version.
const HEAD: u64 = 256 * 1024;

/// What the headers say about a shared library.
#[derive(Debug)]
pub(super) struct Library {
    /// The version, from the name of its symbol version, `VERS_1.2.3`, which ONNX Runtime's builds contain.
    pub(super) version: Option<String>,
    /// The reason why it cannot be loaded, without the file name.
    pub(super) fault: Option<String>,
}

/// Checks whether `path` is a complete shared library for this processor.
pub(super) fn inspect(path: &Path) -> Library {
    match read(path) {
        Ok((head, length)) => Library { version: version(&head), fault: check(&head, length).err() },
        Err(fault) => Library { version: None, fault: Some(fault) },
    }
}

/// The start of the file, and its length in bytes.
fn read(path: &Path) -> Result<(Vec<u8>, u64), String> {
    let metadata = path.metadata().map_err(|error| explain(path, &error))?;
    // Opening a pipe would wait for its other end.
    if !metadata.is_file() {
        return Err("it is not a file".to_owned());
    }
    let mut head = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(HEAD).read_to_end(&mut head).map_err(|error| error.to_string())?;
    Ok((head, metadata.len()))
}

fn explain(path: &Path, error: &io::Error) -> String {
    match (error.kind(), path.read_link()) {
        (io::ErrorKind::NotFound, Ok(target)) => {
            format!("it is a link to {}, which does not exist", target.display())
        }
        (io::ErrorKind::NotFound, Err(_)) => "there is no such file".to_owned(),
        _ => error.to_string(),
    }
}

fn check(head: &[u8], length: u64) -> Result<(), String> {
    if !head.starts_with(b"\x7fELF") {
        return Err("it is not a shared library".to_owned());
    }
    let truncated = || format!("it is truncated: it ends after {length} bytes");
    let short = |offset| u16_at(head, offset).ok_or_else(truncated);
    let machine = short(0x12)?;
    // EM_X86_64 and EM_AARCH64.
    let (name, expected) = if cfg!(target_arch = "aarch64") { ("aarch64", 183) } else { ("x86_64", 62) };
    if head.get(4) != Some(&2) || machine != expected {
        return Err(format!("it is built for another processor (ELF machine {machine}), not for {name}"));
    }
    if needed_length(head).is_none_or(|needed| length < needed) {
        return Err(truncated());
    }
    Ok(())
}

/// The end of the last segment or of the section headers, in bytes from the start of the file.
fn needed_length(head: &[u8]) -> Option<u64> {
    let (segments, sections) = (u64_at(head, 0x20)?, u64_at(head, 0x28)?);
    let (segment_size, segment_count) = (u64::from(u16_at(head, 0x36)?), u64::from(u16_at(head, 0x38)?));
    let (section_size, section_count) = (u64::from(u16_at(head, 0x3a)?), u64::from(u16_at(head, 0x3c)?));
    let mut needed = sections.checked_add(section_size * section_count)?;
    for segment in 0..segment_count {
        let header = usize::try_from(segments.checked_add(segment * segment_size)?).ok()?;
        let (offset, size) = (u64_at(head, header + 0x08)?, u64_at(head, header + 0x20)?);
        needed = needed.max(offset.checked_add(size)?);
    }
    Some(needed)
}

fn version(head: &[u8]) -> Option<String> {
    const PREFIX: &[u8] = b"VERS_";
    let start = head.windows(PREFIX.len()).position(|window| window == PREFIX)? + PREFIX.len();
    let text = head.get(start..)?.split(|&byte| byte == 0).next()?;
    let plausible = (1..=24).contains(&text.len()) && text.iter().all(|b| b.is_ascii_digit() || *b == b'.');
    plausible.then(|| String::from_utf8_lossy(text).into_owned())
}

fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(offset..offset.checked_add(2)?)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(offset..offset.checked_add(8)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test's own executable is an ELF file of the right kind.
    fn own() -> Vec<u8> {
        std::fs::read(std::env::current_exe().unwrap()).unwrap()
    }

    #[test]
    fn a_complete_file_passes_and_one_that_lacks_its_last_byte_does_not() {
        let bytes = own();
        let length = bytes.len() as u64;
        assert!(check(&bytes, length).is_ok());
        assert!(check(&bytes, needed_length(&bytes).unwrap() - 1).unwrap_err().contains("truncated"));
        assert!(check(&bytes[..40], 40).unwrap_err().contains("truncated"));
    }

    #[test]
    fn another_processor_and_another_kind_of_file_are_named() {
        let mut bytes = own();
        bytes[0x12] = 2;
        assert!(check(&bytes, bytes.len() as u64).unwrap_err().contains("another processor"));
        assert!(check(b"<html>", 6).unwrap_err().contains("not a shared library"));
    }

    #[test]
    fn the_version_is_read_from_the_symbol_version() {
        assert_eq!(version(b"\0libm.so\0VERS_1.24.4\0x").as_deref(), Some("1.24.4"));
        assert_eq!(version(b"\0VERS_<script>\0"), None);
        assert_eq!(version(b"nothing"), None);
    }
}
