use super::*;

const LOGISTIC: KneeModel = KneeModel {
    ceiling: 1.0,
    bend: Bend::Upward,
};
const MC: MonteCarlo = MonteCarlo {
    draws: 199,
    seed: 2,
};
const DENSITIES: [f64; 8] = [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0];

fn curve(errors: [u64; 8], total: u64) -> Vec<DensityCounts> {
    let points = DENSITIES.iter().zip(errors);
    points
        .map(|(&density, errors)| DensityCounts {
            density,
            errors,
            total,
        })
        .collect()
}

/// A floor of 1 % errors up to density `knee`, then a rise of `slope` on the logit scale.
fn simulate(knee: f64, slope: f64, total: u64, seed: u64) -> Vec<DensityCounts> {
    let mut rng = stream(seed, "simulated-curve", 0);
    DENSITIES
        .iter()
        .map(|&density| {
            let eta = 0.01_f64.ln() + 0.1 * density + slope * (density - knee).max(0.0);
            let error = 1.0 / (1.0 + (-eta).exp());
            let errors = Binomial::new(total, error).unwrap().sample(&mut rng);
            DensityCounts {
                density,
                errors,
                total,
            }
        })
        .collect()
}

#[test]
fn line_agrees_with_statsmodels() {
    // statsmodels 0.15.0: GLM(np.column_stack([e, 500 - e]), add_constant(x), Binomial()).fit()
    let points = curve([4, 5, 4, 7, 13, 31, 140, 440], 500);
    let line = fit::line(&points, 1.0);
    assert!((line.intercept + 7.016_278_68).abs() < 1e-6, "{line:?}");
    assert!((line.slope - 1.499_805_95).abs() < 1e-6);
    assert!((line.deviance - 12.610_789_872_900_97).abs() < 1e-8);
}

#[test]
fn broken_stick_agrees_with_a_search_over_statsmodels_fits() {
    // As above with the column np.maximum(x - psi, 0); psi by scipy.optimize.minimize_scalar on the
    // deviance, SciPy 1.17.1. With the ceiling: Nelder-Mead on the same likelihood.
    let points = vec![curve([4, 5, 4, 7, 13, 31, 140, 440], 500)];
    let test = knee_test(&points, LOGISTIC, MC).unwrap();
    let stick = test.stick.unwrap();
    assert!((stick.breakpoint - 1.645_986_7).abs() < 1e-3, "{stick:?}");
    assert!((stick.deviance - 2.691_618_504_6).abs() < 1e-6);
    assert!(stick.slope_before.abs() < 1e-3);
    assert!((stick.slope_after - 1.565_425).abs() < 1e-3);
    assert!((test.likelihood_ratio - (12.610_789_872_9 - 2.691_618_504_6)).abs() < 1e-6);
    assert_eq!(test.dispersion, 1.0);
    assert!(test.p < 0.02);

    let with_ceiling = KneeModel {
        ceiling: 35.0 / 36.0,
        ..LOGISTIC
    };
    let stick = knee_test(&points, with_ceiling, MC).unwrap().stick.unwrap();
    assert!((stick.breakpoint - 1.730_223).abs() < 1e-3, "{stick:?}");
    assert!((stick.deviance - 1.178_704_987_8).abs() < 1e-6);
}

#[test]
fn saturation_is_a_bend_but_no_knee() {
    // statsmodels: the best break of these counts is at 3.3705 and lowers the slope to 0.3517.
    let points = vec![curve([3, 4, 3, 9, 60, 150, 280, 360], 500)];
    let either = KneeModel {
        bend: Bend::Either,
        ..LOGISTIC
    };
    let stick = knee_test(&points, either, MC).unwrap().stick.unwrap();
    assert!((stick.breakpoint - 3.370_526).abs() < 1e-3, "{stick:?}");
    assert!((stick.deviance - 15.683_164_116_5).abs() < 1e-5);
    assert!((stick.slope_after - 0.351_649_82).abs() < 1e-3);
    let upward = knee_test(&points, LOGISTIC, MC).unwrap();
    assert!(upward.likelihood_ratio < 0.1 * 200.0);
    assert!(
        upward
            .stick
            .is_none_or(|stick| stick.slope_after > stick.slope_before)
    );
    // Cut where a quarter of the characters are wrong, the knee shows.
    let kept = rising_part(&points, LOGISTIC, 0.25).unwrap();
    assert_eq!(kept, 6);
    // All of the ceiling cuts nothing, although a reader may be wrong more often.
    let below = KneeModel {
        ceiling: 0.9,
        ..LOGISTIC
    };
    let mut beyond = points.clone();
    beyond
        .iter_mut()
        .for_each(|curve| curve[4].errors = curve[4].total);
    assert_eq!(rising_part(&beyond, below, 1.0).unwrap(), points[0].len());
    assert_eq!(rising_part(&beyond, below, 0.99).unwrap(), 5);
    let cut: Vec<Vec<DensityCounts>> = points.iter().map(|c| c[..kept].to_vec()).collect();
    let knee = knee_test(&cut, LOGISTIC, MC).unwrap();
    assert!(knee.p < 0.02);
    assert!(
        (1.3..2.3).contains(&knee.stick.unwrap().breakpoint),
        "{knee:?}"
    );
}

