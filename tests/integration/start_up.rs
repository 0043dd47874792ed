//! A start that cannot succeed: one clear message and exit 1, never a hang.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::process::{Process, binary};
use crate::repository;
use crate::server::Server;

/// Starts the server and expects it to give up at once, with one line that contains all of `expected`.
#[track_caller]
pub fn assert_refused(command: &mut Command, expected: &[&str]) {
    let mut process = Process::start(command.arg("serve").env("PORT", "0"));
    let status = process.wait(Duration::from_secs(10)).expect("it hangs");
    let log = process.log();
    assert_eq!(status.code(), Some(1), "{log}");
    assert_eq!(log.lines().count(), 1, "{log}");
    for text in expected {
        assert!(log.contains(text), "{text:?} is missing in {log}");
    }
}

/// A copy of the committed bundle that a test may break.
fn bundle() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(repository("model")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
    }
    dir
}

#[track_caller]
fn assert_bundle_refused(break_it: impl FnOnce(&Path), expected: &[&str]) {
    let dir = bundle();
    break_it(dir.path());
    assert_refused(binary().env("MODEL_DIR", dir.path()), expected);
}

fn cut(path: &Path, keep: usize) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..keep]).unwrap();
}

#[test]
fn a_missing_or_broken_library_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let library = dir.path().join("libonnxruntime.so");
    let text = library.to_str().unwrap();
    let refused =
        |expected: &str| assert_refused(binary().env("ORT_DYLIB_PATH", &library), &[text, expected]);

    refused("there is no such file");
    symlink("/nowhere/libonnxruntime.so", &library).unwrap();
    refused("it is a link to /nowhere/libonnxruntime.so, which does not exist");
    fs::remove_file(&library).unwrap();
    fs::write(&library, "<html>").unwrap();
    refused("it is not a shared library");
    fs::copy(repository("lib/libonnxruntime.so"), &library).unwrap();
    cut(&library, 5_000_000);
    refused("it is truncated");
    let mut bytes = fs::read(repository("lib/libonnxruntime.so")).unwrap();
    bytes[0x12] = if cfg!(target_arch = "x86_64") { 183 } else { 62 };
    fs::write(&library, bytes).unwrap();
    refused("it is built for another processor");
    fs::remove_file(&library).unwrap();
    assert!(Command::new("mkfifo").arg(&library).status().unwrap().success());
    refused("it is not a file");
    fs::remove_file(&library).unwrap();
    // A different library: the C library itself.
    let libc = fs::read_to_string("/proc/self/maps").unwrap();
    let libc =
        libc.lines().find_map(|line| line.split_whitespace().last().filter(|path| path.contains("libc.so")));
    fs::copy(libc.unwrap(), &library).unwrap();
    refused("it is not ONNX Runtime");
}

#[test]
fn variables_of_aws_are_checked_where_a_bucket_is_named() {
    let with = |buckets: &str, endpoint: &str, id: &str| {
        let mut command = binary();
        command.env("S3_BUCKETS", buckets).env("AWS_ENDPOINT_URL", endpoint);
        command.env("AWS_SECRET_ACCESS_KEY", "s3cret").env("AWS_ACCESS_KEY_ID", id);
        command
    };
    assert_refused(&mut with("photos", "localhost:9000", "AKIAEXAMPLE"), &["AWS_ENDPOINT_URL must be"]);
    assert_refused(&mut with("photos", "http://127.0.0.1:9", ""), &["AWS_ACCESS_KEY_ID is missing"]);
    assert_eq!(Server::start_with(&mut with("", "localhost:9000", "")).get("/health").status, 200);
}

