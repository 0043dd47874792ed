//! The hash that names a model.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use memchr::memmem;
use sha2::{Digest as _, Sha256};

/// How a graph names a file with weights beside it: the key `location` of a `StringStringEntryProto` (onnx.proto), the
/// tag of its value, and then the value's length in one byte.
const LOCATION: &[u8] = b"\x0a\x08location\x12";

/// Longer than [`LOCATION`] with a value.
const OVERLAP: usize = 256;

const CHUNK: usize = 256 * 1024;

/// SHA-256 of the graph and, where it names files with weights beside it, of these, in the order of their names, as if
/// all were one file; and those files.
pub(crate) fn read(model: &Path) -> io::Result<(Sha256, Vec<PathBuf>)> {
    let mut hasher = Sha256::new();
    let mut beside = BTreeSet::new();
    let mut seen = Vec::new();
    chunks(model, |chunk| {
        hasher.update(chunk);
        // A name may lie across two chunks.
        seen.drain(..seen.len().saturating_sub(OVERLAP));
        seen.extend_from_slice(chunk);
        beside.extend(locations(&seen).map(str::to_owned));
    })?;
    let folder = model.parent().unwrap_or(Path::new(""));
    let weights: Vec<PathBuf> =
        beside.iter().map(|name| folder.join(name)).filter(|path| path.is_file()).collect();
    for path in &weights {
        chunks(path, |chunk| hasher.update(chunk))?;
    }
    Ok((hasher, weights))
}

/// A hash in 64 hex digits.
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

/// The files that these bytes of a graph name. None that lies elsewhere: ONNX Runtime takes no such one.
fn locations(graph: &[u8]) -> impl Iterator<Item = &str> {
    memmem::find_iter(graph, LOCATION).filter_map(|at| {
        let (length, rest) = graph.get(at + LOCATION.len()..)?.split_first()?;
        let name = str::from_utf8(rest.get(..usize::from(*length))?).ok()?;
        let is_beside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        is_beside.then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn weights_beside_the_graph_belong_to_the_model() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("model.onnx");
        let named = [LOCATION, b"\x07weights, and \x0a\x08location\x12\x04/etc"].concat();
        // Across the seam of two chunks.
        let graph = [&vec![b'g'; CHUNK - 5], &named[..]].concat();
        fs::write(&model, &graph).unwrap();
        let sha256 = |model: &Path| hex(read(model).unwrap().0);
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
}
