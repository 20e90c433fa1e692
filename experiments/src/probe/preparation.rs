//! Data, backbone and features of a run, made once and shared by all cells.

use super::config::{LayoutKind, ProbeConfig, Regime};
use super::outcome::TestSet;
use crate::arm::{ArmKind, ArmSizes};
use crate::data::{
    DataSource, FeatureCache, Features, Group, Part, RenderPlan, Source, StoredPlan, Task, encode,
    feature_bytes, group_from_dataset, group_from_folder, render_group,
};
use crate::lanes::Lanes;
use crate::published::{Published, Swap, swapped};
use crate::reader::SlotPlan;
use crate::stop::Stop;
use anyhow::{Context, Result, anyhow, bail, ensure};
use burn::module::Module;
use burn::tensor::Device;
use projector::Projector;
use published_models::PublishedProjector;
use scene_text::Format;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::time::Instant;
use text_images::{Content, FolderDataset, Fonts, Grid, Split};
use vision_backbone::weights::{WeightsError, WeightsFile};
use vision_backbone::{PatchLayout, SmallVit, SmallVitConfig};

/// A group and its features.
#[derive(Clone, Debug)]
pub struct PreparedGroup {
    /// Images and labels.
    pub group: Group,
    /// What the cells take in.
    pub features: Features,
    /// Number of the linear probe's plan.
    pub plan: Option<usize>,
}

/// Wall time of the stages of a run, in seconds.
pub type StageTimes = Vec<(String, f64)>;

/// Everything that all cells share.
#[derive(Debug)]
pub struct Prepared {
    /// To train on.
    pub train: Vec<PreparedGroup>,
    /// To choose learning rates on.
    pub validation: Vec<PreparedGroup>,
    /// To report.
    pub test: Vec<PreparedGroup>,
    /// Plans of the linear probe, one per character grid.
    pub plans: Vec<SlotPlan>,
    /// Block of the tower from which cells run it themselves.
    pub first_block: usize,
    /// Hashes of what the results depend on: name and SHA-256.
    pub hashes: Vec<(String, String)>,
    /// Things the user should know: fonts left out, images left out.
    pub warnings: Vec<String>,
    /// Wall times.
    pub times: StageTimes,
    backbone: Backbone,
    regime: Regime,
}

/// What is left of the backbone once the features are computed.
#[derive(Debug)]
enum Backbone {
    /// The small tower, for cells that train part of it.
    Small(SmallVit),
    /// The projector of a checkpoint, and the width of a patch feature.
    Published {
        projector: PublishedProjector,
        d_in: usize,
    },
}

/// The backbone of a run, as long as features are computed.
enum Encoder {
    Small(Box<SmallVit>),
    Published(Box<Published>),
}

impl Encoder {
    /// Reads the backbone of `config`, and its hash.
    fn load(config: &ProbeConfig, device: &Device) -> Result<(Self, String)> {
        if let Some(name) = &config.checkpoint {
            let published = Published::load(name, device)?;
            let hash = published.hash().to_owned();
            return Ok((Self::Published(Box::new(published)), hash));
        }
        let (tower, hash) = load_backbone(&config.backbone, device)?;
        Ok((Self::Small(Box::new(tower)), hash))
    }

    /// Size of the images that are rendered for it; the height is that of a line of free length.
    fn layout(&self, layout: LayoutKind) -> Result<PatchLayout> {
        match self {
            Self::Published(published) => Ok(published.layout()),
            Self::Small(tower) => {
                let SmallVitConfig { patch, merge, .. } = *tower.config();
                let (width, height) = match layout {
                    LayoutKind::Grid => (64, 32),
                    LayoutKind::Strip => (128, 32),
                };
                PatchLayout::of_image(width, height, patch, merge).with_context(|| {
                    format!(
                        "an image of {width} x {height} px is not a whole number of {0} x {0} px \
                         tokens; choose another backbone",
                        patch * merge
                    )
                })
            }
        }
    }
}

