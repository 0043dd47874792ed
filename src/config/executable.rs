//! Where this program's file is.

use std::env;
use std::path::{Path, PathBuf};

/// The path of the program's file. The kernel tells it through `/proc`; where that is not mounted, the name by which the
/// program was started tells it, too.
pub(super) fn path() -> Option<PathBuf> {
    env::current_exe().ok().or_else(|| {
        let name = PathBuf::from(env::args_os().next()?);
        found(&name, env::var_os("PATH").iter().flat_map(env::split_paths))
    })
}

/// A name with a slash is a path already; any other was looked for in folders.
fn found(name: &Path, folders: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    let path = if name.components().count() > 1 {
        name.to_owned()
    } else {
        folders.map(|folder| folder.join(name)).find(|path| path.is_file())?
    };
    std::path::absolute(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_by_the_name_it_was_started_with() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        std::fs::write(&program, "").unwrap();
        let folders = || [PathBuf::from("/nowhere"), folder.path().to_owned()].into_iter();
        assert_eq!(found(&program, folders()), Some(program.clone()));
        assert_eq!(found(Path::new("program"), folders()), Some(program));
        assert_eq!(found(Path::new("another"), folders()), None);
        let here = env::current_dir().unwrap();
        assert_eq!(found(Path::new("./program"), folders()), Some(here.join("program")));
    }
}
