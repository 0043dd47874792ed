//! Photos that callers put into a bucket themselves, because the front door is too small for them.

use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;

use super::{Location, Objects};
use crate::Error;
use crate::text::shown;

/// The beginning of the keys of all uploads. A lifecycle rule lets these keys expire, and an id leads to no other key.
const PREFIX: &str = "uploads/";

/// The time in which an upload must have begun.
pub(crate) const VALID: Duration = Duration::from_secs(600);

/// Leave to put one object.
#[derive(Debug)]
pub(crate) struct Ticket {
    /// What the object is asked for by: 122 random bits, as 32 hexadecimal digits.
    pub id: String,
    /// The presigned address. It is a secret until it expires.
    pub url: String,
}

impl Objects {
    /// Makes the address that one object of this type and length may be put to. Both are part of the signature: the storage
    /// refuses any other.
    ///
    /// # Errors
    ///
    /// [`Error::ReferenceNotAllowed`] without `UPLOAD_BUCKET`, [`Error::ObjectTooLarge`], and [`Error::StorageUnavailable`]
    /// where there are no credentials to sign with.
    pub(crate) async fn offer(&self, content_type: &str, length: u64) -> Result<Ticket, Error> {
        let bucket = self.uploads()?;
        if usize::try_from(length).map_or(true, |length| length > self.max_bytes) {
            return Err(Error::ObjectTooLarge { size: length, max: self.max_bytes });
        }
        let id = Uuid::new_v4().simple().to_string();
        let url =
            self.stores.presigned_put(bucket, &format!("{PREFIX}{id}"), content_type, length, VALID).await?;
        Ok(Ticket { id, url })
    }

    /// Reads what was put by an id.
    ///
    /// # Errors
    ///
    /// Those of [`Objects::read`]; [`Error::InvalidParameter`] if the id is not one of [`Self::offer`].
    pub(crate) async fn read_upload(&self, id: &str) -> Result<Bytes, Error> {
        let bucket = self.uploads()?;
        if !is_id(id) {
            return Err(Error::InvalidParameter(format!(
                "{} is not the id of an upload. Send the \"upload\" that POST /uploads answered.",
                shown(id)
            )));
        }
        let location = Location::new(bucket, format!("{PREFIX}{id}"));
        match self.stores.read(&location, self.max_bytes).await {
            Err(Error::ObjectNotFound(_)) => Err(Error::ObjectNotFound(
                "There is no such upload. Put the photo to the address that POST /uploads answered first; uploads are \
                 deleted after a while.",
            )),
            read => read,
        }
    }

    /// The origin of the addresses that [`Self::offer`] makes, as `scheme://host[:port]`.
    pub(crate) fn upload_origin(&self) -> Option<String> {
        self.stores.origin(self.upload_bucket.as_deref()?)
    }

    fn uploads(&self) -> Result<&str, Error> {
        self.upload_bucket.as_deref().ok_or(Error::ReferenceNotAllowed(NO_UPLOADS))
    }
}

/// What is told where uploads are off.
const NO_UPLOADS: &str = "This service takes no uploads. Whoever runs it can name a bucket for them in UPLOAD_BUCKET. Send the \
     image itself instead.";

/// Whether a text has the form of an id, so that no other key can be read by it.
fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_hexadecimal_and_leads_to_no_other_key() {
        assert!(is_id(&Uuid::new_v4().simple().to_string()));
        for text in [
            "",
            "../labels/v1/photos/a.jpg.json",
            "0123456789abcdef0123456789abcdeF",
            "0123456789abcdef/123456789abcdef",
        ] {
            assert!(!is_id(text), "{text}");
        }
    }
}
