//! Data, backbone and features of a run, made once and shared by all cells.

use super::config::{LayoutKind, ProbeConfig, Regime};
use super::outcome::TestSet;
use crate::arm::ArmSizes;
use crate::data::{
    DataSource, FeatureCache, Features, Group, Part, RenderPlan, Source, StoredPlan, encode,
    group_from_dataset, group_from_folder, render_group,
};
use crate::lanes::Lanes;
use crate::reader::SlotPlan;
use crate::stop::Stop;
use anyhow::{Result, anyhow, ensure};
use burn::module::Module;
use burn::tensor::Device;
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
    tower: SmallVit,
    regime: Regime,
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
        let (tower, tower_hash) = load_backbone(&config.backbone, device)?;
        let mut hashes = vec![("backbone".to_owned(), tower_hash.clone())];
        lap("load backbone");
        let mut data = DataMaker::new(config, &tower)?;
        let mut groups = Vec::new();
        for split in Split::ALL {
            stop.check()?;
            groups.push(data.split(split, lanes, stop)?);
        }
        lap("render");
        let first_block = match config.regime {
            Regime::Frozen => tower.depth(),
            Regime::LastBlock => tower.depth() - 1,
            Regime::Joint => 0,
        };
        let source = match config.regime {
            Regime::Joint => Source::Pixels,
            _ => Source::Tower {
                tower: &tower,
                blocks: first_block,
            },
        };
        // Backends differ in the last bits, so none reads what another has cached.
        let encoder = format!(
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
                    .map(|cache| (cache, encoder.as_str()));
                let features = encode(&group, &source, cache, lanes, device)?;
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
            tower,
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
        let tower = self.tower.config();
        ArmSizes {
            d_in: tower.d_model,
            merge: tower.merge,
            d_token: config.d_token,
            table_init: config.table_init,
        }
    }

    /// A copy of the tower for a cell that trains part of it.
    #[must_use]
    pub fn trainable_tower(&self, device: &Device) -> Option<SmallVit> {
        (self.regime != Regime::Frozen).then(|| self.tower.clone().fork(device).train())
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
        "small-vit 1"
    }
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
    patch: usize,
    merge: usize,
    plans: Vec<SlotPlan>,
    warnings: Vec<String>,
}

impl<'a> DataMaker<'a> {
    fn new(config: &'a ProbeConfig, tower: &SmallVit) -> Result<Self> {
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
            patch: tower.config().patch,
            merge: tower.config().merge,
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
        let mut groups = Vec::new();
        for &content in contents {
            let images = match (split, content) {
                (Split::Test, Content::Words) => data.images.test_words,
                _ => images,
            };
            for density in self.densities() {
                let plan = self.plan(split, content, density, images);
                groups.push(render_group(&plan, &self.fonts, lanes)?);
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
            width_px: if density.is_some() { 64 } else { 128 },
            height_px: 32,
            patch: self.patch,
            merge: self.merge,
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
                    let token_px = (self.patch * self.merge) as u32;
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
