//! Means and intervals over seeds and images.

use crate::config::{Objective, RepresentationConfig};
use crate::images::ImageKind;
use crate::outcome::{CellOutcome, Part, Subject};
use crate::run::Outcome;
use anyhow::{Context, Result};
use probe_statistics::bootstrap::{
    BootstrapPlan, Interval, ItemOutcome, Measure as Rate, ResampledUnit, SeedItems,
    bootstrap_mean, bootstrap_value,
};
use run_results::resampled_unit;

/// Seed of the draws, the same as everywhere.
const SEED: u64 = 1;
/// Coverage of the intervals.
pub const LEVEL: f64 = 0.95;

/// What is estimated over images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Measure {
    /// Share of the pixels' variance that is lost, `[0, 1]` and above.
    Distortion,
    /// Peak signal-to-noise ratio in dB.
    Psnr,
    /// Structural similarity.
    Ssim,
    /// Share of images that are told apart from the others of their group.
    Identified,
    /// Share of characters that the frozen reader reads wrong.
    CharacterErrors,
    /// Share of texts that it reads without an error (T-ACC of arXiv:2505.18142 for whole texts).
    TextAccuracy,
    /// One minus the normalised edit distance (T-NED there), the mean over texts.
    OneMinusNed,
}

impl Measure {
    /// Every measure, in the order of the tables.
    pub const ALL: [Self; 7] = [
        Self::Distortion,
        Self::Psnr,
        Self::Ssim,
        Self::Identified,
        Self::CharacterErrors,
        Self::TextAccuracy,
        Self::OneMinusNed,
    ];

    /// Name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Distortion => "distortion",
            Self::Psnr => "psnr_db",
            Self::Ssim => "ssim",
            Self::Identified => "identified",
            Self::CharacterErrors => "cer",
            Self::TextAccuracy => "text_accuracy",
            Self::OneMinusNed => "one_minus_ned",
        }
    }
}

/// A value with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Value {
    /// Over all seeds and images.
    pub mean: f64,
    /// 95% of the draws.
    pub interval: Interval,
}

/// A subject on one part of the test images, over all seeds.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was decoded.
    pub subject: Subject,
    /// What its projector was trained for.
    pub objective: Option<Objective>,
    /// What the images show.
    pub kind: ImageKind,
    /// Name of the part.
    pub part: String,
    /// Seeds that finished.
    pub seeds: usize,
    /// Images of a seed.
    pub images: usize,
    /// Images that one is told apart from, itself included.
    pub identified_among: usize,
    /// Visual tokens of an image.
    pub tokens: usize,
    /// Pixels of an image.
    pub pixels: usize,
    /// Characters per visual token, for text.
    pub density: Option<f64>,
    /// Height of a character's cell as a share of the image's.
    pub relative_glyph_height: Option<f64>,
    /// The measures that there are.
    pub values: Vec<(Measure, Value)>,
    /// Patch features found in the tokens by a line and by a network, means over seeds.
    pub feature_r2: Option<[f64; 2]>,
    /// Nominal bits per token.
    pub nominal_bits: Option<f64>,
    /// Bits per token that are in use: the entropy of the words over all tokens of the part, with
    /// Chao–Shen correction; hard tokens only, the mean over seeds.
    pub used_bits: Option<f64>,
    /// Words in use and words that there are, means over seeds.
    pub words: Option<[f64; 2]>,
}

impl Row {
    /// The value of a measure, where it was measured.
    #[must_use]
    pub fn value(&self, measure: Measure) -> Option<Value> {
        let found = self.values.iter().find(|(name, _)| *name == measure);
        found.map(|(_, value)| *value)
    }
}

/// Rows by cell, part by part, in the order of the cells. Cells that failed have none.
///
/// # Errors
/// If the numbers of a cell do not fit together.
pub fn rows(config: &RepresentationConfig, outcome: &Outcome) -> Result<Vec<Row>> {
    let plan = BootstrapPlan {
        unit: ResampledUnit::Cluster,
        draws: config.bootstrap_draws,
        level: LEVEL,
        seed: SEED,
    };
    let mut rows = Vec::new();
    let mut done: Vec<(Subject, Option<Objective>)> = Vec::new();
    for cell in &outcome.cells {
        let key = cell.unit();
        if done.contains(&key) {
            continue;
        }
        done.push(key);
        let same = |c: &&CellOutcome| c.unit() == key && !c.parts.is_empty();
        let cells: Vec<&CellOutcome> = outcome.cells.iter().filter(same).collect();
        for index in 0..cells.first().map_or(0, |cell| cell.parts.len()) {
            rows.push(row(&cells, index, &plan)?);
        }
    }
    Ok(rows)
}

