//! Data sets on disk as groups.

use super::answer::Answer;
use super::group::{Group, GroupKey, Label, classes_of};
use super::pixels::{DatasetPixels, Fitting, Pixels};
use super::source::StoredConfig;
use super::spread::spread;
use anyhow::{Result, bail};
use run_support::lanes::Lanes;
use run_support::stop::Stop;
use scene_text::{Format, NAMED_FAULTS, PolicyCounts, TextDataset, told};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use text_images::Charset;
use vision_backbone::PatchLayout;

/// Images read by one lane at a time.
const CHUNK: usize = 256;
/// Such chunks that a lane reads before the results are put together.
const CHUNKS_PER_LANE: usize = 8;
/// Groups with more pixels than this are read again where they are needed.
const IN_MEMORY_BYTES: usize = 256 << 20;

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
/// [`NAMED_FAULTS`] are named; nothing stands in for it. Of a group with more than
/// [`IN_MEMORY_BYTES`] of pixels, only the labels stay in memory, and the images are read again when
/// they are encoded.
///
/// # Errors
/// If the charset has no counterpart in the field, or `stop` is raised.
pub fn group_from_dataset(
    dataset: Arc<dyn TextDataset>,
    plan: &StoredPlan<'_>,
    lanes: &Lanes,
    stop: &Stop,
) -> Result<StoredOutcome> {
    read_group(dataset, plan, lanes, stop, IN_MEMORY_BYTES)
}

