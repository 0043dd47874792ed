//! Parses a Lambda payload into a request or an error.

#![no_main]

use bytes::Bytes;
use lambda_image_classifier::lambda::Event;
use lambda_runtime::Context;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut context = Context::default();
    context.request_id = "id".to_owned();
    let event = Event::read(Bytes::copy_from_slice(data), &context);
    if let Ok(Event::Http { request, .. } | Event::Direct { request }) = event {
        assert!(request.uri().path().starts_with('/'));
        assert_eq!(request.headers()["x-request-id"], "id");
    }
});
