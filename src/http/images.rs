//! The work that all routes with images share: they process each image of a body on a blocking thread and write the
//! answer there. Each route says what it makes of an image: `classify` labels, `embed` an embedding.

use std::sync::{Arc, Weak};
use std::time::Instant;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;

use super::App;
use super::answer::{self, OneOf, Results};
use super::body::{self, RawOptions, Upload};
use crate::classifier::milliseconds;
use crate::image::Budget;
use crate::model::Card;
use crate::telemetry::{Found, Image, Notes};
use crate::{Classifier, Error};

/// `hit` where no image of the request had to be looked at, else `miss`.
pub(crate) const CACHE: HeaderName = HeaderName::from_static("x-cache");

/// A request as it came.
pub(super) struct Request {
    pub(super) app: Arc<App>,
    pub(super) notes: Notes,
    pub(super) headers: HeaderMap,
    pub(super) bytes: Bytes,
}

/// Makes the options of a request from those in its body; what stands in its query string is in here already.
type Prepare<O> = Box<dyn FnOnce(&App, RawOptions) -> Result<O, Error> + Send>;

/// What a route makes of images: `O` are its options, `T` is what an image comes to.
pub(super) struct Task<O, T> {
    /// Joins the options of the query string with those of the body, and checks them.
    pub(super) options: Prepare<O>,
    /// Works on the bytes of one image.
    pub(super) work: fn(&Classifier, &[u8], O, &mut Budget) -> Result<T, Error>,
    /// Writes the answer, given the request's id.
    pub(super) written: fn(&App, O, &Outcome<T>, &str) -> Result<Response, Error>,
}

/// What the images of a request came to.
pub(super) enum Outcome<T> {
    /// The one image.
    One(T),
    /// The request asked for a list: each image has its answer, or what is wrong with it.
    Several(Vec<Result<T, Error>>),
}

impl<T> Outcome<T> {
    /// The answer as JSON: `whole` writes that for one image, `part` that for one of several.
    pub(super) fn full<'a, A: serde::Serialize>(
        &'a self,
        card: &'a Card,
        id: &'a str,
        whole: impl Fn(&'a T, &'a Card, &'a str) -> A,
        part: impl Fn(&'a T) -> A,
    ) -> Result<Response, Error> {
        match self {
            Self::One(one) => answer::json(&whole(one, card, id)),
            Self::Several(several) => {
                let results = several.iter().map(|result| OneOf::new(result, id, &part)).collect();
                answer::json(&Results { results })
            }
        }
    }
}

/// Has the images of a body worked on and the answer written, off the async thread.
pub(super) async fn answer<O, T>(request: Request, task: Task<O, T>) -> Result<Response, Error>
where
    O: Copy + 'static,
    T: 'static,
    for<'a> Found: From<&'a T>,
{
    let Request { app, notes, headers, bytes } = request;
    let start = Instant::now();
    let place = app.places.take().await?;
    notes.record().queue_ms = Some(milliseconds(start.elapsed()));
    // Goes with this future, which is dropped when the client goes away.
    let client = Arc::new(());
    let asked = Arc::downgrade(&client);
    let done = tokio::task::spawn_blocking(move || {
        let _place = place;
        let content_type = text_of(&headers, header::CONTENT_TYPE);
        let written = task.written;
        let (options, outcome) = work(&app, &notes, &asked, content_type, bytes.clone(), task)
            .map_err(|error| blame_encoding(error, text_of(&headers, header::CONTENT_ENCODING), &bytes))?;
        let (id, is_cached) = {
            let record = notes.record();
            (Arc::clone(&record.request_id), record.cache_hits() == record.images.len())
        };
        let mut response = written(&app, options, &outcome, &id)?;
        let value = HeaderValue::from_static(if is_cached { "hit" } else { "miss" });
        response.headers_mut().insert(CACHE, value);
        Ok(response)
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

/// Works on the images of a body, one after the other, as long as somebody asks.
fn work<O: Copy, T>(
    app: &App,
    notes: &Notes,
    asked: &Weak<()>,
    content_type: Option<&str>,
    bytes: Bytes,
    task: Task<O, T>,
) -> Result<(O, Outcome<T>), Error>
where
    for<'a> Found: From<&'a T>,
{
    let submission = body::parse(content_type, bytes, app.body_limits)?;
    let options = (task.options)(app, submission.options)?;
    let mut budget = app.classifier.budget();
    let each = |upload: Result<Upload, Error>| {
        let (file_name, result) = match upload {
            Ok(Upload { bytes, file_name }) => {
                (file_name, (task.work)(&app.classifier, &bytes, options, &mut budget))
            }
            Err(error) => (None, Err(error)),
        };
        notes.record().images.push(Image::new(file_name.as_deref(), &result));
        result
    };
    let images = submission.images.into_iter().take_while(|_| asked.strong_count() > 0);
    let mut results = images.map(each);
    if submission.several {
        return Ok((options, Outcome::Several(results.collect())));
    }
    let one = results.next().unwrap_or_else(|| Err(Error::internal("a body without images")))?;
    Ok((options, Outcome::One(one)))
}
