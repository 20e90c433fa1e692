//! Numbers of a plausible shape, made up to try the layout. Not results.

use figures::{
    Arm, Bound, BoundCurve, Capacity, CerByArm, CerByDensity, CerCell, CerScale, Curve, CurvePanel,
    CurvePoint, DensityLine, DensityPanel, DensityPoint, ErrorCurves, Estimate, Family,
    HardeningCurve, HardeningLine, HardeningPanel, HardeningPoint, LearningCurve, LearningCurves,
    LearningPoint, LiveCodes, Reference, TokenPoint, TokenTrace, TokensOverTraining,
};

const SUBTITLE: &str = "made-up numbers for layout checks – 1,500 test strings per density, \
                        3 seeds; whiskers: 95 % hierarchical bootstrap interval";

/// Label, family, made-up error rate at one character per token, live codes.
const ARMS: [(&str, Family, f64, Option<LiveCodes>); 12] = [
    ("identity", Family::Ceiling, 0.004, None),
    ("patch-merger", Family::Merger, 0.006, None),
    ("linear", Family::Control, 0.011, None),
    ("mlp:width-matched (2,816)", Family::Control, 0.0065, None),
    ("mean-pool", Family::Control, 0.045, None),
    ("vet:softmax (K=1024)", Family::VetSoft, 0.009, None),
    (
        "vet:st-argmax (K=256)",
        Family::VetHard,
        0.19,
        codes(41, 256),
    ),
    (
        "vet:st-argmax+usage (K=256)",
        Family::VetHard,
        0.062,
        codes(241, 256),
    ),
    (
        "vet:st-argmax-raw (K=1024)",
        Family::VetHard,
        0.23,
        codes(38, 1024),
    ),
    (
        "vet:gumbel-fixed (K=1024)",
        Family::VetGumbel,
        0.12,
        codes(512, 1024),
    ),
    (
        "vet:gumbel-annealed+usage (K=1024)",
        Family::VetGumbel,
        0.048,
        codes(987, 1024),
    ),
    ("blind", Family::Blind, 0.97, None),
];

const fn codes(used: u64, total: u64) -> Option<LiveCodes> {
    Some(LiveCodes { used, total })
}

fn estimate(mean: f64, spread: f64) -> Estimate {
    Estimate::new(mean, mean * (1.0 - spread), mean * (1.0 + spread))
}

fn at_density(base: f64, density: f64) -> f64 {
    if base > 0.9 {
        return base;
    }
    (base * density.powf(1.3)).min(0.97)
}

fn references(density: f64) -> Vec<Reference> {
    vec![
        Reference {
            label: "PatchMerger (reference)".to_owned(),
            family: Family::Merger,
            cer: at_density(0.006, density),
        },
        Reference {
            label: "blind (chance level)".to_owned(),
            family: Family::Blind,
            cer: 0.97,
        },
    ]
}

fn panel(density: f64) -> DensityPanel {
    let cell = |&(_, _, base, codes): &(&str, Family, f64, Option<LiveCodes>)| CerCell {
        cer: estimate(at_density(base, density), 0.14 / density.sqrt()),
        codes,
    };
    DensityPanel {
        density,
        cells: ARMS.iter().map(cell).collect(),
        references: references(density),
    }
}

fn arms() -> Vec<Arm> {
    ARMS.iter().map(|arm| Arm::new(arm.0, arm.1)).collect()
}

