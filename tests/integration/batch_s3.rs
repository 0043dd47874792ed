//! `image-classifier batch` over objects in a stand-in for S3.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::models::{bundle, flat};
use crate::repository;
use crate::storage::{Asked, Reply, Storage, with_storage};

/// A storage with a bucket `photos`, and a bucket `labels` that answers a PUT with `put`.
fn buckets(put: fn(usize) -> Reply) -> Storage {
    Storage::start(move |asked: &Asked, earlier| {
        let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
        match (asked.method.as_str(), path) {
            ("PUT", _) => put(earlier),
            (_, "/photos" | "/photos/") => list(
                query,
                &[
                    "2026/.hidden.bmp",
                    "2026/a b.bmp",
                    "2026/c+d.bmp",
                    "2026/denied.bmp",
                    "2026/gone.bmp",
                    "2026/huge",
                    "2026/no_ending",
                    "2026/no_picture",
                    "2026/notes.txt",
                ],
            ),
            (_, "/labels" | "/labels/") => list(query, &["there.jsonl"]),
            (_, path) if path.contains("denied") => Reply::error(403, "AccessDenied"),
            (_, path) if path.contains("gone") => Reply::error(404, "NoSuchKey"),
            (_, path) if path.contains("huge") => Reply::object(&[b' '; 100_000]),
            (_, path) if path.contains("no_picture") => Reply::object(b"words"),
            _ => Reply::object(&flat([200, 30, 90])),
        }
    })
}

/// Returns a page of a listing, in S3's format.
fn list(query: &str, keys: &[&str]) -> Reply {
    assert!(query.contains("list-type=2"), "{query}");
    let prefix =
        query.split('&').find_map(|part| part.strip_prefix("prefix=")).unwrap_or("").replace("%2F", "/");
    let contents: String = keys
        .iter()
        .filter(|key| key.starts_with(&prefix))
        .map(|key| {
            format!(
                "<Contents><Key>{}</Key><Size>100</Size></Contents>",
                key.replace('+', "%2B").replace(' ', "+")
            )
        })
        .collect();
    let namespace = "http://s3.amazonaws.com/doc/2006-03-01/";
    let encoding = "<EncodingType>url</EncodingType>";
    Reply::object(
        format!("<ListBucketResult xmlns=\"{namespace}\">{encoding}{contents}</ListBucketResult>").as_bytes(),
    )
}

/// Only the bucket on the command line can be read, because `S3_BUCKETS` is not set.
fn batch(storage: &Storage, dir: &Path, arguments: &[&str]) -> Command {
    let mut command = with_storage(&storage.address);
    command.env_remove("S3_BUCKETS").env("MODEL_DIR", bundle("nchw-f32")).env("MAX_OBJECT_BYTES", "50000");
    command.env("ORT_DYLIB_PATH", repository("lib/libonnxruntime.so"));
    command.current_dir(dir).stdin(Stdio::null()).arg("batch").args(arguments);
    command
}

#[track_caller]
fn run(command: &mut Command, status: i32) -> Output {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(status), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Returns the source of a row, and the code of its error, if any.
fn rows(file: &Path) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = fs::read_to_string(file).unwrap();
    rows.lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|row| (text(&row["source"]), text(&row["error"]["code"])))
        .collect()
}

fn pairs<const N: usize>(expected: [(&str, &str); N]) -> Vec<(String, String)> {
    expected.map(|(source, code)| (source.to_owned(), code.to_owned())).into()
}

#[test]
fn a_prefix_is_listed_and_its_pictures_are_classified() {
    let storage = buckets(|_| Reply::error(500, "InternalError"));
    let dir = tempfile::tempdir().unwrap();
    run(
        &mut batch(
            &storage,
            dir.path(),
            &["s3://photos/2026/", "s3://photos/2026/a b.bmp", "--out", "rows.jsonl"],
        ),
        3,
    );
    let expected = [
        ("s3://photos/2026/a b.bmp", ""),
        ("s3://photos/2026/c+d.bmp", ""),
        ("s3://photos/2026/denied.bmp", "storage_denied"),
        ("s3://photos/2026/gone.bmp", "object_not_found"),
        ("s3://photos/2026/no_ending", ""),
    ];
    assert_eq!(rows(&dir.path().join("rows.jsonl")), pairs(expected));
    assert!(
        storage
            .asked()
            .iter()
            .all(|asked| !asked.target.contains("notes") && !asked.target.contains("hidden"))
    );
    let output = run(&mut batch(&storage, dir.path(), &["s3://Photos/2026/", "--out", "new.jsonl"]), 1);
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot be the name of a bucket"));
}

