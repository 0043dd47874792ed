//! Where the model bundle and ONNX Runtime are looked for when nothing is said.

use std::path::{Path, PathBuf};

use super::executable;

// All are absolute, so that a message about a missing file tells where it was looked for.

/// `MODEL_DIR`, else `model` beside the executable (the deployment zip), else `./model` (the source tree).
pub(super) fn model_dir(setting: Option<&str>) -> PathBuf {
    absolute(setting.map(PathBuf::from).unwrap_or_else(|| beside_executable("model")))
}

/// `ORT_DYLIB_PATH`, else the library beside the executable, else the one that `make` fetched into `./lib`.
pub(super) fn ort_dylib(setting: Option<&str>) -> PathBuf {
    absolute(setting.map(PathBuf::from).unwrap_or_else(|| beside_executable("lib/libonnxruntime.so")))
}

/// The commit that was built, from the file `COMMIT` that `make package` writes beside the executable.
pub(crate) fn commit() -> Option<String> {
    let folder = executable::path()?.parent()?.to_owned();
    let text = std::fs::read_to_string(folder.join("COMMIT")).ok()?;
    Some(text.trim().to_owned()).filter(|commit| !commit.is_empty())
}

fn absolute(path: PathBuf) -> PathBuf {
    // It fails for an empty path, and where the working directory is gone.
    std::path::absolute(&path).unwrap_or(path)
}

fn beside_executable(relative: &str) -> PathBuf {
    let executable = executable::path();
    let beside = executable.as_deref().and_then(Path::parent).map(|folder| folder.join(relative));
    // `symlink_metadata`: a dangling link in the zip must be reported as such, not passed over.
    match beside {
        Some(path) if path.symlink_metadata().is_ok() => path,
        _ => PathBuf::from(relative),
    }
}
