//! Heat maps: `explain=true` and `classify --explain`.

use std::fs;
use std::io::Cursor;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use image::imageops::{self, FilterType};
use image::{ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};
use upright::{Limits, decode};

use crate::fixture;
use crate::models::{bundle, flat};
use crate::process::binary;
use crate::server::Server;

fn pixels(file: &[u8]) -> RgbImage {
    decode(file, Limits { max_pixels: 10_000_000 }).unwrap().raster.rgb().clone()
}

fn bmp(picture: &RgbImage) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, ImageFormat::Bmp).unwrap();
    file.into_inner()
}

/// Returns a PNG with an EXIF orientation: a quarter turn clockwise.
fn turned_png(picture: &RgbImage) -> Vec<u8> {
    // The only tag is 0x0112, orientation, a SHORT with the value 6.
    const EXIF: &[u8] = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    writer.write_chunk(png::chunk::ChunkType(*b"eXIf"), EXIF).unwrap();
    writer.write_image_data(picture).unwrap();
    writer.finish().unwrap();
    file
}

/// Returns a cat on the left and a cup on the right, 600 × 600 pixels.
fn cat_and_cup() -> RgbImage {
    let mut scene = RgbImage::from_pixel(600, 600, Rgb([128; 3]));
    for (name, corner, x) in [("chelsea.png", 90, 0), ("coffee.png", 150, 300)] {
        let picture = pixels(&fixture(name));
        let square =
            imageops::crop_imm(&picture, corner, 0, picture.height().min(300), picture.height()).to_image();
        imageops::replace(&mut scene, &imageops::resize(&square, 300, 400, FilterType::Triangle), x, 100);
    }
    scene
}

