//! The variables that Lambda sets. They are no flags: AWS's runtime reads them by itself.

/// What Lambda says of the function that the process is.
#[derive(Clone, Debug)]
pub struct LambdaEnvironment {
    /// Its name.
    pub function_name: String,
    /// The level below which Lambda drops lines of the log, in capitals; none if everything is kept.
    pub log_level: Option<String>,
    /// Invocations that this environment gets at the same time, 1 or more: more than 1 on managed instances.
    pub concurrency: usize,
}

/// What Lambda says, if the process runs under it.
pub(super) fn environment() -> Option<LambdaEnvironment> {
    is_runtime().then(|| LambdaEnvironment {
        function_name: variable("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default(),
        log_level: log_level(),
        // AWS's runtime takes larger numbers, too, but no environment has the memory for them.
        concurrency: variable("AWS_LAMBDA_MAX_CONCURRENCY")
            .and_then(|text| text.parse::<u16>().ok())
            .filter(|&concurrency| concurrency > 0)
            .map_or(1, usize::from),
    })
}

/// The largest body that an event can hold: events are 6 MB at most, and base64 takes 4 bytes for 3. What is left over
/// has room for the headers. Elsewhere there is no such bound.
pub(super) fn max_body_bytes() -> usize {
    if is_runtime() { 4_500_000 } else { usize::MAX }
}

/// `AWS_LAMBDA_LOG_LEVEL`: TRACE, DEBUG, INFO, WARN, ERROR or FATAL.
pub(super) fn log_level() -> Option<String> {
    variable("AWS_LAMBDA_LOG_LEVEL").map(|level| level.to_ascii_uppercase())
}

/// A variable that is set and not empty.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether the process runs under Lambda.
pub(super) fn is_runtime() -> bool {
    variable("AWS_LAMBDA_RUNTIME_API").is_some()
}

/// A mistake for each variable that AWS's runtime would panic without.
pub(super) fn missing_variables() -> Vec<String> {
    const NEEDED: [&str; 3] =
        ["AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"];
    if !is_runtime() {
        return Vec::new();
    }
    let missing = NEEDED.iter().filter(|name| variable(name).is_none());
    missing
        .map(|name| format!("{name} is missing; Lambda sets it wherever it sets AWS_LAMBDA_RUNTIME_API"))
        .collect()
}
