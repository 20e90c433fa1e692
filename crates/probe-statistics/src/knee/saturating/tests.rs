use super::*;

const CEILING: f64 = 93.0 / 94.0;
const DENSITIES: [f64; 8] = [0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0];
const MC: MonteCarlo = MonteCarlo { draws: 99, seed: 3 };

/// One curve for each seed, of 1,000 items of four tokens.
fn simulated(seeds: u64, name: u64, error: impl Fn(f64) -> f64) -> Vec<Vec<DensityCounts>> {
    let of_seed = |seed: u64| {
        let mut rng = stream(name, "simulated-saturation", seed);
        DENSITIES
            .iter()
            .map(|&density| {
                let total = (4000.0 * density) as u64;
                let binomial = Binomial::new(total, error(density)).unwrap();
                DensityCounts {
                    density,
                    errors: binomial.sample(&mut rng),
                    total,
                }
            })
            .collect()
    };
    (0..seeds).map(of_seed).collect()
}

/// A code that `full` characters fill, read with an error of 1 % where nothing is lost.
fn code(full: f64) -> impl Fn(f64) -> f64 {
    move |density| 0.01 + (CEILING - 0.01) * (1.0 - full / density).max(0.0)
}

#[test]
fn a_code_that_is_full_is_found_where_it_is_full() {
    for full in [1.3, 2.0, 2.6] {
        let curves = simulated(8, 1, code(full));
        let test = saturating_test(&curves, CEILING, MC).unwrap();
        assert_eq!(test.p, 0.01, "{test:?}");
        let broken = test.broken.unwrap();
        assert!((broken.breakpoint - full).abs() < 0.02, "{broken:?}");
        assert!((broken.floor - 0.01).abs() < 0.002, "{broken:?}");
        assert!((broken.half / full - 1.0).abs() < 0.05, "{broken:?}");
        let mut draws: Vec<f64> = saturating_breakpoint_draws(&curves, CEILING, MC)
            .unwrap()
            .into_iter()
            .flatten()
            .collect();
        draws.sort_by(f64::total_cmp);
        let (low, high) = (draws[0], draws[draws.len() - 1]);
        assert!(
            low < full && full < high && high - low < 0.1,
            "{low} to {high}"
        );
    }
}

#[test]
fn curves_that_rise_smoothly_have_no_break() {
    let hill = |half: f64, shape: f64| {
        move |d: f64| 0.01 + (CEILING - 0.01) * (1.0 - 1.0 / (1.0 + (d / half).powf(shape)))
    };
    // Of the family, and of two others: Weibull, and logistic in the density.
    let weibull = |d: f64| 0.01 + (CEILING - 0.01) * (1.0 - (-(d / 5.0_f64).powi(3)).exp());
    let logistic = |d: f64| CEILING / (1.0 + (4.0 - 0.9 * d).exp());
    for (name, curves) in [
        ("hill 4", simulated(8, 2, hill(4.0, 4.0))),
        ("hill 1.5", simulated(8, 3, hill(4.0, 1.5))),
        ("weibull", simulated(8, 4, weibull)),
        ("logistic", simulated(8, 5, logistic)),
    ] {
        let test = saturating_test(&curves, CEILING, MC).unwrap();
        assert!(test.p > 0.05, "{name}: {test:?}");
    }
}

#[test]
fn a_smooth_curve_is_called_broken_at_the_nominal_rate_and_a_break_is_found() {
    const SAMPLES: u64 = 40;
    // The smallest p is 0.05.
    let mc = MonteCarlo { draws: 19, seed: 5 };
    let smooth = |d: f64| 0.01 + (CEILING - 0.01) * (1.0 - 1.0 / (1.0 + (d / 3.0).powi(3)));
    let (mut false_alarms, mut hits) = (0, 0);
    for sample in 0..SAMPLES {
        let test = |curves: &[Vec<DensityCounts>]| saturating_test(curves, CEILING, mc).unwrap().p;
        false_alarms += u32::from(test(&simulated(8, 100 + sample, smooth)) <= 0.05);
        hits += u32::from(test(&simulated(8, 200 + sample, code(2.0))) <= 0.05);
    }
    // 2 of 40 expected; 7 or more has a probability of 0.003.
    assert!(false_alarms <= 6, "{false_alarms}");
    assert!(hits >= 38, "{hits}");
}

#[test]
fn a_break_that_seeds_do_not_agree_on_is_weaker_evidence() {
    let quiet = simulated(8, 6, code(2.0));
    let mut noisy = quiet.clone();
    for (index, curve) in noisy.iter_mut().enumerate() {
        for point in curve.iter_mut() {
            point.errors = match index % 2 {
                0 => point.errors * 3 / 2,
                _ => point.errors / 2,
            };
        }
    }
    let test = |curves: &[Vec<DensityCounts>]| saturating_test(curves, CEILING, MC).unwrap();
    let (quiet, noisy) = (test(&quiet), test(&noisy));
    assert!(noisy.dispersion > 20.0 * quiet.dispersion, "{noisy:?}");
    assert!(noisy.likelihood_ratio / noisy.dispersion < quiet.likelihood_ratio / quiet.dispersion);
}

#[test]
fn curves_without_errors_stay_finite_and_bad_ones_are_refused() {
    let flat = simulated(2, 7, |_| 0.0);
    let test = saturating_test(&flat, CEILING, MC).unwrap();
    assert!(test.p > 0.5 && test.likelihood_ratio < 1.0, "{test:?}");
    assert!(saturating_breakpoint_draws(&flat[..1], CEILING, MC).is_err());
    assert!(saturating_test(&flat, 0.0, MC).is_err());
    let mut at_zero = flat;
    at_zero.iter_mut().for_each(|curve| curve[0].density = 0.0);
    let message = saturating_test(&at_zero, CEILING, MC)
        .unwrap_err()
        .to_string();
    assert!(message.contains("above 0"), "{message}");
}
