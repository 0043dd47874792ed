//! `preprocessor_config.json`, as Hugging Face image processors write it.

use fast_image_resize::FilterType;
use serde::Deserialize;

use super::Preprocessor;
use super::preprocess::Resize;

/// What is read of `preprocessor_config.json`. What is absent has the default of Hugging Face's processors.
#[derive(Deserialize)]
pub(super) struct PreprocessorConfig {
    #[serde(default = "yes")]
    do_resize: bool,
    size: Option<Size>,
    #[serde(default = "bilinear")]
    resample: u8,
    #[serde(default)]
    do_center_crop: bool,
    crop_size: Option<Size>,
    #[serde(default = "yes")]
    do_rescale: bool,
    #[serde(default = "one_255th")]
    rescale_factor: f64,
    #[serde(default = "yes")]
    do_normalize: bool,
    image_mean: Option<Vec<f64>>,
    image_std: Option<Vec<f64>>,
}

/// Older processors wrote a bare number for what is now an object.
#[derive(Clone, Copy, Deserialize)]
#[serde(
    untagged,
    expecting = "a size must be a number, {\"shortest_edge\": N} or {\"height\": N, \"width\": N}"
)]
enum Size {
    Number(u32),
    Exact { height: u32, width: u32 },
    ShortestEdge { shortest_edge: u32 },
}

fn yes() -> bool {
    true
}

/// Pillow's number of the bilinear filter, the default of most processors.
fn bilinear() -> u8 {
    2
}

fn one_255th() -> f64 {
    1.0 / 255.0
}

impl PreprocessorConfig {
    /// The preprocessing that this file describes.
    ///
    /// # Errors
    ///
    /// What it describes that is not supported.
    pub(super) fn preprocessor(&self) -> Result<Preprocessor, String> {
        let crop = self.crop()?;
        let resize = self.resize(crop)?;
        let (scale, bias) = self.normalisation()?;
        let output = match (crop, resize) {
            (Some(crop), _) => crop,
            (None, Resize::Exact { width, height }) => (width, height),
            (None, Resize::ShortestEdge(_)) => {
                return Err("size is a shortest edge, so do_center_crop and crop_size are needed".to_owned());
            }
        };
        if output.0 == 0 || output.1 == 0 || output.0 > 4096 || output.1 > 4096 {
            return Err(format!("an input of {} x {} pixels is not supported", output.0, output.1));
        }
        Ok(Preprocessor::new(resize, output, self.filter()?, scale, bias))
    }

    /// Width and height of the centre crop, in pixels.
    fn crop(&self) -> Result<Option<(u32, u32)>, String> {
        match (self.do_center_crop, self.crop_size) {
            (false, _) => Ok(None),
            (true, Some(Size::Exact { height, width })) => Ok(Some((width, height))),
            (true, Some(Size::Number(side) | Size::ShortestEdge { shortest_edge: side })) => {
                Ok(Some((side, side)))
            }
            (true, None) => Err("do_center_crop needs crop_size".to_owned()),
        }
    }

    fn resize(&self, crop: Option<(u32, u32)>) -> Result<Resize, String> {
        if !self.do_resize {
            return Err("do_resize: false is not supported, since photos come in all sizes".to_owned());
        }
        let resize = match self.size.ok_or("size is missing")? {
            // A bare number is the shortest edge where a crop follows, and a square where none does.
            Size::Number(side) if crop.is_none() => Resize::Exact { width: side, height: side },
            Size::Number(side) | Size::ShortestEdge { shortest_edge: side } => Resize::ShortestEdge(side),
            Size::Exact { height, width } => Resize::Exact { width, height },
        };
        let (width, height) = match resize {
            Resize::ShortestEdge(side) => (side, side),
            Resize::Exact { width, height } => (width, height),
        };
        match crop {
            Some((crop_width, crop_height)) if crop_width > width || crop_height > height => {
                Err(format!("crop_size {crop_width} x {crop_height} is larger than size {width} x {height}"))
            }
            _ => Ok(resize),
        }
    }

    /// Pillow's numbers of the filters.
    fn filter(&self) -> Result<FilterType, String> {
        match self.resample {
            1 => Ok(FilterType::Lanczos3),
            2 => Ok(FilterType::Bilinear),
            // Pillow's bicubic has a = -0.5, which is the Catmull-Rom spline.
            3 => Ok(FilterType::CatmullRom),
            4 => Ok(FilterType::Box),
            5 => Ok(FilterType::Hamming),
            other => Err(format!("resample {other} is not supported; 1 to 5 are")),
        }
    }

    /// Per channel `scale` and `bias`, so that `value = byte * scale + bias`.
    fn normalisation(&self) -> Result<([f32; 3], [f32; 3]), String> {
        let factor = if self.do_rescale { self.rescale_factor } else { 1.0 };
        let channels = |values: &Option<Vec<f64>>, name: &str| match values.as_deref() {
            Some(&[red, green, blue]) => Ok([red, green, blue]),
            Some(&[all]) => Ok([all; 3]),
            _ => Err(format!("{name} must hold three numbers")),
        };
        let (mean, std) = if self.do_normalize {
            (channels(&self.image_mean, "image_mean")?, channels(&self.image_std, "image_std")?)
        } else {
            ([0.0; 3], [1.0; 3])
        };
        let scale = std.map(|deviation| factor / deviation);
        let bias = [0, 1, 2].map(|channel| -mean[channel] / std[channel]);
        if scale.iter().chain(&bias).any(|value| !value.is_finite()) {
            return Err("image_std, image_mean and rescale_factor must be finite, image_std not 0".to_owned());
        }
        #[expect(clippy::cast_possible_truncation, reason = "the tensor is f32")]
        Ok((scale.map(|value| value as f32), bias.map(|value| value as f32)))
    }
}
