//! `POST /classify` and `POST /predict`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;

use super::App;
use super::answer::{self, Full, OneOf};
use super::body::RawOptions;
use super::images::{self, Outcome, Request, Task};
use super::references::{Authenticated, Deadline};
use crate::classifier::{Classification, Options};
use crate::model::Function;
use crate::telemetry::Notes;
use crate::{Classifier, Error};

/// Responds with all details.
pub(super) async fn classify(
    State(app): State<Arc<App>>,
    Extension(notes): Extension<Notes>,
    RawQuery(query): RawQuery,
    caller: Option<Extension<Authenticated>>,
    deadline: Option<Extension<Deadline>>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, Error> {
    let task = task(query, Answer::Full, |app, _, outcome, id| {
        outcome.full(app.classifier.card(), id, Full::whole, Full::part)
    })?;
    let deadline = deadline.map(|Extension(Deadline(deadline))| deadline);
    images::answer(Request { app, notes, headers, bytes, is_authenticated: caller.is_some(), deadline }, task)
        .await
}

/// Responds with a bare list, `[{"label", "score"}, …]`. For several images, the response is a list of such
/// lists.
pub(super) async fn predict(
    State(app): State<Arc<App>>,
    Extension(notes): Extension<Notes>,
    RawQuery(query): RawQuery,
    caller: Option<Extension<Authenticated>>,
    deadline: Option<Extension<Deadline>>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, Error> {
    let task = task(query, Answer::Bare, |_, _, outcome, id| match outcome {
        Outcome::One(one) => answer::json(&answer::bare(one)),
        Outcome::Several(several) => {
            let lists: Vec<_> = several.iter().map(|result| OneOf::new(result, id, answer::bare)).collect();
            answer::json(&lists)
        }
    })?;
    let deadline = deadline.map(|Extension(Deadline(deadline))| deadline);
    images::answer(Request { app, notes, headers, bytes, is_authenticated: caller.is_some(), deadline }, task)
        .await
}

/// The response format of a route.
#[derive(Clone, Copy, PartialEq)]
enum Answer {
    /// All details, including heat maps.
    Full,
    /// Only labels and scores.
    Bare,
}

/// Builds the classification task from the options in the query string. Options in the body are merged later.
fn task(
    query: Option<String>,
    answer: Answer,
    written: fn(&App, Options, &Outcome<Classification>, &str) -> Result<Response, Error>,
) -> Result<Task<Options, Classification>, Error> {
    let from_query = query_options(query.as_deref().unwrap_or_default())?;
    Ok(Task {
        options: Box::new(move |app, in_body| options(app, from_query.or(in_body).check()?, answer)),
        work: Classifier::classify,
        written,
    })
}

/// Applies defaults and checks the options. This runs before any image is decoded.
fn options(app: &App, given: RawOptions, answer: Answer) -> Result<Options, Error> {
    let level = given.level.unwrap_or_default();
    app.classifier.model().scoring(given.function, level)?;
    let explain = answer == Answer::Full && given.explain.unwrap_or_default();
    if explain {
        app.classifier.model().check_explains()?;
    }
    // The default threshold is a probability. Logits have no minimum, so they are not filtered by default.
    let least = match given.function {
        Some(Function::None) => f32::NEG_INFINITY,
        _ => app.config.min_score,
    };
    Ok(Options {
        top_k: given.top_k.unwrap_or(app.config.top_k),
        min_score: given.min_score.unwrap_or(least),
        function: given.function,
        level,
        explain,
    })
}

/// Reads the options of the query string. They take precedence over the body, because a URL is easier to
/// change.
pub(super) fn query_options(query: &str) -> Result<RawOptions, Error> {
    let mut options = RawOptions::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        options.set(&name, &value)?;
    }
    Ok(options)
}
