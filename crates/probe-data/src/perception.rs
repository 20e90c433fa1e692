//! Images of fine-grained tasks as groups, one per level of difficulty.

use super::group::{Group, GroupKey, Label};
use anyhow::Result;
use perception_tasks::{Item, Task, TaskConfig, TaskKind};
use run_support::lanes::Lanes;
use text_images::{Fonts, Split};
use vision_backbone::PatchLayout;

/// Images drawn by one lane at a time.
const CHUNK: usize = 256;

/// What to draw.
#[derive(Clone, Copy, Debug)]
pub struct PerceptionPlan {
    /// What is asked.
    pub kind: TaskKind,
    /// Which split: training and validation items spread over the range of difficulties, test items
    /// stand on levels.
    pub split: Split,
    /// Number of images: of each level, for the test split.
    pub images: usize,
    /// Root of all randomness.
    pub seed: u64,
    /// Size in patches.
    pub layout: PatchLayout,
}

/// Draws the images: one group, or for the test split one per level, easiest first.
///
/// # Errors
/// If the task cannot be drawn at that size or with those fonts.
pub fn perception_groups(
    plan: &PerceptionPlan,
    fonts: &Fonts,
    lanes: &Lanes,
) -> Result<Vec<Group>> {
    let PatchLayout {
        rows, cols, patch, ..
    } = plan.layout;
    let task = Task::new(
        TaskConfig {
            width_px: (cols * patch) as u32,
            height_px: (rows * patch) as u32,
            ..TaskConfig::new(plan.kind, plan.split, plan.seed)
        },
        fonts,
    )?;
    let levels = match plan.split {
        Split::Test => task.levels().len().max(1),
        Split::Train | Split::Validation => 1,
    };
    let count = plan.images * levels;
    let chunks = lanes.map(count.div_ceil(CHUNK), |_, chunk| {
        let end = count.min((chunk + 1) * CHUNK);
        let items = (chunk * CHUNK..end).map(|index| task.item(index as u64));
        items.collect::<Vec<Item>>()
    });
    let difficulty = |level: usize| {
        let levels = (plan.split == Split::Test).then(|| task.levels());
        levels.and_then(|levels| levels.get(level).copied())
    };
    let mut groups: Vec<Group> = (0..levels)
        .map(|level| empty(plan, difficulty(level)))
        .collect();
    let mut pixels: Vec<Vec<u8>> = vec![Vec::new(); groups.len()];
    for item in chunks.into_iter().flatten() {
        let level = item.level.unwrap_or(0);
        pixels[level].extend_from_slice(item.image.to_luma8().as_raw());
        push(&mut groups[level], item);
    }
    for (group, pixels) in groups.iter_mut().zip(pixels) {
        group.pixels = pixels.into();
    }
    Ok(groups)
}

fn empty(plan: &PerceptionPlan, difficulty: Option<f64>) -> Group {
    let kind = plan.kind;
    let unit = kind.difficulty().map_or("", |axis| axis.unit);
    let key = GroupKey {
        density: None,
        condition: match difficulty {
            // Enough digits to tell levels apart.
            Some(level) => format!("{kind} {level:.3} {unit}").trim_end().to_owned(),
            None => kind.to_string(),
        },
        difficulty,
    };
    Group::empty(key, plan.layout, None)
}

fn push(group: &mut Group, item: Item) {
    let cluster = group.cluster(item.cluster);
    let label = Label::of_class(item.label as u16, cluster, item.held_out);
    group.labels.push(label);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(split: Split) -> Vec<Group> {
        let plan = PerceptionPlan {
            kind: TaskKind::Vernier,
            split,
            images: 12,
            seed: 1,
            layout: PatchLayout::of_image(64, 32, 8, 2).unwrap(),
        };
        let lanes = Lanes::open(2).unwrap();
        perception_groups(&plan, &Fonts::embedded(), &lanes).unwrap()
    }

    #[test]
    fn test_images_stand_on_levels_with_as_many_of_each_label() {
        let groups = groups(Split::Test);
        assert_eq!(groups.len(), 9);
        let mut before = f64::INFINITY;
        for group in &groups {
            let level = group.key.difficulty.unwrap();
            assert!(level < before, "easiest first");
            before = level;
            assert_eq!(group.len(), 12);
            let items: Vec<usize> = (0..12).collect();
            assert_eq!(group.images(&items).unwrap().len(), 12 * 64 * 32);
            let right = group.labels.iter().filter(|label| label.classes == [1]);
            assert_eq!(right.count(), 6);
            let answered = |label: &Label| label.answer.class() == Some(label.classes[0]);
            assert!(group.labels.iter().all(answered));
        }
        let names: std::collections::BTreeSet<&String> =
            groups.iter().map(|group| &group.key.condition).collect();
        assert_eq!(names.len(), 9, "{names:?}");
    }

    #[test]
    fn training_images_are_one_group_over_all_difficulties() {
        let groups = groups(Split::Train);
        assert_eq!((groups.len(), groups[0].len()), (1, 12));
        assert_eq!(groups[0].key.difficulty, None);
        assert_eq!(groups[0].key.condition, "vernier");
    }
}
