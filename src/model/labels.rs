//! The names of the classes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::{Value, json};

use super::fields::shown;

/// A category that a class belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    /// English name, or the name in the bundle.
    pub name: String,
    /// Chinese name, if the bundle has one.
    pub name_zh: Option<String>,
}

/// The names of one class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label {
    /// English name, or the name in the bundle.
    pub name: String,
    /// WordNet id, such as `n07920052`, if the bundle has one.
    pub wnid: Option<String>,
    /// Chinese name, if the bundle has one.
    pub name_zh: Option<String>,
    /// The categories of the class, nearest first; empty if the bundle has none. Classes share them.
    pub parents: Arc<[Parent]>,
}

/// The labels of all classes; the index is the class id.
#[derive(Clone, Debug)]
pub struct Labels(Vec<Arc<Label>>);

impl Labels {
    /// Reads `labels.tsv`: a header with the columns `class_id` and `en`, and optionally `wnid`, `zh`,
    /// `parents` and `parents_zh`, then one line per class, in any order. Parents are separated by `|`.
    ///
    /// # Errors
    ///
    /// What is wrong, with the line number.
    pub(super) fn from_tsv(text: &str) -> Result<Self, String> {
        let mut lines = text.trim_start_matches('\u{feff}').lines();
        let header: Vec<&str> = lines.next().unwrap_or_default().split('\t').map(str::trim).collect();
        let column = |name: &str| header.iter().position(|&title| title == name);
        let (Some(id), Some(en)) = (column("class_id"), column("en")) else {
            return Err("its first line must name the columns class_id and en, separated by tabs".to_owned());
        };
        let (wnid, zh) = (column("wnid"), column("zh"));
        let (parents, parents_zh) = (column("parents"), column("parents_zh"));
        let mut known_parents: HashMap<&str, Arc<[Parent]>> = HashMap::new();
        let mut labels = BTreeMap::new();
        for (index, line) in lines.enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
            let field = |column: usize| fields.get(column).copied().filter(|text| !text.is_empty());
            let fault = |what: &str| format!("line {}: {what}", index + 2);
            let class_id: usize =
                field(id).and_then(|text| text.parse().ok()).ok_or_else(|| fault("class_id is no number"))?;
            let label = Label {
                name: field(en).ok_or_else(|| fault("the label is missing"))?.to_owned(),
                wnid: wnid.and_then(field).map(str::to_owned),
                name_zh: zh.and_then(field).map(str::to_owned),
                parents: match parents.and_then(field) {
                    Some(names) => known_parents
                        .entry(names)
                        .or_insert_with(|| read_parents(names, parents_zh.and_then(field)))
                        .clone(),
                    None => Arc::default(),
                },
            };
            if labels.insert(class_id, label).is_some() {
                return Err(fault("this class_id stands twice"));
            }
        }
        Self::from_map(labels)
    }

    /// Reads names by class id, as `config.json` has them under `key`: an object from class ids to names, or
    /// a list.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn from_names(key: &str, names: &Value) -> Result<Self, String> {
        match names {
            Value::Object(names) => {
                Self::from_pairs(key, names.iter().map(|(id, name)| (json!(id), name.clone())))
            }
            Value::Array(names) => {
                Self::from_pairs(key, (0..).map(|id: usize| json!(id)).zip(names.iter().cloned()))
            }
            _ => Err(format!("{key} must be an object from class ids to names, or a list of names")),
        }
    }

    /// Reads the `label2id` of a Hugging Face `config.json`: an object from names to class ids.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn from_label2id(label2id: &Value) -> Result<Self, String> {
        let names = label2id.as_object().ok_or("label2id must be an object from names to class ids")?;
        Self::from_pairs("label2id", names.iter().map(|(name, id)| (id.clone(), json!(name))))
    }

    /// Renames the classes for whose names `rename` returns a new name.
    pub(super) fn renamed(self, rename: impl Fn(&str) -> Option<String>) -> Self {
        let renamed = |label: Arc<Label>| match rename(&label.name) {
            Some(name) => Arc::new(Label { name, ..(*label).clone() }),
            None => label,
        };
        Self(self.0.into_iter().map(renamed).collect())
    }

    /// The names that Transformers gives classes without a name: `LABEL_0` and so on.
    pub(super) fn numbered(classes: usize) -> Self {
        let label = |id| Label { name: format!("LABEL_{id}"), ..Label::default() };
        Self((0..classes).map(label).map(Arc::new).collect())
    }

    /// Makes labels of pairs of class id and name, each a number or a text. `key` is their source, for
    /// messages.
    fn from_pairs(key: &str, pairs: impl Iterator<Item = (Value, Value)>) -> Result<Self, String> {
        let text = |value: Value| match value {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let mut labels = BTreeMap::new();
        for (id, name) in pairs {
            let class_id: usize = text(id.clone())
                .and_then(|text| text.trim().parse().ok())
                .ok_or_else(|| format!("{key}: {} is not a class id", shown(&id)))?;
            let name = text(name.clone())
                .filter(|name| !name.trim().is_empty())
                .ok_or_else(|| format!("{key}: class {class_id} is called {}, not a name", shown(&name)))?;
            if labels.insert(class_id, Label { name, ..Label::default() }).is_some() {
                return Err(format!("{key}: class {class_id} stands twice"));
            }
        }
        Self::from_map(labels)
    }

    fn from_map(labels: BTreeMap<usize, Label>) -> Result<Self, String> {
        if labels.is_empty() {
            return Err("it holds no labels".to_owned());
        }
        match labels.keys().enumerate().find(|(expected, id)| expected != *id) {
            Some((missing, _)) => Err(format!("class {missing} has no label")),
            None => Ok(Self(labels.into_values().map(Arc::new).collect())),
        }
    }

    /// Number of classes, 1 or more.
    #[expect(clippy::len_without_is_empty, reason = "there is always at least one label")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The class with this WordNet id.
    pub fn class_of_wnid(&self, wnid: &str) -> Option<usize> {
        self.0.iter().position(|label| label.wnid.as_deref() == Some(wnid))
    }

    /// All labels, in the order of the class ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Label> {
        self.0.iter().map(|label| &**label)
    }

    /// The label of a class.
    pub fn get(&self, class_id: usize) -> Option<&Arc<Label>> {
        self.0.get(class_id)
    }
}

