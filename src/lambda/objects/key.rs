//! Decodes object keys. Some services send them encoded as in the query of a URL.

use percent_encoding::percent_decode_str;

/// Decodes a key: `+` is a space, `%2B` a plus sign.
///
/// # Errors
///
/// An error message if the bytes are not UTF-8, which every key must be.
pub(super) fn decoded(key: &str) -> Result<String, String> {
    let spaced = key.replace('+', " ");
    percent_decode_str(&spaced)
        .decode_utf8()
        .map(Into::into)
        .map_err(|_| "The key of the object is not encoded UTF-8.".to_owned())
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn every_key_comes_back_as_it_is_in_the_bucket() {
        for (encoded, key) in [
            ("cats/a+b%20c.jpg", "cats/a b c.jpg"),
            ("1%2B1.jpg", "1+1.jpg"),
            ("100%25.jpg", "100%.jpg"),
            ("%F0%9F%90%B1.jpg", "🐱.jpg"),
            ("a%2Fb%26c%3Dd.jpg", "a/b&c=d.jpg"),
            // S3 does not send this encoding, but the key itself may look like this.
            ("50%.jpg", "50%.jpg"),
        ] {
            assert_eq!(decoded(encoded).as_deref(), Ok(key));
        }
        assert!(decoded("%FF.jpg").is_err());
    }
}
