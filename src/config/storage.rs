//! Which buckets of S3 may be read and written.

use std::collections::BTreeSet;

use super::check::Check;
use super::{AwsEnvironment, Settings, given};

/// Which buckets of S3 may be read and written. Without any, no other machine is ever called.
#[derive(Clone, Debug)]
pub struct Storage {
    /// `S3_BUCKETS`: the buckets whose objects may be read.
    pub buckets: BTreeSet<String>,
    /// `MAX_OBJECT_BYTES`: the largest object that is read, in bytes.
    pub max_object_bytes: usize,
    /// `RESULTS`: where events leave their answers.
    pub results: Option<Prefix>,
    /// `UPLOAD_BUCKET`: the bucket that callers may put photos into.
    pub upload_bucket: Option<String>,
    /// Credentials, region and endpoint.
    pub aws: AwsEnvironment,
}

/// The beginning of keys in a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// The bucket's name.
    pub bucket: String,
    /// Without a slash at its beginning and its end; may be empty.
    pub prefix: String,
}

impl Prefix {
    /// The key of something below the prefix.
    pub fn key(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) }
    }

    /// Reads `s3://bucket` or `s3://bucket/prefix`.
    fn parse(text: &str) -> Option<Self> {
        let path = text.strip_prefix("s3://")?;
        let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let has_parts = prefix.is_empty() || prefix.split('/').all(|part| !matches!(part, "" | "." | ".."));
        (is_bucket(bucket) && has_parts && !prefix.contains(char::is_control))
            .then(|| Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

impl Storage {
    /// Checks the settings, and notes what is wrong with them.
    pub(super) fn checked(settings: &Settings, check: &mut Check) -> Self {
        let named = [
            ("S3_BUCKETS", &settings.s3_buckets),
            ("RESULTS", &settings.results),
            ("UPLOAD_BUCKET", &settings.upload_bucket),
        ];
        if !cfg!(feature = "s3") {
            for (name, _) in named.iter().filter(|(_, setting)| given(setting).is_some()) {
                check.mistakes.push(format!(
                    "{name} needs a program that was built with the feature s3; build it so, or unset {name}"
                ));
            }
        }
        let aws = AwsEnvironment::read();
        // Elsewhere these variables concern other programs.
        if named.iter().any(|(_, setting)| given(setting).is_some()) {
            check.mistakes.extend(aws.mistakes());
        }
        Self {
            buckets: buckets(given(&settings.s3_buckets), check),
            max_object_bytes: check.number(
                "MAX_OBJECT_BYTES",
                &settings.max_object_bytes,
                50 << 20,
                1..=1 << 30,
            ),
            results: results(given(&settings.results), check),
            upload_bucket: upload_bucket(given(&settings.upload_bucket), check),
            aws,
        }
    }
}

fn buckets(setting: Option<&str>, check: &mut Check) -> BTreeSet<String> {
    let names = setting.into_iter().flat_map(|list| list.split(',')).map(str::trim);
    let (good, bad): (Vec<_>, Vec<_>) =
        names.filter(|name| !name.is_empty()).partition(|name| is_bucket(name));
    check.mistakes.extend(bad.into_iter().map(|name| {
        format!("S3_BUCKETS must be names of buckets, separated by commas; \"{name}\" cannot be a bucket")
    }));
    good.into_iter().map(str::to_owned).collect()
}

fn results(setting: Option<&str>, check: &mut Check) -> Option<Prefix> {
    let text = setting?;
    let prefix = Prefix::parse(text);
    if prefix.is_none() {
        check.mistakes.push(format!(
            "RESULTS must be a bucket and the beginning of keys, such as s3://my-bucket/labels, not \"{text}\""
        ));
    }
    prefix
}

fn upload_bucket(setting: Option<&str>, check: &mut Check) -> Option<String> {
    let name = setting?;
    if !is_bucket(name) {
        check.mistakes.push(format!("UPLOAD_BUCKET must be the name of a bucket, not \"{name}\""));
        return None;
    }
    Some(name.to_owned())
}

/// Whether a bucket may be called so, by the rules of S3: 3 to 63 lower-case letters, digits, dots and hyphens, with a letter
/// or a digit at both ends.
pub(crate) fn is_bucket(name: &str) -> bool {
    let is_end =
        |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    (3..=63).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'))
        && is_end(name.bytes().next())
        && is_end(name.bytes().last())
        && !name.contains("..")
}
