//! Parses `Content-Disposition: form-data; name="image"; filename="cat.jpg"`.
//!
//! The multipart library also parses this header, but supports neither `filename*` nor upper-case parameter
//! names.

use percent_encoding::percent_decode_str;

/// Maximum length of a file name in characters. Longer names are truncated.
const MAX_NAME: usize = 255;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Disposition {
    /// The name of the form field; empty if it has none.
    pub name: String,
    /// As the client sent it. `Some`, even if empty, means that the part is a file.
    pub file_name: Option<String>,
}

impl Disposition {
    pub fn parse(header: &[u8]) -> Self {
        let header = String::from_utf8_lossy(header);
        let mut found = Self::default();
        let mut extended = None;
        let mut rest = header.split_once(';').map_or("", |(_, rest)| rest);
        while let Some((name, after)) = rest.split_once('=') {
            let (value, after) = value(after.trim_start());
            match name.trim_matches([' ', '\t', ';']).to_ascii_lowercase().as_str() {
                "name" => found.name = value,
                "filename" => found.file_name = Some(value),
                "name*" => found.name = decode_extended(&value),
                "filename*" => extended = Some(decode_extended(&value)),
                _ => {}
            }
            rest = after;
        }
        found.file_name = extended.or(found.file_name);
        found
    }
}

/// Splits `text` into its first value and the rest.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_once(';').unwrap_or((text, ""));
        return (value.trim().to_owned(), rest);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, quoted.get(at + 1..).unwrap_or_default()),
            // Old browsers send a path with unescaped backslashes.
            '\\' => match characters.next_if(|(_, next)| matches!(next, '"' | '\\')) {
                Some((_, escaped)) => value.push(escaped),
                None => value.push('\\'),
            },
            other => value.push(other),
        }
    }
    (value, "")
}

/// Decodes an extended value such as `utf-8''%e2%82%ac.jpg` (RFC 8187).
fn decode_extended(value: &str) -> String {
    let mut pieces = value.splitn(3, '\'');
    match (pieces.next(), pieces.next(), pieces.next()) {
        (Some(charset), Some(_), Some(text)) if charset.eq_ignore_ascii_case("iso-8859-1") => {
            percent_decode_str(text).map(char::from).collect()
        }
        (_, _, Some(text)) => percent_decode_str(text).decode_utf8_lossy().into_owned(),
        _ => percent_decode_str(value).decode_utf8_lossy().into_owned(),
    }
}

/// Returns the last component of a file name, safe to log: characters that could forge a log line or reverse
/// its direction are replaced.
pub(super) fn clean_file_name(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    let clean: String = last
        .chars()
        .map(|character| if is_harmless(character) { character } else { '_' })
        .take(MAX_NAME)
        .collect();
    (!clean.is_empty()).then_some(clean)
}

/// Quotes a field name for an error message: shortened, and on one line.
pub(super) fn shown(name: &str) -> String {
    let name: String =
        name.chars().map(|character| if is_harmless(character) { character } else { '_' }).take(64).collect();
    format!("\"{name}\"")
}

/// Whether a character is neither a control character, nor a line separator, nor invisible, nor changes the
/// text direction.
fn is_harmless(character: char) -> bool {
    let invisible = matches!(
        character,
        '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}'
    );
    !character.is_control() && !invisible
}
