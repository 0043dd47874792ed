//! A stand-in for Lambda's Runtime API, and the binary running under it as a function.
//!
//! It implements the part of the API that a function uses: `next` hands out an event, `response` and `error`
//! receive the outcome (AWS Lambda Developer Guide, "Using the Lambda runtime API").

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::process::{Process, binary};

/// How an invocation ended.
#[derive(Debug)]
pub enum Outcome {
    Response(Value),
    FunctionError(Value),
}

impl Outcome {
    #[track_caller]
    pub fn response(self) -> Value {
        match self {
            Self::Response(payload) => payload,
            Self::FunctionError(error) => panic!("a function error: {error}"),
        }
    }
}

pub struct Function {
    pub process: Process,
    api: Arc<Api>,
    events: Sender<String>,
    /// The outcomes, each with its event.
    outcomes: Receiver<(String, Outcome)>,
}

/// Shared state of all connections of the function.
struct Api {
    events: Mutex<Receiver<String>>,
    /// The events that were handed out, by invocation id.
    under_way: Mutex<HashMap<String, String>>,
    /// The highest number of concurrent invocations so far.
    most: AtomicUsize,
    /// Timeout of the next invocations in milliseconds; 0 for none.
    time_ms: AtomicU64,
    /// The trace header of the next invocations.
    trace: Mutex<String>,
    outcomes: Sender<(String, Outcome)>,
}

impl Function {
    pub fn start() -> Self {
        Self::start_with(&mut binary())
    }

    pub fn start_with(command: &mut Command) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (events, to_hand_out) = channel();
        let (taken, outcomes) = channel();
        let api = Api {
            events: Mutex::new(to_hand_out),
            under_way: Mutex::default(),
            most: AtomicUsize::new(0),
            time_ms: AtomicU64::new(0),
            trace: Mutex::new("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1".to_owned()),
            outcomes: taken,
        };
        let api = Arc::new(api);
        let shared = Arc::clone(&api);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let api = Arc::clone(&shared);
                thread::spawn(move || serve(stream, &api));
            }
        });
        let process = Process::start(
            command
                .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
                .env("AWS_LAMBDA_FUNCTION_NAME", "classifier")
                .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
                .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769"),
        );
        Self { process, api, events, outcomes }
    }

    /// Invokes the function once and waits for the outcome.
    pub fn invoke(&self, event: &str) -> Outcome {
        self.send(event);
        self.receive().1
    }

    /// Sets the timeout of the next invocations.
    pub fn set_time(&self, time: Duration) {
        self.api.time_ms.store(u64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }

    /// Sets the trace header of the next invocations.
    pub fn set_trace(&self, trace: &str) {
        trace.clone_into(&mut self.api.trace.lock().unwrap());
    }

    /// Returns the highest number of concurrent invocations so far.
    pub fn most_at_a_time(&self) -> usize {
        self.api.most.load(Ordering::Relaxed)
    }

    /// Queues an event. The function gets it when it asks for one.
    pub fn send(&self, event: &str) {
        self.events.send(event.to_owned()).unwrap();
    }

    /// Waits for the next outcome, and returns it with its event.
    pub fn receive(&self) -> (String, Outcome) {
        self.outcomes
            .recv_timeout(Duration::from_secs(60))
            .unwrap_or_else(|_| panic!("no outcome; the log: {}", self.process.log()))
    }
}

/// Numbers the invocations of all functions.
static INVOCATIONS: AtomicU64 = AtomicU64::new(1);

/// Serves one connection of the function, request after request.
fn serve(stream: TcpStream, api: &Api) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    while let Some((_, path, body)) = read_request(&mut reader) {
        if path.ends_with("/invocation/next") {
            // No more events can come: the test is over.
            let Ok(event) = api.events.lock().unwrap().recv() else { return };
            let id = format!("00000000-0000-4000-8000-{:012}", INVOCATIONS.fetch_add(1, Ordering::Relaxed));
            let mut under_way = api.under_way.lock().unwrap();
            under_way.insert(id.clone(), event.clone());
            api.most.fetch_max(under_way.len(), Ordering::Relaxed);
            drop(under_way);
            let deadline = match api.time_ms.load(Ordering::Relaxed) {
                0 => 4_102_444_800_000,
                time => u128::from(time) + SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis(),
            };
            let trace = api.trace.lock().unwrap().clone();
            let headers = format!(
                "lambda-runtime-aws-request-id: {id}\r\n\
                 lambda-runtime-deadline-ms: {deadline}\r\n\
                 lambda-runtime-trace-id: {trace}\r\n\
                 lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-central-1:123456789012:function:classifier\r\n"
            );
            respond(&mut writer, "200 OK", &headers, event.as_bytes());
        } else {
            let payload = serde_json::from_slice(&body).unwrap_or(Value::Null);
            respond(&mut writer, "202 Accepted", "", b"{\"status\":\"OK\"}");
            let outcome = if path.ends_with("/response") {
                Outcome::Response(payload)
            } else {
                Outcome::FunctionError(payload)
            };
            let id = path.rsplit('/').nth(1).unwrap();
            let Some(event) = api.under_way.lock().unwrap().remove(id) else { continue };
            if api.outcomes.send((event, outcome)).is_err() {
                return;
            }
        }
    }
}

/// Reads the method, the path and the body of the next request on a connection.
pub fn read_request(reader: &mut BufReader<TcpStream>) -> Option<(String, String, Vec<u8>)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&read| read > 0)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut body = Vec::new();
    if let Some(length) = headers.get("content-length") {
        body.resize(length.parse().ok()?, 0);
        reader.read_exact(&mut body).ok()?;
    } else if headers.contains_key("transfer-encoding") {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size).ok()?;
            let size = usize::from_str_radix(size.trim(), 16).ok()?;
            let mut chunk = vec![0; size + 2];
            reader.read_exact(&mut chunk).ok()?;
            if size == 0 {
                break;
            }
            body.extend_from_slice(&chunk[..size]);
        }
    }
    Some((method, path, body))
}

fn respond(writer: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    );
    // At the end of a test, the function may have exited already.
    let _ = writer.write_all(&[head.as_bytes(), body].concat());
}
