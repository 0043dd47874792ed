//! Converts multipart bodies to the form that the multipart library accepts.
//!
//! The library requires CRLF line ends, headers in every part, one line per header, and a closing delimiter.
//! It also takes a line that merely begins like a delimiter for one. Handwritten bodies have LF line ends,
//! folded headers, parts without headers, and no closing delimiter. A body without such faults is passed on
//! without a copy.

use std::hash::{BuildHasher as _, RandomState};

use bytes::Bytes;
use memchr::{memchr, memmem};

use crate::error::Error;

/// Maximum number of parts, with or without images.
const MAX_PARTS: usize = 1024;

/// Maximum number of header lines per part. Browsers send two. The library's limit is 32.
const MAX_HEADERS: usize = 30;

/// The normalized body, and the closing delimiter that is missing at its end.
pub(super) struct Normal {
    pub body: Bytes,
    pub closing: Bytes,
    /// The boundary of the normalized body.
    pub boundary: String,
}

/// A line that begins with two dashes and the boundary.
struct Delimiter {
    start: usize,
    /// Offset after the line end.
    end: usize,
    /// The line ends in CRLF, or is the closing delimiter.
    crlf: bool,
    /// The previous line ends in CRLF, or there is none.
    after_crlf: bool,
    closing: bool,
}

/// Normalizes the body for the library.
pub(super) fn normalise(body: &Bytes, boundary: &str) -> Result<Normal, Error> {
    let (delimiters, imitated) = delimiters(body, boundary)?;
    let closed = delimiters.last().is_some_and(|last| last.closing);
    let sections: Vec<&[u8]> = delimiters
        .iter()
        .enumerate()
        .filter(|(_, delimiter)| !delimiter.closing)
        .map(|(index, delimiter)| section(body, delimiter, delimiters.get(index + 1)))
        .collect();
    if !closed && sections.last().is_some_and(|last| ends_in_headers(last)) {
        return Err(broken());
    }
    let mut regular = !imitated
        && delimiters.iter().skip(1).all(|delimiter| delimiter.after_crlf)
        && delimiters.iter().all(|delimiter| delimiter.crlf);
    for section in &sections {
        regular &= is_regular(section)?;
    }
    let boundary = if imitated { absent(body) } else { boundary.to_owned() };
    let end = format!("--{boundary}--\r\n");
    if regular {
        let start = delimiters.first().map_or(0, |first| first.start);
        let closing = if closed { Bytes::new() } else { format!("\r\n{end}").into() };
        return Ok(Normal { body: body.slice(start..), closing, boundary });
    }
    let mut rebuilt = Vec::with_capacity(body.len() + end.len());
    for section in sections.into_iter().filter(|section| !section.is_empty()) {
        rebuild(&mut rebuilt, section, &boundary);
    }
    rebuilt.extend_from_slice(end.as_bytes());
    Ok(Normal { body: rebuilt.into(), closing: Bytes::new(), boundary })
}

/// Generates a boundary that does not occur in the body. Its digits come from a hash with a random key, so
/// that nobody can write a body that contains it. The first attempt is almost certain to succeed.
fn absent(body: &[u8]) -> String {
    let keyed = RandomState::new();
    let mut count = 0_u64;
    loop {
        let boundary = format!("part-{:016x}", keyed.hash_one(count));
        if memmem::find(body, boundary.as_bytes()).is_none() {
            return boundary;
        }
        count += 1;
    }
}

pub(super) fn broken() -> Error {
    Error::InvalidMultipart(
        "The multipart body cannot be read: a part has no valid headers, or the body ends in the middle of \
         them. Was it cut off? Send it again."
            .into(),
    )
}

/// Finds the delimiter lines up to the closing one. Also returns whether other lines begin like a delimiter.
fn delimiters(body: &[u8], boundary: &str) -> Result<(Vec<Delimiter>, bool), Error> {
    let dashes = format!("--{boundary}");
    let (mut found, mut imitated) = (Vec::new(), false);
    for start in memmem::find_iter(body, &dashes) {
        let at_line_start = start == 0 || body.get(start - 1) == Some(&b'\n');
        let rest = body.get(start + dashes.len()..).unwrap_or_default();
        if !at_line_start {
            continue;
        }
        let Some((length, crlf, closing)) = line_end(rest) else {
            imitated = true;
            continue;
        };
        let after_crlf = start == 0 || body.get(..start).is_some_and(|before| before.ends_with(b"\r\n"));
        found.push(Delimiter { start, end: start + dashes.len() + length, crlf, after_crlf, closing });
        if closing {
            break;
        }
        if found.len() > MAX_PARTS {
            return Err(Error::InvalidMultipart(format!(
                "The multipart body has more than {MAX_PARTS} parts. Send fewer."
            )));
        }
    }
    Ok((found, imitated))
}

