//! `image-classifier batch SOURCE… --out FILE`: writes one row per picture, for any number of pictures.

mod interrupt;
mod known;
mod output;
mod report;
mod rows;
mod upload;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::sources::{self, Identity, Item, Place, Source, Storage, identity};
use super::{BatchArguments, load_for_many};
use crate::classifier::Options;
use crate::config::Config;
use crate::model::Level;
use crate::parallel::{self, Threads};
use crate::{Classifier, Error, StartError};
use output::{Output, WriteError};
use report::{Report, say};
use rows::{Fault, Format};
use upload::Upload;
use upright::is_image;

/// The exit status of a completed run in which some rows are errors.
const SOME_ERRORS: u8 = 3;

/// Pictures that are read ahead from disk, per job.
const LOCAL: usize = 2;

/// Pictures that are read ahead from S3, per job. The time to the first byte equals the time to compute about
/// ten pictures. Each picture is held in memory as a whole, so a larger number would only take memory.
const REMOTE: usize = 10;

/// A picture after reading.
struct Loaded {
    name: String,
    /// The bytes; `None` for a file that is not a picture.
    bytes: Result<Option<Bytes>, Fault>,
}

/// A row in its output format.
struct Row {
    bytes: Vec<u8>,
    is_error: bool,
}

/// Classifies all pictures of the sources on all processors, and writes one row per picture, in the order of
/// the sources. Because of this order, two runs over the same pictures write identical bytes.
///
/// # Errors
///
/// A [`StartError`] if a source does not exist, the model cannot be loaded, or the output cannot be written.
pub fn run(config: &Config, arguments: &BatchArguments) -> Result<ExitCode, StartError> {
    let sources = sources(arguments)?;
    Format::of(&arguments.out, 1).map_err(StartError::Command)?;
    let jobs = arguments.jobs.map_or(config.processors, |jobs| usize::from(jobs.get()));
    let classifier = load_for_many(config, jobs)?;
    let level = if arguments.basic { Level::Basic } else { Level::Leaf };
    let options =
        Options { top_k: config.top_k, min_score: config.min_score, function: None, level, explain: false };
    classifier.model().scoring(None, level).map_err(|error| StartError::Command(error.to_string()))?;
    let format =
        Format::of(&arguments.out, config.top_k.min(classifier.classes())).map_err(StartError::Command)?;
    let (stop, network) = interrupt::watch()?;
    let storage = Storage::new(config, network);
    let upload = Upload::of(&arguments.out)?;
    let out = upload.as_ref().map_or(&arguments.out, |upload| &upload.file);
    // A resumed run has its rows in a local file. Without that file this is a new run, which must not
    // overwrite an object.
    if let Some(upload) = &upload
        && !(arguments.resume && upload.file.exists())
    {
        upload.check(&storage)?;
    }
    let (mut output, before) = Output::open(out, format, arguments.resume)?;

    let had_rows = !before.sources.is_empty();
    let mut report = Report::begin(&sources, &storage, before.sources.len() as u64);
    let limit = config.limits.max_body_bytes;
    let result = parallel::in_order(
        Threads {
            readers: if sources.iter().any(Source::is_remote) { REMOTE } else { LOCAL } * jobs,
            workers: jobs,
        },
        distinct(sources, storage.clone(), before.sources),
        &stop,
        |item| item.map(|item| read(item, &storage, limit)),
        |loaded| loaded.map(|loaded| row(&classifier, options, format, loaded)),
        |row| match row.map_err(|fault| WriteError::Failed(StartError::Command(fault)))? {
            None => {
                report.skip();
                Ok(())
            }
            Some(row) => {
                let row = row.map_err(|error| WriteError::Failed(StartError::Command(error.to_string())))?;
                output.write(&row.bytes)?;
                report.row(row.is_error);
                Ok(())
            }
        },
    );
    let errors = report.end(&sources::text(out)) + before.errors;
    let is_interrupted = stop.load(Ordering::SeqCst);
    match result {
        Err(WriteError::Enough) => return Ok(ExitCode::SUCCESS),
        Err(WriteError::Failed(error)) => {
            output.discard_if_unused();
            return Err(error);
        }
        Ok(()) => output.finish()?,
    }
    if is_interrupted {
        output.discard_if_unused();
        say("interrupted; go on with --resume");
        return Ok(ExitCode::from(interrupt::STATUS));
    }
    if !had_rows && output.is_unused() {
        output.discard_if_unused();
        return Err(nothing(arguments));
    }
    if let Some(upload) = upload {
        upload.upload(&storage, format)?;
    }
    Ok(if errors > 0 { ExitCode::from(SOME_ERRORS) } else { ExitCode::SUCCESS })
}