fn read_group(
    dataset: Arc<dyn TextDataset>,
    plan: &StoredPlan<'_>,
    lanes: &Lanes,
    stop: &Stop,
    in_memory_bytes: usize,
) -> Result<StoredOutcome> {
    let rule = plan.settings.rule(plan.charset)?;
    let fitting = Fitting {
        fit: plan.settings.fit,
        width_px: (plan.layout.cols * plan.layout.patch) as u32,
        height_px: (plan.layout.rows * plan.layout.patch) as u32,
    };
    let (indices, thinned) = chosen(dataset.len(), plan.settings.max_images, plan.part);
    let read = |index: usize, counts: &mut PolicyCounts| {
        let mut attempt = || -> scene_text::Result<Option<(String, Vec<u8>)>> {
            let label = dataset.label(index)?;
            let Some(label) = rule.apply(&label, counts) else {
                return Ok(None);
            };
            Ok(Some((label, fitting.read(&*dataset, index)?)))
        };
        match attempt() {
            Ok(Some((label, pixels))) => Read::Taken { label, pixels },
            Ok(None) => Read::Dropped,
            Err(error) => Read::Corrupt(told(&error)),
        }
    };
    // Words of one page are read by one lane, which then decodes the page once.
    let lanes_at_work = match dataset.format() {
        Format::Icdar => 1,
        Format::Lmdb | Format::Gt | Format::Doctr | Format::Mjsynth | Format::Folder => {
            lanes.count()
        }
    };
    let mut group = Group::empty(GroupKey::of_condition(plan.condition), plan.layout, None);
    let mut pixels = Vec::new();
    let mut taken = Taken::new(indices.len() * fitting.bytes() > in_memory_bytes, &group);
    let (mut faults, mut corrupt) = (Vec::new(), 0_usize);
    let mut counts = PolicyCounts::default();
    for round in indices.chunks(CHUNK * CHUNKS_PER_LANE * lanes_at_work) {
        let chunks: Vec<&[usize]> = round.chunks(round.len().div_ceil(lanes_at_work)).collect();
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
        let samples = results.into_iter().flat_map(|(read, of_chunk)| {
            add(&mut counts, &of_chunk);
            read
        });
        for (read, &index) in samples.zip(round) {
            match read {
                Read::Taken { label, pixels: own } => {
                    // The policy has left nothing that the study's own charset lacks.
                    let text = plan.charset.normalise(&label)?;
                    let Some(classes) = classes_of(plan.charset, &text) else {
                        bail!("{}: label outside the charset", dataset.record(index));
                    };
                    let cluster = cluster(&mut group, dataset.source(index), index);
                    match &mut taken {
                        Taken::Pixels => pixels.extend_from_slice(&own),
                        Taken::Indices { indices, hash } => {
                            indices.push(index);
                            hash.update(&own);
                        }
                    }
                    group.labels.push(Label {
                        answer: Answer::Text(text),
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
    }
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
    if corrupt > 0 {
        about.push(unreadable(corrupt));
    }
    // What it lists twice, say: the samples themselves are whole.
    if !dataset.notes().is_empty() {
        let faults = wording::counted(dataset.notes().len(), "fault");
        about.push(format!("{faults} in its lists of images and labels"));
    }
    let mut notes = vec![format!("{}: {}", plan.condition, about.join("; "))];
    notes.extend(dataset.notes().iter().take(NAMED_FAULTS).cloned());
    notes.extend(faults);
    group.pixels = match taken {
        Taken::Pixels => pixels.into(),
        Taken::Indices { indices, hash } => Pixels::Dataset(Arc::new(DatasetPixels::new(
            dataset, indices, fitting, hash,
        ))),
    };
    Ok(StoredOutcome { group, notes })
}

/// How many records a run does without.
pub(super) fn unreadable(records: usize) -> String {
    let records = wording::counted(records, "record");
    format!("{records} cannot be read, left out")
}

/// What is kept of the images.
enum Taken {
    /// Their pixels.
    Pixels,
    /// Where they are, and the hash of the group so far.
    Indices { indices: Vec<usize>, hash: Sha256 },
}

impl Taken {
    fn new(large: bool, group: &Group) -> Self {
        if large {
            Self::Indices {
                indices: Vec::new(),
                hash: group.hash_before_pixels(),
            }
        } else {
            Self::Pixels
        }
    }
}

/// Indices of a part, at most so many of the whole, and whether that left any out.
fn chosen(len: usize, most: usize, part: Part) -> (Vec<usize>, bool) {
    let taken = spread(len, most).into_iter().enumerate();
    let indices = taken.filter(|(place, _)| match part {
        Part::All => true,
        Part::Training => !place.is_multiple_of(10),
        Part::Validation => place.is_multiple_of(10),
    });
    (indices.map(|(_, index)| index).collect(), most < len)
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

    #[test]
    fn a_large_data_set_is_the_same_group_without_its_pixels() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = scene_text::DatasetWriter::create(Format::Lmdb, folder.path()).unwrap();
        for number in 0..30_u8 {
            let mut png = std::io::Cursor::new(Vec::new());
            let image = image::RgbImage::from_fn(20, 10, |x, _| {
                image::Rgb([number * 8, (x * 12) as u8, 0])
            });
            image.write_to(&mut png, image::ImageFormat::Png).unwrap();
            // Every third label is dropped.
            let label = if number % 3 == 0 { "!" } else { "word" };
            writer.push(label, png.get_ref()).unwrap();
        }
        writer.finish().unwrap();
        let plan = StoredPlan {
            charset: Charset::Alnum36,
            layout: PatchLayout::of_image(64, 32, 8, 2).unwrap(),
            settings: &StoredConfig::default(),
            part: Part::All,
            condition: "set",
        };
        let lanes = Lanes::open(2).unwrap();
        let read = |most| {
            let dataset = Format::Lmdb.open(folder.path()).unwrap().remove(0);
            read_group(dataset.into(), &plan, &lanes, &Stop::default(), most).unwrap()
        };
        let (held, streamed) = (read(usize::MAX), read(1000));
        assert!(matches!(held.group.pixels, Pixels::Memory(_)));
        assert!(matches!(streamed.group.pixels, Pixels::Dataset(_)));
        assert_eq!(held.notes, streamed.notes);
        assert_eq!(held.group.labels, streamed.group.labels);
        assert_eq!(held.group.len(), 20);
        let hash = |read: &StoredOutcome| read.group.content_hash(plan.charset);
        assert_eq!(hash(&held), hash(&streamed));
        let items = [19, 0, 7];
        let pixels = held.group.images(&items).unwrap();
        assert_eq!(pixels, streamed.group.images(&items).unwrap());
        assert_eq!(pixels.len(), 3 * 64 * 32);
    }
}
