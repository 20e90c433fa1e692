//! What every task promises, whatever it shows.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at one case")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::collections::{BTreeMap, HashSet};

use perception_tasks::{Channels, Error, Item, Task, TaskConfig, TaskKind};
use text_images::{Degradation, Fonts, HELD_OUT_FAMILIES, Split};

fn task(kind: TaskKind, split: Split) -> Task {
    Task::new(TaskConfig::new(kind, split, 11), &Fonts::embedded()).unwrap()
}

fn items(task: &Task, count: u64) -> Vec<Item> {
    (0..count).map(|index| task.item(index)).collect()
}

#[test]
fn items_are_the_same_bytes_in_any_order_and_thread() {
    for kind in TaskKind::ALL {
        let first = task(kind, Split::Test);
        let forwards = items(&first, 24);
        let second = task(kind, Split::Test);
        let mut backwards: Vec<Item> = std::thread::scope(|scope| {
            let halves = [12..24, 0..12].map(|half| {
                let second = &second;
                scope.spawn(move || half.rev().map(|i| second.item(i)).collect::<Vec<Item>>())
            });
            halves
                .into_iter()
                .flat_map(|half| half.join().unwrap())
                .collect()
        });
        backwards.sort_by_key(|item| item.index);
        assert_eq!(forwards, backwards, "{kind}");
    }
}

#[test]
fn the_seed_decides() {
    for kind in TaskKind::ALL {
        let other = TaskConfig::new(kind, Split::Train, 12);
        let other = Task::new(other, &Fonts::embedded()).unwrap();
        assert_ne!(
            task(kind, Split::Train).item(0).image,
            other.item(0).image,
            "{kind}"
        );
    }
}

#[test]
fn splits_share_no_image() {
    for kind in TaskKind::ALL {
        let mut seen = HashSet::new();
        for split in Split::ALL {
            for item in items(&task(kind, split), 40) {
                assert!(
                    seen.insert(item.image.into_bytes()),
                    "{kind} {split} {}",
                    item.index
                );
            }
        }
    }
}

#[test]
fn labels_are_balanced_at_every_level() {
    for kind in TaskKind::ALL {
        for split in [Split::Train, Split::Test] {
            let task = task(kind, split);
            // Of two rounds, because pairs may be made differently in the next one.
            let mut counts: BTreeMap<(Option<usize>, u64, usize), usize> = BTreeMap::new();
            for item in items(&task, 2 * task.balanced_items()) {
                *counts
                    .entry((item.level, item.index % 2, item.label))
                    .or_default() += 1;
            }
            let levels = if split == Split::Test {
                task.levels().len().max(1)
            } else {
                1
            };
            assert_eq!(
                counts.len(),
                2 * levels * kind.classes().len(),
                "{kind} {split}"
            );
            assert!(
                counts.values().all(|count| *count == 2),
                "{kind} {split}: {counts:?}"
            );
        }
    }
}

#[test]
fn test_items_stand_on_levels_and_others_spread_over_the_range() {
    for kind in TaskKind::ALL {
        let Some(axis) = kind.difficulty() else {
            continue;
        };
        let test = task(kind, Split::Test);
        for item in items(&test, 4 * test.levels().len() as u64) {
            let level = item.pair as usize % test.levels().len();
            assert_eq!(item.level, Some(level));
            let ratio = item.difficulty.unwrap() / test.levels()[level];
            // Glyphs reach the wanted distance as nearly as a font allows.
            assert!((0.8..1.25).contains(&ratio), "{kind} {level}: {ratio}");
        }
        let train: Vec<f64> = items(&task(kind, Split::Train), 120)
            .iter()
            .map(|item| item.difficulty.unwrap())
            .collect();
        let below = train.iter().filter(|value| **value < axis.at(0.5)).count();
        assert!(
            (36..=84).contains(&below),
            "{kind}: {below} of 120 are harder than the middle"
        );
        let least = train.iter().copied().fold(f64::INFINITY, f64::min);
        let most = train.iter().copied().fold(0.0, f64::max);
        assert!(
            least < axis.at(0.85) && most > axis.at(0.15),
            "{kind}: {least} to {most}"
        );
    }
}

