//! Data, backbone and features of a run, made once and shared by all cells.

use super::backbone::{Backbone, Encoder, source_of};
use super::config::{ProbeConfig, Regime};
use super::data_maker::DataMaker;
use super::image_source::ImageSource;
use super::memory;
use super::outcome::TestSet;
use super::prepared_group::{PreparedGroup, level_blocks};
use super::remarks::{lines_without_frames, longest, other_numbers_of_tokens, too_long_a_text};
use crate::reader::SlotPlan;
use anyhow::{Context, Result, bail, ensure};
use arms::TokenizeOverride;
use arms::{ArmKind, ArmSizes, ArmSpec};
use burn::module::Module;
use burn::tensor::Device;
use bytesize::ByteSize;
use probe_data::{
    FeatureCache, Group, Pixels, Source, encode, encode_states, feature_bytes, held_bytes,
};
use projector::Projector;
use published_models::PublishedProjector;
use run_support::lanes::Lanes;
use run_support::stop::Stop;
use sha2::{Digest, Sha256};
use std::time::Instant;
use text_images::Split;
use vision_backbone::{PatchLayout, SmallVit};

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
    /// More of every test group, without pixels, to count words on; empty if that was not asked for.
    pub usage: Vec<PreparedGroup>,
    /// Plans of the linear probe, one per character grid.
    pub plans: Vec<SlotPlan>,
    /// Names of the classes, where classes are asked.
    pub class_names: Vec<String>,
    /// Block of the tower from which cells run it themselves.
    pub first_block: usize,
    /// Hashes of what the results depend on: name and SHA-256.
    pub hashes: Vec<(String, String)>,
    /// What became of the images: fonts, rows and images that were left out. Results show it.
    pub image_notes: Vec<String>,
    /// That the cache is too small for the features of this run.
    pub cache_note: Option<String>,
    /// Wall times.
    pub times: StageTimes,
    backbone: Backbone,
    regime: Regime,
    /// Blocks of the small tower that have run where each level is read, or the numbers of a checkpoint's
    /// levels from 1; empty if no arm reads any.
    levels: Vec<usize>,
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
        ensure!(
            config.replication.is_start(),
            "every seed of this run has images of its own (`replication`); ask for one of them"
        );
        let (encoder, tower_hash) = Encoder::load(config, device)?;
        let mut hashes = vec![("backbone".to_owned(), tower_hash.clone())];
        lap("load backbone");
        check_pretrained(config, &encoder)?;
        let layout = encoder.layout(&config.data)?;
        let mut data = DataMaker::new(config, layout)?;
        // A graphics card has memory of its own.
        if *device == Device::flex() {
            memory::check_arms(config, sizes(config, &encoder, layout))?;
        }
        memory::check_images(data.rendered_bytes())?;
        let mut groups = Vec::new();
        for split in Split::ALL {
            stop.check()?;
            groups.push(data.split(split, lanes, stop)?);
        }
        groups.push(data.usage(lanes)?);
        lap("render");
        let class_names = data.class_names();
        match &config.data.source {
            // Their classes follow from the fonts.
            ImageSource::Text { .. } | ImageSource::Relabelled(_) => {}
            ImageSource::Perception(_) | ImageSource::Photographs(_) => {
                let names = format!("{:x}", Sha256::digest(class_names.join("\n")));
                hashes.push(("images classes".to_owned(), names));
            }
        }
        let (source, first_block) = match &encoder {
            Encoder::Published(published) => (Source::Published(published), 0),
            Encoder::Small(tower) => {
                let blocks = match config.regime {
                    Regime::Frozen => tower.depth(),
                    Regime::LastBlock => {
                        ensure!(
                            tower.depth() > 1,
                            "this backbone has a single block: `--regime last-block` would train all of it but the \
                             embedding; choose `joint` or `frozen`, or a deeper backbone"
                        );
                        tower.depth() - 1
                    }
                    Regime::Joint => 0,
                };
                (source_of(tower, blocks, config.regime), blocks)
            }
        };
        let levels = levels(config, &encoder);
        memory::check_features(&groups, &source, 1 + levels.len(), cache.is_some())?;
        let mut cache_note = None;
        if config.regime != Regime::Joint
            && let Some(cache) = cache
        {
            let all = groups.iter().flatten();
            let one: u64 = all.map(|group| feature_bytes(group, &source)).sum();
            let needed = one * (1 + levels.len() as u64);
            if needed > cache.limit().0 {
                cache_note = Some(format!(
                    "the features of this run take {}, the cache is limited to {}: some will be \
                     computed again next time; raise --cache-limit to keep them",
                    ByteSize(needed),
                    cache.limit()
                ));
            }
        }
        // Backends differ in the last bits, so none reads what another has cached.
        let encoder_key = |blocks: usize| match config.regime {
            Regime::Joint => "pixels".to_owned(),
            Regime::Frozen | Regime::LastBlock => format!(
                "{tower_hash}/{blocks}/{}/{device:?}",
                config.backbone_format()
            ),
        };
        let mut splits = Vec::new();
        let names = Split::ALL.iter().map(ToString::to_string);
        for (split, groups) in names.chain(["usage".to_owned()]).zip(groups) {
            let mut prepared = Vec::new();
            for group in groups {
                stop.check()?;
                let name = format!("{split} {}", group.key);
                let content = group.content_hash(config.data.charset);
                // Pixels are cheaper to cut again than to read back, as long as they fit.
                let cache = cache.filter(|_| {
                    config.regime != Regime::Joint || held_bytes(&group, &source, true) == 0
                });
                let place = |blocks: usize| {
                    cache.map(|cache| (cache, FeatureCache::key(&encoder_key(blocks), &content)))
                };
                let mut states = match &encoder {
                    Encoder::Small(tower) => {
                        let blocks = std::iter::once(first_block).chain(levels.iter().copied());
                        let states = blocks.map(|blocks| {
                            let source = source_of(tower, blocks, config.regime);
                            encode(&group, &source, place(blocks), lanes, device, stop)
                        });
                        states.collect::<Result<Vec<_>>>()?
                    }
                    Encoder::Published(_) => {
                        let numbers = std::iter::once(first_block).chain(levels.iter().copied());
                        let places = numbers.map(place).collect();
                        encode_states(&group, &source, places, lanes, device, stop)?
                    }
                }
                .into_iter();
                let features = states.next().context("a tower has a last block")?;
                hashes.push((format!("images {name}"), content));
                hashes.push((format!("features {name}"), features.hash()));
                let plan = SlotPlan::of_group(&group).map(|plan| data.plan_number(plan));
                prepared.push(PreparedGroup {
                    group,
                    features,
                    levels: states.collect(),
                    plan,
                });
            }
            splits.push(prepared);
        }
        let mut usage = splits.pop().unwrap_or_default();
        for counted in &mut usage {
            counted.group.pixels = Pixels::default();
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
        if let [train, _, test] = &splits[..] {
            data.notes
                .extend(too_long_a_text(config.reader, train, test));
        }
        data.notes.extend(other_numbers_of_tokens(config, &splits));
        data.notes.extend(lines_without_frames(config, &splits));
        let mut splits = splits.into_iter();
        let mut next = || splits.next().unwrap_or_default();
        let prepared = Self {
            train: next(),
            validation: next(),
            test: next(),
            usage,
            class_names,
            plans: data.plans,
            first_block,
            hashes,
            // Names and labels may hold anything.
            image_notes: data
                .notes
                .iter()
                .map(|note| note.replace(char::is_control, "?"))
                .collect(),
            cache_note,
            times,
            backbone,
            regime: config.regime,
            levels,
        };
        prepared.check_arms(config)?;
        Ok(prepared)
    }

    /// Refuses arms that cannot be built for tokens of this size, before anything is trained. Those with
    /// words can, and are large.
    fn check_arms(&self, config: &ProbeConfig) -> Result<()> {
        // What they refuse is the size of the block, so widths of 1 do; but a resampler has heads, whose width
        // the configuration has checked.
        let sizes = self.arm_sizes(config);
        let blocks = self.layout().map_or(0, |layout| layout.tokens());
        for arm in config.arms.iter().filter(|arm| arm.kind.is_hard()) {
            let queries = arm.settings.queries.unwrap_or(blocks);
            ensure!(
                queries == blocks,
                "arm `{arm}`: its bits are compared with the text of a block of patches, of which an image has \
                 {blocks}; write `@{blocks}` behind the name of the resampler"
            );
        }
        let arms = config.arms.iter();
        let arms = arms.map(|arm| arm.connector().unwrap_or(*arm));
        for arm in arms.filter(|arm| !arm.kind.has_words() && !arm.kind.is_pretrained()) {
            let sizes = ArmSizes {
                d_in: 1,
                d_token: arm.settings.queries.map_or(1, |_| sizes.d_token),
                ..sizes
            };
            let mut rng = projector::seeded::stream(0, "check");
            arm.build(sizes, &mut rng, &Device::flex())?;
        }
        Ok(())
    }

    /// Everything that the user should be told.
    pub fn notes(&self) -> impl Iterator<Item = &String> {
        self.image_notes.iter().chain(&self.cache_note)
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
            Backbone::Small(tower) => {
                let merge = self.layout().map(|layout| layout.merge);
                (
                    tower.config().d_model,
                    merge.unwrap_or(tower.config().merge),
                )
            }
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
        let Backbone::Small(tower) = &self.backbone else {
            return None;
        };
        (self.regime != Regime::Frozen).then(|| tower.clone().fork(device).train())
    }

    /// Other images than the run's own, as its cells take them in; `plan` is the linear probe's.
    ///
    /// # Errors
    /// If the backbone is a checkpoint's, whose tower is gone by now, or `stop` is raised.
    pub fn group(
        &self,
        group: Group,
        plan: Option<usize>,
        lanes: &Lanes,
        device: &Device,
        stop: &Stop,
    ) -> Result<PreparedGroup> {
        let Backbone::Small(tower) = &self.backbone else {
            bail!("the tower of a checkpoint encodes the images of its run only");
        };
        let of = |blocks: usize| {
            let source = source_of(tower, blocks, self.regime);
            encode(&group, &source, None, lanes, device, stop)
        };
        let features = of(self.first_block)?;
        let levels = self.levels.iter().map(|&blocks| of(blocks));
        Ok(PreparedGroup {
            features,
            levels: levels.collect::<Result<_>>()?,
            group,
            plan,
        })
    }

    /// The projector of the checkpoint, frozen, for a cell on a device with autodiff.
    ///
    /// # Errors
    /// If there is no checkpoint, or it has no words to be read in another way.
    pub fn pretrained(&self, swap: TokenizeOverride) -> Result<PublishedProjector> {
        match &self.backbone {
            Backbone::Small(_) => bail!(
                "arm `pretrained{swap}` is the projector of a published model; name the model with \
                 --checkpoint DIR|ID"
            ),
            Backbone::Published { projector, .. } => Ok(swap.of(projector)?.train().no_grad()),
        }
    }

    /// Number of answers that the probe chooses from at each place.
    #[must_use]
    pub fn classes(&self, config: &ProbeConfig) -> usize {
        let (characters, classes) = (config.data.charset.size(), self.class_names.len());
        match &config.data.source {
            ImageSource::Text { .. } => characters,
            // As version 0.1 did, whose cells may be half done: one for every character at least.
            ImageSource::Relabelled(_) => characters.max(classes),
            ImageSource::Perception(_) | ImageSource::Photographs(_) => classes,
        }
    }

    /// Size of the images.
    #[must_use]
    pub fn layout(&self) -> Option<PatchLayout> {
        self.train.first().map(|data| data.group.layout)
    }

    /// Characters of the longest text to train on.
    #[must_use]
    pub fn longest_text(&self) -> usize {
        longest(&self.train)
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
                    difficulty: group.key.difficulty,
                    targets: group.labels.iter().map(|l| l.answer.clone()).collect(),
                    clusters: group.labels.iter().map(|l| l.cluster).collect(),
                    cluster_names: group.clusters.clone(),
                    held_out: group.labels.iter().map(|l| l.held_out).collect(),
                }
            })
            .collect()
    }
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

