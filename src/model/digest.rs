//! The hash that identifies a model.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use memchr::memmem;
use sha2::{Digest as _, Sha256};

/// How a graph refers to a file with weights: the key `location` of a `StringStringEntryProto` (onnx.proto)
/// and the tag of its value. The length of the value follows as a varint.
const LOCATION: &[u8] = b"\x0a\x08location\x12";

/// Longer than [`LOCATION`] with a value: paths have at most 4,096 bytes, and their length takes at most 2.
const OVERLAP: usize = LOCATION.len() + 2 + 4096;

const CHUNK: usize = 256 * 1024;

/// Returns the SHA-256 of the graph and of the files with weights that it refers to, in the order of their
/// names, as if all were one file. Also returns the paths of these files.
pub(crate) fn read(model: &Path) -> io::Result<(Sha256, Vec<PathBuf>)> {
    let mut hasher = Sha256::new();
    let mut beside = BTreeSet::new();
    let mut seen = Vec::new();
    chunks(model, |chunk| {
        hasher.update(chunk);
        // A name may span two chunks.
        seen.drain(..seen.len().saturating_sub(OVERLAP));
        seen.extend_from_slice(chunk);
        beside.extend(locations(&seen).map(Path::to_owned));
    })?;
    let folder = model.parent().unwrap_or(Path::new(""));
    let weights: Vec<PathBuf> =
        beside.iter().map(|name| folder.join(name)).filter(|path| path.is_file()).collect();
    for path in &weights {
        chunks(path, |chunk| hasher.update(chunk))?;
    }
    Ok((hasher, weights))
}

/// Formats a hash as 64 hex digits.
pub(crate) fn hex(hasher: Sha256) -> String {
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn chunks(path: &Path, mut each: impl FnMut(&[u8])) -> io::Result<()> {
    let mut file = File::open(path)?;
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(length) => each(&chunk[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The files that this part of a graph refers to, without a leading `./`. Files in other folders are left
/// out, because ONNX Runtime refuses them.
fn locations(graph: &[u8]) -> impl Iterator<Item = &Path> {
    memmem::find_iter(graph, LOCATION).filter_map(|at| {
        let (length, rest) = varint(graph.get(at + LOCATION.len()..)?)?;
        beside(Path::new(str::from_utf8(rest.get(..length)?).ok()?))
    })
}

/// The name of a file next to a graph or below it, without a leading `./`; `None` for other names.
pub(super) fn beside(name: &Path) -> Option<&Path> {
    let is_beside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    name.components().all(is_beside).then(|| name.strip_prefix(".").unwrap_or(name))
}

/// Reads a varint of up to 14 bits (groups of 7, lowest first). Returns it with the bytes that follow.
fn varint(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match *bytes {
        [low @ 0..0x80, ref rest @ ..] => Some((usize::from(low), rest)),
        [low, high @ 0..0x80, ref rest @ ..] => {
            Some((usize::from(low & 0x7f) | usize::from(high) << 7, rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn sha256(model: &Path) -> String {
        hex(read(model).unwrap().0)
    }

    #[test]
    fn weights_beside_the_graph_belong_to_the_model() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("model.onnx");
        let named = [LOCATION, b"\x07weights, and \x0a\x08location\x12\x04/etc"].concat();
        // Across the boundary of two chunks.
        let graph = [&vec![b'g'; CHUNK - 5], &named[..]].concat();
        fs::write(&model, &graph).unwrap();
        let alone = sha256(&model);
        fs::write(folder.path().join("weights"), "w").unwrap();
        fs::write(folder.path().join("other"), "o").unwrap();
        let whole = sha256(&model);
        assert_ne!(alone, whole);
        assert_eq!(read(&model).unwrap().1, [folder.path().join("weights")]);
        fs::write(&model, [&graph[..], b"w"].concat()).unwrap();
        fs::remove_file(folder.path().join("weights")).unwrap();
        assert_eq!(sha256(&model), whole);
    }

    #[test]
    fn weights_are_found_by_every_name_that_a_graph_may_give_them() {
        let long = format!("{}.data", "w".repeat(200));
        for (name, length) in
            [("./weights", &b"\x09"[..]), (&long, &[0x80 | (205 & 0x7f), 1]), ("a/b", b"\x03")]
        {
            let folder = tempfile::tempdir().unwrap();
            let model = folder.path().join("model.onnx");
            // Across the boundary of two chunks.
            let graph = [&vec![b'g'; CHUNK - 20], LOCATION, length, name.as_bytes(), b"more"].concat();
            fs::write(&model, &graph).unwrap();
            let alone = sha256(&model);
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "w").unwrap();
            assert_ne!(sha256(&model), alone, "{name}");
        }
    }
}
