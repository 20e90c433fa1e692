//! Softmax arms read with only their k likeliest words.

use super::{Reason, View, family, mean, scale_of, validation_cer};
use arms::ArmSpec;
use figures::{Estimate, HardeningCurve, HardeningLine, HardeningPanel, HardeningPoint, Reference};
use std::collections::BTreeMap;

impl View<'_> {
    pub(super) fn hardening(&self) -> Result<HardeningCurve, Reason> {
        let arms = &self.scored.config.arms;
        let soft: Vec<ArmSpec> = arms
            .iter()
            .filter(|arm| arm.kind.hardens())
            .copied()
            .collect();
        if soft.is_empty() {
            return Err("the run has no softmax arm");
        }
        let panels: Vec<HardeningPanel> = self
            .groups
            .iter()
            .filter_map(|&group| {
                let lines = soft.iter().filter_map(|&arm| self.line(arm, group));
                let lines: Vec<HardeningLine> = lines.collect();
                (!lines.is_empty()).then(|| HardeningPanel {
                    density: self.density(group),
                    lines,
                    references: self.hardening_references(&soft, group),
                })
            })
            .collect();
        if panels.is_empty() {
            return Err("no softmax cell measured it");
        }
        let drawn = panels.iter().flat_map(|panel| {
            let points = panel.lines.iter().flat_map(|line| &line.points);
            points
                .map(|point| point.cer.mean)
                .chain(panel.references.iter().map(|reference| reference.cer))
        });
        let images = self.scored.config.hardening_images;
        Ok(HardeningCurve {
            title: "Softmax projectors read with only their k likeliest words".to_owned(),
            subtitle: format!(
                "{}; curve on at most {images} images per density, mean over seeds, whiskers: \
                 smallest to largest seed; not retrained; K counts visual words, without \
                 indicator rows; levels on all test images",
                self.text_kind()
            ),
            scale: scale_of(drawn),
            panels,
        })
    }

    fn line(&self, arm: ArmSpec, group: usize) -> Option<HardeningLine> {
        let mut by_k: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
        let cells = self
            .scored
            .cells_of(arm)
            .filter(|cell| cell.failure().is_none());
        for cell in cells {
            let results = cell.outcome.hardening.iter();
            for result in results.filter(|result| result.group == group && result.k > 0) {
                by_k.entry(result.k).or_default().push(result.cer);
            }
        }
        let points: Vec<HardeningPoint> = by_k
            .into_iter()
            .filter_map(|(k, cers)| {
                let (low, high) = range(&cers);
                Some(HardeningPoint {
                    k: k as u64,
                    cer: Estimate::new(mean(&cers)?, low, high),
                })
            })
            .collect();
        // The curve of a published table ends at all of its words.
        let words = match arm.words() {
            Some(words) => words as u64,
            None => points.last()?.k,
        };
        let on = arm.connector().map(|connector| connector.to_string());
        (!points.is_empty()).then_some(HardeningLine { on, words, points })
    }

    /// Reference levels, and for each vocabulary the best arm that was trained hard.
    fn hardening_references(&self, soft: &[ArmSpec], group: usize) -> Vec<Reference> {
        let mut references = self.references(group);
        for arm in soft {
            let hard = self
                .scored
                .config
                .arms
                .iter()
                .filter(|other| other.kind.is_vet() && other.kind.is_hard())
                .filter(|other| other.settings.on.is_none())
                .filter(|other| other.vocabulary == arm.vocabulary && other.codes() == 1);
            let best = hard
                .filter_map(|other| Some((*other, validation_cer(self.scored, *other)?)))
                .min_by(|a, b| a.1.total_cmp(&b.1));
            let reference = best.map(|(best, _)| Reference {
                label: if best.kind.is_pretrained() {
                    format!("{best}, the probe trained on its words")
                } else {
                    format!("{best}, trained hard (best of its K on validation)")
                },
                family: family(best.kind),
                cer: self.estimate(best, group).mean,
            });
            // Several soft arms may have one K.
            references.extend(reference.filter(|reference| !references.contains(reference)));
        }
        references
    }
}

pub(super) fn range(values: &[f64]) -> (f64, f64) {
    values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &value| {
            (low.min(value), high.max(value))
        })
}
