//! Learning curves and the online code of the labels (arXiv:2003.12298).

use super::{Definition, Findings, FineGrained, StudyResults};
use crate::design::{arms, base, vocabulary};
use crate::figure::{StudyFigure, scale, sizes};
use crate::part::{PartResult, of_section};
use crate::scale::Scale;
use crate::section::Section;
use crate::series;
use crate::table::{StudyTable, header};
use anyhow::Result;
use arms::{ArmSpec, INDICATORS};
use claims::ArmFacts;
use figures::{Arm, Curve, CurvePanel, CurvePoint, ErrorCurves};
use probe::ProbeConfig;
use probe_statistics::bootstrap::Interval;
use probe_statistics::codelength::{BlockLoss, Codelength, block_ends, online_codelength};
use run_results::plots::family;
use run_results::wording;
use text_images::Charset;

const LEARNING: &str = "Test error after training on so many images; the lower and the further \
    left, the fewer labels the projector's tokens ask for.";

pub(super) const DEFINITION: Definition = Definition {
    findings,
    measure: |_, _| Ok(()),
    main_facts,
    ..Definition::new(
        "codelength",
        "How many labels does it take to learn to read?",
        runs,
    )
};

/// One run per block: trained on all blocks before it, validated on the block itself. The first
/// block is sent with the uniform code and needs no run; neither does training on everything.
fn runs(scale: &Scale, _: &FineGrained) -> Vec<(String, ProbeConfig)> {
    let k = vocabulary(scale.largest_vocabulary.ilog2().min(10));
    let ends = ends_of_blocks(scale.train);
    ends.windows(2)
        .map(|ends| {
            let mut config = base(scale, Charset::Alnum36, &[2.0], scale.few_seeds);
            config.arms = arms(&[
                "linear".to_owned(),
                "patch-merger".to_owned(),
                format!("gelu-mlp@{k}"),
                "mean-pool".to_owned(),
                format!("vet-softmax@{k}"),
                format!("vet-st-argmax@{k}"),
                format!("vet-st-argmax@{k}+usage"),
                format!("vq@{}", k - INDICATORS),
            ]);
            config.data.next_block = true;
            config.data.images.train = ends[0];
            config.data.images.validation = ends[1] - ends[0];
            // One rate for all: choosing it on the block that is to be sent would not be a code.
            let rates = &mut config.training.learning_rates;
            *rates = rates.last().copied().into_iter().collect();
            config.training.extensions = 0;
            // Ten runs; half the steps let small blocks be learnt many times over all the same.
            config.training.steps = scale.steps / 2;
            config.training.evaluations = 1;
            (format!("{}-images", ends[0]), config)
        })
        .collect()
}

fn findings(study: &StudyResults<'_>) -> Result<Findings> {
    Ok(Findings {
        tables: table(study).into_iter().collect(),
        figures: StudyFigure::of("learning", LEARNING, learning(study))
            .into_iter()
            .collect(),
        ..Findings::default()
    })
}

/// Ends of the blocks of the paper's code, without those that would leave a block of one image.
fn ends_of_blocks(images: usize) -> Vec<usize> {
    let mut ends: Vec<usize> = Vec::new();
    for end in block_ends(images) {
        if end >= ends.last().copied().unwrap_or(0) + 2 {
            ends.push(end);
        }
    }
    ends
}

/// Length of the online code.
fn table(study: &StudyResults<'_>) -> Option<StudyTable> {
    let parts: Vec<&PartResult> = study.of(Section::Codelength).collect();
    let first = parts.first()?;
    let rows = first.part.config.arms.iter().filter_map(|&arm| {
        let seeds = first.part.config.seeds.iter();
        let codes: Option<Vec<Codelength>> = seeds.map(|&seed| code(&parts, arm, seed)).collect();
        let codes = codes?;
        let lengths = || codes.iter().map(Codelength::bits_per_label);
        let mean = lengths().sum::<f64>() / codes.len() as f64;
        let [low, high] = [f64::min, f64::max].map(|pick| lengths().reduce(pick).unwrap_or(mean));
        let compression = codes.iter().map(Codelength::compression).sum::<f64>();
        Some(vec![
            format!("`{arm}`"),
            format!(
                "{}{}",
                wording::fixed(mean, 3),
                wording::interval(Some(Interval { low, high }), 3)
            ),
            wording::fixed(compression / codes.len() as f64, 2),
        ])
    });
    Some(StudyTable {
        name: "codelength",
        title: "Online codelength of the labels",
        note: "Bits per character that it takes to send the labels of the training images to \
               someone who has the images and trains along (arXiv:2003.12298); brackets: smallest \
               and largest seed. Compression: bits of the uniform code over that.",
        header: header(&["arm", "bits per character", "compression"]),
        rows: rows.collect(),
    })
}

