//! The command line.

pub mod batch;
pub mod classify;
pub mod evaluate;
pub mod health;
mod heat;
mod progress;
mod sources;
pub mod train;

use std::num::NonZeroU16;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::config::{Config, Settings};
use crate::{Classifier, StartError};

/// An image classifier: an AWS Lambda function, a local HTTP server, a command line tool.
///
/// Without a command it answers Lambda invocations if AWS_LAMBDA_RUNTIME_API is set, and serves HTTP otherwise.
#[derive(Parser, Debug)]
#[command(name = "image-classifier", version, about)]
pub struct Arguments {
    /// Flags and variables of all commands.
    #[command(flatten)]
    pub settings: Settings,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Serve HTTP on HOST:PORT
    Serve,
    /// Classify image files and folders, for a person to read
    Classify(ClassifyArguments),
    /// Classify any number of images on all processors: a row for each, in a file
    ///
    /// Rows come in the order of the sources. An image that cannot be classified has a row that says why. The exit
    /// status is 0 if every row has labels, 3 if some rows are errors, 1 if the run could not be completed, and 130 if
    /// it was interrupted.
    Batch(BatchArguments),
    /// Measure top-1 and top-5 over a folder of labelled photos
    Evaluate(EvaluateArguments),
    /// Train a model of your own classes on labelled photos
    Train(TrainArguments),
    /// Ask the local server whether it is there: exit status 0 if it answers 200, else 1
    ///
    /// It asks for /health on HOST:PORT, as `serve` reads them, and waits 2 seconds at most. For the health check of a
    /// container, which has no curl.
    Health(HealthArguments),
}

/// `image-classifier classify`.
#[derive(Args, Debug)]
pub struct ClassifyArguments {
    /// Image files, and folders of them; `-` reads one image from standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// One JSON object a line, rather than a table
    #[arg(long)]
    pub json: bool,
    /// Everyday categories, such as `dog` for all its breeds, rather than classes
    #[arg(long)]
    pub basic: bool,
    /// Embeddings in place of labels, one JSON object a line
    #[arg(long)]
    pub embed: bool,
    /// Scale embeddings to unit length
    #[arg(long, requires = "embed")]
    pub normalize: bool,
    /// Write the picture with the heat map of its best label, as a PNG; takes one picture
    #[arg(long, value_name = "FILE.png", conflicts_with = "embed")]
    pub explain: Option<PathBuf>,
}

/// `image-classifier batch`.
#[derive(Args, Debug)]
pub struct BatchArguments {
    /// Images, folders, `-` for a list from standard input, `s3://bucket/prefix`, a manifest (.csv) or an S3 Inventory
    /// (manifest.json)
    #[arg(required_unless_present = "files_from", value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,
    /// Where the rows go: JSON lines for .jsonl and .ndjson, CSV for .csv, `-` for JSON lines on standard output; a
    /// file, or `s3://bucket/key`
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Go on with FILE: keep its rows, but try again what may succeed now
    #[arg(long)]
    pub resume: bool,
    /// A file that names images and folders, a line each; several are read one after the other
    #[arg(long, value_name = "FILE")]
    pub files_from: Vec<PathBuf>,
    /// Names in lists are separated by NUL, as by `find -print0` [default: the first bytes of each list tell]
    #[arg(short = '0', long)]
    pub null: bool,
    /// Everyday categories, such as `dog` for all its breeds, rather than classes
    #[arg(long)]
    pub basic: bool,
    /// Images that are worked on at the same time [default: the processors available]
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroU16>,
}

/// `image-classifier evaluate`.
#[derive(Args, Debug)]
pub struct EvaluateArguments {
    /// A folder with one folder for each WordNet id, or with files named `<wnid>_….jpg`
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Reference predictions to compare with [default: `reference.json` in DIR, if it is there]
    #[arg(long, value_name = "FILE")]
    pub reference: Option<PathBuf>,
    /// One JSON object, rather than text
    #[arg(long)]
    pub json: bool,
}

/// `image-classifier train`.
#[derive(Args, Debug)]
pub struct TrainArguments {
    /// A folder with a folder of photos for each class, or a CSV file with the columns `file` and `label`
    #[arg(value_name = "DIR")]
    pub source: PathBuf,
    /// Where the bundle is written; one that was trained before is replaced
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Another seed divides the photos otherwise for the cross-validation
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Remembers the embeddings, so that the next run is fast [default: OUT.embeddings]
    #[arg(long, value_name = "FILE")]
    pub embeddings: Option<PathBuf>,
}

/// `image-classifier health`.
#[derive(Args, Debug)]
pub struct HealthArguments {
    /// The server to ask, such as `http://127.0.0.1:8080`; without a path it is asked for /health [default: HOST:PORT]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
}

/// Settings that matter to the server and to Lambda only, so that the help of other commands is not about them.
const OF_SERVERS: &[&str] = &[
    "max_images",
    "s3_buckets",
    "results",
    "upload_bucket",
    "cache_entries",
    "api_token",
    "cors_allow_origins",
    "web_ui",
    "host",
    "port",
    "max_concurrency",
    "max_queue",
    "max_connections",
    "request_timeout_ms",
    "metrics",
];

/// What the help of `health` shows: it loads no model and answers no request.
const OF_HEALTH: &[&str] = &["help", "host", "port", "rust_log", "url"];

impl Arguments {
    /// Reads the command line. Ends the process, with a message, where it is wrong or asks for help.
    pub fn read() -> Self {
        let mut command = Self::command();
        // Has the settings copied to each command.
        command.build();
        for command in command.get_subcommands_mut().filter(|command| command.get_name() != "serve") {
            let name = command.get_name().to_owned();
            *command = std::mem::take(command).mut_args(|arg| {
                let id = arg.get_id().as_str();
                let is_hidden = match name.as_str() {
                    "health" => !OF_HEALTH.contains(&id),
                    "classify" => OF_SERVERS.contains(&id),
                    _ => OF_SERVERS.contains(&id) || id == "intra_threads",
                };
                if is_hidden { arg.hide(true) } else { arg }
            });
        }
        Self::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
    }
}

/// The model, with so many sessions of one thread: for many pictures that is faster than one session with many threads.
///
/// # Errors
///
/// A [`StartError`] that names the file and what is wrong with it.
fn load_for_many(config: &Config, jobs: usize) -> Result<Classifier, StartError> {
    Classifier::load(&Config { intra_threads: 1, ..config.clone() }, jobs)
}
