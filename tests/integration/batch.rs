//! `image-classifier batch`: folders and lists → rows, even if it is interrupted.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::models::{bundle, flat};
use crate::process::binary;
use crate::repository;

/// A command in a folder, with a model that takes a tenth of a millisecond.
fn program(mut command: Command, dir: &Path) -> Command {
    command.env("MODEL_DIR", bundle("nchw-f32")).env("ORT_DYLIB_PATH", repository("lib/libonnxruntime.so"));
    command.current_dir(dir).stdin(Stdio::null());
    command
}

fn batch(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = program(binary(), dir);
    command.arg("batch").args(arguments);
    command
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Runs the command to its end.
#[track_caller]
fn run(command: &mut Command, status: i32) -> Output {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(status), "{}", text(&output.stderr));
    output
}

/// Asserts that the command does not start, and that the reason contains all of `expected`.
#[track_caller]
fn refused(command: &mut Command, expected: &[&str]) {
    let output = run(command, 1);
    for expected in expected {
        assert!(text(&output.stderr).contains(expected), "{expected:?} is not in {}", text(&output.stderr));
    }
}

fn rows(file: &Path) -> Vec<Value> {
    let rows = fs::read_to_string(file).unwrap();
    rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn sources(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["source"].as_str().unwrap()).collect()
}

fn put(dir: &Path, name: impl AsRef<Path>, content: &[u8]) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Writes `count` pictures of different colours to `photos`, and returns their names.
fn photos(count: usize) -> (TempDir, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let names: Vec<_> = (0..count).map(|index| format!("photos/{index:05}.bmp")).collect();
    for (index, name) in names.iter().enumerate() {
        let byte = |shift: usize| u8::try_from(index >> shift & 0xff).unwrap();
        put(dir.path(), name, &flat([byte(0), byte(8), 77]));
    }
    (dir, names)
}

/// A running `batch` that reads a list from a pipe, which the test keeps open.
struct Fed(Child);

impl Fed {
    fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    fn feed(&mut self, names: &[String]) {
        let list: String = names.iter().map(|name| format!("{name}\n")).collect();
        self.0.stdin.as_mut().unwrap().write_all(list.as_bytes()).unwrap();
    }

    /// Waits until the file has this number of lines.
    #[track_caller]
    fn wait_for(&mut self, file: &Path, lines: usize) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let found = fs::read(file).map_or(0, |rows| rows.iter().filter(|&&byte| byte == b'\n').count());
            if found >= lines {
                return;
            }
            assert_eq!(self.0.try_wait().unwrap(), None, "it ended");
            assert!(Instant::now() < deadline, "only {found} of {lines} rows came");
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn signal(&self, name: &str) {
        let id = self.0.id();
        assert!(Command::new("sh").args(["-c", &format!("kill -{name} {id}")]).status().unwrap().success());
    }

    /// Returns the exit status. The process must end although the pipe is open.
    #[track_caller]
    fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("it does not end");
    }

    fn peak_memory_kb(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim_end_matches("kB").trim().parse().unwrap()
    }
}