/// Sizes of the arms of a run.
fn sizes(config: &ProbeConfig, encoder: &Encoder, layout: PatchLayout) -> ArmSizes {
    let (d_in, merge) = match encoder {
        Encoder::Small(tower) => (tower.config().d_model, layout.merge),
        Encoder::Published(published) => (published.d_model(), published.projector().merge_size()),
    };
    ArmSizes {
        d_in,
        merge,
        d_token: config.d_token,
        table_init: config.table_init,
    }
}

/// Refuses arms that the checkpoint's projector cannot be read as, before anything is rendered.
fn check_pretrained(config: &ProbeConfig, encoder: &Encoder) -> Result<()> {
    for arm in &config.arms {
        if let (ArmKind::Pretrained(swap), Encoder::Published(published)) = (arm.kind, encoder) {
            swap.of(published.projector())?;
        }
    }
    Ok(())
}

/// Blocks of the small tower that have run where each level is read, or the numbers of a checkpoint's levels
/// from 1; none if no arm reads any.
fn levels(config: &ProbeConfig, encoder: &Encoder) -> Vec<usize> {
    let mut arms = config.arms.iter();
    match encoder {
        Encoder::Small(tower) if arms.any(ArmSpec::reads_levels) => {
            level_blocks(tower.depth()).to_vec()
        }
        // `ProbeConfig::check` has refused our own such arms behind a checkpoint.
        Encoder::Published(published) if arms.any(|arm| arm.kind.is_pretrained()) => {
            (1..=published.projector().levels()).collect()
        }
        Encoder::Small(_) | Encoder::Published(_) => Vec::new(),
    }
}
