//! AVIF: decodes the primary item, which is one AV1 frame or a grid of them, and its alpha (AVIF 1.1).
//!
//! `boxes` and `meta` parse the boxes and find the item and its properties. `stream` reduces the item's data
//! to one frame, the decoder decodes that frame, and `color` converts it to RGB. For an image sequence, the
//! primary item is decoded.

mod boxes;
mod color;
mod meta;
mod stream;

use ::image::RgbImage;
use re_rav1d::dav1d::{DecodeFrameType, Decoder, Error as DecoderError, Settings};

use self::boxes::Fields;
use self::color::{Coding, Frame};
use self::meta::Meta;
use self::stream::{Sequence, Stream};
use super::limits::check_memory;
use super::orient::Orientation;
use super::{Budget, Format};
use crate::error::Error;

/// Maximum number of tiles in a grid. Phones write about 50 for 12 megapixels.
const MAX_TILES: usize = 1000;

pub(super) fn decode(bytes: &[u8], budget: &mut Budget) -> Result<(RgbImage, Orientation), Error> {
    let meta = Meta::read(bytes)?;
    let picture = Item::read(&meta, meta.primary)?;
    picture.take_from(budget)?;
    let alpha = picture.alpha(&meta)?;
    if let Some((alpha, _)) = &alpha {
        alpha.take_from(budget)?;
    }
    let (width, height) = picture.size;
    let mut canvas = vec![0; width as usize * height as usize * 3];
    picture.each_tile(&meta, &mut canvas, |item, frame, sequence, rows| {
        let announced = picture.coding.or(coding(&meta, item)?);
        let default = Coding { matrix: sequence.matrix, full_range: sequence.full_range };
        frame.to_rgb(announced.unwrap_or(default), rows)
    })?;
    if let Some((alpha, premultiplied)) = alpha {
        alpha.each_tile(&meta, &mut canvas, |_, frame, sequence, rows| {
            frame.blend(sequence.full_range, premultiplied, rows)
        })?;
    }
    Ok((Format::Avif.picture(width, height, canvas)?, orientation(&meta, meta.primary)?))
}

/// An item that can be decoded.
struct Item {
    id: u32,
    /// Width and height, in pixels.
    size: (u32, u32),
    /// The items of the tiles, row by row; the item itself if it is not a grid.
    tiles: Vec<u32>,
    columns: u32,
    /// Tiles at the right and at the bottom may extend beyond the image.
    tile_size: (u32, u32),
    coding: Option<Coding>,
}

impl Item {
    fn read(meta: &Meta<'_>, id: u32) -> Result<Self, Error> {
        meta.check_properties(id)?;
        let kind = meta.kind(id).ok_or_else(|| Format::Avif.corrupt("no such item"))?;
        let (size, coding) = (size(meta, id)?, coding(meta, id)?);
        match &kind {
            b"av01" => Ok(Self { id, size, tiles: vec![id], columns: 1, tile_size: size, coding }),
            b"grid" => {
                let data = meta.data(id)?;
                let mut fields = Fields(&data);
                let is_wide = fields.u16()? & 1 == 1;
                let [rows, columns] = [fields.u8()?, fields.u8()?].map(|less| u32::from(less) + 1);
                let whole = (fields.id(is_wide)?, fields.id(is_wide)?);
                let tiles = meta.references(b"dimg", id).to_vec();
                if tiles.len() > MAX_TILES {
                    return Err(Format::unsupported_avif("of more than 1,000 tiles"));
                }
                if whole != size || tiles.len() as u32 != rows * columns {
                    return Err(Format::Avif.corrupt("a grid that contradicts itself"));
                }
                let tile_size = self::size(meta, tiles[0])?;
                let fits = |whole: u32, tile: u32, count: u32| tile != 0 && whole.div_ceil(tile) == count;
                if !fits(size.0, tile_size.0, columns) || !fits(size.1, tile_size.1, rows) {
                    return Err(Format::Avif.corrupt("tiles that do not make the picture"));
                }
                for &tile in &tiles {
                    meta.check_properties(tile)?;
                    if meta.kind(tile) != Some(*b"av01") || self::size(meta, tile)? != tile_size {
                        return Err(Format::Avif.corrupt("a tile that is not like the first"));
                    }
                }
                Ok(Self { id, size, tiles, columns, tile_size, coding })
            }
            kind => Err(Format::unsupported_avif(&format!("with an item of kind {}", kind.escape_ascii()))),
        }
    }

