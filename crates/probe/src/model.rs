//! What trains in one cell: a suffix of the tower where the regime asks for it, projector, probe.

use super::config::{ProbeConfig, ReaderKind};
use super::preparation::Prepared;
use super::prepared_group::PreparedGroup;
use crate::reader::{
    AnchoredReaderConfig, Anchors, CtcReader, CtcReaderConfig, FlatReaderConfig,
    PooledReaderConfig, Reader, Sees, SequenceReader, SequenceReaderConfig, SlotLinearConfig,
    TOKEN_PX, Texts, slot_loss, weighted_slot_loss,
};
use anyhow::{Context, Result};
use arms::{Arm, ArmKind, ArmSpec};
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use ovis_vet::{Tokenize, Vet};
use projector::{Pass, PatchGrid, Projector, StartSample, VisualTokens, rms_normalize, seeded};
use rand_chacha::ChaCha8Rng;
use vision_backbone::{PatchLayout, SmallVit};

/// Added to the mean square before the parameter-free norm in front of every probe.
const NORM_EPS: f64 = 1e-12;

/// A model of one cell.
#[derive(Module, Debug)]
pub struct CellModel {
    tower: Option<SmallVit>,
    /// The projector.
    pub arm: Arm,
    /// The probe.
    pub reader: Reader,
    first_block: usize,
    /// See [`ArmKind::is_noisy`].
    pub(super) is_noisy: bool,
}

impl CellModel {
    /// A fresh model; parameters depend on the seed, the arm's name and nothing else.
    ///
    /// The probe is drawn from a stream of its own, so arms with equal token widths start with the
    /// same probe.
    ///
    /// # Errors
    /// If the sizes make no projector or no probe.
    pub fn init(
        config: &ProbeConfig,
        prepared: &Prepared,
        arm: ArmSpec,
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        let is_noisy = arm.kind.is_noisy();
        let arm = if let ArmKind::Pretrained(swap) = arm.kind {
            let device = device.clone().without_autodiff();
            Arm::Pretrained(prepared.pretrained(swap)?.to_device(&device))
        } else {
            let mut rng = seeded::stream(seed, &format!("projector/{arm}"));
            arm.build(prepared.arm_sizes(config), &mut rng, device)?
        };
        let mut rng = seeded::stream(seed, "probe");
        let (d_token, classes) = (arm.d_out(), prepared.classes(config));
        let layout = prepared.layout().context("no images");
        let sequence = |sees, layout: PatchLayout| {
            let shape = SequenceReaderConfig {
                sees,
                d_token,
                tokens_px: token_places(&arm, layout),
                classes,
                longest: prepared.longest_text(),
                size: config.reader_size,
            };
            shape.init(&mut rng.clone(), device)
        };
        let reader = match config.reader {
            ReaderKind::Anchored => {
                Reader::Anchored(AnchoredReaderConfig::new(d_token, classes).init(&mut rng, device))
            }
            ReaderKind::SlotLinear => Reader::SlotLinear(
                SlotLinearConfig {
                    d_token,
                    classes,
                    plans: prepared.plans.clone(),
                }
                .init(&mut rng, device),
            ),
            ReaderKind::Ctc => {
                let [rows, _] = token_grid(&arm, layout?);
                Reader::Ctc(CtcReaderConfig::new(d_token, classes, rows).init(&mut rng, device))
            }
            ReaderKind::Flat => {
                let [rows, columns] = token_grid(&arm, layout?);
                let config = FlatReaderConfig::new(rows * columns, d_token, classes);
                Reader::Flat(config.init(&mut rng, device))
            }
            ReaderKind::Pooled => {
                Reader::Pooled(PooledReaderConfig::new(d_token, classes).init(&mut rng, device))
            }
            ReaderKind::Causal => Reader::Sequence(sequence(Sees::CharactersBefore, layout?)),
            ReaderKind::Attention => Reader::Sequence(sequence(Sees::TokensOnly, layout?)),
        };
        Ok(Self {
            tower: prepared.trainable_tower(device),
            arm,
            reader,
            first_block: prepared.first_block,
            is_noisy,
        })
    }

