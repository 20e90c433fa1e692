//! The table of arms: what kinds there are, and what layers they are made of.
//!
//! A kind is one [`Definition`] in the file of its family here, and one line in the first list. The
//! lines are in the order in which results list arms; to move one changes tables and figures, not
//! numbers. A projector that no other kind uses needs a line in the second list as well. The files are
//! private, so that the compiler warns of a definition without a line.

mod blind;
mod bsq;
mod c_abstractor;
mod conv_compressor;
mod fsq;
mod gelu_mlp;
mod gemma_pool;
mod identity;
mod internvl_mlp;
mod lfq;
mod linear;
mod mean_pool;
mod on_top;
mod oracle_words;
mod patch_merger;
mod pretrained;
mod qwen3_merger;
pub(crate) mod resampler;
mod simvq;
mod vet;
mod vq;

use crate::Definition;
use crate::table::{kinds, layers};
use burn::module::Module;
use control_projectors::{
    Blind, GeluMlp, Identity, LinearProjector, MeanPool, Noisy, OracleWords, RandomLinear, Shuffled,
};
use discretisers::{Bsq, Fsq, Lfq, RvqMerger, SimVq, Vq};
use on_top::OnTop;
use ovis_vet::{MultiVet, Vet};
pub use pretrained::TokenizeOverride;
use projector::{Cost, Pass, PatchGrid, Projector, StartSample, VisualTokens};
use published_models::PublishedProjector;
use qwen_merger::{DeepStack, PatchMerger, Qwen3Merger};
use rand_chacha::ChaCha8Rng;
use vlm_connectors::{CAbstractor, ConvCompressor, GemmaPool, InternVlMlp, Resampler};

kinds! {
    Identity => identity::IDENTITY,
    Linear => linear::LINEAR,
    MeanPool => mean_pool::MEAN_POOL,
    PatchMerger => patch_merger::PATCH_MERGER,
    Qwen3Merger => qwen3_merger::QWEN3_MERGER,
    DeepStack => qwen3_merger::DEEPSTACK,
    InternVlMlp => internvl_mlp::INTERNVL_MLP,
    GemmaPool => gemma_pool::GEMMA_POOL,
    ConvCompressor => conv_compressor::CONV_COMPRESSOR,
    CAbstractor => c_abstractor::C_ABSTRACTOR,
    Resampler => resampler::RESAMPLER,
    NoisyMerger => patch_merger::NOISY_MERGER,
    GeluMlp => gelu_mlp::GELU_MLP,
    GeluMlpPlain => gelu_mlp::GELU_MLP_PLAIN,
    FlopMlp => gelu_mlp::FLOP_MLP,
    VetSoftmax => vet::VET_SOFTMAX,
    VetStArgmax => vet::VET_ST_ARGMAX,
    VetStArgmaxRaw => vet::VET_ST_ARGMAX_RAW,
    VetGumbel => vet::VET_GUMBEL,
    VetGumbelAnnealed => vet::VET_GUMBEL_ANNEALED,
    VetCurriculum => vet::VET_CURRICULUM,
    Vq => vq::VQ,
    Rvq => vq::RVQ,
    RvqMerger => vq::RVQ_MERGER,
    Fsq => fsq::FSQ,
    Lfq => lfq::LFQ,
    Bsq => bsq::BSQ,
    SimVq => simvq::SIMVQ,
    OracleWords => oracle_words::ORACLE_WORDS,
    Random => linear::RANDOM,
    Shuffled => patch_merger::SHUFFLED,
    Blind => blind::BLIND,
}

layers! {
    Identity(Identity),
    Linear(LinearProjector),
    MeanPool(MeanPool),
    PatchMerger(PatchMerger),
    Qwen3Merger(Qwen3Merger),
    DeepStack(DeepStack),
    InternVlMlp(InternVlMlp),
    GemmaPool(GemmaPool),
    ConvCompressor(ConvCompressor),
    CAbstractor(CAbstractor),
    Resampler(Resampler),
    NoisyMerger(Noisy<PatchMerger>),
    GeluMlp(GeluMlp),
    Vet(Vet),
    MultiVet(MultiVet),
    OnTop(OnTop),
    Vq(Vq),
    RvqMerger(RvqMerger),
    Fsq(Fsq),
    Lfq(Lfq),
    Bsq(Bsq),
    SimVq(SimVq),
    OracleWords(OracleWords),
    Random(RandomLinear),
    Shuffled(Shuffled<PatchMerger>),
    Blind(Blind),
    Pretrained(PublishedProjector),
}