    /// Takes the pixels of all tiles from the budget.
    fn take_from(&self, budget: &mut Budget) -> Result<(), Error> {
        budget.take(Format::Avif, self.size.0, self.size.1)?;
        let rows = self.tiles.len() as u32 / self.columns;
        let (width, height) = self.tile_size;
        budget.take(Format::Avif, width.saturating_mul(self.columns), height.saturating_mul(rows))
    }

    /// The item that holds the alpha of this one, and whether the colours are premultiplied with it.
    fn alpha(&self, meta: &Meta<'_>) -> Result<Option<(Self, bool)>, Error> {
        let Some(id) = meta.referring(*b"auxl", self.id).find(|&id| is_alpha(meta, id)) else {
            return Ok(None);
        };
        let alpha = Self::read(meta, id)?;
        if alpha.size != self.size {
            return Err(Format::Avif.corrupt("an alpha of another size than the picture"));
        }
        Ok(Some((alpha, meta.references(b"prem", self.id).contains(&id))))
    }

    /// Decodes the tiles one after the other. `use_frame` gets the item of the tile, its frame, the sequence
    /// header, and the rows of the canvas that the tile covers.
    fn each_tile(
        &self,
        meta: &Meta<'_>,
        canvas: &mut [u8],
        mut use_frame: impl FnMut(
            u32,
            &Frame,
            &Sequence,
            &mut dyn Iterator<Item = &mut [u8]>,
        ) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut read = 0;
        for (number, &tile) in (0..).zip(&self.tiles) {
            let data = meta.data(tile)?;
            read += data.len();
            // Tiles that share their bytes would multiply the work.
            if read > 2 * meta.file.len() {
                return Err(Format::Avif.corrupt("tiles that are larger than the file"));
            }
            let stream = Stream::read(&data)?;
            drop(data);
            if stream.sequence.size != self.tile_size {
                return Err(Format::Avif.corrupt("a frame of another size than its item"));
            }
            self.check_memory(&stream.sequence)?;
            let frame = decode_frame(stream.obus, &stream.sequence)?;
            let left = number % self.columns * self.tile_size.0;
            let right = (left + self.tile_size.0).min(self.size.0);
            let top = number / self.columns * self.tile_size.1;
            let mut rows = canvas
                .chunks_exact_mut(self.size.0 as usize * 3)
                .skip(top as usize)
                .map(|row| &mut row[left as usize * 3..right as usize * 3]);
            use_frame(tile, &frame, &stream.sequence, &mut rows)?;
        }
        Ok(())
    }

    fn check_memory(&self, sequence: &Sequence) -> Result<(), Error> {
        let pixels = |(width, height): (u32, u32)| u64::from(width) * u64::from(height);
        let bytes = if sequence.bits > 8 { 2 } else { 1 };
        let frames = if sequence.has_copy { 2 } else { 1 };
        // The canvas, the frame, and 3/4 byte per pixel for the decoder's data about blocks (measured with 12
        // megapixels).
        let tile = pixels(self.tile_size) * (sequence.samples_of_four * bytes * frames + 3) / 4;
        let (width, height) = self.size;
        check_memory(width, height, pixels(self.size) * 3 + tile, " for an AVIF of this kind")
    }
}

fn decode_frame(obus: Vec<u8>, sequence: &Sequence) -> Result<Frame, Error> {
    let mut settings = Settings::new();
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    settings.set_frame_size_limit(sequence.size.0.saturating_mul(sequence.size.1));
    // Other types of frame refer to earlier frames, which exist only in a video.
    settings.set_decode_frame_type(DecodeFrameType::Key);
    let refuse = |error: DecoderError| Format::Avif.corrupt(error);
    let mut decoder = Decoder::with_settings(&settings).map_err(refuse)?;
    match decoder.send_data(obus, None, None, None) {
        Ok(()) | Err(DecoderError::Again) => {}
        Err(error) => return Err(refuse(error)),
    }
    Frame::new(&decoder.get_picture().map_err(refuse)?, sequence)
}

