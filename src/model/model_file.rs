//! Finds the model file of a bundle.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Folders of a bundle that may contain models. Exporters for Transformers.js use a folder of their own.
const FOLDERS: [&str; 2] = ["", "onnx"];
const USUAL: &str = "model.onnx";

/// The model of the bundle `dir`: `chosen`, relative to it, else `model.onnx` or `onnx/model.onnx`, else the
/// only model file.
///
/// # Errors
///
/// The path at fault, and what is wrong with it.
pub(super) fn find(dir: &Path, chosen: Option<&Path>) -> Result<PathBuf, (PathBuf, String)> {
    let path = match chosen {
        Some(chosen) => dir.join(chosen),
        None => only(dir)?,
    };
    // Git leaves a pointer in place of a large file if git-lfs is not installed.
    let mut head = Vec::new();
    match File::open(&path).and_then(|file| file.take(64).read_to_end(&mut head)) {
        Ok(0) => Err((path, "the file is empty".to_owned())),
        Ok(_) if head.starts_with(b"version https://git-lfs") => {
            Err((path, "this is a Git LFS pointer, not the model; run git lfs pull".to_owned()))
        }
        Ok(_) => Ok(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err((path, format!("there is no such file{}", among(dir))))
        }
        Err(error) => Err((path, error.to_string())),
    }
}

fn only(dir: &Path) -> Result<PathBuf, (PathBuf, String)> {
    let usual = FOLDERS.map(|folder| dir.join(folder).join(USUAL));
    if let Some(path) = usual.into_iter().find(|path| path.is_file()) {
        return Ok(path);
    }
    match &models(dir)[..] {
        [] => Err((dir.to_owned(), "it holds no .onnx file, neither itself nor in onnx/".to_owned())),
        [(path, _)] => Ok(path.clone()),
        _ => Err((dir.to_owned(), format!("none of its .onnx files is called {USUAL}{}", among(dir)))),
    }
}

/// The models to choose from, for a message.
fn among(dir: &Path) -> String {
    let found: Vec<String> = models(dir)
        .iter()
        .map(|(path, size)| {
            let name = path.strip_prefix(dir).unwrap_or(path).display();
            format!("{name} ({:.1} MB)", *size as f64 / 1e6)
        })
        .collect();
    if found.is_empty() { String::new() } else { format!("; set MODEL_FILE to one of {}", found.join(", ")) }
}

/// The .onnx files of a bundle and their sizes in bytes, sorted by name.
fn models(dir: &Path) -> Vec<(PathBuf, u64)> {
    let entries = FOLDERS.iter().filter_map(|folder| fs::read_dir(dir.join(folder)).ok()).flatten().flatten();
    let mut found: Vec<(PathBuf, u64)> = entries
        .filter_map(|entry| {
            let path = entry.path();
            let is_model = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("onnx"));
            // For a link, this is the metadata of its target.
            let metadata = fs::metadata(&path).ok().filter(|metadata| is_model && metadata.is_file())?;
            Some((path, metadata.len()))
        })
        .collect();
    found.sort();
    found
}
