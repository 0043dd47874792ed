//! Keys of a preprocessor file: each is followed, or known to change nothing, or refused by its name.

use lambda_image_classifier::model::Preprocessor;
use serde_json::{Value, json};

/// A file of this class that says everything, with one more key or another value.
fn file(class: Option<&str>, key: &str, value: Value) -> String {
    let mut file = json!({
        "do_resize": true, "size": {"height": 20, "width": 20}, "resample": 2, "do_rescale": true,
        "rescale_factor": 1.0 / 255.0, "do_normalize": true, "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    });
    if let Some(class) = class {
        file["image_processor_type"] = json!(class);
    }
    file[key] = value;
    file.to_string()
}

#[test]
fn what_a_file_switches_on_and_the_program_does_not_do_is_refused_by_its_key() {
    let table = [
        ("do_pad", json!(true)),
        ("pad_size", json!({"height": 32, "width": 32})),
        ("do_thumbnail", json!(true)),
        ("do_align_long_axis", json!(true)),
        ("do_align_axis", json!(true)),
        ("do_reduce_labels", json!(true)),
        ("reduce_labels", json!(true)),
        ("resize_short", json!(256)),
        ("do_color_quantize", json!(true)),
        ("do_split_image", json!(true)),
        ("do_image_splitting", json!(true)),
        ("do_crop_margin", json!(true)),
        ("do_pan_and_scan", json!(true)),
        ("max_image_size", json!({"longest_edge": 364})),
        ("patch_size", json!(16)),
        ("do_something_new", json!(true)),
    ];
    for class in
        [None, Some("ViTImageProcessor"), Some("BitImageProcessorPil"), Some("BrandNewImageProcessor")]
    {
        for (key, value) in &table {
            let message = Preprocessor::from_json(&file(class, key, value.clone()), None).unwrap_err();
            let advice = if *value == json!(true) { "set it to false" } else { "remove it" };
            let told = format!("{key} is {value}, which is not supported: {advice}");
            assert!(message.starts_with(&told), "{class:?}: {message}");
            assert_eq!(message.lines().count(), 1, "{message}");
            // The same step, switched off.
            for off in [json!(false), Value::Null] {
                let read = Preprocessor::from_json(&file(class, key, off), None);
                assert!(read.is_ok(), "{class:?} {key}: {}", read.unwrap_err());
            }
        }
    }
}

#[test]
fn a_size_with_a_bound_that_is_not_followed_is_refused_by_it() {
    for (size, expected) in [
        (json!({"shortest_edge": 20, "longest_edge": 40}), "size.longest_edge is 40"),
        (json!({"longest_edge": 40}), "size.longest_edge is 40"),
        (json!({"min_pixels": 9, "max_pixels": 99}), "size.max_pixels is 99"),
        (json!({"height": 20}), "size must be a number"),
        (json!("large"), "size must be a number"),
        (json!([1, 2, 3]), "size must be a number"),
        (json!({"height": 2.5, "width": 3}), "size must be a number"),
    ] {
        let message = Preprocessor::from_json(&file(None, "size", size), None).unwrap_err();
        assert!(message.starts_with(expected), "{message}");
    }
    let nulls = json!({"height": 20, "width": 20, "shortest_edge": null, "longest_edge": null});
    assert!(Preprocessor::from_json(&file(None, "size", nulls), None).is_ok());
}

#[test]
fn keys_that_change_no_pixel_are_passed_over() {
    for (key, value) in [
        ("do_convert_rgb", json!(true)),
        ("data_format", json!("channels_first")),
        ("processor_class", json!("CLIPProcessor")),
        ("_valid_processor_keys", json!(["images"])),
        ("do_pad", json!(false)),
    ] {
        assert!(Preprocessor::from_json(&file(None, key, value), None).is_ok(), "{key}");
    }
}

#[test]
fn keys_that_only_some_classes_read_are_refused_where_the_class_does_not_read_them() {
    for (key, value, reader) in [
        ("crop_pct", json!(0.9), "PoolFormerImageProcessor"),
        ("include_top", json!(true), "EfficientNetImageProcessor"),
        ("rescale_offset", json!(true), "EfficientNetImageProcessor"),
        ("resize_short", json!(20), "PPLCNetImageProcessor"),
        ("do_flip_channel_order", json!(true), "MobileViTImageProcessor"),
    ] {
        assert!(Preprocessor::from_json(&file(Some(reader), key, value.clone()), None).is_ok(), "{key}");
        for class in [None, Some("ViTImageProcessor"), Some("BrandNewImageProcessor")] {
            if key == "do_flip_channel_order" && class != Some("ViTImageProcessor") {
                continue;
            }
            let message = Preprocessor::from_json(&file(class, key, value.clone()), None).unwrap_err();
            assert!(message.starts_with(key), "{message}");
        }
    }
}

#[test]
fn a_class_that_is_not_known_must_say_everything() {
    let read = |key: &str, class| {
        let mut file: Value = serde_json::from_str(&file(Some(class), key, Value::Null)).unwrap();
        file.as_object_mut().unwrap().remove(key);
        Preprocessor::from_json(&file.to_string(), None)
    };
    for key in ["do_resize", "resample", "do_normalize"] {
        let message = read(key, "BrandNewImageProcessor").unwrap_err();
        assert!(message.starts_with(&format!("{key} is missing")), "{message}");
        assert!(read(key, "ViTImageProcessor").is_ok(), "{key}");
    }
}

/// A file that names no class, in a bundle of this type of model.
fn untyped(model_type: &str, key: &str, value: Value) -> Result<Preprocessor, String> {
    Preprocessor::from_json(&file(None, key, value), Some(model_type))
}

#[test]
fn processors_that_do_something_else_are_refused_whatever_their_file_switches_off() {
    for (class, model_type) in [
        (Some("DonutImageProcessor"), None),
        (Some("DonutFeatureExtractor"), None),
        (None, Some("donut-swin")),
        (Some("PerceiverImageProcessor"), None),
        (Some("ImageGPTImageProcessor"), None),
        (Some("Siglip2ImageProcessorFast"), None),
    ] {
        let mut off: Value = serde_json::from_str(&file(class, "do_thumbnail", json!(false))).unwrap();
        off["do_pad"] = json!(false);
        let message = Preprocessor::from_json(&off.to_string(), model_type).unwrap_err();
        assert!(message.contains("is not supported: it does not resize and crop"), "{class:?}: {message}");
    }
}

#[test]
fn textnet_is_followed_where_its_file_says_that_sides_are_not_rounded_up() {
    let textnet = |divisor: Option<Value>| {
        let mut file = json!({
            "image_processor_type": "TextNetImageProcessorPil", "size": {"shortest_edge": 20},
            "do_center_crop": true, "crop_size": {"height": 16, "width": 16},
        });
        if let Some(divisor) = divisor {
            file["size_divisor"] = divisor;
        }
        Preprocessor::from_json(&file.to_string(), None)
    };
    assert_eq!(textnet(Some(json!(1))).unwrap().output_size(), (16, 16));
    for (divisor, expected) in [
        (None, "size_divisor is missing, and TextNet's image processor then takes 32"),
        (Some(Value::Null), "size_divisor is missing, and TextNet's image processor then takes 32"),
        (Some(json!(32)), "size_divisor is 32, which is not supported: set it to 1"),
    ] {
        let message = textnet(divisor).unwrap_err();
        assert!(message.starts_with(expected), "{message}");
    }
}

#[test]
fn a_crop_that_only_transformers_5_makes_is_refused() {
    for class in ["ViT", "Siglip", "Pvt", "ConvNext"] {
        let class = format!("{class}ImageProcessor");
        let side = |crop| {
            let mut file = json!({
                "image_processor_type": class, "size": {"height": 20, "width": 20}, "do_center_crop": crop,
                "crop_size": {"height": 16, "width": 16},
            });
            if class == "ConvNextImageProcessor" {
                file["size"] = json!({"shortest_edge": 20});
            }
            Preprocessor::from_json(&file.to_string(), None).map(|made| made.output_size())
        };
        let message = side(json!(true)).unwrap_err();
        assert!(message.starts_with("do_center_crop is true"), "{class}: {message}");
        for off in [json!(false), Value::Null] {
            assert_eq!(side(off), Ok((20, 20)), "{class}");
        }
    }
    // No version crops here.
    let segformer = json!({
        "image_processor_type": "SegformerImageProcessor", "size": {"height": 20, "width": 20},
        "do_center_crop": true, "crop_size": {"height": 16, "width": 16},
    });
    let made = Preprocessor::from_json(&segformer.to_string(), None).unwrap();
    assert_eq!(made.output_size(), (20, 20));
}

#[test]
fn a_null_for_a_switch_that_is_on_by_default_is_refused() {
    for (class, key) in [
        (Some("ViTImageProcessor"), "do_resize"),
        (Some("ViTImageProcessor"), "do_rescale"),
        (Some("CLIPImageProcessor"), "do_normalize"),
        (Some("CLIPImageProcessor"), "do_center_crop"),
        (Some("MobileViTImageProcessor"), "do_flip_channel_order"),
        (Some("EfficientNetImageProcessor"), "include_top"),
        (Some("BrandNewImageProcessor"), "do_normalize"),
        (None, "do_resize"),
    ] {
        let message = Preprocessor::from_json(&file(class, key, Value::Null), None).unwrap_err();
        assert_eq!(
            message,
            format!("{key} is null, which has no meaning that all versions share: say true or false")
        );
    }
    let message =
        Preprocessor::from_json(&file(Some("PoolFormerImageProcessor"), "crop_pct", Value::Null), None);
    assert!(message.unwrap_err().starts_with("crop_pct is null"));
    // These are off by default, or the class passes them over.
    for (class, key) in [
        ("ViTImageProcessorFast", "do_center_crop"),
        ("DINOv3ViTImageProcessorFast", "do_center_crop"),
        ("EfficientNetImageProcessor", "rescale_offset"),
        ("MobileViTImageProcessor", "do_normalize"),
        ("ConvNextImageProcessor", "do_convert_rgb"),
        ("ViTImageProcessor", "do_flip_channel_order"),
        ("ViTImageProcessor", "crop_size"),
    ] {
        let read = Preprocessor::from_json(&file(Some(class), key, Value::Null), None);
        assert!(read.is_ok(), "{class} {key}: {}", read.unwrap_err());
    }
}

#[test]
fn a_file_without_a_class_has_the_rules_of_torchvision_only_in_this_projects_bundles() {
    // Where torchvision's rules count, these have defaults.
    for key in ["resample", "do_normalize"] {
        let without = |model_type| {
            let mut file: Value = serde_json::from_str(&file(None, key, Value::Null)).unwrap();
            file.as_object_mut().unwrap().remove(key);
            Preprocessor::from_json(&file.to_string(), model_type)
        };
        for own in [None, Some("torchvision-resnet18"), Some("efficientnet-lite"), Some("efficientnet-lite0")]
        {
            assert!(without(own).is_ok(), "{own:?} {key}");
        }
        let message = without(Some("edgenext")).unwrap_err();
        assert!(message.starts_with(&format!("{key} is missing")), "{message}");
    }
    assert!(untyped("edgenext", "do_pad", json!(false)).is_ok());
}

#[test]
fn a_value_of_the_wrong_type_is_told_in_plain_words() {
    for (key, value, expected) in [
        ("do_resize", json!("yes"), "do_resize must be true or false, not \"yes\""),
        ("resample", json!("bicubic"), "resample must be a number from 0 to 5, not \"bicubic\""),
        ("resample", json!(9), "resample 9 is not supported; 0 to 5 are"),
        ("image_mean", json!([0.5, 0.5]), "image_mean must be three numbers, not [0.5,0.5]"),
        ("rescale_factor", json!("1/255"), "rescale_factor must be a number, not \"1/255\""),
        ("image_processor_type", json!(3), "image_processor_type must be a text, not 3"),
    ] {
        let message = Preprocessor::from_json(&file(None, key, value), None).unwrap_err();
        assert_eq!(message, expected);
    }
}
