//! The routes, over a real socket.

use std::io::{Read as _, Write as _};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use ureq::http::Method;

use crate::fixture;
use crate::process::binary;
use crate::server::Server;

#[test]
fn a_photo_comes_back_as_its_three_best_labels() {
    let server = Server::start();
    let answer = server.post("/classify", "image/png", &fixture("coffee.png"));
    let (label, score) = answer.best();
    assert!(label == "espresso" && score > 0.9, "{label} {score}");
    assert_eq!(answer.header("content-type"), "application/json");
    let json = answer.json();
    let predictions = json["predictions"].as_array().unwrap();
    assert_eq!(predictions.len(), 3);
    assert_eq!(predictions[0]["class_id"], 967);
    assert_eq!(predictions[0]["wnid"], "n07920052");
    assert_eq!(predictions[0]["label_zh"], "浓缩咖啡");
    assert!(predictions.windows(2).all(|pair| pair[0]["score"].as_f64() >= pair[1]["score"].as_f64()));
    assert_eq!(json["image"], json!({"format": "png", "width": 600, "height": 400}));
    assert_eq!(json["model"]["name"], "efficientnet-lite0");
    assert_eq!(json["model"]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(json["cached"], false);
    assert_eq!(json["request_id"], answer.header("x-request-id"));
    for step in ["decode", "preprocess", "inference", "total"] {
        assert!(json["timing_ms"][step].as_f64().unwrap() > 0.0, "{step}");
    }
}

#[test]
fn photos_of_known_things_get_their_names() {
    let server = Server::start();
    for (file, expected) in [
        ("camera.png", "tripod"),
        ("chelsea.png", "tiger cat"),
        ("rocket.jpg", "missile"),
        ("flower.jpg", "daisy"),
        ("china.jpg", "palace"),
    ] {
        assert_eq!(server.post("/predict", "", &fixture(file)).best().0, expected, "{file}");
    }
}

#[test]
fn every_form_of_body_gives_the_same_scores() {
    let server = Server::start();
    let photo = fixture("coffee.jpg");
    let base64 = BASE64_STANDARD.encode(&photo);
    let expected = server.post("/predict", "image/jpeg", &photo).best();
    let multipart = [
        b"--x\r\nContent-Disposition: form-data; name=\"image\"; filename=\"coffee.jpg\"\r\n\
          Content-Type: image/jpeg\r\n\r\n"
            .as_slice(),
        &photo,
        b"\r\n--x--\r\n",
    ]
    .concat();
    for (content_type, body) in [
        ("", photo.clone()),
        ("application/octet-stream", photo.clone()),
        ("text/plain", base64.clone().into_bytes()),
        ("text/plain", format!("data:image/jpeg;base64,{base64}").into_bytes()),
        ("application/json", json!({"image": base64}).to_string().into_bytes()),
        ("application/json", json!({"inputs": base64, "parameters": {"top_k": 5}}).to_string().into_bytes()),
        ("multipart/form-data; boundary=x", multipart),
    ] {
        let shown = String::from_utf8_lossy(&body[..40]).into_owned();
        for path in ["/classify", "/", "/predict", "/predict/"] {
            let answer = server.post(path, content_type, &body);
            assert_eq!(answer.best(), expected, "{path} {content_type} {shown}");
        }
    }
}

#[test]
fn predict_answers_a_bare_list() {
    let server = Server::start();
    let json = server.post("/predict?top_k=2", "", &fixture("coffee.jpg")).json();
    let list = json.as_array().unwrap();
    assert_eq!(list.len(), 2);
    for entry in list {
        let keys: Vec<&String> = entry.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["label", "score"]);
    }
}

