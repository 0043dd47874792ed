//! Parses the content type. It never overrules the body.

/// Body formats that the content type helps to distinguish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Json,
    Multipart,
    Form,
    Other,
}

#[derive(Debug)]
pub(super) struct Declared {
    pub kind: Kind,
    /// The `boundary` parameter, if it is not empty.
    pub boundary: Option<String>,
}

impl Declared {
    pub fn parse(content_type: &str) -> Self {
        let lower = content_type.to_ascii_lowercase();
        let essence = lower.split(';').next().unwrap_or_default().trim();
        let kind = if essence.starts_with("multipart/") {
            Kind::Multipart
        } else if essence.starts_with("application/x-www-form-urlencoded") {
            Kind::Form
        } else if essence.contains("json") {
            Kind::Json
        } else {
            Kind::Other
        };
        Self { kind, boundary: boundary(content_type, &lower) }
    }
}

/// Parses the `boundary` parameter. This is more lenient than the grammar: Java does not quote boundaries
/// that contain `=`, and a strict media type parser rejects those.
fn boundary(content_type: &str, lower: &str) -> Option<String> {
    let at = lower.find("boundary")? + "boundary".len();
    let value = content_type.get(at..)?.trim_start().strip_prefix('=')?.trim_start();
    let value = match value.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => value.split(';').next().map(str::trim_end),
    };
    value.filter(|value| !value.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_type_is_read_as_clients_write_it() {
        let cases = [
            ("", Kind::Other, None),
            ("image/jpg; charset=utf-8", Kind::Other, None),
            ("Application/JSON;charset=UTF-8", Kind::Json, None),
            ("application/problem+json", Kind::Json, None),
            ("application/x-www-form-urlencoded; charset=UTF-8", Kind::Form, None),
            ("multipart/form-data", Kind::Multipart, None),
            ("multipart/form-data; boundary=", Kind::Multipart, None),
            ("multipart/form-data; boundary=\"\"", Kind::Multipart, None),
            ("multipart/form-data; boundary=AaB", Kind::Multipart, Some("AaB")),
            ("Multipart/Form-Data;BOUNDARY=AaB ; charset=utf-8", Kind::Multipart, Some("AaB")),
            ("multipart/form-data; boundary = \"a;b c\"; x=y", Kind::Multipart, Some("a;b c")),
            ("multipart/form-data; boundary=\"unclosed", Kind::Multipart, Some("unclosed")),
            ("multipart/mixed; boundary=----=_Part_1_2.3", Kind::Multipart, Some("----=_Part_1_2.3")),
            ("multipart/form-data; boundary", Kind::Multipart, None),
            ("İboundary=x", Kind::Other, Some("x")),
        ];
        for (text, kind, boundary) in cases {
            let declared = Declared::parse(text);
            assert_eq!((declared.kind, declared.boundary.as_deref()), (kind, boundary), "{text:?}");
        }
    }
}
