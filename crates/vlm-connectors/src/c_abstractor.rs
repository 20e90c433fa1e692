//! Honeybee's C-Abstractor.
//!
//! Three RegNet blocks on the patches, the mean of every block of patches, three RegNet blocks on the
//! tokens, `out = W2 silu(W1 x + b1) + b2`. A RegNet block is
//! `silu(x + LN(conv1x1 SE(silu LN(depthwise3x3 silu LN(conv1x1 x)))))`, with the gate
//! `SE(x) = x · sigmoid(W4 silu(W3 mean(x) + b3) + b4)` over the whole image.
//!
//! Source: `CAbstractor` of Honeybee (arXiv:2312.06742 §3.2), `honeybee/projectors.py` of the release, on
//! `RegStage` of timm with its defaults (width of the bottleneck 1, groups of one channel, squeeze of a
//! quarter), SiLU and LayerNorm over channels. Differs:
//!
//! - The hidden width is that of the patches, as in the release, where both are 1,024. So no block has
//!   a projection beside it.
//! - There is no learned table of positions: it has the size of one grid, and the tower has added
//!   positions already.
//! - The mean is over blocks of `merge x merge` patches; in the release any square number of tokens is
//!   pooled adaptively, which is the same where the side divides.
//!
//! Convolutions and gates look beyond the block, so a token knows what stands around it.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::activation::{sigmoid, silu};
use burn::tensor::{Device, Tensor};
use projector::{Cost, LayerNorm, Pass, PatchGrid, Projector, VisualTokens, linear, seeded};
use rand_chacha::ChaCha8Rng;

use crate::{ConnectorError, check_axes};

/// Epsilon of the norms in timm.
pub const LAYER_NORM_EPS: f64 = 1e-5;
/// RegNet blocks in front of the mean, and behind it.
pub const DEPTH: usize = 3;
/// Side of the depthwise kernel.
const SIDE: usize = 3;
/// A gate is computed on so many times fewer numbers than there are channels.
const SQUEEZE: usize = 4;

/// Sizes of a [`CAbstractor`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CAbstractorConfig {
    /// Width of one patch feature.
    pub d_in: usize,
    /// Side of the block of patches that becomes one token.
    pub merge: usize,
    /// Width of a visual token.
    pub d_out: usize,
}

impl CAbstractorConfig {
    /// Checks the sizes and builds the connector with PyTorch's default start.
    ///
    /// # Errors
    /// If an axis is 0.
    pub fn init(
        &self,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<CAbstractor, ConnectorError> {
        check_axes(
            "c-abstractor",
            &[
                ("d_in", self.d_in),
                ("merge", self.merge),
                ("d_out", self.d_out),
            ],
        )?;
        let mut stage = || -> Vec<RegNetBlock> {
            let blocks = 0..DEPTH;
            blocks
                .map(|_| RegNetBlock::init(self.d_in, rng, device))
                .collect()
        };
        let (patches, tokens) = (stage(), stage());
        Ok(CAbstractor {
            patches,
            tokens,
            fc1: seeded::linear(self.d_in, self.d_out, true, rng, device),
            fc2: seeded::linear(self.d_out, self.d_out, true, rng, device),
            d_in: self.d_in,
            merge: self.merge,
        })
    }
}

/// RegNet blocks, mean of the block, RegNet blocks, Linear, SiLU, Linear.
#[derive(Module, Debug)]
pub struct CAbstractor {
    /// Blocks on the grid of patches; `net.0` in checkpoints.
    pub patches: Vec<RegNetBlock>,
    /// Blocks on the grid of tokens; `net.2` in checkpoints.
    pub tokens: Vec<RegNetBlock>,
    /// `d_in -> d_out`; `readout.0` in checkpoints.
    pub fc1: Linear,
    /// `d_out -> d_out`; `readout.2` in checkpoints.
    pub fc2: Linear,
    #[module(skip)]
    d_in: usize,
    #[module(skip)]
    merge: usize,
}

impl Projector for CAbstractor {
    fn merge_size(&self) -> usize {
        self.merge
    }

    fn d_out(&self) -> usize {
        self.fc2.weight.dims()[1]
    }

    fn forward(&self, patches: &PatchGrid, _pass: &mut Pass<'_>) -> VisualTokens {
        patches.assert_fits("c-abstractor", self.d_in, self.merge);
        let run = |x: Tensor<4>, blocks: &[RegNetBlock]| {
            blocks.iter().fold(x, |x, block| block.forward(x))
        };
        let x = pooled(run(patches.raster(), &self.patches), self.merge);
        // Rows of the small grid are rows of blocks: the order of tokens.
        let x = run(x, &self.tokens).flatten::<3>(1, 2);
        let hidden = silu(linear::apply(&self.fc1, x));
        VisualTokens::continuous(linear::apply(&self.fc2, hidden))
    }