/// Length of the code of one arm and seed; none if a block was not measured.
fn code(parts: &[&PartResult], arm: ArmSpec, seed: u64) -> Option<Codelength> {
    let first = &parts.first()?.part.config.data;
    // A grid fixes the number of characters of an image.
    let characters = |images: usize| -> Option<u64> {
        let set = parts.first()?.outcome.test_sets.first()?;
        Some((images * set.targets.first()?.units()) as u64)
    };
    let blocks: Option<Vec<BlockLoss>> = parts
        .iter()
        .map(|result| {
            let mut cells = result.outcome.cells.iter();
            let cell = cells.find(|cell| cell.spec.arm == arm && cell.spec.seed == seed)?;
            let labels = characters(result.part.config.data.images.validation)?;
            Some(BlockLoss {
                labels,
                nats: cell.validation_loss? * labels as f64,
            })
        })
        .collect();
    let sent_first = characters(first.images.train)?;
    online_codelength(first.charset.size(), sent_first, &blocks?).ok()
}

/// Codelength and accuracy of an arm that both sections have.
fn main_facts(results: &[PartResult], facts: &mut ArmFacts) {
    if facts.study != Section::Ocr.name() {
        return;
    }
    let parts: Vec<&PartResult> = of_section(results, Section::Codelength).collect();
    let Some((last, arm)) = parts
        .last()
        .and_then(|last| Some((*last, series::arm_of(last, &facts.arm)?)))
    else {
        return;
    };
    let seeds = last.part.config.seeds.iter();
    let codes: Option<Vec<Codelength>> = seeds.map(|&seed| code(&parts, arm, seed)).collect();
    let Some(codes) = codes.filter(|codes| !codes.is_empty()) else {
        return;
    };
    let bits: f64 = codes.iter().map(Codelength::bits_per_label).sum();
    facts.codelength_bits = Some(bits / codes.len() as f64);
    let value = last.summary.cer(arm, 0).and_then(|row| row.value);
    facts.accuracy = value.map(|value| 1.0 - value.mean);
}

fn learning(study: &StudyResults<'_>) -> Option<ErrorCurves> {
    let parts: Vec<&PartResult> = study.of(Section::Codelength).collect();
    let first = parts.first()?;
    let curves: Vec<Curve> = first
        .part
        .config
        .arms
        .iter()
        .map(|&arm| Curve {
            arm: Arm::new(arm.to_string(), family(arm.kind)),
            points: parts
                .iter()
                .map(|result| CurvePoint {
                    x: result.part.config.data.images.train as f64,
                    error: result.error(arm, 0),
                })
                .collect(),
        })
        .collect();
    let panels = vec![CurvePanel {
        title: wording::density(first.summary.groups[0].density),
        curves,
        references: Vec::new(),
        bounds: Vec::new(),
    }];
    Some(ErrorCurves {
        title: "How many labelled images does it take to learn to read?".to_owned(),
        subtitle: sizes(first),
        x_title: "training images".to_owned(),
        y_title: "CER (%)".to_owned(),
        scale: scale(&panels),
        panels,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_has_two_images_at_least() {
        let expected = [
            50, 100, 200, 400, 800, 1600, 3125, 6250, 12_500, 25_000, 50_000,
        ];
        assert_eq!(ends_of_blocks(50_000), expected);
        assert_eq!(ends_of_blocks(128), [2, 4, 8, 16, 32, 64, 128]);
    }
}
