//! The service's modules depend on each other in one direction, as ARCHITECTURE.md shows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::repository;

/// Each top-level module of `src`, with the modules that it uses.
type Uses = BTreeMap<String, BTreeSet<String>>;

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// Returns the code of a file without its comments and its tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().take_while(|line| *line != "mod tests {");
    lines.map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// Returns the names after each `crate::`; braces may contain several.
fn imported(code: &str) -> Vec<String> {
    let behind = code.split("crate::").skip(1);
    let names = behind.flat_map(|rest| match rest.strip_prefix('{') {
        Some(list) => list.split('}').next().unwrap().split(',').collect(),
        None => vec![rest],
    });
    let name =
        |text: &str| text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    // The crate's top-level exports come from these modules.
    let owner = |name: String| match name.as_str() {
        "Error" | "StartError" => "error".to_owned(),
        "Config" => "config".to_owned(),
        "Classifier" => "classifier".to_owned(),
        _ => name,
    };
    names.map(name).map(owner).filter(|name| !name.is_empty()).collect()
}

fn uses() -> Uses {
    let root = repository("src");
    let mut uses = Uses::new();
    for path in sources(&root) {
        let relative = path.strip_prefix(&root).unwrap();
        let is_test =
            relative.components().any(|part| part.as_os_str().to_str().unwrap().starts_with("tests"));
        let module = relative.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
        if is_test || ["lib", "main"].contains(&module.as_str()) {
            continue;
        }
        let used = imported(&code(&path)).into_iter().filter(|name| *name != module);
        let used = Vec::from_iter(used);
        uses.entry(module).or_default().extend(used);
    }
    uses
}

/// Returns the modules and the modules that they use, from the top down: each line uses only modules of later
/// lines. Panics if there is no such order.
fn drawn(mut uses: Uses) -> String {
    let mut lines = Vec::new();
    while !uses.is_empty() {
        let used: BTreeSet<_> = uses.values().flatten().cloned().collect();
        let top: Vec<_> = uses.keys().filter(|module| !used.contains(*module)).cloned().collect();
        assert!(!top.is_empty(), "these modules use each other in a circle: {uses:#?}");
        for module in top {
            let used = uses.remove(&module).unwrap();
            let used = if used.is_empty() { "nothing".to_owned() } else { Vec::from_iter(used).join(", ") };
            lines.push(format!("    {module:<10} → {used}"));
        }
    }
    lines.join("\n")
}

#[test]
fn no_module_uses_one_that_uses_it() {
    let drawn = drawn(uses());
    let document = fs::read_to_string(repository("ARCHITECTURE.md")).unwrap();
    assert!(
        document.contains(&drawn),
        "ARCHITECTURE.md must have these lines under \"Dependencies\":\n\n{drawn}\n"
    );
}
