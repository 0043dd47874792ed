//! The command line.

pub mod classify;
pub mod evaluate;
mod heat;
mod progress;
pub mod train;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::Settings;

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
    /// Classify image files
    Classify(ClassifyArguments),
    /// Measure top-1 and top-5 over a folder of labelled photos
    Evaluate(EvaluateArguments),
    /// Train a model of your own classes on labelled photos
    Train(TrainArguments),
}

/// `image-classifier classify`.
#[derive(Args, Debug)]
pub struct ClassifyArguments {
    /// Image files; `-` reads one from standard input
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
    /// Write the picture, with where it shows its best label, as a PNG; takes one picture
    #[arg(long, value_name = "FILE.png", conflicts_with = "embed")]
    pub explain: Option<PathBuf>,
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
