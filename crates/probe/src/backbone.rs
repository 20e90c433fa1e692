//! The tower of a run: read, asked for the size of its images, and what is left of it.

use super::config::{ProbeConfig, Regime};
use super::data_config::{DataConfig, ImageSize};
use anyhow::{Context, Result, anyhow, ensure};
use burn::tensor::Device;
use probe_data::Source;
use probe_data::published::Published;
use published_models::PublishedProjector;
use sha2::{Digest, Sha256};
use std::path::Path;
use vision_backbone::weights::{WeightsError, WeightsFile};
use vision_backbone::{PatchLayout, Positions, SmallVit, SmallVitConfig};

/// What is left of the backbone once the features are computed.
#[derive(Debug)]
pub(crate) enum Backbone {
    /// The small tower, for cells that train part of it.
    Small(SmallVit),
    /// The projector of a checkpoint, and the width of a patch feature.
    Published {
        projector: PublishedProjector,
        d_in: usize,
    },
}

/// The backbone of a run, as long as features are computed.
pub(crate) enum Encoder {
    Small(Box<SmallVit>),
    Published(Box<Published>),
}

impl Encoder {
    /// Reads the backbone of `config`, and its hash.
    pub(crate) fn load(config: &ProbeConfig, device: &Device) -> Result<(Self, String)> {
        if let Some(name) = &config.checkpoint {
            let published = Published::load(name, device)?;
            let hash = published.hash().to_owned();
            return Ok((Self::Published(Box::new(published)), hash));
        }
        let (tower, hash) = load_backbone(&config.backbone, device)?;
        Ok((Self::Small(Box::new(tower)), hash))
    }

    /// Size of the images that are rendered for it.
    pub(crate) fn layout(&self, data: &DataConfig) -> Result<PatchLayout> {
        match self {
            Self::Published(published) => Ok(published.layout()),
            Self::Small(tower) => {
                let SmallVitConfig {
                    patch,
                    merge,
                    positions,
                    ..
                } = *tower.config();
                let merge = data.merge.unwrap_or(merge);
                let ImageSize { width, height } = data.image_size();
                let layout = PatchLayout::of_image(width, height, patch, merge);
                let layout = layout.with_context(|| {
                    format!(
                        "an image of {width} x {height} px is not a whole number of {0} x {0} px \
                         tokens; choose another --image-size or --merge",
                        patch * merge
                    )
                })?;
                // A learned vector per patch stands for one size and one order of patches.
                if let Positions::Learned { rows, cols } = positions {
                    ensure!(
                        (rows, cols) == (layout.rows, layout.cols) && merge == tower.config().merge,
                        "this backbone has learned the places of {cols} x {rows} patches in blocks of \
                         {0} x {0}; leave out --image-size and --merge, or name a backbone with rotary \
                         positions",
                        tower.config().merge
                    );
                }
                Ok(layout)
            }
        }
    }
}

/// What is computed of an image by a tower that trains from its block `blocks` on.
pub(crate) fn source_of(tower: &SmallVit, blocks: usize, regime: Regime) -> Source<'_> {
    match regime {
        Regime::Joint => Source::Pixels,
        Regime::Frozen | Regime::LastBlock => Source::Tower { tower, blocks },
    }
}

/// Reads a backbone with its configuration.
///
/// # Errors
/// If the file is missing, corrupt, or not a backbone; the message says how to make one.
pub fn load_backbone(path: &Path, device: &Device) -> Result<(SmallVit, String)> {
    let remedy = "make one with `cargo run -p experiments -- pretrain-backbone`, \
                  or name another with --backbone";
    let with_remedy = |error: WeightsError| anyhow!("{:#}; {remedy}", anyhow!(error));
    let bytes = std::fs::read(path).map_err(|error| {
        anyhow!(
            "{}: cannot read the weights: {error}; {remedy}",
            path.display()
        )
    })?;
    let file = WeightsFile::open(path).map_err(with_remedy)?;
    let config: SmallVitConfig = file.about("config").map_err(with_remedy)?;
    config
        .check()
        .map_err(|error| anyhow!("{}: {error}; {remedy}", path.display()))?;
    // Nothing is made for a configuration that the file's own weights contradict.
    let least = 4 * config.least_parameters();
    ensure!(
        least <= bytes.len() as u128,
        "{}: its `config` describes a tower of {least} bytes at least, the file has {}; {remedy}",
        path.display(),
        bytes.len()
    );
    let fresh = config
        .init(&mut projector::seeded::stream(0, "backbone"), device)
        .map_err(|error| anyhow!("{}: {error}; {remedy}", path.display()))?;
    let tower = file.load_into(fresh, "tower.").map_err(with_remedy)?;
    Ok((tower, format!("{:x}", Sha256::digest(&bytes))))
}
