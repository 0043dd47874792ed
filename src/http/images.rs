//! Shared by all routes that take images: processes each image of a body on a blocking thread and writes the
//! response there. Each route defines the work per image: `classify` computes labels, `embed` an embedding.

use std::sync::{Arc, Weak};
use std::time::Instant;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;

use super::App;
use super::answer::{self, OneOf, Results};
use super::body::{self, RawOptions, Reference, Upload};
use super::references;
use crate::model::Card;
use crate::telemetry::{Found, Image, Notes, Stage};
use crate::{Classifier, Error};
use upright::Budget;

/// `hit` if all images of the request were answered from the cache, else `miss`.
pub(crate) const CACHE: HeaderName = HeaderName::from_static("x-cache");

/// A request as received.
pub(super) struct Request {
    pub(super) app: Arc<App>,
    pub(super) notes: Notes,
    pub(super) headers: HeaderMap,
    pub(super) bytes: Bytes,
    /// The caller is authenticated and may reference objects.
    pub(super) is_authenticated: bool,
    /// Deadline for reading the referenced images. Defaults to `REQUEST_TIMEOUT_MS` from now.
    pub(super) deadline: Option<Instant>,
}

/// Builds the options of a request from the options in its body. The closure already holds those of the query
/// string.
type Prepare<O> = Box<dyn FnOnce(&App, RawOptions) -> Result<O, Error> + Send>;

/// The work of a route: `O` is the type of its options, `T` the type of its result per image.
pub(super) struct Task<O, T> {
    /// Merges the options of the query string with those of the body, and checks them.
    pub(super) options: Prepare<O>,
    /// Processes the bytes of one image.
    pub(super) work: fn(&Classifier, &[u8], O, &mut Budget) -> Result<T, Error>,
    /// Writes the response. The last argument is the request id.
    pub(super) written: fn(&App, O, &Outcome<T>, &str) -> Result<Response, Error>,
}

/// The results for the images of a request.
pub(super) enum Outcome<T> {
    /// The request has a single image.
    One(T),
    /// The request has a list of images. Each image has its result or its error.
    Several(Vec<Result<T, Error>>),
}

impl<T> Outcome<T> {
    /// The response as JSON. `whole` formats the result of a single image, `part` one of several results.
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

/// Processes the images of a body and writes the response, off the async thread.
///
/// A request with only inline images switches to a blocking thread once. A request that references objects
/// releases its place while it waits for storage, and takes a place again for each referenced image. If an
/// image is not read by the deadline, its result is [`Error::StorageUnavailable`]. This way the client gets a
/// response before the front door or Lambda times out.
pub(super) async fn answer<O, T>(request: Request, task: Task<O, T>) -> Result<Response, Error>
where
    O: Copy + Send + 'static,
    T: Send + 'static,
    for<'a> Found: From<&'a T>,
{
    let Request { app, notes, headers, bytes, is_authenticated, deadline } = request;
    // This `Arc` is dropped with the future when the client disconnects.
    let client = Arc::new(());
    let asked = Arc::downgrade(&client);
    let (first_app, first_notes) = (Arc::clone(&app), notes.clone());
    let mut step = on_a_place(&app, &notes, move || {
        let content_type = text_of(&headers, header::CONTENT_TYPE);
        begin(first_app, first_notes, asked, content_type, bytes.clone(), task)
            .and_then(Batch::advance)
            .map_err(|error| blame_encoding(error, text_of(&headers, header::CONTENT_ENCODING), &bytes))
    })
    .await?;
    let deadline = deadline.unwrap_or_else(|| Instant::now() + app.config.request_timeout);
    let mut memory = None;
    loop {
        let (mut batch, reference) = match step {
            Step::Answered(response) => return Ok(response),
            Step::Refers(batch, reference) => (batch, reference),
        };
        if memory.is_none() {
            memory = Some(app.reading.take().await?);
        }
        let read = references::read(&app, &notes, reference, is_authenticated);
        let upload = tokio::time::timeout_at(deadline.into(), read).await;
        let upload = upload.unwrap_or_else(|elapsed| Err(Error::StorageUnavailable(elapsed.into())));
        step = on_a_place(&app, &notes, move || {
            batch.add(upload);
            batch.advance()
        })
        .await?;
    }
}

/// Waits for a place, then runs `work` on a blocking thread.
async fn on_a_place<T: Send + 'static>(
    app: &App,
    notes: &Notes,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let start = Instant::now();
    let place = app.places.take().await?;
    notes.record().spent(Stage::Queue, start);
    let done = tokio::task::spawn_blocking(move || {
        let _place = place;
        work()
    });
    done.await.map_err(Error::internal)?
}

