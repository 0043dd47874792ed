//! Formats 2, 5 and 6: base64, data URLs, URL-encoded forms, and nested encodings.

use super::*;

const FORM: &str = "application/x-www-form-urlencoded";

#[test]
fn base64_is_read_in_every_dialect() {
    let text = b64(JPEG);
    assert!(text.contains('+') && text.contains('/') && text.ends_with('='));
    let mixed = text.replacen('+', "-", 1);
    let cases: Vec<(&str, String)> = vec![
        ("standard", text.clone()),
        ("URL-safe", URL_SAFE.encode(JPEG)),
        ("both alphabets", mixed),
        ("standard, unpadded", STANDARD_NO_PAD.encode(JPEG)),
        ("URL-safe, unpadded", URL_SAFE_NO_PAD.encode(JPEG)),
        ("too much padding", format!("{text}=")),
        ("wrapped with CRLF", wrapped(&text, 20, "\r\n")),
        ("wrapped with LF", wrapped(&text, 20, "\n")),
        ("wrapped by an unquoted shell variable", wrapped(&text, 20, " ")),
        ("white space all over", format!("\t {} \x0c\n", wrapped(&text, 3, " \r\n\t"))),
        ("a byte order mark", format!("\u{feff}{text}")),
        ("quotes", format!("\"{text}\"")),
        ("single quotes", format!("'{text}'\n")),
        ("Python's str of bytes", format!("b'{text}'")),
        ("percent-encoded", percent(&text)),
        ("spaces for plus", text.replace('+', " ")),
        ("a data URL", format!("data:image/jpeg;base64,{text}")),
        ("a data URL of any image", format!("data:image/*;charset=utf-8;base64,{text}")),
        ("a data URL without a type", format!("data:;base64,{text}")),
        ("a data URL in capitals", format!("DATA:IMAGE/PNG;BASE64,{text}")),
        ("a data URL with spaces", format!("data:image/png; base64, {text}")),
        ("a data URL with a name", format!("data:image/png;name=a.png;base64,{text}")),
        ("a data URL, wrapped", format!("data:image/png;base64,\r\n{}", wrapped(&text, 20, "\r\n"))),
        ("a data URL, URL-safe", format!("data:image/png;base64,{}", URL_SAFE_NO_PAD.encode(JPEG))),
        ("a data URL, percent-encoded", format!("data:image/png;base64,{}", percent(&text))),
        ("a data URL, percent-encoded with its head", percent(format!("data:image/png;base64,{text}"))),
        ("a data URL of percent-encoded bytes", {
            let bytes: String = JPEG.iter().map(|byte| format!("%{byte:02x}")).collect();
            format!("data:image/jpeg,{bytes}")
        }),
        ("a data URL that forgot ;base64", format!("data:image/jpeg,{text}")),
        ("a data URL that lost its scheme", format!("image/jpeg;base64,{text}")),
        ("a data URL with two heads", format!("data:image/jpeg;base64,data:image/jpeg;base64,{text}")),
        (
            "armour",
            format!(
                "-----BEGIN CERTIFICATE-----\r\n{}-----END CERTIFICATE-----\r\n",
                wrapped(&text, 64, "\r\n")
            ),
        ),
        ("a quoted data URL", format!("\"data:image/jpeg;base64,{text}\"")),
        ("base64 of base64", b64(&text)),
        ("base64 of base64 of base64", b64(b64(&text))),
        ("base64 of wrapped base64", b64(wrapped(&text, 20, "\r\n"))),
        ("base64 of a data URL", b64(format!("data:image/jpeg;base64,{text}"))),
        ("a data URL of base64", format!("data:text/plain;base64,{}", b64(&text))),
        ("base64 of JSON", b64(format!("{{\"image\":\"{text}\"}}"))),
        ("base64 of a form", b64(format!("image={}", percent(&text)))),
        ("JSON twice encoded", serde_json::json!(format!("{{\"image\":\"{text}\"}}")).to_string()),
    ];
    for (name, body) in cases {
        for content_type in
            ["", "text/plain", "image/jpeg", "application/octet-stream", "application/json", FORM]
        {
            assert_eq!(found(content_type, body.as_bytes()), one(JPEG), "{name}: {content_type:?} {body}");
        }
        let utf16: Vec<u8> =
            "\u{feff}".encode_utf16().chain(body.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        assert_eq!(found("text/plain", &utf16), one(JPEG), "{name} in UTF-16");
    }
}

#[test]
fn an_svg_in_a_data_url_is_handed_on() {
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg' width='100%'/>";
    let text = String::from_utf8_lossy(svg);
    assert_eq!(found("", format!("data:image/svg+xml,{}", percent(text.as_bytes())).as_bytes()), one(svg));
    assert_eq!(found("", format!("data:image/svg+xml;base64,{}", b64(svg)).as_bytes()), one(svg));
}

#[test]
fn text_that_is_nearly_base64_is_refused_with_the_position() {
    let broken = b64(JPEG).replacen('+', "*", 1);
    let at = broken.find('*').unwrap() + 1;
    let error = parse(Some("text/plain"), broken.into(), LIMITS).unwrap_err();
    assert_eq!(error.code(), "invalid_base64");
    assert!(error.to_string().contains(&format!("\"*\" at position {at}")), "{error}");

    let cases = [
        ("padding inside", "SGVs=bG8="),
        ("padding alone", "===="),
        ("a character too many", "iVBORw0KGgoAA"),
        ("a URL", "https://example.com/cat.jpg"),
        ("a data URL with a wrong character", "data:image/png;base64,iVBO?w0K"),
        ("a data URL without a comma", "data:image/png;base64"),
        ("a data URL of nothing", "data:"),
        ("a JSON string", "\"Hello, world!\""),
        ("a quoted text with a wrong character", "\"iVBORw0KGgoAAAANSUhEUg#A\""),
        ("a letter of another alphabet", "iVBORw0KGgoAAAANSUhEUgAé"),
    ];
    for (name, body) in cases {
        for content_type in ["", "text/plain", "image/png"] {
            assert_eq!(found(content_type, body.as_bytes()), Err("invalid_base64"), "{name}");
        }
    }
}

#[test]
fn other_text_is_handed_on_unless_it_was_declared_to_be_something() {
    for text in [
        "Hello, world! This is no image.",
        "hello world",
        "a,b,c\n1,2,3\n",
        "…",
        "key: value\nother: value\n",
    ] {
        assert_eq!(found("text/plain", text.as_bytes()), one(text.as_bytes()), "{text}");
        assert_eq!(found("image/png", text.as_bytes()), one(text.as_bytes()), "{text}");
    }
    let prose = b"Hello, world! This is no image.";
    assert_eq!(found("application/json", prose), Err("invalid_json"));
    assert_eq!(found("multipart/form-data; boundary=x", prose), Err("invalid_multipart"));
    assert_eq!(found("application/json", b"\x01\x02\x03\xfe"), Err("invalid_json"));
    assert_eq!(found("multipart/form-data", b"\x01\x02\x03\xfe"), Err("invalid_multipart"));
}

#[test]
fn url_encoded_forms_are_read_as_they_are_and_as_they_should_be() {
    let text = b64(JPEG);
    let spaced = text.replace('+', " ");
    let case = |name, body: String, expected| (name, FORM, body.into_bytes(), expected);
    check(&[
        case("encoded", format!("image={}", percent(&text)), one(JPEG)),
        case("plus as it is", format!("image={text}"), one(JPEG)),
        case("plus as a space", format!("image={spaced}"), one(JPEG)),
        case("plus as an encoded space", format!("image={}", percent(&spaced)), one(JPEG)),
        case("wrapped", format!("image={}", percent(wrapped(&text, 20, "\r\n"))), one(JPEG)),
        case("a data URL", format!("image=data:image/png;base64,{text}"), one(JPEG)),
        case(
            "an encoded data URL",
            format!("image={}", percent(format!("data:image/png;base64,{text}"))),
            one(JPEG),
        ),
        case("another name", format!("photo={}", percent(&text)), one(JPEG)),
        case("a data URL under another name", format!("photo=data:image/png;base64,{text}&a=b"), one(JPEG)),
        case("base64 of base64", format!("image={}", b64(&text)), one(JPEG)),
        case("bytes", format!("image={}", percent(JPEG)), one(JPEG)),
        case("bytes under another name", format!("photo={}&comment=%3Cb%3E", percent(JPEG)), one(JPEG)),
        case("bytes without a name", percent(JPEG), one(JPEG)),
        case("bytes with a plus for a space", "image=%FF%D8%FF+%2B".into(), one(b"\xff\xd8\xff +")),
        case("the bytes of a PDF", "image=%25PDF-1.4%0A%25%E2%E3".into(), one(b"%PDF-1.4\n%\xe2\xe3")),
        case("bytes as characters", format!("image={}", percent(latin1(JPEG))), one(JPEG)),
        case("no name", text.clone(), one(JPEG)),
        case("no name, plus as a space", spaced.clone(), one(JPEG)),
        case("no name, encoded", percent(&text), one(JPEG)),
        case("a name without a value", format!("{}=", percent(&text)), one(JPEG)),
        case("JSON", format!("{{\"image\":\"{text}\"}}"), one(JPEG)),
        case("options", format!("top_k=5&min_score=0.25&image={text}"), one_with(JPEG, Some(5), Some(0.25))),
        case("options left blank", format!("top_k=&min_score=+&image={text}&x&=&y="), one(JPEG)),
        case("two images", format!("image={text}&image={}", b64(PNG)), many(&[Ok(JPEG), Ok(PNG)])),
        case(
            "one bad of two",
            format!("images[]={text}&images%5B%5D=a"),
            many(&[Ok(JPEG), Err("invalid_base64")]),
        ),
        case("one image left blank", format!("image=&file={text}"), one(JPEG)),
        case("an empty image", "image=".into(), Err("empty_body")),
        case("a bad image", "image=iVB*".into(), Err("invalid_base64")),
        case("an SVG", "image=%3Csvg%2F%3E".into(), one(b"<svg/>")),
        case("a URL", "image=https%3A%2F%2Fexample.com%2Fcat.jpg".into(), Err("invalid_base64")),
        case("a mangled image", format!("image={}", percent("\u{fffd}PNG\r\n")), Err("mangled_body")),
        case("no image", "comment=hello&submit=Send".into(), Err("missing_image")),
        case("options alone", "top_k=3".into(), Err("missing_image")),
        case("a bad option", format!("image={text}&top_k=0"), Err("invalid_parameter")),
        case("padding inside", "SGVs=bG8=".into(), Err("missing_image")),
        case("too many images", "image=a&".repeat(5), Err("too_many_images")),
    ]);
    for content_type in ["", "text/plain", "application/json"] {
        assert_eq!(found(content_type, format!("image={}", percent(&text)).as_bytes()), one(JPEG));
    }
}

#[test]
fn spaces_between_whole_lines_are_never_plus() {
    let image = [JPEG, &[0xFB; 400]].concat();
    let text = b64(&image);
    for lines in [64, 76] {
        let body = format!("image={}", wrapped(&text, lines, " "));
        assert_eq!(found(FORM, body.as_bytes()), one(&image), "{lines} columns");
    }
    assert_eq!(found(FORM, format!("image={}", text.replace('+', " ")).as_bytes()), one(&image));
}
