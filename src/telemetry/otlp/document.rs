//! Spans → JSON as OTLP has it: that of its Protocol Buffers, with ids in hexadecimal and 64-bit numbers as texts.

use bytes::Bytes;
use serde_json::{Map, Value as Json, json};

use crate::telemetry::parent::SpanId;
use crate::telemetry::spans::{Fact, Failure, Span, Tree, Value};

/// Kinds of spans: `SPAN_KIND_INTERNAL` and `SPAN_KIND_SERVER`.
const INTERNAL: u8 = 1;
const SERVER: u8 = 2;

/// `STATUS_CODE_ERROR`.
const ERROR: u8 = 2;

/// Flags of a span: it is sampled, it says whether its parent is in another process, and its parent is.
const SAMPLED: u32 = 0x01;
const KNOWS_PARENT: u32 = 0x100;
const PARENT_IS_REMOTE: u32 = 0x200;

/// What the spans come from.
pub(super) struct Resource(Json);

impl Resource {
    /// By names and values.
    pub(super) fn new(attributes: &[(String, String)]) -> Self {
        let attribute = |(name, value): &(String, String)| attribute(name, json!({"stringValue": value}));
        Self(json!({"attributes": attributes.iter().map(attribute).collect::<Json>()}))
    }
}

/// An `ExportTraceServiceRequest`.
pub(super) fn of(Resource(resource): &Resource, trees: &[Tree]) -> Bytes {
    let mut spans = Vec::new();
    for tree in trees {
        let trace_id = tree.trace_id.to_string();
        add(&tree.root, tree.parent, SERVER, &trace_id, &mut spans);
    }
    let scope = json!({"name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION")});
    let scope_spans = json!([{"scope": scope, "spans": spans}]);
    json!({"resourceSpans": [{"resource": resource, "scopeSpans": scope_spans}]}).to_string().into()
}

/// Adds a span and those within it.
fn add(span: &Span, parent: Option<SpanId>, kind: u8, trace_id: &str, all: &mut Vec<Json>) {
    let mut attributes: Vec<Json> =
        span.facts.iter().map(|(fact, value)| attribute(named(*fact), typed(value))).collect();
    let mut fields = Map::new();
    let mut set = |name: &str, value: Json| {
        fields.insert(name.to_owned(), value);
    };
    if kind == SERVER {
        attributes.push(attribute("url.scheme", json!({"stringValue": "http"})));
    }
    if let Some(Failure { status, code }) = span.failure {
        attributes.push(attribute("error.type", json!({"stringValue": code})));
        // What is the caller's fault is no error of this service.
        if status >= 500 {
            set("status", json!({"code": ERROR}));
        }
    }
    let is_remote = kind == SERVER && parent.is_some();
    set("flags", (SAMPLED | KNOWS_PARENT | if is_remote { PARENT_IS_REMOTE } else { 0 }).into());
    set("traceId", trace_id.into());
    set("spanId", span.id.to_string().into());
    if let Some(parent) = parent {
        set("parentSpanId", parent.to_string().into());
    }
    set("name", span.name.as_ref().into());
    set("kind", kind.into());
    set("startTimeUnixNano", span.start.to_string().into());
    set("endTimeUnixNano", span.end.to_string().into());
    set("attributes", attributes.into());
    all.push(fields.into());
    for child in &span.children {
        add(child, Some(span.id), INTERNAL, trace_id, all);
    }
}

/// What a fact is called: by the semantic conventions of OpenTelemetry where they have a name for it.
fn named(fact: Fact) -> &'static str {
    match fact {
        Fact::Method => "http.request.method",
        Fact::Path => "url.path",
        Fact::Route => "http.route",
        Fact::Status => "http.response.status_code",
        Fact::Bytes => "http.request.body.size",
        Fact::RequestId => "image_classifier.request_id",
        Fact::ColdStart => "image_classifier.cold_start",
        Fact::Images => "image_classifier.images",
        Fact::LeftOut => "image_classifier.left_out",
        Fact::Cached => "image_classifier.cached",
        Fact::Index => "image_classifier.index",
        Fact::Format => "image_classifier.format",
        Fact::Width => "image_classifier.width",
        Fact::Height => "image_classifier.height",
    }
}

fn typed(value: &Value) -> Json {
    match value {
        Value::Text(text) => json!({"stringValue": text}),
        Value::Number(number) => json!({"intValue": number.to_string()}),
        Value::Truth(truth) => json!({"boolValue": truth}),
    }
}

fn attribute(key: &str, value: Json) -> Json {
    json!({"key": key, "value": value})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::spans::tests::{record, tree};

    #[test]
    fn spans_are_written_as_otlp_has_them() {
        let resource = Resource::new(&[("service.name".to_owned(), "photos".to_owned())]);
        let mut one = tree(&record());
        one.root.failure = Some(Failure { status: 503, code: "overloaded" });
        let mut other = one.clone();
        (other.parent, other.root.failure) = (None, Some(Failure { status: 404, code: "not_found" }));
        let document: Json = serde_json::from_slice(&of(&resource, &[one.clone(), other])).unwrap();
        let of_resource = &document["resourceSpans"][0];
        let expected = json!({"attributes": [{"key": "service.name", "value": {"stringValue": "photos"}}]});
        assert_eq!(of_resource["resource"], expected);
        let spans = of_resource["scopeSpans"][0]["spans"].as_array().unwrap();
        assert_eq!(spans.len(), 14);
        let (first, body, second) = (&spans[0], &spans[1], &spans[7]);
        for (name, expected) in [
            ("traceId", json!("4bf92f3577b34da6a3ce929d0e0e4736")),
            ("spanId", json!(one.root.id.to_string())),
            ("parentSpanId", json!("00f067aa0ba902b7")),
            ("name", json!("POST /classify")),
            ("kind", json!(2)),
            ("flags", json!(0x301)),
            ("status", json!({"code": 2})),
            ("startTimeUnixNano", json!(one.root.start.to_string())),
            ("endTimeUnixNano", json!(one.root.end.to_string())),
        ] {
            assert_eq!(first[name], expected, "{name}");
        }
        let attributes = first["attributes"].as_array().unwrap();
        for expected in [
            json!({"key": "http.response.status_code", "value": {"intValue": "200"}}),
            json!({"key": "image_classifier.cold_start", "value": {"boolValue": false}}),
            json!({"key": "error.type", "value": {"stringValue": "overloaded"}}),
        ] {
            assert!(attributes.contains(&expected), "{expected} in {attributes:?}");
        }
        assert_eq!(
            (&body["name"], &body["kind"], &body["flags"]),
            (&json!("body"), &json!(1), &json!(0x101))
        );
        assert_eq!(body["parentSpanId"], first["spanId"]);
        // The caller's fault is no error of the service.
        assert_eq!((&second["status"], &second["parentSpanId"]), (&Json::Null, &Json::Null));
        assert_eq!(second["flags"], 0x101);
        let text = document.to_string();
        assert!(!text.contains("private") && !text.contains("espresso"), "{text}");
    }
}
