//! The local server.

mod connection;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{Extensions, HeaderMap, StatusCode, Version};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate as _, SizeAbove};

use crate::config::Config;
use crate::telemetry::Observer;
use crate::{Classifier, StartError, http, workers};

/// Time for requests in progress to finish after the first signal. A second signal ends the process at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// Pause after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Minimum size of compressed responses in bytes. Compressing shorter ones is not worth it. Longer ones are
/// the files of the web page and the OpenAPI document.
const COMPRESSED_FROM: u64 = 2048;

/// The command shown to new users.
const TRY: &str = "curl --data-binary @tests/fixtures/coffee.png";

/// Loads the model and serves `HOST:PORT` until the process is told to end. Requests in progress are
/// finished.
///
/// # Errors
///
/// A [`StartError`] if the model cannot be loaded, or if the server cannot listen on the address.
pub fn run(config: &Config) -> Result<(), StartError> {
    let classifier = Classifier::load(config, config.sessions())?.remembering(config.cache_entries);
    // Compress here and not in the router: under Lambda, the response must be text, and the gateway
    // compresses it if needed.
    let observer = Arc::new(Observer::new(config));
    let router = http::observed(Arc::new(classifier), config, Arc::clone(&observer))
        .layer(CompressionLayer::new().compress_when(SizeAbove::new(COMPRESSED_FROM).and(is_no_result)));
    let address = format!("{}:{}", config.host, config.port);
    let failed = |cause| StartError::Listen { address: address.clone(), cause };
    let runtime = workers::start(config.max_concurrency)?;
    let ended = runtime.block_on(async {
        let listener = TcpListener::bind((config.host.as_str(), config.port)).await?;
        greet(listener.local_addr()?, config.web_ui);
        // Register both signals from the start, because a second one may follow the first at once.
        let mut signals = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let exporting = observer.export();
        let (end, ending) = watch::channel(false);
        let served = serve(listener, router, config, ending);
        let patience = async {
            told_to_end(&mut signals).await;
            tracing::info!("finishing the requests under way");
            end.send_replace(true);
            tokio::select! {
                () = told_to_end(&mut signals) => true,
                () = tokio::time::sleep(PATIENCE) => false,
            }
        };
        let is_hurried = tokio::select! {
            () = served => false,
            is_hurried = patience => is_hurried,
        };
        if !is_hurried {
            tokio::select! {
                () = exporting.finish() => {}
                () = told_to_end(&mut signals) => {}
            }
        }
        Ok(())
    });
    // Work without a waiting client ends with the process.
    runtime.shutdown_background();
    ended.map_err(failed)
}

/// Whether a response is not a classification result. Results are not compressed: they can be a megabyte, and
/// compressing them would block the only network thread.
fn is_no_result(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    !headers.contains_key(http::CACHE)
}

/// Tells new users what to do.
fn greet(address: SocketAddr, has_page: bool) {
    let open = if has_page { "Open it in a browser, or try" } else { "Try" };
    // Ignore errors: stdout may be closed.
    let _ =
        writeln!(io::stdout(), "Serving http://{address}. {open}:\n\n    {TRY} http://{address}/classify\n");
}

/// Accepts connections, at most `MAX_CONNECTIONS` at a time, until the process is told to end. Then waits for
/// the open connections.
async fn serve(listener: TcpListener, router: Router, config: &Config, mut ending: watch::Receiver<bool>) {
    let max = config.max_connections;
    let free = Arc::new(Semaphore::new(max));
    loop {
        let accepted = async {
            // Further connections wait in the operating system's queue until there is a place.
            let place = Arc::clone(&free).acquire_owned().await;
            (place, listener.accept().await)
        };
        let accepted = tokio::select! {
            accepted = accepted => accepted,
            _ = ending.wait_for(|&told| told) => break,
        };
        match accepted {
            (Ok(place), Ok((stream, _))) => {
                let served =
                    connection::serve(stream, router.clone(), config.request_timeout, ending.clone());
                tokio::spawn(async move {
                    served.await;
                    drop(place);
                });
            }
            (_, Err(error)) => {
                tracing::warn!(%error, "a connection was not accepted");
                // If file descriptors have run out, retrying at once would keep a processor busy.
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            // The semaphore is never closed.
            (Err(_), _) => break,
        }
    }
    // Stop accepting connections.
    drop(listener);
    let all = u32::try_from(max).unwrap_or(u32::MAX);
    let _ = free.acquire_many(all).await;
}

/// Waits for the next SIGINT (Ctrl-C) or SIGTERM.
async fn told_to_end((interrupt, terminate): &mut (Signal, Signal)) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
