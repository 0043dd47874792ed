//! Benchmarks a whole invocation, and the model run alone: `cargo bench --bench handler`.
//!
//! `handler/event` is everything that the function does between an event and its response: JSON, base64,
//! JPEG, resize, run, softmax, JSON. `handler/session_run` is ONNX Runtime alone. Both run on one thread.

#![allow(clippy::expect_used)]

mod common;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use lambda_image_classifier::http;
use lambda_image_classifier::lambda::Function;
use lambda_runtime::Context;
use serde_json::json;
use tokio::runtime::Builder;

fn handler(criterion: &mut Criterion) {
    let (config, classifier) = common::load();
    let classifier = Arc::new(classifier);
    let function = Function::new(http::router(Arc::clone(&classifier), &config), &config);
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let event = json!({
        "version": "2.0",
        "rawPath": "/classify",
        "rawQueryString": "",
        "headers": {"content-type": "image/jpeg", "host": "example.execute-api.eu-central-1.amazonaws.com"},
        "requestContext": {"http": {"method": "POST", "path": "/classify"}, "stage": "$default"},
        "isBase64Encoded": true,
        "body": STANDARD.encode(common::photo()),
    })
    .to_string();
    let event = Bytes::from(event);
    let invoke = || {
        let answer = runtime.block_on(function.invoke(event.clone(), Context::default()));
        serde_json::to_vec(&answer.expect("an answer")).expect("JSON")
    };
    assert!(String::from_utf8_lossy(&invoke()).contains("espresso"));

    let model = classifier.model();
    let (width, height) = model.input_size();
    let tensor = vec![0.5; 3 * width as usize * height as usize];
    let mut group = criterion.benchmark_group("handler");
    group.sampling_mode(SamplingMode::Flat).measurement_time(Duration::from_secs(8));
    group.bench_function("session_run", |bencher| {
        bencher.iter(|| model.session().run(black_box(&tensor), (width, height)).expect("a run"));
    });
    group.bench_function("event", |bencher| bencher.iter(invoke));
    group.finish();
}

criterion_group!(benches, handler);
criterion_main!(benches);