impl Drop for Fed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_folder_is_walked_and_every_picture_has_one_row_in_the_order_of_the_names() {
    let (dir, _) = photos(3);
    let dir = dir.path();
    put(dir, "photos/b/broken.jpg", b"\xff\xd8\xff\xe0 and no more");
    put(dir, "photos/b/empty.png", b"");
    put(dir, "photos/b/phone.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic");
    put(dir, "photos/b/without_ending", &flat([1, 2, 3]));
    put(dir, "photos/b/Thumbs.db", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 thumbnails");
    put(dir, "photos/b/notes.txt", b"BMW 3, GIF, and other words");
    put(dir, "photos/.hidden/1.bmp", &flat([1, 2, 3]));
    put(dir, "photos/._1.bmp", b"of a Mac");
    symlink("..", dir.join("photos/b/up")).unwrap();
    symlink("nowhere.png", dir.join("photos/b/gone.png")).unwrap();
    let output = run(
        &mut batch(dir, &["photos", "photos/", "./photos", "photos/00001.bmp", "--out", "rows.jsonl"]),
        3,
    );
    let rows = rows(&dir.join("rows.jsonl"));
    assert_eq!(
        sources(&rows),
        [
            "photos/00000.bmp",
            "photos/00001.bmp",
            "photos/00002.bmp",
            "photos/b/broken.jpg",
            "photos/b/empty.png",
            "photos/b/gone.png",
            "photos/b/phone.heic",
            "photos/b/without_ending",
        ]
    );
    let codes: Vec<_> = rows.iter().map(|row| row["error"]["code"].as_str().unwrap_or("")).collect();
    assert_eq!(
        codes,
        ["", "", "", "truncated_image", "empty_body", "file_not_found", "unsupported_format", ""]
    );
    assert_eq!(rows[6]["error"]["status"], 415);
    assert!(rows[6]["error"]["detail"].as_str().unwrap().contains("An HEIC image is not accepted"));
    assert_eq!(rows[0]["image"], serde_json::json!({"format": "bmp", "width": 4, "height": 4}));
    assert_eq!(rows[0]["predictions"].as_array().unwrap().len(), 3);
    let keys: Vec<_> = rows[0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["image", "predictions", "source"]);
    let log = text(&output.stderr);
    assert!(log.contains("rows.jsonl: 8 rows in ") && log.contains(", 4 of them errors; 2 files "), "{log}");
}

#[test]
fn two_runs_write_the_same_bytes_whatever_the_number_of_jobs() {
    let (dir, _) = photos(300);
    let dir = dir.path();
    for (out, jobs) in [("1.jsonl", "1"), ("2.jsonl", "4")] {
        run(&mut batch(dir, &["photos", "--out", out, "--jobs", jobs]), 0);
    }
    assert_eq!(rows(&dir.join("1.jsonl")).len(), 300);
    assert!(fs::read(dir.join("1.jsonl")).unwrap() == fs::read(dir.join("2.jsonl")).unwrap());
    let output = run(&mut batch(dir, &["photos", "--out", "-", "--jobs", "2"]), 0);
    assert!(output.stdout == fs::read(dir.join("1.jsonl")).unwrap());
}

#[test]
fn lists_name_pictures_and_folders() {
    let (dir, names) = photos(2);
    let dir = dir.path();
    put(dir, "more/a\nb.bmp", &flat([9, 9, 9]));
    put(dir, "lines.txt", b"\xef\xbb\xbfphotos/00001.bmp\r\n\r\nmissing.jpg\nmore\nphotos\n");
    run(&mut batch(dir, &["--files-from", "lines.txt", "--out", "rows.jsonl"]), 3);
    let expected = [&names[1], "missing.jpg", "more/a\nb.bmp", &names[0]];
    assert_eq!(sources(&rows(&dir.join("rows.jsonl"))), expected);

    let nul = fs::File::create(dir.join("nul.txt")).unwrap();
    (&nul).write_all(b"more/a\nb.bmp\0photos/00000.bmp").unwrap();
    for (out, arguments) in
        [("a.jsonl", &["-"][..]), ("b.jsonl", &["-", "--null"]), ("c.jsonl", &["-", "-0"])]
    {
        let list = fs::File::open(dir.join("nul.txt")).unwrap();
        run(batch(dir, arguments).args(["--out", out]).stdin(list), 0);
        assert_eq!(sources(&rows(&dir.join(out))), ["more/a\nb.bmp", &names[0]]);
    }
}

#[test]
fn names_that_are_not_utf8_are_escaped_and_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for name in [&b"caf\xe9.bmp"[..], b"caf\\xe9.bmp", b"=1+1, \"quoted\".bmp"] {
        put(&dir.join("photos"), Path::new(OsStr::from_bytes(name)), &flat([1, 2, 3]));
    }
    let expected = ["photos/=1+1, \"quoted\".bmp", "photos/caf\\x5cxe9.bmp", "photos/caf\\xe9.bmp"];
    for out in ["rows.jsonl", "rows.csv"] {
        run(&mut batch(dir, &["photos", "--out", out]), 0);
        let before = fs::read(dir.join(out)).unwrap();
        run(&mut batch(dir, &["photos", "--out", out, "--resume"]), 0);
        assert_eq!(fs::read(dir.join(out)).unwrap(), before);
    }
    assert_eq!(sources(&rows(&dir.join("rows.jsonl"))), expected);
}

