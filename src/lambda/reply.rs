//! An answer → what the front door expects.

use std::collections::BTreeMap;

use axum::http::response::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use lambda_runtime::Diagnostic;
use serde::Serialize;
use serde_json::value::RawValue;

use super::front_door::FrontDoor;

/// The payload that goes back to Lambda.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Reply {
    Http(Box<HttpReply>),
    Plain(Box<RawValue>),
    Ping { warm: bool },
}

/// The answer to a request through a front door. The body is text and never base64: it is JSON or the page.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HttpReply {
    status_code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_value_headers: Option<BTreeMap<String, Vec<String>>>,
    body: String,
    is_base64_encoded: bool,
}

impl Reply {
    /// The answer to a request through a front door.
    pub(super) fn http(door: &FrontDoor, mut parts: Parts, body: String) -> Self {
        // A server on a socket takes it off, too (RFC 9110, section 8.6).
        if matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            parts.headers.remove(header::CONTENT_LENGTH);
        }
        let form = door.reply;
        let reason = parts.status.canonical_reason().unwrap_or_default();
        let values = by_name(&parts.headers);
        Self::Http(Box::new(HttpReply {
            status_code: parts.status.as_u16(),
            status_description: form
                .status_description
                .then(|| format!("{} {reason}", parts.status.as_str())),
            // Several values of one header become one, separated by commas (RFC 9110, section 5.3).
            headers: form
                .headers
                .then(|| values.iter().map(|(name, values)| (name.clone(), values.join(", "))).collect()),
            multi_value_headers: form.multi_value_headers.then_some(values),
            body,
            is_base64_encoded: false,
        }))
    }

    /// The answer to a direct invocation: the JSON and nothing else.
    pub(super) fn plain(body: String) -> Result<Self, Diagnostic> {
        RawValue::from_string(body).map(Self::Plain).map_err(|error| Diagnostic {
            error_type: "Internal".to_owned(),
            error_message: error.to_string(),
        })
    }

    /// The answer to a ping.
    pub(super) const PING: Self = Self::Ping { warm: true };
}

/// The values of each header, which are text: the router writes no others.
fn by_name(headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
    let values = |name: &HeaderName| {
        let values = headers.get_all(name).iter();
        values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
    };
    headers.keys().map(|name| (name.as_str().to_owned(), values(name))).collect()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn all_values_of_a_header_are_kept() {
        let vary = |value| ("vary".parse().unwrap(), HeaderValue::from_static(value));
        let headers = HeaderMap::from_iter([vary("origin"), vary("accept")]);
        assert_eq!(by_name(&headers)["vary"], ["origin", "accept"]);
    }
}
