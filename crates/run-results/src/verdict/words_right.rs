//! Words right on data sets on disk: what one wants to know of words and lines, before error rates.

use super::comparisons::text_kind;
use super::{Page, Report, code};
use crate::comparison::{Comparison, arm_of};
use crate::data_sets::{ArmWords, DataSet, Readability, least};
use crate::wording;
use arms::ArmKind;
use html_report::{KeyNumber, Section};

impl Report<'_> {
    /// One table per data set; none without data sets, or where nothing finished.
    pub(super) fn words_right(&self) -> Option<Section> {
        let sets = &self.summary.data_sets;
        if sets.is_empty() || self.nothing_finished() {
            return None;
        }
        let mut page = Page::new("Words right");
        let alone = match self.scored.config.seeds.len() {
            1 => {
                " With one seed they are about the choice of images only: another training may differ by more."
            }
            _ => "",
        };
        page.paragraph(&format!(
            "The share of images whose text is read without any error, in the characters of the run's charset. \
             Brackets are 95% intervals; differences are in points of words right, paired by seed and image, \
             and more is better.{alone}"
        ));
        for set in sets {
            self.table_of_words(&mut page, set);
        }
        Some(page.only_section())
    }

    fn table_of_words(&self, page: &mut Page, set: &DataSet) {
        let (name, group) = (&set.name, &self.summary.groups[set.group]);
        let images = wording::counted(set.images, "image");
        page.heading(&format!("{}, {images}", text_kind(name)));
        if !set.allows_conclusions() {
            page.paragraph(
                "The differences below are listed without a judgement: these images are beyond the reader.",
            );
        }
        let references = [
            (ArmKind::Identity, "against `identity`"),
            (ArmKind::PatchMerger, "against `patch-merger`"),
        ];
        let has = |kind| arm_of(self.scored.config, kind).is_some();
        let shown = references.map(|(kind, _)| has(kind));
        let mut header = vec!["arm", "words right [95%]"];
        let asked = references.iter().filter(|(kind, _)| has(*kind));
        header.extend(asked.map(|(_, head)| *head));
        header.push("CER");
        let rows = set.arms.iter().map(|words| {
            let mut row = vec![code(words.arm), wording::value(words.right)];
            let comparisons = [words.against_identity, words.against_merger];
            let asked = comparisons.into_iter().zip(shown);
            row.extend(
                asked
                    .filter(|(_, shown)| *shown)
                    .map(|(comparison, _)| told(set, words, comparison)),
            );
            row.push(match words.cer {
                Some(cer) => wording::percent(cer.mean),
                None => "failed".to_owned(),
            });
            row
        });
        page.table(&header, rows.collect());
        let resampled = match self.scored.config.seeds.len() {
            1 => group.resampled().trim_start_matches("seeds and "),
            _ => group.resampled(),
        };
        let constant = set.arms.iter().any(|words| {
            let compared = [words.against_identity, words.against_merger];
            let compared = compared.into_iter().flatten().map(|found| found.interval);
            let right = words.right.map(|right| right.interval);
            let mut intervals = compared.chain(right).flatten();
            intervals.any(|interval| interval.is_point())
        });
        let caution = match constant {
            true => format!(
                " What stands without an interval did not vary; by the rule of three, up to {} of \
                 further images may still differ.",
                wording::percent((3.0 / set.images as f64).min(1.0))
            ),
            false => String::new(),
        };
        page.paragraph(&format!("Resampled: {resampled}.{caution}"));
    }

    /// Words right behind `identity` and the reference connector, to remember.
    pub(super) fn words_in_short(&self) -> Vec<KeyNumber> {
        let mut found = Vec::new();
        for set in &self.summary.data_sets {
            for kind in [ArmKind::Identity, ArmKind::PatchMerger] {
                let mut arms = set.arms.iter();
                let words = arms.find(|words| words.arm.kind == kind);
                let Some((words, right)) = words.and_then(|words| Some((words, words.right?)))
                else {
                    continue;
                };
                let interval = wording::interval_in_note(right.mean, right.interval);
                found.push(KeyNumber {
                    label: format!("words right behind {}, {}", code(words.arm), set.name),
                    value: wording::percent(right.mean),
                    note: format!("{interval}{}", standing(set)),
                });
            }
        }
        found
    }
}

/// How many images, and whether they can be read.
fn standing(set: &DataSet) -> String {
    let images = wording::counted(set.images, "image");
    match set.readability {
        Readability::Beyond(_) => {
            let least = least();
            format!("{images}; below {least} behind `identity`, so nothing can be concluded")
        }
        Readability::Read(_) | Readability::NotAsked | Readability::NotMeasured => images,
    }
}

fn told(set: &DataSet, words: &ArmWords, comparison: Option<Comparison>) -> String {
    match (comparison, words.right) {
        (None, None) => "failed".to_owned(),
        (None, Some(_)) => "–".to_owned(),
        (Some(comparison), _) if set.allows_conclusions() => wording::judged_right(&comparison),
        (Some(comparison), _) => wording::difference(&comparison),
    }
}
