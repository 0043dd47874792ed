use super::*;

#[test]
fn magic_bytes_name_every_format_also_after_white_space() {
    let table: &[(&[u8], Format)] = &[
        (b"\xff\xd8\xff\xe0", Format::Jpeg),
        (b"\r\n\xff\xd8\xff\xdb", Format::Jpeg),
        (b" \t\x89PNG\r\n\x1a\n", Format::Png),
        (b"GIF89a", Format::Gif),
        (b"RIFF\0\0\0\0WEBPVP8 ", Format::WebP),
        (b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", Format::Bmp),
        #[cfg(feature = "tiff")]
        (b"II*\0\x08\0\0\0", Format::Tiff),
        #[cfg(feature = "tiff")]
        (b"II\0*\x08\0\0\0", Format::Tiff),
        #[cfg(feature = "tiff")]
        (b"\nMM\0*\0\0\0\x08", Format::Tiff),
        #[cfg(feature = "tiff")]
        (b"MM\0+\0\x08\0\0", Format::Tiff),
        #[cfg(feature = "avif")]
        (b"\0\0\0\x1cftypavif\0\0\0\0mif1avif", Format::Avif),
        #[cfg(feature = "avif")]
        (b"\0\0\0\x1cftypmif1\0\0\0\0miafavif", Format::Avif),
        #[cfg(feature = "avif")]
        (b"\0\0\0\x1cftypavis\0\0\0\0msf1avis", Format::Avif),
    ];
    for &(bytes, expected) in table {
        let (format, rest) = sniff(bytes).unwrap();
        assert_eq!(format, expected);
        assert!(!rest[0].is_ascii_whitespace());
    }
    assert!(Format::ALL.iter().all(|format| table.iter().any(|(_, expected)| expected == format)));
}

#[test]
fn the_refusal_of_what_phones_and_cameras_write_says_how_to_convert_it() {
    for (bytes, advice) in [
        (&b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..], "Most Compatible"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1miaf", "Most Compatible"),
        (b"\xff\x0a\x00", "in Safari"),
        #[cfg(not(feature = "avif"))]
        (b"\0\0\0\x1cftypavif\0\0\0\0mif1avif", "every current browser"),
        (b"II*\0\x10\0\0\0CR\x02\0", "Export it as JPEG."),
        (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", "Export it as JPEG."),
        (b"%PDF-1.7\n", "Export it as PNG."),
        (b"%!PS-Adobe-3.0", "Export it as PNG."),
        (b"<svg xmlns='x'/>", "Export it as PNG."),
    ] {
        let refusal = sniff(bytes).unwrap_err().to_string();
        assert!(refusal.contains(advice), "{refusal}");
    }
}

#[test]
fn what_is_not_accepted_is_called_by_its_name() {
    let table: &[(&[u8], &str)] = &[
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "An HEIC image"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "An HEIC image"),
        #[cfg(not(feature = "avif"))]
        (b"\0\0\0\x1cftypavif\0\0\0\0mif1avif", AVIF),
        (b"\xff\x0a\x00", "A JPEG XL image"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "A JPEG XL image"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "A JPEG 2000 image"),
        #[cfg(not(feature = "tiff"))]
        (b"MM\0*\0\0\0\x08", "A TIFF image"),
        (b"II*\0\x10\0\0\0CR\x02\0", "A camera raw image (CR2)"),
        (b"\0\0\x01\0\x01\0", "An ICO image"),
        (b"\0\0\x02\0\x01\0\x20\x20\0\0\x05\0\x05\0\x30\x01\0\0", "A CUR image"),
        (b"\0\0\x02\0\0\0\0\0\0\0\0\0\x40\0\x40\0\x18\x20", "A TGA image"),
        (b"\0\x01\x09\0\0\0\x01\x18\0\0\0\0\x40\0\x40\0\x08\0", "A TGA image"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1miaf", "An HEIF image"),
        (b"8BPS\0\x01", "A PSD image"),
        (b"%PDF-1.7\n", "A PDF document"),
        (b"<svg xmlns='x'/>", "An SVG image"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- a --><svg>", "An SVG image"),
        (b"<!DOCTYPE html><title>404</title><svg>", "An HTML page"),
        (b"\n<html>", "An HTML page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code>", "An XML document"),
        (b"PK\x03\x04", "A ZIP archive"),
        (b"\x1f\x8b\x08", "A GZ archive"),
        (b"P6\n1 1\n255\n", "A PNM image"),
        (b"BMW is a make of cars", "Plain text"),
        (b"{\"image\": null}", "Plain text"),
        (b"GIF8", "Plain text"),
        ("caf\u{e9}".as_bytes(), "Plain text"),
        (b"\x00\x01\x02\x03\xfe", "The data"),
        (b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41", "An MP4 video"),
    ];
    for &(bytes, expected) in table {
        let Err(Error::UnsupportedFormat { found }) = sniff(bytes) else { panic!("{expected} is accepted") };
        assert_eq!(found, expected);
    }
}