#[test]
fn csv_says_the_same_as_json() {
    let (dir, _) = photos(4);
    let dir = dir.path();
    put(dir, "photos/a, \"b\"\n.bmp", &flat([0, 0, 0]));
    put(dir, "photos/broken.png", b"no picture");
    for out in ["rows.jsonl", "rows.csv"] {
        run(&mut batch(dir, &["photos", "--out", out, "--top-k", "2"]), 3);
    }
    let mut csv = csv::Reader::from_path(dir.join("rows.csv")).unwrap();
    let table: Vec<BTreeMap<String, String>> = csv.deserialize().map(Result::unwrap).collect();
    let rows = rows(&dir.join("rows.jsonl"));
    assert_eq!((table.len(), rows.len()), (6, 6));
    for (columns, row) in table.iter().zip(&rows) {
        assert_eq!(row["source"], columns["source"]);
        for rank in [1, 2] {
            let found = &row["predictions"][rank - 1];
            let column = |name: &str| columns[&format!("{name}_{rank}")].as_str();
            assert_eq!(found["label"].as_str().unwrap_or_default(), column("label"));
            assert_eq!(found["score"].as_f64(), column("score").parse().ok());
            assert_eq!(found["class_id"].as_u64(), column("class_id").parse().ok());
        }
        assert_eq!(row["error"]["code"].as_str().unwrap_or_default(), columns["error_code"]);
        assert_eq!(row["error"]["detail"].as_str().unwrap_or_default(), columns["error_detail"]);
    }
}

#[test]
fn what_was_killed_is_resumed_to_the_same_file() {
    let (dir, names) = photos(400);
    let dir = dir.path();
    put(dir, "photos/00007.bmp", b"broken");
    let list = names.join("\n");
    put(dir, "list.txt", list.as_bytes());
    for out in ["rows.jsonl", "rows.csv"] {
        let whole = format!("whole-{out}");
        run(&mut batch(dir, &["--files-from", "list.txt", "--out", &whole]), 3);
        let whole = fs::read(dir.join(whole)).unwrap();
        for (signal, status) in [("KILL", None), ("INT", Some(130)), ("TERM", Some(130))] {
            let file = dir.join(out);
            let mut fed = Fed::start(&mut batch(dir, &["-", "--out", out]));
            fed.feed(&names[..100]);
            // Each row is in the file as soon as it is done.
            fed.wait_for(&file, 50);
            if signal != "KILL" {
                fed.wait_for(&file, 100);
            }
            fed.signal(signal);
            assert_eq!(fed.wait().code(), status, "{signal}");
            let part = fs::read(&file).unwrap();
            assert!(part.len() < whole.len() && whole.starts_with(&part), "{out} {signal}");
            // As if the process had died in the middle of a row.
            fs::write(&file, &part[..part.len() - 7]).unwrap();
            run(&mut batch(dir, &["photos", "--out", out, "--resume"]), 3);
            assert!(fs::read(&file).unwrap() == whole, "{out} {signal}");
            fs::remove_file(&file).unwrap();
        }
    }
}

