//! The transform of timm's models, from their `pretrained_cfg` (`transforms_factory.py` of timm).

use serde_json::json;

use super::fields::{Fields, pixels};
use super::geometry::{Anchor, Geometry, Resize, check_sides};
use super::preprocess::{Plan, linear};
use super::resize::Filter;
use super::{Labels, Preprocessor};

/// timm's defaults.
const SIZE: [u32; 3] = [3, 224, 224];
const CROP_PCT: f64 = 0.875;
const MEAN: [f64; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f64; 3] = [0.229, 0.224, 0.225];

const IMAGENET_CLASSES: usize = 1000;

/// Returns the transform for evaluation. `input` is the width and height that the model fixes. If they are
/// the test size, this is the transform for tests.
///
/// # Errors
///
/// What is wrong with the configuration, or not supported.
pub(super) fn preprocessor(cfg: &Fields, input: (Option<u32>, Option<u32>)) -> Result<Preprocessor, String> {
    let mut cfg = cfg.clone();
    let mut size = size(&mut cfg, "input_size")?.unwrap_or(SIZE);
    let mut crop_pct = cfg.number("crop_pct")?.unwrap_or(CROP_PCT);
    let (test_size, test_crop_pct) = (self::size(&mut cfg, "test_input_size")?, cfg.number("test_crop_pct")?);
    // If both sizes are the same, timm evaluates with crop_pct unless the transform for tests is requested.
    if let Some(test) = test_size.filter(|test| *test != size && (Some(test[2]), Some(test[1])) == input) {
        size = test;
        crop_pct = test_crop_pct.unwrap_or(crop_pct);
    }
    let [channels, height, width] = size;
    if channels != 3 {
        return Err(format!("input_size has {channels} channels; 3 are supported"));
    }
    if crop_pct.is_nan() || crop_pct <= 0.0 {
        return Err(format!("crop_pct must be above 0, not {crop_pct}"));
    }
    // The cast saturates, and `check_sides` refuses sizes that are too large.
    let scaled = |side: u32| (f64::from(side) / crop_pct).floor() as u32;
    let (scaled_width, scaled_height) = (scaled(width), scaled(height));
    let resize = match cfg.text("crop_mode")?.as_deref() {
        Some("squash") => Resize::Exact { width: scaled_width, height: scaled_height },
        None | Some("center") if scaled_width == scaled_height => Resize::ShortestEdge(scaled_width),
        None | Some("center") => Resize::Cover { width: scaled_width, height: scaled_height },
        Some(other) => {
            return Err(format!("crop_mode \"{other}\" is not supported; center and squash are"));
        }
    };
    check_sides(resize, (width, height))?;
    let filter = match cfg.text("interpolation")?.as_deref() {
        Some("nearest") => 0,
        Some("lanczos") => 1,
        Some("bilinear") => 2,
        None | Some("bicubic") => 3,
        Some("box") => 4,
        Some("hamming") => 5,
        Some(other) => {
            return Err(format!(
                "interpolation \"{other}\" is not supported; nearest, lanczos, bilinear, bicubic, box and hamming are"
            ));
        }
    };
    let (mean, deviation) =
        (cfg.channels("mean")?.unwrap_or(MEAN), cfg.channels("std")?.unwrap_or(DEVIATION));
    let (scale, bias) = linear(1.0 / 255.0, mean, deviation).ok_or("mean and std give no finite numbers")?;
    Ok(Preprocessor::new(Plan {
        geometry: Geometry { resize, output: (width, height), anchor: Anchor::HalfToEven },
        filter: Filter::of_pillow(filter)?,
        scale,
        bias,
        blue_first: false,
    }))
}

/// Reads channels, height and width.
fn size(cfg: &mut Fields, key: &str) -> Result<Option<[u32; 3]>, String> {
    cfg.given(key, "[channels, height, width]", |value| match value.as_array().map(Vec::as_slice) {
        Some([channels, height, width]) => Some([pixels(channels)?, pixels(height)?, pixels(width)?]),
        _ => None,
    })
}

/// Reads the names of the classes from a timm repository's `config.json` or its `pretrained_cfg`. These are
/// the `label_names`, replaced by their `label_descriptions` if there are any. If there are none, and the
/// model was trained on the 1,000 classes of ImageNet, the names are those of ImageNet. `None` if the names
/// are unknown.
///
/// # Errors
///
/// What is wrong with the names, or a message that the model has no classes.
pub(super) fn labels(config: &mut Fields, cfg: &Fields) -> Result<Option<Labels>, String> {
    let mut cfg = cfg.clone();
    let mut given = |key| {
        [&mut *config, &mut cfg]
            .into_iter()
            .find_map(|fields| fields.take(key).filter(|value| !value.is_null()))
    };
    let classes = given("num_classes");
    if classes == Some(json!(0)) {
        return Err(
            "num_classes is 0: the model answers features, not classes; export one with a classifier"
                .to_owned(),
        );
    }
    // In old files, the key of the names is `labels`.
    let names = given("label_names").map(|names| ("label_names", names));
    let names = names.or_else(|| given("labels").map(|names| ("labels", names)));
    let descriptions = given("label_descriptions").unwrap_or_default();
    if let Some((key, names)) = names {
        let described = |name: &str| descriptions.get(name)?.as_str().map(str::to_owned);
        return Labels::from_names(key, &names).map(|labels| Some(labels.renamed(described)));
    }
    let mut tells_imagenet = |key| cfg.text(key).ok().flatten().is_some_and(|text| text.contains("in1k"));
    let is_imagenet = classes == Some(json!(IMAGENET_CLASSES))
        && ["tag", "hf_hub_id", "url", "file"].iter().any(|key| tells_imagenet(key));
    if is_imagenet {
        Labels::from_tsv(include_str!("../../tools/ic_tools/imagenet1k.tsv")).map(Some)
    } else {
        Ok(None)
    }
}
