//! Hard words that a teacher chooses: what a vocabulary could carry, without what it takes to find one.
//!
//! Hard words that are trained by the task have to find their words and the rows behind them at the same
//! time. Here a teacher says which word a block is, a linear head learns to name it by cross-entropy, and
//! the rows are learnt from the teacher's words:
//!
//! `l = x W + b`, loss `−log softmax(l)[teacher]`; token `E[teacher]` in training, `E[argmax l]` otherwise
//!
//! with `x = rms_normalize(concat(patches of the block))`, as in the identity control. The teacher is one
//! of two:
//!
//! - *K-means of `x`*, over a sample of the training set ([`Projector::start_from`]). Its centres are
//!   frozen parameters. The rows start as the centres through one random projection. Without a sample the
//!   centres are random.
//! - *The text of the token*, which the pass says ([`projector::Pass::words`]): the best words there are
//!   for reading. A pass without words is read like one without training.
//!
//! What it reads worse than a continuous connector is what so many words cannot carry, or what the head
//! does not name; what another hard arm reads worse than it is lost in training.
//!
//! Gradients are recorded exactly where the cell trains, so that tells training from evaluation, as it does
//! for the losses of discretisers. No gradient of the task reaches the head.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Int, Tensor};
use projector::start::{projected_rows, root_mean_square};
use projector::{
    Cost, Pass, PatchGrid, Projector, StartSample, VisualTokens, WordUse, k_means, linear,
    rms_normalize, seeded, values,
};
use rand_chacha::ChaCha8Rng;

use crate::{ControlError, check_axes};

/// As of the identity control.
const EPS: f64 = 1e-6;
/// Standard deviation of a fresh entry of the table: that of hard tokens of a fresh visual embedding table.
const TABLE_STD: f64 = 0.2;
/// Scores held at a time where nothing is trained, 32 MiB.
const MOST_SCORES: usize = 1 << 23;

/// Sizes and teacher of an [`OracleWords`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OracleWordsConfig {
    /// Width of one patch feature.
    pub d_in: usize,
    /// Side of the block of patches that becomes one token.
    pub merge: usize,
    /// Number of words.
    pub words: usize,
    /// Width of a visual token.
    pub d_out: usize,
    /// Whether the pass says the words, instead of k-means.
    pub told: bool,
}

/// Head, table, and the centres of a teacher by k-means.
#[derive(Module, Debug)]
pub struct OracleWords {
    /// `merge² * d_in -> words`, with bias.
    pub head: Linear,
    /// The rows, `[words, d_out]`.
    pub table: Param<Tensor<2>>,
    /// Of the teacher, `[words, merge² * d_in]`; frozen. None where the pass says the words.
    pub centres: Option<Param<Tensor<2>>>,
    #[module(skip)]
    d_in: usize,
    #[module(skip)]
    merge: usize,
}

impl OracleWordsConfig {
    /// Fresh layers.
    ///
    /// # Errors
    /// If an axis is 0.
    pub fn init(&self, rng: &mut ChaCha8Rng, device: &Device) -> Result<OracleWords, ControlError> {
        let Self {
            d_in,
            merge,
            words,
            d_out,
            told,
        } = *self;
        let axes = [
            ("d_in", d_in),
            ("merge", merge),
            ("words", words),
            ("d_out", d_out),
        ];
        check_axes("oracle-words", &axes)?;
        let d_block = merge * merge * d_in;
        let centres = (!told).then(|| {
            let centres = seeded::normal([words, d_block], 1.0, rng, device);
            Param::from_tensor(centres).set_require_grad(false)
        });
        Ok(OracleWords {
            head: seeded::linear(d_block, words, true, rng, device),
            table: Param::from_tensor(seeded::normal([words, d_out], TABLE_STD, rng, device)),
            centres,
            d_in,
            merge,
        })
    }
}

impl OracleWords {
    /// Blocks as teacher and head see them, `[batch * tokens, merge² * d_in]`.
    fn blocks(&self, patches: &PatchGrid) -> Tensor<2> {
        patches.assert_fits("oracle-words", self.d_in, self.merge);
        let blocks = patches.merged();
        let [batch, tokens, d_block] = blocks.dims();
        rms_normalize(blocks, EPS).reshape([batch * tokens, d_block])
    }

    /// What the teacher calls each block.
    fn taught(&self, blocks: &Tensor<2>, pass: &Pass<'_>) -> Option<Tensor<1, Int>> {
        match (&self.centres, &pass.words) {
            (Some(centres), _) => Some(fused_ops::nearest(blocks.clone(), centres.val())),
            (None, Some(words)) => Some(words.clone().flatten(0, 1)),
            (None, None) => None,
        }
    }

    /// What the head calls each block, some at a time.
    fn named(&self, blocks: &Tensor<2>) -> Tensor<1, Int> {
        let ([n, _], [words, _]) = (blocks.dims(), self.table.dims());
        let tile = (MOST_SCORES / words).max(1);
        let ids = (0..n).step_by(tile).map(|first| {
            let some = blocks.clone().slice_dim(0, first..n.min(first + tile));
            linear::apply(&self.head, some).argmax(1).squeeze_dim(1)
        });
        Tensor::cat(ids.collect(), 0)
    }
}

impl Projector for OracleWords {
    fn merge_size(&self) -> usize {
        self.merge
    }

    fn d_out(&self) -> usize {
        self.table.dims()[1]
    }

    fn forward(&self, patches: &PatchGrid, pass: &mut Pass<'_>) -> VisualTokens {
        let blocks = self.blocks(patches);
        let trains = self.table.val().is_tracked();
        let taught = match trains {
            true => self.taught(&blocks, pass),
            false => None,
        };
        let (ids, auxiliary_loss) = match taught {
            Some(words) => {
                let scores = linear::apply(&self.head, blocks);
                let loss = fused_ops::cross_entropy(scores, words.clone()).mean();
                (words, Some(loss))
            }
            None => (self.named(&blocks), None),
        };
        let (batch, tokens) = (patches.features().dims()[0], patches.tokens());
        let rows = self.table.val().select(0, ids.clone());
        VisualTokens {
            embeddings: rows.reshape([batch, tokens, self.d_out()]),
            words: vec![WordUse {
                probabilities: None,
                ids: Some(ids.reshape([batch, tokens])),
            }],
            auxiliary_loss,
            levels: Vec::new(),
        }
    }

    /// Parameters are those that gradients train; the centres of the teacher are not among them.
    fn cost(&self) -> Cost {
        let [d_block, words] = self.head.weight.dims();
        Cost {
            parameters: self.head.num_params() + words * self.d_out(),
            multiply_adds_per_token: d_block * words,
            bits_per_token: Some((words as f64).log2()),
            words: Some(words),
        }
    }

    /// The centres of the teacher, and the rows from them; nothing where the pass says the words.
    fn start_from(&mut self, sample: StartSample<'_>, rng: &mut ChaCha8Rng) {
        let Some(centres) = self.centres.take() else {
            return;
        };
        let (blocks, d) = sample.rows(|patches| self.blocks(patches));
        self.centres = Some(if blocks.is_empty() {
            centres
        } else {
            let [words, d_out] = self.table.dims();
            let device = centres.val().device().without_autodiff();
            let found = k_means::k_means(&blocks, d, words, rng, &device);
            let fresh: Vec<f32> = self.table.val().into_data().iter::<f32>().collect();
            let scale = root_mean_square(&fresh);
            let rows = projected_rows(&found, [d, d_out], scale, rng, &device);
            self.table = values::trained(self.table.clone(), rows);
            values::frozen(centres, found)
        });
    }
}
