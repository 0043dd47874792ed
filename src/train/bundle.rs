//! Writes a trained bundle: a copy of the model, the head, the labels, and the card. Writes all of it or
//! nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use sha2::Digest as _;

use super::card::{self, Facts};
use super::trained::Trained;
use crate::StartError;
use crate::model::{Bundle, Card, HEAD_FILE, LinearHead, digest};

/// Keys of `config.json` that describe the classes of the model's own classifier.
const REPLACED: [&str; 12] = [
    "_name_or_path",
    "graph_output",
    "id2label",
    "label2id",
    "label_descriptions",
    "label_names",
    "labels",
    "num_classes",
    "num_labels",
    "problem_type",
    "parents",
    "architectures",
];

/// Returns the absolute path of the folder `out`, if a bundle may be written there.
///
/// # Errors
///
/// [`StartError::Command`] if `out` exists and is neither empty nor a trained bundle, or if it is among the
/// photos.
pub(crate) fn target(out: &Path, photos: &Path) -> Result<PathBuf, StartError> {
    let fault = |what: &str| StartError::Command(format!("{}: {what}", out.display()));
    let absolute = |path| std::path::absolute(path).map_err(|error| fault(&error.to_string()));
    let target = absolute(out)?;
    if target.file_name().is_none() {
        return Err(fault("this is not the name of a folder"));
    }
    if photos.is_dir() && target.starts_with(absolute(photos)?) {
        return Err(fault(
            "the bundle would lie among the photos, and be a class the next time; choose another folder",
        ));
    }
    let is_empty = || fs::read_dir(&target).is_ok_and(|mut entries| entries.next().is_none());
    if target.symlink_metadata().is_ok() && !target.join(HEAD_FILE).is_file() && !is_empty() {
        return Err(fault(
            "this exists, and is not a bundle that was trained; remove it yourself, or choose another folder",
        ));
    }
    Ok(target)
}

/// The contents of a bundle.
pub(crate) struct Contents<'a> {
    /// The bundle whose embeddings were used, in the folder `dir`.
    pub(crate) bundle: &'a Bundle,
    pub(crate) dir: &'a Path,
    pub(crate) card: &'a Card,
    pub(crate) labels: &'a [String],
    pub(crate) trained: Trained,
    pub(crate) seed: u64,
}

impl Contents<'_> {
    /// Writes the complete bundle to a temporary folder, which then replaces an existing bundle.
    ///
    /// # Errors
    ///
    /// [`StartError::Command`] names the folder that cannot be written, or the file of the model that cannot
    /// be read.
    pub(crate) fn write(&self, out: &Path) -> Result<(), StartError> {
        let fault = |error: io::Error| StartError::Command(format!("{}: {error}", out.display()));
        let files = self.bundle.backbone_files()?;
        let texts = self.texts(out, &files).map_err(fault)?;
        let part = beside(out, "part");
        let written = fill(&part, self.dir, &files, &texts).and_then(|()| replace(out, &part));
        written.map_err(fault).inspect_err(|_| {
            let _ = fs::remove_dir_all(&part);
        })
    }

    /// The files that are generated instead of copied.
    fn texts(&self, out: &Path, files: &[PathBuf]) -> io::Result<[(&'static str, Vec<u8>); 3]> {
        let name = out.file_name().map_or("trained".into(), |name| name.to_string_lossy());
        // The first file is the model.
        let model = files.first().map(|file| self.dir.join(file)).unwrap_or_default();
        let (hasher, _) = digest::read(&model)?;
        let backbone_sha256 = digest::hex(hasher.clone());
        if backbone_sha256 != *self.card.backbone_sha256.as_ref().unwrap_or(&self.card.sha256) {
            return Err(io::Error::other("the model has changed since the training began; run it again"));
        }
        let Trained { weight, bias, .. } = &self.trained;
        let head = LinearHead::new(weight.clone(), bias.clone(), backbone_sha256.clone());
        let head = head.to_file().map_err(io::Error::other)?;
        let card = card::text(&Facts {
            name: &name,
            backbone: self.card,
            backbone_sha256: &backbone_sha256,
            sha256: &digest::hex(hasher.chain_update(&head)),
            labels: self.labels,
            trained: &self.trained,
            seed: self.seed,
        });
        let config = config(&self.dir.join("config.json"), self.labels)?;
        Ok([(HEAD_FILE, head), ("README.md", card.into_bytes()), ("config.json", config)])
    }
}

/// The `config.json` of the model, with its labels replaced.
fn config(of_model: &Path, labels: &[String]) -> io::Result<Vec<u8>> {
    let mut config: Map<String, Value> = match fs::read(of_model) {
        Ok(text) => serde_json::from_slice(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Map::new(),
        Err(error) => return Err(error),
    };
    REPLACED.iter().for_each(|key| {
        config.remove(*key);
    });
    let by_id = labels.iter().enumerate().map(|(id, label)| (id.to_string(), json!(label)));
    config.insert("id2label".to_owned(), by_id.collect());
    let by_label = labels.iter().enumerate().map(|(id, label)| (label.clone(), json!(id)));
    config.insert("label2id".to_owned(), by_label.collect());
    let mut text = serde_json::to_vec_pretty(&config)?;
    text.push(b'\n');
    Ok(text)
}

/// Creates the folder with all files.
fn fill(part: &Path, dir: &Path, files: &[PathBuf], texts: &[(&str, Vec<u8>)]) -> io::Result<()> {
    fs::create_dir_all(part)?;
    for file in files {
        let target = part.join(file);
        target.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::copy(dir.join(file), target)?;
    }
    texts.iter().try_for_each(|(name, text)| fs::write(part.join(name), text))
}

/// Replaces the folder `out` with the folder `part`.
fn replace(out: &Path, part: &Path) -> io::Result<()> {
    if !out.join(HEAD_FILE).exists() {
        // `rename` replaces an empty folder as well.
        return fs::rename(part, out);
    }
    let old = beside(out, "old");
    fs::rename(out, &old)?;
    if let Err(error) = fs::rename(part, out) {
        fs::rename(&old, out)?;
        return Err(error);
    }
    fs::remove_dir_all(old)
}

/// A path next to `out` that no other run uses.
fn beside(out: &Path, what: &str) -> PathBuf {
    out.with_added_extension(format!("{what}-{}", std::process::id()))
}
