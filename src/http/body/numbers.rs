//! Images as byte values in JSON: `[255, 216, …]`, or `{"0": 255, "1": 216, …}`.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::de::{Deserializer as _, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::text::{self, Origin};
use super::value;
use crate::error::Error;

/// Whether the text is a list of numbers, judged by its first entry.
pub(super) fn is_numbers(list: &str) -> bool {
    first(list).is_some_and(|byte| byte.is_ascii_digit() || byte == b'-')
}

/// Whether the text is an object in the format of a JavaScript typed array: `{"0": 255, "1": 216, …}`.
pub(super) fn is_numbered(object: &str) -> bool {
    object.strip_prefix('{').is_some_and(|rest| rest.trim_start().starts_with("\"0\""))
}

/// The first character of a list's first entry, or the closing bracket.
pub(super) fn first(list: &str) -> Option<u8> {
    list.strip_prefix('[')?.trim_start().bytes().next()
}

/// Reads an image from the byte values in a list or in an object in the format of a JavaScript typed array.
///
/// # Errors
///
/// [`Error::InvalidJson`] for an entry that is not a byte, [`Error::BodyTooLarge`], and the errors of
/// [`text::checked`].
pub(super) fn read(value: &str, origin: Origin<'_>) -> Result<Bytes, Error> {
    let mut fault = None;
    let read = serde_json::Deserializer::from_str(value)
        .deserialize_any(Numbers { origin, fault: &mut fault })
        .map_err(value::syntax);
    match fault {
        Some(fault) => Err(fault),
        None => read.and_then(|bytes| text::checked(bytes.into(), origin)),
    }
}

/// Reads byte values and counts them while reading, so that no list takes more memory than an image may.
struct Numbers<'a> {
    origin: Origin<'a>,
    fault: &'a mut Option<Error>,
}

impl Numbers<'_> {
    /// Adds a byte. Java's bytes range from -128 to 127.
    fn push<E: serde::de::Error>(&mut self, bytes: &mut Vec<u8>, number: &RawValue) -> Result<(), E> {
        let byte = number.get().parse::<i16>().ok().filter(|number| (-128..=255).contains(number));
        *self.fault = match byte {
            _ if bytes.len() >= self.origin.max_bytes => {
                Some(Error::BodyTooLarge { max: self.origin.max_bytes })
            }
            Some(byte) => {
                // The low eight bits are the same in both representations.
                bytes.push(byte as u8);
                None
            }
            None => Some(Error::InvalidJson(format!(
                "Entry {} of the {} is not a byte, a whole number from 0 to 255. Send the bytes of the image file, not \
                 its pixels.",
                bytes.len() + 1,
                self.origin.what
            ))),
        };
        self.fault.as_ref().map_or(Ok(()), |_| Err(E::custom("not a list of bytes")))
    }
}

impl<'de> Visitor<'de> for Numbers<'_> {
    type Value = Vec<u8>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("bytes")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Vec<u8>, A::Error> {
        let mut bytes = Vec::new();
        while let Some(number) = list.next_element()? {
            self.push(&mut bytes, number)?;
        }
        Ok(bytes)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Vec<u8>, A::Error> {
        let mut bytes = Vec::new();
        while let Some((name, number)) = map.next_entry::<Cow<'de, str>, &RawValue>()? {
            if name.parse() != Ok(bytes.len()) {
                return Err(A::Error::custom("the indices are not in order"));
            }
            self.push(&mut bytes, number)?;
        }
        Ok(bytes)
    }
}
