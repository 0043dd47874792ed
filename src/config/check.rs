//! Text → values, with every mistake kept.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Component, PathBuf};
use std::str::FromStr;

use super::{ApiToken, Config, CorsOrigins, given, origin};
use crate::StartError;

/// Gathers the mistakes, so that one start tells them all.
#[derive(Default)]
pub(super) struct Check {
    pub(super) mistakes: Vec<String>,
}

impl Check {
    pub(super) fn number<T>(
        &mut self,
        name: &str,
        setting: &Option<String>,
        default: T,
        range: RangeInclusive<T>,
    ) -> T
    where
        T: FromStr + PartialOrd + Display + Copy,
    {
        let Some(text) = given(setting) else { return default };
        match text.parse() {
            Ok(number) if range.contains(&number) => number,
            _ => {
                let (low, high) = range.into_inner();
                self.mistakes.push(format!("{name} must be a number from {low} to {high}, not \"{text}\""));
                default
            }
        }
    }

    pub(super) fn switch(&mut self, name: &str, setting: Option<&str>, default: bool) -> bool {
        let Some(text) = setting else { return default };
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" => true,
            "false" | "0" => false,
            _ => {
                self.mistakes.push(format!("{name} must be true or false, not \"{text}\""));
                default
            }
        }
    }

    pub(super) fn model_file(&mut self, setting: Option<&str>) -> Option<PathBuf> {
        let path = PathBuf::from(setting?);
        if path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Some(path);
        }
        self.mistakes.push(format!(
            "MODEL_FILE must be the path of a file in the bundle, such as onnx/model.onnx, not \"{}\"",
            path.display()
        ));
        None
    }

    pub(super) fn token(&mut self, setting: Option<&str>) -> Option<ApiToken> {
        let token = ApiToken::new(setting?);
        if token.is_none() {
            // Not the token itself: this goes to the log.
            self.mistakes
                .push("API_TOKEN must consist of visible ASCII characters without spaces".to_owned());
        }
        token
    }

    pub(super) fn origins(&mut self, setting: Option<&str>) -> CorsOrigins {
        let Some(text) = setting else { return CorsOrigins::None };
        if text == "*" {
            return CorsOrigins::Any;
        }
        let mut origins = Vec::new();
        for part in text.split(',').map(str::trim) {
            match origin::normalised(part) {
                Some(origin) => origins.push(origin),
                None => self.mistakes.push(format!(
                    "CORS_ALLOW_ORIGINS must be * or a comma-separated list of origins like https://example.com; \
                     \"{part}\" is none"
                )),
            }
        }
        CorsOrigins::List(origins)
    }

    pub(super) fn finish(self, config: Config) -> Result<Config, StartError> {
        if self.mistakes.is_empty() { Ok(config) } else { Err(StartError::Config(self.mistakes.join("\n"))) }
    }
}
