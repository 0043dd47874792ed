//! JSON requests written for other services.

use super::*;

fn numbers(bytes: &[u8]) -> String {
    bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(",")
}

#[test]
fn images_of_other_services_are_read_where_they_can_mean_one_thing() {
    let (png, jpeg) = (b64(PNG), b64(JPEG));
    let bytes = numbers(JPEG);
    let signed: Vec<String> = JPEG.iter().map(|byte| byte.cast_signed().to_string()).collect();
    let indexed: Vec<String> = JPEG.iter().enumerate().map(|(at, byte)| format!("\"{at}\":{byte}")).collect();
    let (signed, indexed) = (signed.join(", "), indexed.join(","));
    let pair = || many(&[Ok(JPEG), Ok(PNG)]);
    let cases: Vec<(&str, String, Result<Found, &'static str>)> = vec![
        ("Node", format!("{{\"image\":{{\"type\":\"Buffer\",\"data\":[{bytes}]}}}}"), one(JPEG)),
        ("a typed array of JavaScript", format!("{{\"image\":{{{indexed}}}}}"), one(JPEG)),
        ("Workers AI", format!("{{\"image\":[{bytes}]}}"), one(JPEG)),
        ("bytes of Java", format!("{{\"image\":[ {signed} ]}}"), one(JPEG)),
        ("bytes at the top", format!("[{bytes}]\n"), one(JPEG)),
        ("lists of bytes", format!("{{\"images\":[[{bytes}],\"{png}\"]}}"), pair()),
        ("TF Serving", format!("{{\"instances\":[{{\"b64\":\"{jpeg}\"}}]}}"), one(JPEG)),
        ("two", format!("{{\"instances\":[{{\"b64\":\"{jpeg}\"}},{{\"b64\":\"{png}\"}}]}}"), pair()),
        (
            "TF Serving by name",
            format!("{{\"instances\":[{{\"image_bytes\":{{\"b64\":\"{jpeg}\"}},\"key\":\"1\"}}]}}"),
            one(JPEG),
        ),
        ("an object", format!("{{\"image\":{{\"b64\":\"{jpeg}\"}}}}"), one(JPEG)),
        (
            "KServe v2",
            format!(
                "{{\"inputs\":[{{\"name\":\"image\",\"datatype\":\"BYTES\",\"shape\":[2],\"data\":[\"{jpeg}\",\"{png}\"]}}]}}"
            ),
            pair(),
        ),
        (
            "Rekognition",
            format!("{{\"Image\":{{\"Bytes\":\"{jpeg}\"}},\"MaxLabels\":5,\"MinConfidence\":25}}"),
            one_with(JPEG, Some(5), Some(0.25)),
        ),
        (
            "Vision",
            format!(
                "{{\"requests\":[{{\"image\":{{\"content\":\"{jpeg}\"}},\"features\":[{{\"type\":\"LABEL_DETECTION\",\"maxResults\":5}}]}}]}}"
            ),
            one_with(JPEG, Some(5), None),
        ),
        (
            "Vertex AI",
            format!(
                "{{\"instances\":[{{\"content\":\"{jpeg}\"}}],\"parameters\":{{\"maxPredictions\":5,\"confidenceThreshold\":0.5}}}}"
            ),
            one_with(JPEG, Some(5), Some(0.5)),
        ),
        ("Gradio", format!("{{\"data\":[\"data:image/png;base64,{jpeg}\"]}}"), one(JPEG)),
        (
            "Gradio's file",
            format!("{{\"data\":[{{\"name\":\"a\",\"path\":null,\"data\":\"{jpeg}\"}}]}}"),
            one(JPEG),
        ),
        (
            "Gradio 4",
            format!(
                "{{\"data\":[{{\"path\":\"/tmp/a.jpg\",\"url\":\"data:image/jpeg;base64,{jpeg}\",\"meta\":{{\"_type\":\"gradio.FileData\"}}}}]}}"
            ),
            one(JPEG),
        ),
        (
            "Gradio's other arguments",
            format!("{{\"data\":[3,\"data:,{jpeg}\",null,true,-0.5]}}")
                .replace("data:,", "data:image/jpeg;base64,"),
            one(JPEG),
        ),
        ("none of Gradio's arguments", "{\"data\":[null,true]}".into(), Err("missing_image")),
        ("bytes in data", format!("{{\"data\":[{bytes}]}}"), one(JPEG)),
        (
            "an address that is a data URL",
            format!("{{\"inputs\":{{\"image_url\":{{\"url\":\"DATA:image/jpeg;base64,{jpeg}\"}}}}}}"),
            one(JPEG),
        ),
        (
            "Anthropic",
            format!(
                "{{\"image\":{{\"source\":{{\"type\":\"base64\",\"media_type\":\"image/jpeg\",\"data\":\"{jpeg}\"}}}}}}"
            ),
            one(JPEG),
        ),
        (
            "an address in a source",
            "{\"image\":{\"source\":{\"type\":\"url\",\"url\":\"https://a.example/a.jpg\"}}}".into(),
            Err("missing_image"),
        ),
        (
            "TF Serving by the model's name",
            format!("{{\"instances\":[{{\"input_1\":{{\"b64\":\"{jpeg}\"}},\"key\":\"1\"}}]}}"),
            one(JPEG),
        ),
        (
            "TF Serving in columns",
            format!("{{\"inputs\":{{\"input_1\":[ {{ \"b64\":\"{jpeg}\"}},{{\"b64\":\"{png}\"}}]}}}}"),
            pair(),
        ),
        (
            "two inputs of a model",
            format!("{{\"instances\":[{{\"a\":{{\"b64\":\"{jpeg}\"}},\"b\":{{\"b64\":\"{png}\"}}}}]}}"),
            Err("invalid_json"),
        ),
        (
            "KServe v2 by gRPC, as JSON",
            format!(
                "{{\"inputs\":[{{\"name\":\"image\",\"datatype\":\"BYTES\",\"shape\":[1],\"contents\":{{\"bytesContents\":[\"{jpeg}\"]}}}}]}}"
            ),
            one(JPEG),
        ),
        (
            "KServe v2 with parameters",
            format!(
                "{{\"id\":\"1\",\"parameters\":{{\"binary_data_output\":false,\"content_type\":\"base64\",\"top_k\":5}},\"inputs\":[{{\"name\":\"image\",\"datatype\":\"BYTES\",\"shape\":[1],\"parameters\":{{\"content_type\":\"base64\"}},\"data\":[\"{jpeg}\"]}}]}}"
            ),
            one_with(JPEG, Some(5), None),
        ),
        ("an object alone", format!("{{\"top_k\":5,\"b64\":\"{jpeg}\"}}\n"), one_with(JPEG, Some(5), None)),
        (
            "an object in it",
            format!("{{\"image_url\":{{\"url\":\"data:image/jpeg;base64,{jpeg}\"}}}}"),
            one(JPEG),
        ),
        ("a typed array alone", format!("{{{indexed}}}"), one(JPEG)),
        ("a Buffer alone", format!("{{\"type\":\"Buffer\",\"data\":[{bytes}]}}"), one(JPEG)),
        ("an address alone", "{\"url\":\"https://a.example/a.jpg\"}".into(), Err("missing_image")),
        ("a file", format!("{{\"file\":\"{jpeg}\"}}"), one(JPEG)),
        (
            "fields of one's own win",
            format!("{{\"image\":\"{jpeg}\",\"data\":{{\"user\":1}},\"file\":7}}"),
            one(JPEG),
        ),
        ("base64 in lines", format!("{{\"image\": \"{}\"}}", wrapped(&jpeg, 16, "\n")), one(JPEG)),
        (
            "the same with CRLF",
            format!("{{\r\n\"image\": \"{}\"\r\n}}", wrapped(&jpeg, 16, "\r\n")),
            one(JPEG),
        ),
        ("with tabs, in a list", format!("[\"{}\",\"{png}\"]", wrapped(&jpeg, 16, "\n\t")), pair()),
        (
            "in an object of another service",
            format!("{{\"file\":\"{}\"}}", wrapped(&jpeg, 16, "\n")),
            one(JPEG),
        ),
        ("two fields", format!("{{\"file\":\"{jpeg}\",\"data\":[\"{png}\"]}}"), Err("invalid_json")),
        (
            "two holders",
            format!("{{\"image\":{{\"b64\":\"{jpeg}\",\"data\":\"{png}\"}}}}"),
            Err("invalid_json"),
        ),
        (
            "an address",
            "{\"requests\":[{\"image\":{\"source\":{\"imageUri\":\"https://a.example/a.jpg\"}}}]}".into(),
            Err("missing_image"),
        ),
        ("an address in a list", "{\"data\":[\"https://a.example/a.jpg\"]}".into(), Err("invalid_base64")),
        ("pixels", "{\"instances\":[[[0.1,0.2],[0.3,0.4]]]}".into(), many(&[Err("invalid_json"); 2])),
        ("numbers that are no bytes", "{\"image\":[255,256]}".into(), Err("invalid_json")),
        ("numbers and more", "{\"image\":[255,\"a\"]}".into(), Err("invalid_json")),
        ("no numbers", "{\"image\":[]}".into(), Err("invalid_json")),
        ("indices out of order", "{\"image\":{\"0\":255,\"2\":216}}".into(), Err("invalid_json")),
        (
            "faces",
            format!(
                "{{\"requests\":[{{\"image\":{{\"content\":\"{jpeg}\"}},\"features\":[{{\"type\":\"FACE_DETECTION\"}}]}}]}}"
            ),
            Err("invalid_parameter"),
        ),
        (
            "an unknown parameter",
            format!("{{\"inputs\":\"{jpeg}\",\"parameters\":{{\"topk\":5}}}}"),
            Err("invalid_parameter"),
        ),
        (
            "a parameter twice",
            format!("{{\"inputs\":\"{jpeg}\",\"parameters\":{{\"top_k\":5,\"top_k\":6}}}}"),
            Err("invalid_json"),
        ),
        (
            "too deep",
            format!("{{\"image\":{}7{}}}", "{\"data\":".repeat(9), "}".repeat(9)),
            Err("invalid_json"),
        ),
    ];
    check(
        &cases
            .into_iter()
            .map(|(name, body, right)| (name, "application/json", body.into(), right))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn what_is_refused_is_named() {
    for (body, named) in [
        ("{\"Image\":{\"S3Object\":{}}}", "field \"Image\""),
        ("{\"url\":\"https://a.example/a.jpg\"}", "Nothing is fetched"),
        ("{\"data\":[1,{\"url\":\"https://a.example\"}]}", "entry 2 of the field \"data\""),
        ("{\"inputs\":\"aGk=\",\"parameters\":{\"topk\":5}}", "\"topk\""),
        ("{\"image\":[255,216,256]}", "Entry 3 of the field \"image\""),
        (
            "{\"Image\":{\"Bytes\":\"aGk=\"},\"MinConfidence\":170}",
            "MinConfidence must be a number from 0 to 100",
        ),
    ] {
        let detail = parse(None, body.into(), LIMITS).unwrap_err().to_string();
        assert!(detail.contains(named), "{detail}");
    }
}

#[test]
fn a_list_of_numbers_is_not_read_beyond_the_limit() {
    let limits = Limits { max_bytes: 1000, max_images: 4 };
    for body in [format!("[{}1]", "255,".repeat(1000)), format!("{{\"image\":[{}x", "255,".repeat(1001))] {
        let error = parse(None, body.into(), limits).unwrap_err();
        assert!(matches!(error.code(), "body_too_large" | "invalid_json"), "{error}");
    }
    let largest = format!("[{}]", ["255"; 1000].join(","));
    assert_eq!(
        parse(None, largest.into(), limits).unwrap().images[0].as_ref().unwrap().sent().unwrap().bytes.len(),
        1000
    );
}
