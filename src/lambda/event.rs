//! An event as it comes in → an HTTP request.
//!
//! `lambda_http` has a reader of its own, but it panics on invalid base64, on a host with a space and on an
//! unescaped query, refuses a whole event for one odd header, and copies the body several times. This one
//! takes what it needs, leaves out what cannot be a header, and escapes what cannot be in a URI.

use std::borrow::Cow;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use bytes::Bytes;
use lambda_runtime::{Context, Diagnostic};
use memchr::memchr;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

use super::uri;
use crate::Error;
use crate::http::body::decode_base64;
use crate::http::{PublicPath, REQUEST_ID, Refused, TRACE_ID, Trusted};

/// The front door that an event came through; it decides the form of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// API Gateway REST API, or an HTTP API with payload format 1.0.
    ApiGatewayV1,
    /// API Gateway HTTP API, or a Function URL.
    ApiGatewayV2,
    /// Application load balancer.
    LoadBalancer,
}

/// What an event turned out to be.
pub enum Event {
    /// A request through a front door. Where the event cannot be one, it carries [`Refused`].
    Http {
        /// The request, with Lambda's request id.
        request: Box<Request>,
        /// Where it came through.
        origin: Origin,
    },

    /// A body without an envelope.
    Direct {
        /// A `POST` of the payload to `/`.
        request: Box<Request>,
    },
}

/// What is read of an event. Only the body is large; it is borrowed where it holds no escapes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    version: Option<Value>,
    http_method: Option<Value>,
    path: Option<Value>,
    raw_path: Option<Value>,
    path_parameters: Option<Value>,
    raw_query_string: Option<Value>,
    query_string_parameters: Option<Value>,
    multi_value_query_string_parameters: Option<Value>,
    headers: Option<Value>,
    multi_value_headers: Option<Value>,
    #[serde(default)]
    request_context: Value,
    is_base64_encoded: Option<Value>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    image: Option<IgnoredAny>,
    images: Option<IgnoredAny>,
    inputs: Option<IgnoredAny>,
}

impl Event {
    /// Reads an event. The ids of the invocation and of its trace in X-Ray become the request's.
    ///
    /// # Errors
    ///
    /// A [`Diagnostic`] if it is neither a request of a front door nor a body.
    pub fn read(payload: Bytes, context: &Context) -> Result<Self, Diagnostic> {
        // What says a thing twice is no event.
        let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(&payload) else {
            return Err(unknown_payload());
        };
        let Some(origin) = envelope.origin() else { return envelope.direct(&payload, context) };
        let mut request = envelope.request(origin, &payload).unwrap_or_else(|detail| {
            let mut request = Request::new(Body::empty());
            request.extensions_mut().insert(Refused::from(Error::InvalidEvent(detail)));
            request
        });
        set_ids(&mut request, context);
        Ok(Self::Http { request: Box::new(request), origin })
    }
}

/// The invocation's, whatever the client sent.
fn set_ids(request: &mut Request, context: &Context) {
    let trace = context.xray_trace_id.as_deref().unwrap_or_default();
    for (name, id) in [(REQUEST_ID, context.request_id.as_str()), (TRACE_ID, trace)] {
        if let Ok(id) = HeaderValue::from_str(id) {
            request.headers_mut().insert(name, id);
        }
    }
}

fn unknown_payload() -> Diagnostic {
    Diagnostic {
        error_type: "InvalidEvent".to_owned(),
        error_message: "The payload is not one that this function accepts. Send an event of API Gateway (HTTP API or \
                        REST API), a Function URL or an Application Load Balancer, or invoke the function directly \
                        with {\"image\": \"<base64>\"}, {\"images\": [\"<base64>\", …]} or {\"inputs\": \"<base64>\"}."
            .to_owned(),
    }
}