/// What may differ within a pair, besides the image and the label.
fn attributes_of_the_answer(kind: TaskKind) -> &'static [&'static str] {
    match kind {
        TaskKind::Vernier => &["upper_x", "lower_x"],
        TaskKind::StrokeWidth => &["left_width", "right_width"],
        TaskKind::BarOrientation => &["angle_deg"],
        TaskKind::TouchingCircles => &["distance"],
        TaskKind::ObjectPosition | TaskKind::LayoutQuadrant => &["x", "y"],
        TaskKind::SizeDifference => &["left_diameter", "right_diameter"],
        TaskKind::ShadeDifference => &["left_ink_share", "right_ink_share"],
        TaskKind::HueDifference => &["left_hue_deg", "right_hue_deg"],
        TaskKind::Shade => &["ink_share"],
        TaskKind::Colour => &["hue_deg"],
        TaskKind::TextSlant => &["slant_deg"],
        _ => &[],
    }
}

#[test]
fn pairs_differ_in_the_answer_and_in_nothing_else() {
    for kind in TaskKind::ALL {
        for split in [Split::Train, Split::Test] {
            let task = task(kind, split);
            for pair in 0..40 {
                let [a, b] = [task.item(2 * pair), task.item(2 * pair + 1)];
                assert_eq!([a.pair, b.pair], [pair, pair]);
                assert_eq!([a.label, a.other], [b.other, b.label], "{kind} {pair}");
                assert_ne!(a.label, b.label);
                assert_eq!(a.difficulty, b.difficulty, "{kind} {pair}");
                assert_eq!(
                    (a.level, &a.cluster),
                    (b.level, &b.cluster),
                    "{kind} {pair}"
                );
                assert_eq!(a.attributes.len(), b.attributes.len());
                for (of_a, of_b) in a.attributes.iter().zip(&b.attributes) {
                    let may_differ = attributes_of_the_answer(kind).contains(&of_a.0);
                    assert!(
                        may_differ || of_a == of_b,
                        "{kind} {pair}: {of_a:?} {of_b:?}"
                    );
                }
                // The noise is the same too: no drawing comes near this corner.
                let corner = |item: &Item| item.image.crop_imm(0, 0, 64, 1).into_bytes();
                assert_eq!(corner(&a), corner(&b), "{kind} {pair}");
            }
        }
    }
}

#[test]
fn pairs_of_easy_items_show_a_difference() {
    for kind in TaskKind::ALL {
        let task = task(kind, Split::Train);
        for pair in 0..20 {
            let item = |index| match kind.difficulty() {
                Some(axis) => task.item_at(index, axis.easy).unwrap(),
                None => task.item(index),
            };
            let [a, b] = [item(2 * pair), item(2 * pair + 1)].map(|item| item.image.into_bytes());
            let far = a
                .iter()
                .zip(&b)
                .filter(|(a, b)| a.abs_diff(**b) > 25)
                .count();
            assert!(far >= 3, "{kind} {pair}: {far} pixels differ visibly");
        }
    }
}

#[test]
fn nothing_is_clipped_on_any_canvas_in_any_split() {
    for kind in TaskKind::ALL {
        for (width_px, height_px) in [(64, 32), (97, 56)] {
            for split in [Split::Train, Split::Test] {
                let mut config = TaskConfig::new(kind, split, 3);
                (config.width_px, config.height_px) = (width_px, height_px);
                config.degradation = Degradation {
                    jitter_px: 1.0,
                    ..Degradation::none()
                };
                let task = Task::new(config, &Fonts::embedded()).unwrap();
                for index in 0..60 {
                    let item = task.item(index);
                    let place = format!("{kind} {split} {width_px} {index} {:?}", item.difficulty);
                    assert!(!item.is_clipped, "{place}");
                    let image = item.image.to_luma8();
                    assert_eq!(image.dimensions(), (width_px, height_px));
                    let background = *image.get_pixel(0, 0);
                    let (right, bottom) = (width_px - 1, height_px - 1);
                    let on_border = image
                        .enumerate_pixels()
                        .filter(|(x, y, _)| *x == 0 || *y == 0 || *x == right || *y == bottom);
                    for (x, y, pixel) in on_border {
                        assert_eq!(*pixel, background, "{place}: ink at {x} {y}");
                    }
                }
            }
        }
    }
}

