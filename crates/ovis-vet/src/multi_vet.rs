//! Several visual words per token: independent tables whose rows add up.
//!
//! `out = Σ_c tokenize(LayerNorm(x W_c)) E_c`
//!
//! Every code has a head, a LayerNorm and a table of its own, so a hard token carries at most
//! `codes * log2(words)` bits: the rungs between one word and a continuous token. The codes learn
//! together from the task; nothing makes one encode what another left over, as the stages of a
//! residual quantiser do, and two heads may come to say the same. How many of the bits are used is
//! bounded by the sum of the entropies of the codes, which counts what two codes share twice.

use burn::module::Module;
use burn::tensor::Device;
use projector::{Cost, Pass, PatchGrid, Projector, VisualTokens};
use rand_chacha::ChaCha8Rng;

use crate::config::{TableInit, VetConfig};
use crate::error::VetError;
use crate::vet::Vet;

/// A sum of visual embedding tables.
#[derive(Module, Debug)]
pub struct MultiVet {
    /// One table per code, all of one shape.
    pub books: Vec<Vet>,
}

impl MultiVet {
    /// `codes` fresh tables of one config.
    ///
    /// With [`TableInit::MatchedOutput`] the sum, not each row, has the scale that is aimed at.
    ///
    /// # Errors
    /// If `codes` is 0, or as [`VetConfig::check`].
    pub fn init(
        config: &VetConfig,
        codes: usize,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<Self, VetError> {
        if codes == 0 {
            return Err(VetError::NoCodes);
        }
        config.check()?;
        let table_init = match config.table_init {
            TableInit::MatchedOutput => TableInit::Normal {
                std: config.table_std() / (codes as f64).sqrt(),
            },
            normal @ TableInit::Normal { .. } => normal,
        };
        let config = VetConfig {
            table_init,
            ..config.clone()
        };
        let books = (0..codes).map(|_| config.init(rng, device));
        Ok(Self {
            books: books.collect::<Result<_, _>>()?,
        })
    }
}

impl Projector for MultiVet {
    fn merge_size(&self) -> usize {
        self.books[0].merge_size()
    }

    fn d_out(&self) -> usize {
        self.books[0].d_out()
    }

    fn forward(&self, patches: &PatchGrid, pass: &mut Pass<'_>) -> VisualTokens {
        let mut sum = self.books[0].forward(patches, pass);
        for book in &self.books[1..] {
            let tokens = book.forward(patches, pass);
            sum.embeddings = sum.embeddings + tokens.embeddings;
            sum.words.extend(tokens.words);
        }
        sum
    }

    fn cost(&self) -> Cost {
        let codes = self.books.len();
        let one = self.books[0].cost();
        Cost {
            parameters: codes * one.parameters,
            multiply_adds_per_token: codes * one.multiply_adds_per_token,
            bits_per_token: one.bits_per_token.map(|bits| codes as f64 * bits),
            words: one.words,
        }
    }
}
