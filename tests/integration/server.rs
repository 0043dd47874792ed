//! A local server for a test, and a client for it.

use std::io::Write as _;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use ureq::http::{HeaderMap, Method, Request};

use crate::fixture;
use crate::process::{Process, binary};

pub struct Server {
    pub process: Process,
    pub url: String,
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts a problem document with this status and code.
    #[track_caller]
    pub fn assert_problem(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], format!("urn:image-classifier:{}", code.replace('_', "-")));
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        for text in ["title", "detail"] {
            assert!(!problem[text].as_str().unwrap().is_empty());
        }
    }

    /// Returns the best label and its score, from a full answer or a bare list.
    #[track_caller]
    pub fn best(&self) -> (String, f64) {
        assert_eq!(self.status, 200, "{}", self.body);
        let json = self.json();
        let first = if json.is_array() { &json[0] } else { &json["predictions"][0] };
        (first["label"].as_str().unwrap().to_owned(), first["score"].as_f64().unwrap())
    }
}

impl Server {
    pub fn start() -> Self {
        Self::start_with(&mut binary())
    }

    pub fn start_with(command: &mut Command) -> Self {
        let mut process = Process::start(command.arg("serve").env("PORT", "0"));
        let url =
            process.wait_for_line(|line| Some(line.strip_prefix("Serving ")?.split_once(". ")?.0.to_owned()));
        Self { process, url }
    }

    /// Opens a separate connection.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.url.trim_start_matches("http://")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }

    /// Sends the head of a request and half of its body.
    pub fn half_an_upload(&self) -> (TcpStream, Vec<u8>) {
        let photo = fixture("coffee.jpg");
        let mut stream = self.connect();
        let head = format!(
            "POST /predict HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            photo.len()
        );
        stream.write_all(&[head.as_bytes(), &photo[..photo.len() / 2]].concat()).unwrap();
        // The server must have begun to read it.
        std::thread::sleep(Duration::from_millis(200));
        (stream, photo)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], &[])
    }

    pub fn post(&self, path: &str, content_type: &str, body: &[u8]) -> Answer {
        let headers = [("content-type", content_type)];
        self.send(Method::POST, path, if content_type.is_empty() { &[] } else { &headers }, body)
    }

    pub fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .build()
            .into();
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = agent.run(request.body(body).unwrap()).unwrap();
        let (parts, mut body) = response.into_parts();
        let body = body.read_to_string().unwrap();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }
}
