//! How much of the patch features is left in the tokens, linearly.
//!
//! The merged features of a block are predicted from its token by ridge least squares: fitted on
//! training images, measured as `R²` on validation images, where the mean predictor has 0. A noisy
//! merger whose `R²` is that of a hard arm is its noise-matched control.

use super::model::CellModel;
use super::preparation::Prepared;
use super::prepared_group::PreparedGroup;
use anyhow::{Context, Result};
use arms::Thousandths;
use burn::tensor::Device;
use probe_statistics::linear_reconstruction::{
    Pairs, Reconstruction, bisect_falling, linear_reconstruction,
};
use projector::{Pass, Projector, seeded};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Images encoded at a time.
const CHUNK: usize = 128;
/// Between these the noise of a matched arm is looked for.
const SIGMAS: [f64; 2] = [1e-3, 100.0];
/// Halvings of that interval: to within a thousandth.
const HALVINGS: usize = 14;

/// Tokens and the features that they were made of.
#[derive(Clone, Debug)]
pub struct TokenSample {
    /// `[n, d_token]`, of unit root mean square before any noise.
    tokens: Vec<f32>,
    /// `[n, merge² * d_in]`.
    features: Vec<f32>,
    d_token: usize,
    d_features: usize,
}

impl TokenSample {
    /// The first `images` images of every group.
    ///
    /// `seed` decides the noise of arms that have some.
    ///
    /// # Errors
    /// If there is no image.
    pub fn of(
        model: &CellModel,
        groups: &[PreparedGroup],
        images: usize,
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        let mut noise = seeded::stream(seed, "noise/reconstruction");
        let mut sample = Self {
            tokens: Vec::new(),
            features: Vec::new(),
            d_token: model.arm.d_out(),
            d_features: 0,
        };
        for data in groups {
            let count = data.group.len().min(images);
            for start in (0..count).step_by(CHUNK) {
                let items: Vec<usize> = (start..count.min(start + CHUNK)).collect();
                let patches = model.features(data.batch(&items, device)?);
                let mut pass = Pass {
                    progress: 1.0,
                    noise: model.is_noisy.then_some(&mut noise),
                    distribution: false,
                    words: None,
                };
                let merged = patches.merged();
                sample.d_features = merged.dims()[2];
                let tokens = model.tokens_of(&patches, &mut pass).embeddings;
                sample.tokens.extend(tokens.into_data().iter::<f32>());
                sample.features.extend(merged.into_data().iter::<f32>());
            }
        }
        anyhow::ensure!(!sample.tokens.is_empty(), "no images to reconstruct");
        Ok(sample)
    }

    fn pairs<'a>(&'a self, tokens: &'a [f32]) -> Pairs<'a> {
        Pairs {
            inputs: tokens,
            targets: &self.features,
        }
    }

    /// The tokens with noise of standard deviation `sigma` on top.
    fn noisy(&self, sigma: f64, rng: &mut ChaCha8Rng) -> Vec<f32> {
        let disturbed = self.tokens.iter().map(|&x| {
            let z: f64 = StandardNormal.sample(rng);
            (f64::from(x) + sigma * z) as f32
        });
        disturbed.collect()
    }
}

/// `R²` of the features of validation images from the tokens of a trained model, fitted on `images`
/// training images per group. Sampled words are read without noise; noise that is part of the arm is
/// there.
///
/// # Errors
/// If there are too few images.
pub fn reconstruct(
    prepared: &Prepared,
    model: &CellModel,
    images: usize,
    seed: u64,
    device: &Device,
) -> Result<Reconstruction> {
    let train = TokenSample::of(model, &prepared.train, images, seed, device)?;
    let held_out = TokenSample::of(model, &prepared.validation, images, seed, device)?;
    measure(&train, &held_out, 0.0)
}

fn measure(train: &TokenSample, held_out: &TokenSample, sigma: f64) -> Result<Reconstruction> {
    // The same draws for every sigma, so that R² falls with it without a jump.
    let [train_tokens, held_out_tokens] = [(train, "train"), (held_out, "held-out")]
        .map(|(sample, name)| sample.noisy(sigma, &mut seeded::stream(1, name)));
    linear_reconstruction(
        train.pairs(&train_tokens),
        held_out.pairs(&held_out_tokens),
        train.d_token,
        train.d_features,
    )
    .context("the features cannot be reconstructed from the tokens")
}

/// The noise for `noisy-merger@SIGMA` with which the tokens of a trained, clean merger have the
/// given `R²`, by halving the interval of possible ones.
///
/// A merger that trains with that noise makes other tokens, whose `R²` is another one: measure it with
/// [`reconstruct`].
///
/// # Errors
/// If there are too few images.
pub fn match_noise(
    prepared: &Prepared,
    clean: &CellModel,
    target_r2: f64,
    images: usize,
    seed: u64,
    device: &Device,
) -> Result<Thousandths> {
    let train = TokenSample::of(clean, &prepared.train, images, seed, device)?;
    let held_out = TokenSample::of(clean, &prepared.validation, images, seed, device)?;
    let sigma = bisect_falling(target_r2, SIGMAS, HALVINGS, |sigma| {
        measure(&train, &held_out, sigma).map(|found| found.r2)
    })?;
    Thousandths::nearest(sigma)
        .with_context(|| format!("no noise gives the merger a reconstruction R² of {target_r2}"))
}
