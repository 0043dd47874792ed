//! Format 4: how the headers of the request and of its parts are interpreted.

use super::multipart::{TYPE, body, field, file, part};
use super::*;

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
        assert_eq!(
            submission.images[0].as_ref().unwrap().sent().unwrap().file_name.as_deref(),
            expected,
            "{header}"
        );
    }
    let long =
        body(&[part(&format!("Content-Disposition: form-data; filename=\"{}\"", "é".repeat(5000)), JPEG)]);
    let submission = parse(Some(TYPE), long.into(), LIMITS).unwrap();
    assert_eq!(
        submission.images[0].as_ref().unwrap().sent().unwrap().file_name.as_ref().unwrap().chars().count(),
        255
    );
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

#[test]
fn several_files_of_one_field_come_as_a_part_that_is_multipart_itself() {
    let inner = |name: &str, data: &[u8]| {
        let head = format!("--In\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\r\n");
        [head.as_bytes(), data, b"\r\n"].concat()
    };
    let head = "--XyZ\r\nContent-Disposition: form-data; name=\"image\"\r\n\
                Content-Type: multipart/mixed; boundary=In\r\n\r\n";
    let option = "\r\n--XyZ\r\nContent-Disposition: form-data; name=\"top_k\"\r\n\r\n5\r\n--XyZ--\r\n";
    let files = [inner("a.jpg", JPEG), inner("b.png", PNG)].concat();
    let body = [head.as_bytes(), &files, b"--In--", option.as_bytes()].concat();
    let found = found(TYPE, &body).unwrap();
    assert_eq!(found.images, [Ok(JPEG.to_vec()), Ok(PNG.to_vec())]);
    assert_eq!((found.several, found.top_k), (true, Some(5)));
}
