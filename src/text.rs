//! Prepares untrusted text for responses.

/// Maximum number of characters that are shown.
const SHOWN: usize = 32;

/// Quotes text from a caller for a response: shortened, and without control characters.
pub(crate) fn shown(text: &str) -> String {
    let text = text.trim();
    let mut shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    format!("\"{shown}\"")
}
