//! The shared HTTP client, and the client of each bucket.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::client::{HttpClient, HttpConnector};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use rusty_s3::UrlStyle;
use url::Url;

use super::fault::Watched;
use crate::config::AwsEnvironment;
use crate::error::Cause;
use crate::{Error, network};

/// Maximum number of attempts after the first one.
const MAX_RETRIES: usize = 3;

/// Time after the first attempt within which another attempt may start.
const RETRY_TIMEOUT: Duration = Duration::from_secs(12);

/// The region if none is configured.
const DEFAULT_REGION: &str = "us-east-1";

/// The clients, created on first use.
pub(super) struct Clients {
    aws: AwsEnvironment,
    /// Timeout for the next bytes of a response.
    silence: Duration,
    http: OnceLock<reqwest::Client>,
    buckets: Mutex<HashMap<String, AmazonS3>>,
}

impl Clients {
    pub(super) fn new(aws: AwsEnvironment, silence: Duration) -> Self {
        Self { aws, silence, http: OnceLock::new(), buckets: Mutex::default() }
    }

    /// The client of a bucket. All buckets share the connections.
    ///
    /// # Errors
    ///
    /// [`Error::StorageUnavailable`] if environment variables contradict each other, or if the certificates
    /// of this machine cannot be read.
    pub(super) fn bucket(&self, name: &str) -> Result<AmazonS3, Error> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get(name) {
            return Ok(bucket.clone());
        }
        let bucket = self.build(name)?;
        buckets.insert(name.to_owned(), bucket.clone());
        Ok(bucket)
    }

    /// The HTTP client.
    pub(super) fn http(&self) -> Result<&reqwest::Client, Error> {
        if let Some(client) = self.http.get() {
            return Ok(client);
        }
        let client = network::client(self.silence, self.is_plain());
        let client = client.map_err(|error| Error::StorageUnavailable(error.into()))?;
        Ok(self.http.get_or_init(|| client))
    }

    /// The URL of the storage, unless it is AWS.
    fn endpoint(&self) -> Option<&str> {
        self.aws.get("AWS_ENDPOINT_URL_S3").or_else(|| self.aws.get("AWS_ENDPOINT_URL"))
    }

    /// Whether connections do not use TLS, for example to a storage on the same machine.
    fn is_plain(&self) -> bool {
        self.endpoint().is_some_and(|endpoint| endpoint.starts_with("http://"))
    }

    /// Whether a bucket has its own host name. Names with dots do not: AWS's wildcard certificate does not
    /// match them.
    fn has_own_host(&self, bucket: &str) -> bool {
        self.endpoint().is_none() && !bucket.contains('.')
    }

    fn region(&self) -> &str {
        self.aws.get("AWS_REGION").or_else(|| self.aws.get("AWS_DEFAULT_REGION")).unwrap_or(DEFAULT_REGION)
    }

    fn build(&self, name: &str) -> Result<AmazonS3, Error> {
        let connector = Connector(HttpClient::new(Watched(HttpClient::new(self.http()?.clone()))));
        let mut builder = AmazonS3Builder::new();
        for (name, value) in self.aws.variables() {
            if let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
                builder = builder.with_config(key, value);
            }
        }
        builder
            .with_bucket_name(name)
            .with_region(self.region())
            .with_virtual_hosted_style_request(self.has_own_host(name))
            .with_allow_http(self.is_plain())
            .with_http_connector(connector)
            .with_retry(RetryConfig {
                backoff: BackoffConfig {
                    init_backoff: Duration::from_millis(100),
                    max_backoff: Duration::from_secs(2),
                    base: 2.0,
                },
                max_retries: MAX_RETRIES,
                retry_timeout: RETRY_TIMEOUT,
            })
            .build()
            .map_err(|error| Error::StorageUnavailable(error.into()))
    }

    /// The origin of a bucket's URLs. `None` if the endpoint is not a valid URL.
    pub(super) fn origin(&self, name: &str) -> Option<String> {
        Some(self.address(name).ok()?.base_url().origin().ascii_serialization())
    }

    /// The address of a bucket.
    fn address(&self, name: &str) -> Result<rusty_s3::Bucket, Cause> {
        let region = self.region().to_owned();
        let endpoint = match self.endpoint() {
            Some(endpoint) => endpoint.parse::<Url>()?,
            None => format!("https://s3.{region}.amazonaws.com").parse()?,
        };
        let style = match self.has_own_host(name) {
            true => UrlStyle::VirtualHost,
            false => UrlStyle::Path,
        };
        Ok(rusty_s3::Bucket::new(endpoint, style, name.to_owned(), region)?)
    }

    /// The bucket and credentials for signing requests that the crate `object_store` does not support.
    ///
    /// # Errors
    ///
    /// [`Error::StorageUnavailable`] if there are no credentials, or if the endpoint is not a valid URL.
    pub(super) async fn signer(
        &self,
        name: &str,
    ) -> Result<(rusty_s3::Bucket, rusty_s3::Credentials), Error> {
        let unavailable = |error: Cause| Error::StorageUnavailable(error);
        let credential = self.bucket(name)?.credentials().get_credential().await;
        let credential = credential.map_err(|error| unavailable(error.into()))?;
        let bucket = self.address(name).map_err(unavailable)?;
        let credentials = match &credential.token {
            Some(token) => rusty_s3::Credentials::new_with_token(
                credential.key_id.clone(),
                credential.secret_key.clone(),
                token.clone(),
            ),
            None => rusty_s3::Credentials::new(credential.key_id.clone(), credential.secret_key.clone()),
        };
        Ok((bucket, credentials))
    }
}

/// Returns the shared HTTP client for every connection.
#[derive(Debug)]
struct Connector(HttpClient);

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(self.0.clone())
    }
}
