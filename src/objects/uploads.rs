//! Uploads: photos that callers put into a bucket directly, because they are too large for the front door.

use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;

use super::{Location, Objects};
use crate::Error;
use crate::text::shown;

/// The prefix of the keys of all uploads. A lifecycle rule deletes these objects after a while. The id of an
/// upload cannot refer to a key outside this prefix.
const PREFIX: &str = "uploads/";

/// Time within which an upload must start.
pub(crate) const VALID: Duration = Duration::from_secs(600);

/// Permission to upload one object.
#[derive(Debug)]
pub(crate) struct Ticket {
    /// The id of the upload: 122 random bits, as 32 hexadecimal digits.
    pub id: String,
    /// The presigned URL. It is a secret until it expires.
    pub url: String,
}

impl Objects {
    /// Creates a URL to upload one object of this type and length. Both are part of the signature: the
    /// storage rejects other values.
    ///
    /// # Errors
    ///
    /// [`Error::ReferenceNotAllowed`] without `UPLOAD_BUCKET`, [`Error::ObjectTooLarge`], and
    /// [`Error::StorageUnavailable`] if there are no credentials for signing.
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

    /// Reads an upload by its id.
    ///
    /// # Errors
    ///
    /// The errors of [`Objects::read`]; [`Error::InvalidParameter`] if the id does not have the format of
    /// [`Self::offer`].
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

    /// The origin of the URLs that [`Self::offer`] creates, as `scheme://host[:port]`.
    pub(crate) fn upload_origin(&self) -> Option<String> {
        self.stores.origin(self.upload_bucket.as_deref()?)
    }

    fn uploads(&self) -> Result<&str, Error> {
        self.upload_bucket.as_deref().ok_or(Error::ReferenceNotAllowed(NO_UPLOADS))
    }
}

/// The error detail if uploads are disabled.
const NO_UPLOADS: &str = "This service takes no uploads. Whoever runs it can name a bucket for them in UPLOAD_BUCKET. Send the \
     image itself instead.";

/// Whether a text has the format of an id. Other texts could refer to other keys.
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
