//! An image classifier in one AWS Lambda zip: bytes of a photo in, its top-3 labels out.
//!
//! The same program is an AWS Lambda function, a local HTTP server and a command line tool.
//!
//! # Layout
//!
//! - [`config`]: every flag and environment variable, read and checked once.
//! - [`image`]: bytes → upright RGB pixels. Pure.
//! - [`model`]: RGB pixels → predictions. Pure, apart from loading the bundle and ONNX Runtime.
//! - [`classifier`]: joins the two and takes the times.
//! - [`http`]: request body → images, the routes, the answers.
//! - [`lambda`]: Lambda event → HTTP request → answer. The only module that knows events.
//! - `objects`: S3, of which it reads and writes the buckets that are named. The only module that calls a network.
//! - [`server`]: the local HTTP server.
//! - `parallel`: many items read ahead and worked on by all processors.
//! - `train`: photos with labels → a bundle with a head of its own.
//! - [`cli`]: `classify`, `batch`, `evaluate`, `train` and `health`.
//! - [`error`]: why a request was refused, or the program did not start.
//! - [`telemetry`]: what it logs and measures.

mod cache;
pub mod classifier;
pub mod cli;
pub mod config;
pub mod error;
pub mod http;
pub mod image;
pub mod lambda;
pub mod model;
#[allow(dead_code, reason = "the events of AWS services come next")]
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
