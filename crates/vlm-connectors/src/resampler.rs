//! Qwen-VL's resampler: learned queries look at the patches.
//!
//! `out = LN(attention(LN(query) + P(query), LN(W patch) + P(patch), LN(W patch))) W2`
//!
//! Source: `Resampler` and `ln_post`, `proj` of `VisionTransformer` in `visual.py` of Qwen-VL
//! (arXiv:2308.12966 §2.1), which MiniCPM-V and others took over. `P` are sines and cosines of the place,
//! the first half of them of its column. Differs:
//!
//! - Queries stand on any grid over the image, with [`QueryGrid::over`] as square cells as their number
//!   allows; in the release on 16 x 16 over square images.
//! - `P(patch)` is taken at the place of the patch among the queries. The release has the table of the
//!   queries resized bicubically, which is the same where both grids have one size.
//! - Keys have no bias: it adds the same to all scores of a query, which a softmax does not see.
//! - A width below 128 has one head; the release has one per 128 numbers.
//!
//! Its tokens are as many as its queries, whatever the size of the image. To compare it with connectors
//! that make one token of every block, give it as many queries as there are blocks.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};
use fused_ops::softmax;
use projector::{Cost, LayerNorm, Pass, PatchGrid, Projector, VisualTokens, linear, seeded};
use rand_chacha::ChaCha8Rng;

use crate::{ConnectorError, check_axes};

/// Epsilon of every norm.
pub const LAYER_NORM_EPS: f64 = 1e-6;
/// Standard deviation of fresh weights and queries.
const INIT_STD: f64 = 0.02;
/// Width of an attention head in the release.
const D_HEAD: usize = 128;
/// Base of the wavelengths of `P`.
const WAVE_BASE: f64 = 10_000.0;

/// Sizes of a [`Resampler`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResamplerConfig {
    /// Width of one patch feature.
    pub d_in: usize,
    /// Side of the blocks that the patches are listed in.
    pub merge: usize,
    /// Tokens of an image.
    pub queries: usize,
    /// Width of a visual token, a multiple of 4.
    pub d_out: usize,
    /// Attention heads, which divide the width.
    pub heads: usize,
}

impl ResamplerConfig {
    /// As many heads as the release has for tokens of width `d_out`: one per 128 numbers, and one below.
    #[must_use]
    pub fn heads_of(d_out: usize) -> usize {
        (d_out / D_HEAD).max(1)
    }

    /// Checks the sizes without building anything.
    ///
    /// # Errors
    /// If an axis is 0, or the width does not divide into heads and into sines and cosines of two axes.
    pub fn check(&self) -> Result<(), ConnectorError> {
        let connector = "resampler";
        check_axes(
            connector,
            &[
                ("d_in", self.d_in),
                ("merge", self.merge),
                ("queries", self.queries),
                ("d_out", self.d_out),
                ("heads", self.heads),
            ],
        )?;
        let found = self.d_out;
        match found.is_multiple_of(4) && found.is_multiple_of(self.heads) {
            true => Ok(()),
            false => Err(ConnectorError::OddWidth { connector, found }),
        }
    }

    /// Checks the sizes and builds the connector with the start of the release: weights and queries
    /// normal with a standard deviation of 0.02, the last matrix with `1/sqrt(d_out)`, queries, keys and
    /// values of the attention as PyTorch's `MultiheadAttention` (Xavier's uniform numbers).
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn init(&self, rng: &mut ChaCha8Rng, device: &Device) -> Result<Resampler, ConnectorError> {
        self.check()?;
        let (d_in, d) = (self.d_in, self.d_out);
        // Of the joint matrix `[3 d, d]`.
        let xavier = (6.0 / (4 * d) as f64).sqrt();
        let mut joint = |bias: bool| Linear {
            weight: Param::from_tensor(seeded::uniform([d, d], xavier, rng, device)),
            bias: bias.then(|| Param::from_tensor(Tensor::zeros([d], device))),
        };
        let (query, key, value) = (joint(true), joint(false), joint(true));
        Ok(Resampler {
            queries: Param::from_tensor(seeded::normal([self.queries, d], INIT_STD, rng, device)),
            queries_norm: seeded::layer_norm(d, LAYER_NORM_EPS, device),
            patches: without_bias(seeded::linear_normal(d_in, d, INIT_STD, rng, device)),
            patches_norm: seeded::layer_norm(d, LAYER_NORM_EPS, device),
            query,
            key,
            value,
            attended: seeded::linear_normal(d, d, INIT_STD, rng, device),
            norm: seeded::layer_norm(d, LAYER_NORM_EPS, device),
            projection: without_bias(seeded::linear_normal(
                d,
                d,
                (d as f64).sqrt().recip(),
                rng,
                device,
            )),
            heads: self.heads,
            merge: self.merge,
        })
    }
}