#[test]
fn what_failed_for_reasons_that_pass_is_tried_again() {
    let (dir, names) = photos(3);
    let dir = dir.path();
    put(dir, "broken.png", b"no picture");
    // The program accepts the name of a pipe, but cannot read the pipe.
    assert!(Command::new("mkfifo").arg(dir.join("pipe.bmp")).status().unwrap().success());
    put(dir, "list.txt", format!("{}\npipe.bmp\nbroken.png\n{}\n", names[0], names[1]).as_bytes());
    for out in ["rows.jsonl", "rows.csv"] {
        let first = ["--files-from", "list.txt", "--out", out];
        run(&mut batch(dir, &first), 3);
        fs::rename(dir.join("pipe.bmp"), dir.join("pipe")).unwrap();
        put(dir, "pipe.bmp", &flat([1, 2, 3]));
        // A file with this name may belong to a run that writes its rows to S3.
        put(dir, format!("{out}.part"), b"another file");
        run(&mut batch(dir, &["--files-from", "list.txt", "--out", out, "--resume"]), 3);
        assert_eq!(fs::read(dir.join(format!("{out}.part"))).unwrap(), b"another file");
        fs::remove_file(dir.join(format!("{out}.part"))).unwrap();
        fs::rename(dir.join("pipe"), dir.join("pipe.bmp")).unwrap();
        let rows = fs::read_to_string(dir.join(out)).unwrap();
        let lines: Vec<_> = rows.lines().skip(usize::from(out == "rows.csv")).collect();
        assert_eq!(lines.len(), 4, "{rows}");
        assert!(lines[1].contains("broken.png") && lines[1].contains("unsupported_format"), "{rows}");
        assert!(lines[3].contains("pipe.bmp") && lines[3].contains("class 2"), "{rows}");
    }
    let files = fs::read_dir(dir).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    assert_eq!(files.filter(|name| name.ends_with(".part")).count(), 0);
}

#[test]
fn nothing_is_written_over_and_what_can_be_done_is_told() {
    let (dir, _) = photos(1);
    let dir = dir.path();
    put(dir, "rows.jsonl", b"years of work\n");
    put(dir, "rows.csv", b"source,label_1,score_1,class_id_1,error_code,error_detail\n");
    fs::create_dir(dir.join("folder.csv")).unwrap();
    fs::create_dir(dir.join("empty")).unwrap();
    put(dir, "empty/Thumbs.db", b"no picture");
    for (arguments, expected) in [
        (
            &["photos", "--out", "rows.jsonl"][..],
            &["rows.jsonl: the file is there already", "--resume", "--out"][..],
        ),
        (&["photos", "--out", "rows.jsonl", "--resume"], &["line 1 is not a row that this program wrote"]),
        (&["photos", "--out", "rows.csv", "--resume"], &["rows.csv: its first line is not ", "--top-k"]),
        (&["photos", "--out", "folder.csv", "--resume"], &["it is not a file"]),
        (&["photos", "--out", "nowhere/rows.csv"], &["nowhere/rows.csv: No such file or directory"]),
        (&["photos", "--out", "/proc/rows.csv"], &["/proc/rows.csv: "]),
        (&["photos", "--out", "rows.txt"], &["rows.txt: the ending decides the format", ".jsonl", ".csv"]),
        (&["photos", "--out", "-", "--resume"], &["standard output cannot be resumed"]),
        (&["fotos", "fotos.txt", "--out", "new.csv"], &["fotos: No such file", "fotos.txt: No such file"]),
        (&["--files-from", "fotos.txt", "--out", "new.csv"], &["fotos.txt: No such file"]),
        (&["empty", "--out", "new.csv"], &["there are no images in empty"]),
        (&["-", "--out", "new.csv"], &["there are no images in -"]),
        (&["photos", "--basic", "--out", "new.csv"], &["have no categories"]),
    ] {
        refused(&mut batch(dir, arguments), expected);
        assert!(!dir.join("new.csv").exists(), "{arguments:?}");
    }
    assert_eq!(fs::read(dir.join("rows.jsonl")).unwrap(), b"years of work\n");
    run(&mut batch(dir, &["photos"]), 2);
    run(&mut batch(dir, &["--out", "new.csv"]), 2);
}

