//! How the run was made, and what went wrong.

use super::comparisons::text_kind;
use super::{Page, Report, code};
use crate::metrics::name_of;
use crate::summary::GroupSummary;
use crate::wording;
use arms::ArmSpec;
use probe::{ImageSource, LayoutKind, ReaderKind, Regime};
use text_images::Content;

impl Report<'_> {
    pub(super) fn learning_rates(&self, page: &mut Page) {
        page.section("Learning rates");
        let config = self.scored.config;
        let shown = |rates: &[f64]| {
            let rates: Vec<String> = rates.iter().map(|rate| format!("{rate:?}")).collect();
            wording::listed(&rates)
        };
        let is_tuned = |arm: ArmSpec| config.rates_of(arm).len() > 1;
        let all = &config.training.learning_rates;
        let own = &config.training.rates_of_arms;
        let beyond = match config.training.extensions {
            0 => "",
            _ => ", and beyond as long as its best rate lay on the edge",
        };
        if own.is_empty() && all.len() < 2 {
            let rates = shown(all);
            page.paragraph(&format!(
                "Not tuned: every arm was trained at {rates} only."
            ));
        } else if own.is_empty() {
            page.paragraph(&format!(
                "Every arm was tried at {}{beyond}; the rate was chosen on validation images.",
                shown(all)
            ));
        } else {
            let arms = config.arms.iter().map(|&arm| {
                let rates = shown(config.rates_of(arm));
                format!("{} at {rates}", code(arm))
            });
            let arms = wording::listed(&arms.collect::<Vec<_>>());
            page.paragraph(&match config.arms.iter().any(|&arm| is_tuned(arm)) {
                false => format!("Not tuned here: every arm has a rate of its own from the settings, {arms}."),
                true => format!(
                    "Rates come from the settings{beyond}: {arms}. Of several the one was chosen that was best on \
                     validation images."
                ),
            });
        }
        let mut notes = Vec::new();
        for tuned in &self.scored.run.tuning {
            let arm = code(tuned.arm);
            if let (Some(chosen), true, true) = (tuned.chosen, tuned.on_edge, is_tuned(tuned.arm)) {
                notes.push(format!(
                    "{arm}: {chosen:?} was chosen, on the edge of the grid; a better rate may lie \
                     outside"
                ));
            }
            let failed = tuned.candidates.iter().filter(|(_, cer)| cer.is_none());
            let failed: Vec<String> = failed.map(|(rate, _)| format!("{rate:?}")).collect();
            if !failed.is_empty() {
                notes.push(format!("{arm}: failed at {}", wording::listed(&failed)));
            }
        }
        if !notes.is_empty() {
            page.bullets(&notes);
        } else if config.arms.iter().any(|&arm| is_tuned(arm)) {
            page.paragraph("No chosen rate lies on the edge of the grid.");
        }
    }

    pub(super) fn failed_cells(&self, page: &mut Page) {
        page.section("Failed cells");
        let arms = self.summary.arms.iter();
        let lines: Vec<String> = arms
            .flat_map(|arm| arm.failures.iter().map(move |failure| (arm.arm, failure)))
            .map(|(arm, failure)| {
                format!(
                    "{}, seed {}, learning rate {:?}: broke down at step {}: {}",
                    code(arm),
                    failure.seed,
                    failure.learning_rate,
                    failure.step,
                    failure.reason.replace('\n', " ")
                )
            })
            .collect();
        if lines.is_empty() {
            page.paragraph("None.");
        } else {
            page.bullets(&lines);
            page.paragraph(
                "Values are over the seeds that finished, differences over those that finished in \
                 both arms.",
            );
        }
    }

    pub(super) fn design(&self, page: &mut Page) {
        let config = self.scored.config;
        let (data, training) = (&config.data, &config.training);
        let layout = match data.layout {
            LayoutKind::Grid => "on a character grid",
            LayoutKind::Strip => "in lines of free length",
        };
        let size = format!(
            "{}, width {}",
            wording::counted(config.reader_size.blocks, "block"),
            config.reader_size.width
        );
        let reader = match config.reader {
            ReaderKind::Anchored => "cross-attention anchored at the character places".to_owned(),
            ReaderKind::SlotLinear => "one linear map per character place".to_owned(),
            ReaderKind::Ctc => "CTC".to_owned(),
            ReaderKind::Pooled => "a small MLP on the mean over looks at single tokens".to_owned(),
            ReaderKind::Flat => "a small MLP on all tokens".to_owned(),
            ReaderKind::Causal => format!("a causal transformer that writes the text ({size})"),
            ReaderKind::Attention => {
                format!("a transformer that reads every character by itself ({size})")
            }
        };
        let backbone = match &config.checkpoint {
            Some(name) => format!("tower of `{name}`"),
            None => "backbone".to_owned(),
        };
        let regime = match config.regime {
            Regime::Frozen => format!("the {backbone} stays frozen"),
            Regime::LastBlock => format!("the last block of the {backbone} trains along"),
            Regime::Joint => format!("the whole {backbone} trains along"),
        };
        let own_width = if self.arms().iter().any(|arm| arm.kind.is_pretrained()) {
            " (those of `pretrained` arms have the width of their language model)"
        } else {
            ""
        };
        let conditions = self.summary.conditions.iter();
        let texts: Vec<String> = conditions.map(|condition| self.tested(condition)).collect();
        let mut units: Vec<&str> = self
            .summary
            .groups
            .iter()
            .map(GroupSummary::resampled)
            .collect();
        units.dedup();
        let units: Vec<String> = units.into_iter().map(str::to_owned).collect();
        let mut sizes: Vec<usize> = self
            .arms()
            .iter()
            .filter_map(|arm| arm.vocabulary)
            .collect();
        sizes.sort_unstable();
        sizes.dedup();
        let sizes: Vec<String> = sizes.into_iter().map(wording::count).collect();
        let vocabularies = if sizes.is_empty() {
            String::new()
        } else {
            format!(", K = {}", wording::listed(&sizes))
        };
        let mut rendered = format!(
            "{} rendered images per density and kind of text",
            wording::count(data.images.train)
        );
        if data.train_contents != [Content::Random] {
            let contents = data.train_contents.iter();
            let contents: Vec<String> = contents.map(|content| format!("`{content}`")).collect();
            rendered += &format!(" ({})", wording::listed(&contents));
        }
        let trained_on = match &data.source {
            ImageSource::Text { train, .. } if !train.is_rendered() => match train.list() {
                [_] => "labelled images of the user".to_owned(),
                _ if train.has_rendered() => {
                    format!("{rendered} and labelled images of the user, batches taking turns,")
                }
                _ => {
                    "labelled images of the user, batches of the data sets taking turns,".to_owned()
                }
            },
            ImageSource::Text { .. }
            | ImageSource::Relabelled(_)
            | ImageSource::Perception(_)
            | ImageSource::Photographs(_) => rendered,
        };
        let geometry = match (data.merge, data.image_px) {
            (None, None) => String::new(),
            (merge, _) => {
                let merge =
                    merge.map(|merge| format!(", a token covers {merge} × {merge} patches"));
                let merge = merge.unwrap_or_default();
                format!(" Images have {} px{merge}.", data.image_size())
            }
        };
        page.section("Design");
        page.paragraph(&format!(
            "Preset `{}`. {} of {}, paired by seed{vocabularies}. Text of A = {} characters {layout}.{geometry} \
             Trained on {trained_on} for {} of {} images; {regime} (regime `{}`). The probe reads \
             by {reader}, from tokens of width {}{own_width}, normalised to unit RMS, the same for every arm. \
             Tested on {}. Intervals are 95% BCa bootstrap intervals of {} draws over {}, paired \
             across arms; learning rates are chosen on validation images, nothing on test images.",
            config.preset,
            wording::counted(config.arms.len(), "arm"),
            wording::counted(config.seeds.len(), "seed"),
            data.charset.size(),
            wording::counted(training.steps, "step"),
            training.batch,
            name_of(config.regime),
            config.d_token,
            wording::listed(&texts),
            wording::count(config.bootstrap_draws),
            wording::listed(&units),
        ));
    }

    /// That probes have seen several densities, which is a choice of the run.
    pub(super) fn mixed_densities(&self) -> Option<String> {
        let data = &self.scored.config.data;
        let mixed = match data.layout {
            LayoutKind::Grid => data.densities.len() > 1,
            LayoutKind::Strip => false,
        };
        let densities = data.densities.iter().map(f64::to_string);
        let densities = wording::listed(&densities.collect::<Vec<_>>());
        mixed.then(|| {
            format!(
                "Each probe was trained on densities {densities} mixed (`--densities`): at one of them it may \
                 read worse than a probe that was trained on it alone (`--density`)."
            )
        })
    }

    /// Densities and images of a kind of text.
    fn tested(&self, condition: &str) -> String {
        let groups = self.summary.groups_of(condition);
        let groups = groups.iter().map(|&group| &self.summary.groups[group]);
        let parts: Vec<String> = groups
            .map(|group| {
                let images = wording::counted(group.images, "image");
                format!("{images} at {}", wording::density(group.density))
            })
            .collect();
        format!("{} ({})", text_kind(condition), parts.join(", "))
    }

    /// What was left out of fonts and data sets.
    pub(super) fn images(&self, page: &mut Page) {
        let notes = &self.scored.run.image_notes;
        if !notes.is_empty() {
            page.section("What became of the images");
            page.bullets(notes);
        }
    }

    /// Figures that could not be drawn.
    pub(super) fn figures(&self, page: &mut Page) {
        if !self.summary.skipped_figures.is_empty() {
            page.section("Figures left out");
            page.bullets(&self.summary.skipped_figures);
        }
    }
}