/// Reads a backbone with its configuration.
///
/// # Errors
/// If the file is missing, corrupt, or not a backbone; the message says how to make one.
pub fn load_backbone(path: &Path, device: &Device) -> Result<(SmallVit, String)> {
    let remedy = "make one with `cargo run -p experiments -- pretrain-backbone`, \
                  or name another with --backbone";
    let with_remedy = |error: WeightsError| anyhow!("{error}; {remedy}");
    let file = WeightsFile::open(path).map_err(with_remedy)?;
    let config: SmallVitConfig = file.about("config").map_err(with_remedy)?;
    let fresh = config
        .init(&mut projector::seeded::stream(0, "backbone"), device)
        .map_err(|error| anyhow!("{}: {error}; {remedy}", path.display()))?;
    let tower = file.load_into(fresh, "tower.").map_err(with_remedy)?;
    Ok((tower, format!("{:x}", Sha256::digest(file.bytes()))))
}

impl Prepared {
    /// Renders or reads the data and computes the features that the regime needs.
    ///
    /// # Errors
    /// If data, fonts or backbone are missing or do not fit together.
    pub fn new(
        config: &ProbeConfig,
        cache: Option<&FeatureCache>,
        lanes: &Lanes,
        device: &Device,
        stop: &Stop,
    ) -> Result<Self> {
        let mut times = StageTimes::new();
        let mut clock = Instant::now();
        let mut lap = |name: &str| {
            times.push((name.to_owned(), clock.elapsed().as_secs_f64()));
            clock = Instant::now();
        };
        let (encoder, tower_hash) = Encoder::load(config, device)?;
        let mut hashes = vec![("backbone".to_owned(), tower_hash.clone())];
        lap("load backbone");
        check_pretrained(config, &encoder)?;
        let mut data = DataMaker::new(config, encoder.layout(config.data.layout)?)?;
        let mut groups = Vec::new();
        for split in Split::ALL {
            stop.check()?;
            groups.push(data.split(split, lanes, stop)?);
        }
        lap("render");
        let (source, first_block) = match &encoder {
            Encoder::Published(published) => (Source::Published(published), 0),
            Encoder::Small(tower) => {
                let blocks = match config.regime {
                    Regime::Frozen => tower.depth(),
                    Regime::LastBlock => tower.depth() - 1,
                    Regime::Joint => 0,
                };
                match config.regime {
                    Regime::Joint => (Source::Pixels, blocks),
                    _ => (Source::Tower { tower, blocks }, blocks),
                }
            }
        };
        check_memory(&groups, &source)?;
        // Backends differ in the last bits, so none reads what another has cached.
        let encoder_key = format!(
            "{tower_hash}/{first_block}/{}/{device:?}",
            config.backbone_format()
        );
        let mut splits = Vec::new();
        for (split, groups) in Split::ALL.into_iter().zip(groups) {
            let mut prepared = Vec::new();
            for group in groups {
                stop.check()?;
                let name = format!("{split} {}", group.key);
                hashes.push((format!("images {name}"), group.content_hash()));
                // Pixels are cheaper to cut again than to read back.
                let cache = cache
                    .filter(|_| config.regime != Regime::Joint)
                    .map(|cache| (cache, encoder_key.as_str()));
                let features = encode(&group, &source, cache, lanes, device, stop)?;
                hashes.push((format!("features {name}"), hash_values(features.values())));
                let plan = group.slot_plan().map(|plan| data.plan_number(plan));
                prepared.push(PreparedGroup {
                    group,
                    features,
                    plan,
                });
            }
            splits.push(prepared);
        }
        lap("features");
        let backbone = match encoder {
            Encoder::Small(tower) => Backbone::Small(*tower),
            // The tower, most of the memory, goes.
            Encoder::Published(published) => Backbone::Published {
                d_in: published.d_model(),
                projector: published.into_projector(),
            },
        };
        let mut splits = splits.into_iter();
        let mut next = || splits.next().unwrap_or_default();
        Ok(Self {
            train: next(),
            validation: next(),
            test: next(),
            plans: data.plans,
            first_block,
            hashes,
            warnings: data.warnings,
            times,
            backbone,
            regime: config.regime,
        })
    }

    /// Hash of the images, labels and backbone that every cell depends on, in hexadecimal.
    ///
    /// Features are left out: backends differ in their last bits.
    #[must_use]
    pub fn inputs_hash(&self) -> String {
        let mut hash = Sha256::new();
        for (name, value) in &self.hashes {
            if !name.starts_with("features ") {
                hash.update(format!("{name}={value};"));
            }
        }
        format!("{:x}", hash.finalize())
    }

