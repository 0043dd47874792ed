//! Models that Ultralytics exported: all settings are in the model's own metadata.

use serde_json::Value;

use super::fields::pixels;
use super::geometry::{Anchor, Geometry, Resize, check_sides};
use super::preprocess::Plan;
use super::resize::Filter;
use super::{Labels, Preprocessor};

/// The transform for evaluation, from `task` and `imgsz`: scales the short side to the size (bilinear) and
/// crops the centre. If the size is not square, scales to exactly that size. Values are 0 to 1.
///
/// # Errors
///
/// The task of the model if it is not classification, or what is wrong with the size.
pub(super) fn preprocessor(task: &str, imgsz: &str) -> Result<Preprocessor, String> {
    if task != "classify" {
        return Err(format!(
            "the model was exported for the task \"{task}\"; only \"classify\" is supported"
        ));
    }
    let size: Value = serde_json::from_str(imgsz).unwrap_or_default();
    let (height, width) = match size.as_array().map(Vec::as_slice) {
        Some([height, width]) => pixels(height).zip(pixels(width)),
        Some([side]) => pixels(side).map(|side| (side, side)),
        _ => pixels(&size).map(|side| (side, side)),
    }
    .ok_or_else(|| format!("the model's metadata imgsz is {imgsz:?}, not a size"))?;
    let resize = if width == height { Resize::ShortestEdge(width) } else { Resize::Exact { width, height } };
    check_sides(resize, (width, height))?;
    Ok(Preprocessor::new(Plan {
        geometry: Geometry { resize, output: (width, height), anchor: Anchor::HalfToEven },
        filter: Filter::of_pillow(2)?,
        scale: [1.0 / 255.0; 3],
        bias: [0.0; 3],
        blue_first: false,
    }))
}

/// Reads the names of the classes from `names`: a Python dictionary from class ids to texts.
///
/// # Errors
///
/// A message that it is something else, or the class that has no name.
pub(super) fn labels(names: &str) -> Result<Labels, String> {
    let pairs = dictionary(names).ok_or("the model's metadata names is not a dictionary of names")?;
    Labels::from_names("names", &pairs)
}

/// Parses a dictionary of integers and texts as Python prints it: `{0: 'one', 1: "two's"}`.
fn dictionary(text: &str) -> Option<Value> {
    let mut rest = text.trim().strip_prefix('{')?.trim_start();
    let mut pairs = serde_json::Map::new();
    while !rest.starts_with('}') {
        let (id, after) = rest.split_once(':')?;
        let (name, after) = quoted(after.trim_start())?;
        pairs.insert(id.trim().to_owned(), Value::String(name));
        let after = after.trim_start();
        rest = after.strip_prefix(',').unwrap_or(after).trim_start();
        if !after.starts_with([',', '}']) {
            return None;
        }
    }
    (rest == "}").then_some(Value::Object(pairs))
}

/// Parses a quoted text at the start. Returns its content and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut characters = text.char_indices();
    let (_, quote @ ('\'' | '"')) = characters.next()? else { return None };
    let mut content = String::new();
    while let Some((at, character)) = characters.next() {
        match character {
            _ if character == quote => return Some((content, &text[at + 1..])),
            '\\' => content.push(match characters.next()?.1 {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                digits @ ('x' | 'u' | 'U') => {
                    let count = match digits {
                        'x' => 2,
                        'u' => 4,
                        _ => 8,
                    };
                    let code: String = characters.by_ref().take(count).map(|(_, digit)| digit).collect();
                    char::from_u32(u32::from_str_radix(&code, 16).ok()?)?
                }
                other => other,
            }),
            other => content.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn dictionaries_are_read_as_python_prints_them() {
        let text = r#"{0: 'one', 1: "the other's", 2: 'a \'b\' \\ \xe9\u732b', }"#;
        let right = json!({"0": "one", "1": "the other's", "2": "a 'b' \\ é猫"});
        assert_eq!(dictionary(text), Some(right));
        assert_eq!(dictionary("{}"), Some(json!({})));
        for broken in
            ["", "[]", "{0: 'one'", "{0: one}", "{0 'one'}", "{0: 'one' 1: 'two'}", "{0: 'one}", "{0: '\\x"]
        {
            assert_eq!(dictionary(broken), None, "{broken}");
        }
    }

    #[test]
    fn other_tasks_and_impossible_sizes_are_refused() {
        assert!(preprocessor("detect", "[64, 64]").unwrap_err().contains("\"detect\""));
        for size in ["", "[]", "[1, 2, 3]", "big", "-1", "[0, 0]", "[99999, 99999]"] {
            assert!(preprocessor("classify", size).is_err(), "{size}");
        }
    }
}
