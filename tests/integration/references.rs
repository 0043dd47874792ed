//! Photos that a request references: S3 objects, and uploads.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use ureq::http::Method;

use crate::emulator::Function;
use crate::fixture;
use crate::server::{Answer, Server};
use crate::storage::{Asked, Moto, Reply, Storage, with_storage};

const TOKEN: (&str, &str) = ("authorization", "Bearer s3cret");

fn send(server: &Server, path: &str, body: &Value) -> Answer {
    let headers = [TOKEN, ("content-type", "application/json")];
    server.send(Method::POST, path, &headers, body.to_string().as_bytes())
}

fn named(key: &str) -> Value {
    json!({"s3": {"bucket": "photos", "key": key}})
}

/// A storage where every key has the same photo.
fn one_photo() -> Storage {
    Storage::start(|_, _| Reply::object(&fixture("coffee.png")))
}

#[test]
fn an_object_is_classified_wherever_a_body_names_it() {
    let storage = one_photo();
    let server = Server::start_with(&mut with_storage(&storage.address));
    for body in [
        named("a.png"),
        json!({"image": {"s3": {"bucket": "photos", "key": "a.png"}}}),
        json!({"Image": {"S3Object": {"Bucket": "photos", "Name": "a.png"}}, "MaxLabels": 3}),
        json!({"inputs": {"s3": {"bucket": "photos", "key": "a.png"}}}),
    ] {
        let answer = send(&server, "/classify", &body);
        assert_eq!(answer.best().0, "espresso", "{body}");
        assert_eq!(answer.json()["predictions"].as_array().unwrap().len(), 3, "{body}");
    }
    let asked = storage.asked();
    assert_eq!(asked.len(), 4, "one request brings an object: {asked:?}");
    assert!(asked.iter().all(|asked| asked.method == "GET" && asked.target == "/photos/a.png"), "{asked:?}");
    let version = json!({"s3": {"bucket": "photos", "key": "a.png", "version_id": "3/L4 k"}});
    assert_eq!(send(&server, "/predict", &version).best().0, "espresso");
    assert_eq!(storage.asked()[4].target, "/photos/a.png?versionId=3%2FL4+k");
    let log = server.process.log_with("storage_ms", 5);
    assert!(!log.contains("a secret of the storage"), "{log}");
}

#[test]
fn several_are_answered_in_their_order_and_one_that_is_missing_spoils_none() {
    let storage = Storage::start(|asked, _| match asked.target.as_str() {
        "/photos/chelsea.png" => Reply::object(&fixture("chelsea.png")),
        "/photos/empty" => Reply::object(b""),
        "/photos/text" => Reply::object(b"<html><body>no</body></html>"),
        _ => Reply::error(404, "NoSuchKey"),
    });
    let server = Server::start_with(&mut with_storage(&storage.address));
    let images = json!({"images": [
        {"s3": {"bucket": "photos", "key": "chelsea.png"}},
        {"s3": {"bucket": "photos", "key": "missing"}},
        BASE64_STANDARD.encode(fixture("coffee.png")),
        {"s3": {"bucket": "private", "key": "a"}},
        {"s3": {"bucket": "photos", "key": "empty"}},
        {"s3": {"bucket": "photos", "key": "text"}},
        {"s3": {"bucket": "photos"}},
    ]});
    let results = send(&server, "/classify", &images).json()["results"].clone();
    assert_eq!(results[0]["predictions"][0]["label"], "tiger cat");
    assert_eq!(results[1]["error"]["code"], "object_not_found");
    assert_eq!(results[2]["predictions"][0]["label"], "espresso");
    assert_eq!(results[3]["error"]["code"], "bucket_not_allowed");
    assert_eq!(results[4]["error"]["code"], "empty_body");
    assert_eq!(results[5]["error"]["code"], "unsupported_format");
    assert_eq!(results[6]["error"]["code"], "invalid_json");
}

#[test]
fn what_may_not_be_named_is_refused_before_the_storage_is_asked() {
    let storage = one_photo();
    let server = Server::start_with(&mut with_storage(&storage.address));
    send(&server, "/classify", &json!({"s3": {"bucket": "private", "key": "a"}}))
        .assert_problem(403, "bucket_not_allowed");
    for key in ["../private/a", "a/../../private/a", "a//b", "/a", "a/", "", "a\nb", &"k".repeat(1025)] {
        send(&server, "/classify", &named(key)).assert_problem(400, "invalid_parameter");
    }
    let many: Vec<Value> = (0..17).map(|number| named(&number.to_string())).collect();
    send(&server, "/classify", &json!({"images": many})).assert_problem(400, "too_many_images");
    send(&server, "/classify", &json!({"s3": "https://example.com/a.png"}))
        .assert_problem(400, "invalid_json");
    send(&server, "/classify", &json!({"upload": "0".repeat(32)}))
        .assert_problem(403, "reference_not_allowed");
    let unknown = server.post("/classify", "application/json", named("a").to_string().as_bytes());
    unknown.assert_problem(401, "unauthorized");
    assert_eq!(storage.asked().len(), 0, "{:?}", storage.asked());
}

