//! The local server.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;

use crate::config::Config;
use crate::{Classifier, StartError, http};

/// How long requests under way may take to finish once the process is told to end. A second signal ends it at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// Shorter answers, all but the page and the description of the API, are not worth compressing.
const COMPRESSED_FROM: u64 = 2048;

/// What a newcomer may type.
const TRY: &str = "curl --data-binary @tests/fixtures/coffee.png";

/// Loads the model, and then serves `HOST:PORT` until the process is told to end; requests under way are finished.
///
/// # Errors
///
/// A [`StartError`] if the model cannot be loaded or the address cannot be listened on.
pub fn run(config: &Config) -> Result<(), StartError> {
    // More runs at the same time than that would only take memory, some 20 MB each.
    let sessions = config.max_concurrency.min(config.processors + 1);
    let classifier = Classifier::load(config, sessions)?.remembering(config.cache_entries);
    // Here and not in the router: under Lambda an answer is text, and a gateway that compresses does it itself.
    let router = http::router(Arc::new(classifier), config)
        .layer(CompressionLayer::new().compress_when(SizeAbove::new(COMPRESSED_FROM)));
    let address = format!("{}:{}", config.host, config.port);
    let failed = |cause| StartError::Listen { address: address.clone(), cause };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(async {
        let listener = TcpListener::bind((config.host.as_str(), config.port)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        // Nobody may be reading.
        let open = if config.web_ui { "Open it in a browser, or try" } else { "Try" };
        let _ = writeln!(
            io::stdout(),
            "Serving http://{address}. {open}:\n\n    {TRY} http://{address}/classify\n"
        );
        // Both from the start: a second signal may come right after the first.
        let mut signals = (
            signal(SignalKind::interrupt()).map_err(failed)?,
            signal(SignalKind::terminate()).map_err(failed)?,
        );
        let (begin, ending) = oneshot::channel::<()>();
        let patience = async {
            told_to_end(&mut signals).await;
            tracing::info!("finishing the requests under way");
            // The receiver lives as long as the server below.
            let _ = begin.send(());
            tokio::select! {
                () = told_to_end(&mut signals) => {}
                () = tokio::time::sleep(PATIENCE) => {}
            }
        };
        let served = axum::serve(listener, router).with_graceful_shutdown(async {
            let _ = ending.await;
        });
        tokio::select! {
            result = served => result.map_err(failed),
            () = patience => Ok(()),
        }
    })
}

/// Ends with the next SIGINT (Ctrl-C) or SIGTERM.
async fn told_to_end((interrupt, terminate): &mut (Signal, Signal)) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
