//! Turns RGB pixels into the model's input tensor: resize, centre crop, normalise.
//!
//! The crop is part of the resize: only the part of the picture that ends up in the crop is scaled, with the
//! same result. So a picture of 1 x 5000 pixels costs no more than a normal one, although scaling its short
//! side to 256 would make it 256 x 1,280,000.

use ::image::RgbImage;

use super::fields::Fields;
use super::geometry::{Geometry, Part};
use super::heat_map::Region;
use super::outlets::{Element, Input};
use super::resize::{Filter, scaled};
use super::{preprocessor_config, timm, ultralytics};
use crate::Error;
use upright::Raster;

/// The order of the dimensions of the model's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `[batch, 3, height, width]`: one plane per channel, as in PyTorch.
    Nchw,
    /// `[batch, height, width, 3]`: pixel by pixel, as in TensorFlow.
    Nhwc,
}

/// All parameters for making a tensor from a picture.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) geometry: Geometry,
    pub(super) filter: Filter,
    /// `value = byte * scale + bias`, for red, green and blue.
    pub(super) scale: [f32; 3],
    pub(super) bias: [f32; 3],
    /// Whether the channels of the tensor are in the order blue, green, red.
    pub(super) blue_first: bool,
}

/// Returns `scale` and `bias` per channel, so that `value = byte * scale + bias` is
/// `(byte * factor - mean) / deviation`. `None` if a value is not finite.
pub(super) fn linear(factor: f64, mean: [f64; 3], deviation: [f64; 3]) -> Option<([f32; 3], [f32; 3])> {
    let scale = deviation.map(|deviation| factor / deviation);
    let bias = [0, 1, 2].map(|channel| -mean[channel] / deviation[channel]);
    let is_finite = scale.iter().chain(&bias).all(|value| value.is_finite());
    #[expect(clippy::cast_possible_truncation, reason = "the tensor is f32")]
    is_finite.then(|| (scale.map(|value| value as f32), bias.map(|value| value as f32)))
}

/// How a picture becomes the model's input.
#[derive(Clone, Debug)]
pub struct Preprocessor {
    plan: Plan,
}

impl Preprocessor {
    /// Reads a `preprocessor_config.json`. `model_type` is that of the bundle's `config.json`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, or not supported.
    pub fn from_json(text: &str, model_type: Option<&str>) -> Result<Self, String> {
        Self::of(Fields::parse(text)?, model_type)
    }

    /// As [`Preprocessor::from_json`], for a file that is already parsed.
    ///
    /// # Errors
    ///
    /// Those of [`Preprocessor::from_json`].
    pub(super) fn of(fields: Fields, model_type: Option<&str>) -> Result<Self, String> {
        preprocessor_config::read(fields, model_type)
    }

    /// Follows a `pretrained_cfg` of timm. `input` is the width and height, if the model fixes them.
    ///
    /// # Errors
    ///
    /// What is wrong with it, or not supported.
    pub fn from_timm(text: &str, input: (Option<u32>, Option<u32>)) -> Result<Self, String> {
        timm::preprocessor(&Fields::parse(text)?, input)
    }

    /// Follows the metadata `task` and `imgsz` of a model that Ultralytics exported.
    ///
    /// # Errors
    ///
    /// What is wrong with it, or not supported.
    pub fn from_ultralytics(task: &str, imgsz: &str) -> Result<Self, String> {
        ultralytics::preprocessor(task, imgsz)
    }

    pub(super) fn new(plan: Plan) -> Self {
        Self { plan }
    }

    /// Checks that the model accepts this input. `source` names the place in the bundle that describes the
    /// preprocessing.
    ///
    /// # Errors
    ///
    /// What does not fit.
    pub(super) fn check_input(&self, input: Input, source: &str) -> Result<(), String> {
        let (width, height) = self.plan.geometry.output;
        if input.size.0.is_some_and(|fixed| fixed != width)
            || input.size.1.is_some_and(|fixed| fixed != height)
        {
            let side = |side: Option<u32>| side.map_or("any".to_owned(), |side| side.to_string());
            return Err(format!(
                "the model takes {} x {} pixels, but {source} makes {width} x {height}",
                side(input.size.0),
                side(input.size.1)
            ));
        }
        if input.element == Element::U8 && (self.plan.scale, self.plan.bias) != ([1.0; 3], [0.0; 3]) {
            return Err(format!(
                "the model takes whole bytes, but {source} scales them; preprocessor_config.json with do_rescale and \
                 do_normalize false does not"
            ));
        }
        Ok(())
    }

