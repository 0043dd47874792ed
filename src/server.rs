//! The local server.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::Config;
use crate::{Classifier, StartError, http};

/// Loads the model, and then serves `HOST:PORT` until the process is told to end; requests under way are finished.
///
/// # Errors
///
/// A [`StartError`] if the model cannot be loaded or the address cannot be listened on.
pub fn run(config: &Config) -> Result<(), StartError> {
    let classifier = Arc::new(Classifier::load(config)?);
    let router = http::router(classifier, config);
    let address = format!("{}:{}", config.host, config.port);
    let failed = |cause| StartError::Listen { address: address.clone(), cause };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(async {
        let listener = TcpListener::bind((config.host.as_str(), config.port)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        println!("Serving http://{address}. Try it:\n");
        println!("    curl --data-binary @tests/fixtures/coffee.png http://{address}/classify\n");
        axum::serve(listener, router).with_graceful_shutdown(told_to_end()).await.map_err(failed)
    })
}

/// Ends with the first SIGINT (Ctrl-C) or SIGTERM.
async fn told_to_end() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    tracing::info!("finishing the requests under way");
}
