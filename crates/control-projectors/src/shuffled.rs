//! Tokens in no order: what was seen, but not where.

use burn::module::{Module, ModuleDisplay};
use burn::tensor::{Int, Tensor, TensorData};
use projector::{Cost, Pass, PatchGrid, Projector, StartSample, VisualTokens};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// The tokens of a projector, put in a new random order for every image and every pass.
///
/// A reader that looks for a character where it stands finds another one there. What it still
/// reads, it reads from the contents of all tokens together. The order comes from the noise of the
/// pass, in training and in evaluation alike; a pass without noise leaves the order as it is.
#[derive(Module, Debug)]
pub struct Shuffled<P> {
    /// Whose tokens are shuffled.
    pub projector: P,
}

impl<P: Projector> Shuffled<P> {
    /// `projector` with its tokens shuffled.
    #[must_use]
    pub fn new(projector: P) -> Self {
        Self { projector }
    }
}

impl<P: Projector + ModuleDisplay> Projector for Shuffled<P> {
    fn merge_size(&self) -> usize {
        self.projector.merge_size()
    }

    fn d_out(&self) -> usize {
        self.projector.d_out()
    }

    fn forward(&self, patches: &PatchGrid, pass: &mut Pass<'_>) -> VisualTokens {
        let tokens = self.projector.forward(patches, pass);
        let Some(rng) = pass.noise.as_deref_mut() else {
            return tokens;
        };
        let [batch, count, d_out] = tokens.embeddings.dims();
        let mut places: Vec<i64> = Vec::with_capacity(batch * count);
        for image in 0..batch {
            let start = places.len();
            places.extend((image * count..(image + 1) * count).map(|place| place as i64));
            places[start..].shuffle(rng);
        }
        let device = tokens.embeddings.device();
        let places: Tensor<1, Int> =
            Tensor::from_data(TensorData::new(places, [batch * count]), &device);
        let embeddings = tokens
            .embeddings
            .reshape([batch * count, d_out])
            .select(0, places)
            .reshape([batch, count, d_out]);
        VisualTokens {
            embeddings,
            ..tokens
        }
    }

    fn cost(&self) -> Cost {
        self.projector.cost()
    }

    fn start_from(&mut self, sample: StartSample<'_>, rng: &mut ChaCha8Rng) {
        self.projector.start_from(sample, rng);
    }

    fn after_step(&mut self, patches: impl FnOnce() -> PatchGrid, rng: &mut ChaCha8Rng) {
        self.projector.after_step(patches, rng);
    }
}
