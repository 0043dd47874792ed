//! Selects the pictures that count as examples: each once, with one label, and enough for each class.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::PictureHash;

/// Minimum number of pictures of a class: with fewer, a fold of the cross-validation would have none.
pub(crate) const MIN_PICTURES: usize = 5;

/// A picture that was read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Example {
    pub(crate) path: PathBuf,
    /// SHA-256 of the file.
    pub(crate) hash: PictureHash,
    /// Index of its label.
    pub(crate) class: usize,
    pub(crate) embedding: Vec<f32>,
}

/// Keeps one example of each picture, ordered by class and hash. Pictures with several labels are added to
/// `left_out`, because it is not known which label is right.
pub(crate) fn distinct(
    examples: Vec<Example>,
    labels: &[String],
    left_out: &mut Vec<String>,
) -> Vec<Example> {
    let mut pictures: BTreeMap<PictureHash, Vec<Example>> = BTreeMap::new();
    for example in examples {
        pictures.entry(example.hash).or_default().push(example);
    }
    let mut kept = Vec::with_capacity(pictures.len());
    for mut copies in pictures.into_values() {
        let Some(first) = copies.pop() else { continue };
        match copies.iter().find(|copy| copy.class != first.class) {
            Some(other) => left_out.push(format!(
                "{} and {} are the same picture, but one is labelled \"{}\" and the other \"{}\"",
                other.path.display(),
                first.path.display(),
                labels[other.class],
                labels[first.class]
            )),
            None => kept.push(first),
        }
    }
    // The sort is stable, so the examples of a class stay in the order of their hashes.
    kept.sort_by_key(|example| example.class);
    kept
}

/// Checks that there are at least two classes, each with enough different pictures. `classes` holds the class
/// of each picture.
///
/// # Errors
///
/// What is missing.
pub(crate) fn check(labels: &[String], classes: impl Iterator<Item = usize>) -> Result<(), String> {
    let mut counts = vec![0; labels.len()];
    classes.for_each(|class| counts[class] += 1);
    if labels.len() < 2 {
        let only = labels.first().map_or("none", |label| label);
        return Err(format!("at least two classes are needed to tell apart, but there is only one: {only}"));
    }
    let few: Vec<String> = labels
        .iter()
        .zip(&counts)
        .filter(|&(_, &count)| count < MIN_PICTURES)
        .map(|(label, count)| format!("{label} ({count})"))
        .collect();
    if few.is_empty() {
        return Ok(());
    }
    Err(format!(
        "each class needs at least {MIN_PICTURES} different pictures that can be read; too few are of: {}",
        few.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(path: &str, hash: u8, class: usize) -> Example {
        Example { path: path.into(), hash: [hash; 32], class, embedding: vec![f32::from(hash)] }
    }

    fn labels(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_picture_counts_once_and_not_at_all_with_two_labels() {
        let examples = vec![
            example("b/1", 4, 1),
            example("a/1", 9, 0),
            example("a/2", 2, 0),
            example("a/copy", 9, 0),
            example("a/odd", 7, 0),
            example("b/odd", 7, 1),
        ];
        let mut left_out = Vec::new();
        let kept = distinct(examples, &labels(&["ant", "bee"]), &mut left_out);
        let hashes: Vec<u8> = kept.iter().map(|example| example.hash[0]).collect();
        assert_eq!(hashes, [2, 9, 4]);
        assert_eq!(
            left_out,
            ["a/odd and b/odd are the same picture, but one is labelled \"ant\" and the other \"bee\""]
        );
    }

    #[test]
    fn two_classes_of_five_pictures_are_the_least() {
        let classes = |counts: &[usize]| {
            counts.iter().enumerate().flat_map(|(class, &count)| vec![class; count]).collect::<Vec<_>>()
        };
        let check = |names: &[&str], counts: &[usize]| check(&labels(names), classes(counts).into_iter());
        assert_eq!(check(&["ant", "bee"], &[5, 5]), Ok(()));
        let message = check(&["ant"], &[9]).unwrap_err();
        assert!(message.ends_with("there is only one: ant"), "{message}");
        let message = check(&["ant", "bee", "cat"], &[4, 5, 0]).unwrap_err();
        assert!(message.ends_with("too few are of: ant (4), cat (0)"), "{message}");
    }
}
