//! The images of a run: rendered, or read from data sets.

use super::config::ProbeConfig;
use super::data_config::LayoutKind;
use super::image_source::{ImageSource, Photographs};
use super::remarks::{idle_degradation, seen_in_training};
use super::text_notes::text_notes;
use crate::reader::SlotPlan;
use anyhow::{Result, ensure};
use perception_tasks::{ImageDataset, TaskKind};
use probe_data::{
    DataSource, DataSources, FolderFaults, Group, Part, PerceptionPlan, PhotographPlan,
    Relabelling, RenderPlan, StoredPlan, condition_name, crop, group_from_dataset,
    group_from_folder, group_from_photographs, missing_boxes, on_problem, open_photographs,
    perception_groups, problem_notes, render_group,
};
use run_support::lanes::Lanes;
use run_support::stop::Stop;
use scene_text::{Format, TextDataset};
use std::path::Path;
use std::sync::Arc;
use text_images::{Content, Corpus, FolderDataset, Fonts, Grid, Split};
use vision_backbone::PatchLayout;

/// Renders or reads the images of a run, split by split.
pub(super) struct DataMaker<'a> {
    config: &'a ProbeConfig,
    fonts: Fonts,
    corpus: Option<Corpus>,
    layout: PatchLayout,
    opened: Opened<'a>,
    /// Plans of the linear probe, in the order of their numbers.
    pub plans: Vec<SlotPlan>,
    /// What became of the images: what was read, what was left out and why.
    pub notes: Vec<String>,
}

/// What images are made from, or read from.
enum Opened<'a> {
    Text {
        train: &'a DataSources,
        test: &'a DataSources,
    },
    Relabelled(Relabelling),
    Perception(TaskKind),
    Photographs(&'a Photographs, ImageDataset),
}

impl<'a> Opened<'a> {
    /// Opens the data set of photographs; `notes` says what is wrong with it.
    fn new(source: &'a ImageSource, notes: &mut Vec<String>) -> Result<Self> {
        Ok(match source {
            ImageSource::Text { train, test } => {
                notes.extend(seen_in_training(train, test));
                Self::Text { train, test }
            }
            ImageSource::Relabelled(labels) => Self::Relabelled(*labels),
            ImageSource::Perception(kind) => Self::Perception(*kind),
            ImageSource::Photographs(photographs) => {
                let source = &photographs.dataset;
                let dataset = open_photographs(source, on_problem(photographs.skip_broken))?;
                notes.extend(problem_notes(&source.to_string(), dataset.problems()));
                notes.extend(dataset.notes().iter().cloned());
                if photographs.box_margin.is_some() {
                    notes.extend(missing_boxes(source, &dataset)?);
                }
                Self::Photographs(photographs, dataset)
            }
        })
    }
}

impl<'a> DataMaker<'a> {
    /// For images of the size of `layout`.
    pub fn new(config: &'a ProbeConfig, layout: PatchLayout) -> Result<Self> {
        let fonts = Fonts::of(config.data.fonts.as_deref(), &config.data.degradation)?;
        let mut notes: Vec<String> = fonts
            .warnings(config.data.charset)
            .iter()
            .map(ToString::to_string)
            .collect();
        let opened = Opened::new(&config.data.source, &mut notes)?;
        notes.extend(idle_degradation(&config.data));
        let file = config.data.text_file.as_deref();
        let corpus = file.map(|path| Corpus::read(path, config.data.charset));
        let corpus = corpus.transpose()?;
        notes.extend(text_notes(&config.data, corpus.as_ref(), layout)?);
        Ok(Self {
            config,
            fonts,
            corpus,
            layout,
            opened,
            plans: Vec::new(),
            notes,
        })
    }

    /// Names of the classes, where classes are asked.
    pub fn class_names(&self) -> Vec<String> {
        match &self.opened {
            Opened::Text { .. } => Vec::new(),
            Opened::Relabelled(labels) => labels.class_names(&self.fonts, self.config.data.charset),
            Opened::Perception(kind) => kind.classes().iter().map(ToString::to_string).collect(),
            Opened::Photographs(_, dataset) => dataset.classes().to_vec(),
        }
    }

