//! What a user should know of the images of a run before trusting its numbers.

use super::config::{ProbeConfig, ReaderKind};
use super::prepared_group::PreparedGroup;

/// Characters of the longest text of some groups.
pub(super) fn longest(groups: &[PreparedGroup]) -> usize {
    let labels = groups.iter().flat_map(|data| &data.group.labels);
    labels.map(|label| label.classes.len()).max().unwrap_or(0)
}

/// That a reader that writes has never written a text as long as some of the test.
pub(super) fn too_long_a_text(
    reader: ReaderKind,
    train: &[PreparedGroup],
    test: &[PreparedGroup],
) -> Option<String> {
    let (known, asked) = (longest(train), longest(test));
    (reader.writes() && asked > known).then(|| {
        format!(
            "the longest text to test on has {asked} characters, the longest to train on {known}: a reader \
             that writes ends one character behind the latter"
        )
    })
}

/// That densities are characters per block of patches, where an arm makes another number of tokens.
pub(super) fn other_numbers_of_tokens(
    config: &ProbeConfig,
    splits: &[Vec<PreparedGroup>],
) -> Vec<String> {
    let Some(data) = splits.first().and_then(|train| train.first()) else {
        return Vec::new();
    };
    let blocks = data.group.layout.tokens();
    let arms = config.arms.iter();
    let others = arms.filter_map(|arm| Some((arm, arm.settings.queries?)));
    others
        .filter(|&(_, queries)| queries != blocks)
        .map(|(arm, queries)| {
            format!(
                "arm `{arm}` makes {queries} tokens of an image that has {blocks} blocks; characters per token \
                 are those per block, so it is not compared at an equal number of tokens"
            )
        })
        .collect()
}