    /// Sizes that all arms share.
    #[must_use]
    pub fn arm_sizes(&self, config: &ProbeConfig) -> ArmSizes {
        let (d_in, merge) = match &self.backbone {
            Backbone::Small(tower) => (tower.config().d_model, tower.config().merge),
            Backbone::Published { d_in, projector } => (*d_in, projector.merge_size()),
        };
        ArmSizes {
            d_in,
            merge,
            d_token: config.d_token,
            table_init: config.table_init,
        }
    }

    /// A copy of the tower for a cell that trains part of it.
    #[must_use]
    pub fn trainable_tower(&self, device: &Device) -> Option<SmallVit> {
        match &self.backbone {
            Backbone::Small(tower) if self.regime != Regime::Frozen => {
                Some(tower.clone().fork(device).train())
            }
            _ => None,
        }
    }

    /// The projector of the checkpoint, frozen, for a cell on a device with autodiff.
    ///
    /// # Errors
    /// If there is no checkpoint, or it has no words to be read in another way.
    pub fn pretrained(&self, swap: Swap) -> Result<PublishedProjector> {
        match &self.backbone {
            Backbone::Small(_) => bail!(
                "arm `pretrained{swap}` is the projector of a published model; name the model with \
                 --checkpoint DIR|ID"
            ),
            Backbone::Published { projector, .. } => {
                Ok(swapped(projector, swap)?.train().no_grad())
            }
        }
    }

    /// Size of the images.
    #[must_use]
    pub fn layout(&self) -> Option<PatchLayout> {
        self.train.first().map(|data| data.group.layout)
    }

    /// Labels of the test groups.
    #[must_use]
    pub fn test_sets(&self) -> Vec<TestSet> {
        self.test
            .iter()
            .map(|PreparedGroup { group, .. }| {
                let characters: usize = group.labels.iter().map(|l| l.classes.len()).sum();
                TestSet {
                    density: group.key.density,
                    mean_density: characters as f64 / (group.len() * group.layout.tokens()) as f64,
                    condition: group.key.condition.clone(),
                    targets: group.labels.iter().map(|l| l.text.clone()).collect(),
                    clusters: group.labels.iter().map(|l| l.cluster).collect(),
                    cluster_names: group.clusters.clone(),
                    held_out: group.labels.iter().map(|l| l.held_out).collect(),
                }
            })
            .collect()
    }
}

fn hash_values(values: &[f32]) -> String {
    let mut hash = Sha256::new();
    for chunk in values.chunks(4096) {
        let bytes: Vec<u8> = chunk.iter().flat_map(|v| v.to_le_bytes()).collect();
        hash.update(&bytes);
    }
    format!("{:x}", hash.finalize())
}

impl ProbeConfig {
    /// Version of the numbers that a tower makes of an image; raised when the code changes them.
    fn backbone_format(&self) -> &'static str {
        match self.checkpoint {
            Some(_) => "published 1",
            None => "small-vit 1",
        }
    }
}

/// Refuses arms that the checkpoint's projector cannot be read as, before anything is rendered.
fn check_pretrained(config: &ProbeConfig, encoder: &Encoder) -> Result<()> {
    for arm in &config.arms {
        if let (ArmKind::Pretrained(swap), Encoder::Published(published)) = (arm.kind, encoder) {
            swapped(published.projector(), swap)?;
        }
    }
    Ok(())
}

/// Refuses features that do not fit into memory, where the system says how much is free.
fn check_memory(groups: &[Vec<Group>], source: &Source<'_>) -> Result<()> {
    let needed: u64 = groups
        .iter()
        .flatten()
        .map(|group| feature_bytes(group, source))
        .sum();
    match free_memory_bytes() {
        Some(free) => refuse_above(needed, free),
        None => Ok(()),
    }
}

fn refuse_above(needed: u64, free: u64) -> Result<()> {
    ensure!(
        needed <= free,
        "the features of all images take {:.1} GiB and {:.1} GiB of memory are free; ask for fewer \
         images (`data.images`) or fewer --densities",
        gib(needed),
        gib(free)
    );
    Ok(())
}

