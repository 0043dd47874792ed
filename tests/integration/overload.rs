//! Too many requests, slow clients, and clients that disconnect.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::emulator::Function;
use crate::fixture;
use crate::process::binary;
use crate::server::Server;

/// Returns a BMP of one colour that takes time to classify but is small to send: its pixels are run-length
/// encoded.
fn large_picture(shade: u8) -> Vec<u8> {
    // Smaller than a quarter of the pixel limit, so that a request may contain many of them.
    let (width, height) = (3500_u32, 3500_u32);
    let row = [[255, shade].repeat((width / 255) as usize), vec![(width % 255) as u8, shade, 0, 0]].concat();
    let pixels = row.repeat(height as usize);
    let palette: Vec<u8> = (0..=255).flat_map(|grey: u8| [grey, grey, grey, 0]).collect();
    let offset = 54 + palette.len() as u32;
    let mut file = b"BM".to_vec();
    for number in
        [offset + pixels.len() as u32, 0, offset, 40, width, height, 1 | 8 << 16, 1, pixels.len() as u32]
    {
        file.extend(number.to_le_bytes());
    }
    file.extend([0; 16]);
    [file, palette, pixels].concat()
}

/// A server whose requests all take a while, because it has no cache.
fn busy_server(queue: &str) -> Server {
    Server::start_with(binary().env("CACHE_ENTRIES", "0").env("MAX_CONCURRENCY", "1").env("MAX_QUEUE", queue))
}

#[test]
fn beyond_the_queue_requests_are_refused_at_once_and_health_answers() {
    let server = busy_server("2");
    let picture = large_picture(100);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let send = || {
            let mut answers = Vec::new();
            for _ in 0..6 {
                let start = Instant::now();
                let answer = server.post("/predict", "", &picture);
                answers.push((answer.status, start.elapsed(), answer.header("retry-after").to_owned()));
                if answer.status == 503 {
                    answer.assert_problem(503, "overloaded");
                    thread::sleep(Duration::from_millis(20));
                }
            }
            answers
        };
        let clients: Vec<_> = (0..8).map(|_| scope.spawn(send)).collect();
        let health = scope.spawn(|| {
            let mut stream = server.connect();
            let mut times = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let start = Instant::now();
                stream.write_all(b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
                let mut buffer = [0; 1024];
                let read = stream.read(&mut buffer).unwrap();
                assert!(buffer[..read].starts_with(b"HTTP/1.1 200"));
                times.push(start.elapsed());
                thread::sleep(Duration::from_millis(5));
            }
            times
        });
        let answers: Vec<_> = clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
        is_over.store(true, Ordering::Relaxed);
        let mut health = health.join().unwrap();
        let (refused, served): (Vec<_>, Vec<_>) = answers.iter().partition(|(status, ..)| *status == 503);
        assert!(served.iter().all(|(status, ..)| *status == 200), "{served:?}");
        assert!(refused.len() >= 8 && served.len() >= 8, "{answers:?}");
        assert!(refused.iter().all(|(_, _, retry_after)| retry_after == "1"));
        let median = |mut times: Vec<Duration>| {
            times.sort();
            times[times.len() / 2]
        };
        let at_once = median(refused.iter().map(|(_, time, _)| *time).collect());
        let waited = median(served.iter().map(|(_, time, _)| *time).collect());
        // Sending the bodies takes a few milliseconds.
        assert!(at_once * 3 < waited, "{at_once:?} {waited:?}");
        health.sort();
        let (median, p90) = (health[health.len() / 2], health[health.len() * 9 / 10]);
        assert!(median < Duration::from_millis(10), "{median:?}, of ten nine within {p90:?}");
    });
    let metrics = server.get("/metrics").body;
    assert!(metrics.contains("image_classifier_errors_total{code=\"overloaded\"}"), "{metrics}");
}

/// Sends a whole request, and does not wait for its answer.
fn ask(server: &Server, picture: &[u8]) -> TcpStream {
    let mut stream = server.connect();
    let head = format!("POST /predict HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", picture.len());
    stream.write_all(&[head.as_bytes(), picture].concat()).unwrap();
    stream
}

