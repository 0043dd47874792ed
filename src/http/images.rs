//! The work that all routes with images share: they process each image of a body on a blocking thread and write the
//! answer there. Each route says what it makes of an image: `classify` labels, `embed` an embedding.

use std::sync::{Arc, Weak};
use std::time::Instant;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;

use super::App;
use super::answer::{self, OneOf, Results};
use super::body::{self, RawOptions, Reference, Upload};
use super::references;
use crate::image::Budget;
use crate::model::Card;
use crate::telemetry::{Found, Image, Notes, Stage};
use crate::{Classifier, Error};

/// `hit` where no image of the request had to be looked at, else `miss`.
pub(crate) const CACHE: HeaderName = HeaderName::from_static("x-cache");

/// A request as it came.
pub(super) struct Request {
    pub(super) app: Arc<App>,
    pub(super) notes: Notes,
    pub(super) headers: HeaderMap,
    pub(super) bytes: Bytes,
    /// The caller showed who they are, and may name objects.
    pub(super) is_authenticated: bool,
    /// When the images that the request names must have been read. `REQUEST_TIMEOUT_MS` from now if it is not known.
    pub(super) deadline: Option<Instant>,
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
///
/// A request that only has images of its own passes to a blocking thread once. One that names objects gives its place back
/// while it waits for the storage, and takes one anew for each image that it names. Images that are not read by the deadline
/// are [`Error::StorageUnavailable`], so that the request is answered before the front door or Lambda gives up.
pub(super) async fn answer<O, T>(request: Request, task: Task<O, T>) -> Result<Response, Error>
where
    O: Copy + Send + 'static,
    T: Send + 'static,
    for<'a> Found: From<&'a T>,
{
    let Request { app, notes, headers, bytes, is_authenticated, deadline } = request;
    // Goes with this future, which is dropped when the client goes away.
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

/// Waits for a place, and works on a blocking thread.
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

/// The images of a request on their way to an answer.
struct Batch<O, T> {
    app: Arc<App>,
    notes: Notes,
    /// Alive as long as somebody waits for the answer.
    asked: Weak<()>,
    options: O,
    images: std::vec::IntoIter<Result<body::Image, Error>>,
    several: bool,
    budget: Budget,
    work: fn(&Classifier, &[u8], O, &mut Budget) -> Result<T, Error>,
    written: fn(&App, O, &Outcome<T>, &str) -> Result<Response, Error>,
    results: Vec<Result<T, Error>>,
}

/// How far a request comes until it needs the storage.
enum Step<O, T> {
    Answered(Response),
    /// This image must be read first.
    Refers(Box<Batch<O, T>>, Reference),
}

/// Reads a body.
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
    /// Works on images up to the next one that must be read from the storage first, or to the answer.
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

    /// The next image, as long as somebody asks.
    fn next(&mut self) -> Option<Result<body::Image, Error>> {
        if self.asked.strong_count() > 0 { self.images.next() } else { None }
    }

    /// Works on an image, and keeps what it came to.
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

    /// Writes the answer.
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
