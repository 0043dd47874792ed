//! Form 4.

use super::*;

const TYPE: &str = "multipart/form-data; boundary=XyZ";

/// A part of the given header lines.
fn part(headers: &str, data: &[u8]) -> Vec<u8> {
    let headers = headers.replace('\n', "\r\n");
    [b"--XyZ\r\n", headers.as_bytes(), b"\r\n\r\n", data, b"\r\n"].concat()
}

fn body(parts: &[Vec<u8>]) -> Vec<u8> {
    [&parts.concat()[..], b"--XyZ--\r\n"].concat()
}

fn file(data: &[u8]) -> Vec<u8> {
    part(
        "Content-Disposition: form-data; name=\"image\"; filename=\"cat.jpg\"\nContent-Type: image/jpeg",
        data,
    )
}

fn field(name: &str, value: &str) -> Vec<u8> {
    part(&format!("Content-Disposition: form-data; name=\"{name}\""), value.as_bytes())
}

#[test]
fn multipart_is_read_as_clients_write_it() {
    let text = b64(JPEG);
    let case = |name, body: Vec<u8>, expected| (name, TYPE, body, expected);
    let lf = |body: &[u8]| {
        let head = String::from_utf8_lossy(&body[..body.len()]).into_owned();
        head.replace("\r\n", "\n").into_bytes()
    };
    let jpeg_lf = [
        &b"--XyZ\nContent-Disposition: form-data; name=\"image\"; filename=\"a\"\n\n"[..],
        JPEG,
        b"\n--XyZ--\n",
    ]
    .concat();
    check(&[
        case("browsers and curl", body(&[file(JPEG)]), one(JPEG)),
        case(
            "requests",
            body(&[part("Content-Disposition: form-data; name=\"image\"; filename=\"image\"", JPEG)]),
            one(JPEG),
        ),
        case(
            ".NET",
            body(&[part(
                "Content-Type: image/png\nContent-Disposition: form-data; name=image; filename=a.png; filename*=utf-8''a.png",
                JPEG,
            )]),
            one(JPEG),
        ),
        case(
            "another field name",
            body(&[part("Content-Disposition: form-data; name=\"x\"; filename=\"a\"", JPEG)]),
            one(JPEG),
        ),
        case(
            "no field name",
            body(&[part("Content-Disposition: form-data; filename=\"a\"", JPEG)]),
            one(JPEG),
        ),
        case("no file name", body(&[part("Content-Disposition: form-data; name=\"x\"", JPEG)]), one(JPEG)),
        case(
            "no file name but a type",
            body(&[part("Content-Disposition: form-data; name=\"x\"\nContent-Type: image/jpeg", JPEG)]),
            one(JPEG),
        ),
        case("no disposition", body(&[part("Content-Type: image/jpeg", JPEG)]), one(JPEG)),
        case("no headers at all", [b"--XyZ\r\n\r\n", JPEG, b"\r\n--XyZ--\r\n"].concat(), one(JPEG)),
        case(
            "lower-case headers",
            body(&[part(
                "content-disposition: form-data; name=\"image\"; filename=\"a\"\ncontent-type: image/png",
                JPEG,
            )]),
            one(JPEG),
        ),
        case(
            "upper-case everything",
            body(&[part("CONTENT-DISPOSITION: FORM-DATA; NAME=\"IMAGE\"; FILENAME=\"A\"", JPEG)]),
            one(JPEG),
        ),
        case(
            "a folded header",
            body(&[part("Content-Disposition: form-data;\n name=\"image\";\n\tfilename=\"a\"", JPEG)]),
            one(JPEG),
        ),
        case(
            "a space before the colon",
            body(&[part("Content-Disposition : form-data; name=a; filename=a", JPEG)]),
            one(JPEG),
        ),
        case(
            "a line that is no header",
            body(&[part("nonsense\nContent-Disposition: form-data; name=a; filename=a", JPEG)]),
            one(JPEG),
        ),
        case(
            "a NUL in a header",
            body(&[part("Content-Disposition: form-data; name=a; filename=\"a\0b\"", JPEG)]),
            one(JPEG),
        ),
        case("LF alone", jpeg_lf, one(JPEG)),
        case(
            "LF alone, with options",
            lf(&body(&[field("top_k", "5"), field("image", &text)])),
            one_with(JPEG, Some(5), None),
        ),
        case("no final CRLF", body(&[file(JPEG)]).strip_suffix(b"\r\n").unwrap().to_vec(), one(JPEG)),
        case("no closing dashes", [file(JPEG), b"--XyZ\r\n".to_vec()].concat(), one(JPEG)),
        case("no closing dashes nor CRLF", [file(JPEG), b"--XyZ".to_vec()].concat(), one(JPEG)),
        case("half the closing dashes", [file(JPEG), b"--XyZ-".to_vec()].concat(), one(JPEG)),
        case("no closing delimiter", file(JPEG).strip_suffix(b"\r\n").unwrap().to_vec(), one(JPEG)),
        case(
            "a preamble",
            [b"This is a multipart message.\r\n", &body(&[file(JPEG)])[..]].concat(),
            one(JPEG),
        ),
        case("a leading CRLF", [b"\r\n", &body(&[file(JPEG)])[..]].concat(), one(JPEG)),
        case("an epilogue", [&body(&[file(JPEG)])[..], b"\r\nbye\r\n--XyZ\r\n"].concat(), one(JPEG)),
        case(
            "blanks behind the boundary",
            [b"--XyZ \t\r\nContent-Type: image/png\r\n\r\n", JPEG, b"\r\n--XyZ--  \r\n"].concat(),
            one(JPEG),
        ),
        case("a CRLF before the image", body(&[file(&[b"\r\n", JPEG].concat())]), one(JPEG)),
        case("base64 in a field", body(&[field("image", &text)]), one(JPEG)),
        case("wrapped base64 in a field", body(&[field("photo", &wrapped(&text, 20, "\r\n"))]), one(JPEG)),
        case("base64 of base64 in a field", body(&[field("photo", &b64(&text))]), one(JPEG)),
        case(
            "a data URL in a field",
            body(&[field("photo", &format!("data:image/png;base64,{text}"))]),
            one(JPEG),
        ),
        case("base64 in a file", body(&[file(text.as_bytes())]), one(JPEG)),
        case(
            "a transfer encoding",
            body(&[part(
                "Content-Disposition: form-data; name=a; filename=a\nContent-Transfer-Encoding: BASE64",
                wrapped(&text, 20, "\r\n").as_bytes(),
            )]),
            one(JPEG),
        ),
        case(
            "a transfer encoding that is not true",
            body(&[part(
                "Content-Disposition: form-data; name=a; filename=a\nContent-Transfer-Encoding: base64",
                JPEG,
            )]),
            one(JPEG),
        ),
        case(
            "a transfer encoding that is broken",
            body(&[part(
                "Content-Disposition: form-data; name=a; filename=a\nContent-Transfer-Encoding: base64",
                b"iVB*",
            )]),
            Err("invalid_base64"),
        ),
        case(
            "options",
            body(&[field("top_k", "5"), file(JPEG), field("min_score", "0.25")]),
            one_with(JPEG, Some(5), Some(0.25)),
        ),
        case(
            "options left blank",
            body(&[field("top_k", ""), file(JPEG), field("min_score", " ")]),
            one(JPEG),
        ),
        case(
            "other fields",
            body(&[field("comment", "Send"), field("_charset_", "UTF-8"), file(JPEG)]),
            one(JPEG),
        ),
        case("two files", body(&[file(JPEG), file(PNG)]), many(&[Ok(JPEG), Ok(PNG)])),
        case(
            "a file and a field",
            body(&[file(JPEG), field("second", &b64(PNG))]),
            many(&[Ok(JPEG), Ok(PNG)]),
        ),
        case(
            "a file not chosen beside one that was",
            body(&[
                part(
                    "Content-Disposition: form-data; name=\"b\"; filename=\"\"\nContent-Type: application/octet-stream",
                    b"",
                ),
                file(JPEG),
            ]),
            one(JPEG),
        ),
        case("one empty file of two", body(&[file(b""), file(JPEG)]), many(&[Err("empty_body"), Ok(JPEG)])),
        case(
            "one bad field of two",
            body(&[field("image", "iVB*"), file(JPEG)]),
            many(&[Err("invalid_base64"), Ok(JPEG)]),
        ),
        case(
            "one mangled file of two",
            body(&[file(&mangled(PNG)), file(JPEG)]),
            many(&[Err("mangled_body"), Ok(JPEG)]),
        ),
        case("a text file", body(&[file(b"Hello, world!")]), one(b"Hello, world!")),
        case("an SVG file", body(&[file(b"<svg/>")]), one(b"<svg/>")),
        case("a mangled file", mangled(&body(&[file(JPEG)])), Err("mangled_body")),
        case(
            "a mangled field",
            mangled(&body(&[part("Content-Disposition: form-data; name=\"x\"", PNG)])),
            Err("mangled_body"),
        ),
        case(
            "no file chosen",
            body(&[part(
                "Content-Disposition: form-data; name=\"image\"; filename=\"\"\nContent-Type: application/octet-stream",
                b"",
            )]),
            Err("empty_body"),
        ),
        case("an empty file", body(&[file(b"")]), Err("empty_body")),
        case("an empty field", body(&[field("image", "")]), Err("empty_body")),
        case(
            "no empty line and no data",
            b"--XyZ\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a\"\r\n--XyZ--".to_vec(),
            Err("empty_body"),
        ),
        case("no file", body(&[field("comment", "hello"), field("top_k", "5")]), Err("missing_image")),
        case("no part", b"--XyZ--\r\n".to_vec(), Err("missing_image")),
        case("a bad option", body(&[file(JPEG), field("top_k", "many")]), Err("invalid_parameter")),
        case("too many files", body(&vec![file(JPEG); 5]), Err("too_many_images")),
        case("another boundary", b"--Other\r\nnonsense".to_vec(), Err("missing_image")),
        case("a boundary that is not there", b"nonsense, and more of it".to_vec(), Err("invalid_multipart")),
        case("too many parts", body(&vec![field("a", "b"); 2000]), Err("invalid_multipart")),
        case("too many headers", body(&[part(&"a: b\n".repeat(100), JPEG)]), Err("invalid_multipart")),
        case(
            "base64 of all of it",
            b64(body(&[file(JPEG), field("top_k", "5")])).into(),
            one_with(JPEG, Some(5), None),
        ),
        case("base64 of base64 of all of it", b64(b64(body(&[file(JPEG)]))).into(), one(JPEG)),
    ]);
}

