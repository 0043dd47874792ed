//! Logits → probabilities → the best of them.

use std::cmp::Ordering;

use crate::Error;

/// Turns logits into probabilities in place: `exp(x - max) / sum`, summed in f64. The maximum is taken off first,
/// so that no logit, however large, overflows.
///
/// # Errors
///
/// [`Error::Internal`] if a logit is not finite, or if there is none.
pub(super) fn softmax(logits: &mut [f32]) -> Result<(), Error> {
    if let Some(class) = logits.iter().position(|logit| !logit.is_finite()) {
        return Err(Error::internal(format!("the logit of class {class} is {}", logits[class])));
    }
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

/// Class ids and scores of the `k` highest, highest first, ties by class id; all of them if there are fewer.
pub(super) fn top_k(scores: &[f32], k: usize) -> Vec<(usize, f32)> {
    let mut ranked: Vec<(usize, f32)> = scores.iter().copied().enumerate().collect();
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
    fn a_logit_that_is_no_number_is_refused() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let error = softmax(&mut [1.0, bad]).unwrap_err();
            assert_eq!(error.code(), "internal");
        }
        assert!(softmax(&mut []).is_err());
    }

    #[test]
    fn the_highest_come_first_and_ties_by_class_id() {
        assert_eq!(top_k(&[0.1, 0.4, 0.1, 0.4], 3), [(1, 0.4), (3, 0.4), (0, 0.1)]);
        assert_eq!(top_k(&[0.1, 0.9], 5), [(1, 0.9), (0, 0.1)]);
        assert_eq!(top_k(&[0.1, 0.9], 2), [(1, 0.9), (0, 0.1)]);
    }
}
