//! An image classifier in a single AWS Lambda zip: it takes the bytes of a photo and returns the top 3
//! labels.
//!
//! The same program is an AWS Lambda function, a local HTTP server and a command line tool. The crate [`upright`] decodes
//! the images.
//!
//! # Layout
//!
//! - [`config`]: reads and validates all flags and environment variables.
//! - [`model`]: turns RGB pixels into predictions. Pure, except for loading the bundle and ONNX Runtime.
//! - [`classifier`]: decodes and classifies images, caches results, and measures the time of each step.
//! - [`http`]: the routes: parses request bodies into images and writes responses.
//! - [`lambda`]: converts Lambda events to HTTP requests. The only module that knows Lambda events.
//! - `objects`: reads and writes the configured S3 buckets.
//! - `network`: the HTTP client of the modules that call other machines: `objects`, and [`telemetry`] for traces.
//! - [`server`]: the local HTTP server.
//! - `parallel`: reads many items ahead and processes them on all processors.
//! - `train`: trains a classification head from labelled photos and writes it as a model bundle.
//! - [`cli`]: the commands `classify`, `batch`, `evaluate`, `train` and `health`.
//! - [`error`]: errors of requests, and of the start of the program.
//! - [`telemetry`]: logs, metrics and traces.

pub mod classifier;
pub mod cli;
pub mod config;
pub mod error;
pub mod http;
pub mod lambda;
pub mod model;
#[cfg(any(feature = "s3", feature = "otlp"))]
mod network;
mod objects;
mod parallel;
pub mod server;
pub mod telemetry;
mod text;
mod train;
mod workers;

pub use classifier::Classifier;
pub use config::Config;
pub use error::{Error, StartError};
