//! Images that a body references.

use super::*;

fn object(bucket: &str, key: &str, version_id: Option<&str>) -> String {
    let [bucket, key] = [bucket, key].map(str::to_owned);
    format!("{:?}", Reference::Object { bucket, key, version_id: version_id.map(str::to_owned) })
}

#[test]
fn an_object_is_named_alone_among_others_and_as_rekognition_does() {
    let json = "application/json";
    let one_of = |text: String| one(text.as_bytes());
    let upload = format!("{:?}", Reference::Upload("0f".into()));
    check(&[
        ("ours", json, br#"{"s3": {"bucket": "b", "key": "a b+%20.jpg"}}"#.to_vec(), one_of(object("b", "a b+%20.jpg", None))),
        ("a version", json, br#"{"s3":{"bucket":"b","key":"k","version_id":"v"}}"#.to_vec(), one_of(object("b", "k", Some("v")))),
        ("no version", json, br#"{"s3":{"bucket":"b","key":"k","version_id":null}}"#.to_vec(), one_of(object("b", "k", None))),
        ("an empty version", json, br#"{"s3":{"bucket":"b","key":"k","version_id":""}}"#.to_vec(), one_of(object("b", "k", None))),
        ("escapes", json, br#"{"s3":{"bucket":"b","key":"\u00e9\"k"}}"#.to_vec(), one_of(object("b", "é\"k", None))),
        ("as an image", json, br#"{"image":{"s3":{"bucket":"b","key":"k"}}}"#.to_vec(), one_of(object("b", "k", None))),
        ("without a type", "", br#"{"s3":{"bucket":"b","key":"k"}}"#.to_vec(), one_of(object("b", "k", None))),
        (
            "Rekognition",
            json,
            br#"{"Image":{"S3Object":{"Bucket":"b","Name":"n","Version":"v"}},"MaxLabels":5}"#.to_vec(),
            one_with(object("b", "n", Some("v")).as_bytes(), Some(5), None),
        ),
        ("an upload", json, br#"{"upload":"0f"}"#.to_vec(), one(upload.as_bytes())),
        (
            "several",
            json,
            format!("{{\"images\":[{{\"s3\":{{\"bucket\":\"b\",\"key\":\"1\"}}}},\"{}\",{{\"upload\":\"0f\"}},{{\"s3\":{{}}}}]}}", b64(PNG))
                .into_bytes(),
            many(&[Ok(object("b", "1", None).as_bytes()), Ok(PNG), Ok(upload.as_bytes()), Err("invalid_json")]),
        ),
    ]);
}

#[test]
fn what_names_no_object_is_refused() {
    let rows = [
        ("a URL", r#"{"s3":"https://example.com/a.jpg"}"#, "invalid_json"),
        ("an address", r#"{"image":{"s3":"s3://b/k"}}"#, "missing_image"),
        ("no key", r#"{"s3":{"bucket":"b"}}"#, "invalid_json"),
        ("a number for a key", r#"{"s3":{"bucket":"b","key":1}}"#, "invalid_json"),
        (
            "an object beside an image",
            r#"{"image":{"s3":{"bucket":"b","key":"k"},"b64":"aGk="}}"#,
            "invalid_json",
        ),
        ("a number for an upload", r#"{"upload":1}"#, "invalid_json"),
        (
            "too many",
            r#"[{"upload":"1"},{"upload":"2"},{"upload":"3"},{"upload":"4"},{"upload":"5"}]"#,
            "too_many_images",
        ),
    ];
    for (name, body, code) in rows {
        assert_eq!(found("application/json", body.as_bytes()), Err(code), "{name}");
    }
}
