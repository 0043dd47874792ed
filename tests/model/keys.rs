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
        ("size_divisor", json!(32)),
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
            let told = format!("{key} is {value}, which is not supported");
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
fn keys_that_only_some_classes_read_are_refused_where_the_class_is_not_known() {
    for (key, value) in
        [("crop_pct", json!(0.9)), ("include_top", json!(true)), ("rescale_offset", json!(true))]
    {
        assert!(Preprocessor::from_json(&file(Some("ViTImageProcessor"), key, value.clone()), None).is_ok());
        for class in [None, Some("BrandNewImageProcessor")] {
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

#[test]
fn steps_that_a_class_takes_by_default_are_refused_unless_the_file_switches_them_off() {
    for (class, model_type, key) in [
        (Some("DonutImageProcessor"), None, "do_thumbnail"),
        (None, Some("donut-swin"), "do_thumbnail"),
        (Some("TextNetImageProcessorPil"), None, "size_divisor"),
    ] {
        let plain = file(class, "do_convert_rgb", json!(true));
        let message = Preprocessor::from_json(&plain, model_type).unwrap_err();
        assert!(message.starts_with(&format!("{key} is not in the file")), "{message}");
    }
    let off = file(Some("DonutImageProcessor"), "do_thumbnail", json!(false));
    let message = Preprocessor::from_json(&off, None).unwrap_err();
    assert!(message.starts_with("do_pad is not in the file"), "{message}");
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