    /// The gates, computed once per image, are not counted.
    fn cost(&self) -> Cost {
        let per_place = |blocks: &[RegNetBlock]| -> usize {
            blocks
                .iter()
                .map(RegNetBlock::multiply_adds_per_place)
                .sum()
        };
        let [_, d_out] = self.fc1.weight.dims();
        let places = self.merge * self.merge * per_place(&self.patches) + per_place(&self.tokens);
        Cost::continuous(
            self.num_params(),
            places + self.d_in * d_out + d_out * d_out,
        )
    }
}

/// A residual block of RegNetY with as many channels inside as outside.
#[derive(Module, Debug)]
pub struct RegNetBlock {
    /// `c -> c` without bias; `conv1.conv` in checkpoints.
    pub enter: Linear,
    /// `conv1.bn` in checkpoints.
    pub enter_norm: LayerNorm,
    /// `[9, c]`, rows of the kernel one after the other; `conv2.conv` in checkpoints, `[c, 1, 3, 3]` there.
    pub kernel: Param<Tensor<2>>,
    /// `conv2.bn` in checkpoints.
    pub kernel_norm: LayerNorm,
    /// `c -> c / 4`; `se.fc1` in checkpoints.
    pub squeeze: Linear,
    /// `c / 4 -> c`; `se.fc2` in checkpoints.
    pub excite: Linear,
    /// `c -> c` without bias; `conv3.conv` in checkpoints.
    pub leave: Linear,
    /// `conv3.bn` in checkpoints.
    pub leave_norm: LayerNorm,
}

impl RegNetBlock {
    fn init(c: usize, rng: &mut ChaCha8Rng, device: &Device) -> Self {
        let norm = || seeded::layer_norm(c, LAYER_NORM_EPS, device);
        // As `round(c / 4)` in Python, at least 1.
        let narrow = ((c as f64 / SQUEEZE as f64).round_ties_even() as usize).max(1);
        let taps = SIDE * SIDE;
        Self {
            enter: seeded::linear(c, c, false, rng, device),
            enter_norm: norm(),
            kernel: Param::from_tensor(seeded::uniform(
                [taps, c],
                (taps as f64).sqrt().recip(),
                rng,
                device,
            )),
            kernel_norm: norm(),
            squeeze: seeded::linear(c, narrow, true, rng, device),
            excite: seeded::linear(narrow, c, true, rng, device),
            leave: seeded::linear(c, c, false, rng, device),
            leave_norm: norm(),
        }
    }

    /// # Shapes
    /// - `x`, output: `[batch, rows, columns, c]`
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let inner = silu(
            self.enter_norm
                .forward(linear::apply(&self.enter, x.clone())),
        );
        let inner = silu(self.kernel_norm.forward(self.depthwise(inner)));
        let mean = inner.clone().mean_dim(2).mean_dim(1);
        let gate = silu(linear::apply(&self.squeeze, mean));
        let inner = inner * sigmoid(linear::apply(&self.excite, gate));
        let inner = self.leave_norm.forward(linear::apply(&self.leave, inner));
        silu(inner + x)
    }

    /// A 3x3 kernel per channel, zeros around the grid.
    fn depthwise(&self, x: Tensor<4>) -> Tensor<4> {
        let [_, rows, columns, c] = x.dims();
        let padded = surrounded(surrounded(x, 1), 2);
        let kernel = self.kernel.val();
        let tap = |at: usize| {
            let (dy, dx) = (at / SIDE, at % SIDE);
            let seen = padded.clone().slice_dim(1, dy..dy + rows);
            let weight = kernel.clone().slice_dim(0, at..at + 1);
            seen.slice_dim(2, dx..dx + columns) * weight.reshape([1, 1, 1, c])
        };
        (1..SIDE * SIDE).fold(tap(0), |sum, at| sum + tap(at))
    }

    fn multiply_adds_per_place(&self) -> usize {
        let [taps, c] = self.kernel.dims();
        2 * c * c + taps * c
    }
}

/// With a row or column of zeros before and behind.
fn surrounded(x: Tensor<4>, axis: usize) -> Tensor<4> {
    let mut shape = x.dims();
    shape[axis] = 1;
    let zeros = Tensor::zeros(shape, (&x.device(), x.dtype()));
    Tensor::cat(vec![zeros.clone(), x, zeros], axis)
}

/// Means of blocks of `merge x merge` places.
///
/// # Shapes
/// - `x`: `[batch, rows, columns, c]`
/// - output: `[batch, rows / merge, columns / merge, c]`
fn pooled(x: Tensor<4>, merge: usize) -> Tensor<4> {
    let [batch, rows, columns, c] = x.dims();
    let (rows, columns) = (rows / merge, columns / merge);
    x.reshape([batch, rows, merge, columns, merge, c])
        .swap_dims(2, 3)
        .reshape([batch, rows, columns, merge * merge, c])
        .mean_dim(3)
        .reshape([batch, rows, columns, c])
}