    /// Bytes of memory that rendered images take, where no data set stands in for them.
    pub fn rendered_bytes(&self) -> u128 {
        let data = &self.config.data;
        let images = data.images;
        let (trains, tests) = match &self.opened {
            Opened::Text { train, test } => (train.has_rendered(), test.has_rendered()),
            Opened::Relabelled(_) | Opened::Perception(_) | Opened::Photographs(..) => (true, true),
        };
        let densities = self.densities().len().max(1);
        let [train, validation, test, test_words] = [
            images.train,
            images.validation,
            images.test,
            images.test_words,
        ]
        .map(|images| images as u128 * densities as u128);
        let of_split = data.train_contents.len() as u128 * (train + validation);
        let tested = data.test_contents.len() as u128 * test.max(test_words);
        let count = u128::from(trains) * of_split + u128::from(tests) * tested;
        let counted = self.config.usage_tokens.div_ceil(self.layout.tokens());
        let pixels = self.layout.patches() * self.layout.patch * self.layout.patch;
        (count + counted as u128).saturating_mul(pixels as u128)
    }

    /// The groups of a split.
    pub fn split(&mut self, split: Split, lanes: &Lanes, stop: &Stop) -> Result<Vec<Group>> {
        let data = &self.config.data;
        let sources = match &self.opened {
            Opened::Text { train, test } => match split {
                Split::Test => *test,
                Split::Train | Split::Validation => *train,
            },
            &Opened::Relabelled(labels) => return self.relabelled(labels, split, lanes),
            &Opened::Perception(kind) => {
                let plan = PerceptionPlan {
                    kind,
                    split,
                    images: match split {
                        Split::Train => data.images.train,
                        Split::Validation => data.images.validation,
                        Split::Test => data.images.test,
                    },
                    seed: data.seed_of(split),
                    layout: self.layout,
                };
                return perception_groups(&plan, &self.fonts, lanes);
            }
            Opened::Photographs(photographs, dataset) => {
                let plan = PhotographPlan {
                    dataset,
                    name: &photographs.dataset.to_string(),
                    split,
                    on_problem: on_problem(photographs.skip_broken),
                    crop: crop(photographs.box_margin),
                    most: data.stored.max_images,
                    layout: self.layout,
                };
                let outcome = group_from_photographs(&plan, lanes, stop)?;
                self.notes.extend(outcome.notes);
                return Ok(vec![outcome.group]);
            }
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
            let reserved = match source {
                DataSource::Rendered => Vec::new(),
                DataSource::Stored { .. } => data.rendered_conditions(),
            };
            name_apart(&mut found, &reserved, &mut taken);
            groups.extend(found);
        }
        Ok(groups)
    }

    fn rendered(&self, split: Split, lanes: &Lanes) -> Result<Vec<Group>> {
        // The next block of an online code goes on where the training images end.
        let (source, first) = match split {
            Split::Validation if self.config.data.next_block => {
                (Split::Train, self.config.data.images.train)
            }
            Split::Train | Split::Validation | Split::Test => (split, 0),
        };
        self.rendered_from(source, first, split, lanes)
    }

    /// More images like those of every test group, to count words on; none if that is not asked for.
    pub fn usage(&self, lanes: &Lanes) -> Result<Vec<Group>> {
        let wanted = self.config.usage_tokens;
        if wanted == 0 {
            return Ok(Vec::new());
        }
        let data = &self.config.data;
        let groups = data.test_contents.len() * self.densities().len();
        let images = wanted.div_ceil(self.layout.tokens()).div_ceil(groups);
        // Behind all images that are read.
        let first = data.images.test.max(data.images.test_words);
        self.rendered_groups(&data.test_contents, Split::Test, |_| (first, images), lanes)
    }

    fn relabelled(&self, labels: Relabelling, split: Split, lanes: &Lanes) -> Result<Vec<Group>> {
        // What was learnt by heart shows on the images that were learnt.
        let groups = if labels == Relabelling::Control && split == Split::Test {
            self.rendered_from(Split::Train, 0, split, lanes)
        } else {
            self.rendered(split, lanes)
        }?;
        let charset = self.config.data.charset;
        let (contents, densities) = (&self.config.data.train_contents, self.densities());
        // The same for the images that are trained on and tested on, whatever else either has.
        let number = |group: &Group| {
            let mut names = contents.iter().map(|&content| condition_name(content));
            let content = names.position(|name| name == group.key.condition);
            let mut places = densities.iter();
            let density = places.position(|density| *density == group.key.density);
            content.unwrap_or(contents.len()) * densities.len() + density.unwrap_or(0)
        };
        let groups = groups.into_iter();
        groups
            .map(|group| labels.relabel((number(&group), group), &self.fonts, charset, split))
            .collect()
    }

