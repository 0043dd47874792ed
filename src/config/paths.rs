//! Where the model bundle and ONNX Runtime are looked for when nothing is said.

use std::path::{Path, PathBuf};

/// `MODEL_DIR`, else `model` beside the executable (the deployment zip), else `./model` (the source tree).
pub(super) fn model_dir(setting: Option<&str>) -> PathBuf {
    setting.map(PathBuf::from).unwrap_or_else(|| beside_executable("model"))
}

/// `ORT_DYLIB_PATH`, else the library beside the executable, else the one that `make` fetched into `./lib`.
pub(super) fn ort_dylib(setting: Option<&str>) -> PathBuf {
    setting.map(PathBuf::from).unwrap_or_else(|| beside_executable("lib/libonnxruntime.so"))
}

fn beside_executable(relative: &str) -> PathBuf {
    let executable = std::env::current_exe().ok();
    let beside = executable.as_deref().and_then(Path::parent).map(|folder| folder.join(relative));
    // `symlink_metadata`: a dangling link in the zip must be reported as such, not passed over.
    match beside {
        Some(path) if path.symlink_metadata().is_ok() => path,
        _ => PathBuf::from(relative),
    }
}
