//! The front matter of a model card: the `key: value` lines between two `---` at the top of `README.md`.
//!
//! Only plain scalars are read. Lists and nested maps, which Hugging Face cards also contain, are ignored.

/// The value of `key`, without quotes and escapes.
pub(super) fn scalar(card: &str, key: &str) -> Option<String> {
    let mut lines = card.lines();
    if lines.next()?.trim() != "---" {
        return None;
    }
    lines
        .take_while(|line| line.trim() != "---")
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| *name == key)
        .map(|(_, value)| unquoted(value.trim()))
        .filter(|value| !value.is_empty())
}

/// Within double quotes, YAML has the escapes of JSON.
fn unquoted(value: &str) -> String {
    serde_json::from_str(value).unwrap_or_else(|_| value.trim_matches(['"', '\'']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::scalar;

    #[test]
    fn only_scalars_between_the_dashes_are_read() {
        let card = "---\nlicense: apache-2.0\ntags:\n  - vision\nname: \"lite: \\\"0\\\"\"\n---\nlicense: mit\nother: x\n";
        assert_eq!(scalar(card, "license"), Some("apache-2.0".into()));
        assert_eq!(scalar(card, "name"), Some("lite: \"0\"".into()));
        assert_eq!(scalar(card, "tags"), None);
        assert_eq!(scalar(card, "other"), None);
        assert_eq!(scalar("license: mit", "license"), None);
    }
}