fn explained(server: &Server, query: &str, file: &[u8]) -> Value {
    let answer = server.post(&format!("/classify?explain=true{query}"), "", file);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

fn rows(map: &Value) -> Vec<Vec<f64>> {
    let rows: Vec<Vec<f64>> = serde_json::from_value(map["values"].clone()).unwrap();
    assert_eq!(map["height"], rows.len());
    assert!(rows.iter().all(|row| map["width"] == row.len()));
    assert!(rows.iter().flatten().all(|value| (0.0..=1.0).contains(value)), "{map}");
    rows
}

/// Returns the heat in the left and in the right half of a label's map.
fn halves(answer: &Value, label: &str) -> (f64, f64) {
    let predictions = answer["predictions"].as_array().unwrap();
    let found = predictions.iter().find(|one| one["label"] == label).unwrap_or_else(|| panic!("{label}"));
    let sum = |part: fn(&[f64]) -> &[f64]| rows(&found["heat_map"]).iter().flat_map(|row| part(row)).sum();
    (sum(|row| &row[..row.len() / 2]), sum(|row| &row[row.len().div_ceil(2)..]))
}

#[test]
fn a_cat_on_the_left_and_a_cup_on_the_right_light_their_halves() {
    let server = Server::start();
    let scene = cat_and_cup();
    let mirrored = imageops::flip_horizontal(&scene);
    for (query, cat, cup) in
        [("&top_k=1000", "Egyptian cat", "cup"), ("&top_k=80&level=basic", "cat", "cup or glass")]
    {
        let answer = explained(&server, query, &bmp(&scene));
        let (left, right) = halves(&answer, cat);
        assert!(left > 2.0 * right, "{cat}: {left} {right}");
        let (left, right) = halves(&answer, cup);
        assert!(right > 2.0 * left, "{cup}: {left} {right}");
        let (left, right) = halves(&explained(&server, query, &bmp(&mirrored)), cat);
        assert!(right > 2.0 * left, "{cat}, mirrored: {left} {right}");
    }
}

#[test]
fn a_heat_map_says_which_part_of_the_upright_picture_it_covers() {
    let server = Server::start();
    let coffee = pixels(&fixture("coffee.png"));
    let region = |file: &[u8]| explained(&server, "", file)["predictions"][0]["heat_map"]["region"].clone();
    // The short side of 400 is scaled to 256 pixels, and the model sees the central 224.
    let wide = json!({"x": 125.0, "y": 25.0, "width": 350.0, "height": 350.0});
    assert_eq!(region(&fixture("coffee.png")), wide);
    let tall = json!({"x": 25.0, "y": 125.0, "width": 350.0, "height": 350.0});
    assert_eq!(region(&bmp(&imageops::rotate90(&coffee))), tall);
    // Both are the same once upright.
    let turned = explained(&server, "", &turned_png(&imageops::rotate270(&coffee)));
    let upright = explained(&server, "", &fixture("coffee.png"));
    assert_eq!(turned["image"], upright["image"]);
    assert_eq!(turned["predictions"], upright["predictions"]);
    let best = &upright["predictions"][0];
    assert_eq!((&best["label"], &best["heat_map"]["width"]), (&json!("espresso"), &json!(7)));
    assert!(rows(&best["heat_map"]).iter().flatten().any(|&value| value == 1.0), "{best}");
}

#[test]
fn the_first_five_labels_have_heat_maps() {
    let answer = Server::start().post("/classify?explain=1&top_k=7", "", &fixture("coffee.png")).json();
    let predictions = answer["predictions"].as_array().unwrap();
    let has_map: Vec<_> = predictions.iter().map(|one| one.get("heat_map").is_some()).collect();
    assert_eq!(has_map, [true, true, true, true, true, false, false]);
}

#[test]
fn a_picture_that_was_seen_before_is_explained_and_labels_stay_the_same() {
    let server = Server::start();
    let coffee = fixture("coffee.jpg");
    let plain = server.post("/classify", "", &coffee).json();
    assert!(plain["predictions"][0].get("heat_map").is_none());
    let post = || server.post("/classify?explain=1", "", &coffee);
    let (first, second) = (post(), post());
    assert_eq!((first.header("x-cache"), second.header("x-cache")), ("miss", "hit"));
    let (mut first, second) = (first.json(), second.json());
    assert_eq!(first["predictions"], second["predictions"]);
    for prediction in first["predictions"].as_array_mut().unwrap() {
        assert!(prediction.as_object_mut().unwrap().remove("heat_map").is_some());
    }
    assert_eq!(first["predictions"], plain["predictions"]);
    assert!(
        server.post("/classify?explain=false", "", &coffee).json()["predictions"][0]
            .get("heat_map")
            .is_none()
    );
    assert!(server.post("/predict?explain=true", "", &coffee).json()[0].get("heat_map").is_none());
}

#[test]
fn the_option_may_stand_in_the_body_and_several_images_have_their_maps() {
    let server = Server::start();
    let base64 = |name| BASE64_STANDARD.encode(fixture(name));
    let post =
        |body: &Value| server.post("/classify", "application/json", body.to_string().as_bytes()).json();
    for body in [
        json!({"image": base64("coffee.jpg"), "explain": true}),
        json!({"inputs": base64("coffee.jpg"), "parameters": {"explain": true}}),
    ] {
        rows(&post(&body)["predictions"][0]["heat_map"]);
    }
    let form = format!("explain=true&image={}", base64("coffee.jpg").replace('+', "%2B"));
    let answer = server.post("/classify", "application/x-www-form-urlencoded", form.as_bytes()).json();
    rows(&answer["predictions"][0]["heat_map"]);
    let images = [base64("coffee.jpg"), base64("cases/trunc5.jpg"), base64("chelsea.png")];
    let several = post(&json!({"images": images, "explain": true, "top_k": 1}));
    for (at, label) in [(0, "espresso"), (2, "tiger cat")] {
        let one = &several["results"][at]["predictions"][0];
        assert_eq!(one["label"], label);
        rows(&one["heat_map"]);
    }
    assert_eq!(several["results"][1]["error"]["code"], "truncated_image");
    let bad = server.post("/classify?explain=maybe", "", &fixture("coffee.jpg"));
    bad.assert_problem(400, "invalid_parameter");
    assert_eq!(bad.json()["detail"], "explain must be true or false; \"maybe\" was found.");
}

#[test]
fn models_of_every_kind_say_whether_they_can_be_explained() {
    for (name, refusal) in [
        ("features-map", None),
        ("features-map-f16", None),
        ("features-vector", Some("is a vector")),
        ("nchw-f32", Some("it has no output \"features\"")),
    ] {
        let server = Server::start_with(binary().env("MODEL_DIR", bundle(name)));
        assert_eq!(server.get("/info").json()["model"]["explain"], refusal.is_none(), "{name}");
        let answer = server.post("/classify?explain=true", "", &flat([200, 30, 90]));
        if let Some(refusal) = refusal {
            answer.assert_problem(400, "invalid_parameter");
            assert!(answer.json()["detail"].as_str().unwrap().contains(refusal), "{}", answer.body);
            assert_eq!(server.post("/classify", "", &flat([200, 30, 90])).status, 200);
            continue;
        }
        // In a picture of one colour, every position has the same evidence.
        let predictions = answer.json()["predictions"].clone();
        for prediction in predictions.as_array().unwrap() {
            let rows = rows(&prediction["heat_map"]);
            assert_eq!((rows.len(), rows[0].len()), (8, 8), "{name}");
            assert!(rows.iter().flatten().all(|&value| value == rows[0][0]), "{name}: {prediction}");
        }
        assert!(rows(&predictions[0]["heat_map"])[0][0] > 0.99, "{name}: {predictions}");
    }
}

#[test]
fn weights_that_are_not_those_of_the_model_explain_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for file in fs::read_dir(crate::repository("model")).unwrap().map(|entry| entry.unwrap().path()) {
        fs::copy(&file, dir.path().join(file.file_name().unwrap())).unwrap();
    }
    let server = Server::start_with(binary().env("MODEL_DIR", dir.path()));
    // The session has its weights already; heat maps read theirs on first use.
    let data = dir.path().join("model.onnx_data");
    let mut bytes = fs::read(&data).unwrap();
    bytes.reverse();
    fs::remove_file(&data).unwrap();
    fs::write(&data, bytes).unwrap();
    assert_eq!(server.get("/info").json()["model"]["explain"], false);
    let answer = server.post("/classify?explain=true", "", &fixture("coffee.jpg"));
    answer.assert_problem(400, "invalid_parameter");
    assert!(!answer.body.contains("onnx_data"), "{}", answer.body);
    assert_eq!(server.post("/classify", "", &fixture("coffee.jpg")).status, 200);
}