/// Dot plots: typical on both scales, crowded, and a single cell.
pub fn cer_by_arm() -> Vec<(&'static str, CerByArm)> {
    let typical = CerByArm {
        title: "Character error rate by projector, random strings of 36 characters".to_owned(),
        subtitle: SUBTITLE.to_owned(),
        scale: CerScale::Log,
        arms: arms(),
        panels: vec![panel(1.0), panel(2.0), panel(4.0)],
    };
    let linear = CerByArm {
        scale: CerScale::Linear,
        panels: vec![panel(1.0), panel(4.0)],
        ..typical.clone()
    };
    let mut crowded = typical.clone();
    crowded.panels.push(panel(0.5));
    for index in 0..8 {
        let label = format!(
            "vet:gumbel-annealed+usage+matched-scale-initialisation, last block trained, \
             learning rate 0.000{} (K=65536)",
            index + 1
        );
        crowded.arms.push(Arm::new(label, Family::ALL[index % 8]));
        for panel in &mut crowded.panels {
            panel.cells.push(match index {
                0 => CerCell::failed(),
                1 => CerCell {
                    cer: Estimate::new(0.0, 0.0, 0.003),
                    codes: codes(65000, 65536),
                },
                _ => CerCell {
                    cer: estimate(0.02 * index as f64, 0.3),
                    codes: codes(60123, 65536),
                },
            });
        }
    }
    let single = CerByArm {
        arms: vec![Arm::new("patch-merger", Family::Merger)],
        panels: vec![DensityPanel {
            density: 2.0,
            cells: vec![CerCell {
                cer: Estimate::exact(0.0),
                codes: None,
            }],
            references: Vec::new(),
        }],
        ..typical.clone()
    };
    vec![
        ("cer_by_arm", typical),
        ("cer_by_arm_linear", linear),
        ("cer_by_arm_crowded", crowded),
        ("cer_by_arm_single", single),
    ]
}

fn capacity(words: u64) -> Capacity {
    Capacity {
        words,
        alphabet: 36,
    }
}

fn bound(words: u64) -> Bound {
    let capacity = capacity(words).density();
    let points = (0..=60).map(|step| {
        let density = 0.5 * 8f64.powf(f64::from(step) / 60.0);
        (density, (1.0 - capacity / density).max(0.0) * 0.97)
    });
    Bound {
        label: format!("lower bound (Fano), K = {words}"),
        points: points.collect(),
    }
}

/// Error against density: typical on both scales, twenty arms, and one point.
pub fn cer_by_density() -> Vec<(&'static str, CerByDensity)> {
    let line = |&(label, family, base, _): &(&str, Family, f64, Option<LiveCodes>)| DensityLine {
        arm: Arm::new(label, family),
        points: [0.5, 1.0, 1.5, 2.0, 3.0, 4.0]
            .into_iter()
            .map(|density| DensityPoint {
                density,
                cer: estimate(at_density(base, density), 0.12),
            })
            .collect(),
    };
    let typical = CerByDensity {
        title: "Reading gets harder with text density".to_owned(),
        subtitle: SUBTITLE.to_owned(),
        scale: CerScale::Linear,
        lines: ARMS.iter().map(line).collect(),
        capacities: vec![capacity(256), capacity(1024)],
        bounds: vec![bound(256)],
    };
    let logarithmic = CerByDensity {
        scale: CerScale::Log,
        capacities: vec![capacity(64), capacity(256), capacity(1024), capacity(65536)],
        bounds: vec![bound(256), bound(1024)],
        ..typical.clone()
    };
    let mut crowded = logarithmic.clone();
    for index in 0..8 {
        let mut line = crowded.lines[index].clone();
        line.arm.label += ", trained jointly with the last block of the backbone";
        for point in &mut line.points {
            point.cer = estimate(point.cer.mean * 0.7, 0.1);
        }
        line.points[index % 6].cer = Estimate::failed();
        if index == 7 {
            line.points
                .iter_mut()
                .for_each(|point| point.cer = Estimate::failed());
        }
        if index == 0 {
            line.points[0].cer = Estimate::new(0.0, 0.0, 0.001);
        }
        crowded.lines.push(line);
    }
    let single = CerByDensity {
        lines: vec![DensityLine {
            arm: Arm::new("patch-merger", Family::Merger),
            points: vec![DensityPoint {
                density: 1.0,
                cer: estimate(0.02, 0.2),
            }],
        }],
        capacities: Vec::new(),
        bounds: Vec::new(),
        ..typical.clone()
    };
    vec![
        ("cer_by_density", typical),
        ("cer_by_density_log", logarithmic),
        ("cer_by_density_crowded", crowded),
        ("cer_by_density_single", single),
    ]
}

fn hardening_panel(density: f64, vocabularies: &[u64]) -> HardeningPanel {
    let line = |&words: &u64| HardeningLine {
        on: None,
        words,
        points: (0..=words.ilog2())
            .map(|power| {
                let k = 1u64 << power;
                let size = (words as f64).log2();
                let cer = 0.01 * density + 0.8 * (-0.9 * f64::from(power) * 10.0 / size).exp();
                HardeningPoint {
                    k,
                    cer: estimate(cer.min(0.97), 0.1),
                }
            })
            .collect(),
    };
    HardeningPanel {
        density,
        lines: vocabularies.iter().map(line).collect(),
        references: vec![
            Reference {
                label: "st-argmax trained hard (K = 1024)".to_owned(),
                family: Family::VetHard,
                cer: 0.06 * density,
            },
            Reference {
                label: "PatchMerger (reference)".to_owned(),
                family: Family::Merger,
                cer: 0.006 * density,
            },
        ],
    }
}

