//! Data sets on disk as groups.

use super::group::{Group, GroupKey, Label, classes_of};
use super::source::{Fit, StoredConfig};
use crate::lanes::Lanes;
use crate::stop::Stop;
use anyhow::{Result, bail};
use scene_text::{Format, NAMED_FAULTS, PolicyCounts, TextDataset, told};
use text_images::{Charset, fit_to};
use vision_backbone::PatchLayout;

/// Images read by one lane at a time.
const CHUNK: usize = 256;

/// Which images of a data set are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of them.
    All,
    /// All but every tenth.
    Training,
    /// Every tenth.
    Validation,
}

/// How a data set becomes a group.
#[derive(Clone, Copy, Debug)]
pub struct StoredPlan<'a> {
    /// Alphabet of the study.
    pub charset: Charset,
    /// Size of the images.
    pub layout: PatchLayout,
    /// Policy and limits.
    pub settings: &'a StoredConfig,
    /// Which images.
    pub part: Part,
    /// Name in results.
    pub condition: &'a str,
}

/// A data set as a group, and what was left out.
#[derive(Clone, Debug)]
pub struct StoredOutcome {
    /// The images; may be none.
    pub group: Group,
    /// What the user should know: counts of the label policy, records that cannot be read.
    pub notes: Vec<String>,
}

/// A sample that was read, or why not.
enum Read {
    Taken { label: String, pixels: Vec<u8> },
    Dropped,
    Corrupt(String),
}

/// Reads the images of `dataset` into a group of one size.
///
/// Labels pass the policy first. A record that cannot be read is counted, and the first
/// [`NAMED_FAULTS`] are named; nothing stands in for it.
///
/// # Errors
/// If the charset has no counterpart in the field, or `stop` is raised.
pub fn group_from_dataset(
    dataset: &dyn TextDataset,
    plan: &StoredPlan<'_>,
    lanes: &Lanes,
    stop: &Stop,
) -> Result<StoredOutcome> {
    let rule = plan.settings.rule(plan.charset)?;
    let (width, height) = (
        (plan.layout.cols * plan.layout.patch) as u32,
        (plan.layout.rows * plan.layout.patch) as u32,
    );
    let (indices, thinned) = chosen(dataset.len(), plan.settings.max_images, plan.part);
    let read = |index: usize, counts: &mut PolicyCounts| {
        let mut attempt = || -> scene_text::Result<Option<(String, Vec<u8>)>> {
            let label = dataset.label(index)?;
            let Some(label) = rule.apply(&label, counts) else {
                return Ok(None);
            };
            let image = dataset.image(index)?;
            let strip = match plan.settings.fit {
                Fit::Stretch => scene_text::strip(&image, width, height)?,
                Fit::Pad => fit_to(&scene_text::grey(&image), width, height),
            };
            Ok(Some((label, strip.into_raw())))
        };
        match attempt() {
            Ok(Some((label, pixels))) => Read::Taken { label, pixels },
            Ok(None) => Read::Dropped,
            Err(error) => Read::Corrupt(told(&error)),
        }
    };
    // Words of one page are read by one lane, which then decodes the page once.
    let chunk = match dataset.format() {
        Format::Icdar => indices.len().max(1),
        _ => CHUNK,
    };
    let chunks: Vec<&[usize]> = indices.chunks(chunk).collect();
    let results = lanes.map(chunks.len(), |_, number| {
        let mut counts = PolicyCounts::default();
        let read: Vec<Read> = chunks[number]
            .iter()
            .take_while(|_| !stop.is_raised())
            .map(|&index| read(index, &mut counts))
            .collect();
        (read, counts)
    });
    stop.check()?;

    let mut group = Group {
        key: GroupKey {
            density: None,
            condition: plan.condition.to_owned(),
            difficulty: None,
        },
        layout: plan.layout,
        grid: None,
        pixels: Vec::new(),
        labels: Vec::new(),
        clusters: Vec::new(),
    };
    let (mut faults, mut corrupt) = (Vec::new(), 0_usize);
    let mut counts = PolicyCounts::default();
    let samples = results.into_iter().flat_map(|(read, of_chunk)| {
        add(&mut counts, &of_chunk);
        read
    });
    for (read, &index) in samples.zip(&indices) {
        match read {
            Read::Taken { label, pixels } => {
                // The policy has left nothing that the study's own charset lacks.
                let text = plan.charset.normalise(&label)?;
                let Some(classes) = classes_of(plan.charset, &text) else {
                    bail!("{}: label outside the charset", dataset.record(index));
                };
                let cluster = cluster(&mut group, dataset.source(index), index);
                group.pixels.extend_from_slice(&pixels);
                group.labels.push(Label {
                    text,
                    classes,
                    slots_px: Vec::new(),
                    cluster,
                    held_out: true,
                });
            }
            Read::Dropped => {}
            Read::Corrupt(fault) => {
                corrupt += 1;
                if faults.len() < NAMED_FAULTS {
                    faults.push(fault);
                }
            }
        }
    }
    let mut notes = Vec::new();
    let mut about = vec![format!("{} images", group.len())];
    if thinned {
        let (most, all) = (plan.settings.max_images, dataset.len());
        about.push(format!("spread over {all} (at most {most} are taken)"));
    }
    about.push(format!(
        "labels by {} at charset {}",
        rule.policy, rule.charset
    ));
    about.extend(counts.steps());
    let unreadable = corrupt + dataset.notes().len();
    if unreadable > 0 {
        about.push(format!("{unreadable} records cannot be read, left out"));
    }
    notes.push(format!("{}: {}", plan.condition, about.join("; ")));
    notes.extend(dataset.notes().iter().take(NAMED_FAULTS).cloned());
    notes.extend(faults);
    Ok(StoredOutcome { group, notes })
}

