//! `POST /classify` and `POST /predict`.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use bytes::Bytes;

use super::answer::{self, Full, OneOf, Results};
use super::body::{self, RawOptions, Upload};
use super::envelope::RequestId;
use super::{App, receive};
use crate::Error;
use crate::classifier::{Classification, Options};

/// The images of a request, each with its answer or what is wrong with it.
struct Outcome {
    results: Vec<Result<Classification, Error>>,
    /// The request asked for a list, even if it holds one image.
    several: bool,
}

impl Outcome {
    /// The answer for the one image, or `None` if the request asked for a list.
    fn single(self) -> Result<Result<Classification, Error>, Vec<Result<Classification, Error>>> {
        match (self.several, self.results.len()) {
            (false, 1) => self.results.into_iter().next().ok_or_else(Vec::new),
            _ => Err(self.results),
        }
    }
}

/// The full answer.
pub(super) async fn classify(
    State(app): State<Arc<App>>,
    Extension(RequestId(id)): Extension<RequestId>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    match outcome(&app, query, &headers, body).await?.single() {
        Ok(one) => answer::json(&Full::whole(&one?, &app.classifier, &id)),
        Err(several) => {
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
    body: Body,
) -> Result<Response, Error> {
    match outcome(&app, query, &headers, body).await?.single() {
        Ok(one) => answer::json(&answer::bare(&one?)),
        Err(several) => {
            let lists: Vec<_> = several.iter().map(|result| OneOf::new(result, &id, answer::bare)).collect();
            answer::json(&lists)
        }
    }
}

/// Takes the body in, and has its images classified off the async threads.
async fn outcome(
    app: &Arc<App>,
    query: Option<String>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Outcome, Error> {
    let from_query = query_options(query.as_deref().unwrap_or_default())?;
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let bytes = receive::body(headers, body, app.config.limits.max_body_bytes).await?;
    let place = Arc::clone(&app.places).acquire_owned().await.map_err(Error::internal)?;
    let app = Arc::clone(app);
    tokio::task::spawn_blocking(move || {
        let _place = place;
        work(&app, content_type.as_deref(), bytes, from_query)
    })
    .await
    .map_err(Error::internal)?
}

fn work(
    app: &App,
    content_type: Option<&str>,
    bytes: Bytes,
    from_query: RawOptions,
) -> Result<Outcome, Error> {
    let limits = body::Limits {
        max_bytes: app.config.limits.max_body_bytes,
        max_images: app.config.limits.max_images,
    };
    let submission = body::parse(content_type, bytes, limits)?;
    let options = Options {
        top_k: from_query.top_k.or(submission.options.top_k).unwrap_or(app.config.top_k),
        min_score: from_query.min_score.or(submission.options.min_score).unwrap_or(app.config.min_score),
    };
    let classify = |upload: Result<Upload, Error>| app.classifier.classify(&upload?.bytes, options);
    Ok(Outcome {
        results: submission.images.into_iter().map(classify).collect(),
        several: submission.several,
    })
}

/// `top_k` and `min_score` of the query string. They win over those in the body, since a link is easier to change.
fn query_options(query: &str) -> Result<RawOptions, Error> {
    let mut options = RawOptions::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "top_k" => options.top_k = Some(body::parse_top_k(&value)?),
            "min_score" => options.min_score = Some(body::parse_min_score(&value)?),
            _ => {}
        }
    }
    Ok(options)
}
