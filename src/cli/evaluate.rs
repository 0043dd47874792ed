//! `image-classifier evaluate DIR`: measures how often the model is right, and how well it agrees with a
//! reference.

mod report;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use serde::Deserialize;

use super::{EvaluateArguments, load_for_many, progress};
use crate::StartError;
use crate::classifier::Options;
use crate::config::Config;
use crate::model::Level;
use crate::parallel::{self, Threads};
use report::{Photo, Report};

/// An entry of `reference.json`: `{"<file name>": {"class_id": 0, "top5": [[0, 0.87], …]}, …}`.
#[derive(Deserialize)]
struct Reference {
    top5: Vec<(usize, f64)>,
}

/// Classifies all labelled photos and prints the results.
///
/// # Errors
///
/// A [`StartError`] if the model cannot be loaded, or if the folder contains no labelled photo.
pub fn run(config: &Config, arguments: &EvaluateArguments) -> Result<ExitCode, StartError> {
    let photos = labelled_photos(&arguments.dir)?;
    let references = references(arguments)?;
    let classifier = load_for_many(config, config.processors)?;
    let all = Options {
        top_k: classifier.classes(),
        min_score: 0.0,
        function: None,
        level: Level::Leaf,
        explain: false,
    };
    let mut report = Report::default();
    let bar = progress::bar(photos.len());
    let read = |(wnid, path): (String, PathBuf)| {
        let bytes = fs::read(&path).map_err(|error| error.to_string());
        (wnid, path, bytes)
    };
    let classify = |(wnid, path, bytes): (String, PathBuf, Result<Vec<u8>, String>)| {
        let answer = bytes.and_then(|bytes| {
            classifier.classify(&bytes, all, &mut classifier.budget()).map_err(|error| error.to_string())
        });
        (wnid, path, answer)
    };
    let threads = Threads { readers: config.processors, workers: config.processors };
    let never = AtomicBool::new(false);
    let Ok(()) =
        parallel::in_order(threads, photos.into_iter(), &never, read, classify, |(wnid, path, answer)| {
            match (answer, classifier.class_of_wnid(&wnid)) {
                (Ok(answer), Some(class_id)) => {
                    let name =
                        path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                    let reference =
                        references.get(&name).and_then(|reference| reference.top5.first().copied());
                    report.add(&Photo { class_id, answer: &answer, reference });
                }
                (Ok(_), None) => report.skip(&path, "the model has no class with this WordNet id"),
                (Err(error), _) => report.skip(&path, &error),
            }
            bar.inc(1);
            Ok::<_, Infallible>(())
        });
    bar.finish_and_clear();
    let text = if arguments.json { report.json() } else { report.text() };
    writeln!(io::stdout(), "{text}")
        .map_err(|error| StartError::Command(format!("standard output: {error}")))?;
    Ok(if report.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The WordNet id and path of each photo. The id is the name of its folder (as in ImageNet) or the start of
/// the file name.
fn labelled_photos(dir: &Path) -> Result<Vec<(String, PathBuf)>, StartError> {
    let mut photos = Vec::new();
    for path in entries(dir)? {
        let Some(wnid) = wnid_of(&path) else { continue };
        if path.is_dir() {
            photos.extend(
                entries(&path)?.into_iter().filter(|path| path.is_file()).map(|path| (wnid.clone(), path)),
            );
        } else {
            photos.push((wnid, path));
        }
    }
    if photos.is_empty() {
        return Err(StartError::Command(format!(
            "{} holds no labelled photos: neither folders named by a WordNet id like n07920052, nor files like \
             n07920052_espresso.jpg",
            dir.display()
        )));
    }
    photos.sort();
    Ok(photos)
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>, StartError> {
    let fault = |error: io::Error| StartError::Command(format!("{}: {error}", dir.display()));
    fs::read_dir(dir).map_err(fault)?.map(|entry| entry.map(|entry| entry.path()).map_err(fault)).collect()
}

/// The WordNet id at the start of a name: `n` and eight digits.
fn wnid_of(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let (wnid, rest) = name.split_at_checked(9)?;
    let digits = wnid.strip_prefix('n')?;
    let ends = rest.is_empty() || rest.starts_with(['_', '.', '-']);
    (ends && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| wnid.to_owned())
}

fn references(arguments: &EvaluateArguments) -> Result<BTreeMap<String, Reference>, StartError> {
    let beside = arguments.dir.join("reference.json");
    let path = match &arguments.reference {
        Some(path) => path,
        None if beside.is_file() => &beside,
        None => return Ok(BTreeMap::new()),
    };
    let fault = |error: String| StartError::Command(format!("{}: {error}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| fault(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wordnet_id_starts_the_name_of_a_folder_or_file() {
        let wnid = |name: &str| wnid_of(Path::new(name));
        assert_eq!(wnid("n07920052").as_deref(), Some("n07920052"));
        assert_eq!(wnid("photos/n07920052_espresso.JPEG").as_deref(), Some("n07920052"));
        for none in ["reference.json", "n0792005x_a.jpg", "n079200521.jpg", "nönönönö"] {
            assert_eq!(wnid(none), None, "{none}");
        }
    }
}