/// Parses the sources in the arguments.
fn sources(arguments: &BatchArguments) -> Result<Vec<Source>, StartError> {
    let named = arguments.sources.iter().map(|source| Source::of(source, arguments.null));
    let lists = arguments.files_from.iter().map(|list| Source::list(list, arguments.null));
    let (mut sources, mut mistakes) = (Vec::new(), Vec::new());
    for source in named.chain(lists) {
        match source {
            Ok(source) => sources.push(source),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if mistakes.is_empty() { Ok(sources) } else { Err(StartError::Command(mistakes.join("\n"))) }
}

/// Lists the items of all sources. Duplicates are removed, and so are items that already have a row.
fn distinct(
    sources: Vec<Source>,
    storage: Storage,
    mut known: HashSet<Identity>,
) -> impl Iterator<Item = Result<Item, String>> + Send + 'static {
    sources.into_iter().flat_map(move |source| source.items(&storage)).filter(move |item| match item {
        Ok(item) => known.insert(identity(&item.name)),
        Err(_) => true,
    })
}

fn read(item: Item, storage: &Storage, limit: usize) -> Loaded {
    let of_file = |error| Fault::of_file(&error, limit);
    let bytes = match item.place {
        Place::File(path) => {
            sources::read(&path, item.is_certain, limit).map(|bytes| bytes.map(Bytes::from)).map_err(of_file)
        }
        Place::Object(location) => match storage.read(&location) {
            Ok(bytes) => Ok(Some(bytes).filter(|bytes| item.is_certain || is_image(bytes))),
            // This may be an archive or a video. Its name does not say that it is a picture.
            Err(Error::ObjectTooLarge { .. }) if !item.is_certain => Ok(None),
            Err(error) => Err(Fault::from(&error)),
        },
        Place::Unreadable(error) => Err(of_file(error)),
    };
    Loaded { name: item.name, bytes }
}

/// Computes the row of a picture. Returns `None` for a file that is not a picture.
fn row(
    classifier: &Classifier,
    options: Options,
    format: Format,
    loaded: Loaded,
) -> Option<std::io::Result<Row>> {
    let found = loaded.bytes.transpose()?.and_then(|bytes| {
        // A panic affects only one row. Sessions remain usable after a panic, and no other state is left
        // inconsistent.
        catch_unwind(AssertUnwindSafe(|| classifier.classify(&bytes, options, &mut classifier.budget())))
            .unwrap_or_else(|_| Err(Error::internal("a panic; standard error has its message")))
            .map_err(|error| Fault::from(&error))
    });
    let bytes = format.row(&loaded.name, found.as_ref());
    Some(bytes.map(|bytes| Row { bytes, is_error: found.is_err() }))
}

fn nothing(arguments: &BatchArguments) -> StartError {
    let named: Vec<_> = arguments
        .sources
        .iter()
        .chain(&arguments.files_from)
        .map(|source| Path::display(source).to_string())
        .collect();
    StartError::Command(format!(
        "there are no images in {}; images are files with names like photo.jpg, and files that begin as images do",
        named.join(", ")
    ))
}