/// Reads a field `parents` of `labels.tsv`, with the Chinese names in the same order, if there are any.
fn read_parents(names: &str, names_zh: Option<&str>) -> Arc<[Parent]> {
    let mut names_zh = names_zh.into_iter().flat_map(|names| names.split('|'));
    let parents = names.split('|').map(|name| Parent {
        name: name.trim().to_owned(),
        name_zh: names_zh.next().map(|name| name.trim().to_owned()),
    });
    parents.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_by_its_header() {
        let labels =
            Labels::from_tsv("zh\twnid\tclass_id\ten\n金鱼\tn01443537\t1\tgoldfish\n\tn0\t0\ttench\n")
                .unwrap();
        let goldfish = labels.get(1).unwrap();
        assert_eq!((goldfish.name.as_str(), goldfish.name_zh.as_deref()), ("goldfish", Some("金鱼")));
        assert_eq!(labels.get(0).unwrap().name_zh, None);
        assert_eq!(labels.len(), 2);
    }

    #[test]
    fn what_is_wrong_with_a_table_is_told() {
        for (table, expected) in [
            ("", "first line"),
            ("id\tname\n0\tcat\n", "first line"),
            ("class_id\ten\n", "no labels"),
            ("class_id\ten\n0\tcat\n0\tdog\n", "line 3: this class_id stands twice"),
            ("class_id\ten\n0\tcat\n2\tdog\n", "class 1 has no label"),
            ("class_id\ten\nx\tcat\n", "line 2: class_id is no number"),
            ("class_id\ten\n0\t\n", "line 2: the label is missing"),
        ] {
            let message = Labels::from_tsv(table).unwrap_err();
            assert!(message.contains(expected), "{table:?} gave {message:?}");
        }
    }

    #[test]
    fn id2label_is_ordered_by_number_not_by_text() {
        let id2label: Value = (0..12).map(|id| (id.to_string(), json!(format!("class {id}")))).collect();
        let labels = Labels::from_names("id2label", &id2label).unwrap();
        assert_eq!(labels.get(10).unwrap().name, "class 10");
    }

    #[test]
    fn labels_are_read_in_every_form_that_trainers_write() {
        let names = |labels: Result<Labels, String>| {
            labels.map(|labels| labels.iter().map(|label| label.name.clone()).collect::<Vec<_>>())
        };
        for id2label in [json!({"0": "a", "1": "b"}), json!(["a", "b"]), json!({"1": "b", " 0": "a"})] {
            assert_eq!(names(Labels::from_names("id2label", &id2label)).unwrap(), ["a", "b"], "{id2label}");
        }
        assert_eq!(names(Labels::from_names("id2label", &json!({"0": 7, "1": 8}))).unwrap(), ["7", "8"]);
        for label2id in [json!({"b": 1, "a": 0}), json!({"b": "1", "a": "0"})] {
            assert_eq!(names(Labels::from_label2id(&label2id)).unwrap(), ["a", "b"], "{label2id}");
        }
        assert_eq!(names(Ok(Labels::numbered(2))).unwrap(), ["LABEL_0", "LABEL_1"]);
        for (id2label, expected) in [
            (json!({"cat": "0"}), "id2label: \"cat\" is not a class id"),
            (json!({"0": null}), "id2label: class 0 is called null, not a name"),
            (json!({"0": " "}), "id2label: class 0 is called \" \", not a name"),
            (json!({"0": "a", "00": "b"}), "id2label: class 0 stands twice"),
            (json!({"1": "a"}), "class 0 has no label"),
            (json!(3), "id2label must be an object from class ids to names, or a list of names"),
        ] {
            assert_eq!(names(Labels::from_names("id2label", &id2label)).unwrap_err(), expected);
        }
    }
}
