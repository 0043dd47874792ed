//! The links between this repository's documents.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use crate::repository;

/// The Markdown files at the top, in `docs`, and in the folders with a file for people.
fn documents() -> Vec<PathBuf> {
    let folders = ["", "docs", "events", "bench", "tools", "model"];
    let files = folders.iter().flat_map(|folder| fs::read_dir(repository(folder)).unwrap());
    let files = files.map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

/// Returns the targets of links: the parentheses after a link's text.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(link, _)| link))
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(text: &str) -> HashSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let slug = |heading: &str| {
        let lower = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = lower.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(slug).collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_that_exist() {
    let mut checked = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for link in links(&text).filter(|link| !link.contains("://") && !link.contains(' ')) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let folder = document.parent().unwrap();
            let target = if path.is_empty() { document.clone() } else { folder.join(path) };
            assert!(target.exists(), "{}: {link} leads nowhere", document.display());
            let has_anchor = || anchors(&fs::read_to_string(&target).unwrap()).contains(anchor);
            assert!(anchor.is_empty() || has_anchor(), "{}: {link}: no such heading", document.display());
            checked += 1;
        }
    }
    assert!(checked > 50, "only {checked} links were found");
}

#[test]
fn every_document_is_in_the_index() {
    let index = fs::read_to_string(repository("docs/README.md")).unwrap();
    for document in documents().iter().filter(|path| path.parent().is_some_and(|dir| dir.ends_with("docs"))) {
        let name = document.file_name().and_then(|name| name.to_str()).unwrap();
        assert!(
            name == "README.md" || index.contains(&format!("({name})")),
            "{name} is not in docs/README.md"
        );
    }
}
