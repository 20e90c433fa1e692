//! One arm: its kind and what it is told.

use crate::kinds::resampler;
use crate::{Argument, Arm, ArmKind, ArmSizes, Setting, Thousandths};
use anyhow::Context;
use burn::tensor::Device;
use discretisers::codebook::LARGE_FROM;
use ovis_vet::TableInit;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Queries of an arm for surveys and tests.
const EXAMPLE_QUERIES: usize = 8;

/// One arm of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ArmSpec {
    /// What it is.
    pub kind: ArmKind,
    /// Size of the vocabulary `K` (of one codebook, where a token has several codes), indicator
    /// rows included, where the kind takes one.
    pub vocabulary: Option<usize>,
    /// Whether training is rewarded for using many words.
    pub usage: bool,
    /// What else it is told; nothing for most arms.
    pub settings: Settings,
}

/// Settings of an arm beside its vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Settings {
    /// Best words that a soft token mixes, in training and after; all if none is given.
    pub top: Option<usize>,
    /// Start of the LayerNorm's gain, the inverse temperature; 1 if none is given.
    pub gain: Option<Thousandths>,
    /// Rank of the head; full if none is given.
    pub rank: Option<usize>,
    /// Codes per token; 1 if none is given.
    pub codes: Option<usize>,
    /// Whether codes and tables start at the centres of training features.
    pub kmeans: bool,
    /// Whether gradients are turned from codes to points by the rotation trick.
    pub rotation: bool,
    /// Whether a teacher's words are the texts of the tokens.
    pub text: bool,
    /// Weight of the usage regulariser; that of the run if none is given.
    pub usage_weight: Option<Thousandths>,
    /// Standard deviation of the noise on tokens of unit root mean square.
    pub noise: Option<Thousandths>,
    /// Tokens of an image; one per block of patches if none is given. Those of the connector below a table,
    /// where that takes them.
    pub queries: Option<usize>,
    /// Connector whose tokens the head of a table takes; it takes the patches if none is given.
    pub on: Option<ArmKind>,
}

impl Settings {
    /// Whether a setting was given.
    pub(crate) fn has(&self, setting: Setting) -> bool {
        match setting {
            Setting::Top => self.top.is_some(),
            Setting::Gain => self.gain.is_some(),
            Setting::Rank => self.rank.is_some(),
            Setting::Codes => self.codes.is_some(),
            Setting::Kmeans => self.kmeans,
            Setting::Rotation => self.rotation,
            Setting::Text => self.text,
            Setting::On => self.on.is_some(),
        }
    }
}

