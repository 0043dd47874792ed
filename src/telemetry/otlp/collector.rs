//! Posts documents to a collector.

use std::fmt;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use bytes::Bytes;
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::{config, network};

/// Bytes that are read of an answer.
const MAX_ANSWER: usize = 64 << 10;

/// Where spans are posted to.
pub(super) struct Collector {
    endpoint: String,
    headers: HeaderMap,
    timeout: Duration,
    /// Made when it is first needed: with TLS it reads certificates.
    client: OnceCell<reqwest::Client>,
}

/// Why spans did not arrive.
#[derive(Debug)]
pub(super) struct Failure {
    reason: String,
    /// The collector may take them later.
    pub(super) may_pass: bool,
    /// The collector asks for such a pause.
    pub(super) pause: Option<Duration>,
}

/// The collector took some spans and refused others for good.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) spans: usize,
    message: String,
}

impl Collector {
    pub(super) fn new(settings: &config::Otlp) -> Self {
        let header = |(name, value): &(String, String)| {
            let mut value = HeaderValue::try_from(value).ok()?;
            value.set_sensitive(true);
            Some((HeaderName::try_from(name).ok()?, value))
        };
        let mut headers: HeaderMap = settings.headers.iter().filter_map(header).collect();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let endpoint = settings.endpoint.clone();
        Self { endpoint, headers, timeout: settings.timeout, client: OnceCell::new() }
    }

    /// Posts a document: `None` if all of it is taken.
    ///
    /// # Errors
    ///
    /// A [`Failure`] if the collector cannot be reached in time, or takes nothing of it.
    pub(super) async fn post(&self, body: Bytes) -> Result<Option<Refused>, Failure> {
        let is_plain = self.endpoint.starts_with("http://");
        let client = self.client.get_or_try_init(async || network::client(self.timeout, is_plain)).await;
        let request = client.map_err(Failure::of)?.post(&self.endpoint).headers(self.headers.clone());
        let mut response = request.timeout(self.timeout).body(body).send().await.map_err(Failure::of)?;
        let status = response.status().as_u16();
        if !response.status().is_success() {
            let pause = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
            return Err(Failure {
                reason: format!("the collector answered {status}"),
                // By the specification of OTLP, these and no others.
                may_pass: matches!(status, 429 | 502 | 503 | 504),
                pause: pause.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs),
            });
        }
        let mut answer = Vec::new();
        // It is taken, whatever becomes of the answer.
        while let Ok(Some(chunk)) = response.chunk().await {
            answer.extend_from_slice(&chunk);
            if answer.len() > MAX_ANSWER {
                break;
            }
        }
        Ok(Refused::read(&answer))
    }
}

impl Failure {
    /// Of the way there. Neither the address nor a password in it is told.
    fn of(error: impl Into<reqwest::Error>) -> Self {
        let error = error.into().without_url();
        let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |cause| cause.source());
        let reason = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
        Self { reason, may_pass: true, pause: None }
    }
}

impl Refused {
    /// Reads an `ExportTraceServiceResponse`, in JSON as the request was. An answer without a number of refused spans is
    /// a success, perhaps with advice.
    fn read(answer: &[u8]) -> Option<Self> {
        let answer: Value = serde_json::from_slice(answer).ok()?;
        let partial = &answer["partialSuccess"];
        let spans = &partial["rejectedSpans"];
        // A 64-bit number is a text, but some write a number.
        let spans = spans.as_u64().or_else(|| spans.as_str()?.parse().ok()).filter(|&spans| spans > 0)?;
        let message = crate::telemetry::clean(partial["errorMessage"].as_str().unwrap_or_default());
        Some(Self { spans: usize::try_from(spans).unwrap_or(usize::MAX), message })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.reason)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the collector refused {} spans: {}", self.spans, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_with_a_number_of_refused_spans_is_a_refusal() {
        let read = |answer: &str| Refused::read(answer.as_bytes()).map(|refused| refused.to_string());
        let told = Some("the collector refused 3 spans: too old".to_owned());
        for spans in ["3", "\"3\""] {
            let answer = format!(
                "{{\"partialSuccess\": {{\"rejectedSpans\": {spans}, \"errorMessage\": \"too old\"}}}}"
            );
            assert_eq!(read(&answer), told);
        }
        for taken in [
            "",
            "OK",
            "{}",
            "[]",
            "{\"partialSuccess\": {}}",
            "{\"partialSuccess\": {\"rejectedSpans\": \"0\"}}",
        ] {
            assert_eq!(read(taken), None, "{taken}");
        }
        let forged =
            read("{\"partialSuccess\": {\"rejectedSpans\": 1, \"errorMessage\": \"a\\nb\"}}").unwrap();
        assert!(!forged.contains('\n'), "{forged:?}");
    }
}
