//! The visual embedding table as a module.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Int, Tensor};
use projector::{
    Cost, LayerNorm, Pass, PatchGrid, Projector, StartSample, VisualTokens, WordUse, linear,
};
use rand_chacha::ChaCha8Rng;

#[cfg(feature = "flex")]
use crate::fused::{self, VetTensors};
use crate::start;
use crate::tile;
use crate::tokenize::{Selection, Tokenize};

/// Linear head, LayerNorm, tokenize function, table look-up.
///
/// `out = tokenize(LayerNorm(x W)) E[0 .. K - indicators]`, where a low-rank head has `x A W` in
/// place of `x W`.
///
/// Every stage is a public method, so that each can be compared with the reference on its own.
/// Weights are public so that checkpoints can be put in; PyTorch stores the head as `[out, in]`,
/// here it is `[in, out]`.
///
/// # Source
/// arXiv:2405.20797 §3; `Ovis2VisionModel` and `Ovis2VisualEmbeddingTable` in transformers 5.23.0;
/// Ovis2 and Ovis2.5 modeling files of AIDC-AI/Ovis. Differs: the zeros that the references append
/// for the indicator rows are left out, since they multiply rows that add nothing; everything is
/// computed in the type of the features (f32 is meant: the references' bf16 softmax is not copied).
#[derive(Module, Debug)]
pub struct Vet {
    /// In front of a low-rank head, `merge² * d_in -> rank`, no bias; none in the references.
    pub reduction: Option<Linear>,
    /// `merge² * d_in -> K - indicators` (from `rank` behind a reduction), no bias.
    pub head: Linear,
    /// Over the `K - indicators` logits.
    pub norm: LayerNorm,
    /// The table `E`, `[K, d_out]`, indicator rows last.
    pub table: Param<Tensor<2>>,
    #[module(skip)]
    merge: usize,
    #[module(skip)]
    tokenize: Tokenize,
    #[module(skip)]
    kept_logits_bytes: usize,
}

/// Logits that a pass with gradients keeps for its way back, if nothing else is said: 256 MiB, 1,024 tokens
/// over 65,536 words. Those of more tokens are made again, which is one of five products with the head.
pub const KEPT_LOGITS_BYTES: usize = 256 << 20;

impl Vet {
    /// Puts a table together from its layers, for example from checkpoint weights.
    ///
    /// # Shapes
    /// - `head.weight`: `[merge² * d_in, words]`
    /// - `norm`: over `words`
    /// - `table`: `[words + indicators, d_out]`
    ///
    /// # Panics
    /// If the layers disagree about the number of words, or `tokenize` has no valid parameters.
    #[must_use]
    pub fn from_parts(
        head: Linear,
        norm: LayerNorm,
        table: Param<Tensor<2>>,
        merge: usize,
        tokenize: Tokenize,
    ) -> Self {
        let words = head.weight.dims()[1];
        assert_eq!(
            norm.gamma.dims(),
            [words],
            "norm and head disagree on words"
        );
        assert!(
            table.dims()[0] >= words,
            "the table has fewer rows than words"
        );
        let vet = Self {
            reduction: None,
            head,
            norm,
            table,
            merge,
            tokenize: Tokenize::Softmax,
            kept_logits_bytes: KEPT_LOGITS_BYTES,
        };
        vet.with_tokenize(tokenize)
    }

    /// The same layers behind a linear layer to as many numbers as the head takes.
    ///
    /// # Panics
    /// If the widths disagree.
    #[must_use]
    pub fn with_reduction(self, reduction: Linear) -> Self {
        assert_eq!(
            reduction.weight.dims()[1],
            self.head.weight.dims()[0],
            "reduction and head disagree on the rank"
        );
        Self {
            reduction: Some(reduction),
            ..self
        }
    }

    /// What the head takes in: blocks, behind the reduction of a low-rank head.
    pub(crate) fn reduce<const D: usize>(&self, blocks: Tensor<D>) -> Tensor<D> {
        match &self.reduction {
            Some(reduction) => linear::apply(reduction, blocks),
            None => blocks,
        }
    }

    /// Width of a block, `merge² * d_in`.
    fn d_block(&self) -> usize {
        self.reduction.as_ref().unwrap_or(&self.head).weight.dims()[0]
    }

    /// The same weights under another tokenize function, to evaluate a trained table.
    ///
    /// # Panics
    /// If [`Tokenize::check`] refuses `tokenize`.
    #[must_use]
    pub fn with_tokenize(self, tokenize: Tokenize) -> Self {
        if let Err(error) = tokenize.check() {
            panic!("{error}");
        }
        Self { tokenize, ..self }
    }

    /// The same table, of whose logits up to `bytes` are kept from a pass with gradients to its way back
    /// instead of [`KEPT_LOGITS_BYTES`]; with 0 they are always made again. Numbers do not change.
    #[must_use]
    pub fn with_kept_logits(self, bytes: usize) -> Self {
        Self {
            kept_logits_bytes: bytes,
            ..self
        }
    }