    /// Visual tokens with unit root mean square, and the words behind them.
    ///
    /// # Shapes
    /// - `input`: patch features as cached for the regime
    /// - embeddings: `[batch, tokens, d_token]`
    #[must_use]
    pub fn tokens(&self, input: PatchGrid, pass: &mut Pass<'_>) -> VisualTokens {
        self.tokens_of(&self.features(input), pass)
    }

    /// Patch features in front of the projector.
    #[must_use]
    pub fn features(&self, input: PatchGrid) -> PatchGrid {
        features(self.tower.as_ref(), self.first_block, input)
    }

    /// As [`tokens`](Self::tokens), of the features in front of the projector.
    #[must_use]
    pub fn tokens_of(&self, features: &PatchGrid, pass: &mut Pass<'_>) -> VisualTokens {
        self.as_read(self.arm.forward(features, pass))
    }

    /// Tokens as the probe reads them: [normalised](Self::normalised), and with their levels added first,
    /// unless the probe has several blocks to take them.
    #[must_use]
    pub fn as_read(&self, tokens: VisualTokens) -> VisualTokens {
        Self::normalised(match &self.reader {
            Reader::Sequence(reader) if reader.takes_levels() => tokens,
            Reader::Sequence(_)
            | Reader::Anchored(_)
            | Reader::SlotLinear(_)
            | Reader::Ctc(_)
            | Reader::Pooled(_)
            | Reader::Flat(_) => tokens.summed(),
        })
    }

    /// Tokens and levels with unit root mean square each.
    #[must_use]
    pub fn normalised(tokens: VisualTokens) -> VisualTokens {
        let levels = tokens.levels.into_iter();
        VisualTokens {
            embeddings: rms_normalize(tokens.embeddings, NORM_EPS),
            levels: levels.map(|level| rms_normalize(level, NORM_EPS)).collect(),
            words: tokens.words,
            auxiliary_loss: tokens.auxiliary_loss,
        }
    }

    /// Starts the projector from features of the whole training set.
    ///
    /// `sample` has patch features as cached for the regime, on a device without autodiff.
    pub fn start_from(&mut self, sample: StartSample<'_>, rng: &mut ChaCha8Rng) {
        let tower = self.tower.as_ref().map(Module::valid);
        let (first_block, tokens) = (self.first_block, sample.tokens());
        let grids = sample.map(|input| features(tower.as_ref(), first_block, input));
        self.arm.start_from(StartSample::new(tokens, grids), rng);
    }

    /// What the projector learns without gradients, after the optimiser's step on a batch.
    ///
    /// `input` gives the patch features of the batch as cached for the regime, on a device without
    /// autodiff; it is only asked if there is something to learn.
    pub fn after_step(&mut self, input: impl FnOnce() -> PatchGrid, rng: &mut ChaCha8Rng) {
        let (tower, first_block) = (self.tower.as_ref(), self.first_block);
        let patches = || features(tower.map(Module::valid).as_ref(), first_block, input());
        self.arm.after_step(patches, rng);
    }

