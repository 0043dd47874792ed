//! Converts an incoming event to an HTTP request.
//!
//! This does not use the parser of `lambda_http`. That parser panics on invalid base64, on a host with a
//! space and on an unescaped query, rejects the whole event for one invalid header, and copies the body
//! several times. This one reads the fields it needs, drops invalid headers, and escapes characters that are
//! not allowed in a URI.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use bytes::Bytes;
use lambda_runtime::{Context, Diagnostic};
use memchr::memchr;
use serde_json::Value;
use serde_json::value::RawValue;

use super::envelope::Envelope;
use super::front_door::FrontDoor;
use super::objects::Sender;
use super::{deadline, other, path, uri};
use crate::Error;
use crate::http::body::decode_base64;
use crate::http::{Authenticated, Deadline, PublicPath, REQUEST_ID, Refused, TRACE_ID, Trusted};

/// The kinds of events.
pub enum Event {
    /// A request through a front door. If the event is not a valid request, the request carries [`Refused`].
    Http {
        /// The request, with Lambda's request id.
        request: Box<Request>,
        /// The front door. It determines the format of the reply.
        door: &'static FrontDoor,
    },

    /// A direct invocation: a body without an envelope.
    Direct {
        /// A `POST` to `/` with the payload as the body.
        request: Box<Request>,
    },

    /// An event about S3 objects. It is parsed when it is processed.
    Objects {
        /// The service that sent it.
        sender: &'static Sender,
        /// The raw event.
        payload: Bytes,
    },

    /// An event that only keeps the function warm. Nothing runs.
    Ping,
}

impl Event {
    /// Parses an event. The request gets the ids of the invocation and of its X-Ray trace.
    ///
    /// # Errors
    ///
    /// A [`Diagnostic`] if the event is of none of these kinds.
    pub fn read(payload: Bytes, context: &Context) -> Result<Self, Diagnostic> {
        let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(&payload) else {
            return Err(other::unknown());
        };
        if let Some(refusal) = other::lookalike(&envelope) {
            return Err(refusal);
        }
        if let Some(door) = FrontDoor::of(&envelope) {
            let mut request =
                Reader { envelope: &envelope, door }.request(&payload).unwrap_or_else(|detail| {
                    let mut request = Request::new(Body::empty());
                    request.extensions_mut().insert(Refused::from(Error::InvalidEvent(detail)));
                    request
                });
            if door.has_checked_caller(&envelope) {
                request.extensions_mut().insert(Authenticated);
            }
            belong(&mut request, context);
            return Ok(Self::Http { request: Box::new(request), door });
        }
        if envelope.has_images {
            let mut request = direct(payload.clone());
            belong(&mut request, context);
            return Ok(Self::Direct { request: Box::new(request) });
        }
        if let Some(sender) = Sender::of(&envelope) {
            return Ok(Self::Objects { sender, payload: payload.clone() });
        }
        if other::wants_nothing(&envelope) { Ok(Self::Ping) } else { Err(other::refuse(&envelope)) }
    }
}

/// Gives a request the ids and the deadline of its invocation.
fn belong(request: &mut Request, context: &Context) {
    set_ids(request, &context.request_id, trace_id(context));
    if let Some(deadline) = deadline::of(context) {
        request.extensions_mut().insert(Deadline(deadline));
    }
}

/// The X-Ray trace id of the invocation.
pub(super) fn trace_id(context: &Context) -> &str {
    context.xray_trace_id.as_deref().unwrap_or_default()
}

/// Sets the ids of a request. Values from the client are replaced.
pub(super) fn set_ids(request: &mut Request, request_id: &str, trace_id: &str) {
    for (name, id) in [(REQUEST_ID, request_id), (TRACE_ID, trace_id)] {
        if let Ok(id) = HeaderValue::from_str(id) {
            request.headers_mut().insert(name, id);
        }
    }
}

/// Builds the request of a direct invocation with this body.
pub(super) fn direct(payload: Bytes) -> Request {
    let mut request = Request::new(Body::from(payload));
    *request.method_mut() = Method::POST;
    request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // AWS has authenticated the invoker. A direct invocation has no header for a token.
    request.extensions_mut().insert(Trusted);
    request
}

/// Builds a request from an event of a front door.
struct Reader<'a> {
    envelope: &'a Envelope<'a>,
    door: &'static FrontDoor,
}