fn row(cells: &[&CellOutcome], index: usize, plan: &BootstrapPlan) -> Result<Row> {
    let parts: Vec<&Part> = cells
        .iter()
        .filter_map(|cell| cell.parts.get(index))
        .collect();
    let (first, spec) = (parts[0], &cells[0].spec);
    let plan = &BootstrapPlan {
        unit: resampled_unit(first.clusters.iter().copied()),
        ..*plan
    };
    let mut values = Vec::new();
    for measure in Measure::ALL {
        if let Some(value) = value(cells, &parts, measure, plan)
            .transpose()
            .with_context(|| format!("{} of {spec}, {}", measure.name(), first.name))?
        {
            values.push((measure, value));
        }
    }
    let mean = |of: &dyn Fn(&Part) -> Option<f64>| {
        let found: Option<Vec<f64>> = parts.iter().map(|part| of(part)).collect();
        found.map(|found| found.iter().sum::<f64>() / found.len() as f64)
    };
    let linear = mean(&|part| Some(part.features?.linear));
    let network = mean(&|part| Some(part.features?.network));
    let used = mean(&|part| part.usage.as_ref()?.corrected_entropy_bits);
    let words = mean(&|part| Some(part.usage.as_ref()?.codes_used as f64));
    let all = mean(&|part| Some(part.usage.as_ref()?.words as f64));
    let nominal_bits = cells[0].bits_per_token;
    Ok(Row {
        subject: spec.subject,
        objective: spec.objective,
        kind: first.kind,
        part: first.name.clone(),
        seeds: parts.len(),
        images: first.psnr.len(),
        identified_among: first.identified_among,
        tokens: first.tokens,
        pixels: first.pixels,
        density: first.density,
        relative_glyph_height: first.relative_glyph_height,
        values,
        feature_r2: linear
            .zip(network)
            .map(|(linear, network)| [linear, network]),
        nominal_bits,
        // The entropies of several codes add up to a bound that may lie above what they can have.
        used_bits: used.map(|bits| nominal_bits.map_or(bits, |most| bits.min(most))),
        words: words.zip(all).map(|(used, all)| [used, all]),
    })
}

fn value(
    cells: &[&CellOutcome],
    parts: &[&Part],
    measure: Measure,
    plan: &BootstrapPlan,
) -> Option<Result<Value>> {
    let share = |right: &bool| f64::from(u8::from(*right));
    let ned = |part: &Part| -> Vec<f64> {
        let texts = part.edits.iter().zip(&part.characters);
        texts
            .map(|(&e, &n)| 1.0 - (f64::from(e) / f64::from(n.max(1))).min(1.0))
            .collect()
    };
    // A picture compared with itself says nothing; only what is read in it does.
    let is_original = cells[0].spec.subject == Subject::Original;
    let by_seed: Vec<Vec<f64>> = match measure {
        Measure::Distortion | Measure::Psnr | Measure::Ssim | Measure::Identified
            if is_original =>
        {
            return None;
        }
        Measure::CharacterErrors | Measure::TextAccuracy => {
            return text_rate(cells, parts, measure, plan);
        }
        Measure::Distortion => parts.iter().map(|part| part.distortion.clone()).collect(),
        Measure::Psnr => parts.iter().map(|part| part.psnr.clone()).collect(),
        Measure::Ssim => parts.iter().map(|part| part.ssim.clone()).collect(),
        Measure::Identified => parts
            .iter()
            .map(|p| p.identified.iter().map(share).collect())
            .collect(),
        Measure::OneMinusNed if parts[0].edits.is_empty() => return None,
        Measure::OneMinusNed => parts.iter().map(|part| ned(part)).collect(),
    };
    let found = bootstrap_mean(&by_seed, &parts[0].clusters, plan);
    Some(found.map_err(Into::into).map(|found| Value {
        mean: found.value,
        interval: found.percentile,
    }))
}

/// Errors over characters, or texts without an error over texts, by the engine of `ocr-probe`.
fn text_rate(
    cells: &[&CellOutcome],
    parts: &[&Part],
    measure: Measure,
    plan: &BootstrapPlan,
) -> Option<Result<Value>> {
    let rate = match measure {
        Measure::CharacterErrors => Rate::CharacterErrorRate,
        Measure::TextAccuracy => Rate::WordAccuracy,
        Measure::Distortion
        | Measure::Psnr
        | Measure::Ssim
        | Measure::Identified
        | Measure::OneMinusNed => return None,
    };
    if parts[0].edits.is_empty() {
        return None;
    }
    let seeds = cells.iter().zip(parts).map(|(cell, part)| SeedItems {
        seed: cell.spec.seed,
        items: (0..part.edits.len())
            .map(|item| ItemOutcome {
                cluster: part.clusters[item],
                edits: part.edits[item],
                chars: part.characters[item],
            })
            .collect(),
    });
    let found = bootstrap_value(&seeds.collect::<Vec<_>>(), rate, plan);
    Some(found.map_err(Into::into).map(|found| Value {
        mean: found.value,
        interval: found.percentile,
    }))
}

#[cfg(test)]
mod tests {
    use super::super::items::tests::outcome;
    use super::*;
    use crate::preset::Preset;

    #[test]
    fn of_few_clusters_images_are_drawn() {
        let config = Preset::Smoke.config();
        let intervals = |clusters: [u32; 8]| {
            let lost = (0..8).map(|image| f64::from(image) / 10.0).collect();
            let mut outcome = outcome(lost, clusters.to_vec());
            let part = &mut outcome.cells[0].parts[0];
            part.edits = vec![0, 1, 2, 3, 4, 3, 2, 1];
            part.characters = vec![4; 8];
            let rows = rows(&config, &outcome).unwrap();
            [Measure::Distortion, Measure::CharacterErrors]
                .map(|measure| rows[0].value(measure).unwrap().interval)
        };
        // One font or photograph, four, five.
        let of_images = intervals([0; 8]);
        assert!(of_images.iter().all(|interval| !interval.is_point()));
        assert_eq!(intervals([0, 0, 1, 1, 2, 2, 3, 3]), of_images);
        assert_ne!(intervals([0, 0, 1, 1, 2, 2, 3, 4]), of_images);
    }
}