#[test]
fn the_boundary_is_found_where_the_content_type_has_it_wrong() {
    let body = body(&[file(JPEG)]);
    let types = [
        "multipart/form-data; boundary=\"XyZ\"",
        "multipart/form-data; boundary=--XyZ",
        "multipart/form-data; boundary=other",
        "multipart/form-data; boundary=",
        "multipart/form-data",
        "multipart/mixed; boundary=XyZ; charset=utf-8",
        "Multipart/Form-Data; Boundary=XyZ",
        "image/jpeg",
        "application/json",
        "application/x-www-form-urlencoded",
        "application/octet-stream",
        "",
    ];
    for content_type in types {
        assert_eq!(found(content_type, &body), one(JPEG), "{content_type:?}");
        assert_eq!(found(content_type, b64(&body).as_bytes()), one(JPEG), "base64, {content_type:?}");
    }
    let odd = "----=_Part_1_(2)/3.4:5";
    let text = String::from_utf8_lossy(&body).into_owned();
    assert!(text.contains("XyZ"));
    let replaced = [
        format!("--{odd}\r\nContent-Type: image/png\r\n\r\n").as_bytes(),
        JPEG,
        format!("\r\n--{odd}--").as_bytes(),
    ]
    .concat();
    assert_eq!(found(&format!("multipart/form-data; boundary={odd}"), &replaced), one(JPEG));
}