/// Hardening curves: typical, and a vocabulary too large for every tick to be labelled.
pub fn hardening_curves() -> Vec<(&'static str, HardeningCurve)> {
    let typical = HardeningCurve {
        title: "A softmax projector read with only its k likeliest words".to_owned(),
        subtitle: SUBTITLE.to_owned(),
        scale: CerScale::Log,
        panels: [1.0, 2.0, 4.0]
            .map(|density| hardening_panel(density, &[256, 1024]))
            .to_vec(),
    };
    let wide = HardeningCurve {
        scale: CerScale::Linear,
        panels: [0.5, 1.0, 2.0, 4.0]
            .map(|density| hardening_panel(density, &[256, 1024, 16384, 65536]))
            .to_vec(),
        ..typical.clone()
    };
    let single = HardeningCurve {
        panels: vec![hardening_panel(2.0, &[1024])],
        ..typical.clone()
    };
    vec![
        ("hardening_curve", typical),
        ("hardening_curve_wide", wide),
        ("hardening_curve_single", single),
    ]
}

fn wobble(index: usize, step: u64) -> f64 {
    (step as f64 * 0.013 + index as f64 * 1.7).sin() * (step as f64 * 0.0041 + 0.3).cos()
}

fn trace(index: usize, label: &str, family: Family, words: f64, collapse: f64) -> TokenTrace {
    let points = (0..=60).map(|tick| {
        let step = tick * 50;
        let decay = (-(step as f64) / 600.0).exp();
        let bits = words.log2() * (1.0 - collapse * (1.0 - decay));
        let codes = words.powf(1.0 - 0.6 * collapse * (1.0 - decay)) - 3.0 * decay;
        TokenPoint {
            step,
            entropy_bits: (bits * (1.0 + 0.015 * wobble(index, step))).min(words.log2()),
            codes_used: (family != Family::VetSoft).then(|| codes.clamp(1.0, words)),
        }
    });
    TokenTrace {
        arm: Arm::new(label, family),
        points: points.collect(),
    }
}

/// Token traces: typical with two vocabularies, crowded with a failed arm, and soft arms alone.
pub fn tokens_over_training() -> Vec<(&'static str, TokensOverTraining)> {
    let typical = TokensOverTraining {
        title: "Tokens while training, 2 characters per visual token".to_owned(),
        subtitle: "made-up numbers for layout checks – mean over 3 seeds, measured on 512 \
                   validation strings"
            .to_owned(),
        traces: vec![
            trace(0, "vet:softmax (K=1024)", Family::VetSoft, 1024.0, 0.62),
            trace(1, "vet:softmax (K=256)", Family::VetSoft, 256.0, 0.55),
            trace(2, "vet:st-argmax (K=1024)", Family::VetHard, 1024.0, 0.93),
            trace(
                3,
                "vet:st-argmax+usage (K=1024)",
                Family::VetHard,
                1024.0,
                0.31,
            ),
            trace(
                4,
                "vet:gumbel-annealed+usage (K=1024)",
                Family::VetGumbel,
                1024.0,
                0.12,
            ),
        ],
        vocabularies: vec![256, 1024],
    };
    let mut crowded = typical.clone();
    crowded.vocabularies = vec![256, 257, 1024, 4096, 65536];
    for index in 0..15 {
        let family = Family::ALL[index % 8];
        let label = format!("{} variant {index} (K=4096)", family.label());
        crowded
            .traces
            .push(trace(index, &label, family, 4096.0, 0.05 * index as f64));
    }
    if let Some(last) = crowded.traces.last_mut() {
        for point in &mut last.points[8..] {
            point.entropy_bits = f64::NAN;
            point.codes_used = point.codes_used.map(|_| f64::NAN);
        }
    }
    let mut soft = typical.clone();
    soft.traces.truncate(2);
    vec![
        ("tokens_over_training", typical),
        ("tokens_over_training_crowded", crowded),
        ("tokens_over_training_soft", soft),
    ]
}

