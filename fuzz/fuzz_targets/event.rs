//! A Lambda payload → a request, or what is wrong with it.

#![no_main]

use lambda_image_classifier::lambda::Event;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(payload) = std::str::from_utf8(data) else { return };
    if let Ok(Event::Http { request, .. } | Event::Direct { request }) = Event::read(payload, "id") {
        assert!(request.uri().path().starts_with('/'));
        assert_eq!(request.headers()["x-request-id"], "id");
    }
});
