//! The variables by which AWS's own tools find credentials, region and endpoint. They are no flags: a secret does not belong
//! on a command line.

use std::fmt;

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

    /// Names and values of the variables that are set. Of a region and a default region the region comes last.
    pub fn variables(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// The value of one of the variables.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables().find(|(found, _)| *found == name).map(|(_, value)| value)
    }
}

impl fmt::Debug for AwsEnvironment {
    /// Names only: values are secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.variables().map(|(name, _)| name)).finish()
    }
}