/// Learning curves: typical, crowded with zeros and a failed arm, and one point.
pub fn learning_curves() -> Vec<(&'static str, LearningCurves)> {
    let curve = |(index, arm): (usize, &(&str, Family, f64, Option<LiveCodes>))| LearningCurve {
        arm: Arm::new(arm.0, arm.1),
        points: (0..=40)
            .map(|tick| {
                let step = tick * 75;
                let mean = arm.2 + (0.97 - arm.2) * (-(step as f64) / 260.0).exp();
                let mean = mean * (1.0 + 0.05 * wobble(index, step));
                LearningPoint {
                    step,
                    cer: Estimate::new(mean, mean * 0.85, mean * 1.2),
                }
            })
            .collect(),
    };
    let typical = LearningCurves {
        title: "Learning curves at 2 characters per visual token".to_owned(),
        subtitle: "made-up numbers for layout checks – 512 validation strings; line: mean of 3 \
                   seeds, band: smallest to largest"
            .to_owned(),
        curves: ARMS.iter().enumerate().map(curve).collect(),
    };
    let mut crowded = typical.clone();
    for index in 0..8 {
        let mut curve = typical.curves[index].clone();
        curve.arm.label += ", joint";
        for (tick, point) in curve.points.iter_mut().enumerate() {
            point.cer = estimate(point.cer.mean * 0.6, 0.1);
            if index == 0 && tick > 30 {
                point.cer = Estimate::exact(0.0);
            }
            if index == 7 && tick > 12 {
                point.cer = Estimate::failed();
            }
        }
        crowded.curves.push(curve);
    }
    let single = LearningCurves {
        curves: vec![LearningCurve {
            arm: Arm::new("patch-merger", Family::Merger),
            points: vec![LearningPoint {
                step: 0,
                cer: estimate(0.9, 0.05),
            }],
        }],
        ..typical.clone()
    };
    vec![
        ("learning_curves", typical),
        ("learning_curves_crowded", crowded),
        ("learning_curves_single", single),
    ]
}

/// Error against bits: three alphabets with a bound, a single crowded panel with a failed point.
pub fn error_curves() -> Vec<(&'static str, ErrorCurves)> {
    let curve = |label: &str, family, offset: f64| Curve {
        arm: Arm::new(label, family),
        points: (2..=8)
            .map(|power| {
                let x = 2f64.powi(power);
                CurvePoint {
                    x,
                    error: estimate((1.2 - 0.15 * f64::from(power) + offset).max(0.01), 0.1),
                }
            })
            .collect(),
    };
    let panel = |title: &str, offset| CurvePanel {
        title: title.to_owned(),
        curves: vec![
            curve("VET, one table", Family::VetHard, offset),
            curve("VET, several tables", Family::VetHard, offset + 0.03),
            curve("finite scalars", Family::Codebook, offset - 0.05),
            curve("nearest codeword", Family::Codebook, offset + 0.07),
        ],
        references: vec![
            Reference {
                label: "PatchMerger".to_owned(),
                family: Family::Merger,
                cer: 0.013,
            },
            Reference {
                label: "VET, soft".to_owned(),
                family: Family::VetSoft,
                cer: 0.012,
            },
        ],
        bounds: vec![BoundCurve {
            label: "least error that the bits allow".to_owned(),
            points: (8..=40)
                .map(|step| {
                    let x = 2f64.powf(f64::from(step) / 5.0);
                    (x, (1.0 - x / 40.0).max(0.0))
                })
                .collect(),
        }],
    };
    let three = ErrorCurves {
        title: "Error against bits per token".to_owned(),
        subtitle: SUBTITLE.to_owned(),
        x_title: "bits per token".to_owned(),
        y_title: "CER (%)".to_owned(),
        scale: CerScale::Linear,
        panels: vec![
            panel("10 characters", 0.0),
            panel("36 characters", 0.1),
            panel("94 characters", 0.2),
        ],
    };
    let mut single = three.clone();
    single.scale = CerScale::Log;
    single.panels.truncate(1);
    single.panels[0].curves[1].points[3].error = Estimate::failed();
    vec![("error_curves", three), ("error_curves_single", single)]
}
