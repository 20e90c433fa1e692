//! The registry of arms: every projector of the comparison, by name.
//!
//! An arm is written `kind[@K]` with settings behind it: `patch-merger`, `gelu-mlp@256`,
//! `vet-st-argmax@1024+usage`, `vet-softmax@256+gain2`, `rvq@256+codes4`, `noisy-merger@0.5`.
//! The projector of a published checkpoint is `pretrained`, `pretrained+argmax`, `pretrained+top16`.
//! To add one, add a variant to [`ArmKind`] and to [`Arm`], and say in [`ArmSpec::build`] what it is.
//!
//! Files: `kind` what kinds there are and what is true of each, `spec` an arm and its settings,
//! `grammar` arms as text and what is wrong with a text, `thousandths` the numbers in it, `build` the
//! layers.

mod build;
mod grammar;
mod kind;
mod spec;
mod swap;
mod thousandths;

pub use build::ArmSizes;
pub use grammar::ArmError;
pub use kind::ArmKind;
pub use spec::{ArmSpec, Settings};
pub use swap::Swap;
pub use thousandths::Thousandths;

use burn::module::Module;
use control_projectors::{
    Blind, GeluMlp, Identity, LinearProjector, MeanPool, Noisy, RandomLinear, Shuffled,
};
use discretisers::{Bsq, Fsq, Lfq, SimVq, Vq};
use ovis_vet::{MultiVet, Vet};
use projector::{Cost, Pass, PatchGrid, Projector, VisualTokens};
use published_models::PublishedProjector;
use qwen_merger::PatchMerger;
use rand_chacha::ChaCha8Rng;

/// Rows of the table that no patch is assigned to; 4 in Ovis2.5.
pub const INDICATORS: usize = 4;

/// Any projector of the comparison.
#[derive(Module, Debug)]
pub enum Arm {
    /// See [`ArmKind::Identity`].
    Identity(Identity),
    /// See [`ArmKind::Linear`].
    Linear(LinearProjector),
    /// See [`ArmKind::MeanPool`].
    MeanPool(MeanPool),
    /// See [`ArmKind::PatchMerger`].
    PatchMerger(PatchMerger),
    /// See [`ArmKind::NoisyMerger`].
    NoisyMerger(Noisy<PatchMerger>),
    /// The three kinds of MLP.
    GeluMlp(GeluMlp),
    /// All VET kinds with one code per token.
    Vet(Vet),
    /// All VET kinds with several.
    MultiVet(MultiVet),
    /// [`ArmKind::Vq`] and [`ArmKind::Rvq`].
    Vq(Vq),
    /// See [`ArmKind::Fsq`].
    Fsq(Fsq),
    /// See [`ArmKind::Lfq`].
    Lfq(Lfq),
    /// See [`ArmKind::Bsq`].
    Bsq(Bsq),
    /// See [`ArmKind::SimVq`].
    SimVq(SimVq),
    /// See [`ArmKind::Random`].
    Random(RandomLinear),
    /// See [`ArmKind::Shuffled`].
    Shuffled(Shuffled<PatchMerger>),
    /// See [`ArmKind::Blind`].
    Blind(Blind),
    /// See [`ArmKind::Pretrained`].
    Pretrained(PublishedProjector),
}

macro_rules! each_arm {
    ($self:expr, $arm:ident => $body:expr) => {
        match $self {
            Arm::Identity($arm) => $body,
            Arm::Linear($arm) => $body,
            Arm::MeanPool($arm) => $body,
            Arm::PatchMerger($arm) => $body,
            Arm::NoisyMerger($arm) => $body,
            Arm::GeluMlp($arm) => $body,
            Arm::Vet($arm) => $body,
            Arm::MultiVet($arm) => $body,
            Arm::Vq($arm) => $body,
            Arm::Fsq($arm) => $body,
            Arm::Lfq($arm) => $body,
            Arm::Bsq($arm) => $body,
            Arm::SimVq($arm) => $body,
            Arm::Random($arm) => $body,
            Arm::Shuffled($arm) => $body,
            Arm::Blind($arm) => $body,
            Arm::Pretrained($arm) => $body,
        }
    };
}

impl Projector for Arm {
    fn merge_size(&self) -> usize {
        each_arm!(self, arm => arm.merge_size())
    }

    fn d_out(&self) -> usize {
        each_arm!(self, arm => arm.d_out())
    }

    fn forward(&self, patches: &PatchGrid, pass: &mut Pass<'_>) -> VisualTokens {
        each_arm!(self, arm => arm.forward(patches, pass))
    }

    fn cost(&self) -> Cost {
        each_arm!(self, arm => arm.cost())
    }

    fn after_step(&mut self, patches: impl FnOnce() -> PatchGrid, rng: &mut ChaCha8Rng) {
        each_arm!(self, arm => arm.after_step(patches, rng));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pretrained_arms_have_names_but_cannot_be_built() {
        for name in ["pretrained", "pretrained+argmax", "pretrained+top16"] {
            let spec: ArmSpec = name.parse().unwrap();
            assert_eq!(spec.to_string(), name);
            assert_eq!(spec.kind.is_hard(), name == "pretrained+argmax");
        }
        for name in ["pretrained+usage", "pretrained@8", "pretrained+top"] {
            assert!(name.parse::<ArmSpec>().is_err(), "{name}");
        }
    }
}
