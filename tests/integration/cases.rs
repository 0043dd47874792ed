//! Inputs that broke other services, sent to the real binary under the Runtime API emulator. After each of
//! them, good or bad, the same process must still classify a good picture.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::emulator::{Function, Outcome};
use crate::{fixture, repository};

/// The expected answer to a picture.
enum Right {
    /// 200.
    Labels,
    /// This status and code, and a `detail` that contains the text.
    Problem(u64, &'static str, &'static str),
    /// 413 `image_too_large` within 50 ms, without memory growth.
    Bomb,
}

use Right::{Bomb, Labels, Problem};

const UNDECODABLE: Right = Problem(422, "undecodable_image", "corrupt");
const TRUNCATED: Right = Problem(422, "truncated_image", "incomplete");

const IMAGES: &[(&str, Right)] = &[
    ("base.jpg", Labels),
    ("zero.bin", Problem(400, "empty_body", "empty")),
    ("1x1.png", Labels),
    ("1x5000.png", Labels),
    ("0x0.png", UNDECODABLE),
    ("anim.gif", Labels),
    ("anim.webp", Labels),
    ("arith_sof9.jpg", Problem(415, "unsupported_format", "arithmetic")),
    ("prec12.jpg", Problem(415, "unsupported_format", "12-bit")),
    ("bit1.png", Labels),
    ("gray.jpg", Labels),
    ("gray16.png", Labels),
    ("bmp24.bmp", Labels),
    ("png_named.jpg", Labels),
    ("mpo.jpg", Labels),
    ("prog.jpg", Labels),
    ("bomb_60000_hdr.png", Bomb),
    ("gif_65535.gif", Bomb),
    ("jpg_12000_hdr.jpg", Bomb),
    ("webp_16383.webp", Bomb),
    ("progressive_13000.jpg", Bomb),
    ("two_component_progressive.jpg", UNDECODABLE),
    ("cmyk_pillow.jpg", Labels),
    ("crc_idat.png", UNDECODABLE),
    ("trunc.png", TRUNCATED),
    ("trunc5.jpg", TRUNCATED),
    ("crc_text.png", Labels),
    ("noiend.png", Labels),
    ("noeoi.jpg", Labels),
    ("trailing.jpg", Labels),
    ("leading_nl.jpg", Labels),
    ("iccp_bomb.png", Labels),
    ("la_transparent.png", Labels),
    ("pal_trns0.png", Labels),
    ("rgba_black_transparent.png", Labels),
    ("webp_alpha.webp", Labels),
    ("orient6.jpg", Labels),
    ("orient6.png", Labels),
    ("heic.jpg", Problem(415, "unsupported_format", "HEIC")),
    ("svg.svg", Problem(415, "unsupported_format", "SVG")),
    ("tiff.tif", Labels),
    ("html.jpg", Problem(415, "unsupported_format", "HTML")),
];

const EVENTS: &[(&str, u64)] = &[
    ("v2_ok", 200),
    ("v1_prod", 200),
    ("alb_ok", 200),
    ("alb_mv", 200),
    ("alb_health", 200),
    ("v2_stage_prefixed", 200),
    ("v2_trailing_slash", 200),
    ("v2_nonascii_header", 200),
    ("v2_no_flag", 200),
    ("v2_b64_newline", 200),
    ("v2_qs_space", 200),
    ("v2_bad_host", 200),
    ("v2_body_null", 400),
    ("v2_mangled", 400),
    ("v2_space_path", 404),
];

fn image(name: &str) -> Vec<u8> {
    fixture(&format!("cases/{name}"))
}

fn upload(path: &str, bytes: &[u8]) -> String {
    json!({
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "image/jpeg"},
        "requestContext": {"http": {"method": "POST", "path": path}, "stage": "$default"},
        "body": BASE64_STANDARD.encode(bytes),
        "isBase64Encoded": true,
    })
    .to_string()
}

fn body(response: &Value) -> Value {
    serde_json::from_str(response["body"].as_str().unwrap()).unwrap()
}

/// Returns the answer, and the shortest time of several tries, because other tests run at the same time.
fn timed(function: &Function, name: &str, tries: usize) -> (Value, Duration) {
    let event = upload("/classify", &image(name));
    let attempt = || {
        let start = Instant::now();
        (function.invoke(&event).response(), start.elapsed())
    };
    (0..tries).map(|_| attempt()).min_by_key(|(_, took)| *took).unwrap()
}

