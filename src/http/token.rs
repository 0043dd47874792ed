//! Token authentication: with `API_TOKEN` set, `POST` and `PUT` requests must send it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::receive::Intake;
use super::references::Authenticated;
use crate::Error;
use crate::config::ApiToken;

/// The error detail for requests without a token.
pub(super) const MISSING: &str = "This service wants a token: send it as \"Authorization: Bearer TOKEN\".";

/// A request extension: the request needs no token, because the caller was authenticated in another way.
#[derive(Clone, Copy, Debug)]
pub struct Trusted;

/// Rejects a `POST` or `PUT` without the token. Its body is read to the end and discarded, so that the client
/// receives the response.
pub(super) async fn check(
    State((token, intake)): State<(Option<ApiToken>, Arc<Intake>)>,
    mut request: Request,
    next: Next,
) -> Response {
    if request.extensions().get::<Trusted>().is_some() {
        request.extensions_mut().insert(Authenticated);
        return next.run(request).await;
    }
    let Some(token) = token else { return next.run(request).await };
    let is_guarded = matches!(*request.method(), Method::POST | Method::PUT);
    if !is_guarded {
        return next.run(request).await;
    }
    let reason = match bearer(request.headers()) {
        Some(sent) if token.matches(sent) => {
            request.extensions_mut().insert(Authenticated);
            return next.run(request).await;
        }
        Some(_) => {
            "The token in the Authorization header is not the right one. Ask whoever runs this service for it."
        }
        None => MISSING,
    };
    let (parts, body) = request.into_parts();
    intake.drain(&parts.headers, body).await;
    let mut response = Error::Unauthorized(reason).into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

/// The credentials of the `Bearer` scheme (RFC 6750, section 2.1).
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}