/// Parses the rest of a delimiter line, after the dashes and the boundary. Returns its length, whether its
/// end conforms to the standard, and whether it closes the body. Returns `None` if more text follows, because
/// then it is another boundary.
fn line_end(rest: &[u8]) -> Option<(usize, bool, bool)> {
    if rest.starts_with(b"--") {
        return Some((2, true, true));
    }
    let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    match rest.get(blanks..)? {
        [b'\r', b'\n', ..] => Some((blanks + 2, true, false)),
        [b'\n', ..] => Some((blanks + 1, false, false)),
        [] | [b'\r' | b'-'] => Some((rest.len(), false, false)),
        _ => None,
    }
}

/// A part with its headers, without the line end that belongs to the next delimiter.
fn section<'a>(body: &'a [u8], delimiter: &Delimiter, next: Option<&Delimiter>) -> &'a [u8] {
    let end = next.map_or(body.len(), |next| next.start);
    let section = body.get(delimiter.end..end).unwrap_or_default();
    let Some(section) = section.strip_suffix(b"\n").filter(|_| next.is_some()) else { return section };
    // In a body with LF line ends, a CR before the LF is the last byte of the data.
    if delimiter.crlf { section.strip_suffix(b"\r").unwrap_or(section) } else { section }
}

/// Splits a section into its first line without the line end, whether the line end was CRLF, and the rest.
/// Returns `None` if there is no line end.
fn line(section: &[u8]) -> Option<(&[u8], bool, &[u8])> {
    let end = memchr(b'\n', section)?;
    let (line, rest) = (section.get(..end)?, section.get(end + 1..)?);
    Some(line.strip_suffix(b"\r").map_or((line, false, rest), |line| (line, true, rest)))
}

/// Whether a section has at least one header, each on a single line that ends in CRLF, and an empty line.
fn is_regular(section: &[u8]) -> Result<bool, Error> {
    let mut rest = section;
    for count in 0..=MAX_HEADERS {
        match line(rest) {
            None => return Ok(false),
            Some((b"", crlf, _)) => return Ok(crlf && count > 0),
            Some((line, crlf, after)) => {
                if !crlf || header(line).is_none_or(|(_, _, clean)| !clean) {
                    return Ok(false);
                }
                rest = after;
            }
        }
    }
    Err(Error::InvalidMultipart(format!(
        "A part of the multipart body has more than {MAX_HEADERS} header lines. Send fewer."
    )))
}

/// Whether a section has headers but no empty line after them.
fn ends_in_headers(section: &[u8]) -> bool {
    let mut rest = section;
    while let Some((line, _, after)) = line(rest) {
        if line.is_empty() {
            return false;
        }
        rest = after;
    }
    !section.is_empty()
}

/// The name and value of a header line, and whether the library accepts the line unchanged.
fn header(line: &[u8]) -> Option<(&[u8], &[u8], bool)> {
    let colon = memchr(b':', line)?;
    let (name, value) = (line.get(..colon)?, line.get(colon + 1..)?);
    let is_token = |name: &[u8]| {
        !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
    };
    let clean = is_token(name) && !value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t');
    is_token(name.trim_ascii()).then_some((name.trim_ascii(), value, clean))
}

/// Writes a part in the form that the library accepts. Invalid header lines are dropped.
fn rebuild(out: &mut Vec<u8>, section: &[u8], boundary: &str) {
    out.extend_from_slice(format!("--{boundary}").as_bytes());
    let (mut rest, mut count) = (section, 0);
    let data = loop {
        let (line, after) = match line(rest) {
            Some((b"", _, after)) => break after,
            Some((line, _, after)) => (line, after),
            // No empty line: the part consists of headers only.
            None => (rest, &b""[..]),
        };
        let folded = line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t')) && count > 0;
        if folded {
            out.push(b' ');
            push_value(out, line);
        } else if let Some((name, value, _)) = header(line).filter(|_| count < MAX_HEADERS) {
            out.extend_from_slice(b"\r\n");
            out.extend_from_slice(name);
            out.extend_from_slice(b": ");
            push_value(out, value);
            count += 1;
        }
        rest = after;
        if rest.is_empty() {
            break rest;
        }
    };
    if count == 0 {
        out.extend_from_slice(b"\r\nContent-Disposition: form-data");
    }
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
}

fn push_value(out: &mut Vec<u8>, value: &[u8]) {
    out.extend(value.trim_ascii().iter().map(|byte| if byte.is_ascii_control() { b' ' } else { *byte }));
}
