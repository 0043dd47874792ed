//! One allocator serves the whole process.

use crate::process::binary;
use crate::repository;

#[test]
fn onnx_runtime_allocates_from_the_programs_allocator() {
    let output = binary()
        .arg("classify")
        .arg(repository("tests/fixtures/coffee.jpg"))
        // The dynamic linker reports where it finds each symbol, see ld.so(8).
        .env("LD_DEBUG", "bindings")
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    for symbol in ["malloc", "calloc", "realloc", "free", "posix_memalign"] {
        let name = format!("symbol `{symbol}'");
        let bindings: Vec<_> = log
            .lines()
            .filter(|line| line.contains("libonnxruntime.so [0] to ") && line.contains(&name))
            .collect();
        assert!(!bindings.is_empty(), "ONNX Runtime does not use {symbol}");
        assert!(bindings.iter().all(|line| line.contains("/image-classifier [0]:")), "{bindings:?}");
    }
}
