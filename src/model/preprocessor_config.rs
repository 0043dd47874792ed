//! `preprocessor_config.json`, as Hugging Face image processors write it.

use serde_json::Value;

use super::Preprocessor;
use super::fields::{Fields, pixels, shown};
use super::geometry::{Anchor, Geometry, Resize, check_sides};
use super::preprocess::{Plan, linear};
use super::processors::{self, Kind, Rules};
use super::resize::Filter;

/// From this size on, in pixels, ConvNeXT squeezes the picture and crops nothing.
const CONVNEXT_UNCROPPED: u32 = 384;

/// The short side that PP-LCNet resizes to where its file does not say.
const PP_LCNET_SHORT: u32 = 256;

/// Keys that change no pixel of an RGB picture, whatever their value.
const INERT: [&str; 16] = [
    "_processor_class",
    "_valid_processor_keys",
    "auto_map",
    "backend",
    "data_format",
    "device",
    "disable_grouping",
    "do_convert_rgb",
    "image_seq_length",
    "input_data_format",
    "name_or_path",
    "processor_class",
    "return_tensors",
    "transformers_version",
    "use_fast",
    "_name_or_path",
];

/// What is read of `preprocessor_config.json`. What is absent has the default of the processor that it names.
struct PreprocessorConfig {
    do_resize: Option<bool>,
    size: Option<Size>,
    /// The inner `None` is a null, which is not the default.
    crop_pct: Option<Option<f64>>,
    resample: Option<u8>,
    do_center_crop: Option<bool>,
    crop_size: Option<Size>,
    do_rescale: Option<bool>,
    rescale_factor: Option<f64>,
    rescale_offset: Option<bool>,
    do_normalize: Option<bool>,
    image_mean: Option<[f64; 3]>,
    image_std: Option<[f64; 3]>,
    include_top: Option<bool>,
    do_flip_channel_order: Option<bool>,
    resize_short: Option<u32>,
}

/// Older processors wrote a bare number, or a list of height and width, for what is now an object.
#[derive(Clone, Copy)]
enum Size {
    Number(u32),
    Exact { height: u32, width: u32 },
    ShortestEdge(u32),
}

impl Size {
    fn read(fields: &mut Fields, key: &str) -> Result<Option<Self>, String> {
        let mistake =
            || format!("{key} must be a number, {{\"shortest_edge\": N}} or {{\"height\": N, \"width\": N}}");
        let value = match fields.take(key) {
            None | Some(Value::Null) => return Ok(None),
            Some(value) => value,
        };
        let size = match &value {
            Value::Array(sides) => match &sides[..] {
                [side] => pixels(side).map(Self::Number),
                [height, width] => {
                    pixels(height).zip(pixels(width)).map(|(height, width)| Self::Exact { height, width })
                }
                _ => None,
            },
            Value::Object(sides) => {
                let known = ["height", "width", "shortest_edge"];
                let mut others =
                    sides.iter().filter(|(side, value)| !value.is_null() && !known.contains(&side.as_str()));
                if let Some((side, value)) = others.next() {
                    return Err(refusal(&format!("{key}.{side}"), value));
                }
                let side = |name| sides.get(name).and_then(pixels);
                match (side("height"), side("width"), side("shortest_edge")) {
                    (Some(height), Some(width), None) => Some(Self::Exact { height, width }),
                    (None, None, Some(edge)) => Some(Self::ShortestEdge(edge)),
                    _ => None,
                }
            }
            side => pixels(side).map(Self::Number),
        };
        size.map(Some).ok_or_else(mistake)
    }
}

/// Reads a file of an image processor, in a bundle of a model of this type.
///
/// # Errors
///
/// What is wrong with it, or the key of what it switches on that this program does not do.
pub(super) fn read(mut fields: Fields, model_type: Option<&str>) -> Result<Preprocessor, String> {
    let types = [fields.text("image_processor_type")?, fields.text("feature_extractor_type")?];
    let processor = types.into_iter().flatten().next();
    let rules = processors::rules(processor.as_deref(), model_type)?;
    let config = PreprocessorConfig::read(&mut fields, &rules)?;
    if let Some((key, value)) = fields.rest().find(|(key, value)| !is_inert(key, value)) {
        return Err(refusal(key, value));
    }
    if let Some(key) = config.missing(&rules) {
        return Err(format!("{key} is missing, and the default of this image processor is not known"));
    }
    let preprocessor = config.preprocessor(&rules)?;
    if rules.kind == Kind::Unknown {
        tracing::warn!(
            processor = processor.as_deref().unwrap_or_default(),
            "this image processor is not known; every key of its file is followed"
        );
    }
    Ok(preprocessor)
}

