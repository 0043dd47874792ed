//! What Hugging Face's image processors do if their file does not specify everything.

/// The special behaviour of a family of processors, beyond its defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// This project's own bundles: the transforms of torchvision.
    Torchvision,
    /// Resize, crop, rescale, normalise.
    Plain,
    /// An unknown class: its file must specify everything.
    Unknown,
    /// Transformers 4 ignores `do_center_crop`, and Transformers 5 follows it.
    Uncropped,
    /// Never crops, whatever the file says.
    Segformer,
    /// ResNet and ConvNeXT: a crop by `crop_pct` below 384 pixels, and none from there on. `do_center_crop`
    /// is as for `Uncropped`.
    ConvNext,
    /// The short side is 256/224 of the size in the file.
    Levit,
    /// The size is divided by `crop_pct`.
    PoolFormer,
    /// Reads `rescale_offset` and `include_top`.
    EfficientNet,
    /// Blue first, and never normalised.
    MobileVit,
    /// Reads `resize_short`, rounds the sides, and puts blue first.
    PpLcNet,
    /// Rounds sides up to multiples of `size_divisor`, which defaults to 32.
    TextNet,
}

/// The defaults of a processor, for what its file does not specify.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) kind: Kind,
    /// A bare number for `size` is width and height; if false, it is the shortest edge.
    pub(super) square: bool,
    /// Default `size`, in pixels.
    pub(super) size: Option<u32>,
    /// Default `crop_size`, in pixels; `None` if there is no crop by default.
    pub(super) crop: Option<u32>,
    /// The filter, by its number in Pillow.
    pub(super) resample: u8,
    pub(super) mean_and_std: Option<([f64; 3], [f64; 3])>,
}

impl Rules {
    /// Whether processors of this kind read this key. In a file of another kind the key is refused: its
    /// author expected a step that Hugging Face's processor does not take.
    pub(super) fn reads(&self, key: &str) -> bool {
        match key {
            "crop_pct" => matches!(self.kind, Kind::ConvNext | Kind::PoolFormer),
            "rescale_offset" | "include_top" => self.kind == Kind::EfficientNet,
            "resize_short" => self.kind == Kind::PpLcNet,
            // PP-LCNet always puts blue first, and the others never do.
            "do_flip_channel_order" => {
                matches!(self.kind, Kind::MobileVit | Kind::Unknown | Kind::Torchvision)
            }
            _ => true,
        }
    }

    /// Whether this switch is on if the file does not contain it.
    pub(super) fn is_on(&self, switch: &str) -> bool {
        match switch {
            "do_resize" | "do_rescale" => true,
            "do_normalize" => self.kind != Kind::MobileVit,
            "do_center_crop" => self.crop.is_some(),
            "do_flip_channel_order" => matches!(self.kind, Kind::MobileVit | Kind::PpLcNet),
            "include_top" => self.kind == Kind::EfficientNet,
            _ => false,
        }
    }
}

type MeanAndStd = ([f64; 3], [f64; 3]);

const HALF: MeanAndStd = ([0.5; 3], [0.5; 3]);
const IMAGENET: MeanAndStd = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
const CLIP: MeanAndStd =
    ([0.481_454_66, 0.457_827_5, 0.408_210_73], [0.268_629_54, 0.261_302_58, 0.275_777_11]);

/// For red, green and blue. PP-LCNet was trained with the statistics in reverse order.
const PP_LCNET: MeanAndStd = ([0.406, 0.456, 0.485], [0.225, 0.224, 0.229]);

const NEAREST: u8 = 0;
const BILINEAR: u8 = 2;
const BICUBIC: u8 = 3;

/// The rules of an unknown processor.
const UNKNOWN: Rules = Rules {
    kind: Kind::Unknown,
    square: false,
    size: None,
    crop: None,
    resample: BILINEAR,
    mean_and_std: None,
};

