//! Text from outside, as an answer may hold it.

/// Characters that are shown of a text from outside.
const SHOWN: usize = 32;

/// What the caller wrote, short enough to be answered and free of control characters.
pub(crate) fn shown(text: &str) -> String {
    let text = text.trim();
    let mut shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    format!("\"{shown}\"")
}