#[test]
fn held_out_fonts_are_for_the_test_split() {
    let kinds = TaskKind::ALL.into_iter().filter(|kind| {
        let item = task(*kind, Split::Test).item(0);
        !item.cluster.contains("light")
    });
    let mut lettered = 0;
    for kind in kinds {
        lettered += 1;
        for split in Split::ALL {
            let items = items(&task(kind, split), 60);
            for item in &items {
                let kept_out = HELD_OUT_FAMILIES.contains(&item.cluster.as_str());
                assert_eq!(item.held_out, kept_out, "{kind} {split}");
            }
            let held_out = items.iter().filter(|item| item.held_out).count();
            match split {
                Split::Test => assert!((10..=50).contains(&held_out), "{kind}: {held_out}"),
                _ => assert_eq!(held_out, 0, "{kind} {split}"),
            }
        }
    }
    assert_eq!(lettered, 7);
}

#[test]
fn words_of_the_test_split_are_its_own() {
    let words = |split| -> HashSet<u64> {
        let items = items(&task(TaskKind::ConfusableWords, split), 400);
        let index = |item: &Item| {
            let word = item
                .attributes
                .iter()
                .find(|(name, _)| *name == "word_index");
            word.unwrap().1 as u64
        };
        items.iter().map(index).collect()
    };
    let [train, test] = [words(Split::Train), words(Split::Test)];
    assert!(train.is_disjoint(&test));
    assert_eq!((train.len(), test.len()), (24, 8));
}

#[test]
fn a_chosen_difficulty_keeps_everything_else() {
    let task = task(TaskKind::Vernier, Split::Test);
    let [easy, hard] = [2.0, 0.1].map(|offset| task.item_at(6, offset).unwrap());
    assert_eq!((easy.label, &easy.cluster), (hard.label, &hard.cluster));
    assert_eq!(
        (easy.difficulty, hard.difficulty.unwrap() as f32),
        (Some(2.0), 0.1)
    );
    let message = task.item_at(6, 5.0).unwrap_err().to_string();
    assert!(
        message.contains("vernier") && message.contains("0.01 to 2 px"),
        "{message}"
    );
    let shade = Task::new(
        TaskConfig::new(TaskKind::Shade, Split::Test, 1),
        &Fonts::embedded(),
    );
    assert!(matches!(
        shade.unwrap().item_at(0, 1.0),
        Err(Error::NoAxis { .. })
    ));
}

#[test]
fn rgb_images_of_grey_tasks_are_grey_but_for_noise() {
    let mut config = TaskConfig::new(TaskKind::Vernier, Split::Train, 1);
    config.channels = Channels::Rgb;
    config.degradation.noise_sd = 0.0;
    let item = Task::new(config, &Fonts::embedded()).unwrap().item(0);
    assert!(
        item.image
            .to_rgb8()
            .pixels()
            .all(|p| p.0[0] == p.0[1] && p.0[1] == p.0[2])
    );
}

#[test]
fn impossible_configurations_are_errors() {
    let error = |change: fn(&mut TaskConfig)| {
        let mut config = TaskConfig::new(TaskKind::Colour, Split::Train, 1);
        change(&mut config);
        Task::new(config, &Fonts::embedded())
            .unwrap_err()
            .to_string()
    };
    let message = error(|config| config.channels = Channels::Grey);
    assert!(
        message.contains("colour") && message.contains("shade"),
        "{message}"
    );
    let message = error(|config| config.width_px = 48);
    assert!(
        message.contains("48 x 32") && message.contains("64 x 32"),
        "{message}"
    );
    let message = error(|config| config.height_px = 1 << 20);
    assert!(message.contains("4096"), "{message}");
    let message = error(|config| config.levels = 1);
    assert!(message.contains("1 difficulty levels"), "{message}");
    let message = error(|config| config.degradation.noise_sd = -1.0);
    assert!(message.contains("noise_sd"), "{message}");
}

#[test]
fn a_configuration_survives_serialisation() {
    for kind in TaskKind::ALL {
        let config = TaskConfig::new(kind, Split::Validation, 9);
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<TaskConfig>(&json).unwrap(), config);
        let unknown = json.replacen("levels", "steps", 1);
        assert!(serde_json::from_str::<TaskConfig>(&unknown).is_err());
    }
}
