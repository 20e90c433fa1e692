//! Downhill simplex search in a few dimensions.
//!
//! # Source
//! J. A. Nelder, R. Mead, "A simplex method for function minimization", 1965.

/// Minimises `function` from `start`, first steps of size `steps`, until the corners of the simplex
/// agree within `tolerance`.
pub(crate) fn minimize<const N: usize>(
    start: [f64; N],
    steps: [f64; N],
    tolerance: f64,
    function: impl Fn(&[f64; N]) -> f64,
) -> [f64; N] {
    const MAX_MOVES: usize = 2000;
    let mut corners: Vec<([f64; N], f64)> = vec![(start, function(&start))];
    for axis in 0..N {
        let mut corner = start;
        corner[axis] += steps[axis];
        corners.push((corner, function(&corner)));
    }
    for _ in 0..MAX_MOVES {
        corners.sort_by(|a, b| a.1.total_cmp(&b.1));
        let (best, worst) = (corners[0], corners[N]);
        let width = (0..N)
            .map(|axis| (worst.0[axis] - best.0[axis]).abs() / (1.0 + best.0[axis].abs()))
            .fold(0.0, f64::max);
        if worst.1 - best.1 <= tolerance && width <= tolerance.sqrt() {
            break;
        }
        let mut centre = [0.0; N];
        for (corner, _) in &corners[..N] {
            for (c, x) in centre.iter_mut().zip(corner) {
                *c += x / N as f64;
            }
        }
        let along = |factor: f64| {
            let mut point = centre;
            for (p, w) in point.iter_mut().zip(&worst.0) {
                *p += factor * (w - *p);
            }
            (point, function(&point))
        };
        let reflected = along(-1.0);
        if reflected.1 < best.1 {
            let expanded = along(-2.0);
            corners[N] = if expanded.1 < reflected.1 {
                expanded
            } else {
                reflected
            };
        } else if reflected.1 < corners[N - 1].1 {
            corners[N] = reflected;
        } else {
            let contracted = if reflected.1 < worst.1 {
                along(-0.5)
            } else {
                along(0.5)
            };
            if contracted.1 < reflected.1.min(worst.1) {
                corners[N] = contracted;
            } else {
                for corner in &mut corners[1..] {
                    for (x, b) in corner.0.iter_mut().zip(&best.0) {
                        *x = 0.5 * (*x + b);
                    }
                    corner.1 = function(&corner.0);
                }
            }
        }
    }
    corners.sort_by(|a, b| a.1.total_cmp(&b.1));
    corners[0].0
}

#[cfg(test)]
mod tests {
    use super::minimize;

    #[test]
    fn rosenbrocks_valley_is_followed_to_its_end() {
        let valley = |p: &[f64; 2]| (1.0 - p[0]).powi(2) + 100.0 * (p[1] - p[0] * p[0]).powi(2);
        let found = minimize([-1.2, 1.0], [0.5, 0.5], 1e-14, valley);
        assert!((found[0] - 1.0).abs() < 1e-5 && (found[1] - 1.0).abs() < 1e-5);
    }
}
