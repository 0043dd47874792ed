//! What a user sees: the real binary with the real model, over real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

mod agreement;
mod allocator;
mod architecture;
mod batch;
mod batch_s3;
mod cache;
mod cargo_lambda;
mod cases;
mod command_line;
mod cors;
mod documents;
mod embed;
mod emulator;
mod events;
mod explain;
mod health;
mod http;
mod lambda;
mod layouts;
mod levels;
mod log;
mod metrics;
mod models;
mod openapi;
mod overload;
mod page;
mod privacy;
mod process;
mod references;
mod regressions;
mod server;
mod start_up;
mod storage;
mod store;
mod traces;
mod train;
mod xray;

use std::path::PathBuf;

/// The path of a file in this repository.
fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The bytes of a fixture.
fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(repository("tests/fixtures").join(name)).unwrap()
}
