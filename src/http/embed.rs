//! `POST /embed`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::answer::About;
use super::body::parse_flag;
use super::images::{self, Request, Task};
use super::references::{Authenticated, Deadline};
use crate::classifier::Embedding;
use crate::model::Card;
use crate::telemetry::Notes;
use crate::text::shown;
use crate::{Classifier, Error};

/// Responds with the embedding of each image.
pub(super) async fn embed(
    State(app): State<Arc<App>>,
    Extension(notes): Extension<Notes>,
    RawQuery(query): RawQuery,
    caller: Option<Extension<Authenticated>>,
    deadline: Option<Extension<Deadline>>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, Error> {
    let given = Options::read(query.as_deref().unwrap_or_default())?;
    let task = Task {
        options: Box::new(move |app, _| match app.classifier.model().embedding_len() {
            Some(_) => Ok(given),
            None => Err(Error::NoFeatures),
        }),
        work: |classifier: &Classifier, bytes, options, budget| {
            classifier.embed(bytes, options.normalize, budget)
        },
        written: |app, options, outcome, id| {
            outcome.full(
                app.classifier.card(),
                id,
                |one, card, id| Embedded::whole(one, options.encoding, card, id),
                |one| Embedded::part(one, options.encoding),
            )
        },
    };
    let deadline = deadline.map(|Extension(Deadline(deadline))| deadline);
    images::answer(Request { app, notes, headers, bytes, is_authenticated: caller.is_some(), deadline }, task)
        .await
}

/// The options of the query string. Options for labels, such as `top_k`, are ignored here.
#[derive(Clone, Copy, Default)]
struct Options {
    /// Scale the embedding to unit length.
    normalize: bool,
    encoding: Encoding,
}

/// Output format of the numbers.
#[derive(Clone, Copy, Default)]
enum Encoding {
    #[default]
    Numbers,
    /// Base64 of consecutive little-endian f32 values.
    Base64,
}

impl Options {
    /// # Errors
    ///
    /// [`Error::InvalidParameter`] if an option has an invalid value.
    fn read(query: &str) -> Result<Self, Error> {
        let mut options = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match (&*name, value.trim().to_ascii_lowercase().as_str()) {
                ("normalize", _) => {
                    options.normalize = parse_flag("normalize", &value)?.unwrap_or(options.normalize);
                }
                ("encoding", "") => {}
                ("encoding", "numbers") => options.encoding = Encoding::Numbers,
                ("encoding", "base64") => options.encoding = Encoding::Base64,
                ("encoding", _) => {
                    return Err(Error::InvalidParameter(format!(
                        "encoding must be \"numbers\" or \"base64\"; {} was found.",
                        shown(&value)
                    )));
                }
                _ => {}
            }
        }
        Ok(options)
    }
}

/// The answer for one image.
#[derive(Serialize, ToSchema)]
#[schema(as = Embedding, description = "The embedding of one image.")]
pub(super) struct Embedded<'a> {
    /// The mean of each channel over the model's last feature map, or the input vector of its classifier.
    embedding: Vector<'a>,
    /// How many numbers the embedding has.
    #[schema(minimum = 1)]
    dimensions: usize,
    #[serde(flatten)]
    about: About<'a>,
}

/// The numbers of an embedding.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum Vector<'a> {
    /// As JSON numbers.
    Numbers(&'a [f32]),
    /// Base64 of little-endian f32, for `encoding=base64`.
    Base64(String),
}

impl<'a> Embedded<'a> {
    /// The answer for one image among several.
    fn part(found: &'a Embedding, encoding: Encoding) -> Self {
        let values = &found.values;
        let embedding = match encoding {
            Encoding::Numbers => Vector::Numbers(values),
            Encoding::Base64 => {
                let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                Vector::Base64(BASE64_STANDARD.encode(bytes))
            }
        };
        let about = About::part(found.image, found.timing, found.cached);
        Self { embedding, dimensions: values.len(), about }
    }

    /// The answer for the only image of a request.
    fn whole(found: &'a Embedding, encoding: Encoding, card: &'a Card, id: &'a str) -> Self {
        let part = Self::part(found, encoding);
        Self { about: part.about.whole(card, id), ..part }
    }
}