#[test]
fn a_line_is_called_a_knee_at_the_nominal_rate_and_a_knee_is_found() {
    const SAMPLES: u64 = 40;
    let mc = MonteCarlo { draws: 59, seed: 5 };
    let (mut false_alarms, mut hits, mut near) = (0, 0, 0);
    for sample in 0..SAMPLES {
        let line = [simulate(100.0, 0.0, 400, sample)];
        false_alarms += u32::from(knee_test(&line, LOGISTIC, mc).unwrap().p <= 0.05);
        let knee = knee_test(&[simulate(2.0, 2.0, 400, sample)], LOGISTIC, mc).unwrap();
        hits += u32::from(knee.p <= 0.05);
        near += u32::from(
            knee.stick
                .is_some_and(|s| (1.5..2.5).contains(&s.breakpoint)),
        );
    }
    // 2 of 40 expected; 7 or more has a probability of 0.003.
    assert!(false_alarms <= 6, "{false_alarms}");
    assert!(hits >= 38, "{hits}");
    assert!(near >= 33, "{near}");
}

#[test]
fn scattering_seeds_weaken_the_evidence() {
    let quiet: Vec<_> = (0..6).map(|seed| simulate(2.0, 1.0, 400, seed)).collect();
    let mut noisy = quiet.clone();
    for (index, curve) in noisy.iter_mut().enumerate() {
        for point in curve.iter_mut() {
            point.errors = if index % 2 == 0 {
                point.errors * 2
            } else {
                point.errors / 8
            };
        }
    }
    let (quiet, noisy) = (
        knee_test(&quiet, LOGISTIC, MC).unwrap(),
        knee_test(&noisy, LOGISTIC, MC).unwrap(),
    );
    assert!(quiet.dispersion < 2.0, "{}", quiet.dispersion);
    assert!(noisy.dispersion > 20.0, "{}", noisy.dispersion);
    assert!(noisy.p >= quiet.p);
}

#[test]
fn break_point_interval_holds_the_truth_and_pairs_by_draw() {
    let curves: Vec<_> = (0..8).map(|seed| simulate(2.0, 2.0, 1000, seed)).collect();
    let draws = breakpoint_draws(&curves, LOGISTIC, MC).unwrap();
    let mut found: Vec<f64> = draws.iter().flatten().copied().collect();
    assert!(found.len() > 190);
    found.sort_by(f64::total_cmp);
    assert!(found[4] < 2.0 && 2.0 < found[found.len() - 5], "{found:?}");
    assert_eq!(draws, breakpoint_draws(&curves, LOGISTIC, MC).unwrap());
}

#[test]
fn curves_without_errors_stay_finite() {
    let flat = [curve([0; 8], 500)];
    let test = knee_test(&flat, LOGISTIC, MC).unwrap();
    assert!(test.line.deviance < 1e-3 && test.p > 0.5, "{test:?}");
    let late = [curve([0, 0, 0, 0, 0, 0, 100, 400], 500)];
    assert!(
        knee_test(&late, LOGISTIC, MC)
            .unwrap()
            .line
            .deviance
            .is_finite()
    );
}

#[test]
fn unusable_curves_are_refused() {
    let good = curve([1; 8], 500);
    assert!(knee_test(&[], LOGISTIC, MC).is_err());
    assert!(knee_test(&[good[..3].to_vec()], LOGISTIC, MC).is_err());
    assert!(knee_test(&[good.clone(), good[..7].to_vec()], LOGISTIC, MC).is_err());
    let mut reversed = good.clone();
    reversed.reverse();
    assert!(knee_test(&[reversed], LOGISTIC, MC).is_err());
    assert!(knee_test(&[curve([0; 8], 0)], LOGISTIC, MC).is_err());
    let no_ceiling = KneeModel {
        ceiling: 0.0,
        ..LOGISTIC
    };
    assert!(knee_test(std::slice::from_ref(&good), no_ceiling, MC).is_err());
    assert!(breakpoint_draws(&[good], LOGISTIC, MC).is_err());
}