    /// The same table with its scores divided by `temperature`, by way of the norm's gain and bias.
    ///
    /// # Panics
    /// If `temperature` is not a number above 0.
    #[must_use]
    pub fn with_temperature(mut self, temperature: f64) -> Self {
        assert!(
            temperature.is_finite() && temperature > 0.0,
            "a temperature is a number above 0, not {temperature}"
        );
        let cooled = |scores: Tensor<1>| scores.div_scalar(temperature);
        self.norm.gamma = self.norm.gamma.map(cooled);
        self.norm.beta = self.norm.beta.map(cooled);
        self
    }

    /// Visual words a token can be assigned to, `K - indicators`.
    #[must_use]
    pub fn words(&self) -> usize {
        self.head.weight.dims()[1]
    }

    /// Rows of the table kept for image boundaries.
    #[must_use]
    pub fn indicators(&self) -> usize {
        self.table.dims()[0] - self.words()
    }

    /// Normalised scores of the visual words.
    ///
    /// # Shapes
    /// - `blocks`: `[batch, tokens, merge² * d_in]`, see [`PatchGrid::merged`]
    /// - output: `[batch, tokens, words]`
    #[must_use]
    pub fn logits(&self, blocks: Tensor<3>) -> Tensor<3> {
        let scores = linear::apply(&self.head, self.reduce(blocks));
        self.norm.forward(scores)
    }

    /// The tokenize function in use.
    #[must_use]
    pub fn tokenize_function(&self) -> Tokenize {
        self.tokenize
    }

    /// Applies the tokenize function to logits of shape `[batch, tokens, words]`.
    #[must_use]
    pub fn tokenize(&self, logits: Tensor<3>, pass: &mut Pass<'_>) -> Selection {
        self.tokenize.select(logits, pass)
    }

    /// Mixtures of table rows.
    ///
    /// # Shapes
    /// - `probabilities`: `[batch, tokens, words]`
    /// - output: `[batch, tokens, d_out]`
    #[must_use]
    pub fn embed_probabilities(&self, probabilities: Tensor<3>) -> Tensor<3> {
        mix(probabilities, self.word_rows())
    }

    /// Table rows by number, indicator rows included.
    ///
    /// # Shapes
    /// - `ids`: `[batch, tokens]`, each below `words + indicators`
    /// - output: `[batch, tokens, d_out]`
    ///
    /// # Panics
    /// If an id is outside the table (on backends that check indices).
    #[must_use]
    pub fn embed_ids(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        let [batch, tokens] = ids.dims();
        let rows = self.table.val().select(0, ids.reshape([batch * tokens]));
        rows.reshape([batch, tokens, self.table.dims()[1]])
    }

    /// The embedding of one indicator, `[d_out]`: row `words + index` of the table.
    ///
    /// The order is that of the references. Ovis2: image start, grid, column separator, row
    /// separator, image end; Ovis2.5: image start, image end, video start, video end.
    ///
    /// # Panics
    /// If `index` is not below [`indicators`](Self::indicators).
    #[must_use]
    pub fn indicator(&self, index: usize) -> Tensor<1> {
        assert!(
            index < self.indicators(),
            "indicator {index} of a table with {}",
            self.indicators()
        );
        let row = self.words() + index;
        self.table.val().slice_dim(0, row..row + 1).squeeze_dim(0)
    }

    /// Tokens of a selection: mixtures for soft ones, table rows for hard ones.
    ///
    /// A hard token's value is the looked-up row itself, bit for bit, and the row receives the
    /// token's gradient. The gradient of the scores is that of the surrogate mixture over a frozen
    /// table; the mixture is computed only where a gradient is recorded, so evaluation costs a
    /// look-up.
    #[must_use]
    pub fn embed(&self, selection: &Selection) -> Tensor<3> {
        let Some(hard) = &selection.hard else {
            return self.embed_probabilities(selection.probabilities.clone());
        };
        let rows = self.embed_ids(hard.ids.clone());
        match &hard.surrogate {
            Some(surrogate) if surrogate.is_tracked() => {
                let frozen = self.word_rows().set_require_grad(false);
                let mixture = mix(surrogate.clone(), frozen);
                // The bracket is exactly zero, so the value stays the row and only the gradient
                // of the mixture is added.
                rows + (mixture.clone() - mixture.detach())
            }
            _ => rows,
        }
    }

    /// Tokens through the public stages, with the distribution over words.
    ///
    /// # Shapes
    /// - `blocks`: `[batch, tokens, merge² * d_in]`
    #[must_use]
    pub fn forward_in_stages(&self, blocks: Tensor<3>, pass: &mut Pass<'_>) -> VisualTokens {
        let selection = self.tokenize(self.logits(blocks), pass);
        VisualTokens::of_words(
            self.embed(&selection),
            WordUse {
                ids: selection.hard.map(|hard| hard.ids),
                probabilities: Some(selection.probabilities),
            },
        )
    }

