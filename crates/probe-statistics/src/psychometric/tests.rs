use super::*;
use crate::StatisticsError;
use crate::bootstrap::{BootstrapPlan, ResampledUnit};
use crate::random_stream::stream;
use rand::RngExt;

const TWO_CHOICES: PsychometricModel = PsychometricModel {
    guess: 0.5,
    largest_lapse: 0.0,
};
const PLAN: ThresholdPlan = ThresholdPlan {
    model: TWO_CHOICES,
    proportion: 0.75,
    bootstrap: BootstrapPlan {
        unit: ResampledUnit::Item,
        draws: 200,
        level: 0.95,
        seed: 1,
    },
};

fn threshold_estimate(
    arm: &[SeedTrials],
    plan: &ThresholdPlan,
) -> Result<ThresholdEstimate, StatisticsError> {
    Ok(ThresholdDraws::of(arm, plan)?.estimate())
}

fn threshold_ratio(
    left: &[SeedTrials],
    right: &[SeedTrials],
    plan: &ThresholdPlan,
) -> Result<ThresholdRatio, StatisticsError> {
    ThresholdDraws::of(left, plan)?.ratio(&ThresholdDraws::of(right, plan)?)
}

fn points(counts: &[(f64, u64, u64)]) -> Vec<LevelCounts> {
    let point = |&(level, correct, trials): &(f64, u64, u64)| LevelCounts {
        level,
        correct,
        trials,
    };
    counts.iter().map(point).collect()
}

/// The two-alternative example of psignifit's manual.
fn psignifit_example() -> Vec<LevelCounts> {
    let correct = [45, 50, 44, 44, 52, 53, 62, 64, 76, 79, 88, 90, 90];
    let levels = [
        0.0010, 0.0015, 0.0020, 0.0025, 0.0030, 0.0035, 0.0040, 0.0045, 0.0050, 0.0060, 0.0070,
        0.0080, 0.0100,
    ];
    let rows = levels.iter().zip(correct);
    points(
        &rows
            .map(|(&level, correct)| (level, correct, 90))
            .collect::<Vec<_>>(),
    )
}

#[test]
fn fit_agrees_with_psignifit_and_scipy() {
    // psignifit 4.3: psignifit(data, experiment_type='2AFC', sigmoid='logistic') -> threshold
    // 0.0046330 (the most probable value under its weak priors), lapse 3e-7, width 0.0048306, that is
    // a scale of width / (2 ln 19) = 0.00082029.
    // SciPy 1.17.1: minimize(negative log-likelihood, method='Nelder-Mead', xatol=1e-12) ->
    // 0.004633232832790339, 0.0008179663229646622, 566.5363975475477.
    let fit = fit_psychometric(&psignifit_example(), TWO_CHOICES).unwrap();
    assert!(
        (fit.function.midpoint - 0.004_633_232_83).abs() < 1e-8,
        "{fit:?}"
    );
    assert!((fit.function.scale - 0.000_817_966_32).abs() < 1e-8);
    assert!((fit.log_likelihood + 566.536_397_547_5).abs() < 1e-8);
    assert!((fit.function.midpoint / 0.004_632_96 - 1.0).abs() < 1e-3);
    let lapsing = PsychometricModel {
        largest_lapse: 0.1,
        ..TWO_CHOICES
    };
    let fit = fit_psychometric(&psignifit_example(), lapsing).unwrap();
    assert!(fit.function.lapse < 1e-4, "{fit:?}");
    assert!((fit.function.midpoint - 0.004_633_23).abs() < 1e-6);
}

