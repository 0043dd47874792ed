//! Format 3: JSON.

use super::*;

#[test]
fn json_is_read_under_any_content_type() {
    let (png, jpeg) = (b64(PNG), b64(JPEG));
    let escaped = jpeg.replace('/', "\\/").replace('+', "\\u002b");
    let cases: Vec<(&str, String, Result<Found, &'static str>)> = vec![
        ("base64", format!("{{\"image\":\"{jpeg}\"}}"), one(JPEG)),
        ("a data URL", format!("{{\"image\":\"data:image/png;base64,{jpeg}\"}}"), one(JPEG)),
        ("escapes", format!("{{\"image\":\"{escaped}\"}}"), one(JPEG)),
        ("escaped line breaks", format!("{{\"image\":\"{}\"}}", wrapped(&jpeg, 20, "\\r\\n")), one(JPEG)),
        ("base64 of base64", format!("{{\"image\":\"{}\"}}", b64(b64(&jpeg))), one(JPEG)),
        ("a byte order mark", format!("\u{feff}{{\"image\":\"{jpeg}\"}}"), one(JPEG)),
        ("white space", format!("\r\n {{ \"image\" :\t\"{jpeg}\"\n}}\n"), one(JPEG)),
        ("unknown fields", format!("{{\"id\":[1,{{}}],\"image\":\"{jpeg}\",\"x\":null}}"), one(JPEG)),
        (
            "options",
            format!("{{\"image\":\"{jpeg}\",\"top_k\":5,\"min_score\":0.25}}"),
            one_with(JPEG, Some(5), Some(0.25)),
        ),
        (
            "options as strings",
            format!("{{\"image\":\"{jpeg}\",\"top_k\":\"5\",\"min_score\":\"0.25\"}}"),
            one_with(JPEG, Some(5), Some(0.25)),
        ),
        ("a whole float", format!("{{\"image\":\"{jpeg}\",\"top_k\":5.0}}"), one_with(JPEG, Some(5), None)),
        (
            "a huge number",
            format!("{{\"image\":\"{jpeg}\",\"top_k\":9999999999999999999999}}"),
            one_with(JPEG, Some(usize::MAX), None),
        ),
        ("null for absent", format!("{{\"image\":\"{jpeg}\",\"images\":null,\"top_k\":null}}"), one(JPEG)),
        (
            "options left blank",
            format!("{{\"image\":\"{jpeg}\",\"top_k\":\"\",\"min_score\":\" \"}}"),
            one(JPEG),
        ),
        (
            "an option left blank beside the parameters",
            format!("{{\"inputs\":\"{jpeg}\",\"top_k\":\"\",\"parameters\":{{\"top_k\":5}}}}"),
            one_with(JPEG, Some(5), None),
        ),
        ("Hugging Face", format!("{{\"inputs\":\"{jpeg}\"}}"), one(JPEG)),
        (
            "Hugging Face's parameters",
            format!(
                "{{\"inputs\":\"{jpeg}\",\"parameters\":{{\"top_k\":5,\"function_to_apply\":\"Sigmoid\"}}}}"
            ),
            one_with(JPEG, Some(5), None),
        ),
        (
            "the outer option wins",
            format!("{{\"inputs\":\"{jpeg}\",\"top_k\":2,\"parameters\":{{\"top_k\":5}}}}"),
            one_with(JPEG, Some(2), None),
        ),
        ("Hugging Face's list", format!("{{\"inputs\":[\"{jpeg}\",\"{png}\"]}}"), many(&[Ok(JPEG), Ok(PNG)])),
        ("several", format!("{{\"images\":[\"{jpeg}\",\"{png}\"]}}"), many(&[Ok(JPEG), Ok(PNG)])),
        ("several that are one", format!("{{\"images\":[\"{jpeg}\"]}}"), many(&[Ok(JPEG)])),
        ("a bare list", format!("[\"{jpeg}\",\"{png}\"]"), many(&[Ok(JPEG), Ok(PNG)])),
        ("both", format!("{{\"images\":[\"{png}\"],\"image\":\"{jpeg}\"}}"), many(&[Ok(JPEG), Ok(PNG)])),
        (
            "one bad never spoils the others",
            format!("{{\"images\":[\"{jpeg}\",\"SGVs=bG8=\",\"\",\"{png}\"]}}"),
            many(&[Ok(JPEG), Err("invalid_base64"), Err("empty_body"), Ok(PNG)]),
        ),
        ("entries that are no strings", "{\"images\":[7,null,{}]}".into(), many(&[Err("invalid_json"); 3])),
        ("an SVG", "{\"image\":\"<svg/>\"}".into(), one(b"<svg/>")),
        ("an empty string", "{\"image\":\"\"}".into(), Err("empty_body")),
        ("a blank string", "{\"image\":\" \\n\"}".into(), Err("empty_body")),
        ("an empty data URL", "{\"image\":\"data:image/png;base64,\"}".into(), Err("empty_body")),
        ("no image", "{\"top_k\":3}".into(), Err("missing_image")),
        ("the console's default event", "{\"key1\":\"value1\"}".into(), Err("missing_image")),
        ("an empty object", "{}".into(), Err("missing_image")),
        ("an empty list", "{\"images\":[]}".into(), Err("missing_image")),
        ("an empty bare list", "[]".into(), Err("missing_image")),
        ("a null image", "{\"image\":null}".into(), Err("missing_image")),
        ("a number for an image", "{\"image\":42}".into(), Err("invalid_json")),
        ("an object for an image", "{\"image\":{\"x\":\"y\"}}".into(), Err("invalid_json")),
        ("a list for an image", "{\"image\":[\"x\"]}".into(), Err("invalid_json")),
        ("a string for images", "{\"images\":\"x\"}".into(), Err("invalid_json")),
        ("a string for parameters", "{\"inputs\":\"x\",\"parameters\":\"y\"}".into(), Err("invalid_json")),
        ("half a surrogate pair", "{\"image\":\"\\ud83d\"}".into(), Err("invalid_json")),
        ("the same field twice", "{\"image\":\"a\",\"image\":\"b\"}".into(), Err("invalid_json")),
        ("unquoted names", "{image: abc}".into(), Err("invalid_json")),
        ("cut off", format!("{{\"image\":\"{jpeg}"), Err("invalid_json")),
        ("more behind it", format!("{{\"image\":\"{jpeg}\"}}x"), Err("invalid_json")),
        ("a bare list with more behind it", format!("[\"{jpeg}\"]x"), Err("invalid_json")),
        ("a URL", "{\"image\":\"https://example.com/cat.jpg\"}".into(), Err("invalid_base64")),
        ("words", "{\"image\":\"this is not base64\"}".into(), Err("invalid_base64")),
        ("two words", "{\"image\":\"not base64\"}".into(), Err("invalid_base64")),
        ("base64 of words", format!("{{\"image\":\"{}\"}}", b64("not an image")), one(b"not an image")),
        ("a file name", "{\"image\":\"cat.jpg\"}".into(), Err("invalid_base64")),
        ("prose", "{\"image\":\"Hello, world!\"}".into(), Err("invalid_base64")),
        ("a mangled image", format!("{{\"image\":\"{}\"}}", "\u{fffd}PNG\\r\\n\\u001a"), Err("mangled_body")),
        ("top_k below 1", format!("{{\"image\":\"{jpeg}\",\"top_k\":0}}"), Err("invalid_parameter")),
        (
            "top_k of a wrong type",
            format!("{{\"image\":\"{jpeg}\",\"top_k\":[5]}}"),
            Err("invalid_parameter"),
        ),
        (
            "min_score above 1",
            format!("{{\"image\":\"{jpeg}\",\"min_score\":1.5}}"),
            Err("invalid_parameter"),
        ),
        ("too many images", format!("{{\"images\":[{}]}}", ["\"a\""; 5].join(",")), Err("too_many_images")),
        (
            "too many images by one more",
            "{\"images\":[0,0,0,0],\"image\":\"a\"}".into(),
            Err("too_many_images"),
        ),
        ("deep nesting", format!("{{\"x\":{}1", "[".repeat(500_000)), Err("invalid_json")),
        ("deep nesting at the top", "[".repeat(500_000), Err("invalid_json")),
        (
            "deep nesting in an unknown field",
            format!("{{\"x\":{}{},\"image\":\"{jpeg}\"}}", "[".repeat(50_000), "]".repeat(50_000)),
            one(JPEG),
        ),
    ];
    for (name, body, expected) in cases {
        for content_type in
            ["", "application/json", "text/plain", "application/x-www-form-urlencoded", "image/png"]
        {
            let actual = found(content_type, body.as_bytes());
            assert_eq!(actual, expected, "{name}: {content_type:?} {}", &body[..body.len().min(300)]);
        }
    }
}

