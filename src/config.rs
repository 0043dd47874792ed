//! Every flag and environment variable, read and checked once at start-up.
//!
//! Nothing else in the crate reads the environment. A flag wins over the variable of the same name; an empty
//! variable counts as unset, because deployment templates pass empty parameters on as empty strings.

mod aws;
mod check;
mod environment;
mod executable;
mod lambda;
mod origin;
mod paths;
mod settings;
mod storage;
mod token;
mod traces;

use std::path::PathBuf;
use std::time::Duration;

pub use aws::AwsEnvironment;
use check::Check;
pub use environment::prepare as prepare_environment;
pub use lambda::LambdaEnvironment;
pub(crate) use paths::commit;
pub use settings::Settings;
pub(crate) use storage::is_bucket;
pub use storage::{Prefix, Storage};
pub use token::ApiToken;
pub use traces::{Otlp, Sampler, Traces};

use crate::StartError;

/// How to log. Never refused: a wrong filter falls back to `info`, since its mistake must still be logged.
#[derive(Clone, Debug)]
pub struct Logging {
    /// `AWS_LAMBDA_LOG_LEVEL`, which is set in the console, else `RUST_LOG`, else `info`: the order of AWS's runtime.
    pub filter: String,
    /// One JSON object a line rather than text for people.
    pub json: bool,
    /// The process runs under Lambda.
    pub lambda: bool,
}

/// What a request may ask for at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a request's images together, after base64 is undone. Under Lambda no more than its events can hold.
    pub max_body_bytes: usize,
    /// Pixels of one image, from its header.
    pub max_pixels: u64,
    /// Images of one request.
    pub max_images: usize,
}

/// The origins whose pages may read the answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsOrigins {
    /// No page but the service's own.
    None,
    /// Every page.
    Any,
    /// The pages of these origins, as `scheme://host[:port]`.
    List(Vec<String>),
}

/// The checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The model bundle.
    pub model_dir: PathBuf,
    /// The .onnx file of the bundle, relative to it; `None` where it is to be found.
    pub model_file: Option<PathBuf>,
    /// ONNX Runtime's library.
    pub ort_dylib_path: PathBuf,
    /// Labels a request gets that does not say how many, 1 or more.
    pub top_k: usize,
    /// Lowest score a request gets that does not say, 0 to 1.
    pub min_score: f32,
    /// Class ids, WordNet ids and names of labels that are never answered, separated by commas.
    pub deny_labels: String,
    /// What a request may ask for at most.
    pub limits: Limits,
    /// Which buckets of S3 may be read and written.
    pub storage: Storage,
    /// Images whose answers are remembered.
    pub cache_entries: usize,
    /// Threads of ONNX Runtime within one run.
    pub intra_threads: usize,
    /// The token that callers must send.
    pub api_token: Option<ApiToken>,
    /// The origins whose pages may read the answers.
    pub cors_allow_origins: CorsOrigins,
    /// Serve the web page.
    pub web_ui: bool,
    /// Address of the local server.
    pub host: String,
    /// Port of the local server.
    pub port: u16,
    /// Requests that are worked on at the same time, 1 or more.
    pub max_concurrency: usize,
    /// Requests that wait meanwhile.
    pub max_queue: usize,
    /// Connections of the local server at the same time, 1 or more.
    pub max_connections: usize,
    /// The time in which a request must have arrived, begun to be worked on, and had its objects read.
    pub request_timeout: Duration,
    /// Count and measure.
    pub metrics: bool,
    /// Where traces go.
    pub traces: Traces,
    /// Those that this process may use, 1 or more.
    pub processors: usize,
    /// What Lambda says of the function, where the process runs under it.
    pub lambda: Option<LambdaEnvironment>,
}

impl Config {
    /// Checks all settings.
    ///
    /// # Errors
    ///
    /// [`StartError::Config`] names every mistake, a line each.
    pub fn from_settings(settings: &Settings) -> Result<Self, StartError> {
        let mut check = Check::default();
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let config = Self {
            model_dir: paths::model_dir(given(&settings.model_dir)),
            model_file: check.model_file(given(&settings.model_file)),
            ort_dylib_path: paths::ort_dylib(given(&settings.ort_dylib_path)),
            top_k: check.number("TOP_K", &settings.top_k, 3, 1..=usize::MAX),
            min_score: check.number("MIN_SCORE", &settings.min_score, 0.0, 0.0..=1.0),
            deny_labels: given(&settings.deny_labels).unwrap_or_default().to_owned(),
            limits: Limits {
                max_body_bytes: check
                    .number("MAX_BODY_BYTES", &settings.max_body_bytes, 10 << 20, 1..=1 << 30)
                    .min(lambda::max_body_bytes()),
                max_pixels: check.number("MAX_PIXELS", &settings.max_pixels, 64_000_000, 1..=1_000_000_000),
                max_images: check.number("MAX_IMAGES", &settings.max_images, 16, 1..=1024),
            },
            storage: Storage::checked(settings, &mut check),
            cache_entries: check.number("CACHE_ENTRIES", &settings.cache_entries, 256, 0..=1_000_000),
            intra_threads: check.number("INTRA_THREADS", &settings.intra_threads, processors, 1..=256),
            api_token: check.token(given(&settings.api_token)),
            cors_allow_origins: check.origins(given(&settings.cors_allow_origins)),
            web_ui: check.switch("WEB_UI", given(&settings.web_ui), true),
            host: given(&settings.host).unwrap_or("127.0.0.1").to_owned(),
            port: check.number("PORT", &settings.port, 5000, 0..=u16::MAX),
            max_concurrency: check.number(
                "MAX_CONCURRENCY",
                &settings.max_concurrency,
                // One more, so that no processor waits while an answer is handed over.
                processors + 1,
                1..=1024,
            ),
            max_queue: check.number("MAX_QUEUE", &settings.max_queue, 64, 0..=100_000),
            max_connections: check.number("MAX_CONNECTIONS", &settings.max_connections, 512, 1..=100_000),
            request_timeout: Duration::from_millis(check.number(
                "REQUEST_TIMEOUT_MS",
                &settings.request_timeout_ms,
                30_000,
                1..=3_600_000,
            )),
            metrics: check.switch("METRICS", given(&settings.metrics), true),
            traces: Traces::checked(&mut check),
            processors,
            lambda: lambda::environment(),
        };
        check.mistakes.extend(lambda::missing_variables());
        check.finish(config)
    }
}