    /// What the probe says of some images of a group: class scores per slot, or log-probabilities per
    /// frame. A reader that writes is told the right text up to each character.
    #[must_use]
    pub fn read(
        &self,
        tokens: &VisualTokens,
        place: &Place,
        (data, items): (&PreparedGroup, &[usize]),
    ) -> Tensor<3> {
        let embeddings = tokens.embeddings.clone();
        match (&self.reader, place) {
            (Reader::Sequence(reader), _) => {
                let texts = texts(reader, data, items, &embeddings.device());
                reader.forward(tokens, &texts)
            }
            (Reader::Anchored(reader), Place::Anchors(anchors)) => {
                reader.forward(embeddings, anchors)
            }
            (Reader::SlotLinear(reader), Place::Plan(plan)) => reader.forward(embeddings, *plan),
            (Reader::Ctc(reader), _) => reader.forward(embeddings),
            (Reader::Pooled(reader), _) => reader.forward(embeddings),
            (Reader::Flat(reader), _) => reader.forward(embeddings),
            // `Place::of` gives each probe what it needs.
            (Reader::Anchored(_), Place::Plan(_) | Place::Everywhere)
            | (Reader::SlotLinear(_), Place::Anchors(_) | Place::Everywhere) => {
                unreachable!("the probe was given another kind of place")
            }
        }
    }

    /// Mean loss in nats per character (for CTC the mean over lines).
    #[must_use]
    pub fn loss(
        &self,
        scores: Tensor<3>,
        data: &PreparedGroup,
        items: &[usize],
        device: &Device,
    ) -> Tensor<1> {
        match &self.reader {
            Reader::Ctc(_) => CtcReader::loss(
                scores,
                data.group.targets(items, 1, device),
                data.group.lengths(items, device),
            ),
            Reader::Sequence(reader) => {
                SequenceReader::loss(scores, &texts(reader, data, items, device))
            }
            Reader::Anchored(_) | Reader::SlotLinear(_) | Reader::Pooled(_) | Reader::Flat(_) => {
                let targets = data.group.targets(items, 0, device);
                match data.group.grid {
                    Some(_) => slot_loss(scores, targets),
                    None => {
                        let weights = data.group.target_weights(items, device);
                        weighted_slot_loss(scores, targets, weights)
                    }
                }
            }
        }
    }

    /// As [`loss`](Self::loss), of a training that is at `progress`, from 0 to 1: lines whose characters have
    /// known places are told them at first.
    #[must_use]
    pub fn training_loss(
        &self,
        scores: Tensor<3>,
        (data, items): (&PreparedGroup, &[usize]),
        progress: f64,
        device: &Device,
    ) -> Tensor<1> {
        match &self.reader {
            Reader::Ctc(_) => CtcReader::training_loss(scores, &data.group, items, progress),
            Reader::Anchored(_)
            | Reader::SlotLinear(_)
            | Reader::Pooled(_)
            | Reader::Flat(_)
            | Reader::Sequence(_) => self.loss(scores, data, items, device),
        }
    }

    /// What [`CellModel::loss`] is a mean over: characters (lines for CTC).
    #[must_use]
    pub fn loss_units(&self, data: &PreparedGroup, items: &[usize]) -> usize {
        match &self.reader {
            Reader::Ctc(_) => items.len(),
            Reader::Anchored(_)
            | Reader::SlotLinear(_)
            | Reader::Pooled(_)
            | Reader::Flat(_)
            | Reader::Sequence(_) => {
                let classes = items.iter().map(|&item| &data.group.labels[item].classes);
                classes.map(Vec::len).sum()
            }
        }
    }

    /// The same weights with the softmax cut to the `k` best words; `None` without softmax words.
    #[must_use]
    pub fn hardened(&self, k: usize) -> Option<Self> {
        self.with_soft_words(|vet| vet.with_tokenize(Tokenize::TopK { k }))
    }

    /// The same weights with the softmax at another temperature; `None` without softmax words.
    #[must_use]
    pub fn at_temperature(&self, temperature: f64) -> Option<Self> {
        self.with_soft_words(|vet| vet.with_temperature(temperature))
    }

    fn with_soft_words(&self, change: impl FnOnce(Vet) -> Vet) -> Option<Self> {
        let vet = self.arm.vet()?;
        (vet.tokenize_function() == Tokenize::Softmax).then(|| Self {
            arm: self.arm.clone().map_vet(change),
            ..self.clone()
        })
    }

