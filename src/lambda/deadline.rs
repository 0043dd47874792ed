//! The deadline of an invocation.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lambda_runtime::Context;

/// Time reserved for sending the reply.
const RESERVE: Duration = Duration::from_millis(500);

/// When the objects of an invocation must be processed. `None` outside Lambda, where there is no deadline.
pub(super) fn of(context: &Context) -> Option<Instant> {
    let end = Duration::from_millis(context.deadline).checked_sub(RESERVE)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Instant::now().checked_add(end.saturating_sub(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invocation_ends_before_lambda_ends_it() {
        let mut context = Context::default();
        assert_eq!(of(&context), None);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        context.deadline = u64::try_from(now.as_millis()).unwrap() + 3000;
        let left = of(&context).unwrap().duration_since(Instant::now());
        assert!((Duration::from_millis(2000)..=Duration::from_millis(2500)).contains(&left), "{left:?}");
        // A deadline in the past.
        context.deadline = 1000;
        assert!(of(&context).unwrap() <= Instant::now());
    }
}