#[test]
fn a_missing_or_broken_bundle_is_named() {
    assert_refused(binary().env("MODEL_DIR", "/nowhere"), &["there is no directory /nowhere", "MODEL_DIR"]);
    let remove = |name: &'static str| move |dir: &Path| fs::remove_file(dir.join(name)).unwrap();
    let write =
        |name: &'static str, text: &'static str| move |dir: &Path| fs::write(dir.join(name), text).unwrap();
    assert_bundle_refused(remove("model.onnx"), &["it holds no .onnx file, neither itself nor in onnx/"]);
    assert_bundle_refused(
        remove("preprocessor_config.json"),
        &["preprocessor_config.json: there is no such file"],
    );
    assert_bundle_refused(write("config.json", "{"), &["config.json: ", "line 1"]);
    assert_bundle_refused(
        write("preprocessor_config.json", "{}"),
        &["preprocessor_config.json: size is missing"],
    );
    assert_bundle_refused(write("labels.tsv", "class_id\ten\n0\tcat\n"), &["1000 classes", "1 labels"]);
    assert_bundle_refused(write("labels.tsv", "class_id\ten\n"), &["labels.tsv: it holds no labels"]);
    assert_bundle_refused(write("model.onnx", ""), &["model.onnx: the file is empty"]);
    assert_bundle_refused(write("model.onnx", "<html></html>"), &["model.onnx: "]);
    assert_bundle_refused(
        write("model.onnx", "version https://git-lfs.github.com/spec/v1\n"),
        &["model.onnx: ", "git lfs pull"],
    );
    assert_bundle_refused(
        |dir| {
            let card = fs::read_to_string(dir.join("README.md")).unwrap();
            let digit = card.find("model_sha256: ").unwrap() + "model_sha256: ".len();
            fs::write(dir.join("README.md"), format!("{}x{}", &card[..digit], &card[digit + 1..])).unwrap();
        },
        &["model.onnx: its sha256 is ", "but model_sha256 in README.md says x"],
    );
    assert_bundle_refused(
        write("preprocessor_config.json", "{\"size\": \"big\"}"),
        &["preprocessor_config.json: size must be a number"],
    );
    assert_bundle_refused(|dir| cut(&dir.join("model.onnx"), 30_000), &["model.onnx: "]);
    // The files are mapped into memory, so missing parts must be detected before they are accessed.
    assert_bundle_refused(|dir| cut(&dir.join("model.onnx_data"), 1_000_000), &["model.onnx: "]);
    assert_bundle_refused(
        |dir| {
            cut(&dir.join("model.onnx_data"), 1_000_000);
            fs::remove_file(dir.join("README.md")).unwrap();
        },
        &["model.onnx: ", "External initializer", "out of bounds"],
    );
}

#[test]
fn a_failed_start_is_told_even_where_the_log_is_off() {
    for filter in ["off", "hyper=debug", "inof"] {
        assert_refused(
            binary().env("MODEL_DIR", "/nowhere").env("RUST_LOG", filter),
            &["there is no directory /nowhere"],
        );
    }
}