    /// Images for a split, which are those of `source` from its image `first` on.
    fn rendered_from(
        &self,
        source: Split,
        first: usize,
        split: Split,
        lanes: &Lanes,
    ) -> Result<Vec<Group>> {
        let data = &self.config.data;
        let (contents, images) = match split {
            Split::Train => (&data.train_contents, data.images.train),
            Split::Validation => (&data.train_contents, data.images.validation),
            Split::Test => (&data.test_contents, data.images.test),
        };
        let range = |content| {
            let images = match split {
                Split::Test => data.images.tested(content),
                Split::Train | Split::Validation => images,
            };
            (first, images)
        };
        self.rendered_groups(contents, source, range, lanes)
    }

    /// A group of every content and density, with the images of `source` that `range` gives for the
    /// content: the first of them and their number.
    fn rendered_groups(
        &self,
        contents: &[Content],
        source: Split,
        range: impl Fn(Content) -> (usize, usize),
        lanes: &Lanes,
    ) -> Result<Vec<Group>> {
        let mut groups = Vec::new();
        for &content in contents {
            let (first, images) = range(content);
            for density in self.densities() {
                let plan = RenderPlan {
                    first: first as u64,
                    ..self.plan(source, content, density, images)
                };
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
            corpus: self.corpus.clone(),
            density,
            width_px: (self.layout.cols * self.layout.patch) as u32,
            height_px: (self.layout.rows * self.layout.patch) as u32,
            patch: self.layout.patch,
            merge: self.layout.merge,
            split,
            images,
            first: 0,
            seed: data.seed_of(split),
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
        let (mut groups, mut left_out) = (Vec::new(), FolderFaults::default());
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
            left_out.extend(outcome.left_out);
            if !outcome.group.is_empty() {
                groups.push(outcome.group);
            }
        }
        let images = groups.iter().map(Group::len).sum();
        let notes = left_out.notes(&folder.display().to_string(), images);
        ensure!(
            !groups.is_empty(),
            "{}: no image was rendered on a character grid of the densities asked for{}; \
             read other images as lines, with --layout strip --reader ctc",
            folder.display(),
            notes.get(1).map_or_else(String::new, |first| format!(
                " (the first that was left out: {first})"
            ))
        );
        for note in notes {
            // Training and validation images come from one folder, and test images may.
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
        Ok(match split {
            Split::Test => groups,
            Split::Train | Split::Validation => {
                let tenth = split == Split::Validation;
                let parts = groups.iter().map(|group| group.every_tenth(tenth));
                let parts = parts.collect::<Result<Vec<_>>>()?;
                let parts: Vec<Group> = parts.into_iter().flatten().collect();
                ensure!(
                    split == Split::Validation || !parts.is_empty(),
                    "{}: all its images are kept for validation; give at least 2",
                    folder.display()
                );
                parts
            }
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
            let dataset: Arc<dyn TextDataset> = dataset.into();
            let name = dataset.name().to_owned();
            let plan = StoredPlan {
                charset: data.charset,
                layout,
                settings: &data.stored,
                part: match split {
                    Split::Test => Part::All,
                    Split::Train => Part::Training,
                    Split::Validation => Part::Validation,
                },
                condition: &name,
            };
            let outcome = group_from_dataset(dataset, &plan, lanes, stop)?;
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
        self.notes
            .extend(notes.map(|note| format!("{split}: {note}")));
        Ok(groups)
    }

    /// Number of a plan of the linear probe.
    pub fn plan_number(&mut self, plan: SlotPlan) -> usize {
        match self.plans.iter().position(|known| *known == plan) {
            Some(number) => number,
            None => {
                self.plans.push(plan);
                self.plans.len() - 1
            }
        }
    }
}

/// Gives the groups of a source names that no earlier source has. Those that are reserved are of
/// rendered text, about which results know more than about any data set.
fn name_apart(groups: &mut [Group], reserved: &[String], taken: &mut Vec<String>) {
    let mut renamed: Vec<(String, String)> = Vec::new();
    for group in groups {
        let own = &mut group.key.condition;
        let known = renamed.iter().position(|(before, _)| before == own);
        let place = known.unwrap_or_else(|| {
            let base = if reserved.contains(own) {
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
