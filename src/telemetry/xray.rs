//! Spans under Lambda: a document of a subsegment for each request, in a datagram to the daemon of X-Ray that Lambda runs
//! beside the function.
//!
//! Names of fields are those of AWS's page "X-Ray segment documents". The subsegment belongs to the segment that Lambda
//! itself records of the invocation.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use serde_json::{Map, Value as Json, json};

use super::lost::Lost;
use super::spans::{Fact, Failure, Span, Tree, Value};

/// What the daemon wants before a document.
const HEADER: &[u8] = b"{\"format\": \"json\", \"version\": 1}\n";

/// Sends documents.
pub(super) struct XRay {
    socket: UdpSocket,
    daemon: SocketAddr,
    lost: Lost,
}

impl XRay {
    /// A sender to this daemon. Nobody needs to listen there.
    pub(super) fn new(daemon: SocketAddr, lost: Lost) -> io::Result<Self> {
        let any: IpAddr =
            if daemon.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind((any, 0))?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, daemon, lost })
    }

    /// Sends the document of a request, at once: after the answer Lambda may freeze the process.
    pub(super) fn send(&self, tree: &Tree) {
        let datagram = [HEADER, document(tree).to_string().as_bytes()].concat();
        match self.socket.send_to(&datagram, self.daemon) {
            Ok(_) => self.lost.is_over(),
            Err(error) => self.lost.add(tree.size, &error),
        }
    }
}

fn document(tree: &Tree) -> Json {
    let mut document = subsegment(&tree.root);
    let id = tree.trace_id.to_string();
    let (time, rest) = id.split_at(8);
    document.insert("type".to_owned(), "subsegment".into());
    document.insert("trace_id".to_owned(), format!("1-{time}-{rest}").into());
    if let Some(parent) = tree.parent {
        document.insert("parent_id".to_owned(), parent.to_string().into());
    }
    document.into()
}

fn subsegment(span: &Span) -> Map<String, Json> {
    let mut fields = Map::new();
    let mut set = |name: &str, value: Json| {
        fields.insert(name.to_owned(), value);
    };
    set("id", span.id.to_string().into());
    set("name", span.name.replace(|sign| !is_allowed(sign), "_").into());
    set("start_time", seconds(span.start));
    set("end_time", seconds(span.end));
    let mut annotations: Map<String, Json> =
        span.facts.iter().filter_map(|(fact, value)| Some((named(*fact)?.to_owned(), json(value)))).collect();
    if let Some(Failure { status, code }) = span.failure {
        annotations.insert("code".to_owned(), code.into());
        set(if status >= 500 { "fault" } else { "error" }, true.into());
        if status == 429 {
            set("throttle", true.into());
        }
    }
    if let Some(http) = http(span) {
        set("http", http);
    }
    if !annotations.is_empty() {
        set("annotations", annotations.into());
    }
    if !span.children.is_empty() {
        set("subsegments", span.children.iter().map(|child| Json::from(subsegment(child))).collect());
    }
    fields
}

/// What a fact is called as an annotation, by which traces can be searched. `None` for what has a field of its own.
fn named(fact: Fact) -> Option<&'static str> {
    Some(match fact {
        Fact::Method | Fact::Path | Fact::Status => return None,
        Fact::Route => "route",
        Fact::RequestId => "request_id",
        Fact::ColdStart => "cold_start",
        Fact::Bytes => "bytes",
        Fact::Images => "images",
        Fact::LeftOut => "left_out",
        Fact::Cached => "cached",
        Fact::Index => "index",
        Fact::Format => "format",
        Fact::Width => "width",
        Fact::Height => "height",
    })
}

/// Request and answer, of the span that has them.
fn http(span: &Span) -> Option<Json> {
    let of = |fact| span.facts.iter().find(|(found, _)| *found == fact).map(|(_, value)| json(value));
    Some(json!({
        "request": {"method": of(Fact::Method)?, "url": of(Fact::Path)},
        "response": {"status": of(Fact::Status)?},
    }))
}

fn json(value: &Value) -> Json {
    match value {
        Value::Text(text) => text.as_ref().into(),
        Value::Number(number) => (*number).into(),
        Value::Truth(truth) => (*truth).into(),
    }
}

/// Seconds since 1970, to the microsecond: a float of 64 bits holds no more.
fn seconds(nanoseconds: u64) -> Json {
    ((nanoseconds / 1000) as f64 / 1e6).into()
}

/// Whether a name may have this character.
fn is_allowed(character: char) -> bool {
    character.is_alphanumeric() || " _.:/%&#=+\\-@".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::spans::tests::{record, tree};
    use crate::telemetry::spans::{Fact, MAX_SPANS};

    #[test]
    fn a_document_belongs_to_the_segment_of_the_caller() {
        let document = document(&tree(&record()));
        assert_eq!(document["trace_id"], "1-4bf92f35-77b34da6a3ce929d0e0e4736");
        assert_eq!(document["parent_id"], "00f067aa0ba902b7");
        assert_eq!((&document["type"], &document["name"]), (&json!("subsegment"), &json!("POST /classify")));
        let length = document["end_time"].as_f64().unwrap() - document["start_time"].as_f64().unwrap();
        assert!((length - 0.05).abs() < 2e-6, "{length}");
        let text = document.to_string();
        assert!(!text.contains("private") && !text.contains("espresso"), "{text}");
    }

    #[test]
    fn flags_go_by_the_status() {
        for (status, flags) in [
            (200, &[][..]),
            (404, &["error"]),
            (429, &["error", "throttle"]),
            (499, &["error"]),
            (500, &["fault"]),
            (503, &["fault"]),
        ] {
            let document = document(&tree(&crate::telemetry::Record { status, ..record() }));
            for flag in ["error", "throttle", "fault"] {
                assert_eq!(document[flag] == true, flags.contains(&flag), "{status}: {flag}");
            }
            assert_eq!(document["annotations"]["code"].is_null(), status == 200, "{status}");
        }
    }

    #[test]
    fn a_name_has_only_what_xray_allows() {
        let mut record = record();
        record.route = Some("/a/{*b}?c|d \u{e9}".to_owned());
        assert_eq!(document(&tree(&record))["name"], "POST /a/__b__c_d \u{e9}");
    }

    #[test]
    fn the_largest_document_is_within_the_limit() {
        let mut largest = record();
        largest.request_id = "i".repeat(128).into();
        // Characters that JSON escapes.
        largest.path = Some("\"".repeat(200));
        largest.images = vec![largest.images[0].clone(); 1000];
        for image in &mut largest.images {
            if let Ok(found) = &mut image.outcome {
                (found.width, found.height) = (u32::MAX, u32::MAX);
            }
        }
        let whole = tree(&largest);
        assert!(
            whole.size > MAX_SPANS - 4 && whole.root.facts.iter().any(|(fact, _)| *fact == Fact::LeftOut)
        );
        for image in &mut largest.images {
            image.outcome = Err(crate::telemetry::record::Refusal {
                status: 503,
                code: "reference_not_allowed",
                cause: None,
            });
        }
        let refused = tree(&largest);
        assert_eq!(refused.size, MAX_SPANS);
        for tree in [whole, refused] {
            let length = document(&tree).to_string().len();
            assert!(length + HEADER.len() < 64_000, "{length}");
        }
    }
}
