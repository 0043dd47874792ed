//! ONNX Runtime: the library and its one environment per process.

use std::error::Error as _;
use std::path::Path;
use std::sync::Arc;

use ort::environment::Environment;
use ort::logging::LogLevel;

use super::{elf, written};
use crate::StartError;

/// The loaded library. A process has only one, because ONNX Runtime allows only one environment.
pub struct Runtime {
    pub(super) environment: Environment,
    version: String,
}

impl Runtime {
    /// Loads the library and creates its environment, before the library can log anything. What the library writes to
    /// standard error meanwhile becomes lines of the log. `path` should be absolute: `ort` first looks for a relative
    /// path next to the executable.
    ///
    /// # Errors
    ///
    /// [`StartError::Runtime`] names the path, the fault and, if known, the version.
    pub fn load(path: &Path) -> Result<Self, StartError> {
        let library = elf::inspect(path);
        let version = library.version.unwrap_or_else(|| "unknown".to_owned());
        let fault = |what: String| {
            StartError::Runtime(format!(
                "cannot load {} (version {version}; 1.{} or later is needed): {what}",
                path.display(),
                ort::MINOR_VERSION
            ))
        };
        library.fault.map_or(Ok(()), |what| Err(fault(what)))?;
        let (loaded, text) = written::captured(|| ort::init_from(path));
        text.lines().for_each(log_written);
        let environment = loaded
            .map_err(|error| fault(load_fault(&error)))?
            .with_name("lambda-image-classifier")
            .with_telemetry(false)
            .with_logger(Arc::new(log))
            .build()
            .map_err(|error| fault(error.to_string()))?;
        // By default, the environment logs everything.
        environment.set_log_level(LogLevel::Warning);
        Ok(Self { environment, version })
    }

    /// The version of the library, such as `1.24.4`.
    pub fn version(&self) -> &str {
        &self.version
    }
}

fn load_fault(error: &ort::LoadDynamicError) -> String {
    match error {
        // The source contains the reason, such as a missing symbol version.
        ort::LoadDynamicError::Dlopen { error, .. } => {
            error.source().map_or_else(|| error.to_string(), ToString::to_string)
        }
        ort::LoadDynamicError::MissingApi { .. } => "it is not ONNX Runtime".to_owned(),
        ort::LoadDynamicError::InvalidVersionString => "it does not tell its version".to_owned(),
        ort::LoadDynamicError::BadVersion { version_str, .. } => {
            format!("it is version {version_str}")
        }
    }
}

/// Logs a line that the library wrote while it was loaded, before it had [`log`].
///
/// On arm64 it looks for the kinds of processors in `/sys` and `/proc/cpuinfo`, and complains where they do not tell, as in
/// Lambda at each cold start. It then asks the kernel for the features of the processor, so that nothing is lost.
fn log_written(line: &str) {
    const OF_THE_PROCESSOR: [&str; 2] = ["Error in cpuinfo: ", "onnxruntime cpuid_info warning: "];
    if OF_THE_PROCESSOR.iter().any(|start| line.starts_with(start)) {
        tracing::debug!("ONNX Runtime: {line}");
    } else {
        tracing::warn!("ONNX Runtime: {line}");
    }
}

fn log(level: LogLevel, category: &str, _id: &str, location: &str, message: &str) {
    match level {
        LogLevel::Fatal | LogLevel::Error => tracing::error!(category, location, "ONNX Runtime: {message}"),
        LogLevel::Warning => tracing::warn!(category, location, "ONNX Runtime: {message}"),
        LogLevel::Info => tracing::debug!(category, location, "ONNX Runtime: {message}"),
        LogLevel::Verbose => tracing::trace!(category, location, "ONNX Runtime: {message}"),
    }
}