#[test]
fn objects_are_for_callers_who_show_who_they_are() {
    let storage = one_photo();
    let body = named("a").to_string();
    let mut open = with_storage(&storage.address);
    let server = Server::start_with(open.env_remove("API_TOKEN"));
    let answer = server.post("/classify", "application/json", body.as_bytes());
    answer.assert_problem(403, "reference_not_allowed");
    assert!(answer.json()["detail"].as_str().unwrap().contains("API_TOKEN"));

    let function = Function::start_with(with_storage(&storage.address).env_remove("API_TOKEN"));
    let status = |event: Value| function.invoke(&event.to_string()).response()["statusCode"].clone();
    let http = |authorizer: Value| {
        json!({
            "version": "2.0", "rawPath": "/classify", "body": body,
            "requestContext": {"http": {"method": "POST"}, "authorizer": authorizer},
        })
    };
    let rest = |identity: Value| {
        json!({
            "httpMethod": "POST", "path": "/classify", "resource": "/classify", "body": body,
            "requestContext": {"identity": identity},
        })
    };
    let arn = "arn:aws:iam::123456789012:user/a";
    assert_eq!(status(http(Value::Null)), 403);
    assert_eq!(status(http(json!({"jwt": {"claims": {"sub": "a"}}}))), 403);
    assert_eq!(status(rest(json!({"sourceIp": "192.0.2.1", "userArn": null}))), 403);
    assert_eq!(status(rest(json!({"userArn": arn, "cognitoAuthenticationType": "unauthenticated"}))), 403);
    let cognito =
        |way: &str| json!({"iam": {"userArn": arn, "cognitoIdentity": {"amr": [way], "identityId": "i"}}});
    assert_eq!(status(http(cognito("unauthenticated"))), 403);
    assert_eq!(storage.asked().len(), 0, "{:?}", storage.asked());
    assert_eq!(status(http(cognito("authenticated"))), 200);
    assert_eq!(status(http(json!({"iam": {"userArn": arn, "cognitoIdentity": null}}))), 200);
    assert_eq!(status(rest(json!({"userArn": arn}))), 200);
    let direct = function.invoke(&body).response();
    assert_eq!(direct["predictions"][0]["label"], "espresso", "{direct}");

    let mut without = with_storage(&storage.address);
    let server = Server::start_with(without.env_remove("S3_BUCKETS"));
    let answer = send(&server, "/classify", &named("a"));
    answer.assert_problem(403, "reference_not_allowed");
    assert!(answer.json()["detail"].as_str().unwrap().contains("S3_BUCKETS"));
}

/// What a faulty storage does, and the expected result.
type Fault = (&'static str, fn(&Asked, usize) -> Reply, u16, &'static str);

#[test]
fn a_fault_of_the_storage_is_told_from_one_of_the_request() {
    let cases: &[Fault] = &[
        ("it is busy always", |_, _| Reply::error(503, "SlowDown"), 503, "storage_unavailable"),
        ("it throttles always", |_, _| Reply::error(429, "TooManyRequests"), 503, "storage_unavailable"),
        ("it denies", |_, _| Reply::error(403, "AccessDenied"), 502, "storage_denied"),
        ("it wants another region", |_, _| Reply::error(301, "PermanentRedirect"), 502, "storage_denied"),
        ("the credentials are old", |_, _| Reply::error(400, "ExpiredToken"), 502, "storage_denied"),
        ("the object is archived", |_, _| Reply::error(403, "InvalidObjectState"), 404, "object_archived"),
        ("it has no such object", |_, _| Reply::error(404, "NoSuchKey"), 404, "object_not_found"),
        (
            "the object has 10 GB by its head",
            |_, _| Reply::object(b"only the beginning").with("content-length", "10000000000"),
            413,
            "object_too_large",
        ),
        (
            "another object lies there when the read goes on",
            |_, earlier| match earlier {
                0 => Reply::object(&fixture("coffee.png")).cut(1000),
                _ => Reply::object(&fixture("chelsea.png")).with("etag", "\"second\""),
            },
            409,
            "object_changed",
        ),
    ];
    for (what, reply, status, code) in cases {
        let storage = Storage::start(*reply);
        let server = Server::start_with(&mut with_storage(&storage.address));
        let start = Instant::now();
        let answer = send(&server, "/classify", &named("a"));
        assert_eq!(answer.json()["code"], *code, "{what}: {}", answer.body);
        answer.assert_problem(*status, code);
        assert!(start.elapsed() < Duration::from_secs(15), "{what}: {:?}", start.elapsed());
        assert!(storage.asked().len() <= 5, "{what}: {:?}", storage.asked());
        assert_eq!(answer.header("retry-after"), if *status == 503 { "1" } else { "" }, "{what}");
        // The reason is only in the log.
        assert!(!answer.body.contains(&storage.address), "{}", answer.body);
        if *status >= 500 {
            let log = server.process.log_with(code, 1);
            assert!(
                log.contains(storage.address.trim_start_matches("http://"))
                    || log.contains("the storage answered"),
                "{what}: {log}"
            );
        }
        assert_eq!(server.get("/health").status, 200);
    }
}

