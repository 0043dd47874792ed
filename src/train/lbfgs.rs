//! Minimises a smooth convex function: L-BFGS (Nocedal and Wright, Numerical Optimization, algorithms 7.4 and 7.5).

use std::collections::VecDeque;

use ndarray::Array2;

/// A function to minimise.
pub(super) trait Objective {
    /// The value and the gradient at a point.
    fn at(&self, point: &Array2<f64>) -> (f64, Array2<f64>);
}

/// Number of past steps that are kept to approximate the curvature.
const MEMORY: usize = 10;

/// A safeguard: a search that converges does so within a few hundred steps.
const MAX_STEPS: usize = 1000;

/// A step must reach this part of the decrease that the slope predicts (Armijo's condition).
const SUFFICIENT: f64 = 1e-4;

/// A past step, and the change of the gradient over it.
struct Step {
    moved: Array2<f64>,
    turned: Array2<f64>,
    /// `moved · turned`, above 0.
    curvature: f64,
}

/// Returns the point where no component of the gradient is larger than `tolerance`, or where no step
/// decreases the value.
pub(super) fn minimise(objective: &impl Objective, start: Array2<f64>, tolerance: f64) -> Array2<f64> {
    let mut point = start;
    let (mut value, mut gradient) = objective.at(&point);
    let mut memory: VecDeque<Step> = VecDeque::with_capacity(MEMORY);
    for _ in 0..MAX_STEPS {
        if gradient.iter().all(|part| part.abs() <= tolerance) {
            break;
        }
        let direction = direction(&gradient, &memory);
        let slope = dot(&gradient, &direction);
        // Without past steps, the length of the gradient says nothing about the distance, so step at most 1.
        let mut length =
            if memory.is_empty() { 1.0 / dot(&gradient, &gradient).sqrt().max(1.0) } else { 1.0 };
        let next = loop {
            let candidate = &point + &(&direction * length);
            let (found, slopes) = objective.at(&candidate);
            if found <= value + SUFFICIENT * length * slope {
                break Some((candidate, found, slopes));
            }
            length /= 2.0;
            if length < 1e-12 {
                break None;
            }
        };
        let Some((candidate, found, slopes)) = next else { break };
        let (moved, turned) = (&candidate - &point, &slopes - &gradient);
        let curvature = dot(&moved, &turned);
        if curvature > f64::EPSILON * dot(&turned, &turned) {
            if memory.len() == MEMORY {
                memory.pop_front();
            }
            memory.push_back(Step { moved, turned, curvature });
        }
        (point, value, gradient) = (candidate, found, slopes);
    }
    point
}

/// The negative gradient, multiplied by the approximate inverse of the curvature.
fn direction(gradient: &Array2<f64>, memory: &VecDeque<Step>) -> Array2<f64> {
    let mut direction = -gradient;
    let mut weights = Vec::with_capacity(memory.len());
    for step in memory.iter().rev() {
        let weight = dot(&step.moved, &direction) / step.curvature;
        direction.scaled_add(-weight, &step.turned);
        weights.push(weight);
    }
    if let Some(last) = memory.back() {
        direction *= last.curvature / dot(&last.turned, &last.turned);
    }
    for (step, weight) in memory.iter().zip(weights.into_iter().rev()) {
        let back = dot(&step.turned, &direction) / step.curvature;
        direction.scaled_add(weight - back, &step.moved);
    }
    direction
}

fn dot(left: &Array2<f64>, right: &Array2<f64>) -> f64 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    /// `Σ wᵢ (xᵢ - i)²`, with curvatures that differ by a factor of a thousand.
    struct Valley(Array2<f64>);

    impl Objective for Valley {
        fn at(&self, point: &Array2<f64>) -> (f64, Array2<f64>) {
            let mut gradient = point.clone();
            let mut value = 0.0;
            for (index, (part, weight)) in gradient.iter_mut().zip(&self.0).enumerate() {
                let off = *part - index as f64;
                value += weight * off * off;
                *part = 2.0 * weight * off;
            }
            (value, gradient)
        }
    }

    #[test]
    fn the_bottom_of_a_narrow_valley_is_found() {
        let valley = Valley(array![[1000.0, 1.0], [30.0, 0.5]]);
        let found = minimise(&valley, array![[5.0, -7.0], [100.0, 0.0]], 1e-9);
        for (index, part) in found.iter().enumerate() {
            assert!((part - index as f64).abs() < 1e-8, "{found}");
        }
    }

    #[test]
    fn a_function_without_a_bottom_ends_all_the_same() {
        struct Slope;
        impl Objective for Slope {
            fn at(&self, point: &Array2<f64>) -> (f64, Array2<f64>) {
                (-point.sum(), Array2::from_elem(point.dim(), -1.0))
            }
        }
        assert!(minimise(&Slope, array![[0.0]], 1e-6)[[0, 0]] > 1.0);
    }
}
