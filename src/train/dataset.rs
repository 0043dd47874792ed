//! Lists the photos to train on and their labels, from a folder for each class or from a table.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Files with their labels.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Dataset {
    /// The names of the classes, sorted.
    pub(crate) labels: Vec<String>,
    /// Each file with the index of its label, sorted by label and path.
    pub(crate) files: Vec<(PathBuf, usize)>,
}

impl Dataset {
    /// Reads `source`: a folder with one folder for each class, or a CSV file with the columns `file` and
    /// `label`. Paths in a CSV file are relative to its folder.
    ///
    /// # Errors
    ///
    /// What is wrong with it, as a message for the user.
    pub(crate) fn read(source: &Path) -> Result<Self, String> {
        let files = if source.is_dir() { in_folders(source)? } else { in_table(source)? };
        let mut classes: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        for (path, label) in files {
            classes.entry(label).or_default().push(path);
        }
        let mut dataset = Self::default();
        for (class, (label, mut paths)) in classes.into_iter().enumerate() {
            paths.sort();
            dataset.labels.push(label);
            dataset.files.extend(paths.into_iter().map(|path| (path, class)));
        }
        Ok(dataset)
    }
}

/// The files of each folder in `dir`, with the folder's name.
fn in_folders(dir: &Path) -> Result<Vec<(PathBuf, String)>, String> {
    let mut files = Vec::new();
    for path in visible(dir)?.into_iter().filter(|path| path.is_dir()) {
        let name = path.file_name().and_then(|name| name.to_str());
        let label = name.ok_or_else(|| format!("{}: the name is not UTF-8", path.display()))?;
        collect(&path, label, &mut files)?;
    }
    if files.is_empty() {
        return Err(format!(
            "{} holds no folders with photos: make a folder for each class, named as the class is to be called, and put \
             its photos into it",
            dir.display()
        ));
    }
    Ok(files)
}

/// Adds the files of a folder and of its subfolders.
fn collect(dir: &Path, label: &str, files: &mut Vec<(PathBuf, String)>) -> Result<(), String> {
    for path in visible(dir)? {
        if path.is_file() {
            files.push((path, label.to_owned()));
        } else if path.is_dir() && !path.is_symlink() {
            // Links are not followed, because they could lead back to a parent folder.
            collect(&path, label, files)?;
        }
    }
    Ok(())
}

/// The entries of a folder, except hidden ones (`.DS_Store`).
fn visible(dir: &Path) -> Result<Vec<PathBuf>, String> {
    let fault = |error: std::io::Error| format!("{}: {error}", dir.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    Ok(paths)
}

/// Reads the rows of a CSV file. Its first line shows the separator of the columns: a comma, a semicolon or a
/// tab.
fn in_table(table: &Path) -> Result<Vec<(PathBuf, String)>, String> {
    let fault = |what: String| format!("{}: {what}", table.display());
    let text = fs::read_to_string(table).map_err(|error| fault(error.to_string()))?;
    let text = text.trim_start_matches('\u{feff}');
    let first = text.lines().next().unwrap_or_default();
    let delimiter = [b';', b'\t'].into_iter().find(|&byte| first.as_bytes().contains(&byte)).unwrap_or(b',');
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| fault(error.to_string()))?;
    let column = |name: &str| header.iter().position(|title| title.eq_ignore_ascii_case(name));
    let (Some(file), Some(label)) = (column("file"), column("label")) else {
        return Err(fault("its first line must name the columns file and label: file,label".to_owned()));
    };
    let folder = table.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut files = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| fault(error.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let field = |column: usize, name: &str| {
            let text = record.get(column).filter(|text| !text.is_empty());
            text.ok_or_else(|| fault(format!("line {line}: the {name} is missing")))
        };
        files.push((folder.join(field(file, "file")?), field(label, "label")?.to_owned()));
    }
    if files.is_empty() { Err(fault("it names no files".to_owned())) } else { Ok(files) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        dir
    }

    fn files(dataset: &Dataset, dir: &Path) -> Vec<(String, usize)> {
        let relative = |path: &Path| path.strip_prefix(dir).unwrap().to_string_lossy().into_owned();
        dataset.files.iter().map(|(path, class)| (relative(path), *class)).collect()
    }

    #[test]
    fn each_folder_is_a_class_with_all_files_below_it() {
        let dir = folder(&[
            ("dog/2.png", ""),
            ("dog/more/1.png", ""),
            ("cat/9.jpg", ""),
            ("cat/.DS_Store", ""),
            (".git/x.jpg", ""),
            ("readme.txt", ""),
        ]);
        let dataset = Dataset::read(dir.path()).unwrap();
        assert_eq!(dataset.labels, ["cat", "dog"]);
        let expected = [("cat/9.jpg", 0), ("dog/2.png", 1), ("dog/more/1.png", 1)];
        assert_eq!(files(&dataset, dir.path()), expected.map(|(path, class)| (path.to_owned(), class)));
    }

    #[test]
    fn a_table_is_read_by_its_header_whatever_separates_its_columns() {
        for (table, separated) in [
            ("a.csv", "\u{feff}file,label\r\nb.jpg,dog\r\na.jpg,\"cat, or the like\"\r\n"),
            ("b.csv", "id;Label;File\n1;dog;b.jpg\n2; cat, or the like ;a.jpg\n"),
            ("c.csv", "file\tlabel\nb.jpg\tdog\na.jpg\tcat, or the like\n"),
        ] {
            let dir = folder(&[(table, separated)]);
            let dataset = Dataset::read(&dir.path().join(table)).unwrap();
            assert_eq!(dataset.labels, ["cat, or the like", "dog"], "{table}");
            assert_eq!(files(&dataset, dir.path()), [("a.jpg".to_owned(), 0), ("b.jpg".to_owned(), 1)]);
        }
    }

    #[test]
    fn what_is_wrong_with_a_source_is_told() {
        for (file, content, expected) in [
            ("a.csv", "a.jpg,cat\n", "a.csv: its first line must name the columns file and label"),
            ("a.csv", "", "its first line must name"),
            ("a.csv", "file,label\n", "a.csv: it names no files"),
            ("a.csv", "file,label\na.jpg,cat\nb.jpg,\n", "a.csv: line 3: the label is missing"),
            ("a.csv", "file,label\na.jpg\n", "a.csv: CSV error: record 1 (line: 2"),
            ("", "", "holds no folders with photos"),
        ] {
            let dir = if file.is_empty() { folder(&[("a.jpg", "")]) } else { folder(&[(file, content)]) };
            let message = Dataset::read(&dir.path().join(file)).unwrap_err();
            assert!(message.contains(expected), "{content:?} gave {message:?}");
        }
        let message = Dataset::read(Path::new("/nowhere")).unwrap_err();
        assert!(message.contains("/nowhere: No such file"), "{message}");
    }
}