#[test]
fn json_without_an_object_or_list_is_refused_where_json_was_declared() {
    for body in ["null", "true", "1234"] {
        assert_eq!(found("application/json", body.as_bytes()), Err("missing_image"), "{body}");
    }
    assert_eq!(found("application/json", b"\"Hello, world!\""), Err("invalid_base64"));
}

#[test]
fn json_in_latin_1_is_read_as_far_as_it_matters() {
    let json = format!("{{\"image\":\"{}\",\"comment\":\"caf\u{e9}\"}}", b64(JPEG));
    let latin1: Vec<u8> = json.chars().map(|character| character as u8).collect();
    for content_type in ["", "application/json; charset=iso-8859-1"] {
        assert_eq!(found(content_type, &latin1), one(JPEG));
    }
}

#[test]
fn errors_name_the_field_and_no_type_of_ours() {
    let detail =
        |body: &str| parse(None, Bytes::copy_from_slice(body.as_bytes()), LIMITS).unwrap_err().to_string();
    assert!(detail("{\"image\":42}").contains("\"image\" must be a string"));
    assert!(detail("{\"image\":42}").contains("a number was found"));
    assert!(
        detail("{\"image\":\"iVBO?w0K\"}")
            .contains("field \"image\" is not valid base64: \"?\" at position 5")
    );
    assert!(detail("{\"image\":\"https://a.b/c.jpg\"}").contains("not fetched"));
    assert!(detail("{\"image\":\"\"}").contains("field \"image\" is empty"));
    assert!(detail("{}").contains("\"inputs\""));
    for body in ["{\"image\":\"a\",\"image\":\"b\"}", "{\"image\"", "{\"parameters\":7}"] {
        assert!(!detail(body).contains("struct") && !detail(body).contains("Document"), "{}", detail(body));
    }
    let five = parse(None, Bytes::from_static(b"[{},{},{},{},{},{}]"), LIMITS).unwrap_err();
    assert!(matches!(five, Error::TooManyImages { found: 6, max: 4 }), "{five}");
}
