//! Format 1: raw bytes, and bodies that are not an image.

use super::*;

#[test]
fn raw_bytes_are_the_image_whatever_the_content_type_says() {
    let types = [
        "",
        "image/png",
        "IMAGE/JPEG",
        "image/jpg; charset=utf-8",
        "application/octet-stream",
        "text/plain",
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "nonsense",
        "image/jpeg, image/png",
        ";;;",
    ];
    for content_type in types {
        for image in [PNG, JPEG] {
            assert_eq!(found(content_type, image), one(image), "{content_type:?}");
        }
    }
}

#[test]
fn raw_bytes_are_not_copied() {
    let body = Bytes::from_static(PNG);
    let submission = parse(None, body.clone(), LIMITS).unwrap();
    assert_eq!(submission.images[0].as_ref().unwrap().sent().unwrap().bytes.as_ptr(), body.as_ptr());
}

#[test]
fn unsupported_files_are_handed_on_for_the_image_module_to_name() {
    let files: [&[u8]; 14] = [
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        b"\0\0\0\x1cftypavif\0\0\0\0avifmif1",
        b"II*\0\x08\0\0\0\x0a\0\0\x01\x04\0\x01\0",
        b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0",
        b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n",
        b"%PDF-1.4\n1 0 obj",
        b"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1\" height=\"1\"/>",
        b"<html><body>403</body></html>",
        b"<!DOCTYPE html><p>\xef\xbf\xbd</p>",
        b"<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code></Error>",
        b"{\\rtf1\\ansi}",
        b"PK\x03\x04\0\0\0\0",
        b"\x1f\x8b\x08\0\0\0\0\0",
        b"This is a letter, not a photo. It has two sentences.",
    ];
    for file in files {
        assert_eq!(found("image/jpeg", file), one(file), "{:?}", String::from_utf8_lossy(file));
        assert_eq!(
            found("", b64(file).as_bytes()),
            one(file),
            "base64 of {:?}",
            String::from_utf8_lossy(file)
        );
    }
}

#[test]
fn white_space_and_marks_before_the_first_byte_are_left_out() {
    for before in [&b"\r\n"[..], b"\n\n \t", b"\xEF\xBB\xBF", b"\r\n\xEF\xBB\xBF\r\n"] {
        assert_eq!(found("image/jpeg", &[before, JPEG].concat()), one(JPEG), "{before:?}");
    }
}

#[test]
fn nothing_is_an_empty_body_whatever_it_was_to_be() {
    let types = [
        "",
        "image/png",
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ];
    for content_type in types {
        for body in [&b""[..], b" ", b"\r\n\r\n", b"\xEF\xBB\xBF", b"\xEF\xBB\xBF\n"] {
            assert_eq!(found(content_type, body), Err("empty_body"), "{content_type:?} {body:?}");
        }
    }
    for body in ["\"\"", "''", "\"  \"", "data:image/png;base64,", "data:,"] {
        assert_eq!(found("text/plain", body.as_bytes()), Err("empty_body"), "{body:?}");
    }
}

#[test]
fn replacement_characters_mean_that_the_gateway_mangled_the_bytes() {
    let gif = b"GIF89a\xff\x01\xff\x01\x80\0\0\xff\xff\xff";
    let webp = b"RIFF\xf8\0\0\0WEBPVP8L\xff\xff";
    let bmp = b"BM\xf6\xff\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0";
    for image in [PNG, JPEG, gif, webp, bmp] {
        for content_type in ["", "image/jpeg", "application/octet-stream", "text/plain", "application/json"] {
            assert_eq!(
                found(content_type, &mangled(image)),
                Err("mangled_body"),
                "{content_type:?} {image:?}"
            );
        }
    }
}

/// Small files in formats whose first bytes are ASCII, and therefore identical in UTF-8. The bitmap ends in a
/// byte that is a space in Unicode.
const GIF: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
const WEBP: &[u8] = b"RIFF\x16\0\0\0WEBPVP8L\x0a\0\0\0\x2f\0\0\0\x10\x88\x88\xfe\x07\0";
const BMP: &[u8] = b"BM\x3a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\x18\0\
    \0\0\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\xe9\x80\xa0";

#[test]
fn bytes_that_were_written_as_latin_1_characters_are_restored() {
    for image in [PNG, JPEG, GIF, WEBP, BMP] {
        let text = latin1(image);
        let name = format!("{image:?}");
        assert_eq!(found("image/png", text.as_bytes()), one(image), "raw: {name}");
        assert_eq!(found("", b64(&text).as_bytes()), one(image), "base64: {name}");
        let json = serde_json::json!({ "image": text }).to_string();
        assert_eq!(found("application/json", json.as_bytes()), one(image), "JSON: {name}");
        let file = multipart::body(&[multipart::file(text.as_bytes())]);
        assert_eq!(found(multipart::TYPE, &file), one(image), "a file: {name}");
        let field = multipart::body(&[multipart::field("image", &text)]);
        assert_eq!(found(multipart::TYPE, &field), one(image), "a field: {name}");
    }
}

