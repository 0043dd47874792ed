//! DNS resolution on separate threads.
//!
//! By default, the HTTP client uses the threads of `spawn_blocking`. These threads decode images and run the
//! model, and Lambda has only one of them. A connection would wait for an image, and a slow name server would
//! delay images.

use std::net::ToSocketAddrs as _;
use std::thread;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::oneshot;

/// Resolves each name on a new thread, through the operating system. Only new connections need this.
pub(super) struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let (sender, found) = oneshot::channel();
            thread::Builder::new().name("names".to_owned()).spawn(move || {
                // The client sets the port. The receiver may be gone.
                let _ = sender.send((name.as_str(), 0).to_socket_addrs());
            })?;
            let addresses: Addrs = Box::new(found.await??);
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Builder;

    use super::*;

    #[test]
    fn a_name_is_found_while_the_only_blocking_thread_works() {
        let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();
        let (release, released) = std::sync::mpsc::channel::<()>();
        runtime.block_on(async {
            let work = tokio::task::spawn_blocking(move || released.recv());
            let found = tokio::time::timeout(
                std::time::Duration::from_secs(10),
                Resolver.resolve("localhost".parse().unwrap()),
            );
            let addresses: Vec<_> = found.await.unwrap().unwrap().collect();
            assert!(addresses.iter().all(|address| address.ip().is_loopback()), "{addresses:?}");
            assert!(!addresses.is_empty());
            release.send(()).unwrap();
            work.await.unwrap().unwrap();
        });
    }

    #[tokio::test]
    async fn a_name_that_cannot_be_looked_up_is_an_error() {
        assert!(Resolver.resolve("a\0b".parse().unwrap()).await.is_err());
    }
}