/// Returns the rules of a processor. Its name is the class of the processor without `ImageProcessor`, or
/// follows from the `model_type` of `config.json`. If nothing names a processor, and the type of model is
/// absent or is one that this project writes, the rules are those of torchvision.
///
/// Defaults are those of transformers 4.46.
///
/// # Errors
///
/// The name of a processor that does not resize and crop.
pub(super) fn rules(processor: Option<&str>, model_type: Option<&str>) -> Result<Rules, String> {
    let name = match (processor, model_type) {
        (Some(processor), _) => Some(class(processor)),
        (None, Some(model_type)) => of_model(model_type),
        (None, None) => None,
    };
    if name.is_none() && model_type.is_none_or(is_own) {
        return Ok(Rules { kind: Kind::Torchvision, ..UNKNOWN });
    }
    let plain = |square, size, crop, resample, mean_and_std| Rules {
        kind: Kind::Plain,
        square,
        size: Some(size),
        crop,
        resample,
        mean_and_std: Some(mean_and_std),
    };
    Ok(match name.unwrap_or_default() {
        "ViT" => Rules { kind: Kind::Uncropped, ..plain(true, 224, None, BILINEAR, HALF) },
        "Siglip" => Rules { kind: Kind::Uncropped, ..plain(true, 224, None, BICUBIC, HALF) },
        "Pvt" => Rules { kind: Kind::Uncropped, ..plain(true, 224, None, BILINEAR, IMAGENET) },
        "DINOv3ViT" => plain(true, 224, None, BILINEAR, IMAGENET),
        "Segformer" => Rules { kind: Kind::Segformer, ..plain(true, 512, None, BILINEAR, IMAGENET) },
        "DeiT" | "Beit" => plain(true, 256, Some(224), BICUBIC, HALF),
        "EfficientFormer" => plain(true, 224, Some(224), BICUBIC, IMAGENET),
        "EfficientNet" => Rules { kind: Kind::EfficientNet, ..plain(true, 346, None, NEAREST, HALF) },
        "Bit" | "CLIP" | "ViTHybrid" => plain(false, 224, Some(224), BICUBIC, CLIP),
        "MobileNetV1" | "MobileNetV2" => plain(false, 256, Some(224), BILINEAR, HALF),
        "MobileViT" => Rules { kind: Kind::MobileVit, ..plain(false, 224, Some(256), BILINEAR, HALF) },
        "ConvNext" => Rules { kind: Kind::ConvNext, ..plain(false, 384, None, BILINEAR, HALF) },
        "Levit" => Rules { kind: Kind::Levit, ..plain(false, 224, Some(224), BICUBIC, IMAGENET) },
        "PoolFormer" => Rules { kind: Kind::PoolFormer, ..plain(false, 224, Some(224), BICUBIC, IMAGENET) },
        "PPLCNet" => Rules { kind: Kind::PpLcNet, ..plain(true, 256, Some(224), BILINEAR, PP_LCNET) },
        "TextNet" => Rules { kind: Kind::TextNet, ..plain(false, 640, None, BILINEAR, IMAGENET) },
        name @ ("Donut" | "Perceiver" | "ImageGPT" | "Siglip2") => {
            return Err(format!("the image processor {name} is not supported: it does not resize and crop"));
        }
        _ => UNKNOWN,
    })
}

/// The name of the class without the common suffixes.
fn class(processor: &str) -> &str {
    let name =
        ["Fast", "Pil"].iter().find_map(|backend| processor.strip_suffix(backend)).unwrap_or(processor);
    name.strip_suffix("ImageProcessor").or_else(|| name.strip_suffix("FeatureExtractor")).unwrap_or(name)
}

/// Whether `tools/` writes this type of model.
fn is_own(model_type: &str) -> bool {
    model_type.starts_with("torchvision-") || model_type.starts_with("efficientnet-lite")
}

/// The processor that Hugging Face uses for a type of model if the files do not name one. `None` for other
/// types, including this project's own.
fn of_model(model_type: &str) -> Option<&'static str> {
    Some(match model_type {
        "vit" | "swin" | "swinv2" | "dinat" | "nat" | "swiftformer" | "vit_mae" | "vit_msn" | "ijepa" => {
            "ViT"
        }
        "deit" => "DeiT",
        "beit" | "data2vec-vision" => "Beit",
        "convnext" | "convnextv2" | "cvt" | "resnet" | "regnet" | "van" => "ConvNext",
        "bit" | "dinov2" | "focalnet" | "hiera" => "Bit",
        "clip" | "metaclip_2" => "CLIP",
        "dinov3_vit" | "dinov3_convnext" => "DINOv3ViT",
        "donut-swin" => "Donut",
        "pp_lcnet" => "PPLCNet",
        "segformer" => "Segformer",
        "siglip2" => "Siglip2",
        "textnet" => "TextNet",
        "siglip" => "Siglip",
        "pvt" | "pvt_v2" => "Pvt",
        "mobilenet_v1" => "MobileNetV1",
        "mobilenet_v2" => "MobileNetV2",
        "mobilevit" | "mobilevitv2" => "MobileViT",
        "efficientnet" => "EfficientNet",
        "efficientformer" => "EfficientFormer",
        "levit" => "Levit",
        "poolformer" => "PoolFormer",
        "perceiver" => "Perceiver",
        "imagegpt" => "ImageGPT",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_is_known_by_its_class_else_by_the_model() {
        let kind = |processor, model_type| rules(processor, model_type).map(|rules| rules.kind);
        assert_eq!(kind(None, None), Ok(Kind::Torchvision));
        assert_eq!(kind(None, Some("efficientnet-lite")), Ok(Kind::Torchvision));
        assert_eq!(kind(None, Some("torchvision-resnet18")), Ok(Kind::Torchvision));
        assert_eq!(kind(None, Some("edgenext")), Ok(Kind::Unknown));
        assert_eq!(kind(None, Some("resnet")), Ok(Kind::ConvNext));
        for name in ["ConvNextImageProcessor", "ConvNextImageProcessorFast", "ConvNextFeatureExtractor"] {
            assert_eq!(kind(Some(name), Some("vit")), Ok(Kind::ConvNext), "{name}");
        }
        assert_eq!(kind(Some("NewImageProcessor"), None), Ok(Kind::Unknown));
        assert!(kind(Some("ImageGPTFeatureExtractor"), None).unwrap_err().contains("ImageGPT"));
    }
}