/// Indices of a part, at most so many of the whole, and whether that left any out.
fn chosen(len: usize, most: usize, part: Part) -> (Vec<usize>, bool) {
    let taken = len.min(most);
    let spread = |place: usize| (place as u128 * len as u128 / taken as u128) as usize;
    let indices = (0..taken)
        .filter(|place| match part {
            Part::All => true,
            Part::Training => !place.is_multiple_of(10),
            Part::Validation => place.is_multiple_of(10),
        })
        .map(spread)
        .collect();
    (indices, taken < len)
}

/// Words of one page are one cluster; other images are each their own.
fn cluster(group: &mut Group, source: Option<String>, index: usize) -> u32 {
    let name = source.unwrap_or_else(|| format!("item-{index}"));
    if group.clusters.last() != Some(&name) {
        group.clusters.push(name);
    }
    (group.clusters.len() - 1) as u32
}

fn add(total: &mut PolicyCounts, counts: &PolicyCounts) {
    total.seen += counts.seen;
    total.kept += counts.kept;
    total.whitespace += counts.whitespace;
    total.normalised += counts.normalised;
    total.too_long += counts.too_long;
    total.outside_charset += counts.outside_charset;
    total.lowered += counts.lowered;
    total.shortened += counts.shortened;
    total.deleted_chars += counts.deleted_chars;
    total.empty += counts.empty;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_disjoint_and_a_large_set_is_thinned_evenly() {
        let (all, thinned) = chosen(25, 100, Part::All);
        assert_eq!((all.len(), thinned), (25, false));
        let (training, _) = chosen(25, 100, Part::Training);
        let (validation, _) = chosen(25, 100, Part::Validation);
        assert_eq!(validation, [0, 10, 20]);
        let mut both = [training, validation].concat();
        both.sort_unstable();
        assert_eq!(both, all);
        let (some, thinned) = chosen(1_000_000, 4, Part::All);
        assert_eq!((some, thinned), (vec![0, 250_000, 500_000, 750_000], true));
        assert!(chosen(0, 4, Part::All).0.is_empty());
    }
}
