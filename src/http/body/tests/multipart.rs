//! Builds multipart bodies.

use super::latin1;

pub(super) const TYPE: &str = "multipart/form-data; boundary=XyZ";

/// A part with the given header lines.
pub(super) fn part(headers: &str, data: &[u8]) -> Vec<u8> {
    let headers = headers.replace('\n', "\r\n");
    [b"--XyZ\r\n", headers.as_bytes(), b"\r\n\r\n", data, b"\r\n"].concat()
}

pub(super) fn body(parts: &[Vec<u8>]) -> Vec<u8> {
    [&parts.concat()[..], b"--XyZ--\r\n"].concat()
}

pub(super) fn file(data: &[u8]) -> Vec<u8> {
    part(
        "Content-Disposition: form-data; name=\"image\"; filename=\"cat.jpg\"\nContent-Type: image/jpeg",
        data,
    )
}

pub(super) fn field(name: &str, value: &str) -> Vec<u8> {
    part(&format!("Content-Disposition: form-data; name=\"{name}\""), value.as_bytes())
}

/// Quoted-printable as curl writes it: lines of at most 76 characters; CRLF in the data is kept.
pub(super) fn quoted_printable(data: &[u8]) -> Vec<u8> {
    let mut text = String::new();
    for line in latin1(data).split("\r\n") {
        let escape = |character: char| match character {
            '!'..='<' | '>'..='~' => character.to_string(),
            other => format!("={:02X}", u32::from(other)),
        };
        let words: Vec<String> = line.chars().map(escape).collect();
        let lines: Vec<String> = words.chunks(25).map(<[String]>::concat).collect();
        text += &lines.join("=\r\n");
        text += "\r\n";
    }
    text.truncate(text.len() - 2);
    text.into_bytes()
}
