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

/// How long requests under way may take to finish once the process is told to end. A second signal ends it at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// After a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Shorter answers are not worth compressing. What is longer are the page and the description of the API.
const COMPRESSED_FROM: u64 = 2048;

/// What a newcomer may type.
const TRY: &str = "curl --data-binary @tests/fixtures/coffee.png";

/// Loads the model, and then serves `HOST:PORT` until the process is told to end; requests under way are finished.
///
/// # Errors
///
/// A [`StartError`] if the model cannot be loaded or the address cannot be listened on.
pub fn run(config: &Config) -> Result<(), StartError> {
    let classifier = Classifier::load(config, config.sessions())?.remembering(config.cache_entries);
    // Here and not in the router: under Lambda an answer is text, and a gateway that compresses does it itself.
    let observer = Arc::new(Observer::new(config));
    let router = http::observed(Arc::new(classifier), config, Arc::clone(&observer))
        .layer(CompressionLayer::new().compress_when(SizeAbove::new(COMPRESSED_FROM).and(is_no_result)));
    let address = format!("{}:{}", config.host, config.port);
    let failed = |cause| StartError::Listen { address: address.clone(), cause };
    let runtime = workers::start(config.max_concurrency)?;
    let ended = runtime.block_on(async {
        let listener = TcpListener::bind((config.host.as_str(), config.port)).await?;
        greet(listener.local_addr()?, config.web_ui);
        // Both from the start: a second signal may come right after the first.
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
    // Work that nobody waits for any more ends with the process.
    runtime.shutdown_background();
    ended.map_err(failed)
}

/// Whether an answer is something else than labels. Those can be a megabyte, and to compress that would hold up the one
/// thread that waits for the network.
fn is_no_result(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    !headers.contains_key(http::CACHE)
}

/// Tells a newcomer what to do.
fn greet(address: SocketAddr, has_page: bool) {
    let open = if has_page { "Open it in a browser, or try" } else { "Try" };
    // Nobody may be reading.
    let _ =
        writeln!(io::stdout(), "Serving http://{address}. {open}:\n\n    {TRY} http://{address}/classify\n");
}

/// Accepts connections, so many at a time, until it is told to end; then waits for those that are left.
async fn serve(listener: TcpListener, router: Router, config: &Config, mut ending: watch::Receiver<bool>) {
    let max = config.max_connections;
    let free = Arc::new(Semaphore::new(max));
    loop {
        let accepted = async {
            // Those for whom there is no place wait to be accepted; the operating system keeps them.
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
                // Where it is for want of file descriptors, trying again at once would keep a processor busy.
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            // Nobody closes the semaphore.
            (Err(_), _) => break,
        }
    }
    // No more are accepted from here on.
    drop(listener);
    let all = u32::try_from(max).unwrap_or(u32::MAX);
    let _ = free.acquire_many(all).await;
}

/// Ends with the next SIGINT (Ctrl-C) or SIGTERM.
async fn told_to_end((interrupt, terminate): &mut (Signal, Signal)) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