fn without_bias(layer: Linear) -> Linear {
    Linear {
        bias: None,
        ..layer
    }
}

/// One layer of cross-attention from learned queries to all patches of an image.
#[derive(Module, Debug)]
pub struct Resampler {
    /// `[queries, d_out]`; `attn_pool.query` in checkpoints.
    pub queries: Param<Tensor<2>>,
    /// `attn_pool.ln_q` in checkpoints.
    pub queries_norm: LayerNorm,
    /// `d_in -> d_out` without bias; `attn_pool.kv_proj` in checkpoints.
    pub patches: Linear,
    /// `attn_pool.ln_kv` in checkpoints.
    pub patches_norm: LayerNorm,
    /// `d_out -> d_out`; the first third of `attn_pool.attn.in_proj` in checkpoints.
    pub query: Linear,
    /// `d_out -> d_out` without bias; the second third.
    pub key: Linear,
    /// `d_out -> d_out`; the last third.
    pub value: Linear,
    /// `d_out -> d_out`; `attn_pool.attn.out_proj` in checkpoints.
    pub attended: Linear,
    /// `ln_post` in checkpoints.
    pub norm: LayerNorm,
    /// `d_out -> d_out` without bias; `proj` in checkpoints, stored `[in, out]` as here.
    pub projection: Linear,
    #[module(skip)]
    heads: usize,
    #[module(skip)]
    merge: usize,
}

impl Resampler {
    /// `[batch, n, d]` to `[batch, heads, n, d / heads]`.
    fn split_heads(&self, x: Tensor<3>) -> Tensor<4> {
        let [batch, n, d] = x.dims();
        x.reshape([batch, n, self.heads, d / self.heads])
            .swap_dims(1, 2)
    }
}

impl Projector for Resampler {
    fn merge_size(&self) -> usize {
        self.merge
    }

    fn d_out(&self) -> usize {
        self.projection.weight.dims()[1]
    }

    fn token_grid(&self, rows: usize, columns: usize) -> [usize; 2] {
        let grid = QueryGrid::over(self.queries.dims()[0], rows, columns);
        [grid.rows, grid.columns]
    }

    fn forward(&self, patches: &PatchGrid, _pass: &mut Pass<'_>) -> VisualTokens {
        patches.assert_fits("resampler", self.patches.weight.dims()[0], self.merge);
        let (rows, columns) = (patches.rows(), patches.cols());
        let (queries, d) = (self.queries.dims()[0], self.d_out());
        let grid = QueryGrid::over(queries, rows, columns);
        let device = patches.features().device();
        let waves = |places: Vec<[f64; 2]>| -> Tensor<3> {
            let values: Vec<f32> = places.iter().flat_map(|&at| place_waves(at, d)).collect();
            let data = TensorData::new(values, [1, places.len(), d]);
            Tensor::from_data(data, (&device, patches.features().dtype()))
        };
        let seen = patches.raster().flatten::<3>(1, 2);
        let seen = self
            .patches_norm
            .forward(linear::apply(&self.patches, seen));
        let batch = seen.dims()[0];

        let query = self.queries_norm.forward(self.queries.val()).unsqueeze();
        let query = linear::apply(&self.query, query + waves(grid.queries()));
        let query = query.mul_scalar(((d / self.heads) as f64).sqrt().recip());
        let key = linear::apply(&self.key, seen.clone() + waves(grid.patches(rows, columns)));
        let value = self.split_heads(linear::apply(&self.value, seen));
        let query = self.split_heads(query.expand([batch, queries, d]));
        let scores = query.matmul(self.split_heads(key).transpose());
        let attended = softmax(scores).matmul(value).swap_dims(1, 2);
        let attended = linear::apply(&self.attended, attended.reshape([batch, queries, d]));
        let tokens = linear::apply(&self.projection, self.norm.forward(attended));
        VisualTokens::continuous(tokens)
    }

