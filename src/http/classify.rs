//! `POST /classify` and `POST /predict`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::Response;
use bytes::Bytes;

use super::App;
use super::answer::{self, Full, OneOf, Results};
use super::body::{self, RawOptions, Upload};
use super::envelope::{self, RequestId};
use crate::Error;
use crate::classifier::{Classification, Options};

/// What the images of a request came to.
enum Outcome {
    /// The one image.
    One(Classification),
    /// The request asked for a list: each image has its answer, or what is wrong with it.
    Several(Vec<Result<Classification, Error>>),
}

/// The full answer.
pub(super) async fn classify(
    State(app): State<Arc<App>>,
    Extension(RequestId(id)): Extension<RequestId>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Error> {
    match outcome(&app, query, headers, body).await? {
        Outcome::One(one) => answer::json(&Full::whole(&one, &app.classifier, &id)),
        Outcome::Several(several) => {
            envelope::log_failures(&id, &several);
            let results = several.iter().map(|result| OneOf::new(result, &id, Full::part)).collect();
            answer::json(&Results { results })
        }
    }
}

/// The bare list, `[{"label", "score"}, …]`; a list of such lists for several images.
pub(super) async fn predict(
    State(app): State<Arc<App>>,
    Extension(RequestId(id)): Extension<RequestId>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Error> {
    match outcome(&app, query, headers, body).await? {
        Outcome::One(one) => answer::json(&answer::bare(&one)),
        Outcome::Several(several) => {
            envelope::log_failures(&id, &several);
            let lists: Vec<_> = several.iter().map(|result| OneOf::new(result, &id, answer::bare)).collect();
            answer::json(&lists)
        }
    }
}

/// Has the images of a body classified, off the async threads.
async fn outcome(
    app: &Arc<App>,
    query: Option<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Outcome, Error> {
    let from_query = query_options(query.as_deref().unwrap_or_default())?;
    let place = Arc::clone(&app.places).acquire_owned().await.map_err(Error::internal)?;
    let app = Arc::clone(app);
    tokio::task::spawn_blocking(move || {
        let _place = place;
        let encoding = unreadable_encoding(&headers, &bytes);
        match (work(&app, text_of(&headers, header::CONTENT_TYPE), bytes, from_query), encoding) {
            (Err(_), Some(found)) => Err(Error::UnsupportedFormat { found }),
            (result, _) => result,
        }
    })
    .await
    .map_err(Error::internal)?
}

fn text_of(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// What a body is called that was compressed for its journey: nothing undoes that here. The header alone proves
/// nothing, since the bytes decide; only where they make no sense it names the reason.
fn unreadable_encoding(headers: &HeaderMap, bytes: &[u8]) -> Option<String> {
    const SHOWN: usize = 40;
    let encoding = text_of(headers, header::CONTENT_ENCODING)?.trim();
    if encoding.is_empty() || encoding.eq_ignore_ascii_case("identity") || str::from_utf8(bytes).is_ok() {
        return None;
    }
    let encoding: String = encoding.chars().take(SHOWN).collect();
    Some(format!("A body with \"Content-Encoding: {encoding}\""))
}

fn work(
    app: &App,
    content_type: Option<&str>,
    bytes: Bytes,
    from_query: RawOptions,
) -> Result<Outcome, Error> {
    let submission = body::parse(content_type, bytes, app.body_limits)?;
    let options = Options {
        top_k: from_query.top_k.or(submission.options.top_k).unwrap_or(app.config.top_k),
        min_score: from_query.min_score.or(submission.options.min_score).unwrap_or(app.config.min_score),
    };
    let mut budget = app.classifier.budget();
    let classify =
        |upload: Result<Upload, Error>| app.classifier.classify(&upload?.bytes, options, &mut budget);
    let mut results = submission.images.into_iter().map(classify);
    if submission.several {
        return Ok(Outcome::Several(results.collect()));
    }
    results.next().unwrap_or_else(|| Err(Error::internal("a body without images"))).map(Outcome::One)
}

/// `top_k` and `min_score` of the query string. They win over those in the body, since a link is easier to change.
fn query_options(query: &str) -> Result<RawOptions, Error> {
    let mut options = RawOptions::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        options.set(&name, &value)?;
    }
    Ok(options)
}
