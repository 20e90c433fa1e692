//! Images of a data set that one arm reads and another does not.

use super::{Reason, View};
use crate::data_sets::{DataSet, least};
use crate::disagreements::{self, Disagreement, MOST_PAIRS, Shown};
use crate::wording;
use arms::ArmSpec;
use figures::{ImageReading, OneSided, ReadByOne};
use probe::EvaluationMode;
use probe_data::GroupImages;

const LOST: Reason = "an image of the data set that could be read before cannot be read any more; bring it \
                      back and draw again with `experiments report`";

impl View<'_> {
    /// The pairs of arms to show.
    pub(super) fn read_by_one_of(&self, set: &DataSet) -> Result<Vec<[Disagreement; 2]>, Reason> {
        let pairs = disagreements::pairs(self.scored, set);
        if pairs.is_empty() {
            return Err("it takes two arms that see the image and finished");
        }
        if pairs.iter().flatten().all(|side| side.images == 0) {
            return Err(
                "all arms read the same images right, so there is none that only one of them reads",
            );
        }
        Ok(pairs)
    }

    pub(super) fn read_by_one(&self, set: &DataSet) -> Result<ReadByOne, Reason> {
        let pairs = self.read_by_one_of(set)?;
        let images = self.scored.run.test_images.get(set.group);
        let Some(images) = images.and_then(Option::as_ref) else {
            return Err("the images of the data set are not at hand");
        };
        let drawn = pairs.iter().map(|[one, other]| {
            let one = self.one_sided(set, images, one)?;
            Ok([one, self.one_sided(set, images, other)?])
        });
        let drawn = drawn.collect::<Result<Vec<_>, Reason>>()?;
        Ok(ReadByOne {
            title: format!(
                "Images of {} that one arm reads and another does not",
                set.name
            ),
            subtitle: self.about_pairs(set),
            of: set.images,
            pairs: drawn,
        })
    }

    fn about_pairs(&self, set: &DataSet) -> String {
        let ranked = set.ranked();
        let mut parts = Vec::new();
        if !set.allows_conclusions() {
            parts.push(format!(
                "fewer than {} of the images are read behind identity, so nothing can be concluded from them",
                least()
            ));
        }
        if let Some((best, right)) = ranked.first() {
            let right = wording::percent(*right);
            let against = match ranked.len() - 1 > MOST_PAIRS {
                true => format!(
                    "{MOST_PAIRS} of {} other arms: identity, patch-merger, the best with soft and with hard \
                     words, then the next best",
                    ranked.len() - 1
                ),
                false => "each other arm that sees the image".to_owned(),
            };
            parts.push(format!(
                "{best}, which reads most words right ({right}), against {against}"
            ));
        }
        parts.push(
            "each image as the tower sees it, then its label, what is read right and what is not"
                .to_owned(),
        );
        if self.scored.config.seeds.len() > 1 {
            parts.push(
                "counted are images that one arm reads right in more seeds than the other"
                    .to_owned(),
            );
        }
        parts.join("; ")
    }

    fn one_sided(
        &self,
        set: &DataSet,
        images: &GroupImages,
        found: &Disagreement,
    ) -> Result<OneSided, Reason> {
        let shown = found.shown.iter().map(|shown| {
            let Shown { item, seed, .. } = *shown;
            let [right, wrong] =
                [found.reads, found.misreads].map(|arm| self.reading(set.group, arm, seed, item));
            let note = match shown.of {
                1 => String::new(),
                of => format!("in {} of {of} seeds", shown.seeds),
            };
            Ok(ImageReading {
                picture: images.picture(item).map_err(|_| LOST)?,
                item,
                seed,
                label: self.scored.run.test_sets[set.group].targets[item]
                    .shown(&[])
                    .into_owned(),
                right,
                wrong,
                note,
            })
        });
        Ok(OneSided {
            reads: found.reads.to_string(),
            misreads: found.misreads.to_string(),
            images: found.images,
            shown: shown.collect::<Result<_, Reason>>()?,
        })
    }

    /// What an arm read in an image with one seed.
    fn reading(&self, group: usize, arm: ArmSpec, seed: u64, item: usize) -> String {
        let mode = EvaluationMode::Deterministic;
        let mut tests = self.scored.tests_of(arm, group, mode);
        let test = tests.find(|(own, _)| *own == seed);
        test.map_or_else(String::new, |(_, test)| {
            test.result.predictions[item].shown(&[]).into_owned()
        })
    }
}
