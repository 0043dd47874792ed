//! The variables that Lambda sets. They are no flags: AWS's runtime reads them by itself.

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
