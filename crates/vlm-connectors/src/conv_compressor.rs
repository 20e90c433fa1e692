//! DeepSeek-OCR's 16x compressor and its projector.
//!
//! Two 3x3 convolutions of stride 2 and padding 1, each with twice as many channels out as in, without
//! biases or anything between them; then a linear layer.
//!
//! Source: `net_2` and `net_3` of `ImageEncoderViT` in `deepencoder.py`, and `MlpProjector` with
//! `projector_type` linear, of the release of DeepSeek-OCR (arXiv:2510.18234 §3.2). Differs:
//!
//! - There is no CLIP. In the release a CLIP of 24 layers with global attention stands between the
//!   convolutions and the linear layer, which reads its output beside theirs. What is here without it
//!   is linear in the patches.
//! - Widths: the release goes 256, 512, 1,024; here it is `d_in` twice and four times.
//! - The reference has merge size 4. Other powers of 2 have as many convolutions as they need: one for
//!   blocks of 2 x 2 patches, three for 8 x 8.
//!
//! It is the only connector here that looks beyond its block: a convolution reads a row and a column of
//! its grid above and to the left, so that a token reads `merge - 1` rows and columns of patches there.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use projector::{Cost, Pass, PatchGrid, Projector, VisualTokens, linear, seeded};
use rand_chacha::ChaCha8Rng;

use crate::{ConnectorError, check_axes};

/// Places that a convolution reads, 3 x 3.
const TAPS: usize = 9;

/// Sizes of a [`ConvCompressor`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvCompressorConfig {
    /// Width of one patch feature.
    pub d_in: usize,
    /// Side of the block of patches that becomes one token, a power of 2; 4 in the release.
    pub merge: usize,
    /// Width of a visual token.
    pub d_out: usize,
}

impl ConvCompressorConfig {
    /// Checks the sizes and builds the connector with PyTorch's default start.
    ///
    /// # Errors
    /// If an axis is 0 or `merge` is not a power of 2 from 2 up.
    pub fn init(
        &self,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<ConvCompressor, ConnectorError> {
        let connector = "conv-compressor";
        check_axes(
            connector,
            &[
                ("d_in", self.d_in),
                ("merge", self.merge),
                ("d_out", self.d_out),
            ],
        )?;
        if self.merge == 1 || !self.merge.is_power_of_two() {
            return Err(ConnectorError::NotAPowerOfTwo {
                connector,
                found: self.merge,
            });
        }
        let halvings = self.merge.ilog2();
        let convolutions = (0..halvings)
            .map(|step| {
                let channels = self.d_in << step;
                seeded::linear(TAPS * channels, 2 * channels, false, rng, device)
            })
            .collect();
        Ok(ConvCompressor {
            convolutions,
            projection: seeded::linear(self.d_in << halvings, self.d_out, true, rng, device),
            d_in: self.d_in,
            merge: self.merge,
        })
    }
}

/// 3x3 convolutions of stride 2 and a linear layer.
///
/// A convolution is a linear layer over the nine places that it reads, so that it runs on the fused
/// operation.
#[derive(Module, Debug)]
pub struct ConvCompressor {
    /// `9 * c -> 2 * c` each, inputs in the order `(row, column, channel)`; `net_2` and `net_3` in
    /// checkpoints, where they are `[out, in, row, column]`.
    pub convolutions: Vec<Linear>,
    /// `merge * d_in -> d_out`; `projector.layers` in checkpoints, with twice the inputs there.
    pub projection: Linear,
    #[module(skip)]
    d_in: usize,
    #[module(skip)]
    merge: usize,
}

impl Projector for ConvCompressor {
    fn merge_size(&self) -> usize {
        self.merge
    }

    fn d_out(&self) -> usize {
        self.projection.weight.dims()[1]
    }

    fn forward(&self, patches: &PatchGrid, _pass: &mut Pass<'_>) -> VisualTokens {
        patches.assert_fits("conv-compressor", self.d_in, self.merge);
        let compressed = self.convolutions.iter().fold(patches.raster(), |x, layer| {
            linear::apply(layer, places_of_stride_two(x))
        });
        // Rows of the small grid are rows of blocks: the order of tokens.
        let tokens = compressed.flatten::<3>(1, 2);
        VisualTokens::continuous(linear::apply(&self.projection, tokens))
    }

    /// A convolution in front of others runs at several places per token; places in the padding count.
    fn cost(&self) -> Cost {
        let steps = self.convolutions.len();
        let convolutions = self.convolutions.iter().enumerate().map(|(step, layer)| {
            let [read, written] = layer.weight.dims();
            let places = 1 << (2 * (steps - 1 - step));
            places * read * written
        });
        let [channels, d_out] = self.projection.weight.dims();
        Cost::continuous(
            self.num_params(),
            convolutions.sum::<usize>() + channels * d_out,
        )
    }
}

/// What a 3x3 kernel with stride 2 and padding 1 reads at each of its places.
///
/// With even sides nothing is padded below or to the right: the place `(y, x)` reads rows `2y - 1` to
/// `2y + 1` and columns `2x - 1` to `2x + 1`.
///
/// # Shapes
/// - `x`: `[batch, rows, columns, c]`
/// - output: `[batch, rows / 2, columns / 2, 9 * c]`
fn places_of_stride_two(x: Tensor<4>) -> Tensor<4> {
    let [batch, rows, columns, c] = x.dims();
    let (rows, columns) = (rows / 2, columns / 2);
    let pairs = x.reshape([batch, rows, 2, 2 * columns * c]);
    let triples = with_last_of_the_pair_before(pairs);
    let pairs = triples.reshape([batch * rows * 3, columns, 2, c]);
    let triples = with_last_of_the_pair_before(pairs);
    triples
        .reshape([batch, rows, 3, columns, 3, c])
        .swap_dims(2, 3)
        .reshape([batch, rows, columns, TAPS * c])
}

/// Puts in front of each pair the second of the pair before it, and zeros in front of the first.
///
/// # Shapes
/// - `pairs`: `[batch, pairs, 2, c]`
/// - output: `[batch, pairs, 3, c]`
fn with_last_of_the_pair_before(pairs: Tensor<4>) -> Tensor<4> {
    let [batch, count, _, c] = pairs.dims();
    let nothing = Tensor::zeros([batch, 1, 1, c], (&pairs.device(), pairs.dtype()));
    let seconds = pairs.clone().slice_dim(2, 1..2);
    let before = match count {
        1 => nothing,
        _ => Tensor::cat(vec![nothing, seconds.slice_dim(1, 0..count - 1)], 1),
    };
    Tensor::cat(vec![before, pairs], 2)
}
