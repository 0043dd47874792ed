//! `image-classifier train DIR --out DIR`: trains a model bundle for custom classes.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use super::{TrainArguments, classify, load_for_many, progress};
use crate::config::Config;
use crate::model::Bundle;
use crate::train::bundle::{self, Contents};
use crate::train::dataset::Dataset;
use crate::train::embeddings::{self, Embedded};
use crate::train::examples::{self, Example};
use crate::train::trained::Trained;
use crate::{Classifier, StartError};

/// Trains a head on labelled photos and writes the bundle.
///
/// # Errors
///
/// A [`StartError`] if there are too few photos, if the model cannot be loaded or has no embeddings, or if
/// the bundle cannot be written.
pub fn run(config: &Config, arguments: &TrainArguments) -> Result<ExitCode, StartError> {
    let TrainArguments { source, out, seed, embeddings } = arguments;
    let dataset = Dataset::read(source).map_err(StartError::Command)?;
    let check = |classes: &mut dyn Iterator<Item = usize>| {
        examples::check(&dataset.labels, classes).map_err(StartError::Command)
    };
    check(&mut dataset.files.iter().map(|&(_, class)| class))?;
    let out = &bundle::target(out, source)?;
    out.parent().map_or(Ok(()), fs::create_dir_all).map_err(|error| fault(out, &error))?;

    let classifier = load(config)?;
    let beside = out.with_added_extension("embeddings");
    let memory = embeddings.as_ref().unwrap_or(&beside);
    let bar = progress::bar(dataset.files.len());
    let embedded = embeddings::embed(
        &classifier,
        &dataset,
        memory,
        &|path| classify::read(path, config.limits.max_body_bytes),
        config.processors,
        &|| bar.inc(1),
    );
    bar.finish_and_clear();
    let Embedded { examples, mut left_out, remembered } = embedded?;
    let readable = examples.len();
    let examples = examples::distinct(examples, &dataset.labels, &mut left_out);
    for line in &left_out {
        eprintln!("left out: {}", line.chars().flat_map(classify::visible).collect::<String>());
    }
    check(&mut examples.iter().map(|example| example.class))?;

    let trained = Trained::on(&examples, dataset.labels.len(), *seed);
    let summary = summary(&examples, &dataset, &trained, (readable, remembered, left_out.len()), out);
    let bundle = Bundle::read(&config.model_dir, config.model_file.as_deref())?;
    let contents = Contents {
        bundle: &bundle,
        dir: &config.model_dir,
        card: classifier.card(),
        labels: &dataset.labels,
        trained,
        seed: *seed,
    };
    contents.write(out)?;
    io::stdout()
        .write_all(summary.as_bytes())
        .map_err(|error| StartError::Command(format!("standard output: {error}")))?;
    Ok(ExitCode::SUCCESS)
}

/// Loads the model for all processors. Ignores `DENY_LABELS`, because the labels of the model's own
/// classifier are not used.
fn load(config: &Config) -> Result<Classifier, StartError> {
    let config = Config { deny_labels: String::new(), ..config.clone() };
    let classifier = load_for_many(&config, config.processors)?;
    if classifier.model().embedding_len().is_none() {
        return Err(StartError::Command(format!(
            "{}: the model has no output \"features\", so there are no embeddings to train on; `python -m ic_tools features` \
             adds it",
            config.model_dir.display()
        )));
    }
    Ok(classifier)
}

fn summary(
    examples: &[Example],
    dataset: &Dataset,
    trained: &Trained,
    (readable, remembered, left_out): (usize, usize, usize),
    out: &Path,
) -> String {
    let (count, right) = (examples.len(), trained.right());
    format!(
        "{count} different pictures of {classes} classes ({files} files; {left_out} left out; {remembered} of {readable} \
         embeddings were remembered)\ncross-validated top-1: {right} of {count} ({percent:.1} %)\n{out} is written; try \
         it with: image-classifier serve --model-dir {out}\n",
        classes = dataset.labels.len(),
        files = dataset.files.len(),
        percent = 100.0 * right as f64 / count as f64,
        out = out.display(),
    )
}

fn fault(path: &Path, error: &io::Error) -> StartError {
    StartError::Command(format!("{}: {error}", path.display()))
}