fn text_of(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Reports a compressed body by its `Content-Encoding`; this service does not decompress bodies. The header
/// alone is not enough, since the bytes decide what a body is. It is only blamed if the bytes could not be
/// parsed.
fn blame_encoding(error: Error, encoding: Option<&str>, bytes: &[u8]) -> Error {
    const CODINGS: [&str; 6] = ["gzip", "x-gzip", "compress", "deflate", "br", "zstd"];
    let makes_no_sense = matches!(
        error,
        Error::Image(upright::Error::UnsupportedFormat { .. })
            | Error::MissingImage(_)
            | Error::InvalidJson(_)
            | Error::InvalidMultipart(_)
    ) && str::from_utf8(bytes).is_err();
    let coding = encoding.map(|encoding| encoding.trim().to_ascii_lowercase());
    match coding.filter(|coding| makes_no_sense && CODINGS.contains(&coding.as_str())) {
        Some(coding) => {
            let found = format!("A body with \"Content-Encoding: {coding}\"");
            Error::Image(upright::Error::UnsupportedFormat { found })
        }
        None => error,
    }
}

/// The images of a request while they are processed.
struct Batch<O, T> {
    app: Arc<App>,
    notes: Notes,
    /// Upgradable as long as a client waits for the response.
    asked: Weak<()>,
    options: O,
    images: std::vec::IntoIter<Result<body::Image, Error>>,
    several: bool,
    budget: Budget,
    work: fn(&Classifier, &[u8], O, &mut Budget) -> Result<T, Error>,
    written: fn(&App, O, &Outcome<T>, &str) -> Result<Response, Error>,
    results: Vec<Result<T, Error>>,
}

/// How far a request gets before it needs storage.
enum Step<O, T> {
    Answered(Response),
    /// This image must be read from storage first.
    Refers(Box<Batch<O, T>>, Reference),
}

/// Parses a body.
fn begin<O: Copy, T>(
    app: Arc<App>,
    notes: Notes,
    asked: Weak<()>,
    content_type: Option<&str>,
    bytes: Bytes,
    task: Task<O, T>,
) -> Result<Batch<O, T>, Error> {
    let submission = body::parse(content_type, bytes, app.body_limits)?;
    let options = (task.options)(&app, submission.options)?;
    let budget = app.classifier.budget();
    Ok(Batch {
        app,
        notes,
        asked,
        options,
        images: submission.images.into_iter(),
        several: submission.several,
        budget,
        work: task.work,
        written: task.written,
        results: Vec::new(),
    })
}

impl<O: Copy, T> Batch<O, T>
where
    for<'a> Found: From<&'a T>,
{
    /// Processes images until the next one must be read from storage, or until the response is complete.
    fn advance(mut self) -> Result<Step<O, T>, Error> {
        while let Some(image) = self.next() {
            match image {
                Ok(body::Image::Elsewhere(reference)) => return Ok(Step::Refers(Box::new(self), reference)),
                Ok(body::Image::Sent(upload)) => self.add(Ok(upload)),
                Err(error) => self.add(Err(error)),
            }
        }
        self.finish().map(Step::Answered)
    }

    /// The next image, or `None` if the client has disconnected.
    fn next(&mut self) -> Option<Result<body::Image, Error>> {
        if self.asked.strong_count() > 0 { self.images.next() } else { None }
    }

    /// Processes an image and stores its result.
    fn add(&mut self, upload: Result<Upload, Error>) {
        let start = Instant::now();
        let (file_name, result) = match upload {
            Ok(Upload { bytes, file_name }) => {
                (file_name, (self.work)(&self.app.classifier, &bytes, self.options, &mut self.budget))
            }
            Err(error) => (None, Err(error)),
        };
        self.notes.record().images.push(Image::new(file_name.as_deref(), &result, start));
        self.results.push(result);
    }

    /// Writes the response.
    fn finish(self) -> Result<Response, Error> {
        let Self { app, notes, options, several, written, results, .. } = self;
        let mut results = results.into_iter();
        let outcome = if several {
            Outcome::Several(results.collect())
        } else {
            Outcome::One(results.next().unwrap_or_else(|| Err(Error::internal("a body without images")))?)
        };
        let (id, is_cached) = {
            let record = notes.record();
            (Arc::clone(&record.request_id), record.cache_hits() == record.images.len())
        };
        let mut response = written(&app, options, &outcome, &id)?;
        let value = HeaderValue::from_static(if is_cached { "hit" } else { "miss" });
        response.headers_mut().insert(CACHE, value);
        Ok(response)
    }
}
