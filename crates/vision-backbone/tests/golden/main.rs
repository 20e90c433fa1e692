//! The published towers against reference tensors (see `data/parity/README.md`), stage by stage,
//! and proof that the comparison notices a broken tower. Tolerance 1e-5, max abs, f32.

#![allow(clippy::unwrap_used)]

mod aimv2;
mod fixture;
mod intern_vit;
mod navit;
mod qwen;
mod qwen3;
mod rotation;

use vision_backbone::{NavitConfig, Qwen3VitConfig, QwenGeneration, QwenVitConfig};

fn qwen_config() -> QwenVitConfig {
    QwenVitConfig {
        depth: 3,
        d_model: 32,
        d_mlp: 40,
        heads: 4,
        patch: 8,
        generation: QwenGeneration::Qwen2_5 {
            window: 32,
            full_attention: vec![1],
        },
        ..QwenVitConfig::qwen2_5_vl_3b()
    }
}

fn qwen3_config() -> Qwen3VitConfig {
    Qwen3VitConfig {
        depth: 4,
        d_model: 24,
        d_mlp: 36,
        heads: 2,
        patch: 4,
        position_side: 6,
        deepstack: vec![1, 2],
        ..Qwen3VitConfig::qwen3_vl()
    }
}

fn navit_config() -> NavitConfig {
    NavitConfig {
        depth: 3,
        d_model: 32,
        d_mlp: 48,
        heads: 4,
        patch: 8,
        position_side: 4,
        ..NavitConfig::ovis2_5()
    }
}
