//! The frame around every quantiser: a narrow linear layer on each side.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Int, Tensor};
use projector::{PatchGrid, StartSample, VisualTokens, WordUse, linear, rms_normalize, seeded};
use rand_chacha::ChaCha8Rng;

use crate::DiscretiserError;

/// Added to the mean square of a block; as in front of the identity control.
const EPS: f64 = 1e-6;

/// Sizes that all discretisers share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Width of one patch feature.
    pub d_in: usize,
    /// Side of the block of patches that becomes one token.
    pub merge: usize,
    /// Width of a visual token.
    pub d_out: usize,
}

/// `x -> z = rms_normalize(x) W` into the space of codes, `q -> q V + b` out of it.
///
/// The norm has no parameters and is that of the identity control: quantisers round on an absolute
/// scale, so features have to come at a known one.
#[derive(Module, Debug)]
pub struct Bottleneck {
    /// `merge² * d_in -> d_code`, with bias.
    pub down: Linear,
    /// `d_code -> d_out`, with bias.
    pub up: Linear,
    #[module(skip)]
    name: &'static str,
    #[module(skip)]
    d_in: usize,
    #[module(skip)]
    merge: usize,
}

impl Bottleneck {
    /// Fresh layers with PyTorch's default start around codes of width `d_code`.
    ///
    /// # Errors
    /// If an axis is 0; `name` says whose.
    pub fn init(
        name: &'static str,
        sizes: Sizes,
        d_code: usize,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<Self, DiscretiserError> {
        let Sizes { d_in, merge, d_out } = sizes;
        for (axis, extent) in [
            ("d_in", d_in),
            ("merge", merge),
            ("d_code", d_code),
            ("d_out", d_out),
        ] {
            if extent == 0 {
                return Err(DiscretiserError::EmptyAxis { name, axis });
            }
        }
        Ok(Self {
            down: seeded::linear(merge * merge * d_in, d_code, true, rng, device),
            up: seeded::linear(d_code, d_out, true, rng, device),
            name,
            d_in,
            merge,
        })
    }

    /// Side of a block.
    #[must_use]
    pub fn merge(&self) -> usize {
        self.merge
    }

    /// Width of a token.
    #[must_use]
    pub fn d_out(&self) -> usize {
        self.up.weight.dims()[1]
    }

    /// Numbers to be rounded, one row per token of the batch.
    ///
    /// # Shapes
    /// - output: `[batch * tokens, d_code]`
    ///
    /// # Panics
    /// If the grid is not of the sizes that this was built for.
    #[must_use]
    pub fn codes(&self, patches: &PatchGrid) -> Tensor<2> {
        patches.assert_fits(self.name, self.d_in, self.merge);
        let blocks = patches.merged();
        let [batch, tokens, d_block] = blocks.dims();
        let blocks = rms_normalize(blocks, EPS).reshape([batch * tokens, d_block]);
        linear::apply(&self.down, blocks)
    }

    /// [`codes`](Self::codes) of a whole sample, `[tokens, d_code]` in row-major order. Of the features no
    /// more are in memory than of one grid.
    #[must_use]
    pub fn sample_codes(&self, sample: StartSample<'_>) -> Vec<f32> {
        let layers = self.valid();
        sample.rows(|patches| layers.codes(patches)).0
    }

    /// Tokens of codes, with the words that they are.
    ///
    /// # Shapes
    /// - `quantised`: `[batch * tokens, d_code]`
    /// - `ids`: one per codebook, `[batch * tokens]`
    /// - embeddings: `[batch, tokens, d_out]`
    #[must_use]
    pub fn tokens(
        &self,
        quantised: Tensor<2>,
        ids: Vec<Tensor<1, Int>>,
        auxiliary_loss: Option<Tensor<1>>,
        patches: &PatchGrid,
    ) -> VisualTokens {
        let batch = patches.features().dims()[0];
        let tokens = patches.tokens();
        let embeddings = linear::apply(&self.up, quantised);
        let words = ids.into_iter().map(|ids| WordUse {
            probabilities: None,
            ids: Some(ids.reshape([batch, tokens])),
        });
        VisualTokens {
            embeddings: embeddings.reshape([batch, tokens, self.d_out()]),
            words: words.collect(),
            auxiliary_loss,
            levels: Vec::new(),
        }
    }

    /// Of both layers, per token.
    #[must_use]
    pub fn multiply_adds(&self) -> usize {
        let [d_block, d_code] = self.down.weight.dims();
        d_code * (d_block + self.d_out())
    }
}