impl Config {
    /// Whether there is `/metrics`: under Lambda the metrics are lines of the log.
    pub fn serves_metrics(&self) -> bool {
        self.metrics && self.lambda.is_none()
    }

    /// Sessions that are worth having: more runs at the same time than that would only take memory, some 20 MB each.
    pub fn sessions(&self) -> usize {
        self.max_concurrency.min(self.processors + 1)
    }
}

fn given(setting: &Option<String>) -> Option<&str> {
    setting.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_told_in_one_message() {
        let settings = Settings {
            top_k: Some("0".into()),
            min_score: Some("NaN".into()),
            port: Some("70000".into()),
            web_ui: Some("perhaps".into()),
            api_token: Some("a secret".into()),
            cors_allow_origins: Some("example.com".into()),
            ..Settings::default()
        };
        let message = Config::from_settings(&settings).unwrap_err().to_string();
        for name in ["TOP_K", "MIN_SCORE", "PORT", "WEB_UI", "API_TOKEN", "CORS_ALLOW_ORIGINS"] {
            assert!(message.contains(name), "{name} is missing in: {message}");
        }
        assert_eq!(message.lines().count(), 6);
        assert!(!message.contains("a secret"));
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let settings =
            Settings { top_k: Some(String::new()), min_score: Some("  ".into()), ..Settings::default() };
        let config = Config::from_settings(&settings).unwrap();
        assert_eq!((config.top_k, config.min_score), (3, 0.0));
    }

    #[test]
    #[cfg(feature = "s3")]
    fn buckets_are_names_and_results_have_a_prefix() {
        let with = |buckets: &str, results: &str, upload: &str| {
            Config::from_settings(&Settings {
                s3_buckets: Some(buckets.into()),
                results: Some(results.into()),
                upload_bucket: Some(upload.into()),
                ..Settings::default()
            })
        };
        let storage = with(" photos,my.photos-2, ", "s3://labels/v1/", "").unwrap().storage;
        assert_eq!(Vec::from_iter(&storage.buckets), ["my.photos-2", "photos"]);
        let results = storage.results.unwrap();
        assert_eq!((results.bucket.as_str(), results.prefix.as_str()), ("labels", "v1"));
        assert_eq!(results.key("photos/a.jpg.json"), "v1/photos/a.jpg.json");
        assert_eq!(storage.upload_bucket, None);
        assert_eq!(with("", "s3://labels", "").unwrap().storage.results.unwrap().key("a"), "a");
        for (buckets, results, upload, named) in [
            ("photos,Photos", "", "", "Photos"),
            ("*", "", "", "S3_BUCKETS"),
            ("s3://photos", "", "", "S3_BUCKETS"),
            ("ab", "", "", "S3_BUCKETS"),
            ("", "labels/v1", "", "RESULTS"),
            ("", "s3://labels/../v1", "", "RESULTS"),
            ("", "s3://labels//v1", "", "RESULTS"),
            ("", "", "uploads/", "UPLOAD_BUCKET"),
        ] {
            let message = with(buckets, results, upload).unwrap_err().to_string();
            assert!(message.contains(named) && message.lines().count() == 1, "{message}");
        }
    }

    #[test]
    fn origins_are_a_star_or_a_list() {
        let origins = |text: &str| {
            let settings = Settings { cors_allow_origins: Some(text.into()), ..Settings::default() };
            Config::from_settings(&settings).unwrap().cors_allow_origins
        };
        assert_eq!(origins("*"), CorsOrigins::Any);
        assert_eq!(origins(""), CorsOrigins::None);
        let list = vec!["https://a.example".to_owned(), "http://localhost:8080".to_owned()];
        assert_eq!(origins("https://a.example/, http://localhost:8080"), CorsOrigins::List(list));
    }
}