#[test]
fn parameters_are_honoured_clamped_or_refused() {
    let server = Server::start();
    let photo = fixture("coffee.jpg");
    for (query, count) in [
        ("top_k=1", 1),
        ("top_k=1000", 1000),
        ("top_k=1001", 1000),
        ("top_k=9999999999999999999999", 1000),
        ("min_score=0.5", 1),
        ("min_score=1", 0),
        ("top_k=5&min_score=0", 5),
    ] {
        let answer = server.post(&format!("/predict?{query}"), "", &photo);
        assert_eq!(answer.json().as_array().unwrap().len(), count, "{query}");
    }
    for query in
        ["top_k=0", "top_k=-1", "top_k=abc", "top_k=1.5", "min_score=2", "min_score=-0.1", "min_score=NaN"]
    {
        server.post(&format!("/predict?{query}"), "", &photo).assert_problem(400, "invalid_parameter");
    }
}

#[test]
fn bad_bodies_are_refused_with_their_reason() {
    let mut command = binary();
    let server = Server::start_with(command.env("MAX_BODY_BYTES", "100000").env("MAX_PIXELS", "70000"));
    let photo = fixture("coffee.jpg");
    assert_eq!(server.post("/predict", "", &photo).status, 200);
    for (body, status, code) in [
        (&b""[..], 400, "empty_body"),
        (b"<html><body>Not Found</body></html>", 415, "unsupported_format"),
        (b"%PDF-1.7\n%....", 415, "unsupported_format"),
        (&photo[..60], 422, "truncated_image"),
        (&vec![0xff; 150_000], 413, "body_too_large"),
        (&vec![0xff; 1_000_000], 413, "body_too_large"),
        (&fixture("bomb.png"), 413, "image_too_large"),
    ] {
        server.post("/classify", "image/jpeg", body).assert_problem(status, code);
        assert_eq!(server.post("/predict", "", &photo).status, 200, "after {code}");
    }
    let problem = server.post("/classify", "", b"<html></html>").json();
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("HTML") && detail.contains("JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF"),
        "{detail}"
    );
}

#[test]
fn health_and_info_tell_what_runs() {
    let server = Server::start();
    assert_eq!(server.get("/health").json(), json!({"status": "ok"}));
    let info = server.get("/info/").json();
    assert_eq!(info["model"]["name"], "efficientnet-lite0");
    assert_eq!(info["model"]["license"], "apache-2.0");
    assert_eq!(info["model"]["precision"], "int8");
    assert_eq!(info["model"]["classes"], 1000);
    assert_eq!(info["model"]["input"], json!({"width": 224, "height": 224}));
    assert_eq!(
        info["limits"],
        json!({
            "max_body_bytes": 10 << 20, "max_pixels": 64_000_000, "max_images": 16, "max_object_bytes": 50 << 20
        })
    );
    assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
    assert!(info["onnxruntime_version"].as_str().unwrap().starts_with("1."), "{info}");
    let head = server.send(Method::HEAD, "/health", &[], &[]);
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[test]
fn unknown_paths_and_methods_are_problems_too() {
    let server = Server::start();
    for path in ["/nothing", "/classify/more", "/%20"] {
        server.get(path).assert_problem(404, "not_found");
    }
    let answer = server.get("/classify");
    answer.assert_problem(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), "POST,PUT");
    let answer = server.send(Method::DELETE, "/health", &[], &[]);
    answer.assert_problem(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), "GET,HEAD");
    let head = server.send(Method::HEAD, "/nothing", &[], &[]);
    assert_eq!((head.status, head.body.as_str()), (404, ""));
}

