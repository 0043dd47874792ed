//! A strip or a tile: its position in the image, and its rows.

use std::io::{self, BufRead, Read};

use flate2::bufread::ZlibDecoder;
use weezl::decode::{Configuration, Decoder};
use weezl::{BitOrder, LzwStatus};

use super::super::Format;
use super::fax;
use super::page::{Compression, Page};
use crate::error::Error;

/// Maximum number of compressed bytes per byte of samples. Fax data with runs of single pixels needs the
/// most: 6 bits per pixel.
const MOST_FOR_A_BYTE: usize = 16;

/// A part of the image.
pub(super) struct Part<'a> {
    /// The channel of this part, if each channel is stored separately.
    pub(super) plane: usize,
    /// Position in the image, in pixels; right and bottom are exclusive.
    pub(super) left: u32,
    pub(super) top: u32,
    pub(super) right: u32,
    pub(super) bottom: u32,
    /// The data, as far as the file contains it.
    pub(super) data: Data<'a>,
}

/// The bytes of a part.
#[derive(Clone, Copy)]
pub(super) struct Data<'a> {
    /// From the first byte of the part to the end of the file.
    rest: &'a [u8],
    /// Number of bytes that belong to the part; all bytes if the length is unknown.
    length: usize,
}

impl<'a> Part<'a> {
    pub(super) fn data(bytes: &'a [u8], offset: u64, length: Option<u64>) -> Data<'a> {
        let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
        let length = length.filter(|&length| length > 0).and_then(|length| usize::try_from(length).ok());
        Data { rest, length: length.unwrap_or(rest.len()) }
    }

    /// The rows of this part, from the first one.
    pub(super) fn rows<'p>(&self, page: &'p Page<'_>) -> Result<Rows<'p, 'a>, Error> {
        let samples = if page.planes() == 1 { page.samples } else { 1 };
        let row_bits = page.part.0 as usize * samples * page.bits as usize;
        let Data { rest, length } = self.data;
        // No encoder needs more. Compressed data can go on for megabytes without a pixel, and several parts
        // can share it.
        let most = MOST_FOR_A_BYTE * row_bits.div_ceil(8) * page.part.1.min(page.height) as usize + 1000;
        let bytes = &rest[..length.min(rest.len()).min(most)];
        let reader: Box<dyn Read + 'a> = match page.compression {
            // The pixels of an uncompressed part are contiguous, so the declared length is ignored.
            Compression::None => Box::new(rest),
            Compression::PackBits => Box::new(PackBits { bytes, run: Run::Copy(0) }),
            Compression::Lzw => Box::new(Lzw::new(bytes)),
            Compression::Deflate => Box::new(ZlibDecoder::new(bytes)),
            Compression::Group3 => Box::new(fax::Rows::group_3(bytes, page.part.0)?),
            Compression::Group4 => Box::new(fax::Rows::group_4(bytes, page.part.0)?),
            Compression::Jpeg => return Err(Error::internal("a JPEG has no rows")),
        };
        Ok(Rows { page, samples, reader, row: vec![0; row_bits.div_ceil(8)], is_cut: length > rest.len() })
    }

    /// This part as a JPEG file: adds the tables that all parts share, and an Adobe segment that says how the
    /// colours are coded.
    pub(super) fn jpeg(&self, page: &Page<'_>) -> Result<Vec<u8>, Error> {
        let Data { rest, length } = self.data;
        if length > rest.len() {
            return Err(Format::Tiff.truncated());
        }
        let transform = u8::from(matches!(page.colors, super::samples::Colors::YCbCr));
        let adobe = [0xff, 0xee, 0, 14, b'A', b'd', b'o', b'b', b'e', 0, 100, 0, 0, 0, 0, transform];
        let start = [0xff, 0xd8];
        let tables = page.jpeg_tables.unwrap_or_default();
        let tables = tables.strip_prefix(&start).unwrap_or(tables);
        let tables = tables.strip_suffix(&[0xff, 0xd9]).unwrap_or(tables);
        let scan = &rest[..length];
        let scan = scan.strip_prefix(&start).unwrap_or(scan);
        Ok([&start[..], &adobe, tables, scan].concat())
    }
}

/// The rows of a part, decompressed one at a time.
pub(super) struct Rows<'p, 'a> {
    page: &'p Page<'p>,
    samples: usize,
    reader: Box<dyn Read + 'a>,
    row: Vec<u8>,
    /// The file ends before the part does.
    is_cut: bool,
}

impl Rows<'_, '_> {
    /// Reads the samples of the next row, 8 bits each, including those beyond the right edge of the image.
    pub(super) fn next(&mut self, samples: &mut Vec<u8>) -> Result<(), Error> {
        self.reader.read_exact(&mut self.row).map_err(|error| {
            if self.is_cut || error.kind() == io::ErrorKind::UnexpectedEof {
                Format::Tiff.truncated()
            } else {
                Format::Tiff.corrupt(error)
            }
        })?;
        self.page.unpack(&self.row, self.samples, samples);
        Ok(())
    }
}

/// LZW in the TIFF variant.
struct Lzw<'a> {
    bytes: &'a [u8],
    decoder: Decoder,
}

impl<'a> Lzw<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        // Before TIFF 5.0, writers packed codes from the lowest bit. The first code is always the clear code,
        // which tells the two orders apart.
        let is_old = matches!(bytes, [0, second, ..] if second & 1 == 1);
        let configuration = if is_old {
            Configuration::new(BitOrder::Lsb, 8)
        } else {
            Configuration::with_tiff_size_switch(BitOrder::Msb, 8)
        };
        Self { bytes, decoder: configuration.with_yield_on_full_buffer(true).build() }
    }
}

impl Read for Lzw<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let result = self.decoder.decode_bytes(self.bytes, buffer);
            self.bytes.consume(result.consumed_in);
            match result.status {
                Ok(LzwStatus::Ok) if result.consumed_out == 0 => {}
                Ok(_) => return Ok(result.consumed_out),
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
            }
        }
    }
}

/// Run-length codes of bytes (TIFF 6.0, section 9).
struct PackBits<'a> {
    bytes: &'a [u8],
    run: Run,
}

enum Run {
    /// Copy this many bytes.
    Copy(usize),
    /// Repeat a byte this many times.
    Repeat(u8, usize),
}

impl Read for PackBits<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match &mut self.run {
                Run::Copy(0) | Run::Repeat(_, 0) => {
                    self.run = match *self.bytes {
                        [] => return Ok(0),
                        // No operation.
                        [128, ..] => Run::Copy(0),
                        [length @ 129..=255, byte, ..] => Run::Repeat(byte, 257 - usize::from(length)),
                        [129..=255] => return Ok(0),
                        [length, ..] => Run::Copy(usize::from(length) + 1),
                    };
                    self.bytes.consume(if let Run::Repeat(..) = self.run { 2 } else { 1 });
                }
                Run::Copy(left) => {
                    let length = buffer.len().min(*left);
                    let read = self.bytes.read(&mut buffer[..length])?;
                    *left -= read;
                    return Ok(read);
                }
                Run::Repeat(byte, left) => {
                    let length = buffer.len().min(*left);
                    buffer[..length].fill(*byte);
                    *left -= length;
                    return Ok(length);
                }
            }
        }
    }
}