#[test]
fn the_command_line_writes_the_upright_picture_with_its_map() {
    let dir = tempfile::tempdir().unwrap();
    let (photo, out) = (dir.path().join("photo.png"), dir.path().join("heat.png"));
    let coffee = pixels(&fixture("coffee.png"));
    fs::write(&photo, turned_png(&imageops::rotate270(&coffee))).unwrap();
    let run = |out: &std::path::Path, files: &[&std::path::Path], flags: &[&str]| {
        binary().arg("classify").args(flags).arg("--explain").arg(out).args(files).output().unwrap()
    };
    let output = run(&out, &[&photo], &["--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    let painted = pixels(&fs::read(&out).unwrap());
    assert_eq!(painted.dimensions(), (600, 400));
    // The part that the model did not see is darker, and the place with the most evidence is coloured.
    assert!(painted.get_pixel(10, 200)[0] < coffee.get_pixel(10, 200)[0]);
    let rows = rows(&line["predictions"][0]["heat_map"]);
    let (row, column) =
        (0..49).map(|at| (at / 7, at % 7)).find(|&(row, column)| rows[row][column] == 1.0).unwrap();
    let place = |at: usize, start: u32| start + 50 * u32::try_from(at).unwrap() + 25;
    let Rgb([red, _, blue]) = *painted.get_pixel(place(column, 125), place(row, 25));
    assert!(red > 170 && blue < 90, "{red} {blue}");

    let before = fs::read(&photo).unwrap();
    for (out, files, expected) in [
        (&photo, &[&*photo][..], "would overwrite the picture"),
        (&out, &[&*photo, &*photo], "takes one picture, not 2"),
    ] {
        let output = run(out, files, &[]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(expected), "{error}");
    }
    assert_eq!(fs::read(&photo).unwrap(), before);
}
