//! Detects multipart bodies and finds their boundary.

use memchr::memmem;

use super::declared::{Declared, Kind};
use crate::error::Error;

/// Maximum length of a boundary in bytes. RFC 2046 allows 70.
const MAX_LEN: usize = 256;

/// The boundary of a multipart body, or `None` if the body is not multipart.
///
/// This is the declared boundary if it occurs in the body, else the boundary in the first line. The two
/// differ because clients set the content type by hand and forget the boundary, proxies replace it, and some
/// clients write the leading dashes twice.
pub(super) fn find(body: &[u8], declared: &Declared) -> Option<String> {
    let declared_boundary = declared.boundary.as_deref().filter(|boundary| boundary.len() <= MAX_LEN);
    declared_boundary
        .filter(|boundary| has(body, boundary))
        .map(str::to_owned)
        .or_else(|| first_line(body, declared))
}

pub(super) fn missing(declared: &Declared) -> Error {
    Error::InvalidMultipart(match &declared.boundary {
        Some(_) => "The content type says multipart, but the boundary it names is not in the body. Let the \
                    HTTP client write this header, or send the bytes of the image alone."
            .into(),
        None => "The content type says multipart without a boundary, and the body does not begin with one. \
                 Let the HTTP client write this header, or send the bytes of the image alone."
            .into(),
    })
}

fn has(body: &[u8], boundary: &str) -> bool {
    let delimiter = format!("--{boundary}");
    let follows = |at: usize| body.get(at + delimiter.len()).copied();
    memmem::find_iter(body, &delimiter)
        .filter(|at| *at == 0 || body.get(at - 1) == Some(&b'\n'))
        .any(|at| matches!(follows(at), None | Some(b'-' | b'\r' | b'\n' | b' ' | b'\t')))
}

fn first_line(body: &[u8], declared: &Declared) -> Option<String> {
    let head = body.strip_prefix(b"--")?;
    let head = head.get(..MAX_LEN + 2).unwrap_or(head);
    let end = head.iter().position(|byte| *byte == b'\n')?;
    let boundary = std::str::from_utf8(head.get(..end)?).ok()?.trim_end();
    let next = body.get(2 + end + 1..)?;
    let begins_part = next.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"content-"));
    (!boundary.is_empty() && (begins_part || declared.kind == Kind::Multipart)).then(|| boundary.to_owned())
}
