//! Collects the images of a request and enforces the limits.

use super::{Image, Limits, RawOptions, Reference, Submission, Upload};
use crate::error::Error;

pub(super) struct Intake {
    pub limits: Limits,
    pub options: RawOptions,
    /// The request contains a list of images, of any length.
    pub list: bool,
    images: Vec<Result<Image, Error>>,
    bytes: usize,
}

impl Intake {
    pub fn new(limits: Limits) -> Self {
        Self { limits, options: RawOptions::default(), list: false, images: Vec::new(), bytes: 0 }
    }

    /// Checks the number of images. Call this before decoding any of them.
    pub fn announce(&self, found: usize) -> Result<(), Error> {
        let max = self.limits.max_images;
        let found = self.images.len() + found;
        if found > max { Err(Error::TooManyImages { found, max }) } else { Ok(()) }
    }

    /// Adds an image or its error. Returns errors that concern the request as a whole.
    pub fn add(&mut self, image: Result<Upload, Error>) -> Result<(), Error> {
        self.announce(1)?;
        if let Ok(upload) = &image {
            self.bytes = self.bytes.saturating_add(upload.bytes.len());
        }
        let max = self.limits.max_bytes;
        match image {
            Err(error @ Error::BodyTooLarge { .. }) => return Err(error),
            _ if self.bytes > max => return Err(Error::BodyTooLarge { max }),
            image => self.images.push(image.map(Image::Sent)),
        }
        Ok(())
    }

    /// Adds a referenced image, or the error in its reference.
    pub fn add_reference(&mut self, reference: Result<Reference, Error>) -> Result<(), Error> {
        self.announce(1)?;
        self.images.push(reference.map(Image::Elsewhere));
        Ok(())
    }

    /// Number of images so far, including those with errors.
    pub fn count(&self) -> usize {
        self.images.len()
    }

    /// Whether there is at least one image, with or without an error.
    pub fn any(&self) -> bool {
        !self.images.is_empty()
    }

    /// Returns the parsed request. The error of a single image becomes the error of the request.
    pub fn finish(mut self) -> Result<Submission, Error> {
        let several = self.list || self.images.len() > 1;
        if !several && self.images.first().is_some_and(Result::is_err) {
            self.images.swap_remove(0)?;
        }
        Ok(Submission { images: self.images, several, options: self.options })
    }
}
