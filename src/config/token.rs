//! The token that callers must send.

use std::fmt;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// `API_TOKEN`, of which only the SHA-256 is kept.
#[derive(Clone)]
pub struct ApiToken([u8; 32]);

impl ApiToken {
    /// Takes visible ASCII characters, which are all that a header can carry without being quoted; `None` otherwise.
    pub(super) fn new(token: &str) -> Option<Self> {
        token.bytes().all(|byte| byte.is_ascii_graphic()).then(|| Self(Sha256::digest(token).into()))
    }

    /// Whether `sent` is the token. Takes the same time wherever they differ; its length gives nothing away either.
    pub fn matches(&self, sent: &[u8]) -> bool {
        Sha256::digest(sent).ct_eq(&self.0).into()
    }
}

impl fmt::Debug for ApiToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApiToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_itself_matches_and_it_is_never_shown() {
        let token = ApiToken::new("s3cret").unwrap();
        assert!(token.matches(b"s3cret"));
        for other in [&b""[..], b"s3cre", b"s3cret ", b"S3CRET"] {
            assert!(!token.matches(other));
        }
        assert!(!format!("{token:?}").contains("s3cret"));
        assert!(ApiToken::new("two words").is_none());
    }
}