#[test]
fn a_disk_that_is_full_costs_no_row() {
    let (dir, _) = photos(300);
    let dir = dir.path();
    // The file size limit, in blocks of 512 bytes. The program reports it like a full disk.
    let mut limited = program(Command::new("sh"), dir);
    limited.args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\""]).arg(binary().get_program());
    limited.args(["batch", "photos", "--out", "rows.jsonl"]);
    refused(&mut limited, &["rows.jsonl: File too large", "--resume"]);
    let part = fs::read(dir.join("rows.jsonl")).unwrap();
    assert!(part.ends_with(b"}\n") && part.len() > 7000, "{} bytes", part.len());
    run(&mut batch(dir, &["photos", "--out", "rows.jsonl", "--resume"]), 0);
    let rows = rows(&dir.join("rows.jsonl"));
    assert_eq!(rows.len(), 300);
    assert_eq!(sources(&rows).into_iter().collect::<BTreeSet<_>>().len(), 300);
}

#[test]
fn two_runs_do_not_write_one_file() {
    let (dir, names) = photos(2);
    let dir = dir.path();
    let mut first = Fed::start(&mut batch(dir, &["-", "--out", "rows.jsonl"]));
    first.feed(&names[..1]);
    first.wait_for(&dir.join("rows.jsonl"), 1);
    refused(&mut batch(dir, &["photos", "--out", "rows.jsonl", "--resume"]), &["another run is writing it"]);
    drop(first.0.stdin.take());
    assert!(first.wait().success());
}

#[test]
fn memory_does_not_grow_with_the_number_of_rows() {
    let (dir, names) = photos(10_000);
    let dir = dir.path();
    let file = dir.join("rows.csv");
    let mut fed = Fed::start(&mut batch(dir, &["-", "--out", "rows.csv"]));
    fed.feed(&names[..1_000]);
    fed.wait_for(&file, 1_001);
    let after_1000 = fed.peak_memory_kb();
    fed.feed(&names[1_000..]);
    fed.wait_for(&file, 10_001);
    let grown = fed.peak_memory_kb() - after_1000;
    // 9,000 names are stored as 16 bytes each, in a table with room for twice as many.
    assert!(grown < 3_000, "{grown} kB more than {after_1000} kB");
    drop(fed.0.stdin.take());
    assert!(fed.wait().success());
}

#[test]
fn standard_output_that_nobody_reads_any_more_is_a_normal_end() {
    let (dir, _) = photos(2_000);
    let mut child = batch(dir.path(), &["photos", "--out", "-"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn classify_walks_folders_too() {
    let (dir, _) = photos(2);
    let dir = dir.path();
    put(dir, "photos/Thumbs.db", b"no picture");
    put(dir, "photos/more/broken.jpg", b"no picture");
    symlink("..", dir.join("photos/more/up")).unwrap();
    fs::create_dir(dir.join("empty")).unwrap();
    let output = run(program(binary(), dir).args(["classify", "--json", "photos", "empty"]), 1);
    let lines: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let files: Vec<_> = lines.iter().map(|line| line["file"].as_str().unwrap()).collect();
    assert_eq!(files, ["photos/00000.bmp", "photos/00001.bmp", "photos/more/broken.jpg", "empty"]);
    assert_eq!(lines[3]["error"], "There are no images in this folder.");
}

#[test]
fn the_help_of_batch_is_about_batch() {
    let help = |command: &str| {
        let output = run(binary().args([command, "--help"]), 0);
        text(&output.stdout).to_owned()
    };
    let (batch, serve) = (help("batch"), help("serve"));
    for server in ["--port", "--api-token", "--cors-allow-origins", "--metrics"] {
        assert!(!batch.contains(server), "{batch}");
        assert!(serve.contains(server), "{serve}");
    }
    for own in ["--out", "--resume", "--top-k", "--model-dir", "--max-pixels", "exit status"] {
        assert!(batch.contains(own), "{own} is not in {batch}");
    }
}
