//! What a user should know of the images of a run before trusting its numbers.

use super::config::{ProbeConfig, ReaderKind};
use super::prepared_group::PreparedGroup;
use crate::reader::FRAMES_PER_COLUMN;
use probe_data::{DataSource, DataSources};
use std::path::PathBuf;

/// Data sets on disk that are trained on and tested on, or hold one another.
pub(super) fn seen_in_training(train: &DataSources, test: &DataSources) -> Vec<String> {
    let places = |sources: &DataSources| -> Vec<PathBuf> {
        let stored = sources.list().iter().filter_map(|source| match source {
            DataSource::Rendered => None,
            DataSource::Stored { path, .. } => path.canonicalize().ok(),
        });
        stored.collect()
    };
    let tested = places(test);
    let train = places(train).into_iter();
    let shared = train.filter(|trained| {
        let mut tested = tested.iter();
        tested.any(|tested| tested.starts_with(trained) || trained.starts_with(tested))
    });
    shared
        .map(|path| {
            format!(
                "{}: images of this place are trained on and tested on, so what is read there was seen; \
                 name other images with --dataset",
                path.display()
            )
        })
        .collect()
}

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

/// That lines have more characters than the CTC reader has frames for: they teach nothing and are never read right
/// behind a token per block.
pub(super) fn lines_without_frames(
    config: &ProbeConfig,
    splits: &[Vec<PreparedGroup>],
) -> Vec<String> {
    if config.reader != ReaderKind::Ctc {
        return Vec::new();
    }
    let mut notes = Vec::new();
    for (groups, what) in splits.iter().zip(["train on", "validate on", "test on"]) {
        let Some(layout) = groups.first().map(|data| data.group.layout) else {
            continue;
        };
        let frames = FRAMES_PER_COLUMN * (layout.cols / layout.merge);
        let lines = || groups.iter().flat_map(|data| &data.group.labels);
        let long = lines().filter(|label| frames_needed(&label.classes) > frames);
        let long = long.count();
        if long > 0 {
            notes.push(format!(
                "{long} of {} lines to {what} need more than the {frames} frames that `ctc` has here ({FRAMES_PER_COLUMN} \
                 per column of tokens), so they cannot be read behind a token per block: choose a smaller --merge or a wider --image-size",
                lines().count()
            ));
        }
    }
    notes
}

/// A frame per character, and one between two that are alike.
fn frames_needed(classes: &[u16]) -> usize {
    classes.len() + classes.windows(2).filter(|pair| pair[0] == pair[1]).count()
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

#[cfg(test)]
mod tests {
    use super::*;
    use scene_text::Format;
    use std::path::Path;

    #[test]
    fn images_that_are_trained_on_and_tested_on_are_named() {
        let root = tempfile::tempdir().unwrap();
        let (whole, part) = (root.path().join("a"), root.path().join("a/b"));
        std::fs::create_dir_all(&part).unwrap();
        let other = root.path().join("other");
        std::fs::create_dir(&other).unwrap();
        let notes = |train: &Path, test: &Path| {
            let [train, test] = [train, test].map(|path| DataSources::stored(Format::Folder, path));
            seen_in_training(&train, &test)
        };
        // However it is spelt, and where one holds the other.
        for test in [&whole, &part, &other.join("../a")] {
            let found = notes(&whole, test);
            assert!(
                found.len() == 1 && found[0].contains("--dataset"),
                "{found:?}"
            );
        }
        assert!(notes(&whole, &other).is_empty());
        assert!(seen_in_training(&DataSources::rendered(), &DataSources::rendered()).is_empty());
    }

    #[test]
    fn a_repeated_character_needs_a_frame_in_front_of_it() {
        assert_eq!(frames_needed(&[]), 0);
        assert_eq!(frames_needed(&[3, 1, 3]), 3);
        assert_eq!(frames_needed(&[3, 3, 3, 1]), 6);
    }
}
