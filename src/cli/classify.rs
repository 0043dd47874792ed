//! `image-classifier classify FILE…`

use std::io::{self, Read as _, Write};
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use super::{ClassifyArguments, progress};
use crate::classifier::{Classification, ImageInfo, Options, Timing};
use crate::config::Config;
use crate::model::Prediction;
use crate::{Classifier, Error, StartError};

/// Classifies the files one after the other; a bad one is reported and does not stop the others.
///
/// # Errors
///
/// A [`StartError`] if the model cannot be loaded or standard output is gone.
pub fn run(config: &Config, arguments: &ClassifyArguments) -> Result<ExitCode, StartError> {
    let classifier = Classifier::load(config, 1)?;
    let options = Options { top_k: config.top_k, min_score: config.min_score, function: None };
    let bar = progress::bar_for_many(arguments.files.len());
    let mut failed = false;
    for file in &arguments.files {
        let result = classify(&classifier, config, file, options);
        failed |= result.is_err();
        let mut lines = Vec::new();
        let written = if arguments.json {
            write_json(&mut lines, file, &result)
        } else {
            write_table(&mut lines, file, &result)
        };
        let printed = written.and_then(|()| bar.suspend(|| io::stdout().write_all(&lines)));
        match printed {
            // `| head` is a normal end.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            result => result.map_err(|error| StartError::Command(format!("standard output: {error}")))?,
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn classify(
    classifier: &Classifier,
    config: &Config,
    file: &Path,
    options: Options,
) -> Result<Classification, String> {
    let bytes = read(file, config.limits.max_body_bytes).map_err(|error| error.to_string())?;
    if bytes.len() > config.limits.max_body_bytes {
        return Err(Error::BodyTooLarge { max: config.limits.max_body_bytes }.to_string());
    }
    classifier.classify(&bytes, options, &mut classifier.budget()).map_err(|error| error.to_string())
}

/// Reads a file, at most one byte more than the limit of it.
fn read(file: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        io::stdin().take(limit).read_to_end(&mut bytes)?;
    } else {
        std::fs::File::open(file)?.take(limit).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// A line of `--json`: as `POST /classify` answers, with the file's name, or an error.
#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    predictions: Option<&'a [Prediction]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<ImageInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timing_ms: Option<Timing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a String>,
}

fn write_json(out: &mut impl Write, file: &Path, result: &Result<Classification, String>) -> io::Result<()> {
    let answer = result.as_ref().ok();
    let line = Line {
        file: &file.to_string_lossy(),
        predictions: answer.map(|answer| &*answer.predictions),
        image: answer.map(|answer| answer.image),
        timing_ms: answer.map(|answer| answer.timing),
        error: result.as_ref().err(),
    };
    serde_json::to_writer(&mut *out, &line)?;
    writeln!(out)
}

fn write_table(out: &mut impl Write, file: &Path, result: &Result<Classification, String>) -> io::Result<()> {
    // A file name may hold anything; what a terminal would obey, or what would forge a row, is shown escaped.
    let name: String = file.to_string_lossy().chars().flat_map(visible).collect();
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

/// A character as it may be shown on a terminal.
pub(super) fn visible(character: char) -> Vec<char> {
    if character.is_control() { character.escape_default().collect() } else { vec![character] }
}
