//! Parses a JPEG file, up to the point where its image is complete.
//!
//! Parsing ends there and not at the EOI. Anything after the last pixel is ignored, whether it is another
//! image (MPO), a broken segment or nothing at all.

use super::super::metadata::Metadata;
use super::super::orient::{self, Orientation};
use super::super::{Budget, Format, Target};
use super::bits::Stop;
use super::frame::Frame;
use super::full::Full;
use super::huffman::Tables;
use super::markers::Markers;
use super::output::Output;
use super::quantization::Quantization;
use super::reduced::Reduced;
use super::scan::Scans;
use crate::error::Error;

/// The result of parsing the file.
pub(super) struct File<'a> {
    pub(super) frame: Frame,
    pub(super) output: Output,
    pub(super) found: Found<'a>,
}

/// What the application segments say.
#[derive(Default)]
pub(super) struct Found<'a> {
    pub(super) metadata: Metadata<'a>,
    /// The file has a JFIF APP0 segment.
    jfif: bool,
    /// The colour transform in Adobe's APP14 segment.
    adobe: Option<u8>,
}

impl<'a> File<'a> {
    pub(super) fn read(bytes: &'a [u8], budget: &mut Budget, target: Target<'_>) -> Result<Self, Error> {
        let mut markers = Markers::new(bytes);
        let mut found = Found::default();
        let mut tables = Tables::default();
        let mut quantization = Quantization::default();
        let mut restart_interval = 0;
        let mut scans: Option<Scans> = None;
        let mut has_begun = false;
        let mut closed = false;
        while let Some(marker) = markers.next() {
            match marker {
                // SOI, RST and TEM have no segment.
                0xd8 | 0xd0..=0xd7 | 0x01 => continue,
                0xd9 => {
                    closed = true;
                    break;
                }
                _ => {}
            }
            let Some(segment) = markers.segment() else { break };
            match marker {
                0xc4 => {
                    tables.define(segment).ok_or_else(|| Format::Jpeg.corrupt("impossible Huffman tables"))?
                }
                0xdd => {
                    restart_interval = segment.first_chunk::<2>().map_or(0, |two| u16::from_be_bytes(*two))
                }
                0xdb => quantization.define(segment),
                0xda => {
                    let Some(scans) = &mut scans else {
                        return Err(Format::Jpeg.corrupt("a scan before the frame"));
                    };
                    let scan = scans.begin(segment)?;
                    if !has_begun {
                        let target = stored(scans.frame(), found.metadata.orientation(), target);
                        let output = match Reduced::choose(scans.frame(), target) {
                            Some(reduced) => Output::Reduced(reduced),
                            None => Output::Full(Full::of(scans.frame())?),
                        };
                        scans.write_to(output);
                        has_begun = true;
                    }
                    let length = scans
                        .walk(&scan, &tables, &quantization, restart_interval, markers.rest())
                        .map_err(refuse)?;
                    markers.step_over(length);
                }
                _ if Frame::is_start(marker) => {
                    let frame = Frame::read(marker, segment, markers.rest(), budget)?;
                    if scans.replace(Scans::of(frame)).is_some() {
                        return Err(Format::Jpeg.corrupt("a second frame"));
                    }
                }
                // As in other decoders, application segments after the first scan are ignored.
                _ if !has_begun => found.note_application(marker, segment),
                _ => {}
            }
            if scans.as_ref().is_some_and(Scans::are_complete) {
                break;
            }
        }
        if closed && !has_begun {
            return Err(Format::Jpeg.corrupt("no scan before the end"));
        }
        let scans = scans.ok_or_else(|| Format::Jpeg.truncated())?;
        // Some writers omit the last refinement scans of a progressive file, and close the file.
        let is_whole = scans.are_complete() || (closed && scans.all_have_begun());
        match scans.into_parts() {
            (frame, Some(output)) if is_whole => Ok(Self { frame, output, found }),
            _ => Err(Format::Jpeg.truncated()),
        }
    }

    /// The colour transform, with the values of Adobe's APP14: 0 is no transform (RGB, CMYK), 1 is YCbCr, 2
    /// is YCCK. `None` for grey. The rules are those of libjpeg.
    pub(super) fn color_transform(&self) -> Option<u8> {
        let ids: Vec<u8> = self.frame.components.iter().map(|component| component.id).collect();
        match (ids.len(), self.found.adobe) {
            (1, _) => None,
            (4, None | Some(0)) => Some(0),
            (4, Some(_)) => Some(2),
            _ if self.found.jfif => Some(1),
            (_, Some(0)) => Some(0),
            (_, Some(_)) => Some(1),
            _ => Some(if ids == b"RGB" { 0 } else { 1 }),
        }
    }
}

impl<'a> Found<'a> {
    fn note_application(&mut self, marker: u8, segment: &'a [u8]) {
        match (marker, segment) {
            (0xe0, [b'J', b'F', b'I', b'F', 0, ..]) => self.jfif = true,
            (0xe1, _) => self.metadata.add(segment),
            // "Adobe", then 6 bytes of version and flags.
            (0xee, [b'A', b'd', b'o', b'b', b'e', _, _, _, _, _, _, transform, ..]) => {
                self.adobe = Some(*transform)
            }
            _ => {}
        }
    }
}

/// The size that the stored image, before it is turned upright, will be scaled to.
fn stored(frame: &Frame, orientation: Orientation, target: Target<'_>) -> (u32, u32) {
    if orient::is_turned(orientation) {
        let (height, width) = target(frame.height, frame.width);
        (width, height)
    } else {
        target(frame.width, frame.height)
    }
}

fn refuse(stop: Stop) -> Error {
    match stop {
        Stop::Missing => Format::Jpeg.truncated(),
        Stop::Corrupt(cause) => Format::Jpeg.corrupt(cause),
    }
}
