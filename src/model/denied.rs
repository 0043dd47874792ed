//! `DENY_LABELS`: the classes that are never returned.

use std::collections::{BTreeSet, HashMap};

use super::Labels;

/// Classes that are left out of every answer.
#[derive(Debug)]
pub(super) struct Denied(BTreeSet<usize>);

impl Denied {
    /// Reads a list of class ids, WordNet ids and names, separated by commas, semicolons or line breaks.
    /// Names are case-insensitive and may contain commas. A name selects every class that has this name or
    /// belongs to a category that has it.
    ///
    /// # Errors
    ///
    /// The unknown entries, or a message that no class is left.
    pub(super) fn read(list: &str, labels: &Labels) -> Result<Self, String> {
        let names = if list.is_empty() { Names::default() } else { Names::of(labels) };
        let (mut denied, mut unknown) = (BTreeSet::new(), Vec::new());
        for entry in list.split([';', '\n']) {
            let mut rest = entry.trim_matches(SEPARATORS);
            while !rest.is_empty() {
                let (classes, length) = names.longest(rest);
                if classes.is_empty() {
                    unknown.push(format!("\"{}\"", rest[..length].trim()));
                }
                denied.extend(classes);
                rest = rest[length..].trim_start_matches(SEPARATORS);
            }
        }
        if !unknown.is_empty() {
            return Err(format!(
                "DENY_LABELS names what is no class id, WordNet id, label or category of this model: {}",
                unknown.join(", ")
            ));
        }
        if denied.len() == labels.len() {
            return Err("DENY_LABELS names every class of this model; none is left to answer".to_owned());
        }
        Ok(Self(denied))
    }

    pub(super) fn holds(&self, class_id: usize) -> bool {
        self.0.contains(&class_id)
    }
}

/// Characters between entries. Semicolons and line breaks are split off before.
const SEPARATORS: [char; 4] = [',', ' ', '\t', '\r'];

/// The names of the classes.
#[derive(Default)]
struct Names {
    /// Name, WordNet id or Chinese name, in lower case → class ids.
    classes: HashMap<String, Vec<usize>>,
    /// Maximum number of commas in a name.
    commas: usize,
    count: usize,
}

impl Names {
    fn of(labels: &Labels) -> Self {
        let mut names = Self { count: labels.len(), ..Self::default() };
        for (class_id, label) in labels.iter().enumerate() {
            let own = [Some(&label.name), label.wnid.as_ref(), label.name_zh.as_ref()];
            let parents =
                label.parents.iter().flat_map(|parent| [Some(&parent.name), parent.name_zh.as_ref()]);
            for name in own.into_iter().chain(parents).flatten() {
                names.commas = names.commas.max(name.matches(',').count());
                names.classes.entry(name.to_lowercase()).or_default().push(class_id);
            }
        }
        names
    }

    /// Finds the longest part at the start of `list`, up to a comma or the end, that names classes. Returns
    /// the classes and the length of this part in bytes. If nothing matches, returns no classes and the
    /// length up to the first comma.
    fn longest(&self, list: &str) -> (Vec<usize>, usize) {
        let ends = list.match_indices(',').map(|(at, _)| at).chain([list.len()]).take(self.commas + 1);
        let found = ends.map(|end| (self.find(list[..end].trim()), end));
        let first = list.find(',').unwrap_or(list.len());
        found.filter(|(classes, _)| !classes.is_empty()).last().unwrap_or((Vec::new(), first))
    }

    fn find(&self, text: &str) -> Vec<usize> {
        match text.parse() {
            Ok(class_id) if class_id < self.count => vec![class_id],
            _ => self.classes.get(&text.to_lowercase()).cloned().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Labels {
        Labels::from_tsv(
            "class_id\twnid\ten\tparents\n0\tn1\ttench, Tinca tinca\tfish|animal\n1\tn2\tcrane\tbird|animal\n\
             2\tn3\tcrane\tmachine\n3\tn4\tTinca\tfish|animal\n4\t\t7\n",
        )
        .unwrap()
    }

    #[test]
    fn classes_are_denied_by_id_wnid_and_name() {
        for (list, expected) in [
            ("", &[][..]),
            (" ; ,\n", &[]),
            ("0", &[0]),
            ("n1,3", &[0, 3]),
            ("Crane", &[1, 2]),
            ("tench, tinca tinca", &[0]),
            ("crane, tench, Tinca tinca, tinca", &[0, 1, 2, 3]),
            ("tench, Tinca tinca;n4\n2", &[0, 2, 3]),
            // A name that consists of digits but is not a class id.
            ("7", &[4]),
            // Categories.
            ("Machine", &[2]),
            ("animal", &[0, 1, 3]),
            ("fish, 7", &[0, 3, 4]),
        ] {
            let denied = Denied::read(list, &labels()).unwrap();
            assert_eq!(denied.0.iter().copied().collect::<Vec<_>>(), expected, "{list:?}");
        }
    }

    #[test]
    fn what_is_no_class_is_told_all_at_once() {
        let message = Denied::read("dog, crane, n9; 12", &labels()).unwrap_err();
        assert!(message.ends_with(": \"dog\", \"n9\", \"12\""), "{message}");
        let message = Denied::read("0,1,2,3,4", &labels()).unwrap_err();
        assert!(message.contains("none is left"), "{message}");
    }
}