    /// The same tokens without the distribution, some at a time, on any backend: without gradients
    /// no matrix of tokens by words is ever held. With gradients every one of them is kept.
    ///
    /// # Shapes
    /// - `blocks`: `[batch, tokens, merge² * d_in]`, at least one token
    #[must_use]
    pub fn forward_in_tiles(&self, blocks: Tensor<3>, pass: &mut Pass<'_>) -> VisualTokens {
        let [batch, tokens, d_block] = blocks.dims();
        let count = batch * tokens;
        let blocks = blocks.reshape([1, count, d_block]);
        let tile = tile::tokens_per_tile(count, self.words());
        let (embeddings, ids): (Vec<_>, Vec<_>) = (0..count)
            .step_by(tile)
            .map(|first| {
                let some = blocks.clone().slice_dim(1, first..count.min(first + tile));
                let found = self.forward_in_stages(some, pass);
                let embeddings = found.embeddings.clone();
                (embeddings, found.first_words().and_then(|words| words.ids))
            })
            .unzip();
        let ids: Option<Vec<_>> = ids.into_iter().collect();
        VisualTokens::of_words(
            Tensor::cat(embeddings, 1).reshape([batch, tokens, self.d_out()]),
            WordUse {
                ids: ids.map(|ids| Tensor::cat(ids, 1).reshape([batch, tokens])),
                probabilities: None,
            },
        )
    }

    /// The same tokens in one operation that never holds a matrix of tokens by words, and therefore
    /// without the distribution over words; see [`crate::fused`].
    ///
    /// # Shapes
    /// - `blocks`: `[batch, tokens, merge² * d_in]`
    ///
    /// `None` on backends and number types without the operation (all but f32 on Flex) and for no
    /// tokens.
    #[cfg(feature = "flex")]
    pub fn forward_fused(&self, blocks: Tensor<3>, pass: &mut Pass<'_>) -> Option<VisualTokens> {
        let [batch, tokens, d_block] = blocks.dims();
        if batch * tokens == 0 {
            return None;
        }
        let tensors = VetTensors {
            x: self.reduce(blocks.reshape([batch * tokens, d_block])),
            head: self.head.weight.val(),
            gain: self.norm.gamma.val(),
            bias: self.norm.beta.val(),
            table: self.table.val(),
            epsilon: self.norm.epsilon(),
            tokenize: self.tokenize,
            kept_bytes: self.kept_logits_bytes,
        };
        let found = fused::tokens(tensors, pass)?;
        Some(VisualTokens::of_words(
            found.embeddings.reshape([batch, tokens, self.d_out()]),
            WordUse {
                ids: found.ids.map(|ids| ids.reshape([batch, tokens])),
                probabilities: None,
            },
        ))
    }

    fn word_rows(&self) -> Tensor<2> {
        self.table.val().slice_dim(0, 0..self.words())
    }
}

/// `[batch, tokens, words] x [words, d_out]`, as one product over all tokens.
fn mix(weights: Tensor<3>, rows: Tensor<2>) -> Tensor<3> {
    let [batch, tokens, words] = weights.dims();
    let d_out = rows.dims()[1];
    weights
        .reshape([batch * tokens, words])
        .matmul(rows)
        .reshape([batch, tokens, d_out])
}

impl Projector for Vet {
    fn merge_size(&self) -> usize {
        self.merge
    }

    fn d_out(&self) -> usize {
        self.table.dims()[1]
    }

    fn forward(&self, patches: &PatchGrid, pass: &mut Pass<'_>) -> VisualTokens {
        patches.assert_fits(
            "visual embedding table",
            self.d_block() / (self.merge * self.merge),
            self.merge,
        );
        let blocks = patches.merged();
        let [batch, tokens, _] = blocks.dims();
        if pass.distribution || !tile::pays(batch * tokens, self.words()) {
            return self.forward_in_stages(blocks, pass);
        }
        #[cfg(feature = "flex")]
        if let Some(tokens) = self.forward_fused(blocks.clone(), pass) {
            return tokens;
        }
        self.forward_in_tiles(blocks, pass)
    }

    /// Head and table start at the centres of the sample, as [`crate::start`] says.
    fn start_from(&mut self, sample: StartSample<'_>, rng: &mut ChaCha8Rng) {
        start::start(self, sample, rng);
    }

    fn cost(&self) -> Cost {
        let [d_head, words] = self.head.weight.dims();
        let reduction = match &self.reduction {
            Some(_) => self.d_block() * d_head,
            None => 0,
        };
        Cost {
            parameters: self.num_params(),
            multiply_adds_per_token: reduction
                + d_head * words
                + self.tokenize.rows_mixed(words) * self.d_out(),
            bits_per_token: self.tokenize.is_hard().then(|| (words as f64).log2()),
            words: Some(words),
        }
    }
}
