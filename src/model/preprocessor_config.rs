//! `preprocessor_config.json`, as Hugging Face image processors write it.

use fast_image_resize::FilterType;
use serde::{Deserialize, Deserializer};

use super::Preprocessor;
use super::geometry::{Anchor, Geometry, Resize};
use super::preprocess::Plan;
use super::processors::{self, Kind, Rules};
use super::resize::Filter;

/// From this size on, in pixels, ConvNeXT squeezes the picture and crops nothing.
const CONVNEXT_UNCROPPED: u32 = 384;

/// The largest input that is supported, in pixels a side.
const MAX_SIDE: u32 = 4096;

/// What is read of `preprocessor_config.json`. What is absent has the default of the processor that it names.
#[derive(Deserialize)]
pub(super) struct PreprocessorConfig {
    image_processor_type: Option<String>,
    feature_extractor_type: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    do_resize: Option<bool>,
    size: Option<Size>,
    /// The inner `None` is a null, which is not the default.
    #[serde(default, deserialize_with = "present")]
    crop_pct: Option<Option<f64>>,
    resample: Option<u8>,
    #[serde(default, deserialize_with = "flag")]
    do_center_crop: Option<bool>,
    crop_size: Option<Size>,
    #[serde(default, deserialize_with = "flag")]
    do_rescale: Option<bool>,
    rescale_factor: Option<f64>,
    #[serde(default, deserialize_with = "flag")]
    rescale_offset: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    do_normalize: Option<bool>,
    image_mean: Option<Channels>,
    image_std: Option<Channels>,
    #[serde(default, deserialize_with = "flag")]
    include_top: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    do_flip_channel_order: Option<bool>,
}

/// Older processors wrote a bare number, or a list of height and width, for what is now an object.
#[derive(Clone, Copy, Deserialize)]
#[serde(
    untagged,
    expecting = "a size must be a number, {\"shortest_edge\": N} or {\"height\": N, \"width\": N}"
)]
enum Size {
    Number(u32),
    Pair([u32; 2]),
    Exact { height: u32, width: u32 },
    ShortestEdge { shortest_edge: u32 },
}

/// A value for each channel, or one for all.
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged, expecting = "image_mean and image_std must hold three numbers")]
enum Channels {
    Each([f64; 3]),
    One([f64; 1]),
    All(f64),
}