#[test]
fn fits_of_the_palamedes_example_and_of_lapses_agree_with_scipy() {
    // Counts of the demonstration of the Palamedes toolbox; SciPy as above.
    let counts = points(&[
        (0.01, 59, 100),
        (0.03, 53, 100),
        (0.05, 68, 100),
        (0.07, 83, 100),
        (0.09, 92, 100),
        (0.11, 99, 100),
    ]);
    let fit = fit_psychometric(&counts, TWO_CHOICES).unwrap();
    assert!(
        (fit.function.midpoint - 0.060_125_747).abs() < 1e-7,
        "{fit:?}"
    );
    assert!((1.0 / fit.function.scale - 63.900_969).abs() < 1e-3);

    let four_choices = PsychometricModel {
        guess: 0.25,
        largest_lapse: 0.1,
    };
    let counts = points(&[
        (0.1, 28, 100),
        (0.3, 35, 100),
        (0.5, 60, 100),
        (0.8, 80, 100),
        (1.2, 91, 100),
        (2.0, 94, 100),
    ]);
    let fit = fit_psychometric(&counts, four_choices).unwrap();
    assert!((fit.function.lapse - 0.070_237_86).abs() < 1e-5, "{fit:?}");
    assert!((fit.function.midpoint - 0.533_185_81).abs() < 1e-5);
    assert!((fit.log_likelihood + 295.249_062_889_9).abs() < 1e-8);
    let threshold = fit.function.threshold(0.75).unwrap();
    assert!((threshold - 0.701_330_15).abs() < 1e-5);
    assert!((fit.function.proportion_correct(threshold) - 0.75).abs() < 1e-12);
    assert!((0.0..10.0).contains(&fit.deviance));
    assert_eq!(fit.degrees_of_freedom, 3);
}

#[test]
fn steps_and_flat_curves_stay_finite() {
    let step = points(&[
        (1.0, 50, 100),
        (2.0, 50, 100),
        (3.0, 100, 100),
        (4.0, 100, 100),
    ]);
    let fit = fit_psychometric(&step, TWO_CHOICES).unwrap();
    let threshold = fit.function.threshold(0.75).unwrap();
    assert!((2.0..=3.0).contains(&threshold), "{fit:?}");
    let chance = points(&[(1.0, 50, 100), (2.0, 50, 100), (3.0, 50, 100)]);
    let fit = fit_psychometric(&chance, TWO_CHOICES).unwrap();
    assert!(
        fit.function.threshold(0.75).is_none_or(|t| t > 3.0),
        "{fit:?}"
    );
}

#[test]
fn proportions_beyond_the_asymptotes_have_no_threshold() {
    let function = PsychometricFunction {
        guess: 0.5,
        lapse: 0.3,
        midpoint: 1.0,
        scale: 1.0,
    };
    assert_eq!(function.threshold(0.75), None);
    assert_eq!(function.threshold(0.5), None);
    assert!((function.threshold(0.6).unwrap() - 1.0).abs() < 1e-12);
}

/// Simulated observers: one for each seed, with a 75 %-threshold of about `threshold`.
fn observers(threshold: f64, seeds: u64, per_level: usize, sample: u64) -> Vec<SeedTrials> {
    let levels = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0];
    (0..seeds)
        .map(|seed| {
            let mut rng = stream(sample, "observer", seed);
            let own = threshold * rng.random_range(-0.1..0.1_f64).exp();
            let function = PsychometricFunction {
                guess: 0.5,
                lapse: 0.0,
                midpoint: own.ln(),
                scale: 0.35,
            };
            let images = levels
                .iter()
                .flat_map(|&l| std::iter::repeat_n(l, per_level));
            SeedTrials {
                seed,
                trials: images
                    .enumerate()
                    .map(|(index, level)| Trial {
                        level,
                        cluster: (index % 10) as u32,
                        correct: rng.random_bool(function.proportion_correct(level.ln())),
                    })
                    .collect(),
            }
        })
        .collect()
}