fn size(meta: &Meta<'_>, item: u32) -> Result<(u32, u32), Error> {
    let Some((_, mut fields)) = meta.properties(item).find(|(kind, _)| kind == b"ispe") else {
        return Err(Format::Avif.corrupt("an item without a size"));
    };
    fields.version()?;
    Ok((fields.u32()?, fields.u32()?))
}

/// Reads the `colr` property of an item. An ICC profile does not say how the samples are coded, so it is
/// ignored.
fn coding(meta: &Meta<'_>, item: u32) -> Result<Option<Coding>, Error> {
    for (_, mut fields) in meta.properties(item).filter(|(kind, _)| kind == b"colr") {
        if fields.bytes(4)? == b"nclx" {
            fields.bytes(4)?;
            // All known matrices have numbers below 255, so a larger number is unknown as well.
            let matrix = u8::try_from(fields.u16()?).unwrap_or(u8::MAX);
            return Ok(Some(Coding { matrix, full_range: fields.u8()? & 0x80 != 0 }));
        }
    }
    Ok(None)
}

fn is_alpha(meta: &Meta<'_>, item: u32) -> bool {
    meta.properties(item).any(|(kind, fields)| {
        &kind == b"auxC"
            && fields.0.get(4..).is_some_and(|urn| {
                urn.starts_with(b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")
                    || urn.starts_with(b"urn:mpeg:hevc:2015:auxid:1\0")
            })
    })
}

/// Applies the rotation first and then the mirroring, whatever their order in the file, as libavif and Pillow
/// do. Like them, it ignores the EXIF orientation of an AVIF.
fn orientation(meta: &Meta<'_>, item: u32) -> Result<Orientation, Error> {
    let (mut turns, mut axis) = (0, None);
    for (kind, mut fields) in meta.properties(item) {
        match &kind {
            // Quarter turns anticlockwise.
            b"irot" => turns = fields.u8()? & 3,
            // 0: swap top and bottom; 1: swap left and right.
            b"imir" => axis = Some(fields.u8()? & 1),
            _ => {}
        }
    }
    Ok(match (turns, axis) {
        (0, None) => Orientation::NoTransforms,
        (1, None) => Orientation::Rotate270,
        (2, None) => Orientation::Rotate180,
        (_, None) => Orientation::Rotate90,
        (0, Some(1)) | (2, Some(0)) => Orientation::FlipHorizontal,
        (0, _) | (2, _) => Orientation::FlipVertical,
        (1, Some(0)) | (3, Some(1)) => Orientation::Rotate90FlipH,
        _ => Orientation::Rotate270FlipH,
    })
}

impl Format {
    /// The error for a kind of AVIF that is not supported.
    fn unsupported_avif(what: &str) -> Error {
        Error::UnsupportedFormat { found: format!("An AVIF image {what}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_that_need_more_memory_have_a_lower_limit_of_their_own() {
        let size = (8000, 6000);
        let whole = Item { id: 1, size, tiles: vec![1], columns: 1, tile_size: size, coding: None };
        let tile_size = (4000, 3000);
        let tiles = Item { id: 1, size, tiles: vec![2, 3, 4, 5], columns: 2, tile_size, coding: None };
        let plain =
            Sequence { size, bits: 8, samples_of_four: 6, matrix: 6, full_range: true, has_copy: false };
        assert!(whole.check_memory(&plain).is_ok());
        let grainy = Sequence { bits: 12, samples_of_four: 12, has_copy: true, ..plain };
        let error = whole.check_memory(&grainy).unwrap_err();
        assert!(error.to_string().contains("at most 29000000 pixels"), "{error}");
        // Only one tile is decoded at a time.
        assert!(tiles.check_memory(&grainy).is_ok());
    }
}
