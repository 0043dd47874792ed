//! TIFF: the first page, part by part and row by row.
//!
//! A page is stored in parts, strips or tiles, each compressed separately. `page` reads the tags that
//! describe them. `part` and `fax` decompress one row at a time, and `samples` converts each row to 8-bit RGB
//! at once. So an image of 16 bits and four channels takes hardly more memory than its result. Parts that are
//! JPEGs are passed to the JPEG decoder.
//!
//! The `tiff` crate is not used. It returns whole parts at their original bit depth, and one part may be the
//! whole image. It does not support palettes or Group 3 fax, and its errors do not distinguish missing pixels
//! from broken ones.

mod fax;
mod page;
mod part;
mod samples;

use ::image::RgbImage;

use self::page::{Compression, Page};
use self::part::Part;
use self::samples::Colors;
use super::limits::check_memory;
use super::metadata::Metadata;
use super::orient::Orientation;
use super::{Budget, Format, Limits, jpeg};
use crate::error::Error;

/// Maximum number of bytes per pixel that the JPEG decoder holds.
const JPEG_BYTES: u64 = 10;

/// Maximum size in bytes of the tables that all JPEGs of a page share.
const USUAL_TABLES: usize = 1000;

pub(super) fn decode(bytes: &[u8], budget: &mut Budget) -> Result<(RgbImage, Orientation), Error> {
    let mut mirrored = Vec::new();
    let page = Page::read(bytes, &mut mirrored, budget)?;
    let mut metadata = Metadata::default();
    metadata.add(bytes);
    if let Some(packet) = page.xmp {
        metadata.add_xmp(packet);
    }
    let pixels = match page.compression {
        Compression::Jpeg => jpegs(&page)?,
        _ if page.planes() == 1 => rows(&page)?,
        _ => planes(&page)?,
    };
    Ok((Format::Tiff.picture(page.width, page.height, pixels)?, metadata.orientation()))
}

/// Decodes a page that stores all samples of a pixel together.
fn rows(page: &Page<'_>) -> Result<Vec<u8>, Error> {
    let mut canvas = Canvas::new(page, 3);
    let mut samples = Vec::new();
    for part in page.parts() {
        let mut rows = part.rows(page)?;
        for y in part.top..part.bottom {
            rows.next(&mut samples)?;
            page.to_rgb(&samples, canvas.row(&part, y));
        }
    }
    Ok(canvas.pixels)
}

/// Decodes a page that stores each channel separately: all red, then all green, then all blue.
fn planes(page: &Page<'_>) -> Result<Vec<u8>, Error> {
    let channels = page.samples;
    let (width, height) = (page.width as usize, page.height as usize);
    let bytes = (width * height * (channels + 3)) as u64;
    check_memory(page.width, page.height, bytes, " for a TIFF with its channels apart")?;
    let mut canvas = Canvas::new(page, channels);
    let mut samples = Vec::new();
    for part in page.parts() {
        let mut rows = part.rows(page)?;
        for y in part.top..part.bottom {
            rows.next(&mut samples)?;
            let pixels = canvas.row(&part, y).chunks_exact_mut(channels);
            pixels.zip(&samples).for_each(|(pixel, &sample)| pixel[part.plane] = sample);
        }
    }
    let mut pixels = vec![0; width * height * 3];
    for (row, rgb) in canvas.pixels.chunks_exact(width * channels).zip(pixels.chunks_exact_mut(width * 3)) {
        page.to_rgb(row, rgb);
    }
    Ok(pixels)
}

/// Decodes a page whose parts are JPEGs.
fn jpegs(page: &Page<'_>) -> Result<Vec<u8>, Error> {
    let (width, height) = page.part;
    let part = u64::from(width) * u64::from(height) * JPEG_BYTES;
    let bytes = u64::from(page.width) * u64::from(page.height) * 3 + part;
    check_memory(page.width, page.height, bytes, " for a TIFF of JPEGs of this size")?;
    let mut canvas = Canvas::new(page, 3);
    let is_negative = matches!(page.colors, Colors::Grey { white_is_zero: true });
    let mut read = 0;
    for (number, part) in page.parts().enumerate() {
        let file = part.jpeg(page)?;
        read += file.len();
        // Parts that share their bytes would multiply the work.
        if read > 2 * page.bytes.len() + number * USUAL_TABLES {
            return Err(Format::Tiff.corrupt("more JPEG data than the file has"));
        }
        // No JPEG may be larger than its part.
        let limits = Limits { max_pixels: u64::from(width) * u64::from(height) };
        let whole = |width, height| (width, height);
        let (raster, _) = jpeg::decode(&file, &mut limits.budget(), &whole)?;
        let rgb = raster.rgb();
        if rgb.width() < part.right - part.left || rgb.height() < part.bottom - part.top {
            return Err(Format::Tiff.corrupt("a JPEG that is smaller than its part of the picture"));
        }
        for (y, row) in (part.top..part.bottom).zip(rgb.as_raw().chunks_exact(rgb.width() as usize * 3)) {
            let to = canvas.row(&part, y);
            to.copy_from_slice(&row[..to.len()]);
            if is_negative {
                to.iter_mut().for_each(|sample| *sample = 255 - *sample);
            }
        }
    }
    Ok(canvas.pixels)
}

/// The picture that the parts are written to.
struct Canvas {
    width: usize,
    channels: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    fn new(page: &Page<'_>, channels: usize) -> Self {
        let (width, height) = (page.width as usize, page.height as usize);
        Self { width, channels, pixels: vec![0; width * height * channels] }
    }

    /// The pixels of a row that a part covers.
    fn row(&mut self, part: &Part<'_>, y: u32) -> &mut [u8] {
        let start = y as usize * self.width;
        let [from, to] = [part.left, part.right].map(|x| (start + x as usize) * self.channels);
        &mut self.pixels[from..to]
    }
}

impl Format {
    /// The error for a kind of TIFF that is not supported.
    fn unsupported_tiff(what: &str) -> Error {
        Error::UnsupportedFormat { found: format!("A TIFF image with {what}") }
    }
}