#[test]
fn intervals_cover_the_threshold_and_the_ratio_of_simulated_observers() {
    const SAMPLES: u64 = 40;
    let (mut thresholds, mut ratios, mut excluding_one) = (0, 0, 0);
    let plan = ThresholdPlan {
        bootstrap: BootstrapPlan {
            draws: 100,
            ..PLAN.bootstrap
        },
        ..PLAN
    };
    for sample in 0..SAMPLES {
        let left = observers(1.5, 8, 40, 2 * sample);
        let right = observers(1.0, 8, 40, 2 * sample + 1);
        let found = threshold_estimate(&left, &plan).unwrap();
        assert!(!found.extrapolated);
        thresholds += u32::from(found.interval.unwrap().contains(1.5));
        let found = threshold_ratio(&left, &right, &plan).unwrap();
        let interval = found.interval.unwrap();
        ratios += u32::from(interval.contains(1.5));
        excluding_one += u32::from(interval.low > 1.0);
        let mean_log = found.seed_log_ratios.iter().flatten().sum::<f64>() / 8.0;
        assert!((mean_log - found.ratio.ln()).abs() < 0.15);
    }
    // The crossed bootstrap is a little wide where answers are independent: 38 of 40 or more.
    assert!(thresholds >= 35, "{thresholds}");
    assert!(ratios >= 35, "{ratios}");
    assert!(excluding_one >= 38, "{excluding_one}");
}

#[test]
fn an_arm_against_itself_has_a_ratio_of_one() {
    let arm = observers(1.0, 4, 30, 7);
    let cluster = ThresholdPlan {
        bootstrap: BootstrapPlan {
            unit: ResampledUnit::Cluster,
            ..PLAN.bootstrap
        },
        ..PLAN
    };
    for plan in [PLAN, cluster] {
        let found = threshold_ratio(&arm, &arm, &plan).unwrap();
        assert_eq!(found.ratio, 1.0);
        let interval = found.interval.unwrap();
        assert!((interval.low - 1.0).abs() < 1e-12 && (interval.high - 1.0).abs() < 1e-12);
        assert!(found.undefined_draws == 0 && !found.extrapolated);
    }
    assert_eq!(
        threshold_estimate(&arm, &cluster).unwrap(),
        threshold_estimate(&arm, &cluster).unwrap()
    );
}

#[test]
fn blind_observers_have_no_interval() {
    let blind: Vec<SeedTrials> = observers(1e6, 4, 20, 3);
    let found = threshold_estimate(&blind, &PLAN).unwrap();
    assert!(found.extrapolated || found.threshold.is_none(), "{found:?}");
    // A reader that is wrong in a third of the easy trials never gives 75 % right.
    let mut lapsing = observers(1.0, 3, 60, 4);
    for trial in lapsing.iter_mut().flat_map(|seed| &mut seed.trials) {
        trial.correct &= trial.cluster % 3 != 0;
    }
    let plan = ThresholdPlan {
        model: PsychometricModel {
            largest_lapse: 0.4,
            ..TWO_CHOICES
        },
        ..PLAN
    };
    let sharp = observers(1.0, 3, 60, 4);
    assert!(matches!(
        threshold_ratio(&lapsing, &sharp, &plan),
        Err(StatisticsError::NoThreshold { .. })
    ));
}

#[test]
fn unusable_trials_are_refused() {
    let arm = observers(1.0, 3, 5, 1);
    assert!(threshold_estimate(&[], &PLAN).is_err());
    assert!(threshold_ratio(&arm, &arm[..2], &PLAN).is_err());
    let mut other_images = arm.clone();
    other_images
        .iter_mut()
        .for_each(|seed| seed.trials[0].level = 3.0);
    assert!(threshold_ratio(&arm, &other_images, &PLAN).is_err());
    let mut zero = arm.clone();
    zero[0].trials[0].level = 0.0;
    assert!(threshold_estimate(&zero, &PLAN).is_err());
    assert!(fit_psychometric(&points(&[(1.0, 5, 4)]), TWO_CHOICES).is_err());
    assert!(fit_psychometric(&points(&[(1.0, 5, 9)]), TWO_CHOICES).is_err());
    let model = PsychometricModel {
        guess: 0.5,
        largest_lapse: 0.5,
    };
    assert!(fit_psychometric(&psignifit_example(), model).is_err());
}