#[test]
fn manifests_inventories_and_lists_name_objects() {
    let storage = buckets(|_| Reply::error(500, "InternalError"));
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::write(dir.join("manifest.csv"), "photos,2026/a+b.bmp\nphotos,2026/c%2Bd.bmp,v1\n").unwrap();
    fs::write(dir.join("list.txt"), "s3://photos/2026/x.bmp\ns3://photos/2026/\n").unwrap();
    fs::create_dir_all(dir.join("inventory/2026")).unwrap();
    fs::create_dir_all(dir.join("inventory/data")).unwrap();
    let mut data = GzEncoder::new(Vec::new(), Compression::fast());
    data.write_all(b"\"photos\",\"b+c.bmp\",\"5\"\n\"photos\",\"notes.txt\",\"5\"\n").unwrap();
    fs::write(dir.join("inventory/data/1.csv.gz"), data.finish().unwrap()).unwrap();
    let manifest = r#"{"sourceBucket": "photos", "destinationBucket": "arn:aws:s3:::lists", "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, Size", "files": [{"key": "of/photos/data/1.csv.gz", "size": 1, "MD5checksum": ""}]}"#;
    fs::write(dir.join("inventory/2026/manifest.json"), manifest).unwrap();
    for (arguments, status, expected) in [
        (
            &["manifest.csv"][..],
            0,
            pairs([("s3://photos/2026/a b.bmp", ""), ("s3://photos/2026/c+d.bmp?versionId=v1", "")]),
        ),
        (&["inventory/2026/manifest.json"], 0, pairs([("s3://photos/b c.bmp", "")])),
        (
            &["--files-from", "list.txt", "s3://photos/2026/no_ending.png"],
            3,
            pairs([
                ("s3://photos/2026/no_ending.png", ""),
                ("s3://photos/2026/x.bmp", ""),
                ("s3://photos/2026/a b.bmp", ""),
                ("s3://photos/2026/c+d.bmp", ""),
                ("s3://photos/2026/denied.bmp", "storage_denied"),
                ("s3://photos/2026/gone.bmp", "object_not_found"),
                ("s3://photos/2026/no_ending", ""),
            ]),
        ),
    ] {
        run(batch(&storage, dir, arguments).args(["--out", "rows.jsonl"]), status);
        assert_eq!(rows(&dir.join("rows.jsonl")), expected);
        fs::remove_file(dir.join("rows.jsonl")).unwrap();
    }
    assert!(storage.asked().iter().any(|asked| asked.target.ends_with("?versionId=v1")));
    // A bad line has a row with an error; the lines after it are not affected.
    fs::write(dir.join("manifest.csv"), "photos,2026/a+b.bmp\nphotos\nphotos,2026/x.bmp\n").unwrap();
    run(&mut batch(&storage, dir, &["manifest.csv", "--out", "rows.jsonl"]), 3);
    let expected = [
        ("s3://photos/2026/a b.bmp", ""),
        ("manifest.csv:2", "file_unreadable"),
        ("s3://photos/2026/x.bmp", ""),
    ];
    assert_eq!(rows(&dir.join("rows.jsonl")), pairs(expected));
    let text = fs::read_to_string(dir.join("rows.jsonl")).unwrap();
    assert!(text.contains("This line names no object: a bucket and a key are expected"), "{text}");
}

#[test]
fn rows_go_to_an_object_once_they_are_complete() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::write(dir.join("a.bmp"), flat([1, 2, 3])).unwrap();
    let denied = buckets(|_| Reply::error(403, "AccessDenied"));
    let to_s3 = ["a.bmp", "--out", "s3://labels/2026/rows.jsonl"];
    let output = run(&mut batch(&denied, dir, &to_s3), 1);
    let log = String::from_utf8_lossy(&output.stderr);
    let parts = || -> Vec<_> {
        let files = fs::read_dir(dir).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        files.filter(|name| name.ends_with(".part")).collect()
    };
    let [name] = &parts()[..] else { panic!("{:?}", parts()) };
    assert!(log.contains(&format!("all rows are in {name}, and --resume tries again")), "{log}");
    let part = dir.join(name);
    // An object of the same name below another prefix has a separate file.
    run(&mut batch(&denied, dir, &["a.bmp", "--out", "s3://labels/2025/rows.jsonl"]), 1);
    assert_eq!(parts().len(), 2);
    let length = fs::read(&part).unwrap().len().to_string();

    let storage = buckets(|_| Reply::object(b""));
    run(batch(&storage, dir, &to_s3).arg("--resume"), 0);
    let asked = storage.asked();
    let put = asked.iter().find(|asked| asked.method == "PUT").unwrap();
    assert_eq!((put.target.as_str(), &put.headers["content-length"]), ("/labels/2026/rows.jsonl", &length));
    assert_eq!(put.headers["content-type"], "application/x-ndjson");
    assert!(!part.exists());

    // With --resume, too: this machine has no file to continue.
    for resume in [None, Some("--resume")] {
        let to_s3 = ["a.bmp", "--out", "s3://labels/there.jsonl"];
        let output = run(batch(&storage, dir, &to_s3).args(resume), 1);
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(log.contains("s3://labels/there.jsonl: the object is there already"), "{log}");
    }
    assert_eq!(storage.asked().iter().filter(|asked| asked.method == "PUT").count(), 1);
}