#[test]
fn scores_are_made_with_the_function_that_is_asked_for() {
    let server = Server::start();
    let photo = fixture("coffee.jpg");
    let score = |answer: &Value, at: usize| answer[at]["score"].as_f64().unwrap();
    let logits = server.post("/predict?function_to_apply=none&top_k=1000", "", &photo).json();
    assert!(score(&logits, 0) > 1.0 && score(&logits, 999) < 0.0, "{logits}");
    let softmax = server.post("/predict?function_to_apply=softmax&top_k=1000", "", &photo).json();
    assert_eq!(softmax, server.post("/predict?top_k=1000", "", &photo).json());
    let sum: f64 = (0..1000).map(|at| score(&logits, at).exp()).sum();
    assert!((score(&softmax, 0) - score(&logits, 0).exp() / sum).abs() < 1e-4);

    // In a body, as in the Hugging Face API.
    let body = json!({
        "inputs": BASE64_STANDARD.encode(&photo),
        "parameters": {"function_to_apply": "sigmoid", "top_k": 2},
    });
    let sigmoid = server.post("/predict", "application/json", body.to_string().as_bytes()).json();
    assert_eq!(sigmoid.as_array().unwrap().len(), 2);
    assert!((score(&sigmoid, 0) - 1.0 / (1.0 + (-score(&logits, 0)).exp())).abs() < 1e-4);

    let least = server.post("/predict?function_to_apply=none&top_k=1000&min_score=3.5", "", &photo).json();
    let right = (0..1000).filter(|at| score(&logits, *at) >= 3.5).count();
    assert_eq!(least.as_array().unwrap().len(), right);
    for (query, named) in [
        ("function_to_apply=relu", "relu"),
        ("function_to_apply=sigmoid&min_score=3.5", "min_score"),
        ("function_to_apply=none&min_score=high", "min_score"),
    ] {
        let answer = server.post(&format!("/predict?{query}"), "", &photo);
        answer.assert_problem(400, "invalid_parameter");
        assert!(answer.json()["detail"].as_str().unwrap().contains(named), "{}", answer.body);
    }
}

#[test]
fn a_model_of_probabilities_cannot_answer_logits() {
    let model = crate::repository("tests/fixtures/models/declared-probabilities");
    let server = Server::start_with(binary().env("MODEL_DIR", model));
    let photo = fixture("coffee.jpg");
    assert_eq!(server.post("/predict?function_to_apply=softmax", "", &photo).status, 200);
    for function in ["none", "sigmoid"] {
        let answer = server.post(&format!("/predict?function_to_apply={function}"), "", &photo);
        answer.assert_problem(400, "invalid_parameter");
        assert!(answer.body.contains("probabilities"), "{}", answer.body);
    }
}

#[test]
fn putting_a_file_is_posting_it() {
    let server = Server::start();
    let photo = fixture("coffee.jpg");
    // `curl -T` appends the file name to an address that ends in a slash.
    for path in ["/predict", "/predict/coffee.jpg", "//predict", "/classify/", "/", "/coffee.jpg"] {
        let answer = server.send(Method::PUT, path, &[], &photo);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert!(answer.body.contains("espresso"), "{path}: {}", answer.body);
    }
    for (path, status) in [("/health", 405), ("/nothing", 404), ("/health/coffee.jpg", 404)] {
        assert_eq!(server.send(Method::PUT, path, &[], &photo).status, status, "{path}");
    }
}

#[test]
fn whatever_the_method_no_image_is_classified_without_the_token() {
    let server = Server::start_with(binary().env("API_TOKEN", "s3cret"));
    let photo = fixture("coffee.jpg");
    let custom = Method::from_bytes(b"put").unwrap();
    let methods =
        [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, custom];
    for method in methods {
        let is_upload = method == Method::POST || method == Method::PUT;
        let body = if method == Method::GET || method == Method::HEAD { &[][..] } else { &photo };
        for path in
            ["/", "/classify", "/predict", "//predict/", "/predict/a.jpg", "/a.jpg", "/health", "/nothing"]
        {
            let answer = server.send(method.clone(), path, &[], body);
            assert!(!answer.body.contains("espresso"), "{method} {path}");
            assert_eq!(answer.status == 401, is_upload, "{method} {path}: {}", answer.status);
        }
    }
}

#[test]
fn what_browsers_ask_every_host_for_is_no_error() {
    let server = Server::start();
    for path in [
        "/favicon.ico",
        "/favicon.svg",
        "/favicon-32x32.png",
        "/apple-touch-icon.png",
        "/apple-touch-icon-152x152.png",
        "/apple-touch-icon-180x180-precomposed.png",
        "/robots.txt",
        "/ads.txt",
        "/manifest.json",
        "/site.webmanifest",
        "/browserconfig.xml",
        "/.well-known/apple-app-site-association",
        "/.well-known/assetlinks.json",
        "/.well-known/security.txt",
    ] {
        let answer = server.get(path);
        assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{path}");
    }
    assert!(!server.get("/metrics").body.contains("not_found"));
    for path in ["/favicon", "/favicon/a.png", "/apple.png", "/well-known/security.txt"] {
        assert_eq!(server.get(path).status, 404, "{path}");
    }
}