/// A faulty answer of a storage, and the request that gets it.
type Behaviour = fn(&Asked, usize) -> Reply;

#[test]
fn what_passes_is_tried_again() {
    let cases: &[(&str, Behaviour)] = &[
        ("it is busy twice", |_, earlier| match earlier {
            0 | 1 => Reply::error(503, "SlowDown"),
            _ => Reply::object(&fixture("coffee.png")),
        }),
        ("it fails once", |_, earlier| match earlier {
            0 => Reply::error(500, "InternalError"),
            _ => Reply::object(&fixture("coffee.png")),
        }),
        ("the connection breaks in the middle", |asked, earlier| {
            let photo = fixture("coffee.png");
            match (earlier, asked.headers.get("range")) {
                (0, None) => Reply::object(&photo).cut(100_000),
                (1, Some(range)) => {
                    let from = range.trim_start_matches("bytes=").split('-').next().unwrap().parse().unwrap();
                    Reply::rest(&photo, from)
                }
                _ => Reply::error(400, "NotAsked"),
            }
        }),
    ];
    for (what, reply) in cases {
        let storage = Storage::start(*reply);
        let server = Server::start_with(&mut with_storage(&storage.address));
        let answer = send(&server, "/classify", &named("a"));
        assert_eq!(answer.status, 200, "{what}: {}", answer.body);
        assert_eq!(answer.best().0, "espresso", "{what}");
    }
}

#[test]
fn no_redirect_leads_to_another_host() {
    let other = one_photo();
    let target = format!("{}/photos/a", other.address);
    let storage =
        Storage::start(move |_, _| Reply::error(307, "TemporaryRedirect").with("location", target.clone()));
    let server = Server::start_with(&mut with_storage(&storage.address));
    send(&server, "/classify", &named("a")).assert_problem(502, "storage_denied");
    assert_eq!((storage.asked().len(), other.asked().len()), (1, 0));
}

#[test]
fn requests_are_answered_while_others_wait_for_the_storage() {
    let storage = Storage::start(|_, _| {
        std::thread::sleep(Duration::from_secs(3));
        Reply::object(&fixture("coffee.png"))
    });
    let server = Server::start_with(with_storage(&storage.address).env("MAX_CONCURRENCY", "1"));
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| send(&server, "/classify", &named("a")).best().0);
        while storage.asked().is_empty() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let start = Instant::now();
        let photo = fixture("chelsea.png");
        assert_eq!(server.send(Method::POST, "/predict", &[TOKEN], &photo).best().0, "tiger cat");
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
        assert_eq!(slow.join().unwrap(), "espresso");
    });
}