    /// Of one query, and of the keys and values of one block of patches. With as many queries as blocks
    /// that is all but the scores and the mixing of values, `2 · patches · d_out` per query, which grow with
    /// the image.
    fn cost(&self) -> Cost {
        let [d_in, d] = self.patches.weight.dims();
        let patches = self.merge * self.merge * (d_in * d + 2 * d * d);
        Cost::continuous(self.num_params(), patches + 3 * d * d)
    }
}

/// Where the queries of a resampler stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryGrid {
    /// Queries along the height.
    pub rows: usize,
    /// Queries along the width.
    pub columns: usize,
}

impl QueryGrid {
    /// The grid of `queries` whose cells are nearest to squares on an image of `rows` x `columns` patches.
    ///
    /// # Panics
    /// If one of them is 0.
    #[must_use]
    pub fn over(queries: usize, rows: usize, columns: usize) -> Self {
        assert!(
            queries > 0 && rows > 0 && columns > 0,
            "nothing has no grid"
        );
        let stretch = |side: usize| {
            // Height over width of a cell, or its inverse, whichever is larger.
            let width = columns * side * side;
            let height = rows * queries;
            width.max(height) as f64 / width.min(height) as f64
        };
        let divisors = (1..=queries).filter(|side| queries.is_multiple_of(*side));
        let rows = divisors
            .min_by(|&a, &b| stretch(a).total_cmp(&stretch(b)))
            .expect("1 divides every number");
        Self {
            rows,
            columns: queries / rows,
        }
    }

    /// Column and row of every query, row by row.
    fn queries(self) -> Vec<[f64; 2]> {
        self.patches(self.rows, self.columns)
    }

    /// Column and row of every patch of a grid, in the units of the queries, row by row.
    fn patches(self, rows: usize, columns: usize) -> Vec<[f64; 2]> {
        let at = |place: usize, places: usize, queries: usize| {
            (place as f64 + 0.5) * queries as f64 / places as f64 - 0.5
        };
        (0..rows * columns)
            .map(|patch| {
                [
                    at(patch % columns, columns, self.columns),
                    at(patch / columns, rows, self.rows),
                ]
            })
            .collect()
    }
}

/// Sines and cosines of a place, `d` numbers: of the column, then of the row.
fn place_waves(place: [f64; 2], d: usize) -> Vec<f32> {
    let waves = d / 4;
    let angle = |at: f64, wave: usize| at / WAVE_BASE.powf(wave as f64 / waves as f64);
    let of = |at: f64| {
        let sines = (0..waves).map(move |wave| angle(at, wave).sin() as f32);
        sines.chain((0..waves).map(move |wave| angle(at, wave).cos() as f32))
    };
    of(place[0]).chain(of(place[1])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_stand_on_the_grid_with_the_squarest_cells() {
        let over = |queries, rows, columns| {
            let grid = QueryGrid::over(queries, rows, columns);
            (grid.rows, grid.columns)
        };
        assert_eq!(over(256, 32, 32), (16, 16));
        assert_eq!(over(8, 4, 8), (2, 4));
        assert_eq!(over(8, 8, 4), (4, 2));
        assert_eq!(over(64, 4, 8), (4, 16));
        assert_eq!(over(7, 4, 8), (1, 7));
        assert_eq!(over(1, 4, 8), (1, 1));
    }

    #[test]
    fn patches_lie_within_the_grid_of_the_queries() {
        let grid = QueryGrid::over(8, 4, 8);
        // Two patches to a query along both axes: a quarter of a query beside its centre.
        assert_eq!(grid.patches(4, 8)[..2], [[-0.25, -0.25], [0.25, -0.25]]);
        assert_eq!(grid.queries()[..2], [[0.0, 0.0], [1.0, 0.0]]);
    }
}
