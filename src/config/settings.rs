//! Every flag and environment variable, as it was given.

use clap::Args;

use super::{Logging, given, lambda};

/// The settings as they were given, before they are checked. Each is text, so that all mistakes can be named in
/// one message rather than one a start.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Settings")]
pub struct Settings {
    /// The model bundle [default: `model` beside the executable, else `./model`]
    #[arg(long, env = "MODEL_DIR", global = true, value_name = "DIR")]
    pub(super) model_dir: Option<String>,

    /// Which .onnx file of the bundle, relative to it [default: model.onnx, else the only one]
    #[arg(long, env = "MODEL_FILE", global = true, value_name = "FILE")]
    pub(super) model_file: Option<String>,

    /// ONNX Runtime's library [default: `lib/libonnxruntime.so` beside the executable, else in `./lib`]
    #[arg(long, env = "ORT_DYLIB_PATH", global = true, value_name = "FILE")]
    pub(super) ort_dylib_path: Option<String>,

    /// How many labels to answer, 1 or more [default: 3]
    #[arg(long, env = "TOP_K", global = true, value_name = "N")]
    pub(super) top_k: Option<String>,

    /// Leave out labels whose score is lower, 0 to 1 [default: 0]
    #[arg(long, env = "MIN_SCORE", global = true, value_name = "SCORE")]
    pub(super) min_score: Option<String>,

    /// Labels that are never answered: class ids, WordNet ids or names, separated by commas [default: none]
    #[arg(long, env = "DENY_LABELS", global = true, value_name = "LABELS")]
    pub(super) deny_labels: Option<String>,

    /// Largest body in bytes, after base64 is undone [default: 10485760]
    #[arg(long, env = "MAX_BODY_BYTES", global = true, value_name = "BYTES")]
    pub(super) max_body_bytes: Option<String>,

    /// Largest image in pixels, by its header [default: 64000000]
    #[arg(long, env = "MAX_PIXELS", global = true, value_name = "PIXELS")]
    pub(super) max_pixels: Option<String>,

    /// Most images in one request [default: 16]
    #[arg(long, env = "MAX_IMAGES", global = true, value_name = "N")]
    pub(super) max_images: Option<String>,

    /// Answers remembered by the hash of their image, 4 bytes a class each; 0 remembers none [default: 256]
    #[arg(long, env = "CACHE_ENTRIES", global = true, value_name = "N")]
    pub(super) cache_entries: Option<String>,

    /// Threads of ONNX Runtime [default: the processors available]
    #[arg(long, env = "INTRA_THREADS", global = true, value_name = "N")]
    pub(super) intra_threads: Option<String>,

    /// Buckets of S3 whose objects may be read, separated by commas [default: none]
    #[arg(long, env = "S3_BUCKETS", global = true, value_name = "BUCKETS")]
    pub(super) s3_buckets: Option<String>,

    /// Largest object that is read from S3, in bytes [default: 52428800]
    #[arg(long, env = "MAX_OBJECT_BYTES", global = true, value_name = "BYTES")]
    pub(super) max_object_bytes: Option<String>,

    /// Where events leave their answers: `s3://bucket/prefix` [default: nowhere]
    #[arg(long, env = "RESULTS", global = true, value_name = "PREFIX")]
    pub(super) results: Option<String>,

    /// The bucket that `POST /uploads` lets callers put photos into [default: none]
    #[arg(long, env = "UPLOAD_BUCKET", global = true, value_name = "BUCKET")]
    pub(super) upload_bucket: Option<String>,

    /// Answer only who sends this token as `Authorization: Bearer …` [default: everyone]
    #[arg(long, env = "API_TOKEN", global = true, value_name = "TOKEN", hide_env_values = true)]
    pub(super) api_token: Option<String>,

    /// Origins that may call from a web page: `*` or a comma-separated list [default: none]
    #[arg(long, env = "CORS_ALLOW_ORIGINS", global = true, value_name = "ORIGINS")]
    pub(super) cors_allow_origins: Option<String>,

    /// Serve the web page at `/`: true or false [default: true]
    #[arg(long, env = "WEB_UI", global = true, value_name = "BOOL")]
    pub(super) web_ui: Option<String>,

    /// Address of the local server [default: 127.0.0.1]
    #[arg(long, env = "HOST", global = true, value_name = "ADDRESS")]
    pub(super) host: Option<String>,

    /// Port of the local server; 0 takes a free one [default: 5000]
    #[arg(long, env = "PORT", global = true, value_name = "PORT")]
    pub(super) port: Option<String>,

    /// Requests that are worked on at the same time [default: one more than the processors available]
    #[arg(long, env = "MAX_CONCURRENCY", global = true, value_name = "N")]
    pub(super) max_concurrency: Option<String>,

    /// Requests that wait while others are worked on; those beyond are answered 503 [default: 64]
    #[arg(long, env = "MAX_QUEUE", global = true, value_name = "N")]
    pub(super) max_queue: Option<String>,

    /// Connections of the local server at the same time; those beyond wait [default: 512]
    #[arg(long, env = "MAX_CONNECTIONS", global = true, value_name = "N")]
    pub(super) max_connections: Option<String>,

    /// Time in which a request must have arrived at the local server, begun to be worked on, and had its objects read [default:
    /// 30000]
    #[arg(long, env = "REQUEST_TIMEOUT_MS", global = true, value_name = "MS")]
    pub(super) request_timeout_ms: Option<String>,

    /// Count and measure: true or false. Under Lambda lines for CloudWatch, else text at `/metrics` [default: true]
    #[arg(long, env = "METRICS", global = true, value_name = "BOOL")]
    pub(super) metrics: Option<String>,

    /// Log filter: a level, or levels of modules, such as `info,hyper=debug`; AWS_LAMBDA_LOG_LEVEL wins [default: info]
    #[arg(long, env = "RUST_LOG", global = true, value_name = "FILTER")]
    pub(super) rust_log: Option<String>,
}

impl Settings {
    /// How to log.
    pub fn logging(&self) -> Logging {
        let json = lambda::variable("AWS_LAMBDA_LOG_FORMAT")
            .is_some_and(|format| format.eq_ignore_ascii_case("json"));
        let level = lambda::log_level().map(|level| level.to_ascii_lowercase());
        // Rust's log has no level above error.
        let level = level.map(|level| if level == "fatal" { "error".to_owned() } else { level });
        let filter = level.or_else(|| given(&self.rust_log).map(str::to_owned));
        Logging { filter: filter.unwrap_or_else(|| "info".to_owned()), json, lambda: lambda::is_runtime() }
    }
}