#[test]
fn files_that_happen_to_be_utf_8_stay_as_they_are() {
    // The GIF has an extension that contains accented text.
    let gif = [&GIF[..10], b"\0\0\0!\x01\x02\xc3\xa9\0", &GIF[19..]].concat();
    let webp = [&WEBP[..24], b"\xc3\xa9\x02\x02\x07\0"].concat();
    let bmp = [&BMP[..54], b"\xc3\xa9\0\0"].concat();
    for image in [gif, webp, bmp] {
        assert!(std::str::from_utf8(&image).is_ok_and(|text| !text.is_ascii()));
        assert_eq!(found("", &image), one(&image));
        assert_eq!(found("", b64(&image).as_bytes()), one(&image));
        let body = multipart::body(&[multipart::file(&image)]);
        assert_eq!(found(multipart::TYPE, &body), one(&image));
    }
}

#[test]
fn mangled_bytes_are_known_in_base64_and_when_they_are_cut_inside_a_character() {
    for image in [PNG, JPEG, GIF, WEBP, BMP] {
        let whole = mangled(image);
        let at = whole.windows(3).rposition(|bytes| bytes == "\u{fffd}".as_bytes()).unwrap();
        // Keep a complete U+FFFD before the truncated one, because only complete ones are detected. A PNG has
        // only one at its start.
        let cut = [&whole[..at], &b"\xef\xbf\xbd\xef\xbf"[..]].concat();
        for body in [whole.clone(), cut] {
            for body in [body.clone(), b64(&body).into(), b64(b64(&body)).into()] {
                for content_type in ["", "image/jpeg", "application/octet-stream", "text/plain"] {
                    let name = String::from_utf8_lossy(&body);
                    assert_eq!(found(content_type, &body), Err("mangled_body"), "{content_type:?} {name:?}");
                }
                let file = multipart::body(&[multipart::file(&body)]);
                assert_eq!(found(multipart::TYPE, &file), Err("mangled_body"));
            }
            for text in [b64(&body), b64(b64(&body))] {
                let json = format!("{{\"image\":\"{text}\"}}");
                assert_eq!(found("application/json", json.as_bytes()), Err("mangled_body"), "{json}");
            }
        }
    }
}

#[test]
fn more_bytes_than_allowed_are_refused_in_every_form() {
    let limits = Limits { max_bytes: 100, max_images: 4 };
    let mut image = PNG.to_vec();
    image.resize(101, 0);
    let text = b64(&image);
    let part =
        [b"--x\r\nContent-Disposition: form-data; name=a; filename=a\r\n\r\n", &image[..], b"\r\n--x--"]
            .concat();
    let half = b64([PNG, &[0; 1]].concat());
    let bodies: [Vec<u8>; 9] = [
        image.clone(),
        text.clone().into(),
        b64(&text).into(),
        b64(b64(&text)).into(),
        format!("{{\"image\":\"{text}\"}}").into(),
        format!("{{\"images\":[\"{half}\",\"{half}\"]}}").into(),
        format!("image={text}").into(),
        format!("data:image/png;base64,{text}").into(),
        part,
    ];
    for body in bodies {
        let error = parse(None, body.clone().into(), limits).unwrap_err();
        assert!(
            matches!(error, Error::BodyTooLarge { max: 100 }),
            "{:?}: {error}",
            String::from_utf8_lossy(&body)
        );
    }
    image.truncate(100);
    for body in [image.clone(), b64(&image).into(), b64(b64(&image)).into(), b64(b64(b64(&image))).into()] {
        assert!(parse(None, body.into(), limits).is_ok());
    }
    let error = parse(None, vec![b'A'; 1 << 20].into(), limits).unwrap_err();
    assert_eq!(error.code(), "body_too_large");
}

#[test]
fn a_picture_whose_line_breaks_were_stripped_is_refused_with_the_right_flag_of_curl() {
    let noise: Vec<u8> = (0..3000_u32).map(|number| (number * 7919 % 251) as u8 ^ 0x80).collect();
    let heads: [&[u8]; 8] = [
        b"\xFF\xD8\xFF\xE0\0\x10JFIF\0",
        b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR",
        b"GIF89a\x10\0\x10\0\xF7\0\0",
        b"RIFF\x24\x10\0\0WEBPVP8 ",
        b"BM\x36\x10\0\0\0\0\0\0\x36\0\0\0",
        b"II*\0\x08\0\0\0",
        b"MM\0*\0\0\x10\0",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    ];
    for head in heads {
        let whole = [head, &noise].concat();
        let stripped: Vec<u8> =
            whole.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n' | 0)).collect();
        for content_type in [
            None,
            Some("application/x-www-form-urlencoded"),
            Some("image/jpeg"),
            Some("application/json"),
            Some("multipart/form-data"),
        ] {
            let error = parse(content_type, stripped.clone().into(), LIMITS).unwrap_err();
            assert_eq!(error.code(), "mangled_body");
            assert!(error.to_string().contains("--data-binary"), "{error}");
            assert!(parse(content_type, whole.clone().into(), LIMITS).is_ok());
        }
    }
    // Too short to detect.
    assert!(parse(None, Bytes::from_static(b"\xFF\xD8\xFF\xE0"), LIMITS).is_ok());
}
