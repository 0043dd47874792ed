//! The settings in `preprocessor_config.json`, before the rules of a processor are applied.

use serde_json::Value;

use super::fields::{Fields, pixels, shown};
use super::processors::{Kind, Rules};

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

/// The settings that are read from `preprocessor_config.json`. A missing setting has the default of the
/// processor that the file names.
pub(super) struct Settings {
    pub(super) do_resize: Option<bool>,
    pub(super) size: Option<Size>,
    pub(super) crop_pct: Option<f64>,
    pub(super) resample: Option<u8>,
    pub(super) do_center_crop: Option<bool>,
    pub(super) crop_size: Option<Size>,
    pub(super) do_rescale: Option<bool>,
    pub(super) rescale_factor: Option<f64>,
    pub(super) rescale_offset: Option<bool>,
    pub(super) do_normalize: Option<bool>,
    pub(super) image_mean: Option<[f64; 3]>,
    pub(super) image_std: Option<[f64; 3]>,
    pub(super) include_top: Option<bool>,
    pub(super) do_flip_channel_order: Option<bool>,
    pub(super) resize_short: Option<u32>,
}

/// Older processors wrote a bare number, or a list of height and width, instead of an object.
#[derive(Clone, Copy)]
pub(super) enum Size {
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

/// Whether a setting has no effect: its key changes no pixel, or its value switches the step off.
fn is_inert(key: &str, value: &Value) -> bool {
    INERT.contains(&key)
        || matches!(value, Value::Null | Value::Bool(false))
        // Every number is a multiple of 1.
        || (key == "size_divisor" && value.as_f64() == Some(1.0))
}

fn refusal(key: &str, value: &Value) -> String {
    let advice = match (key, value) {
        (_, Value::Bool(true)) => "set it to false",
        ("size_divisor", _) => "set it to 1",
        _ => "remove it",
    };
    let value = shown(value);
    format!(
        "{key} is {value}, which is not supported: {advice} if the model was evaluated without this step, else put the \
         step into the graph"
    )
}

/// Reads a switch. Null is refused if the switch is on by default, because Transformers 5 takes null as the
/// default, and Transformers 4 as off.
fn switch(fields: &mut Fields, key: &str, rules: &Rules) -> Result<Option<bool>, String> {
    if fields.is_null(key) && rules.is_on(key) {
        return Err(format!(
            "{key} is null, which has no meaning that all versions share: say true or false"
        ));
    }
    fields.flag(key)
}

impl Settings {
    /// Reads the settings that processors with these rules read.
    ///
    /// # Errors
    ///
    /// What is wrong with a value, what is missing, or the key that switches on a step that this program does
    /// not support.
    pub(super) fn read(mut fields: Fields, rules: &Rules) -> Result<Self, String> {
        if rules.kind == Kind::TextNet && (!fields.has("size_divisor") || fields.is_null("size_divisor")) {
            return Err(
                "size_divisor is missing, and TextNet's image processor then takes 32, which is not \
                        supported: set it to 1 if the model was evaluated so"
                    .to_owned(),
            );
        }
        if rules.kind == Kind::PoolFormer {
            // Old files have this switch. None of the supported versions of Transformers reads it.
            fields.take("do_resize_and_center_crop");
            if fields.is_null("crop_pct") {
                return Err(
                    "crop_pct is null, which has no meaning that all versions share: say 0.9, or 1 if \
                            the model was evaluated without it"
                        .to_owned(),
                );
            }
        }
        let crop_pct = if rules.reads("crop_pct") { fields.number("crop_pct")? } else { None };
        let mut switch_of = |key| if rules.reads(key) { switch(&mut fields, key, rules) } else { Ok(None) };
        let (rescale_offset, include_top) = (switch_of("rescale_offset")?, switch_of("include_top")?);
        let do_flip_channel_order = switch_of("do_flip_channel_order")?;
        let resize_short = if rules.reads("resize_short") {
            fields.given("resize_short", "a number of pixels", pixels)?
        } else {
            None
        };
        let mut size = Size::read(&mut fields, "size")?;
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
        let settings = Self {
            do_resize: switch(&mut fields, "do_resize", rules)?,
            size,
            crop_pct,
            resample: fields.given("resample", "a number from 0 to 5", |value| {
                value.as_u64().and_then(|number| u8::try_from(number).ok())
            })?,
            do_center_crop: switch(&mut fields, "do_center_crop", rules)?,
            crop_size: Size::read(&mut fields, "crop_size")?,
            do_rescale: switch(&mut fields, "do_rescale", rules)?,
            rescale_factor: fields.number("rescale_factor")?,
            rescale_offset,
            do_normalize: switch(&mut fields, "do_normalize", rules)?,
            image_mean: fields.channels("image_mean")?,
            image_std: fields.channels("image_std")?,
            include_top,
            do_flip_channel_order,
            resize_short,
        };
        if let Some((key, value)) = fields.rest().find(|(key, value)| !is_inert(key, value)) {
            return Err(refusal(key, value));
        }
        match settings.missing(rules) {
            Some(key) => {
                Err(format!("{key} is missing, and the default of this image processor is not known"))
            }
            None => Ok(settings),
        }
    }

    /// A required key that is missing. Keys are required if the processor, and so its defaults, are unknown.
    fn missing(&self, rules: &Rules) -> Option<&'static str> {
        let resizes = self.do_resize != Some(false);
        match rules.kind {
            Kind::Unknown if self.do_resize.is_none() => Some("do_resize"),
            Kind::Unknown if resizes && self.resample.is_none() => Some("resample"),
            Kind::Unknown if self.do_normalize.is_none() => Some("do_normalize"),
            _ => None,
        }
    }
}
