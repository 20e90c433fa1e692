//! From visual tokens back to pixels: one small decoder, the same behind every projector.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use projector::{PatchGrid, linear, seeded};
use rand_chacha::ChaCha8Rng;
use vision_backbone::{PatchLayout, Positions, SmallVit, SmallVitConfig};

/// Attention heads of the decoder.
const HEADS: usize = 4;
/// Base of the rotary frequencies: that of the small tower, whose grids are as small.
const ROTARY_BASE: f64 = 100.0;

/// Shape of a [`PixelDecoder`].
#[derive(Clone, Copy, Debug)]
pub struct PixelDecoderConfig {
    /// Width of a visual token.
    pub d_token: usize,
    /// Side of a patch in pixels.
    pub patch: usize,
    /// Side of the block of patches behind a token.
    pub merge: usize,
    /// Width of the blocks.
    pub width: usize,
    /// Number of transformer blocks.
    pub depth: usize,
}

impl PixelDecoderConfig {
    /// A fresh decoder; `rng` decides every parameter.
    ///
    /// # Errors
    /// If a size is 0 or the width does not divide into heads.
    pub fn init(&self, rng: &mut ChaCha8Rng, device: &Device) -> anyhow::Result<PixelDecoder> {
        let pixels = self.patch * self.patch;
        let refine = SmallVitConfig {
            patch: self.patch,
            merge: self.merge,
            d_model: self.width,
            depth: self.depth,
            heads: HEADS,
            d_mlp: 2 * self.width,
            positions: Positions::Rotary { base: ROTARY_BASE },
        };
        let block = self.merge * self.merge * pixels;
        Ok(PixelDecoder {
            undo_merge: seeded::linear(self.d_token, block, true, rng, device),
            refine: refine.init(rng, device)?,
            correct: seeded::linear(self.width, pixels, true, rng, device),
        })
    }
}

/// `p₀ = W x + b` cut into patches, `p = p₀ + C norm(ViT(p₀))`.
///
/// The first layer undoes the merge: it gives every patch of a token's block its own pixels, the best
/// linear guess. Transformer blocks over the patches of the whole image then correct it. The decoder
/// is trained with a mean absolute error on standardised pixels.
#[derive(Module, Debug)]
pub struct PixelDecoder {
    undo_merge: Linear,
    refine: SmallVit,
    correct: Linear,
}

impl PixelDecoder {
    /// Standardised pixels.
    ///
    /// # Shapes
    /// - `tokens`: `[batch, tokens, d_token]`, of unit root mean square
    /// - output: `[batch, patches, patch²]` in merge order, as [`vision_backbone::patchify`] cuts them
    ///
    /// # Panics
    /// If `layout` has another patch, merge or number of tokens.
    #[must_use]
    pub fn forward(&self, tokens: Tensor<3>, layout: PatchLayout) -> Tensor<3> {
        let [batch, count, _] = tokens.dims();
        assert_eq!(count, layout.tokens(), "tokens of another layout");
        let pixels = layout.patch * layout.patch;
        let guess = linear::apply(&self.undo_merge, tokens);
        let guess = guess.reshape([batch, layout.patches(), pixels]);
        let grid = match PatchGrid::new(guess.clone(), layout.rows, layout.cols, layout.merge) {
            Ok(grid) => grid,
            // A `PatchLayout` divides into blocks by construction.
            Err(error) => unreachable!("{error}"),
        };
        let depth = self.refine.depth();
        let state = self.refine.run_blocks(self.refine.embed(&grid), 0..depth);
        let state = self.refine.final_norm(&state);
        guess + linear::apply(&self.correct, state.features().clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::optim::GradientsParams;
    use probe::optimize::OptimizerConfig;
    use vision_backbone::patchify;

    fn layout() -> PatchLayout {
        PatchLayout::of_image(16, 8, 4, 2).unwrap()
    }

    fn decoder(device: &Device) -> PixelDecoder {
        let config = PixelDecoderConfig {
            d_token: 64,
            patch: 4,
            merge: 2,
            width: 32,
            depth: 1,
        };
        config
            .init(&mut seeded::stream(1, "decoder"), device)
            .unwrap()
    }

    /// Two images, and tokens that hold their pixels.
    fn images(device: &Device) -> (Tensor<3>, Tensor<3>) {
        let mut values = Vec::new();
        for image in 0..2_u32 {
            let pixels: Vec<u8> = (0..128_u32)
                .map(|i| (i * (7 + image) % 251) as u8)
                .collect();
            patchify(&pixels, layout(), &mut values);
        }
        let pixels = Tensor::<1>::from_floats(values.as_slice(), device).reshape([2, 8, 16]);
        (pixels.clone(), pixels.reshape([2, 2, 64]))
    }

    #[test]
    fn it_learns_to_give_back_the_pixels_that_tokens_hold() {
        let device = Device::flex().autodiff();
        let (pixels, tokens) = images(&device);
        let mut decoder = decoder(&device);
        let mut optimizer = OptimizerConfig::default().init(&decoder);
        let mut losses = Vec::new();
        for _ in 0..200 {
            let loss = (decoder.forward(tokens.clone(), layout()) - pixels.clone())
                .abs()
                .mean();
            losses.push(loss.clone().into_scalar::<f32>());
            let gradients = GradientsParams::from_grads(loss.backward(), &decoder);
            decoder = optimizer.step(3e-3, decoder, gradients);
        }
        assert!(losses[0] > 0.5 && losses[199] < 0.05, "{losses:?}");
    }

    #[test]
    fn each_image_is_decoded_by_itself() {
        let device = Device::flex();
        let (_, tokens) = images(&device);
        let decoder = decoder(&device);
        let both = decoder.forward(tokens.clone(), layout());
        let alone = decoder.forward(tokens.slice_dim(0, 1..2), layout());
        let difference: f32 = (both.slice_dim(0, 1..2) - alone).abs().max().into_scalar();
        assert!(difference < 1e-5, "{difference}");
    }
}
