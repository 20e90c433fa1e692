//! Tokens behind a noisy channel: loss of information without a vocabulary.
//!
//! A hard visual word loses information by rounding. If what it costs is the information and not
//! the discreteness, continuous tokens that noise has made just as poor must read just as badly.

use burn::module::{Module, ModuleDisplay};
use projector::{
    Cost, Pass, PatchGrid, Projector, StartSample, VisualTokens, rms_normalize, seeded,
};
use rand_chacha::ChaCha8Rng;

use crate::ControlError;

/// Keeps tokens that are all zero finite.
const EPS: f64 = 1e-12;

/// The tokens of a projector, brought to unit root mean square, with Gaussian noise on top.
///
/// `out = rms_normalize(projector(patches)) + σ n`, `n ~ N(0, 1)` for every entry of every token.
/// The noise comes from the pass, in training and in evaluation alike: it belongs to the channel.
/// A pass without noise gives the clean tokens.
#[derive(Module, Debug)]
pub struct Noisy<P> {
    /// Whose tokens are disturbed.
    pub projector: P,
    #[module(skip)]
    sigma: f64,
}

impl<P: Projector> Noisy<P> {
    /// `projector` behind noise of standard deviation `sigma`, in units of the tokens' root mean
    /// square.
    ///
    /// # Errors
    /// If `sigma` is not a finite number from 0 up.
    pub fn new(projector: P, sigma: f64) -> Result<Self, ControlError> {
        if !(sigma.is_finite() && sigma >= 0.0) {
            return Err(ControlError::BadNoise {
                control: "noisy",
                found: sigma,
            });
        }
        Ok(Self { projector, sigma })
    }
}

impl<P: Projector + ModuleDisplay> Projector for Noisy<P> {
    fn merge_size(&self) -> usize {
        self.projector.merge_size()
    }

    fn d_out(&self) -> usize {
        self.projector.d_out()
    }

    fn forward(&self, patches: &PatchGrid, pass: &mut Pass<'_>) -> VisualTokens {
        let tokens = self.projector.forward(patches, pass);
        let clean = rms_normalize(tokens.embeddings, EPS);
        let embeddings = match pass.noise.as_deref_mut() {
            Some(rng) => {
                let noise = seeded::normal(clean.dims(), self.sigma, rng, &clean.device());
                clean.clone() + noise.cast(clean.dtype())
            }
            None => clean,
        };
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