impl Envelope<'_> {
    fn origin(&self) -> Option<Origin> {
        let context = &self.request_context;
        if context.get("elb").is_some() {
            Some(Origin::LoadBalancer)
        } else if context.get("http").is_some() || self.raw_path.is_some() {
            Some(Origin::ApiGatewayV2)
        } else if self.http_method.is_some() || context.get("httpMethod").is_some() {
            Some(Origin::ApiGatewayV1)
        } else if context.is_object() {
            let v2 = self.version.as_ref().and_then(Value::as_str) == Some("2.0");
            Some(if v2 { Origin::ApiGatewayV2 } else { Origin::ApiGatewayV1 })
        } else {
            None
        }
    }

    fn direct(&self, payload: &Bytes, context: &Context) -> Result<Event, Diagnostic> {
        if self.image.is_none() && self.images.is_none() && self.inputs.is_none() {
            return Err(unknown_payload());
        }
        let mut request = Request::new(Body::from(payload.clone()));
        *request.method_mut() = Method::POST;
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        set_ids(&mut request, context);
        // AWS has checked who invokes; there is no header to carry a token.
        request.extensions_mut().insert(Trusted);
        Ok(Event::Direct { request: Box::new(request) })
    }

    fn request(&self, origin: Origin, payload: &Bytes) -> Result<Request, String> {
        let mut request = Request::new(Body::from(self.body(payload)?));
        *request.method_mut() = self.method(origin)?;
        *request.uri_mut() = uri::build(&self.path(), &self.query(origin))
            .ok_or("The event's path and query string cannot be those of a request.")?;
        *request.headers_mut() = self.headers();
        if let Some(path) = self.public_path() {
            request.extensions_mut().insert(PublicPath(path.to_owned()));
        }
        Ok(request)
    }

    fn method(&self, origin: Origin) -> Result<Method, String> {
        let context = &self.request_context;
        let method = match origin {
            Origin::ApiGatewayV2 => context.pointer("/http/method"),
            Origin::ApiGatewayV1 | Origin::LoadBalancer => {
                self.http_method.as_ref().or_else(|| context.get("httpMethod"))
            }
        };
        let method =
            method.and_then(Value::as_str).ok_or("The event does not name the method of the request.")?;
        Method::from_bytes(method.as_bytes()).map_err(|_| "The event's method is none of HTTP.".to_owned())
    }

    /// The path without the stage. A greedy path parameter holds it without the base path of a custom domain, too.
    fn path(&self) -> Cow<'_, str> {
        let text = |value: &'_ Option<Value>| value.as_ref().and_then(Value::as_str).map(str::to_owned);
        let proxy = self.path_parameters.as_ref().and_then(|parameters| parameters.get("proxy"));
        if let Some(proxy) = proxy.and_then(Value::as_str) {
            return format!("/{}", proxy.trim_start_matches('/')).into();
        }
        let path = text(&self.raw_path).or_else(|| text(&self.path)).unwrap_or_default();
        // A REST API's path does not hold the stage; its context has one that does.
        let in_context = self.request_context.get("path").and_then(Value::as_str);
        let stage = self.request_context.get("stage").and_then(Value::as_str).unwrap_or("$default");
        match in_context {
            Some(full) if full != path => path.into(),
            _ => uri::without_stage(&path, stage).to_owned().into(),
        }
    }

    /// The path as the client sees it, where the gateway tells it. Behind a domain of its own an HTTP API tells one with
    /// the stage instead of what the domain has in its place.
    fn public_path(&self) -> Option<&str> {
        let context = &self.request_context;
        let domain = context.get("domainName").and_then(Value::as_str).unwrap_or_default();
        let of_http_api = || context.pointer("/http/path").filter(|_| domain.contains(".execute-api."));
        context.get("path").or_else(of_http_api).and_then(Value::as_str)
    }

    fn query(&self, origin: Origin) -> String {
        if let Some(raw) = self.raw_query_string.as_ref().and_then(Value::as_str) {
            return raw.to_owned();
        }
        let many = self.multi_value_query_string_parameters.as_ref().and_then(Value::as_object);
        let one = self.query_string_parameters.as_ref().and_then(Value::as_object);
        let parameters = many.filter(|map| !map.is_empty()).or(one);
        let pairs = parameters
            .into_iter()
            .flatten()
            .flat_map(|(name, value)| texts(value).map(move |value| (name.as_str(), value)));
        // A load balancer leaves the parameters as they were in the URL; a REST API decodes them.
        match origin {
            Origin::LoadBalancer => {
                pairs.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
            }
            _ => form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish(),
        }
    }

    /// Headers of both kinds. What cannot be a header is left out: no answer depends on it.
    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for map in [&self.headers, &self.multi_value_headers] {
            for (name, value) in map.as_ref().and_then(Value::as_object).into_iter().flatten() {
                let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { continue };
                headers.remove(&name);
                for value in texts(value).filter_map(|text| HeaderValue::from_bytes(text.as_bytes()).ok()) {
                    headers.append(&name, value);
                }
            }
        }
        // It is that of the client's body, which the gateway may have encoded since.
        headers.remove(header::CONTENT_LENGTH);
        headers
    }

    /// The body, without a copy where it is text without escapes.
    fn body(&self, payload: &Bytes) -> Result<Bytes, String> {
        let Some(raw) = self.body.map(RawValue::get).filter(|raw| *raw != "null") else {
            return Ok(Bytes::new());
        };
        let Some(quoted) = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) else {
            // A body that was given as JSON rather than as text.
            return Ok(payload.slice_ref(raw.as_bytes()));
        };
        // Base64 has nothing to unescape, and `memchr` sees that of megabytes at once.
        let text: Bytes = match memchr(b'\\', quoted.as_bytes()) {
            None => payload.slice_ref(quoted.as_bytes()),
            Some(_) => serde_json::from_str::<String>(raw)
                .map_err(|_| "The event's body is not valid text.".to_owned())?
                .into(),
        };
        let flagged = match &self.is_base64_encoded {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(flag)) => flag.eq_ignore_ascii_case("true"),
            _ => false,
        };
        let decoded = if flagged { decode_base64(&text) } else { None };
        // Text that is not base64 is passed on: the body's reader says what is wrong with it.
        Ok(decoded.map_or(text, Bytes::from))
    }
}

/// The strings of a value: itself, or its elements.
fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let (one, many) = match value {
        Value::String(text) => (Some(text.as_str()), None),
        Value::Array(values) => (None, Some(values)),
        _ => (None, None),
    };
    one.into_iter().chain(many.into_iter().flatten().filter_map(Value::as_str))
}
