//! The trace that a request belongs to, as its headers tell.

use std::fmt;

/// The id of a trace: 16 bytes, not all of them zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceId([u8; 16]);

/// The id of a span: 8 bytes, not all of them zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SpanId([u8; 8]);

/// The span of the caller in which it made the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parent {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    /// The caller records the trace.
    pub(crate) is_sampled: bool,
}

impl TraceId {
    /// A new one; `None` if the operating system has no random numbers.
    pub(super) fn random() -> Option<Self> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// Reads 32 hexadecimal digits.
    fn parse(text: &str) -> Option<Self> {
        digits(text).map(Self)
    }

    /// The last 8 bytes as a number, of which samplers make their choice. They are random.
    #[cfg(feature = "otlp")]
    pub(super) fn low(self) -> u64 {
        let [.., a, b, c, d, e, f, g, h] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

impl SpanId {
    /// So many new ones; none if the operating system has no random numbers.
    pub(super) fn random(count: usize) -> Vec<Self> {
        let mut bytes = vec![[0; 8]; count];
        let filled = getrandom::fill(bytes.as_flattened_mut());
        if filled.is_ok() { bytes.into_iter().map(Self).collect() } else { Vec::new() }
    }

    /// Reads 16 hexadecimal digits.
    fn parse(text: &str) -> Option<Self> {
        digits(text).map(Self)
    }
}

impl Parent {
    /// Reads the header `traceparent` (W3C Trace Context): `00-` trace id `-` span id `-` flags. Later versions may
    /// append fields.
    pub(crate) fn of_traceparent(text: &str) -> Option<Self> {
        let mut fields = text.split('-');
        let [version, trace_id, span_id, flags] = std::array::from_fn(|_| fields.next().unwrap_or_default());
        let [version] = digits(version)?;
        if version == u8::MAX || (version == 0 && fields.next().is_some()) {
            return None;
        }
        let [flags] = digits(flags)?;
        Some(Self {
            trace_id: TraceId::parse(trace_id)?,
            span_id: SpanId::parse(span_id)?,
            is_sampled: flags & 1 == 1,
        })
        .filter(Self::is_valid)
    }

    /// Reads the header `x-amzn-trace-id` (X-Ray): `Root=1-` 8 digits `-` 24 digits `;Parent=` span id `;Sampled=` 0 or 1, in
    /// any order and with other fields. Without a parent and a decision nothing is recorded, so that it is none.
    pub(crate) fn of_xray(text: &str) -> Option<Self> {
        let field =
            |name: &str| text.split(';').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='));
        let (time, rest) =
            field("Root")?.strip_prefix("1-")?.split_once('-').filter(|(time, _)| time.len() == 8)?;
        Some(Self {
            trace_id: TraceId::parse(&format!("{time}{rest}"))?,
            span_id: SpanId::parse(field("Parent")?)?,
            is_sampled: field("Sampled")? == "1",
        })
        .filter(Self::is_valid)
    }

    /// Zeros are no id.
    fn is_valid(&self) -> bool {
        self.trace_id.0 != [0; 16] && self.span_id.0 != [0; 8]
    }
}

/// Reads so many bytes, each of two hexadecimal digits in lower case.
fn digits<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let bytes: Option<Vec<u8>> =
        pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect();
    bytes?.try_into().ok()
}

impl fmt::Display for TraceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn a_traceparent_is_read_by_the_rules_of_its_version() {
        for (flags, is_sampled) in [("01", true), ("00", false), ("03", true), ("fe", false)] {
            let parent = Parent::of_traceparent(&format!("00-{TRACE}-{SPAN}-{flags}")).unwrap();
            assert_eq!(
                (parent.trace_id.to_string(), parent.span_id.to_string()),
                (TRACE.into(), SPAN.into())
            );
            assert_eq!(parent.is_sampled, is_sampled, "{flags}");
        }
        assert!(Parent::of_traceparent(&format!("cc-{TRACE}-{SPAN}-01-more")).is_some());
        for bad in [
            "".to_owned(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("0-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{}-{SPAN}-01", &TRACE[1..]),
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{TRACE}-{SPAN}x-01"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{}-{SPAN}-01", "é".repeat(16)),
        ] {
            assert_eq!(Parent::of_traceparent(&bad), None, "{bad}");
        }
    }

    #[test]
    fn a_header_of_xray_names_trace_parent_and_decision() {
        let root = "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736";
        for (text, is_sampled) in [
            (format!("{root};Parent={SPAN};Sampled=1"), true),
            (format!("{root};Parent={SPAN};Sampled=0"), false),
            (format!("Sampled=1; {root}; Lineage=a87bd80c:1|68fd508a:5; Parent={SPAN}"), true),
        ] {
            let parent = Parent::of_xray(&text).unwrap();
            assert_eq!(
                (parent.trace_id.to_string(), parent.span_id.to_string()),
                (TRACE.into(), SPAN.into())
            );
            assert_eq!(parent.is_sampled, is_sampled, "{text}");
        }
        for bad in [
            "".to_owned(),
            root.to_owned(),
            format!("{root};Sampled=1"),
            format!("{root};Parent={SPAN}"),
            format!("Root=2-4bf92f35-77b34da6a3ce929d0e0e4736;Parent={SPAN};Sampled=1"),
            format!("Root=1-4bf92f357-7b34da6a3ce929d0e0e4736;Parent={SPAN};Sampled=1"),
            format!("Root={TRACE};Parent={SPAN};Sampled=1"),
        ] {
            assert_eq!(Parent::of_xray(&bad), None, "{bad}");
        }
    }

    #[test]
    fn new_ids_differ() {
        let ids = SpanId::random(100);
        let different: std::collections::HashSet<_> = ids.iter().collect();
        assert_eq!((ids.len(), different.len()), (100, 100));
        assert_ne!(TraceId::random(), TraceId::random());
    }
}