#[track_caller]
fn assert_control(function: &Function, after: &str) {
    let response = function.invoke(&upload("/classify", &image("base.jpg"))).response();
    assert_eq!(response["statusCode"], 200, "after {after}: {response}");
}

#[test]
fn every_picture_gets_its_right_answer_and_the_process_lives() {
    let function = Function::start();
    assert_control(&function, "nothing");
    for (name, right) in IMAGES {
        let memory = function.process.peak_memory_kb();
        let (response, took) = timed(&function, name, if matches!(right, Bomb) { 5 } else { 1 });
        let answer = body(&response);
        match right {
            Labels => assert_eq!(response["statusCode"], 200, "{name}: {answer}"),
            Problem(status, code, detail) => {
                assert_eq!(response["statusCode"], *status, "{name}: {answer}");
                assert_eq!(answer["code"], *code, "{name}: {answer}");
                assert!(answer["detail"].as_str().unwrap().contains(detail), "{name}: {answer}");
            }
            Bomb => {
                assert_eq!(answer["code"], "image_too_large", "{name}: {answer}");
                // Reading a body of 2 MB takes time and memory itself.
                let body_kb = 10 * image(name).len() as u64 / 1024;
                assert!(took < Duration::from_millis(50), "{name} took {took:?}");
                let grown = function.process.peak_memory_kb().saturating_sub(memory);
                assert!(grown < 1024 + body_kb, "{name} took {grown} kB");
            }
        }
        assert_control(&function, name);
    }
}

#[test]
fn thin_pictures_and_compressed_profiles_cost_no_more_than_others() {
    let function = Function::start();
    assert_control(&function, "nothing");
    for (name, most_kb) in [("1x5000.png", 20 * 1024), ("iccp_bomb.png", 32 * 1024)] {
        let memory = function.process.peak_memory_kb();
        let (response, took) = timed(&function, name, 5);
        assert_eq!(response["statusCode"], 200, "{name}: {response}");
        assert!(took < Duration::from_millis(100), "{name} took {took:?}");
        let grown = function.process.peak_memory_kb().saturating_sub(memory);
        assert!(grown < most_kb, "{name} took {grown} kB");
    }
}

#[test]
fn a_picture_on_its_side_scores_as_it_does_upright() {
    let function = Function::start();
    let answer = |bytes: &[u8]| body(&function.invoke(&upload("/classify", bytes)).response());
    for (name, upright, tolerance) in [
        ("orient6.png", "upright_png.png", 0.0),
        // Two JPEG decoders: ours, and the one that made the upright picture.
        ("orient6.jpg", "upright_jpg.png", 0.02),
    ] {
        let (turned, upright) = (answer(&image(name)), answer(&fixture(upright)));
        for size in ["width", "height"] {
            assert_eq!(turned["image"][size], upright["image"][size], "{name}");
        }
        let (turned, upright) = (&turned["predictions"][0], &upright["predictions"][0]);
        assert_eq!(turned["label"], upright["label"], "{name}");
        let difference = turned["score"].as_f64().unwrap() - upright["score"].as_f64().unwrap();
        assert!(difference.abs() <= tolerance, "{name}: {turned} {upright}");
    }
}

#[test]
fn every_event_gets_its_right_answer_and_the_process_lives() {
    let function = Function::start();
    for (name, status) in EVENTS {
        let path = repository("tests/fixtures/events").join(format!("{name}.json"));
        let response = function.invoke(&std::fs::read_to_string(path).unwrap()).response();
        assert_eq!(response["statusCode"], *status, "{name}: {response}");
        match *name {
            "alb_mv" => assert!(response["multiValueHeaders"].is_object(), "{response}"),
            "alb_health" => assert_eq!(body(&response)["status"], "ok"),
            "v2_body_null" => assert_eq!(body(&response)["code"], "empty_body"),
            "v2_mangled" => assert_eq!(body(&response)["code"], "mangled_body"),
            "v2_space_path" => assert_eq!(body(&response)["code"], "not_found"),
            _ => assert!(body(&response)[0]["label"].is_string(), "{name}: {response}"),
        }
        assert_control(&function, name);
    }
    let test_event = std::fs::read_to_string(repository("tests/fixtures/events/test_event.json")).unwrap();
    let Outcome::FunctionError(error) = function.invoke(&test_event) else { panic!("it was answered") };
    assert!(error["errorMessage"].as_str().unwrap().contains("API Gateway"), "{error}");
    assert_control(&function, "test_event");
}
