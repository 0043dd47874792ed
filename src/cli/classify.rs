//! `image-classifier classify FILE…`: classifies pictures and folders one after another.

use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use super::sources::{self, Item, Place, Walk};
use super::{ClassifyArguments, heat, progress};
use crate::classifier::{Classification, Embedding, ImageInfo, Options, Timing};
use crate::config::Config;
use crate::model::{Level, Prediction};
use crate::{Classifier, Error, StartError};

/// Classifies the files one after another. An invalid file is reported; the remaining files are still
/// processed.
///
/// # Errors
///
/// A [`StartError`] if the model cannot be loaded or standard output cannot be written.
pub fn run(config: &Config, arguments: &ClassifyArguments) -> Result<ExitCode, StartError> {
    let classifier = Classifier::load(config, 1)?;
    if arguments.embed && classifier.model().embedding_len().is_none() {
        return Err(StartError::Command(Error::NoFeatures.to_string()));
    }
    let inputs = inputs(&arguments.files);
    if let Some(out) = &arguments.explain {
        check_explain(&classifier, &inputs, out)?;
    }
    let level = if arguments.basic { Level::Basic } else { Level::Leaf };
    let explain = arguments.explain.is_some();
    let options =
        Options { top_k: config.top_k, min_score: config.min_score, function: None, level, explain };
    let bar = progress::bar_for_many(inputs.len());
    let mut failed = false;
    for Input { name, place } in &inputs {
        let bytes = place.clone().and_then(|file| read(&file, config.limits.max_body_bytes));
        let mut budget = classifier.budget();
        let mut lines = Vec::new();
        let written = if arguments.embed {
            let result =
                bytes.and_then(|bytes| told(classifier.embed(&bytes, arguments.normalize, &mut budget)));
            failed |= result.is_err();
            write_json(&mut lines, name, result.as_ref().map(Embedded::new))
        } else {
            let result = bytes.and_then(|bytes| {
                let found = told(classifier.classify(&bytes, options, &mut budget))?;
                if let Some(out) = &arguments.explain {
                    heat::write(&classifier, &bytes, &found, out)?;
                }
                Ok(found)
            });
            failed |= result.is_err();
            if arguments.json {
                write_json(&mut lines, name, result.as_ref().map(Classified::new))
            } else {
                write_table(&mut lines, name, &result)
            }
        };
        let printed = written.and_then(|()| bar.suspend(|| io::stdout().write_all(&lines)));
        match printed {
            // `| head` closes the pipe early. This is not an error.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            result => result.map_err(|error| StartError::Command(format!("standard output: {error}")))?,
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Checks the preconditions of `--explain` before any picture is processed.
fn check_explain(classifier: &Classifier, inputs: &[Input], out: &Path) -> Result<(), StartError> {
    let [Input { place, .. }] = inputs else {
        return Err(StartError::Command(format!("--explain takes one picture, not {}.", inputs.len())));
    };
    if let Ok(picture) = place {
        heat::check_out(picture, out).map_err(StartError::Command)?;
    }
    told(classifier.model().check_explains()).map_err(StartError::Command)
}

/// A picture to classify, or the reason why this is already known to be impossible.
struct Input {
    name: String,
    place: Result<PathBuf, String>,
}

/// Lists the files, including those in folders.
fn inputs(files: &[PathBuf]) -> Vec<Input> {
    let mut inputs = Vec::new();
    for file in files {
        let name = sources::text(file);
        if !file.is_dir() {
            inputs.push(Input { name, place: Ok(file.clone()) });
            continue;
        }
        let before = inputs.len();
        inputs.extend(Walk::new(file).filter(Item::is_picture).map(|Item { name, place, .. }| Input {
            name,
            place: match place {
                Place::File(file) => Ok(file),
                // Folders do not contain objects.
                Place::Object(location) => Err(location.to_string()),
                Place::Unreadable(error) => Err(error.to_string()),
            },
        }));
        if inputs.len() == before {
            inputs.push(Input { name, place: Err("There are no images in this folder.".to_owned()) });
        }
    }
    inputs
}

/// Formats an error for users.
fn told<T>(result: Result<T, Error>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

/// Reads a file of at most `limit` bytes.
pub(super) fn read(file: &Path, limit: usize) -> Result<Vec<u8>, String> {
    // Read one more byte to detect a file that is too large.
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        io::stdin().take(most).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(most).read_to_end(&mut bytes))
    };
    read.map_err(|error| error.to_string())?;
    if bytes.len() > limit {
        return Err(Error::BodyTooLarge { max: limit }.to_string());
    }
    Ok(bytes)
}

/// A line of JSON: the file name, and the response of the HTTP routes or an error.
#[derive(Serialize)]
struct Line<'a, T> {
    file: &'a str,
    #[serde(flatten)]
    answer: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a String>,
}

/// The labels of a file.
#[derive(Serialize)]
struct Classified<'a> {
    predictions: &'a [Prediction],
    image: ImageInfo,
    timing_ms: Timing,
}

impl<'a> Classified<'a> {
    fn new(found: &'a Classification) -> Self {
        Self { predictions: &found.predictions, image: found.image, timing_ms: found.timing }
    }
}

/// The embedding of a file.
#[derive(Serialize)]
struct Embedded<'a> {
    embedding: &'a [f32],
    dimensions: usize,
    image: ImageInfo,
    timing_ms: Timing,
}

impl<'a> Embedded<'a> {
    fn new(found: &'a Embedding) -> Self {
        let dimensions = found.values.len();
        Self { embedding: &found.values, dimensions, image: found.image, timing_ms: found.timing }
    }
}

fn write_json(out: &mut impl Write, file: &str, result: Result<impl Serialize, &String>) -> io::Result<()> {
    let (answer, error) = match result {
        Ok(answer) => (Some(answer), None),
        Err(error) => (None, Some(error)),
    };
    serde_json::to_writer(&mut *out, &Line { file, answer, error })?;
    writeln!(out)
}

fn write_table(out: &mut impl Write, file: &str, result: &Result<Classification, String>) -> io::Result<()> {
    // File names may contain any character. Escape those that control a terminal or would forge a row.
    let name: String = file.chars().flat_map(visible).collect();
    match result {
        Ok(answer) => {
            writeln!(
                out,
                "{name}  ({}, {} x {}, {:.1} ms)",
                answer.image.format.label(),
                answer.image.width,
                answer.image.height,
                answer.timing.total
            )?;
            for prediction in &answer.predictions {
                writeln!(out, "  {:>6.2} %  {}", prediction.score * 100.0, prediction.label.name)?;
            }
            Ok(())
        }
        Err(error) => writeln!(out, "{name}\n  {error}"),
    }
}

/// A character in a form that is safe to print on a terminal.
pub(super) fn visible(character: char) -> Vec<char> {
    if character.is_control() { character.escape_default().collect() } else { vec![character] }
}