fn gib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}

/// Memory that can be had without swapping; `None` where the system does not say.
fn free_memory_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kib)
}

/// Gives the groups of a source names that no earlier source has. `random` and `words` are those of
/// rendered text, about which results know more than about any data set.
fn name_apart(groups: &mut [Group], rendered: bool, taken: &mut Vec<String>) {
    let mut renamed: Vec<(String, String)> = Vec::new();
    for group in groups {
        let own = &mut group.key.condition;
        let known = renamed.iter().position(|(before, _)| before == own);
        let place = known.unwrap_or_else(|| {
            let reserved = !rendered && (own == "random" || own == "words");
            let base = if reserved {
                format!("data set {own}")
            } else {
                own.clone()
            };
            let mut name = base.clone();
            let mut number = 2;
            while taken.contains(&name) {
                name = format!("{base} ({number})");
                number += 1;
            }
            taken.push(name.clone());
            renamed.push((own.clone(), name));
            renamed.len() - 1
        });
        own.clone_from(&renamed[place].1);
    }
}

struct DataMaker<'a> {
    config: &'a ProbeConfig,
    fonts: Fonts,
    layout: PatchLayout,
    plans: Vec<SlotPlan>,
    warnings: Vec<String>,
}

impl<'a> DataMaker<'a> {
    fn new(config: &'a ProbeConfig, layout: PatchLayout) -> Result<Self> {
        let fonts = match &config.data.fonts {
            Some(folder) => Fonts::from_dir(folder)?,
            None => Fonts::embedded(),
        };
        let warnings = fonts
            .warnings(config.data.charset)
            .iter()
            .map(ToString::to_string)
            .collect();
        Ok(Self {
            config,
            fonts,
            layout,
            plans: Vec::new(),
            warnings,
        })
    }

    fn split(&mut self, split: Split, lanes: &Lanes, stop: &Stop) -> Result<Vec<Group>> {
        let data = &self.config.data;
        let sources = match split {
            Split::Test => data.test_data.as_ref(),
            _ => data.train_data.as_ref(),
        };
        let Some(sources) = sources else {
            return self.rendered(split, lanes);
        };
        let (mut groups, mut taken) = (Vec::new(), Vec::new());
        for source in sources.list() {
            let mut found = match source {
                DataSource::Rendered => self.rendered(split, lanes)?,
                DataSource::Stored { format, path } if *format == Format::Folder => {
                    self.folder(path, split)?
                }
                DataSource::Stored { format, path } => {
                    self.stored(*format, path, split, lanes, stop)?
                }
            };
            name_apart(&mut found, *source == DataSource::Rendered, &mut taken);
            groups.extend(found);
        }
        Ok(groups)
    }

    fn rendered(&mut self, split: Split, lanes: &Lanes) -> Result<Vec<Group>> {
        let data = &self.config.data;
        let (contents, images) = match split {
            Split::Train => (&data.train_contents, data.images.train),
            Split::Validation => (&data.train_contents, data.images.validation),
            Split::Test => (&data.test_contents, data.images.test),
        };
        // The next block of an online code goes on where the training images end.
        let (source, first) = match split {
            Split::Validation if data.next_block => (Split::Train, data.images.train),
            // What was learnt by heart shows on the images that were learnt.
            Split::Test if data.task == Task::Control => (Split::Train, 0),
            _ => (split, 0),
        };
        let mut groups = Vec::new();
        for &content in contents {
            let images = match (split, content) {
                (Split::Test, Content::Words) => data.images.test_words,
                _ => images,
            };
            for density in self.densities() {
                let plan = RenderPlan {
                    first: first as u64,
                    ..self.plan(source, content, density, images)
                };
                let group = render_group(&plan, &self.fonts, lanes)?;
                let charset = data.charset;
                groups.push(data.task.relabel(group, &self.fonts, charset, split)?);
            }
        }
        Ok(groups)
    }

    fn densities(&self) -> Vec<Option<f64>> {
        match self.config.data.layout {
            LayoutKind::Strip => vec![None],
            LayoutKind::Grid => self
                .config
                .data
                .densities
                .iter()
                .map(|&d| Some(d))
                .collect(),
        }
    }

