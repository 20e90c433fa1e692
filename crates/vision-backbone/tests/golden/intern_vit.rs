//! The tower of InternVL: class token, learned positions, gains on what blocks add.

use burn::tensor::{Device, Tensor};
use vision_backbone::{
    Activation, GridThw, InternVit, InternVitConfig, InternVitNaming, InternVitNorm, PackedPatches,
    ParameterSource, VisionTower,
};

use crate::fixture::{Fixture, MARGIN, Missing, TOLERANCE, max_abs};

/// The tower's weights of a file that has those of the projector as well.
struct Tower(Fixture);

impl ParameterSource for Tower {
    type Error = Missing;

    fn has(&self, name: &str) -> bool {
        self.0.has(&format!("vision_tower.{name}"))
    }

    fn read(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Missing> {
        self.0.read(&format!("vision_tower.{name}"), shape)
    }

    fn read_transposed(&mut self, name: &str, shape: [usize; 2]) -> Result<Vec<f32>, Missing> {
        let name = format!("vision_tower.{name}");
        self.0.read_transposed(&name, shape)
    }
}

fn layer_norm() -> InternVitConfig {
    InternVitConfig {
        depth: 3,
        d_model: 24,
        d_mlp: 40,
        heads: 2,
        image: 24,
        patch: 4,
        ..InternVitConfig::vit_300m()
    }
}

fn qk_rms() -> InternVitConfig {
    InternVitConfig {
        depth: 2,
        d_model: 18,
        d_mlp: 28,
        heads: 3,
        image: 28,
        patch: 7,
        ..InternVitConfig::vit_6b()
    }
}

fn merge4() -> InternVitConfig {
    InternVitConfig {
        depth: 2,
        d_model: 12,
        d_mlp: 20,
        heads: 1,
        image: 32,
        patch: 4,
        merge: 4,
        norm_eps: 0.01,
        qk_norm_eps: Some(1e-6),
        qkv_bias: false,
        ..InternVitConfig::vit_300m()
    }
}

fn tower(file: &str, config: &InternVitConfig) -> (InternVit, Fixture) {
    let mut weights = Tower(Fixture::file(file));
    let tower = config
        .load(InternVitNaming::Transformers, &mut weights, &Device::flex())
        .unwrap();
    (tower, weights.0)
}

fn hidden_error(file: &str, config: &InternVitConfig) -> f32 {
    let (tower, fixture) = tower(file, config);
    let hidden = tower.hidden(&fixture.raster_images(config.patch)).unwrap();
    max_abs(hidden, fixture.tensor("out.hidden"))
}

#[test]
fn every_kind_of_norm_agrees() {
    for (file, config) in [
        ("internvl-layer-norm", layer_norm()),
        ("internvl-qk-rms", qk_rms()),
        ("internvl-merge4", merge4()),
    ] {
        let error = hidden_error(file, &config);
        assert!(error < TOLERANCE, "{file}: max abs error {error:e}");
    }
}

/// In front of the pixel shuffle, and the rest in blocks of what becomes a token.
#[test]
fn the_class_token_is_dropped() {
    for (file, config) in [
        ("internvl-layer-norm", layer_norm()),
        ("internvl-merge4", merge4()),
    ] {
        let (tower, fixture) = tower(file, &config);
        let output = tower.forward(&fixture.raster_images(config.patch)).unwrap();
        assert_eq!(output.pre_norm.merge(), config.merge);
        let expected = fixture.tensor::<3>("out.shuffled");
        let [images, tokens, width] = expected.dims();
        let blocks = output.pre_norm.row_of_blocks().unwrap().merged();
        let error = max_abs(blocks.reshape([images, tokens, width]), expected);
        assert!(error < TOLERANCE, "{file}: max abs error {error:e}");
    }
}

#[test]
fn parity_fails_when_a_part_is_wrong() {
    let quick = Activation::QuickGelu;
    for (part, file, config) in [
        (
            "heads",
            "internvl-layer-norm",
            InternVitConfig {
                heads: 4,
                ..layer_norm()
            },
        ),
        (
            "a block",
            "internvl-layer-norm",
            InternVitConfig {
                depth: 2,
                ..layer_norm()
            },
        ),
        (
            "GELU",
            "internvl-layer-norm",
            InternVitConfig {
                activation: quick,
                ..layer_norm()
            },
        ),
        (
            "bias",
            "internvl-layer-norm",
            InternVitConfig {
                qkv_bias: false,
                ..layer_norm()
            },
        ),
        (
            "the mean of the norms",
            "internvl-layer-norm",
            InternVitConfig {
                norm: InternVitNorm::Rms,
                ..layer_norm()
            },
        ),
        (
            "norms of queries",
            "internvl-qk-rms",
            InternVitConfig {
                qk_norm_eps: None,
                ..qk_rms()
            },
        ),
        (
            "epsilon",
            "internvl-merge4",
            InternVitConfig {
                norm_eps: 1e-6,
                ..merge4()
            },
        ),
        (
            "epsilon of queries",
            "internvl-merge4",
            InternVitConfig {
                qk_norm_eps: Some(0.01),
                ..merge4()
            },
        ),
    ] {
        let error = hidden_error(file, &config);
        assert!(error > MARGIN, "{part}: max abs error is only {error:e}");
    }
}

#[test]
fn tiles_of_another_size_and_impossible_shapes_are_refused() {
    let (tower, _) = tower("internvl-layer-norm", &layer_norm());
    let pixels = Tensor::zeros([42, 48], &Device::flex());
    let pixels = PackedPatches::new(pixels, vec![GridThw::still(6, 7)], 1).unwrap();
    let error = tower.forward(&pixels).unwrap_err().to_string();
    assert!(
        error.contains("1 x 6 x 7") && error.contains("6 x 6 only"),
        "{error}"
    );
    for (config, part) in [
        (
            InternVitConfig {
                heads: 5,
                ..layer_norm()
            },
            "24 does not divide into 5 heads",
        ),
        (
            InternVitConfig {
                merge: 4,
                ..layer_norm()
            },
            "6 x 6 patches",
        ),
        (
            InternVitConfig {
                merge: 0,
                ..layer_norm()
            },
            "downsample_ratio",
        ),
        (
            InternVitConfig {
                patch: 25,
                ..layer_norm()
            },
            "image_size / patch_size",
        ),
        (
            InternVitConfig {
                norm_eps: 0.0,
                ..layer_norm()
            },
            "layer_norm_eps is 0",
        ),
        (
            InternVitConfig {
                qk_norm_eps: Some(f64::NAN),
                ..layer_norm()
            },
            "layer_norm_eps is NaN",
        ),
    ] {
        let error = config.check().unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    for released in [InternVitConfig::vit_300m(), InternVitConfig::vit_6b()] {
        released.check().unwrap();
    }
}
