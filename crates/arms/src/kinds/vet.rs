//! Visual embedding tables (Ovis, arXiv:2405.20797): one kind for each tokenize function.

use super::on_top::OnTop;
use crate::{Argument, Arm, ArmRole, ArmSizes, ArmSpec, Definition, INDICATORS, Setting};
use anyhow::Context;
use burn::tensor::Device;
use ovis_vet::{Curriculum, MultiVet, Tau, Tokenize, VetConfig};
use projector::Projector;
use rand_chacha::ChaCha8Rng;

/// As released: softmax mixture of rows.
pub const VET_SOFTMAX: Definition = Definition {
    settings: &[
        Setting::Top,
        Setting::Gain,
        Setting::Rank,
        Setting::Codes,
        Setting::On,
    ],
    ..vet("vet-softmax", ArmRole::SoftWords, Tokenize::Softmax)
};

/// Hard words, straight-through softmax gradient (as in transformers).
pub const VET_ST_ARGMAX: Definition = vet("vet-st-argmax", ArmRole::HardWords, Tokenize::StArgmax);

/// Hard words, straight-through identity gradient on the logits (as in the code of Ovis).
pub const VET_ST_ARGMAX_RAW: Definition = vet(
    "vet-st-argmax-raw",
    ArmRole::HardWords,
    Tokenize::StArgmaxRaw,
);

/// Hard words, sampled in training at tau = 1 (as in transformers).
pub const VET_GUMBEL: Definition = vet(
    "vet-gumbel",
    ArmRole::SampledWords,
    Tokenize::GumbelArgmax {
        tau: Tau::Fixed(1.0),
    },
);

/// Hard words, sampled in training while tau falls from 5 to 0.05 (as in the code of Ovis).
pub const VET_GUMBEL_ANNEALED: Definition = vet(
    "vet-gumbel-annealed",
    ArmRole::SampledWords,
    Tokenize::GumbelArgmax { tau: Tau::OVIS },
);

/// Trained with soft tokens that harden: deferred quantisation.
pub const VET_CURRICULUM: Definition = vet(
    "vet-curriculum",
    ArmRole::Curriculum,
    Tokenize::Curriculum(Curriculum::STANDARD),
);

const fn vet(name: &'static str, role: ArmRole, tokenize: Tokenize) -> Definition {
    Definition {
        argument: Argument::Rows,
        tokenize: Some(tokenize),
        settings: &[
            Setting::Gain,
            Setting::Rank,
            Setting::Codes,
            Setting::Kmeans,
            Setting::On,
        ],
        ..Definition::continuous(name, role, build)
    }
}

fn build(
    spec: &ArmSpec,
    sizes: ArmSizes,
    rng: &mut ChaCha8Rng,
    device: &Device,
) -> anyhow::Result<Arm> {
    if let Some(connector) = spec.connector() {
        let connector = connector.build(sizes, rng, device)?;
        let sizes = ArmSizes {
            d_in: connector.d_out(),
            merge: 1,
            ..sizes
        };
        let table = table(spec, sizes, rng, device)?;
        return Ok(Arm::OnTop(OnTop::new(connector, table)));
    }
    table(spec, sizes, rng, device)
}

fn table(
    spec: &ArmSpec,
    sizes: ArmSizes,
    rng: &mut ChaCha8Rng,
    device: &Device,
) -> anyhow::Result<Arm> {
    let ArmSizes {
        d_in,
        merge,
        d_token,
        table_init,
    } = sizes;
    let settings = spec.settings;
    let top = settings.top.map(|k| Tokenize::TopK { k });
    let tokenize = top.or(spec.kind.tokenize());
    let vocabulary = spec.vocabulary.unwrap_or(0);
    let default = VetConfig::new(d_in, merge, vocabulary, INDICATORS, d_token);
    let config = VetConfig {
        tokenize: tokenize.with_context(|| format!("arm `{spec}` has no tokenize function"))?,
        table_init,
        layer_norm_gain: settings
            .gain
            .map_or(default.layer_norm_gain, |gain| gain.value()),
        rank: settings.rank,
        ..default
    };
    Ok(match spec.codes() {
        1 => Arm::Vet(config.init(rng, device)?),
        codes => Arm::MultiVet(MultiVet::init(&config, codes, rng, device)?),
    })
}
