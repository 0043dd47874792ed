//! A stand-in for Lambda's Runtime API, and the binary running under it as a function.
//!
//! It speaks the part of the API that a function uses: `next` hands out an event, `response` and `error` take the
//! outcome (AWS Lambda Developer Guide, "Using the Lambda runtime API").

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

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
    events: Sender<String>,
    outcomes: Receiver<Outcome>,
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
        let to_hand_out = Arc::new(Mutex::new(to_hand_out));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (to_hand_out, taken) = (Arc::clone(&to_hand_out), taken.clone());
                thread::spawn(move || serve(stream, &to_hand_out, &taken));
            }
        });
        let process = Process::start(
            command
                .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
                .env("AWS_LAMBDA_FUNCTION_NAME", "classifier")
                .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
                .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769"),
        );
        Self { process, events, outcomes }
    }

    /// Invokes the function once and waits for the outcome.
    pub fn invoke(&self, event: &str) -> Outcome {
        self.events.send(event.to_owned()).unwrap();
        self.outcomes
            .recv_timeout(Duration::from_secs(60))
            .unwrap_or_else(|_| panic!("no outcome; the log: {}", self.process.log()))
    }
}

/// Serves one connection of the function, request after request.
fn serve(stream: TcpStream, events: &Mutex<Receiver<String>>, outcomes: &Sender<Outcome>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    let mut count = 0;
    while let Some((path, body)) = read_request(&mut reader) {
        if path.ends_with("/invocation/next") {
            // The test is over when no event can come any more.
            let Ok(event) = events.lock().unwrap().recv() else { return };
            count += 1;
            let headers = format!(
                "lambda-runtime-aws-request-id: 00000000-0000-4000-8000-{count:012}\r\n\
                 lambda-runtime-deadline-ms: 4102444800000\r\n\
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
            if outcomes.send(outcome).is_err() {
                return;
            }
        }
    }
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&read| read > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
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
    Some((path, body))
}

fn respond(writer: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    );
    // The function may be gone already, at the end of a test.
    let _ = writer.write_all(&[head.as_bytes(), body].concat());
}
