//! The HTTP client under all calls to other machines: to S3, and to a collector of traces.

mod names;

use std::time::Duration;

use reqwest::redirect::Policy;

/// The time in which a connection must stand. AWS recommends 3.1 s, so that a packet that was lost is sent once more.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3_100);

/// An HTTP client. It goes where it is sent and follows no redirect: no answer makes it call another host. `silence` is the
/// time in which the next bytes of an answer must come.
///
/// # Errors
///
/// If `is_plain` is not set, and the certificates of this machine cannot be read.
pub(crate) fn client(silence: Duration, is_plain: bool) -> reqwest::Result<reqwest::Client> {
    // Another one may have been installed already: that serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(silence)
        .dns_resolver(names::Resolver)
        .http1_only();
    if is_plain {
        // Without TLS no certificates are needed, and a small container may have none.
        builder = builder.tls_certs_only(std::iter::empty());
    }
    builder.build()
}
