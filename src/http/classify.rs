//! `POST /classify` and `POST /predict`.

use std::sync::{Arc, Weak};
use std::time::Instant;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;

use super::App;
use super::answer::{self, Full, OneOf, Results};
use super::body::{self, RawOptions, Upload};
use crate::Error;
use crate::classifier::{Classification, Options, milliseconds};
use crate::model::Function;
use crate::telemetry::{Image, Notes};

/// `hit` where no image of the request had to be looked at, else `miss`.
pub(crate) const CACHE: HeaderName = HeaderName::from_static("x-cache");

/// What the images of a request came to.
enum Outcome {
    /// The one image.
    One(Classification),
    /// The request asked for a list: each image has its answer, or what is wrong with it.
    Several(Vec<Result<Classification, Error>>),
}

impl Outcome {
    /// Whether each of the images was known already.
    fn is_cached(&self) -> bool {
        match self {
            Self::One(one) => one.cached,
            Self::Several(several) => several.iter().all(|one| one.as_ref().is_ok_and(|one| one.cached)),
        }
    }

    /// Adds `x-cache` to the answer.
    fn tell_cache(&self, mut response: Response) -> Response {
        let value = HeaderValue::from_static(if self.is_cached() { "hit" } else { "miss" });
        response.headers_mut().insert(CACHE, value);
        response
    }
}

/// The full answer.
pub(super) async fn classify(
    State(app): State<Arc<App>>,
    Extension(notes): Extension<Notes>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Error> {
    answer(app, notes, query, headers, body, |app, outcome, id| match outcome {
        Outcome::One(one) => answer::json(&Full::whole(one, app.classifier.card(), id)),
        Outcome::Several(several) => {
            let results = several.iter().map(|result| OneOf::new(result, id, Full::part)).collect();
            answer::json(&Results { results })
        }
    })
    .await
}

/// The bare list, `[{"label", "score"}, …]`; a list of such lists for several images.
pub(super) async fn predict(
    State(app): State<Arc<App>>,
    Extension(notes): Extension<Notes>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Error> {
    answer(app, notes, query, headers, body, |_, outcome, id| match outcome {
        Outcome::One(one) => answer::json(&answer::bare(one)),
        Outcome::Several(several) => {
            let lists: Vec<_> = several.iter().map(|result| OneOf::new(result, id, answer::bare)).collect();
            answer::json(&lists)
        }
    })
    .await
}

/// Has the images of a body classified and the answer written, off the async thread.
async fn answer(
    app: Arc<App>,
    notes: Notes,
    query: Option<String>,
    headers: HeaderMap,
    bytes: Bytes,
    written: fn(&App, &Outcome, &str) -> Result<Response, Error>,
) -> Result<Response, Error> {
    let from_query = query_options(query.as_deref().unwrap_or_default())?;
    let start = Instant::now();
    let place = app.places.take().await?;
    notes.record().queue_ms = Some(milliseconds(start.elapsed()));
    // Goes with this future, which is dropped when the client goes away.
    let client = Arc::new(());
    let asked = Arc::downgrade(&client);
    let done = tokio::task::spawn_blocking(move || {
        let _place = place;
        let content_type = text_of(&headers, header::CONTENT_TYPE);
        let outcome = work(&app, &notes, &asked, content_type, bytes.clone(), from_query)
            .map_err(|error| blame_encoding(error, text_of(&headers, header::CONTENT_ENCODING), &bytes))?;
        let id = Arc::clone(&notes.record().request_id);
        written(&app, &outcome, &id).map(|response| outcome.tell_cache(response))
    })
    .await;
    drop(client);
    done.map_err(Error::internal)?
}

fn text_of(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A body that was compressed for its journey is refused by the name of that: nothing undoes it here. The header
/// alone proves nothing, since the bytes decide; only where they make no sense it is the reason.
fn blame_encoding(error: Error, encoding: Option<&str>, bytes: &[u8]) -> Error {
    const CODINGS: [&str; 6] = ["gzip", "x-gzip", "compress", "deflate", "br", "zstd"];
    let makes_no_sense = matches!(
        error,
        Error::UnsupportedFormat { .. }
            | Error::MissingImage(_)
            | Error::InvalidJson(_)
            | Error::InvalidMultipart(_)
    ) && str::from_utf8(bytes).is_err();
    let coding = encoding.map(|encoding| encoding.trim().to_ascii_lowercase());
    match coding.filter(|coding| makes_no_sense && CODINGS.contains(&coding.as_str())) {
        Some(coding) => {
            Error::UnsupportedFormat { found: format!("A body with \"Content-Encoding: {coding}\"") }
        }
        None => error,
    }
}

/// Classifies the images of a body, one after the other, as long as somebody asks.
fn work(
    app: &App,
    notes: &Notes,
    asked: &Weak<()>,
    content_type: Option<&str>,
    bytes: Bytes,
    from_query: RawOptions,
) -> Result<Outcome, Error> {
    let submission = body::parse(content_type, bytes, app.body_limits)?;
    let options = options(app, from_query.or(submission.options).check()?)?;
    let mut budget = app.classifier.budget();
    let classify = |upload: Result<Upload, Error>| {
        let (file_name, result) = match upload {
            Ok(Upload { bytes, file_name }) => {
                (file_name, app.classifier.classify(&bytes, options, &mut budget))
            }
            Err(error) => (None, Err(error)),
        };
        notes.record().images.push(Image::new(file_name.as_deref(), &result));
        result
    };
    let images = submission.images.into_iter().take_while(|_| asked.strong_count() > 0);
    let mut results = images.map(classify);
    if submission.several {
        return Ok(Outcome::Several(results.collect()));
    }
    results.next().unwrap_or_else(|| Err(Error::internal("a body without images"))).map(Outcome::One)
}

/// The options with their defaults. They are checked before any image is looked at.
fn options(app: &App, given: RawOptions) -> Result<Options, Error> {
    let level = given.level.unwrap_or_default();
    app.classifier.model().scoring(given.function, level)?;
    // The default is a probability; logits have no least value.
    let least = match given.function {
        Some(Function::None) => f32::NEG_INFINITY,
        _ => app.config.min_score,
    };
    Ok(Options {
        top_k: given.top_k.unwrap_or(app.config.top_k),
        min_score: given.min_score.unwrap_or(least),
        function: given.function,
        level,
    })
}

/// The options of the query string. They win over those in the body, since a link is easier to change.
pub(super) fn query_options(query: &str) -> Result<RawOptions, Error> {
    let mut options = RawOptions::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        options.set(&name, &value)?;
    }
    Ok(options)
}