fn waiting(server: &Server) -> u32 {
    let text = server.get("/metrics").body;
    let line = text.lines().find_map(|line| line.strip_prefix("image_classifier_requests_waiting "));
    line.unwrap().parse().unwrap()
}

/// Waits until this number of requests wait.
#[track_caller]
fn wait_for_queue(server: &Server, expected: u32) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while waiting(server) != expected {
        assert!(Instant::now() < deadline, "{} wait, not {expected}", waiting(server));
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_client_that_goes_away_frees_its_place() {
    let server = busy_server("8");
    let start = Instant::now();
    server.post("/predict", "", &large_picture(1));
    let one = start.elapsed();
    // Sixteen images in one request occupy the only slot sixteen times as long.
    let slow = {
        let image = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, large_picture(1));
        json!({"images": vec![image; 16]}).to_string().into_bytes()
    };
    let working = ask(&server, &slow);
    thread::sleep(2 * one);
    let queue: Vec<_> = (0..8).map(|_| ask(&server, &fixture("coffee.jpg"))).collect();
    wait_for_queue(&server, 8);
    server.post("/predict", "", &fixture("coffee.jpg")).assert_problem(503, "overloaded");
    drop(queue);
    wait_for_queue(&server, 0);
    // The request in progress ends after the current image.
    drop(working);
    let start = Instant::now();
    assert_eq!(server.post("/predict", "", &fixture("coffee.jpg")).status, 200);
    let freed = start.elapsed();
    assert!(freed < 5 * one, "after {freed:?}, where one takes {one:?}");
    let log = server.process.log_with("status=499", 9);
    assert!(log.contains("route=\"/predict\" status=499"), "{log}");
    let metrics = server.get("/metrics").body;
    let gone = metrics.lines().find(|line| line.contains("status=\"499\"")).unwrap();
    assert!(gone.ends_with(" 9"), "{gone}");
    assert!(metrics.contains("request_seconds_count{part=\"total\"} 2"), "{metrics}");
}

#[test]
fn a_client_that_is_slow_is_told_so() {
    let server = Server::start_with(binary().env("REQUEST_TIMEOUT_MS", "500"));
    let slow = |sent: &[u8]| {
        let mut stream = server.connect();
        stream.write_all(sent).unwrap();
        let start = Instant::now();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let waited = start.elapsed();
        assert!((300..5000).contains(&waited.as_millis()), "{waited:?}: {answer}");
        answer
    };
    let body = b"POST /classify HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhalf";
    let head = b"POST /classify HTTP/1.1\r\nhost: a\r\ncontent-le";
    for sent in [&body[..], head] {
        let answer = slow(sent);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let head = head.to_ascii_lowercase();
        assert_eq!(head.matches("content-length").count(), 1, "{head}");
        assert!(head.starts_with("http/1.1 408 request timeout\r\n"), "{answer}");
        for header in ["connection: close", "content-type: application/problem+json", "x-request-id: "] {
            assert!(head.contains(header), "{header} is not in {head}");
        }
        let problem: Value = serde_json::from_str(body).unwrap();
        assert_eq!(problem["code"], "request_timeout");
        assert!(problem["detail"].as_str().unwrap().contains("0.5 seconds"), "{problem}");
    }
    // A client that sends nothing gets no answer.
    assert_eq!(slow(b""), "");
    assert_eq!(slow(b"\r\n\r\n"), "");
    // Other errors are reported, however slow the rest is.
    let large = slow(b"POST /classify HTTP/1.1\r\nhost: a\r\ncontent-length: 60000000\r\n\r\nhalf");
    assert!(large.starts_with("HTTP/1.1 413 "), "{large}");
    server.process.log_with("code=\"request_timeout\"", 2);
}

