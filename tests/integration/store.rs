//! S3 for the tests of events: the objects in a `moto` server, and a stand-in that stores what is written and
//! can be given faults.

use std::collections::HashMap;
use std::io::{BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use ureq::http::{Method, Request};

use crate::emulator::read_request;
use crate::process::binary;
use crate::storage::Moto;

/// Any signature will do, but there must be one.
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=test/20260301/us-east-1/s3/aws4_request, SignedHeaders=host, \
     Signature=none";

/// The address of an S3 server.
pub struct Store {
    pub url: String,
    /// The moto server, which ends with this value.
    _moto: Option<Moto>,
}

impl Store {
    /// Starts a moto server.
    pub fn moto() -> Self {
        let moto = Moto::start();
        let store = Self { url: moto.address.clone(), _moto: Some(moto) };
        for bucket in ["photos", "results"] {
            assert_eq!(store.send(Method::PUT, &format!("/{bucket}"), b"").0, 200);
        }
        store
    }

    /// The binary, as a function that reads the bucket `photos` and writes its results to
    /// `s3://results/labels`.
    pub fn function(&self) -> Command {
        let mut command = binary();
        command.envs([
            ("AWS_ENDPOINT_URL", self.url.as_str()),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", "eu-central-1"),
            ("S3_BUCKETS", "photos"),
            ("RESULTS", "s3://results/labels"),
        ]);
        command
    }

    pub fn put(&self, bucket: &str, key: &str, bytes: &[u8]) {
        let (status, body) = self.send(Method::PUT, &path(bucket, key), bytes);
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    }

    /// Returns the object, if it exists.
    pub fn get(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        let (status, body) = self.send(Method::GET, &path(bucket, key), b"");
        (status == 200).then_some(body)
    }

    /// Returns the keys of a bucket from the listing, which encodes them like notifications.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let (_, body) = self.send(Method::GET, &format!("/{bucket}?list-type=2&encoding-type=url"), b"");
        let body = String::from_utf8(body).unwrap();
        body.split("<Key>").skip(1).map(|rest| rest.split("</Key>").next().unwrap().to_owned()).collect()
    }

    fn send(&self, method: Method, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = Request::builder()
            .method(method.clone())
            .uri(format!("{}{path}", self.url))
            .header("authorization", SIGNED)
            .header("content-type", "application/octet-stream");
        let response = match method {
            Method::GET => agent.run(request.body(()).unwrap()),
            _ => agent.run(request.body(body).unwrap()),
        };
        let (parts, mut body) = response.unwrap().into_parts();
        (parts.status.as_u16(), body.read_to_vec().unwrap())
    }
}

fn path(bucket: &str, key: &str) -> String {
    format!("/{bucket}/{}", utf8_percent_encode(key, NON_ALPHANUMERIC).to_string().replace("%2F", "/"))
}

/// A fault of an object.
#[derive(Clone, Copy)]
pub enum Fault {
    /// Requests for it are answered with this status.
    Status(u16),
    /// Requests for it are never answered.
    Silence,
}

/// A stand-in for S3: objects in memory, and faults.
pub struct StandIn {
    pub store: Store,
    shelf: Arc<Shelf>,
}

#[derive(Default)]
struct Shelf {
    /// By their paths.
    objects: Mutex<HashMap<String, Vec<u8>>>,
    faults: Mutex<HashMap<String, Fault>>,
    /// Milliseconds that each object takes.
    delay_ms: AtomicUsize,
    reading: AtomicUsize,
    most: AtomicUsize,
}

impl StandIn {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shelf = Arc::new(Shelf::default());
        let shared = Arc::clone(&shelf);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shelf = Arc::clone(&shared);
                thread::spawn(move || shelf.serve(stream));
            }
        });
        Self { store: Store { url, _moto: None }, shelf }
    }

    /// Sets or removes the fault of an object.
    pub fn set_fault(&self, bucket: &str, key: &str, fault: Option<Fault>) {
        let mut faults = self.shelf.faults.lock().unwrap();
        let path = format!("/{bucket}/{key}");
        match fault {
            Some(fault) => faults.insert(path, fault),
            None => faults.remove(&path),
        };
    }

    /// Sets the time to read an object.
    pub fn set_delay(&self, delay: Duration) {
        self.shelf.delay_ms.store(usize::try_from(delay.as_millis()).unwrap(), Ordering::Relaxed);
    }

    /// Returns the highest number of objects read at the same time.
    pub fn most_at_a_time(&self) -> usize {
        self.shelf.most.load(Ordering::Relaxed)
    }
}

impl Shelf {
    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut writer = stream;
        while let Some((method, path, body)) = read_request(&mut reader) {
            let path = path.split('?').next().unwrap();
            let path = percent_decode_str(path).decode_utf8().unwrap().into_owned();
            let fault = self.faults.lock().unwrap().get(&path).copied();
            let (status, body) = match (fault, method.as_str()) {
                (Some(Fault::Silence), _) => return thread::sleep(Duration::from_secs(60)),
                (Some(Fault::Status(status)), _) => (status, Vec::new()),
                (None, "PUT") => {
                    self.objects.lock().unwrap().insert(path, body);
                    (200, Vec::new())
                }
                (None, _) => self.read(&path, &method),
            };
            let (length, sent) = (body.len(), if method == "HEAD" { &[][..] } else { &body[..] });
            let head = format!(
                "HTTP/1.1 {status} Status\r\netag: \"{length}\"\r\nlast-modified: Sun, 01 Mar 2026 12:00:00 GMT\r\n\
                 content-length: {length}\r\n\r\n"
            );
            if writer.write_all(&[head.as_bytes(), sent].concat()).is_err() {
                return;
            }
        }
    }

    fn read(&self, path: &str, method: &str) -> (u16, Vec<u8>) {
        if method == "GET" {
            self.most.fetch_max(self.reading.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(self.delay_ms.load(Ordering::Relaxed) as u64));
            self.reading.fetch_sub(1, Ordering::SeqCst);
        }
        match self.objects.lock().unwrap().get(path) {
            Some(bytes) => (200, bytes.clone()),
            None => (404, Vec::new()),
        }
    }
}
