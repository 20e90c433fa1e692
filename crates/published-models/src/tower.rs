//! The tower of any family.

use burn::module::Module;
use vision_backbone::{
    Aimv2, InternVit, Navit, PackedPatches, Qwen3Vit, QwenVit, TowerError, TowerOutput, VisionTower,
};

/// One of the published towers.
#[derive(Module, Debug)]
pub enum Tower {
    /// Qwen2-VL and Qwen2.5-VL.
    Qwen(QwenVit),
    /// Qwen3-VL and Qwen3.5.
    Qwen3(Qwen3Vit),
    /// Ovis2.5 and Ovis2.6.
    Navit(Navit),
    /// Ovis2.
    Aimv2(Aimv2),
    /// InternVL2.5 and InternVL3.
    InternVit(InternVit),
}

macro_rules! ask {
    ($self:ident, $tower:ident => $answer:expr) => {
        match $self {
            Tower::Qwen($tower) => $answer,
            Tower::Qwen3($tower) => $answer,
            Tower::Navit($tower) => $answer,
            Tower::Aimv2($tower) => $answer,
            Tower::InternVit($tower) => $answer,
        }
    };
}

impl VisionTower for Tower {
    fn patch_size(&self) -> usize {
        ask!(self, tower => tower.patch_size())
    }

    fn merge_size(&self) -> usize {
        ask!(self, tower => tower.merge_size())
    }

    fn merge_size_in(&self) -> usize {
        ask!(self, tower => tower.merge_size_in())
    }

    fn d_patch(&self) -> usize {
        ask!(self, tower => tower.d_patch())
    }

    fn d_model(&self) -> usize {
        ask!(self, tower => tower.d_model())
    }

    fn forward(&self, pixels: &PackedPatches) -> Result<TowerOutput, TowerError> {
        ask!(self, tower => tower.forward(pixels))
    }
}
