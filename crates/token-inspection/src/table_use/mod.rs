//! A released visual embedding table on a user's images: how its words are used, and what a token keeps
//! when it is made of fewer of them.
//!
//! Files: [`tally`] the numbers, token by token, [`neighbours`] rows of the table that lie beside one,
//! [`page`] what is written and printed.

mod neighbours;
mod page;
mod tally;

pub use page::write;
pub use tally::{Hardened, MASSES, MIXED, Spread, Tally, UsedWord};

use crate::encode::blocks_of;
use anyhow::{Result, bail};
use ovis_vet::Tokenize;
use projector::{Pass, Projector};
use published_models::{Pixels, PublishedProjector, VisionModel};
use vision_backbone::VisionTower;

/// Most used words whose neighbours are listed.
const LISTED: usize = 12;
/// Neighbours of a word that are listed.
const NEIGHBOURS: usize = 4;

/// What was measured.
#[derive(Clone, Debug)]
pub struct TableUse {
    /// The checkpoint, as it was named.
    pub checkpoint: String,
    /// Its family.
    pub family: &'static str,
    /// Images that were encoded.
    pub images: usize,
    /// Files that were left out, and why.
    pub left_out: Vec<String>,
    /// The numbers.
    pub tally: Tally,
    /// The most used words, with the rows of the table that point into nearly the same direction.
    pub used: Vec<UsedWord>,
    /// Whether the model itself makes other tokens than mixtures of all words, which is what is measured.
    pub is_replaced: bool,
    /// Seconds of tower and table.
    pub seconds: f64,
}

impl TableUse {
    /// Nothing seen yet.
    ///
    /// # Errors
    /// If the model has no visual words.
    pub fn new(checkpoint: &str, model: &VisionModel) -> Result<Self> {
        let PublishedProjector::Vet(vet) = &model.projector else {
            bail!(
                "{checkpoint}: {} has a merger and no visual words; name a checkpoint of Ovis",
                model.family().name()
            );
        };
        Ok(Self {
            checkpoint: checkpoint.to_owned(),
            family: model.family().name(),
            images: 0,
            left_out: Vec::new(),
            tally: Tally::new(vet.words()),
            used: Vec::new(),
            is_replaced: vet.tokenize_function() != Tokenize::Softmax,
            seconds: 0.0,
        })
    }

    /// Adds the tokens of an image.
    ///
    /// # Errors
    /// If the tower cannot read an image of this size, or a token has no length. Nothing of the image is
    /// counted then.
    pub fn add(&mut self, model: &VisionModel, pixels: &Pixels) -> Result<()> {
        let PublishedProjector::Vet(vet) = &model.projector else {
            bail!("{} has no visual words", model.family().name());
        };
        let start = std::time::Instant::now();
        let output = model.tower.forward(&pixels.patches)?;
        // Mixtures of fewer words are compared with that of all, whatever the model itself makes of them.
        let soft = vet.clone().with_tokenize(Tokenize::Softmax);
        let blocks = blocks_of(model.last_state(&output)?)?.into_iter();
        let image = blocks.map(|blocks| soft.forward(&blocks, &mut Pass::deterministic()));
        self.tally.add(&soft, image)?;
        self.images += 1;
        self.seconds += start.elapsed().as_secs_f64();
        Ok(())
    }

    /// Looks for the neighbours of the most used words.
    pub fn finish(&mut self, model: &VisionModel) {
        if let PublishedProjector::Vet(vet) = &model.projector {
            self.used = neighbours::of_most_used(vet, &self.tally, LISTED, NEIGHBOURS);
        }
    }
}
