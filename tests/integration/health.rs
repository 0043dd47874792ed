//! `image-classifier health`, which the container's health check runs.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::process::{Process, binary};
use crate::server::Server;

/// Runs `health` with these variables, and returns its exit status, output and log.
#[track_caller]
fn ask(command: &mut Command) -> (i32, Vec<String>, String) {
    let mut process = Process::start(command);
    let status = process.wait(Duration::from_secs(10)).expect("it hangs");
    (status.code().unwrap(), process.lines(), process.log())
}

/// Asserts exit status 1 and one line that contains `expected`.
#[track_caller]
fn assert_unhealthy(command: &mut Command, expected: &str) {
    let (status, lines, log) = ask(command);
    assert_eq!((status, lines.len(), log.lines().count()), (1, 0, 1), "{log}");
    assert!(log.contains(expected), "{expected} is missing in {log}");
}

fn health() -> Command {
    let mut command = binary();
    command.arg("health");
    command
}

fn health_of(address: SocketAddr) -> Command {
    let mut command = health();
    command.arg("--url").arg(format!("http://{address}"));
    command
}

/// A server that sends every client the same bytes, after the client has sent something.
fn server_that_answers(bytes: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(bytes.as_bytes());
        }
    });
    address
}

#[test]
fn a_server_that_lives_is_healthy() {
    let server = Server::start();
    let (status, lines, log) = ask(health().args(["--url", &server.url]));
    assert_eq!((status, log.as_str()), (0, ""));
    assert_eq!(lines, [format!("{}/health answers 200.", server.url)]);
    // An unknown path is not /health.
    assert_unhealthy(
        health().arg(format!("--url={}/nowhere", server.url)),
        "answers 404 Not Found, not 200.",
    );
}

#[test]
fn it_reads_host_and_port_as_serve_does_and_asks_the_loopback_address() {
    for (host, loopback) in [("0.0.0.0", "127.0.0.1"), ("::", "[::1]")] {
        if TcpListener::bind((host, 0)).is_err() {
            eprintln!("skipped: this machine has no {host}");
            continue;
        }
        let server = Server::start_with(binary().env("HOST", host));
        let port = server.url.rsplit(':').next().unwrap();
        let (status, lines, log) = ask(health().env("HOST", host).env("PORT", port));
        assert_eq!(status, 0, "{log}");
        assert_eq!(lines, [format!("http://{loopback}:{port}/health answers 200.")]);
        let (status, ..) = ask(health().args(["--host", host, "--port", port]));
        assert_eq!(status, 0);
    }
}

#[test]
fn a_token_is_not_needed() {
    let server = Server::start_with(binary().env("API_TOKEN", "secret"));
    assert_eq!(ask(health().args(["--url", &server.url])).0, 0);
}

#[test]
fn where_nobody_listens_it_says_so() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let expected = format!("http://{address}/health cannot be asked: Connection refused");
    assert_unhealthy(&mut health_of(address), &expected);
    // The defaults of `serve`, on a port that is certainly free.
    let port = address.port().to_string();
    assert_unhealthy(health().env("PORT", port), &expected);
}

#[test]
fn any_status_but_200_is_unhealthy() {
    for (answer, expected) in [
        (
            "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
            "answers 503 Service Unavailable, not 200.",
        ),
        ("HTTP/1.1 204 No Content\r\n\r\n", "answers 204 No Content, not 200."),
        (
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
            "answers 302 Found",
        ),
        ("SSH-2.0-OpenSSH_9.2\r\n", "cannot be asked: "),
        ("", "cannot be asked: "),
    ] {
        assert_unhealthy(&mut health_of(server_that_answers(answer)), expected);
    }
}

#[test]
fn a_server_that_never_answers_is_waited_for_2_seconds() {
    // The operating system accepts the connection; no process reads from it.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let begin = Instant::now();
    assert_unhealthy(&mut health_of(listener.local_addr().unwrap()), "does not answer within 2 seconds.");
    let taken = begin.elapsed();
    assert!((Duration::from_secs(2)..Duration::from_secs(8)).contains(&taken), "{taken:?}");
}

#[test]
fn what_cannot_be_asked_is_refused() {
    assert_unhealthy(
        health().args(["--url", "https://127.0.0.1:5000"]),
        "--url must be like http://127.0.0.1:5000",
    );
    assert_unhealthy(health().env("PORT", "0"), "PORT is 0");
    assert_unhealthy(health().env("PORT", "x"), "PORT must be a number");
}

#[test]
fn its_help_is_about_the_server_it_asks() {
    let (status, lines, _) = ask(health().arg("--help"));
    let help = lines.join("\n");
    assert_eq!(status, 0);
    for shown in ["--url", "--host", "--port", "exit status 0"] {
        assert!(help.contains(shown), "{shown} is missing in {help}");
    }
    for hidden in ["--top-k", "--model-dir", "--s3-buckets"] {
        assert!(!help.contains(hidden), "{hidden} stands in {help}");
    }
}