#[test]
fn a_request_id_is_kept_if_it_is_a_plain_token() {
    let server = Server::start();
    let given = server.send(Method::GET, "/health", &[("x-request-id", "abc-123")], &[]);
    assert_eq!(given.header("x-request-id"), "abc-123");
    let forged = server.send(Method::GET, "/health", &[("x-request-id", "a level=error")], &[]);
    assert_ne!(forged.header("x-request-id"), "a level=error");
    assert!(!forged.header("x-request-id").is_empty());
}

#[test]
fn requests_under_way_are_finished_when_the_server_is_told_to_end() {
    let mut server = Server::start();
    let (mut upload, photo) = server.half_an_upload();
    server.process.signal("TERM");
    server.process.log_with("finishing the requests under way", 1);
    upload.write_all(&photo[photo.len() / 2..]).unwrap();
    let mut answer = String::new();
    upload.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("espresso"), "{answer}");
    let status = server.process.wait(Duration::from_secs(5)).expect("it still runs");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_second_signal_ends_the_server_at_once() {
    let mut server = Server::start();
    let _upload = server.half_an_upload();
    server.process.signal("INT");
    server.process.log_with("finishing the requests under way", 1);
    server.process.signal("INT");
    let status = server.process.wait(Duration::from_secs(2)).expect("it still runs");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_refusal_reaches_a_client_that_sends_a_large_body_first() {
    let server = Server::start();
    let body = vec![b'x'; 9_000_000];
    for (path, status) in [("/predict?top_k=0", 400), ("/nothing", 404), ("/health", 405), ("/predict", 415)]
    {
        for _ in 0..5 {
            assert_eq!(server.post(path, "image/jpeg", &body).status, status, "{path}");
        }
    }
}

#[test]
fn several_images_are_answered_each_on_its_own() {
    let server = Server::start();
    let base64 = BASE64_STANDARD.encode(fixture("coffee.jpg"));
    let cut = BASE64_STANDARD.encode(&fixture("coffee.jpg")[..5000]);
    let body = json!({"images": [base64, cut, "", base64]}).to_string();
    let results = server.post("/classify", "application/json", body.as_bytes()).json()["results"].clone();
    assert_eq!(results.as_array().unwrap().len(), 4);
    for good in [&results[0], &results[3]] {
        assert_eq!(good["predictions"][0]["label"], "espresso");
        assert!(good.get("model").is_none() && good.get("request_id").is_none(), "{good}");
    }
    assert_eq!(results[1]["error"]["code"], "truncated_image");
    assert_eq!(results[2]["error"]["code"], "empty_body");
    server.process.log_with("code=\"truncated_image\"", 1);
    let lists = server.post("/predict", "application/json", body.as_bytes()).json();
    assert_eq!(lists[0][0]["label"], "espresso");
    assert_eq!(lists[1]["error"]["code"], "truncated_image");
    let many = json!({"images": vec![base64.as_str(); 17]}).to_string();
    server.post("/classify", "application/json", many.as_bytes()).assert_problem(400, "too_many_images");
}

#[test]
fn with_a_token_set_only_who_sends_it_is_answered() {
    let mut command = binary();
    let server = Server::start_with(command.env("API_TOKEN", "s3cret").env("CORS_ALLOW_ORIGINS", "*"));
    let photo = fixture("coffee.jpg");
    let send = |headers: &[(&str, &str)]| server.send(Method::POST, "/predict", headers, &photo);
    for good in ["Bearer s3cret", "bearer s3cret", "BEARER  s3cret "] {
        send(&[("authorization", good)]).best();
    }
    for bad in ["Bearer s3cre", "Bearer s3crets", "Bearer ", "Bearer", "s3cret", "Basic czNjcmV0"] {
        let answer = send(&[("authorization", bad), ("origin", "https://a.example")]);
        answer.assert_problem(401, "unauthorized");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
    }
    send(&[]).assert_problem(401, "unauthorized");
    // A client that is still sending a large body gets the answer.
    assert_eq!(server.post("/predict", "", &vec![b'x'; 9_000_000]).status, 401);
    assert_eq!(server.get("/health").status, 200);
    assert_eq!(server.get("/info").status, 200);
    assert!(!server.process.log().contains("s3cre"), "{}", server.process.log());
}

#[test]
fn the_large_images_of_one_request_share_the_pixels_of_two_largest_pictures() {
    // A cached answer needs no pixels.
    let server = Server::start_with(binary().env("MAX_PIXELS", "60000").env("CACHE_ENTRIES", "0"));
    let large = BASE64_STANDARD.encode(fixture("coffee.jpg"));
    let small = BASE64_STANDARD.encode(fixture("cases/base.jpg"));
    let body = json!({"images": [large, large, large, small]}).to_string();
    let results = server.post("/classify", "application/json", body.as_bytes()).json()["results"].clone();
    assert_eq!(results[1]["predictions"][0]["label"], "espresso");
    assert_eq!(results[2]["error"]["code"], "image_too_large");
    assert!(results[3]["predictions"].is_array(), "{results}");
}

#[test]
fn a_compressed_body_is_refused_by_the_name_of_its_encoding() {
    let server = Server::start();
    let send = |encoding, body: &[u8]| {
        server.send(Method::POST, "/predict", &[("content-encoding", encoding)], body)
    };
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0";
    for (encoding, body) in
        [("gzip", &gzip[..]), ("br", b"\x0b\x02\x80abc\x03"), ("zstd", b"\x28\xb5\x2f\xfd\x04")]
    {
        let answer = send(encoding, body);
        answer.assert_problem(415, "unsupported_format");
        let detail = answer.json()["detail"].to_string();
        assert!(detail.contains(&format!("Content-Encoding: {encoding}")), "{detail}");
    }
    // The bytes decide: a stale header left by a proxy is harmless.
    send("gzip", &fixture("coffee.jpg")).best();
    let cut = &fixture("coffee.jpg")[..5000];
    send("gzip", cut).assert_problem(422, "truncated_image");
    let heic = send("binary", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic\x80").json();
    assert!(heic["detail"].as_str().unwrap().contains("HEIC"), "{heic}");
    send("identity", b"\x80\x81\x82").assert_problem(415, "unsupported_format");
}

#[test]
fn memory_is_given_back_after_large_pictures() {
    let server = Server::start_with(binary().env("MAX_BODY_BYTES", "50000000"));
    server.post("/predict", "", &fixture("coffee.jpg")).best();
    let before = server.process.memory_kb();
    for height in (1000..6000).step_by(1000) {
        server.post("/predict", "", &bmp(1900, height)).best();
    }
    // The allocator keeps freed pages for a second, and returns them with a request after that.
    thread::sleep(Duration::from_millis(1500));
    server.post("/predict", "", &fixture("flower.jpg"));
    let kept = server.process.memory_kb().saturating_sub(before);
    assert!(kept < 32 * 1024, "{kept} kB are kept");
}

/// Returns a grey 24-bit BMP with 5.7 kB per row.
fn bmp(width: u32, height: u32) -> Vec<u8> {
    let pixels = (width * 3).next_multiple_of(4) * height;
    let header = [54 + pixels, 0, 54, 40, width, height, 1 | 24 << 16, 0, pixels, 0, 0, 0, 0];
    let mut file = b"BM".to_vec();
    file.extend(header.iter().flat_map(|field| field.to_le_bytes()));
    file.resize(54 + pixels as usize, 128);
    file
}

#[test]
fn a_closed_log_costs_no_request() {
    let mut command = binary();
    // Standard error is now a pipe without a reader.
    let server = Server::start_with(&mut command);
    server.process.close_log();
    for _ in 0..3 {
        assert_eq!(server.get("/health").status, 200);
    }
}
