//! The images found so far, held against the limits.

use super::{Image, Limits, RawOptions, Reference, Submission, Upload};
use crate::error::Error;

pub(super) struct Intake {
    pub limits: Limits,
    pub options: RawOptions,
    /// A list was sent, whatever its length.
    pub list: bool,
    images: Vec<Result<Image, Error>>,
    bytes: usize,
}

impl Intake {
    pub fn new(limits: Limits) -> Self {
        Self { limits, options: RawOptions::default(), list: false, images: Vec::new(), bytes: 0 }
    }

    /// To be called with the number of images before any of them is decoded.
    pub fn announce(&self, found: usize) -> Result<(), Error> {
        let max = self.limits.max_images;
        let found = self.images.len() + found;
        if found > max { Err(Error::TooManyImages { found, max }) } else { Ok(()) }
    }

    /// Adds an image or what is wrong with it. What is wrong with the request as a whole is returned.
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

    /// Adds an image that is named, or what is wrong with its name.
    pub fn add_reference(&mut self, reference: Result<Reference, Error>) -> Result<(), Error> {
        self.announce(1)?;
        self.images.push(reference.map(Image::Elsewhere));
        Ok(())
    }

    /// Images so far, whatever is wrong with them.
    pub fn count(&self) -> usize {
        self.images.len()
    }

    /// There is at least one image, whatever is wrong with it.
    pub fn any(&self) -> bool {
        !self.images.is_empty()
    }

    /// The content of the request; the fault of a single image is that of the request.
    pub fn finish(mut self) -> Result<Submission, Error> {
        let several = self.list || self.images.len() > 1;
        if !several && self.images.first().is_some_and(Result::is_err) {
            self.images.swap_remove(0)?;
        }
        Ok(Submission { images: self.images, several, options: self.options })
    }
}