impl Reader<'_> {
    fn request(&self, payload: &Bytes) -> Result<Request, String> {
        let mut request = Request::new(Body::from(self.body(payload)?));
        let method = self.method()?;
        let (path, query) = self.path_and_query();
        let route = path::of_route(self.envelope, self.door, &method, path);
        *request.method_mut() = method;
        *request.uri_mut() = uri::build(&route, &query).ok_or(
            "The event's path and query string cannot be those of a request. Send a path such as /classify.",
        )?;
        *request.headers_mut() = self.headers();
        if let Some(path) = path::public(self.envelope) {
            request.extensions_mut().insert(PublicPath(path.to_owned()));
        }
        Ok(request)
    }

    fn first_text(&self, pointers: &[&str]) -> Option<&str> {
        pointers.iter().find_map(|pointer| self.envelope.text(pointer))
    }

    fn method(&self) -> Result<Method, String> {
        let method = self.first_text(self.door.method).ok_or_else(|| {
            let pointer = self.door.method.first().copied().unwrap_or_default();
            let place = pointer.trim_start_matches('/').replace('/', ".");
            format!(
                "The event does not name the method of the request. Put one such as POST into \"{place}\"."
            )
        })?;
        Method::from_bytes(method.as_bytes()).map_err(|_| {
            "The event's method is not one of HTTP. Put one such as POST in its place.".to_owned()
        })
    }

    /// The path and the query. VPC Lattice may leave the query in the path.
    fn path_and_query(&self) -> (&str, String) {
        let path = self.first_text(self.door.path).unwrap_or_default();
        let (path, on_path) =
            if self.door.is_query_encoded { path.split_once('?').unwrap_or((path, "")) } else { (path, "") };
        let query = self.query();
        (path, if query.is_empty() { on_path.to_owned() } else { query })
    }

    fn query(&self) -> String {
        if let Some(raw) = self.envelope.text("/rawQueryString") {
            return raw.to_owned();
        }
        let maps = ["/multiValueQueryStringParameters", "/queryStringParameters", "/query_string_parameters"];
        let parameters = maps
            .iter()
            .filter_map(|pointer| self.envelope.at(pointer)?.as_object())
            .find(|parameters| !parameters.is_empty());
        let pairs = parameters
            .into_iter()
            .flatten()
            .flat_map(|(name, value)| texts(value).map(move |value| (name.as_str(), value)));
        if self.door.is_query_encoded {
            pairs.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
        } else {
            form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
        }
    }

    /// Single-value and multi-value headers. Invalid headers are dropped; no response depends on them.
    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for pointer in ["/headers", "/multiValueHeaders"] {
            let map = self.envelope.at(pointer).and_then(Value::as_object);
            for (name, value) in map.into_iter().flatten() {
                let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { continue };
                headers.remove(&name);
                for value in texts(value).filter_map(|text| HeaderValue::from_bytes(text.as_bytes()).ok()) {
                    headers.append(&name, value);
                }
            }
        }
        // This is the length of the client's body. The gateway may have encoded the body since.
        headers.remove(header::CONTENT_LENGTH);
        headers
    }

    /// The body. Text without escapes is not copied.
    fn body(&self, payload: &Bytes) -> Result<Bytes, String> {
        let Some(raw) = self.envelope.body.map(RawValue::get).filter(|raw| *raw != "null") else {
            return Ok(Bytes::new());
        };
        let Some(quoted) = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) else {
            // The body is JSON rather than text.
            return Ok(payload.slice_ref(raw.as_bytes()));
        };
        // Base64 has no escapes. `memchr` confirms this quickly, even for megabytes.
        let text: Bytes = match memchr(b'\\', quoted.as_bytes()) {
            None => payload.slice_ref(quoted.as_bytes()),
            Some(_) => serde_json::from_str::<String>(raw)
                .map_err(|_| {
                    "The event's body is not valid text. Send base64, and set \"isBase64Encoded\".".to_owned()
                })?
                .into(),
        };
        let decoded = if self.is_body_base64() { decode_base64(&text) } else { None };
        // Invalid base64 is passed through; the body parser reports the error.
        Ok(decoded.map_or(text, Bytes::from))
    }

    fn is_body_base64(&self) -> bool {
        ["/isBase64Encoded", "/is_base64_encoded"].iter().any(|pointer| match self.envelope.at(pointer) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(flag)) => flag.eq_ignore_ascii_case("true"),
            _ => false,
        })
    }
}

/// The strings in a value: the value itself, or the elements of a list.
fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let (one, many) = match value {
        Value::String(text) => (Some(text.as_str()), None),
        Value::Array(values) => (None, Some(values)),
        _ => (None, None),
    };
    one.into_iter().chain(many.into_iter().flatten().filter_map(Value::as_str))
}
