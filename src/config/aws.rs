//! The variables by which AWS's own tools find credentials, region and endpoint. They are no flags: a secret does not belong
//! on a command line.

use std::fmt;

use axum::http::Uri;

use super::lambda::variable;

/// What is read, by the names that AWS gave it.
const NAMES: [&str; 13] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
];

/// Credentials, region and endpoint as the environment has them.
#[derive(Clone, Default)]
pub struct AwsEnvironment(Vec<(&'static str, String)>);

impl AwsEnvironment {
    pub(super) fn read() -> Self {
        Self(NAMES.iter().filter_map(|name| Some((*name, variable(name)?))).collect())
    }

    /// Names and values of the variables that are set.
    pub fn variables(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// A mistake for each variable that no request to S3 could be made with. Values are not told: they may be secrets.
    pub(super) fn mistakes(&self) -> Vec<String> {
        let endpoints = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"];
        let wrong = endpoints.iter().filter(|name| self.get(name).is_some_and(|url| !is_address(url)));
        let mut mistakes: Vec<String> = wrong
            .map(|name| {
                format!("{name} must be an address, such as https://s3.example.com or http://127.0.0.1:9000")
            })
            .collect();
        let (id, secret) = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY");
        for (given, missing) in [(id, secret), (secret, id)] {
            if self.get(given).is_some() && self.get(missing).is_none() {
                mistakes
                    .push(format!("{missing} is missing: {given} is of no use without it; set both or none"));
            }
        }
        mistakes
    }

    /// The value of one of the variables.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables().find(|(found, _)| *found == name).map(|(_, value)| value)
    }
}

/// Whether a text is the address of a server of HTTP.
pub(super) fn is_address(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.host().is_some_and(|host| !host.is_empty())
        && uri.query().is_none()
}

impl fmt::Debug for AwsEnvironment {
    /// Names only: values are secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.variables().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_request_could_be_made_with_is_a_mistake() {
        let mistakes = |variables: &[(&'static str, &str)]| {
            AwsEnvironment(variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect())
                .mistakes()
        };
        for address in
            ["https://s3.example.com", "http://127.0.0.1:9000/", "http://[::1]:9000", "https://a.example/s3"]
        {
            assert!(mistakes(&[("AWS_ENDPOINT_URL", address)]).is_empty(), "{address}");
        }
        for address in
            ["s3.example.com", "127.0.0.1:9000", "ftp://a.example", "https://", "https://a b", "https://a?b"]
        {
            for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"] {
                let told = mistakes(&[(name, address)]);
                assert!(
                    told.len() == 1 && told[0].starts_with(&format!("{name} must be")),
                    "{address}: {told:?}"
                );
            }
        }
        let (id, secret) = (("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "s3cret"));
        assert!(mistakes(&[id, secret]).is_empty() && mistakes(&[]).is_empty());
        assert!(mistakes(&[id])[0].starts_with("AWS_SECRET_ACCESS_KEY is missing"));
        let told = mistakes(&[secret]);
        assert!(
            told[0].starts_with("AWS_ACCESS_KEY_ID is missing") && !told[0].contains("s3cret"),
            "{told:?}"
        );
    }

    #[test]
    fn a_secret_is_never_shown() {
        let environment = AwsEnvironment(vec![("AWS_SECRET_ACCESS_KEY", "s3cret".to_owned())]);
        let shown = format!("{environment:?}");
        assert!(shown.contains("AWS_SECRET_ACCESS_KEY") && !shown.contains("s3cret"), "{shown}");
    }
}
