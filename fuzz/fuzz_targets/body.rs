//! Parses the bytes of a request into images and options. The first byte chooses the content type.

#![no_main]

use bytes::Bytes;
use lambda_image_classifier::http::body::{Image, Limits, parse};
use libfuzzer_sys::fuzz_target;

const CONTENT_TYPES: &[Option<&str>] = &[
    None,
    Some("image/jpeg"),
    Some("text/plain"),
    Some("application/json"),
    Some("application/x-www-form-urlencoded"),
    Some("multipart/form-data; boundary=x"),
    Some("multipart/form-data; boundary=\"x y\""),
    Some("multipart/form-data"),
];

fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = data.split_first() else { return };
    let content_type = CONTENT_TYPES[usize::from(*choice) % CONTENT_TYPES.len()];
    let limits = Limits { max_bytes: 1 << 20, max_images: 16 };
    if let Ok(submission) = parse(content_type, Bytes::copy_from_slice(body), limits) {
        assert!(!submission.images.is_empty() && submission.images.len() <= limits.max_images);
        assert!(submission.several || submission.images.len() == 1);
        let bytes: usize = submission.images.iter().flatten().filter_map(Image::sent).map(|upload| upload.bytes.len()).sum();
        assert!(bytes <= limits.max_bytes);
        assert!(submission.images.iter().flatten().filter_map(Image::sent).all(|upload| !upload.bytes.is_empty()));
    }
});
