//! `preprocessor_config.json`, as Hugging Face image processors write it.

use super::Preprocessor;
use super::fields::Fields;
use super::geometry::{Anchor, Geometry, Resize, check_sides};
use super::preprocess::{Plan, linear};
use super::processor_settings::{Settings, Size};
use super::processors::{self, Kind, Rules};
use super::resize::Filter;

/// From this size on, in pixels, ConvNeXT scales to exactly this size and does not crop.
const CONVNEXT_UNCROPPED: u32 = 384;

/// The default short side of PP-LCNet, in pixels.
const PP_LCNET_SHORT: u32 = 256;

/// Reads the file of an image processor, for a model of this type.
///
/// # Errors
///
/// What is wrong with the file, or the key that switches on a step that this program does not support.
pub(super) fn read(mut fields: Fields, model_type: Option<&str>) -> Result<Preprocessor, String> {
    let processor = processor(&mut fields)?;
    let rules = processors::rules(processor.as_deref(), model_type)?;
    let preprocessor = Settings::read(fields, &rules)?.preprocessor(&rules)?;
    if rules.kind == Kind::Unknown {
        tracing::warn!(
            processor = processor.as_deref().unwrap_or_default(),
            model_type = model_type.unwrap_or_default(),
            "this image processor is not known; every key of its file is followed"
        );
    }
    Ok(preprocessor)
}

/// Whether a file has a `crop_pct` that its image processor would ignore. Exporters copy the key from timm,
/// whatever class they write next to it.
pub(super) fn has_foreign_crop(fields: &Fields, model_type: Option<&str>) -> bool {
    let mut fields = fields.clone();
    let Ok(processor) = processor(&mut fields) else { return false };
    fields.has("crop_pct")
        && !fields.is_null("crop_pct")
        && processors::rules(processor.as_deref(), model_type).is_ok_and(|rules| !rules.reads("crop_pct"))
}

/// The class that a file names.
fn processor(fields: &mut Fields) -> Result<Option<String>, String> {
    let types = [fields.text("image_processor_type")?, fields.text("feature_extractor_type")?];
    Ok(types.into_iter().flatten().next())
}

impl Settings {
    fn preprocessor(&self, rules: &Rules) -> Result<Preprocessor, String> {
        let crop = self.crop(rules)?;
        let resize = match self.do_resize {
            Some(false) => Resize::None,
            _ => self.resize(rules, crop)?,
        };
        let (resize, crop) = match (rules.kind, resize) {
            (Kind::ConvNext, Resize::ShortestEdge(side)) => self.convnext(side)?,
            _ => (resize, crop),
        };
        let output = match (crop, resize) {
            (Some(crop), _) => crop,
            (None, Resize::Exact { width, height }) => (width, height),
            (None, Resize::None) => return Err("do_resize is false, and nothing is cropped".to_owned()),
            (None, Resize::ShortestEdge(_) | Resize::Cover { .. }) => {
                return Err("size is a shortest edge, so do_center_crop and crop_size are needed".to_owned());
            }
        };
        let sides = check_sides(resize, output)?;
        let may_pad = rules.kind != Kind::Torchvision || resize == Resize::None;
        if !may_pad && (output.0 > sides[0] || output.1 > sides[1]) {
            return Err(format!(
                "crop_size {} x {} is larger than size {} x {}",
                output.0, output.1, sides[0], sides[1]
            ));
        }
        let (scale, bias) = self.normalisation(rules)?;
        let blue_first = self.do_flip_channel_order.unwrap_or(rules.is_on("do_flip_channel_order"));
        let anchor = if rules.kind == Kind::Torchvision { Anchor::HalfToEven } else { Anchor::Down };
        let filter = Filter::of_pillow(self.resample.unwrap_or(rules.resample))?;
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
        let crops = self.do_center_crop.unwrap_or(rules.is_on("do_center_crop"));
        if !crops || rules.kind == Kind::Segformer {
            return Ok(None);
        }
        if matches!(rules.kind, Kind::Uncropped | Kind::ConvNext) {
            return Err("do_center_crop is true, which Transformers 4 passes over and Transformers 5 follows: set it \
                        to false if the model was evaluated without the crop, else put the crop into the graph"
                .to_owned());
        }
        match self.crop_size.or(rules.crop.map(Size::Number)) {
            Some(Size::Exact { height, width }) => Ok(Some((width, height))),
            Some(Size::Number(side) | Size::ShortestEdge(side)) => Ok(Some((side, side))),
            None => Err("do_center_crop needs crop_size".to_owned()),
        }
    }

