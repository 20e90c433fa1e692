//! Fine-grained tasks: from how small a detail on can each arm tell?

use super::ocr::BITS;
use super::{arms, base, vocabulary};
use crate::arm::INDICATORS;
use crate::probe::{ProbeConfig, ReaderKind};
use crate::study::scale::Scale;
use perception_tasks::TaskKind;
use text_images::Charset;

/// Tasks at every size: acuity, glyphs, relations, and coarse controls.
const TASKS: [TaskKind; 7] = [
    TaskKind::LandoltGap,
    TaskKind::Vernier,
    TaskKind::CharacterHeight,
    TaskKind::ConfusableGlyphs,
    TaskKind::TouchingCircles,
    TaskKind::ShapeClass,
    TaskKind::TextSlant,
];
/// Vocabularies from which on a study is large enough for every task.
const ALL_TASKS_FROM: usize = 65_536;

/// One run per task; test images stand on nine levels of difficulty.
pub(super) fn configs(scale: &Scale) -> Vec<(String, ProbeConfig)> {
    let k = vocabulary(BITS.min(scale.largest_vocabulary.ilog2()));
    let chosen = |kind: &TaskKind| {
        let all = scale.largest_vocabulary >= ALL_TASKS_FROM;
        !kind.needs_colour() && (all || TASKS.contains(kind))
    };
    TaskKind::ALL
        .into_iter()
        .filter(chosen)
        .map(|kind| {
            let mut config = base(scale, Charset::Printable94, &[1.0], scale.few_seeds);
            config.arms = arms(&[
                "identity".to_owned(),
                "patch-merger".to_owned(),
                format!("gelu-mlp@{k}"),
                format!("vet-softmax@{k}"),
                format!("vet-st-argmax@{k}+usage"),
                format!("vq@{}", k - INDICATORS),
                "blind".to_owned(),
            ]);
            config.reader = ReaderKind::Flat;
            config.data.perception = Some(kind);
            // As many of each label at each of the nine levels.
            let round = 2 * kind.classes().len();
            config.data.images.test = (scale.test / 8).next_multiple_of(round);
            (kind.name().to_owned(), config)
        })
        .collect()
}