#[test]
fn a_regular_body_is_copied_once_by_the_library_and_never_by_us() {
    let body = Bytes::from(body(&[file(JPEG)]));
    let normal = parts::normalise(&body, "XyZ").unwrap();
    assert_eq!(normal.body.as_ptr(), body.as_ptr());
    assert!(normal.closing.is_empty());
}

#[test]
fn file_names_are_kept_but_cannot_forge_a_log_line() {
    let cases = [
        ("filename=\"cat.jpg\"", Some("cat.jpg")),
        ("filename=cat.jpg", Some("cat.jpg")),
        ("filename=\"C:\\photos\\cat.jpg\"", Some("cat.jpg")),
        ("filename=\"../../etc/cat.jpg\"", Some("cat.jpg")),
        ("filename=\"a \\\"b\\\"; name=c.jpg\"", Some("a \"b\"; name=c.jpg")),
        ("filename=\"猫.jpg\"", Some("猫.jpg")),
        ("filename=\"fallback.jpg\"; filename*=utf-8''%e7%8c%ab.jpg", Some("猫.jpg")),
        ("filename*=UTF-8''%E7%8C%AB.jpg; filename=\"fallback.jpg\"", Some("猫.jpg")),
        ("filename*=iso-8859-1'en'%A3.jpg", Some("£.jpg")),
        ("filename*=utf-8''a%0d%0aERROR%20forged%1b[31m.jpg", Some("a__ERROR forged_[31m.jpg")),
        ("filename=\"a\u{202e}gpj.exe\"", Some("a_gpj.exe")),
        ("filename=\"\"", None),
        ("filename=", None),
        ("filename=\"unclosed", Some("unclosed")),
    ];
    for (header, expected) in cases {
        let body = body(&[part(&format!("Content-Disposition: form-data; name=\"image\"; {header}"), JPEG)]);
        let submission = parse(Some(TYPE), body.into(), LIMITS).unwrap();
        assert_eq!(submission.images[0].as_ref().unwrap().file_name.as_deref(), expected, "{header}");
    }
    let long =
        body(&[part(&format!("Content-Disposition: form-data; filename=\"{}\"", "é".repeat(5000)), JPEG)]);
    let submission = parse(Some(TYPE), long.into(), LIMITS).unwrap();
    assert_eq!(submission.images[0].as_ref().unwrap().file_name.as_ref().unwrap().chars().count(), 255);
}

#[test]
fn errors_name_the_part() {
    let detail = |body: Vec<u8>| parse(Some(TYPE), body.into(), LIMITS).unwrap_err().to_string();
    assert!(detail(body(&[file(b"")])).contains("part \"image\" is empty"));
    assert!(detail(body(&[field("image", "iVB*")])).contains("part \"image\" is not valid base64"));
    assert!(
        detail(body(&[part("Content-Disposition: form-data; filename=a", b"")]))
            .contains("file in the form is empty")
    );
}