#[test]
fn a_client_that_does_not_take_its_answers_loses_its_connection() {
    let server = Server::start_with(binary().env("REQUEST_TIMEOUT_MS", "500"));
    let mut stream = server.connect();
    // Unread answers fill the buffers on the way.
    let request = b"GET /openapi.json HTTP/1.1\r\nhost: a\r\n\r\n".repeat(100);
    stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let written = stream.write(&request);
        // With full buffers, the connection cannot be written to, but it is still open.
        let is_full = written.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        if written.is_err() && !is_full {
            break;
        }
        assert!(Instant::now() < deadline, "it is still connected");
    }
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn connections_are_capped_and_those_beyond_wait() {
    let server = Server::start_with(binary().env("MAX_CONNECTIONS", "3").env("REQUEST_TIMEOUT_MS", "20000"));
    let health = b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n";
    let mut all: Vec<_> = (0..3).map(|_| server.connect()).collect();
    for stream in &mut all {
        stream.write_all(health).unwrap();
        assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
    }
    let mut fourth = server.connect();
    fourth.write_all(health).unwrap();
    fourth.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    assert!(fourth.read(&mut [0; 1024]).is_err());
    drop(all.pop());
    fourth.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert!(fourth.read(&mut [0; 1024]).unwrap() > 0);
}

#[test]
fn the_bodies_in_memory_are_bounded() {
    // 8 bodies of 3 x 1,000,000 + 65,536 bytes each.
    let server = Server::start_with(binary().env("MAX_BODY_BYTES", "1000000"));
    let half = |length: usize| {
        let mut stream = server.connect();
        let head = format!("POST /predict HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", length + 1);
        stream.write_all(&[head.as_bytes(), &vec![b'A'; length]].concat()).unwrap();
        stream
    };
    let held: Vec<_> = (0..8).map(|_| half(3_000_000)).collect();
    thread::sleep(Duration::from_millis(500));
    server.post("/predict", "", &vec![b'A'; 900_000]).assert_problem(503, "overloaded");
    assert_eq!(server.get("/health").status, 200);
    drop(held);
    let deadline = Instant::now() + Duration::from_secs(10);
    while server.post("/predict", "", &fixture("coffee_500x375.jpg")).status != 200 {
        assert!(Instant::now() < deadline, "the memory is not given back");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_environment_of_many_invocations_at_a_time_answers_each_with_its_own() {
    let function =
        Function::start_with(binary().env("AWS_LAMBDA_MAX_CONCURRENCY", "32").env("CACHE_ENTRIES", "0"));
    let names = ["coffee.jpg", "chelsea.png", "rocket.jpg", "china.jpg"];
    let event = |name: &str, top_k: usize| {
        let image = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, fixture(name));
        json!({"image": image, "top_k": top_k}).to_string()
    };
    let expected: Vec<_> = names
        .iter()
        .map(|name| function.invoke(&event(name, 1)).response()["predictions"][0]["label"].clone())
        .collect();
    let events: Vec<_> =
        (0..40).map(|index| (index % names.len(), event(names[index % names.len()], index + 1))).collect();
    events.iter().for_each(|(_, event)| function.send(event));
    for _ in &events {
        let (of, outcome) = function.receive();
        let (index, top_k) = events
            .iter()
            .enumerate()
            .find_map(|(number, (index, event))| (*event == of).then_some((*index, number + 1)))
            .unwrap();
        let answer = outcome.response();
        assert_eq!(answer["predictions"][0]["label"], expected[index]);
        assert_eq!(answer["predictions"].as_array().unwrap().len(), top_k);
    }
    assert!(function.most_at_a_time() > 1);
    // The others are not refused: Lambda has counted them.
    let large = vec![b'A'; 4_400_000];
    let event = json!({"version": "2.0", "rawPath": "/predict", "body": String::from_utf8(large).unwrap(),
                       "requestContext": {"http": {"method": "POST", "path": "/predict"}}});
    (0..40).for_each(|_| function.send(&event.to_string()));
    for _ in 0..40 {
        assert_eq!(function.receive().1.response()["statusCode"], 415);
    }
}