    fn plan(
        &self,
        split: Split,
        content: Content,
        density: Option<f64>,
        images: usize,
    ) -> RenderPlan {
        let data = &self.config.data;
        RenderPlan {
            charset: data.charset,
            content,
            density,
            width_px: (self.layout.cols * self.layout.patch) as u32,
            height_px: (self.layout.rows * self.layout.patch) as u32,
            patch: self.layout.patch,
            merge: self.layout.merge,
            split,
            images,
            first: 0,
            seed: data.seed,
            degradation: data.degradation.clone(),
        }
    }

    /// Groups of a labelled folder. As training set a tenth of it is kept for validation.
    fn folder(&mut self, folder: &Path, split: Split) -> Result<Vec<Group>> {
        let dataset = FolderDataset::open(folder)?;
        let condition = folder.file_name().map_or_else(
            || "folder".to_owned(),
            |name| name.to_string_lossy().into_owned(),
        );
        let mut groups = Vec::new();
        for density in self.densities() {
            let plan = self.plan(Split::Test, Content::Random, density, 1);
            let layout = plan.patch_layout()?;
            let grid = match density {
                Some(density) => {
                    let token_px = (self.layout.patch * self.layout.merge) as u32;
                    let grid = Grid::for_density(density, plan.width_px, plan.height_px, token_px)?;
                    Some((grid, density))
                }
                None => None,
            };
            let charset = self.config.data.charset;
            let outcome = group_from_folder(&dataset, charset, layout, grid, &condition)?;
            self.warnings.extend(outcome.left_out);
            if !outcome.group.is_empty() {
                groups.push(outcome.group);
            }
        }
        ensure!(
            !groups.is_empty(),
            "{}: no image was rendered on a character grid of the densities asked for; \
             read other images as lines, with --layout strip --reader ctc",
            folder.display()
        );
        Ok(match split {
            Split::Test => groups,
            _ => groups
                .into_iter()
                .filter_map(|group| group.every_tenth(split == Split::Validation))
                .collect(),
        })
    }

    /// One group per data set at a path. As training set a tenth of each is kept for validation.
    fn stored(
        &mut self,
        format: Format,
        path: &Path,
        split: Split,
        lanes: &Lanes,
        stop: &Stop,
    ) -> Result<Vec<Group>> {
        let data = &self.config.data;
        let layout = self
            .plan(Split::Test, Content::Random, None, 1)
            .patch_layout()?;
        let (mut groups, mut notes) = (Vec::new(), Vec::new());
        for dataset in format.open(path)? {
            let plan = StoredPlan {
                charset: data.charset,
                layout,
                settings: &data.stored,
                part: match split {
                    Split::Test => Part::All,
                    Split::Train => Part::Training,
                    Split::Validation => Part::Validation,
                },
                condition: dataset.name(),
            };
            let outcome = group_from_dataset(&*dataset, &plan, lanes, stop)?;
            notes.extend(outcome.notes);
            if !outcome.group.is_empty() {
                groups.push(outcome.group);
            }
        }
        ensure!(
            !groups.is_empty(),
            "{format}:{}: no image is left for {split} ({}); `experiments data check` shows what \
             is wrong with labels and images, --charset and --label-policy decide what is kept",
            path.display(),
            notes[..notes.len().min(2)].join("; ")
        );
        let notes = notes.into_iter();
        self.warnings
            .extend(notes.map(|note| format!("{split}: {note}")));
        Ok(groups)
    }

    fn plan_number(&mut self, plan: SlotPlan) -> usize {
        match self.plans.iter().position(|known| *known == plan) {
            Some(number) => number,
            None => {
                self.plans.push(plan);
                self.plans.len() - 1
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_that_do_not_fit_into_memory_are_refused_with_a_remedy() {
        const GIB: u64 = 1 << 30;
        assert!(refuse_above(GIB, GIB).is_ok());
        let error = refuse_above(7 * GIB, 4 * GIB).unwrap_err().to_string();
        for part in ["7.0 GiB", "4.0 GiB", "data.images"] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_system_says_how_much_memory_is_free() {
        assert!(free_memory_bytes().is_some_and(|bytes| bytes > 1 << 20));
    }
}