    /// Width and height of the tensor, in pixels.
    pub fn output_size(&self) -> (u32, u32) {
        self.plan.geometry.output
    }

    /// The part of an upright picture of this size that the tensor shows, in pixels of the picture.
    pub(super) fn region(&self, width: u32, height: u32) -> Region {
        let (across, down) = self.plan.geometry.parts(width, height);
        let (output_width, output_height) = self.output_size();
        let ((x, width), (y, height)) = (across.extent(output_width), down.extent(output_height));
        let [x, y, width, height] = [x, y, width, height].map(|pixels| (pixels * 1e3).round() / 1e3);
        Region { x, y, width, height }
    }

    /// The size in pixels to which an upright picture of this size is scaled. More detail is not needed.
    pub(crate) fn scaled_size(&self, width: u32, height: u32) -> (u32, u32) {
        if self.plan.filter == Filter::Nearest {
            // Any pixel of the full-size picture may be the nearest one, so none may be averaged away.
            return (width, height);
        }
        let side = |scaled: u64| u32::try_from(scaled).unwrap_or(u32::MAX);
        let (scaled_width, scaled_height) = self.plan.geometry.scaled_size(width, height);
        (side(scaled_width), side(scaled_height))
    }

    /// Makes the tensor of one picture: `3 * height * width` values in the given layout.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if the picture cannot be scaled; every picture of at least one pixel can.
    pub fn tensor(&self, raster: &Raster, layout: Layout) -> Result<Vec<f32>, Error> {
        Ok(self.normalise(&self.resize(raster)?, layout))
    }

    /// Resizes and crops the picture to the size of the tensor. Returns RGB, `3 * height * width` bytes, row
    /// by row.
    ///
    /// # Errors
    ///
    /// Those of [`Preprocessor::tensor`].
    pub fn resize(&self, raster: &Raster) -> Result<Vec<u8>, Error> {
        let (width, height) = raster.size();
        let (across, down) = self.plan.geometry.parts(width, height);
        let (rgb, factor, (left, top)) = (raster.rgb(), f64::from(raster.factor()), raster.corner());
        let (across, down) =
            (across.of_copy(rgb.width(), factor, left), down.of_copy(rgb.height(), factor, top));
        let scaled = scaled(rgb, across, down, self.plan.filter).map_err(Error::internal)?;
        let is_whole = (across.pixels, down.pixels) == self.plan.geometry.output;
        Ok(if is_whole { scaled } else { self.padded(&scaled, across, down) }.into_raw())
    }

    /// Pads the scaled picture with zeros.
    fn padded(&self, scaled: &RgbImage, across: Part, down: Part) -> RgbImage {
        let (width, height) = self.plan.geometry.output;
        let mut padded = RgbImage::new(width, height);
        let (row_bytes, inner_bytes) = (3 * width as usize, 3 * across.pixels as usize);
        let rows = padded.chunks_exact_mut(row_bytes).skip(down.before as usize);
        let left = 3 * across.before as usize;
        for (row, inner) in rows.zip(scaled.chunks_exact(inner_bytes)) {
            row[left..left + inner_bytes].copy_from_slice(inner);
        }
        padded
    }

    /// Converts the result of [`Preprocessor::resize`] to normalised numbers.
    pub fn normalise(&self, pixels: &[u8], layout: Layout) -> Vec<f32> {
        let Plan { scale, bias, blue_first, .. } = self.plan;
        let pixels = pixels.as_chunks::<3>().0;
        let value = |&[red, green, blue]: &[u8; 3]| {
            let value = |byte: u8, channel: usize| f32::from(byte) * scale[channel] + bias[channel];
            let (red, green, blue) = (value(red, 0), value(green, 1), value(blue, 2));
            if blue_first { [blue, green, red] } else { [red, green, blue] }
        };
        let mut tensor = vec![0.0; 3 * pixels.len()];
        match layout {
            Layout::Nchw => {
                let (first, rest) = tensor.split_at_mut(pixels.len());
                let (second, third) = rest.split_at_mut(pixels.len());
                for (((pixel, first), second), third) in pixels.iter().zip(first).zip(second).zip(third) {
                    [*first, *second, *third] = value(pixel);
                }
            }
            Layout::Nhwc => {
                for (pixel, slot) in pixels.iter().zip(tensor.as_chunks_mut::<3>().0) {
                    *slot = value(pixel);
                }
            }
        }
        tensor
    }
}

#[cfg(test)]
mod tests;
