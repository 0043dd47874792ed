//! The command line.

pub mod batch;
pub mod classify;
pub mod evaluate;
pub mod health;
mod heat;
mod progress;
mod sources;
pub mod train;
pub mod version;

use std::num::NonZeroU16;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::config::{Config, Settings};
use crate::{Classifier, StartError};

/// An image classifier: an AWS Lambda function, a local HTTP server, a command line tool.
///
/// Without a command it answers Lambda invocations if AWS_LAMBDA_RUNTIME_API is set, and serves HTTP otherwise.
#[derive(Parser, Debug)]
#[command(name = "image-classifier", about, after_help = VARIABLES)]
pub struct Arguments {
    /// Flags and environment variables of all commands.
    #[command(flatten)]
    pub settings: Settings,
    /// Print the version, the commit that was built, and the model
    #[arg(short = 'V', long)]
    pub version: bool,
    /// The command to run.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Environment variables that have no flag.
const VARIABLES: &str = "Variables of AWS and OpenTelemetry are read, too: AWS_REGION, AWS_ENDPOINT_URL, … for S3, and \
     OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER, … for traces.";

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Serve HTTP on HOST:PORT
    #[command(after_help = VARIABLES)]
    Serve,
    /// Classify image files and folders, for a person to read
    Classify(ClassifyArguments),
    /// Classify any number of images on all processors, and write one row per image to a file
    ///
    /// Rows have the order of the sources. If an image cannot be classified, its row contains the reason. The
    /// exit status is 0 if every row has labels, 3 if some rows are errors, 1 if the run could not be
    /// completed, and 130 if it was interrupted.
    Batch(BatchArguments),
    /// Measure top-1 and top-5 accuracy on a folder of labelled photos
    Evaluate(EvaluateArguments),
    /// Train a model for your own classes on labelled photos
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
    /// Image files and folders; `-` reads one image from standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Print one JSON object per line instead of a table
    #[arg(long)]
    pub json: bool,
    /// Print everyday categories, such as `dog` for all its breeds, instead of classes
    #[arg(long)]
    pub basic: bool,
    /// Print embeddings instead of labels, one JSON object per line
    #[arg(long)]
    pub embed: bool,
    /// Scale embeddings to unit length
    #[arg(long, requires = "embed")]
    pub normalize: bool,
    /// Write the picture with the heat map of its best label to a PNG file; accepts only one picture
    #[arg(long, value_name = "FILE.png", conflicts_with = "embed")]
    pub explain: Option<PathBuf>,
}

/// `image-classifier batch`.
#[derive(Args, Debug)]
pub struct BatchArguments {
    /// Images, folders, `-` for a list from standard input, `s3://bucket/prefix`, a manifest (.csv) or an S3
    /// Inventory (manifest.json)
    #[arg(required_unless_present = "files_from", value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,
    /// Output for the rows: a file, `s3://bucket/key`, or `-` for standard output. The format is JSON lines
    /// for .jsonl, .ndjson and `-`, and CSV for .csv
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Continue FILE: keep its rows, but retry images whose error may be temporary
    #[arg(long)]
    pub resume: bool,
    /// A file that lists images and folders, one per line; can be given several times
    #[arg(long, value_name = "FILE")]
    pub files_from: Vec<PathBuf>,
    /// Names in lists are separated by NUL, as with `find -print0` [default: detected from the first bytes of
    /// each list]
    #[arg(short = '0', long)]
    pub null: bool,
    /// Output everyday categories, such as `dog` for all its breeds, instead of classes
    #[arg(long)]
    pub basic: bool,
    /// Number of images to process at the same time [default: the number of available processors]
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroU16>,
}

/// `image-classifier evaluate`.
#[derive(Args, Debug)]
pub struct EvaluateArguments {
    /// A folder with one subfolder per WordNet id, or with files named `<wnid>_….jpg`
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Reference predictions to compare with [default: `reference.json` in DIR, if it exists]
    #[arg(long, value_name = "FILE")]
    pub reference: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// `image-classifier train`.
#[derive(Args, Debug)]
pub struct TrainArguments {
    /// A folder with one subfolder of photos per class, or a CSV file with the columns `file` and `label`
    #[arg(value_name = "DIR")]
    pub source: PathBuf,
    /// Folder for the model bundle; a bundle from an earlier training is replaced
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Seed for dividing the photos in the cross-validation
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// File that caches the embeddings, so that the next run is fast [default: OUT.embeddings]
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

/// Settings that only affect the server and Lambda. They are hidden in the help of other commands.
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
    /// Parses the command line. Prints a message and ends the process if it is invalid or asks for help.
    pub fn read() -> Self {
        let mut command = Self::command();
        // Copies the settings to each command.
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

/// Loads the model with one single-threaded session per job. For many pictures, this is faster than one
/// session with many threads.
///
/// # Errors
///
/// A [`StartError`] that names the file and the problem.
fn load_for_many(config: &Config, jobs: usize) -> Result<Classifier, StartError> {
    Classifier::load(&Config { intra_threads: 1, ..config.clone() }, jobs)
}
