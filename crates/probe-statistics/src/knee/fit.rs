//! Maximum-likelihood fits of error counts against density.

use super::{Bend, BrokenStick, DensityCounts, Line};

/// Break-points tried before the best one is refined.
const GRID: usize = 48;
const MAX_STEPS: usize = 100;
/// Keeps a direction along which the likelihood is flat from making the system singular.
const RIDGE: f64 = 1e-9;
const GOLDEN: f64 = 0.618_033_988_749_894_9;

/// `error = ceiling · σ(intercept + slope · density)`.
pub(super) fn line(points: &[DensityCounts], ceiling: f64) -> Line {
    let fit = Fit::of(points, ceiling, |x| [1.0, x]);
    Line {
        intercept: fit.coefficients[0],
        slope: fit.coefficients[1],
        deviance: fit.deviance,
    }
}

/// The line with another slope beyond its break-point; `None` if no break in the direction of
/// `bend` fits better than `line`. `points` are ascending and at least four.
pub(super) fn broken_stick(
    points: &[DensityCounts],
    ceiling: f64,
    bend: Bend,
    line: &Line,
) -> Option<BrokenStick> {
    let at = |breakpoint: f64| {
        let fit = Fit::of(points, ceiling, |x| [1.0, x, (x - breakpoint).max(0.0)]);
        let [intercept, slope_before, change] = fit.coefficients;
        let allowed = match bend {
            Bend::Upward => change > 0.0,
            Bend::Downward => change < 0.0,
            Bend::Either => true,
        };
        let stick = BrokenStick {
            breakpoint,
            intercept,
            slope_before,
            slope_after: slope_before + change,
            deviance: fit.deviance,
        };
        (allowed && fit.deviance < line.deviance).then_some(stick)
    };
    // A side with a single density would leave its slope undetermined.
    let (low, high) = (points[1].density, points[points.len() - 2].density);
    let step = (high - low) / GRID as f64;
    let best = (0..=GRID)
        .filter_map(|i| at(low + step * i as f64))
        .min_by(|a, b| a.deviance.total_cmp(&b.deviance))?;

    let deviance = |x: f64| at(x).map_or(line.deviance, |stick| stick.deviance);
    let mut left = (best.breakpoint - step).max(low);
    let mut right = (best.breakpoint + step).min(high);
    let mut inner = [
        right - GOLDEN * (right - left),
        left + GOLDEN * (right - left),
    ];
    let mut values = inner.map(deviance);
    while right - left > 1e-7 * (1.0 + high) {
        if values[0] <= values[1] {
            right = inner[1];
            inner = [right - GOLDEN * (right - left), inner[0]];
            values = [deviance(inner[0]), values[0]];
        } else {
            left = inner[0];
            inner = [inner[1], left + GOLDEN * (right - left)];
            values = [values[1], deviance(inner[1])];
        }
    }
    match at(0.5 * (left + right)) {
        Some(refined) if refined.deviance <= best.deviance => Some(refined),
        _ => Some(best),
    }
}

/// Error rate of a fitted line at `density`.
pub(super) fn line_error(line: &Line, ceiling: f64, density: f64) -> f64 {
    ceiling * sigmoid(line.intercept + line.slope * density)
}

struct Fit<const P: usize> {
    coefficients: [f64; P],
    deviance: f64,
}

impl<const P: usize> Fit<P> {
    /// Fisher scoring with halved steps: the deviance never rises. Coefficients that run away,
    /// because some densities have no errors at all, stop when the deviance does.
    fn of(points: &[DensityCounts], ceiling: f64, row: impl Fn(f64) -> [f64; P]) -> Self {
        let rows: Vec<[f64; P]> = points.iter().map(|point| row(point.density)).collect();
        let errors: f64 = points.iter().map(|point| point.errors as f64).sum();
        let total: f64 = points.iter().map(|point| point.total as f64).sum();
        let mut coefficients = [0.0; P];
        let mean = ((errors + 0.5) / (total + 1.0) / ceiling).clamp(1e-6, 1.0 - 1e-6);
        coefficients[0] = (mean / (1.0 - mean)).ln();
        let deviance_of = |coefficients: &[f64; P]| -> f64 {
            let points = points.iter().zip(&rows);
            points
                .map(|(point, row)| deviance(point, ceiling * sigmoid(product(row, coefficients))))
                .sum()
        };
        let mut current = deviance_of(&coefficients);
        for _ in 0..MAX_STEPS {
            let mut information = [[0.0; P]; P];
            let mut score = [0.0; P];
            for (point, row) in points.iter().zip(&rows) {
                let s = sigmoid(product(row, &coefficients));
                let error = (ceiling * s).clamp(1e-12, 1.0 - 1e-12);
                let slope = (ceiling * s * (1.0 - s)).max(1e-12);
                let n = point.total as f64;
                let spread = error * (1.0 - error);
                for i in 0..P {
                    score[i] += row[i] * slope * (point.errors as f64 - n * error) / spread;
                    for j in 0..P {
                        information[i][j] += row[i] * row[j] * n * slope * slope / spread;
                    }
                }
            }
            let step = solve(information, score);
            let mut scale = 1.0;
            let moved = loop {
                let mut trial = coefficients;
                for (t, s) in trial.iter_mut().zip(&step) {
                    *t += scale * s;
                }
                let reached = deviance_of(&trial);
                if reached <= current {
                    break Some((trial, reached));
                }
                scale *= 0.5;
                if scale < 1e-10 {
                    break None;
                }
            };
            let Some((trial, reached)) = moved else { break };
            coefficients = trial;
            let gained = current - reached;
            current = reached;
            if gained <= 1e-11 * (1.0 + current) {
                break;
            }
        }
        Self {
            coefficients,
            deviance: current,
        }
    }
}

/// Twice the log-likelihood ratio of a point's own rate to `error`.
pub(super) fn deviance(point: &DensityCounts, error: f64) -> f64 {
    let (n, wrong) = (point.total as f64, point.errors as f64);
    let error = error.clamp(1e-12, 1.0 - 1e-12);
    let term = |count: f64, expected: f64| {
        if count > 0.0 {
            count * (count / expected).ln()
        } else {
            0.0
        }
    };
    2.0 * (term(wrong, n * error) + term(n - wrong, n * (1.0 - error)))
}

/// Gaussian elimination with pivots for a small, positive definite system.
fn solve<const P: usize>(mut matrix: [[f64; P]; P], mut right: [f64; P]) -> [f64; P] {
    for (i, row) in matrix.iter_mut().enumerate() {
        row[i] += RIDGE * (1.0 + row[i]);
    }
    for pivot in 0..P {
        for below in pivot + 1..P {
            let factor = matrix[below][pivot] / matrix[pivot][pivot];
            let upper = matrix[pivot];
            for (value, above) in matrix[below].iter_mut().zip(upper) {
                *value -= factor * above;
            }
            right[below] -= factor * right[pivot];
        }
    }
    for pivot in (0..P).rev() {
        for after in pivot + 1..P {
            right[pivot] -= matrix[pivot][after] * right[after];
        }
        right[pivot] /= matrix[pivot][pivot];
    }
    right
}

fn product<const P: usize>(row: &[f64; P], coefficients: &[f64; P]) -> f64 {
    row.iter().zip(coefficients).map(|(x, b)| x * b).sum()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}