    /// Class ids of what is read from each image, whose scores are those of [`CellModel::read`]. A reader
    /// that writes goes by the tokens alone.
    #[must_use]
    pub fn answers(&self, tokens: &VisualTokens, scores: Tensor<3>) -> Vec<Vec<usize>> {
        if let Reader::Sequence(reader) = &self.reader {
            return reader.write(tokens);
        }
        let [_, places, _] = scores.dims();
        let best: Vec<usize> = scores
            .argmax(2)
            .into_data()
            .iter::<i64>()
            .map(|class| class as usize)
            .collect();
        best.chunks(places)
            .map(|line| match &self.reader {
                Reader::Ctc(_) => CtcReader::best_path(line),
                Reader::Anchored(_)
                | Reader::SlotLinear(_)
                | Reader::Pooled(_)
                | Reader::Flat(_)
                | Reader::Sequence(_) => line.to_vec(),
            })
            .collect()
    }
}

/// Texts of some images, for a reader that writes.
fn texts(reader: &SequenceReader, data: &PreparedGroup, items: &[usize], device: &Device) -> Texts {
    let labels = items.iter().map(|&item| &data.group.labels[item]);
    let texts: Vec<&[u16]> = labels.map(|label| label.classes.as_slice()).collect();
    Texts::of(&texts, reader.longest(), reader.classes(), device)
}

/// Rows and columns of the tokens that an arm makes of an image.
fn token_grid(arm: &Arm, layout: PatchLayout) -> [usize; 2] {
    arm.token_grid(layout.rows, layout.cols)
}

/// From pixels to the units of probes, which know tokens of 16 px; those of published towers are larger.
fn probe_scale(layout: PatchLayout) -> f32 {
    TOKEN_PX / (layout.patch * layout.merge) as f32
}

/// Centres of the visual tokens as probes know them.
fn token_places(arm: &Arm, layout: PatchLayout) -> Vec<[f32; 2]> {
    let scale = probe_scale(layout);
    let places = layout.grid_centres_px(token_grid(arm, layout)).into_iter();
    places.map(|[x, y]| [scale * x, scale * y]).collect()
}

/// Patch features behind the part of the tower that a cell runs itself.
fn features(tower: Option<&SmallVit>, first_block: usize, input: PatchGrid) -> PatchGrid {
    let Some(tower) = tower else {
        return input;
    };
    let state = match first_block {
        0 => tower.embed(&input),
        _ => input,
    };
    tower.run_blocks(state, first_block..tower.depth())
}

/// Where a probe reads in the images of a group.
#[derive(Clone, Debug)]
pub enum Place {
    /// Anchors of character places.
    Anchors(Box<Anchors>),
    /// Number of the linear probe's plan.
    Plan(usize),
    /// All of it: along the line, or the image as a whole.
    Everywhere,
}

impl Place {
    /// What `reader` needs for the images of `data` and the tokens of `arm`.
    ///
    /// # Errors
    /// If the places of characters are not known.
    pub fn of(
        reader: ReaderKind,
        arm: &Arm,
        data: &PreparedGroup,
        device: &Device,
    ) -> Result<Self> {
        match reader {
            ReaderKind::Ctc
            | ReaderKind::Pooled
            | ReaderKind::Flat
            | ReaderKind::Causal
            | ReaderKind::Attention => Ok(Self::Everywhere),
            ReaderKind::SlotLinear => {
                let plan = data
                    .plan
                    .context("the linear probe needs a character grid")?;
                Ok(Self::Plan(plan))
            }
            ReaderKind::Anchored => {
                let layout = data.group.layout;
                let tokens = layout.grid_centres_px(token_grid(arm, layout));
                let scale = probe_scale(layout);
                let anchors = Anchors::of_group(&data.group, &[0], &tokens, scale, device);
                Ok(Self::Anchors(Box::new(anchors.context(
                    "the anchored probe needs known character places; use --reader ctc",
                )?)))
            }
        }
    }
}
