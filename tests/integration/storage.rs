//! Storages for tests: a stand-in for S3 whose answers, mostly faults, the test defines, and the S3 server of
//! `moto`, which is independent of our code.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use ureq::http::Method;

use crate::process::{Process, binary};
use crate::repository;

/// The binary with a storage at this address, a token, and one bucket that it may read.
pub fn with_storage(address: &str) -> Command {
    let mut command = binary();
    command
        .env("AWS_ENDPOINT_URL", address)
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "a secret of the storage")
        .env("S3_BUCKETS", "photos")
        .env("API_TOKEN", "s3cret");
    command
}

/// A request that the storage received.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    /// Path and query, as sent.
    pub target: String,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

/// An answer of the storage.
pub struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// The bytes of the body to send before the connection closes.
    sent: usize,
}

impl Reply {
    /// An object, complete.
    pub fn object(body: &[u8]) -> Self {
        let headers = vec![
            ("etag", "\"first\"".to_owned()),
            ("last-modified", "Mon, 01 Jun 2026 10:00:00 GMT".to_owned()),
        ];
        Self { status: 200, headers, body: body.to_vec(), sent: body.len() }
    }

    /// The end of an object, from this byte on.
    pub fn rest(body: &[u8], from: usize) -> Self {
        let range = format!("bytes {from}-{}/{}", body.len() - 1, body.len());
        Self { status: 206, ..Self::object(&body[from..]) }.with("content-range", range)
    }

    /// An error in S3's format.
    pub fn error(status: u16, code: &str) -> Self {
        let body = format!("<Error><Code>{code}</Code><Message>no</Message></Error>").into_bytes();
        Self { status, headers: Vec::new(), sent: body.len(), body }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(found, _)| *found != name);
        self.headers.push((name, value.into()));
        self
    }

    /// Breaks the connection after this number of bytes of the body.
    pub fn cut(mut self, sent: usize) -> Self {
        self.sent = sent;
        self
    }
}

pub struct Storage {
    pub address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Storage {
    /// Answers each request according to the request and the number of requests before it.
    pub fn start(reply: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (all, reply) = (Arc::clone(&asked), Arc::new(reply));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (all, reply) = (Arc::clone(&all), Arc::clone(&reply));
                thread::spawn(move || serve(stream, &all, &*reply));
            }
        });
        Self { address, asked }
    }

    /// Returns all requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(stream: TcpStream, all: &Mutex<Vec<Asked>>, reply: &dyn Fn(&Asked, usize) -> Reply) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    while let Some(asked) = read(&mut reader) {
        let earlier = {
            let mut all = all.lock().unwrap();
            all.push(asked.clone());
            all.len() - 1
        };
        let Reply { status, headers, body, sent } = reply(&asked, earlier);
        let mut head = format!("HTTP/1.1 {status} Status\r\n");
        let has_length = headers.iter().any(|(name, _)| *name == "content-length");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !has_length {
            head += &format!("content-length: {}\r\n", body.len());
        }
        head += "\r\n";
        let is_cut = sent < body.len() || has_length;
        let body = if asked.method == "HEAD" { &[] } else { &body[..sent] };
        // The program may have closed the connection, as it does with objects that are too large.
        if writer.write_all(&[head.as_bytes(), body].concat()).is_err() || is_cut {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&read| read > 0)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { method, target, headers, body })
}

/// The S3 server of `moto`, which `make .venv/stamp-s3` installs.
pub struct Moto {
    _process: Process,
    pub address: String,
}

impl Moto {
    pub fn start() -> Self {
        let program =
            std::env::var_os("MOTO_SERVER").map_or(repository(".venv/bin/moto_server"), PathBuf::from);
        assert!(program.exists(), "moto is missing: run make .venv/stamp-s3");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process =
            Process::start(Command::new(program).args(["-H", "127.0.0.1", "-p", &port.to_string()]));
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "moto did not start: {}", process.log());
            thread::sleep(Duration::from_millis(50));
        }
        Self { _process: process, address: format!("http://127.0.0.1:{port}") }
    }

    /// Sends a request to a path that is already percent-encoded, and returns the version that an object got.
    #[track_caller]
    pub fn put(&self, path: &str, body: &[u8]) -> Option<String> {
        self.send(Method::PUT, path, body)
    }

    #[track_caller]
    pub fn send(&self, method: Method, path: &str, body: &[u8]) -> Option<String> {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.address))
            // moto treats other bodies as forms.
            .header("content-type", "application/octet-stream")
            .header("authorization", "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260601/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0");
        let response = ureq::agent().run(request.body(body).unwrap()).unwrap();
        response.headers().get("x-amz-version-id").map(|version| version.to_str().unwrap().to_owned())
    }
}
