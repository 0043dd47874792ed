//! Why the program did not start.

use super::Cause;

/// Why the program could not start. The message is for the operator and may contain paths.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// All errors in the configuration, one per line.
    #[error("{0}")]
    Config(String),

    /// ONNX Runtime's library is missing, corrupt, or of the wrong kind.
    #[error("ONNX Runtime: {0}")]
    Runtime(String),

    /// The model bundle is incomplete or inconsistent.
    #[error("model bundle: {0}")]
    Bundle(String),

    /// The local server cannot listen on its address.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// `HOST:PORT`.
        address: String,
        /// The error of the operating system.
        cause: std::io::Error,
    },

    /// The operating system refuses to start the required threads.
    #[error("threads: {0}; is the memory or the number of processes limited too tightly?")]
    Threads(String),

    /// The connection to Lambda's Runtime API failed.
    #[error("Lambda Runtime API: {0}")]
    Lambda(Cause),

    /// A command cannot be executed as given.
    #[error("{0}")]
    Command(String),

    /// The server that `health` asked does not answer 200.
    #[error("{0}")]
    Unhealthy(String),
}