/// A step that is switched off does nothing, and neither does its setting.
fn is_inert(key: &str, value: &Value) -> bool {
    INERT.contains(&key) || matches!(value, Value::Null | Value::Bool(false))
}

fn refusal(key: &str, value: &Value) -> String {
    let value = shown(value);
    format!(
        "{key} is {value}, which is not supported: remove it if the model was evaluated without it, else put this \
         step into the graph"
    )
}

impl PreprocessorConfig {
    /// Takes out of the fields what processors with these rules read.
    fn read(fields: &mut Fields, rules: &Rules) -> Result<Self, String> {
        for &(key, default) in rules.switched_on {
            if !fields.has(key) {
                return Err(format!(
                    "{key} is not in the file, and this image processor then takes {default}, which is not \
                     supported: add {key} with the value null if the model was evaluated without it"
                ));
            }
        }
        let crop_pct = if rules.reads("crop_pct") {
            match fields.take("crop_pct") {
                None => None,
                Some(Value::Null) => Some(None),
                Some(value) => Some(Some(value.as_f64().ok_or("crop_pct must be a number")?)),
            }
        } else {
            None
        };
        if rules.kind == Kind::PoolFormer {
            // Old files have this switch. No version of Transformers that is followed here reads it.
            fields.take("do_resize_and_center_crop");
        }
        let mut flag_of = |key| if rules.reads(key) { fields.flag(key) } else { Ok(None) };
        let (rescale_offset, include_top) = (flag_of("rescale_offset")?, flag_of("include_top")?);
        let resize_short = if rules.kind == Kind::PpLcNet {
            if fields.number("size_divisor")?.is_some_and(|divisor| divisor != 1.0) {
                return Err("size_divisor is above 1, which is not supported".to_owned());
            }
            fields.given("resize_short", "a number of pixels", pixels)?
        } else {
            None
        };
        let mut size = Size::read(fields, "size")?;
        let square = fields.given("default_to_square", "true or false", Value::as_bool)?;
        if let (Kind::Unknown, Some(Size::Number(side)), Some(square)) = (rules.kind, size, square) {
            size = Some(if square {
                Size::Exact { height: side, width: side }
            } else {
                Size::ShortestEdge(side)
            });
        }
        let do_pad = fields.flag("do_pad")?;
        if do_pad == Some(true) {
            return Err(refusal("do_pad", &Value::Bool(true)));
        }
        if do_pad == Some(false) {
            fields.take("pad_size");
        }
        Ok(Self {
            do_resize: fields.flag("do_resize")?,
            size,
            crop_pct,
            resample: fields.given("resample", "a number from 0 to 5", |value| {
                value.as_u64().and_then(|number| u8::try_from(number).ok())
            })?,
            do_center_crop: fields.flag("do_center_crop")?,
            crop_size: Size::read(fields, "crop_size")?,
            do_rescale: fields.flag("do_rescale")?,
            rescale_factor: fields.number("rescale_factor")?,
            rescale_offset,
            do_normalize: fields.flag("do_normalize")?,
            image_mean: fields.channels("image_mean")?,
            image_std: fields.channels("image_std")?,
            include_top,
            do_flip_channel_order: fields.flag("do_flip_channel_order")?,
            resize_short,
        })
    }

    /// A key that must be there where the processor, and so its defaults, are not known.
    fn missing(&self, rules: &Rules) -> Option<&'static str> {
        let resizes = self.do_resize != Some(false);
        match rules.kind {
            Kind::Unknown if self.do_resize.is_none() => Some("do_resize"),
            Kind::Unknown if resizes && self.resample.is_none() => Some("resample"),
            Kind::Unknown if self.do_normalize.is_none() => Some("do_normalize"),
            _ => None,
        }
    }

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
        let blue_first = match self.do_flip_channel_order {
            Some(flag) => flag,
            None => matches!(rules.kind, Kind::MobileVit | Kind::PpLcNet),
        };
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
        let crops = self.do_center_crop.unwrap_or(rules.crop.is_some());
        if !crops || matches!(rules.kind, Kind::Uncropped | Kind::ConvNext) {
            return Ok(None);
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
            // Where nobody says what a bare number is, it is a shortest edge if a crop follows.
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
            other => other,
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

/// A number of pixels as Python's `int()` makes it of a fraction.
fn truncated(pixels: f64) -> Result<u32, String> {
    if !(1.0..=f64::from(u32::MAX)).contains(&pixels) {
        return Err("size and crop_pct must be numbers of pixels and above 0".to_owned());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was just checked")]
    Ok(pixels as u32)
}
