//! What a user should know of the images of a run before trusting its numbers.

use super::config::{ProbeConfig, ReaderKind};
use super::data_config::DataConfig;
use super::image_source::ImageSource;
use super::prepared_group::PreparedGroup;
use crate::reader::FRAMES_PER_COLUMN;
use probe_data::{DataSource, DataSources};
use std::path::PathBuf;
use text_images::Degradation;

/// That settings of rendered text were changed which the images of a run do not have.
pub(super) fn idle_degradation(data: &DataConfig) -> Option<String> {
    let images = match &data.source {
        ImageSource::Perception(_) => "images of tasks have noise of their own and no blur",
        ImageSource::Photographs(_) => "photographs of a data set are shown as they are",
        ImageSource::Text { train, test } if !train.has_rendered() && !test.has_rendered() => {
            "images of data sets are shown as they are"
        }
        ImageSource::Text { .. } | ImageSource::Relabelled(_) => return None,
    };
    // Either is what presets say: nobody asked for it.
    let presets = [Degradation::default(), Degradation::photographed()];
    (!presets.contains(&data.degradation))
        .then(|| format!("`data.degradation` is about rendered text; {images}"))
}

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
    use crate::image_source::Photographs;
    use crate::presets::Preset;
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
    fn a_degradation_that_no_image_has_is_named() {
        let folder = || DataSources::stored(Format::Gt, Path::new("words"));
        let note = |source: ImageSource, degradation: Degradation| {
            let mut data = Preset::Smoke.config().data;
            (data.source, data.degradation) = (source, degradation);
            idle_degradation(&data)
        };
        let changed = || Degradation {
            noise_sd: 0.2,
            ..Degradation::default()
        };
        let task = || ImageSource::Perception("vernier".parse().unwrap());
        let photographs = || {
            ImageSource::Photographs(Photographs {
                dataset: "cub:birds".parse().unwrap(),
                skip_broken: false,
                box_margin: None,
            })
        };
        let stored = || ImageSource::Text {
            train: folder(),
            test: folder(),
        };
        let mixed = || ImageSource::Text {
            train: DataSources::rendered(),
            test: folder(),
        };
        for (source, images) in [
            (task(), "images of tasks"),
            (photographs(), "photographs"),
            (stored(), "images of data sets"),
        ] {
            let found = note(source, changed()).unwrap();
            assert!(found.contains("`data.degradation`"), "{found}");
            assert!(found.contains(images), "{found}");
        }
        assert_eq!(note(mixed(), changed()), None);
        assert_eq!(note(task(), Degradation::default()), None);
        assert_eq!(note(stored(), Degradation::photographed()), None);
    }

    #[test]
    fn a_repeated_character_needs_a_frame_in_front_of_it() {
        assert_eq!(frames_needed(&[]), 0);
        assert_eq!(frames_needed(&[3, 1, 3]), 3);
        assert_eq!(frames_needed(&[3, 3, 3, 1]), 6);
    }
}