#[test]
fn every_mistake_in_the_configuration_is_told_at_once() {
    let mut process =
        Process::start(binary().arg("serve").env("TOP_K", "0").env("PORT", "x").env("MAX_PIXELS", "-1"));
    assert_eq!(process.wait(Duration::from_secs(10)).expect("it hangs").code(), Some(1));
    let log = process.log();
    for name in ["TOP_K", "PORT", "MAX_PIXELS"] {
        assert!(log.contains(name), "{name} is missing in {log}");
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut process = Process::start(binary().arg("serve").env("PORT", &port));
    assert_eq!(process.wait(Duration::from_secs(30)).expect("it hangs").code(), Some(1));
    assert!(process.log().contains(&format!("cannot listen on 127.0.0.1:{port}")), "{}", process.log());
}

#[test]
fn under_lambda_a_fault_is_one_json_line() {
    let mut process = Process::start(
        binary()
            .env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1")
            .env("AWS_LAMBDA_FUNCTION_NAME", "classifier")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769")
            .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
            .env("AWS_LAMBDA_LOG_LEVEL", "FATAL")
            .env("MODEL_DIR", "/nowhere"),
    );
    assert_eq!(process.wait(Duration::from_secs(10)).expect("it hangs").code(), Some(1));
    let log = process.log();
    let line: serde_json::Value =
        serde_json::from_str(&log).unwrap_or_else(|error| panic!("{error} in {log}"));
    assert_eq!(line["level"], "ERROR");
    assert!(line["message"].as_str().unwrap().contains("there is no directory /nowhere"), "{line}");
}

#[test]
fn a_runtime_api_without_the_rest_of_lambdas_variables_is_told() {
    let mut process = Process::start(binary().env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1"));
    assert_eq!(process.wait(Duration::from_secs(10)).expect("it hangs").code(), Some(1));
    assert!(process.log().contains("AWS_LAMBDA_FUNCTION_NAME is missing"), "{}", process.log());
}

#[test]
fn whatever_the_address_space_it_serves_or_says_why_not() {
    std::thread::scope(|scope| {
        for megabytes in (140..=260).step_by(10) {
            scope.spawn(move || {
                let shell = format!("ulimit -v {} && exec \"$0\" serve", megabytes * 1024);
                let mut command = Command::new("sh");
                command.args(["-c", &shell, env!("CARGO_BIN_EXE_image-classifier")]);
                command.env_clear().env("PORT", "0").current_dir(repository(""));
                let mut process = Process::start(&mut command);
                let deadline = Instant::now() + Duration::from_secs(60);
                while process.lines().is_empty() {
                    if process.wait(Duration::from_millis(100)).is_some() {
                        assert!(!process.log().is_empty(), "with {megabytes} MB it says nothing");
                        return;
                    }
                    assert!(Instant::now() < deadline, "with {megabytes} MB it hangs: {}", process.log());
                }
            });
        }
    });
}

/// Starts a program in a mount namespace without `/proc`.
const WITHOUT_PROC: &str = "umount -l /proc && test ! -e /proc/self && exec \"$@\"";

#[test]
fn without_proc_the_model_and_the_library_are_found_beside_the_program() {
    let isolated = || {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", WITHOUT_PROC, "sh"]);
        command
    };
    if !isolated().arg("true").output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: only root can be without /proc");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("classifier");
    fs::copy(env!("CARGO_BIN_EXE_image-classifier"), &program).unwrap();
    for name in ["model", "lib"] {
        symlink(repository(name), folder.path().join(name)).unwrap();
    }
    let path = std::env::join_paths([folder.path(), Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
    for (started_as, directory) in [
        (program.to_str().unwrap(), "/"),
        ("./classifier", folder.path().to_str().unwrap()),
        ("classifier", "/"),
    ] {
        let mut command = isolated();
        command.args([started_as, "classify", "--json"]).arg(repository("tests/fixtures/coffee.jpg"));
        let output = command.current_dir(directory).env_clear().env("PATH", &path).output().unwrap();
        let answer = String::from_utf8_lossy(&output.stdout);
        assert!(answer.contains("espresso"), "{started_as}: {}", String::from_utf8_lossy(&output.stderr));
    }
    // If files are missing, the message names them.
    fs::remove_file(folder.path().join("model")).unwrap();
    let mut command = isolated();
    command.arg(&program).args(["classify", "a.jpg"]).current_dir("/").env_clear().env("PATH", &path);
    let output = command.output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && message.contains("MODEL_DIR"), "{message}");
}

#[test]
fn no_answer_shows_where_the_model_was_on_the_disk_of_who_made_it() {
    let bundle = tempfile::tempdir().unwrap();
    for name in ["model.onnx", "model.onnx_data", "preprocessor_config.json", "labels.tsv"] {
        fs::copy(repository("model").join(name), bundle.path().join(name)).unwrap();
    }
    let config =
        r#"{"_name_or_path": "/content/drive/MyDrive/jane/checkpoint-500", "model_type": "efficientnet"}"#;
    fs::write(bundle.path().join("config.json"), config).unwrap();
    let server = Server::start_with(binary().env("MODEL_DIR", bundle.path()));
    let photo = fs::read(repository("tests/fixtures/coffee.jpg")).unwrap();
    let answers = [server.get("/info"), server.get("/openapi.json"), server.post("/classify", "", &photo)];
    for answer in answers {
        assert!(answer.status == 200 && !answer.body.contains("jane"), "{}", answer.body);
        assert!(!answer.body.contains("checkpoint"), "{}", answer.body);
    }
}

#[test]
fn the_model_that_a_start_does_not_try_is_the_committed_one() {
    let code = fs::read_to_string(repository("src/model/mod.rs")).unwrap();
    let card = fs::read_to_string(repository("model/README.md")).unwrap();
    let sha256 = card.lines().find_map(|line| line.strip_prefix("model_sha256: ")).unwrap();
    assert!(code.contains(&format!("COMMITTED_SHA256: &str = \"{sha256}\"")), "{sha256}");
}
