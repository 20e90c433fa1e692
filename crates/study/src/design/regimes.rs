//! Does a tower that trains along find a way around the vocabulary?

use super::{arms, base, vocabulary};
use crate::scale::Scale;
use probe::{ProbeConfig, Regime};
use text_images::Charset;

/// Frozen tower, last block trained (as in Ovis's first stage), whole tower trained.
pub(super) fn configs(scale: &Scale) -> Vec<(String, ProbeConfig)> {
    let k = vocabulary(scale.largest_vocabulary.ilog2().min(8));
    let regimes = [
        ("frozen", Regime::Frozen),
        ("last-block", Regime::LastBlock),
        ("joint", Regime::Joint),
    ];
    regimes
        .into_iter()
        .map(|(name, regime)| {
            let mut config = base(scale, Charset::Alnum36, &[2.0], scale.few_seeds);
            config.arms = arms(&[
                "patch-merger".to_owned(),
                format!("vet-softmax@{k}"),
                format!("vet-st-argmax@{k}+usage"),
            ]);
            config.regime = regime;
            // A pre-trained tower wants smaller steps than a fresh projector.
            let rates = config.training.learning_rates.iter();
            if regime == Regime::Joint {
                // A step takes ten times as long.
                config.seeds.truncate(2.max(scale.few_seeds as usize - 1));
                config.training.learning_rates = rates.map(|rate| rate / 4.0).collect();
            }
            (name.to_owned(), config)
        })
        .collect()
}
