//! A file with cached embeddings.
//!
//! The file is in the safetensors format: `hash`, u8 `[pictures, 32]`, and `embedding`, f32
//! `[pictures, channels]`. Its metadata says what the embeddings depend on besides the picture.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::PictureHash;
use crate::model::{bytes, numbers};

/// The metadata key.
const DEPENDS_ON: &str = "depends_on";

/// Reads the embeddings in a file, by the hash of their picture. Returns none if the file is missing or
/// damaged, or if its embeddings depend on something else; they are then computed again.
pub(crate) fn read(path: &Path, depends_on: &str) -> HashMap<PictureHash, Vec<f32>> {
    fs::read(path).ok().and_then(|file| parse(&file, depends_on)).unwrap_or_default()
}

fn parse(file: &[u8], depends_on: &str) -> Option<HashMap<PictureHash, Vec<f32>>> {
    let (_, metadata) = SafeTensors::read_metadata(file).ok()?;
    if metadata.metadata().as_ref()?.get(DEPENDS_ON)? != depends_on {
        return None;
    }
    let tensors = SafeTensors::deserialize(file).ok()?;
    let (hashes, embeddings) = (tensors.tensor("hash").ok()?, tensors.tensor("embedding").ok()?);
    let channels = *embeddings.shape().get(1).filter(|&&channels| channels > 0)?;
    let hashes = hashes.data().as_chunks().0.iter().copied();
    let embeddings = numbers(embeddings.data());
    Some(hashes.zip(embeddings.chunks_exact(channels).map(<[f32]>::to_vec)).collect())
}

/// Writes embeddings of the same length, and replaces an existing file.
///
/// # Errors
///
/// The error of the operating system.
pub(crate) fn write<'a>(
    path: &Path,
    depends_on: &str,
    embeddings: impl Iterator<Item = (&'a PictureHash, &'a [f32])>,
) -> io::Result<()> {
    let (mut hashes, mut values) = (Vec::new(), Vec::new());
    for (hash, embedding) in embeddings {
        hashes.extend_from_slice(hash);
        values.extend_from_slice(embedding);
    }
    let pictures = hashes.len() / size_of::<PictureHash>();
    let (channels, values) = (values.len() / pictures.max(1), bytes(&values));
    let view = |dtype, shape, data| TensorView::new(dtype, shape, data).map_err(io::Error::other);
    let tensors = [
        ("hash", view(Dtype::U8, vec![pictures, size_of::<PictureHash>()], &hashes)?),
        ("embedding", view(Dtype::F32, vec![pictures, channels], &values)?),
    ];
    let metadata = [(DEPENDS_ON.to_owned(), depends_on.to_owned())].into_iter().collect();
    let file = safetensors::serialize(tensors, Some(metadata)).map_err(io::Error::other)?;
    // Another run may be reading the file, so replace it in one step.
    let part = path.with_added_extension(format!("part-{}", std::process::id()));
    fs::write(&part, file).and_then(|()| fs::rename(&part, path)).inspect_err(|_| {
        let _ = fs::remove_file(&part);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embeddings_are_found_again_unless_something_changed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.embeddings");
        let known: HashMap<PictureHash, Vec<f32>> =
            (0..3).map(|index| ([index; 32], vec![f32::from(index), -0.5])).collect();
        let all = || known.iter().map(|(hash, embedding)| (hash, &embedding[..]));
        assert_eq!(read(&path, "model a"), HashMap::new());
        write(&path, "model a", all()).unwrap();
        assert_eq!(read(&path, "model a"), known);
        assert_eq!(read(&path, "model b"), HashMap::new());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert_eq!(read(&path, "model a"), HashMap::new());
        write(&path, "model a", [].into_iter()).unwrap();
        assert_eq!(read(&path, "model a"), HashMap::new());
    }
}