impl ArmSpec {
    /// Builds a fresh projector; `rng` decides every parameter.
    ///
    /// # Errors
    /// If the sizes make no projector; the message names the number to change. If the arm is the
    /// projector of a checkpoint, which cannot be built but only read.
    pub fn build(
        &self,
        sizes: ArmSizes,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> anyhow::Result<Arm> {
        (self.kind.definition().build)(self, sizes, rng, device)
    }

    /// The arm without its size: `vet-st-argmax@1028+usage` is `vet-st-argmax+usage`.
    #[must_use]
    pub fn without_size(self) -> String {
        let name = self.to_string();
        let Some((kind, rest)) = name.split_once('@') else {
            return name;
        };
        let options = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let kept = options
            .split('+')
            .filter(|option| !option.is_empty() && !option.starts_with("codes"));
        std::iter::once(kind)
            .chain(kept)
            .collect::<Vec<_>>()
            .join("+")
    }

    /// Refuses a width of tokens that the arm cannot have, before anything is rendered or built.
    ///
    /// # Errors
    /// Says which widths it can have.
    pub fn check_width(&self, d_token: usize) -> anyhow::Result<()> {
        let Some(queries) = self.settings.queries else {
            return Ok(());
        };
        let sizes = ArmSizes {
            d_in: 1,
            merge: 1,
            d_token,
            table_init: TableInit::MatchedOutput,
        };
        let checked = resampler::config(queries, sizes).check();
        checked.with_context(|| format!("arm `{self}`"))
    }

    /// An arm without a vocabulary.
    #[must_use]
    pub fn plain(kind: ArmKind) -> Self {
        Self {
            kind,
            vocabulary: None,
            usage: false,
            settings: Settings::default(),
        }
    }

    /// An arm with a vocabulary of `vocabulary` words, indicator rows included.
    #[must_use]
    pub fn sized(kind: ArmKind, vocabulary: usize) -> Self {
        Self {
            vocabulary: Some(vocabulary),
            ..Self::plain(kind)
        }
    }

    /// The same arm, rewarded for using many words.
    #[must_use]
    pub fn with_usage(self) -> Self {
        Self {
            usage: true,
            ..self
        }
    }

    /// An arm of a kind with about `words` words, for surveys and tests of all kinds: where the kind
    /// does not take just any number, the nearest that it takes; several codes and noise where the
    /// kind needs them.
    #[must_use]
    pub fn example(kind: ArmKind, words: usize) -> Self {
        let mut spec = Self::plain(kind);
        let definition = kind.definition();
        match definition.argument {
            Argument::Nothing => {}
            Argument::Rows => spec.vocabulary = Some(words),
            Argument::Codes(sizes) => spec.vocabulary = Some((sizes.nearest)(words)),
            Argument::Noise => spec.settings.noise = Some(Thousandths::ONE),
            Argument::Queries => spec.settings.queries = Some(EXAMPLE_QUERIES),
        }
        spec.settings.codes = definition.needs_codes.map(|_| 2);
        spec
    }

    /// The connector below a table.
    #[must_use]
    pub fn connector(&self) -> Option<Self> {
        let mut connector = Self::plain(self.settings.on?);
        connector.settings.queries = self.settings.queries;
        Some(connector)
    }

    /// Whether it reads earlier blocks of the tower beside the last.
    #[must_use]
    pub fn reads_levels(&self) -> bool {
        let mut kinds = [Some(self.kind), self.settings.on].into_iter().flatten();
        kinds.any(|kind| kind.definition().reads_levels)
    }

    /// Whether a token may hold what does not stand in its block.
    #[must_use]
    pub fn reads_beyond(&self) -> bool {
        let mut kinds = [Some(self.kind), self.settings.on].into_iter().flatten();
        kinds.any(|kind| kind.definition().reads_beyond)
    }

    /// Words of one codebook that a token can be assigned to, `K` without indicator rows; for the
    /// MLPs matched to a table, the words of that table.
    #[must_use]
    pub fn words(&self) -> Option<usize> {
        self.vocabulary
            .map(|vocabulary| vocabulary - self.kind.indicators())
    }

    /// Whether the projector starts from features of the whole training set.
    #[must_use]
    pub fn starts_from_sample(&self) -> bool {
        self.settings.kmeans || (self.kind.is_taught() && !self.settings.text)
    }

    /// Version of the numbers of the arm, where they have changed and those of others have not: part of
    /// what a stored cell is found by, so that older cells are trained again. Empty for most arms.
    #[must_use]
    pub fn arithmetic(&self) -> &'static str {
        let follows = matches!(self.kind, ArmKind::Vq | ArmKind::Rvq);
        let is_large = self.words().is_some_and(|words| words > LARGE_FROM);
        // Since their running means have a longer window.
        if follows && is_large { " 2" } else { "" }
    }

    /// Codes of a token.
    #[must_use]
    pub fn codes(&self) -> usize {
        self.settings.codes.unwrap_or(1)
    }

    /// Different tokens that a hard arm can make, one code or all together; `None` for others, and
    /// where there are more than can be counted here.
    #[must_use]
    pub fn distinct_tokens(&self) -> Option<usize> {
        let words = self.words().filter(|_| self.kind.is_hard())?;
        words.checked_pow(u32::try_from(self.codes()).ok()?)
    }

    /// The most that a token of a hard arm can carry, `log2(words)` for each code.
    #[must_use]
    pub fn nominal_bits(&self) -> Option<f64> {
        let words = self.words().filter(|_| self.kind.is_hard())?;
        Some(self.codes() as f64 * (words as f64).log2())
    }

    /// Weight of the usage regulariser in a run that gives it `of_run`; `None` without it.
    #[must_use]
    pub fn usage_weight(&self, of_run: f64) -> Option<f64> {
        let own = self.settings.usage_weight.map(Thousandths::value);
        self.usage.then(|| own.unwrap_or(of_run))
    }
}
