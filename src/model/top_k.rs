//! Turns logits into probabilities, and selects the highest ones.

use std::cmp::Ordering;

use crate::Error;

/// Turns logits into probabilities in place: `exp(x - max) / sum`, summed in f64. The maximum is subtracted
/// first, so that large logits do not overflow.
///
/// The logits must be finite.
///
/// # Errors
///
/// [`Error::Internal`] if there are no logits.
pub(super) fn softmax(logits: &mut [f32]) -> Result<(), Error> {
    let max = logits.iter().copied().max_by(f32::total_cmp).ok_or_else(|| Error::internal("no logits"))?;
    let mut sum = 0.0;
    for logit in logits.iter_mut() {
        *logit = (*logit - max).exp();
        sum += f64::from(*logit);
    }
    for probability in logits.iter_mut() {
        *probability = (f64::from(*probability) / sum) as f32;
    }
    Ok(())
}

/// Returns the class ids and scores of the `k` highest scores among the `allowed` classes, highest first,
/// ties by class id. Returns all of them if there are fewer than `k`.
pub(super) fn top_k(scores: &[f32], k: usize, allowed: impl Fn(usize) -> bool) -> Vec<(usize, f32)> {
    let mut ranked: Vec<(usize, f32)> =
        scores.iter().copied().enumerate().filter(|&(class_id, _)| allowed(class_id)).collect();
    let order = |a: &(usize, f32), b: &(usize, f32)| -> Ordering { b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)) };
    if k < ranked.len() {
        ranked.select_nth_unstable_by(k, order);
        ranked.truncate(k);
    }
    ranked.sort_unstable_by(order);
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_sum_to_one_however_large_the_logits() {
        for mut logits in [vec![1.0, 2.0, 3.0], vec![90.0, 88.0, -90.0], vec![3e38, -3e38], vec![0.0; 1000]] {
            softmax(&mut logits).unwrap();
            let sum: f32 = logits.iter().sum();
            assert!((sum - 1.0).abs() < 1e-5, "{sum}");
        }
    }

    #[test]
    fn no_logits_are_refused() {
        assert!(softmax(&mut []).is_err());
    }

    #[test]
    fn the_highest_come_first_and_ties_by_class_id() {
        let all = |_| true;
        assert_eq!(top_k(&[0.1, 0.4, 0.1, 0.4], 3, all), [(1, 0.4), (3, 0.4), (0, 0.1)]);
        assert_eq!(top_k(&[0.1, 0.9], 5, all), [(1, 0.9), (0, 0.1)]);
        assert_eq!(top_k(&[0.1, 0.9], 2, all), [(1, 0.9), (0, 0.1)]);
        assert_eq!(top_k(&[0.1, 0.9, 0.3], 2, |class_id| class_id != 1), [(2, 0.3), (0, 0.1)]);
    }
}