#[test]
fn a_request_is_answered_in_its_time_however_many_objects_do_not_come() {
    let storage = Storage::start(|asked, _| {
        if asked.target != "/photos/quick" {
            std::thread::sleep(Duration::from_secs(8));
        }
        Reply::object(&fixture("coffee.png"))
    });
    let keys = ["quick", "slow", "quick", "slow"].map(named);
    let images = json!({"images": keys});
    let server = Server::start_with(with_storage(&storage.address).env("REQUEST_TIMEOUT_MS", "3000"));
    let start = Instant::now();
    let results = send(&server, "/classify", &images).json()["results"].clone();
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    assert_eq!(results[0]["predictions"][0]["label"], "espresso", "{results}");
    for number in 1..4 {
        assert_eq!(results[number]["error"]["code"], "storage_unavailable", "{results}");
    }
    // Lambda ends an invocation that takes too long, so the answer must come before.
    let function = Function::start_with(&mut with_storage(&storage.address));
    function.set_time(Duration::from_secs(3));
    let start = Instant::now();
    let answer = function.invoke(&named("slow").to_string()).response();
    assert_eq!(answer["code"], "storage_unavailable", "{answer}");
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

#[test]
fn a_real_storage_finds_keys_of_every_form_and_older_versions() {
    let moto = Moto::start();
    moto.put("/photos", b"");
    moto.put(
        "/photos?versioning",
        b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
    );
    let server = Server::start_with(&mut with_storage(&moto.address));
    let long = "k".repeat(900);
    for key in ["a b+c%20d.png", "été/☕🐈.png", "a=b&c?d#e", "(a)'b!*~", &long] {
        let path: String = key
            .bytes()
            .map(|byte| match byte {
                b'/' => "/".to_owned(),
                byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
                byte => format!("%{byte:02X}"),
            })
            .collect();
        moto.put(&format!("/photos/{path}"), &fixture("coffee.png"));
        let answer = send(&server, "/classify", &named(key));
        assert_eq!(answer.status, 200, "{key}: {}", answer.body);
        assert_eq!(answer.best().0, "espresso", "{key}");
    }
    let first = moto.put("/photos/twice", &fixture("chelsea.png")).unwrap();
    moto.put("/photos/twice", &fixture("coffee.png"));
    let versioned =
        |version: &str| json!({"s3": {"bucket": "photos", "key": "twice", "version_id": version}});
    assert_eq!(send(&server, "/classify", &named("twice")).best().0, "espresso");
    assert_eq!(send(&server, "/classify", &versioned(&first)).best().0, "tiger cat");
    send(&server, "/classify", &named("missing")).assert_problem(404, "object_not_found");
}

#[test]
fn an_upload_is_put_with_what_was_signed_and_classified_by_its_id() {
    let moto = Moto::start();
    moto.put("/uploads", b"");
    let photo = fixture("coffee.png");
    let server = Server::start_with(with_storage(&moto.address).env("UPLOAD_BUCKET", "uploads"));
    assert_eq!(server.get("/info").json()["uploads"], true);
    let wanted = json!({"content_type": "image/png", "content_length": photo.len()});
    let answer = send(&server, "/uploads", &wanted);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let offer = answer.json();
    let (id, url) = (offer["upload"].as_str().unwrap(), offer["url"].as_str().unwrap());
    assert_eq!((offer["method"].as_str(), offer["expires_in"].as_u64()), (Some("PUT"), Some(600)));
    assert!(url.starts_with(&format!("{}/uploads/uploads/{id}?", moto.address)), "{url}");
    assert!(url.contains("X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost"), "{url}");
    assert!(url.contains("X-Amz-Expires=600"), "{url}");

    send(&server, "/classify", &json!({"upload": id})).assert_problem(404, "object_not_found");
    let put = ureq::put(url).header("content-type", "image/png").send(&photo[..]).unwrap();
    assert_eq!(put.status(), 200);
    assert_eq!(send(&server, "/classify", &json!({"upload": id})).best().0, "espresso");
    assert_eq!(
        send(&server, "/predict", &json!({"images": [{"upload": id}]})).json()[0][0]["label"],
        "espresso"
    );

    for id in ["", "../labels/a", "ABCDEF0123456789ABCDEF0123456789"] {
        send(&server, "/classify", &json!({"upload": id})).assert_problem(400, "invalid_parameter");
    }
    for (wanted, status, code) in [
        (json!({"content_type": "image/png", "content_length": 50 << 20 | 1}), 413, "object_too_large"),
        (json!({"content_type": "image/svg+xml", "content_length": 10}), 400, "invalid_parameter"),
        (json!({"content_type": "text/html", "content_length": 10}), 400, "invalid_parameter"),
        (json!({"content_type": "image/png\r\nx: y", "content_length": 10}), 400, "invalid_parameter"),
        (json!({"content_type": "image/png", "content_length": 0}), 400, "invalid_parameter"),
        (json!({"content_type": "image/png"}), 400, "invalid_json"),
    ] {
        send(&server, "/uploads", &wanted).assert_problem(status, code);
    }
    // Uploads cannot be referenced as objects, although they are in a bucket.
    send(&server, "/classify", &json!({"s3": {"bucket": "uploads", "key": format!("uploads/{id}")}}))
        .assert_problem(403, "bucket_not_allowed");
    let without = Server::start_with(&mut with_storage(&moto.address));
    send(&without, "/uploads", &wanted_of_nothing()).assert_problem(404, "not_found");
    assert_eq!(without.get("/info").json()["uploads"], false);
}

fn wanted_of_nothing() -> Value {
    json!({"content_type": "image/png", "content_length": 1})
}