    fn resize(&self, rules: &Rules, crop: Option<(u32, u32)>) -> Result<Resize, String> {
        if rules.kind == Kind::PpLcNet {
            let short = self.resize_short.unwrap_or(PP_LCNET_SHORT);
            return Ok(Resize::Cover { width: short, height: short });
        }
        let resize = match self.size.or(rules.size.map(Size::Number)).ok_or("size is missing")? {
            // If nothing defines the meaning of a bare number, it is a shortest edge when a crop follows,
            // else width and height.
            Size::Number(side)
                if rules.square
                    || (crop.is_none() && matches!(rules.kind, Kind::Torchvision | Kind::Unknown)) =>
            {
                Resize::Exact { width: side, height: side }
            }
            Size::Number(side) | Size::ShortestEdge(side) => Resize::ShortestEdge(side),
            Size::Exact { height, width } => Resize::Exact { width, height },
        };
        match (rules.kind, resize) {
            (Kind::Levit, Resize::ShortestEdge(side)) => {
                Ok(Resize::ShortestEdge(truncated(256.0 / 224.0 * f64::from(side))?))
            }
            (Kind::PoolFormer, resize) => self.poolformer(resize),
            (_, resize) => Ok(resize),
        }
    }

    /// ConvNeXT crops by `crop_pct` below 384 pixels. From there on, it scales to exactly this size.
    fn convnext(&self, side: u32) -> Result<(Resize, Option<(u32, u32)>), String> {
        if side >= CONVNEXT_UNCROPPED {
            return Ok((Resize::Exact { width: side, height: side }, None));
        }
        let crop_pct = self.crop_pct.unwrap_or(224.0 / 256.0);
        Ok((Resize::ShortestEdge(truncated(f64::from(side) / crop_pct)?), Some((side, side))))
    }

    fn poolformer(&self, resize: Resize) -> Result<Resize, String> {
        let crop_pct = self.crop_pct.unwrap_or(0.9);
        let larger = |side: u32| truncated(f64::from(side) / crop_pct);
        Ok(match resize {
            Resize::ShortestEdge(side) => Resize::ShortestEdge(larger(side)?),
            Resize::Exact { width, height } if width == height => Resize::ShortestEdge(larger(width)?),
            Resize::Exact { width, height } => {
                Resize::Exact { width: larger(width)?, height: larger(height)? }
            }
            other => other,
        })
    }

    /// Returns `scale` and `bias` per channel, so that `value = byte * scale + bias`.
    fn normalisation(&self, rules: &Rules) -> Result<([f32; 3], [f32; 3]), String> {
        let rescales = self.do_rescale.unwrap_or(true);
        let efficientnet = rules.kind == Kind::EfficientNet;
        let factor = if rescales { self.rescale_factor.unwrap_or(1.0 / 255.0) } else { 1.0 };
        let offset = efficientnet && rescales && self.rescale_offset.unwrap_or(false);
        let offset = if offset { 1.0 } else { 0.0 };
        let normalizes = self.do_normalize.unwrap_or(true) && rules.kind != Kind::MobileVit;
        let again = efficientnet && self.include_top.unwrap_or(rules.is_on("include_top"));

        let (default_mean, default_std) = rules.mean_and_std.unzip();
        let channels = |given: Option<[f64; 3]>, default: Option<[f64; 3]>, name: &str| {
            given.or(default).ok_or_else(|| format!("{name} must hold three numbers"))
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
        linear(factor, mean.map(|mean| mean + offset), divisor).ok_or_else(|| {
            "image_std, image_mean and rescale_factor must be finite, image_std not 0".to_owned()
        })
    }
}

/// Truncates a number of pixels, like Python's `int()`.
fn truncated(pixels: f64) -> Result<u32, String> {
    if !(1.0..=f64::from(u32::MAX)).contains(&pixels) {
        return Err("size and crop_pct must be numbers of pixels and above 0".to_owned());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was just checked")]
    Ok(pixels as u32)
}
