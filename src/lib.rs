//! An image classifier in one AWS Lambda zip.

pub mod error;
pub mod image;