/// A null is `false`: that is what Python makes of it.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    Option::deserialize(deserializer).map(|flag: Option<bool>| Some(flag.unwrap_or_default()))
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<f64>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl PreprocessorConfig {
    /// The preprocessing that this file describes, in a bundle of a model of this type.
    ///
    /// # Errors
    ///
    /// What it describes that is not supported.
    pub(super) fn preprocessor(&self, model_type: Option<&str>) -> Result<Preprocessor, String> {
        let processor = self.image_processor_type.as_deref().or(self.feature_extractor_type.as_deref());
        let rules = processors::rules(processor, model_type)?;
        let crop = self.crop(&rules)?;
        let resize = match self.do_resize {
            Some(false) => Resize::None,
            _ => self.resize(&rules, crop)?,
        };
        let (resize, crop) = match (rules.kind, resize) {
            (Kind::ConvNext, Resize::ShortestEdge(side)) => self.convnext(side)?,
            _ => (resize, crop),
        };
        let output = match (crop, resize) {
            (Some(crop), _) => crop,
            (None, Resize::Exact { width, height }) => (width, height),
            (None, Resize::None) => return Err("do_resize is false, and nothing is cropped".to_owned()),
            (None, Resize::ShortestEdge(_)) => {
                return Err("size is a shortest edge, so do_center_crop and crop_size are needed".to_owned());
            }
        };
        let sides = match resize {
            Resize::None => [1; 2],
            Resize::ShortestEdge(side) => [side; 2],
            Resize::Exact { width, height } => [width, height],
        };
        if let Some(side) =
            sides.into_iter().chain([output.0, output.1]).find(|side| !(1..=MAX_SIDE).contains(side))
        {
            return Err(format!("{side} pixels a side are not supported; 1 to {MAX_SIDE} are"));
        }
        let may_pad = rules.kind != Kind::Torchvision || resize == Resize::None;
        if !may_pad && (output.0 > sides[0] || output.1 > sides[1]) {
            return Err(format!(
                "crop_size {} x {} is larger than size {} x {}",
                output.0, output.1, sides[0], sides[1]
            ));
        }
        let (scale, bias) = self.normalisation(&rules)?;
        let blue_first = match self.do_flip_channel_order {
            Some(flag) => flag,
            None => rules.kind == Kind::MobileVit,
        };
        let anchor = if rules.kind == Kind::Torchvision { Anchor::HalfToEven } else { Anchor::Down };
        let filter = filter(self.resample.unwrap_or(rules.resample))?;
        Ok(Preprocessor::new(Plan {
            geometry: Geometry { resize, output, anchor },
            filter,
            scale,
            bias,
            blue_first,
        }))
    }

    /// Width and height of the centre crop, in pixels.
    fn crop(&self, rules: &Rules) -> Result<Option<(u32, u32)>, String> {
        let crops = self.do_center_crop.unwrap_or(rules.crop.is_some());
        if !crops || matches!(rules.kind, Kind::Uncropped | Kind::ConvNext) {
            return Ok(None);
        }
        match self.crop_size.or(rules.crop.map(Size::Number)) {
            Some(Size::Exact { height, width } | Size::Pair([height, width])) => Ok(Some((width, height))),
            Some(Size::Number(side) | Size::ShortestEdge { shortest_edge: side }) => Ok(Some((side, side))),
            None => Err("do_center_crop needs crop_size".to_owned()),
        }
    }

    fn resize(&self, rules: &Rules, crop: Option<(u32, u32)>) -> Result<Resize, String> {
        let resize = match self.size.or(rules.size.map(Size::Number)).ok_or("size is missing")? {
            // Where nobody says what a bare number is, it is a shortest edge if a crop follows.
            Size::Number(side)
                if rules.square
                    || (crop.is_none() && matches!(rules.kind, Kind::Torchvision | Kind::Plain)) =>
            {
                Resize::Exact { width: side, height: side }
            }
            Size::Number(side) | Size::ShortestEdge { shortest_edge: side } => Resize::ShortestEdge(side),
            Size::Exact { height, width } | Size::Pair([height, width]) => Resize::Exact { width, height },
        };
        match (rules.kind, resize) {
            (Kind::Levit, Resize::ShortestEdge(side)) => {
                Ok(Resize::ShortestEdge(truncated(256.0 / 224.0 * f64::from(side))?))
            }
            (Kind::PoolFormer, resize) => self.poolformer(resize),
            (_, resize) => Ok(resize),
        }
    }

    /// ConvNeXT has a crop of its own below 384 pixels, and squeezes the picture from there on.
    fn convnext(&self, side: u32) -> Result<(Resize, Option<(u32, u32)>), String> {
        if side >= CONVNEXT_UNCROPPED {
            return Ok((Resize::Exact { width: side, height: side }, None));
        }
        let crop_pct = self.crop_pct.flatten().unwrap_or(224.0 / 256.0);
        Ok((Resize::ShortestEdge(truncated(f64::from(side) / crop_pct)?), Some((side, side))))
    }

    fn poolformer(&self, resize: Resize) -> Result<Resize, String> {
        let Some(crop_pct) = self.crop_pct.unwrap_or(Some(0.9)) else { return Ok(resize) };
        let larger = |side: u32| truncated(f64::from(side) / crop_pct);
        Ok(match resize {
            Resize::ShortestEdge(side) => Resize::ShortestEdge(larger(side)?),
            Resize::Exact { width, height } if width == height => Resize::ShortestEdge(larger(width)?),
            Resize::Exact { width, height } => {
                Resize::Exact { width: larger(width)?, height: larger(height)? }
            }
            Resize::None => Resize::None,
        })
    }

    /// Per channel `scale` and `bias`, so that `value = byte * scale + bias`.
    fn normalisation(&self, rules: &Rules) -> Result<([f32; 3], [f32; 3]), String> {
        let rescales = self.do_rescale.unwrap_or(true);
        let efficientnet = rules.kind == Kind::EfficientNet;
        let factor = if rescales { self.rescale_factor.unwrap_or(1.0 / 255.0) } else { 1.0 };
        let offset = efficientnet && rescales && self.rescale_offset.unwrap_or(false);
        let offset = if offset { 1.0 } else { 0.0 };
        let normalizes = self.do_normalize.unwrap_or(true) && rules.kind != Kind::MobileVit;
        let again = efficientnet && self.include_top.unwrap_or(true);

        let (default_mean, default_std) = rules.mean_and_std.unzip();
        let channels = |given: Option<Channels>, default: Option<[f64; 3]>, name: &str| match given {
            Some(Channels::Each(each)) => Ok(each),
            Some(Channels::One([all]) | Channels::All(all)) => Ok([all; 3]),
            None => default.ok_or_else(|| format!("{name} must hold three numbers")),
        };
        let std = || channels(self.image_std, default_std, "image_std");
        let (mean, divisor) = match (normalizes, again) {
            (false, false) => ([0.0; 3], [1.0; 3]),
            (false, true) => ([0.0; 3], std()?),
            (true, again) => {
                let (mean, std) = (channels(self.image_mean, default_mean, "image_mean")?, std()?);
                (mean, if again { std.map(|deviation| deviation * deviation) } else { std })
            }
        };
        let scale = divisor.map(|divisor| factor / divisor);
        let bias = [0, 1, 2].map(|channel| (-offset - mean[channel]) / divisor[channel]);
        if scale.iter().chain(&bias).any(|value| !value.is_finite()) {
            return Err("image_std, image_mean and rescale_factor must be finite, image_std not 0".to_owned());
        }
        #[expect(clippy::cast_possible_truncation, reason = "the tensor is f32")]
        Ok((scale.map(|value| value as f32), bias.map(|value| value as f32)))
    }
}

/// A number of pixels as Python's `int()` makes it of a fraction.
fn truncated(pixels: f64) -> Result<u32, String> {
    if !(1.0..=f64::from(u32::MAX)).contains(&pixels) {
        return Err("size and crop_pct must be numbers of pixels and above 0".to_owned());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was just checked")]
    Ok(pixels as u32)
}

/// Pillow's numbers of the filters.
fn filter(resample: u8) -> Result<Filter, String> {
    Ok(match resample {
        0 => Filter::Nearest,
        1 => Filter::Convolution(FilterType::Lanczos3),
        2 => Filter::Convolution(FilterType::Bilinear),
        // Pillow's bicubic has a = -0.5, which is the Catmull-Rom spline.
        3 => Filter::Convolution(FilterType::CatmullRom),
        4 => Filter::Convolution(FilterType::Box),
        5 => Filter::Convolution(FilterType::Hamming),
        other => return Err(format!("resample {other} is not supported; 0 to 5 are")),
    })
}
