//! `image-classifier --version`: what was built, and the model that it would run.

use std::io::{self, Write as _};
use std::process::ExitCode;

use crate::config::{self, Config, Settings};
use crate::model::Bundle;

/// Prints three lines. The version is printed even if a setting is invalid or the model cannot be read.
#[must_use]
pub fn run(settings: &Settings) -> ExitCode {
    let commit = config::commit().unwrap_or_else(|| "not recorded".to_owned());
    let model = Config::from_settings(settings)
        .and_then(|config| Bundle::read(&config.model_dir, config.model_file.as_deref())?.identity())
        .map_or_else(|error| error.to_string(), |(name, sha256)| format!("{name} sha256 {sha256}"));
    let version = env!("CARGO_PKG_VERSION");
    let text = format!("image-classifier {version}\ncommit {commit}\nmodel {model}\n");
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
