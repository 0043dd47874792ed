//! `image-classifier health`: does the local server answer?
//!
//! A container has no shell and no curl. Its health check runs this command instead.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use axum::body::Body;
use axum::http::uri::{Scheme, Uri};
use axum::http::{Request, StatusCode, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Builder;

use super::HealthArguments;
use crate::StartError;
use crate::config::Config;

/// From the look-up of the host to the head of the answer. The server answers in a millisecond, even where it is busy.
const PATIENCE: Duration = Duration::from_secs(2);

/// The port of a URL that names none.
const HTTP_PORT: u16 = 80;

/// The route that is asked for.
const HEALTH: &str = "/health";

/// Asks the server once, and prints what it answered.
///
/// # Errors
///
/// [`StartError::Unhealthy`] if the answer is another than 200, or none within 2 seconds. [`StartError::Command`] if there
/// is no address to ask.
pub fn run(config: &Config, arguments: &HealthArguments) -> Result<ExitCode, StartError> {
    let address = match &arguments.url {
        Some(url) => Address::from_url(url),
        None => Address::of_server(&config.host, config.port),
    };
    let address = address.map_err(StartError::Command)?;
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| StartError::Threads(error.to_string()))?;
    let unhealthy = |what: String| StartError::Unhealthy(format!("{} {what}", address.url()));
    match runtime.block_on(async { tokio::time::timeout(PATIENCE, ask(&address)).await }) {
        Ok(Ok(StatusCode::OK)) => {
            // Who started it may not be reading; the exit status says the same.
            let _ = writeln!(io::stdout(), "{} answers 200.", address.url());
            Ok(ExitCode::SUCCESS)
        }
        Ok(Ok(status)) => Err(unhealthy(format!("answers {status}, not 200."))),
        Ok(Err(cause)) => Err(unhealthy(format!("cannot be asked: {cause}."))),
        Err(_) => Err(unhealthy(format!("does not answer within {} seconds.", PATIENCE.as_secs()))),
    }
}

/// Where the server is asked.
#[derive(Debug, PartialEq, Eq)]
struct Address {
    /// A name or an address, IPv6 without brackets.
    host: String,
    port: u16,
    /// Path and query.
    path: String,
}

impl Address {
    /// The server that listens on `HOST` and `PORT`. One that listens on all addresses is asked on the loopback one.
    fn of_server(host: &str, port: u16) -> Result<Self, String> {
        if port == 0 {
            return Err(
                "PORT is 0, so that the server chose a port of its own: name it with --url.".to_owned()
            );
        }
        let host = match host {
            "0.0.0.0" => "127.0.0.1",
            "::" => "::1",
            host => host,
        };
        Ok(Self { host: host.to_owned(), port, path: HEALTH.to_owned() })
    }

    /// `http://host[:port][/path]`. Without a path it is [`HEALTH`].
    fn from_url(url: &str) -> Result<Self, String> {
        let form = || format!("--url must be like http://127.0.0.1:5000, not \"{}\".", url.escape_debug());
        let uri: Uri = url.parse().map_err(|_| form())?;
        let authority = uri.authority().filter(|_| uri.scheme() == Some(&Scheme::HTTP)).ok_or_else(form)?;
        let host = authority.host();
        // `Uri` takes any text for a port.
        let port = match authority.as_str().rsplit('@').next().and_then(|text| text.strip_prefix(host)) {
            Some("") => HTTP_PORT,
            Some(port) => port.trim_start_matches(':').parse().map_err(|_| form())?,
            None => return Err(form()),
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port,
            path: if path == "/" { HEALTH } else { path }.to_owned(),
        })
    }

    /// `host:port`, as a URL and the header `host` have it.
    fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    fn url(&self) -> String {
        format!("http://{}{}", self.authority(), self.path)
    }
}

/// The status that the server answers. Its cause, if there is none, is for the operator.
async fn ask(address: &Address) -> Result<StatusCode, String> {
    let stream = TcpStream::connect((address.host.as_str(), address.port)).await;
    let stream = stream.map_err(|error| error.to_string())?;
    let told = |error: hyper::Error| error.to_string();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(told)?;
    // It is driven until the answer is there, and ends with the runtime.
    tokio::spawn(connection);
    let request = Request::get(&address.path)
        .header(header::HOST, address.authority())
        .body(Body::empty())
        .map_err(|error| error.to_string())?;
    sender.send_request(request).await.map(|response| response.status()).map_err(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_listens_everywhere_is_asked_on_the_loopback_address() {
        for (host, url) in [
            ("0.0.0.0", "http://127.0.0.1:5000/health"),
            ("::", "http://[::1]:5000/health"),
            ("127.0.0.1", "http://127.0.0.1:5000/health"),
            ("10.0.0.7", "http://10.0.0.7:5000/health"),
            ("classifier.internal", "http://classifier.internal:5000/health"),
        ] {
            assert_eq!(Address::of_server(host, 5000).unwrap().url(), url);
        }
        assert!(Address::of_server("0.0.0.0", 0).unwrap_err().contains("--url"));
    }

    #[test]
    fn a_url_may_lack_port_and_path() {
        for (url, asked) in [
            ("http://localhost", "http://localhost:80/health"),
            ("http://localhost:5000/", "http://localhost:5000/health"),
            ("http://[::1]:5000", "http://[::1]:5000/health"),
            ("http://10.0.0.7/Prod/health?deep=1", "http://10.0.0.7:80/Prod/health?deep=1"),
        ] {
            assert_eq!(Address::from_url(url).unwrap().url(), asked);
        }
        for url in
            ["", "localhost:5000", "/health", "https://localhost:5000", "http://", "http://a b", "http://a:x"]
        {
            assert!(Address::from_url(url).unwrap_err().starts_with("--url must be like"), "{url}");
        }
    }
}
