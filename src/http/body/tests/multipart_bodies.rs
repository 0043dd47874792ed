//! Format 4: multipart.

use super::multipart::{TYPE, body, field, file, part, quoted_printable};
use super::*;

/// The headers of an empty file field, as browsers send it.
const NOT_CHOSEN: &str =
    "Content-Disposition: form-data; name=\"b\"; filename=\"\"\nContent-Type: application/octet-stream";

/// The headers of a file as .NET sends them.
const DOTNET: &str = "Content-Type: image/png\nContent-Disposition: form-data; name=image; filename=a.png; \
                      filename*=utf-8''a.png";

#[test]
fn multipart_is_read_as_clients_write_it() {
    let text = b64(JPEG);
    let begun = [JPEG, b"\r\n--XyZa\r\n--XyZb\r\n\xff\xd9"].concat();
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
        case(".NET", body(&[part(DOTNET, JPEG)]), one(JPEG)),
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
            "a bare LF before a delimiter",
            [&file(JPEG)[..file(JPEG).len() - 2], b"\n--XyZ--"].concat(),
            one(JPEG),
        ),
        case(
            "a bare LF before a part",
            [&file(PNG)[..file(PNG).len() - 2], b"\n", &body(&[file(JPEG)])[..]].concat(),
            many(&[Ok(PNG), Ok(JPEG)]),
        ),
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
            "a quoted-printable file",
            body(&[part(
                "Content-Disposition: form-data; name=a; filename=a\nContent-Transfer-Encoding: \
                 Quoted-Printable",
                &quoted_printable(JPEG),
            )]),
            one(JPEG),
        ),
        case(
            "a quoted-printable file that is not quoted",
            body(&[part(
                "Content-Disposition: form-data; name=a; filename=a\nContent-Transfer-Encoding: \
                 quoted-printable",
                JPEG,
            )]),
            one(JPEG),
        ),
        case(
            "quoted-printable fields",
            body(&[
                part(
                    "Content-Disposition: form-data; name=image\nContent-Transfer-Encoding: quoted-printable",
                    &quoted_printable(text.as_bytes()),
                ),
                part(
                    "Content-Disposition: form-data; name=top_k\nContent-Transfer-Encoding: quoted-printable",
                    b"=35",
                ),
            ]),
            one_with(JPEG, Some(5), None),
        ),
        case("the start of a delimiter in the data", body(&[file(&begun)]), one(&begun)),
        case(
            "the start of a delimiter in the data of two files",
            body(&[file(&begun), file(JPEG)]),
            many(&[Ok(&begun), Ok(JPEG)]),
        ),
        case(
            "the start of a delimiter in the data, and no end",
            file(&begun).strip_suffix(b"\r\n").unwrap().to_vec(),
            one(&begun),
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
        case("cut off in the headers", file(JPEG)[..50].to_vec(), Err("invalid_multipart")),
        case(
            "cut off in the headers of the second part",
            [&file(JPEG)[..], &file(PNG)[..70]].concat(),
            Err("invalid_multipart"),
        ),
        case(
            "cut off in the image",
            file(JPEG)[..file(JPEG).len() - 20].to_vec(),
            one(&JPEG[..JPEG.len() - 18]),
        ),
        case(
            "a comment in Latin-1",
            body(&[part("Content-Disposition: form-data; name=\"comment\"", b"caf\xe9"), file(JPEG)]),
            one(JPEG),
        ),
        case("two files", body(&[file(JPEG), file(PNG)]), many(&[Ok(JPEG), Ok(PNG)])),
        case(
            "a file and a field",
            body(&[file(JPEG), field("second", &b64(PNG))]),
            many(&[Ok(JPEG), Ok(PNG)]),
        ),
        case("a file not chosen beside one that was", body(&[part(NOT_CHOSEN, b""), file(JPEG)]), one(JPEG)),
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
        case("no file chosen", body(&[part(NOT_CHOSEN, b"")]), Err("empty_body")),
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
        case("another boundary", b"--Other\r\nnonsense".to_vec(), Err("invalid_multipart")),
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
