//! Serves a single connection.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header;
use axum::response::Response;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_io_timeout::TimeoutWriter;
use tower::ServiceExt as _;

use crate::Error;
use crate::http::Refused;

type Io = TokioIo<Pin<Box<TimeoutWriter<TcpStream>>>>;

/// Serves a connection until the client closes it, the process ends, or a timeout expires: for receiving the
/// headers of a request, for sending the response, or for an idle connection.
pub(super) async fn serve(
    stream: TcpStream,
    router: Router,
    timeout: Duration,
    mut ending: watch::Receiver<bool>,
) {
    // Send responses without delay. If this cannot be set, they are only slower.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutWriter::new(stream);
    stream.set_timeout(Some(timeout));
    let mut is_ending = false;
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(timeout)
        .serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(router.clone()));
    let served = loop {
        tokio::select! {
            served = &mut connection => break served,
            _ = ending.wait_for(|&told| told), if !is_ending => {
                is_ending = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    if served.is_err_and(|error| error.is_timeout()) {
        let http1::Parts { io, read_buf, .. } = connection.into_parts();
        // A client that sent nothing, or only line breaks between requests, expects no response.
        if !read_buf.trim_ascii().is_empty() {
            // The client may have disconnected.
            let _ = answer_late(io, router, timeout).await;
        }
    }
}

/// Sends a 408 to a client that started to send the headers of a request but did not finish in time. `hyper`
/// only closes the connection.
async fn answer_late(mut io: Io, router: Router, timeout: Duration) -> io::Result<()> {
    let mut request = Request::new(Body::empty());
    let error = Error::RequestTimeout { seconds: timeout.as_secs_f64() };
    request.extensions_mut().insert(Refused::from(error));
    let response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let bytes = write(response).await;
    io.inner_mut().write_all(&bytes).await?;
    io.inner_mut().shutdown().await
}

/// Serializes a response as HTTP/1.1.
async fn write(response: Response) -> Vec<u8> {
    let (mut parts, body) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    // The body is already in memory.
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let mut bytes = format!("HTTP/1.1 {}\r\ncontent-length: {}\r\n", parts.status, body.len()).into_bytes();
    for (name, value) in &parts.headers {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend([&b"\r\n"[..], &body].concat());
    bytes
}
