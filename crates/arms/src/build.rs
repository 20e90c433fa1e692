//! From an arm's name to its layers.

use super::{Arm, ArmKind, ArmSpec, INDICATORS};
use anyhow::bail;
use burn::tensor::Device;
use control_projectors::{
    BlindConfig, GeluMlpConfig, Identity, LinearProjectorConfig, MeanPool, Noisy,
    RandomLinearConfig, Shuffled,
};
use discretisers::{Bsq, Fsq, Lfq, SimVq, Sizes, Vq};
use ovis_vet::{MultiVet, TableInit, Tokenize, VetConfig};
use qwen_merger::{PatchMerger, PatchMergerConfig};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Sizes that all arms of a run share.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmSizes {
    /// Width of a patch feature.
    pub d_in: usize,
    /// Side of the block of patches that becomes one token.
    pub merge: usize,
    /// Width of a visual token (identity and mean-pool have their own).
    pub d_token: usize,
    /// Start of the visual embedding table.
    pub table_init: TableInit,
}

impl ArmSpec {
    /// Builds a fresh projector; `rng` decides every parameter.
    ///
    /// # Errors
    /// If the sizes make no projector; the message names the number to change. If the arm is the
    /// projector of a checkpoint, which cannot be built but only read.
    pub fn build(
        &self,
        sizes: ArmSizes,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> anyhow::Result<Arm> {
        let ArmSizes {
            d_in,
            merge,
            d_token: d_out,
            ..
        } = sizes;
        if self.kind.is_pretrained() {
            bail!("arm `{self}` is the projector of a checkpoint; name one with --checkpoint");
        }
        if let Some(tokenize) = self.kind.tokenize() {
            return self.build_vet(tokenize, sizes, rng, device);
        }
        let words = self.words().unwrap_or(0);
        let mlp = |config: GeluMlpConfig, rng: &mut ChaCha8Rng| config.init(rng, device);
        let frame = Sizes { d_in, merge, d_out };
        Ok(match self.kind {
            ArmKind::Identity => Arm::Identity(Identity::new(d_in, merge)?),
            ArmKind::MeanPool => Arm::MeanPool(MeanPool::new(d_in, merge)?),
            ArmKind::Linear => {
                Arm::Linear(LinearProjectorConfig { d_in, merge, d_out }.init(rng, device)?)
            }
            ArmKind::PatchMerger => Arm::PatchMerger(merger(sizes, rng, device)?),
            ArmKind::NoisyMerger => {
                let sigma = self.settings.noise.map_or(0.0, |noise| noise.value());
                Arm::NoisyMerger(Noisy::new(merger(sizes, rng, device)?, sigma)?)
            }
            ArmKind::Shuffled => Arm::Shuffled(Shuffled::new(merger(sizes, rng, device)?)),
            ArmKind::GeluMlp => {
                let config = GeluMlpConfig::matching_vet(d_in, merge, words, d_out);
                Arm::GeluMlp(mlp(config, rng)?)
            }
            ArmKind::GeluMlpPlain => {
                let config = GeluMlpConfig::plain(d_in, merge, words, d_out);
                Arm::GeluMlp(mlp(config, rng)?)
            }
            ArmKind::FlopMlp => {
                let config = GeluMlpConfig::matching_look_up(d_in, merge, words, d_out);
                Arm::GeluMlp(mlp(config, rng)?)
            }
            ArmKind::Vq | ArmKind::Rvq => {
                Arm::Vq(Vq::init(frame, words, self.codes(), rng, device)?)
            }
            ArmKind::Fsq => Arm::Fsq(Fsq::init(frame, words, rng, device)?),
            ArmKind::Lfq => Arm::Lfq(Lfq::init(frame, words, rng, device)?),
            ArmKind::Bsq => Arm::Bsq(Bsq::init(frame, words, rng, device)?),
            ArmKind::SimVq => Arm::SimVq(SimVq::init(frame, words, rng, device)?),
            ArmKind::Random => {
                Arm::Random(RandomLinearConfig { d_in, merge, d_out }.init(rng, device)?)
            }
            _ => Arm::Blind(BlindConfig { d_in, merge, d_out }.init(rng, device)?),
        })
    }

    fn build_vet(
        &self,
        tokenize: Tokenize,
        sizes: ArmSizes,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> anyhow::Result<Arm> {
        let vocabulary = self.vocabulary.unwrap_or(0);
        let ArmSizes {
            d_in,
            merge,
            d_token,
            table_init,
        } = sizes;
        let default = VetConfig::new(d_in, merge, vocabulary, INDICATORS, d_token);
        let settings = self.settings;
        let config = VetConfig {
            tokenize: settings.top.map_or(tokenize, |k| Tokenize::TopK { k }),
            table_init,
            layer_norm_gain: settings
                .gain
                .map_or(default.layer_norm_gain, |gain| gain.value()),
            rank: settings.rank,
            ..default
        };
        Ok(match self.codes() {
            1 => Arm::Vet(config.init(rng, device)?),
            codes => Arm::MultiVet(MultiVet::init(&config, codes, rng, device)?),
        })
    }
}

fn merger(sizes: ArmSizes, rng: &mut ChaCha8Rng, device: &Device) -> anyhow::Result<PatchMerger> {
    let config = PatchMergerConfig {
        d_in: sizes.d_in,
        merge: sizes.merge,
        d_out: sizes.d_token,
    };
    config.check()?;
    Ok(config.init(rng, device))
}
