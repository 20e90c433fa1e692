//! The tower of Ovis2.

use burn::tensor::{Device, Tensor};
use vision_backbone::{Aimv2Config, Aimv2Naming, GridThw, PackedPatches, VisionTower};

use crate::fixture::{Fixture, MARGIN, TOLERANCE, max_abs};

fn aimv2_config() -> Aimv2Config {
    Aimv2Config {
        depth: 3,
        d_model: 32,
        d_mlp: 48,
        heads: 4,
        image: 28,
        patch: 7,
        ..Aimv2Config::large()
    }
}

fn aimv2_error(fixture: &mut Fixture, config: &Aimv2Config) -> f32 {
    let tower = config
        .load(Aimv2Naming::Transformers, fixture, &Device::flex())
        .unwrap();
    let hidden = tower
        .hidden_in_raster_order(&fixture.raster_images(config.patch))
        .unwrap();
    let expected = fixture.tensor::<3>("out.official.pre_norm_hidden");
    let [images, patches, d] = expected.dims();
    max_abs(
        hidden.features().clone(),
        expected.reshape([images * patches, d]),
    )
}

#[test]
fn aimv2_hidden_states_agree() {
    let error = aimv2_error(&mut Fixture::open("ovis2"), &aimv2_config());
    assert!(error < TOLERANCE, "max abs error {error:e}");
}

#[test]
fn aimv2_merges_what_transformers_merges_after_the_norm() {
    let mut fixture = Fixture::open("ovis2");
    let tower = aimv2_config()
        .load(Aimv2Naming::Transformers, &mut fixture, &Device::flex())
        .unwrap();
    let output = tower.forward(&fixture.raster_images(7)).unwrap();
    let expected = fixture.tensor::<3>("out.hf.last_hidden_merged");
    let merged = |patches: &PackedPatches| -> Tensor<3> {
        let [images, tokens, width] = expected.dims();
        let blocks = patches.row_of_blocks().unwrap().merged();
        blocks.reshape([images, tokens, width])
    };
    let error = max_abs(merged(&output.post_norm.unwrap()), expected.clone());
    assert!(error < TOLERANCE, "max abs error {error:e}");
    let error = max_abs(merged(&output.pre_norm), expected.clone());
    assert!(error > MARGIN, "pre-norm: max abs error is only {error:e}");
}

#[test]
fn aimv2_parity_fails_when_a_part_is_wrong() {
    for (name, config) in [
        (
            "twice the heads",
            Aimv2Config {
                heads: 8,
                ..aimv2_config()
            },
        ),
        (
            "another epsilon",
            Aimv2Config {
                norm_eps: 1e-2,
                ..aimv2_config()
            },
        ),
        (
            "one block less",
            Aimv2Config {
                depth: 2,
                ..aimv2_config()
            },
        ),
    ] {
        let error = aimv2_error(&mut Fixture::open("ovis2"), &config);
        assert!(error > MARGIN, "{name}: max abs error is only {error:e}");
    }
}

#[test]
fn images_of_another_size_are_refused() {
    let mut fixture = Fixture::open("ovis2");
    let tower = aimv2_config()
        .load(Aimv2Naming::Transformers, &mut fixture, &Device::flex())
        .unwrap();
    let pixels = Tensor::zeros([20, 147], &Device::flex());
    let pixels = PackedPatches::new(pixels, vec![GridThw::still(4, 5)], 1).unwrap();
    let error = tower.forward(&pixels).unwrap_err().to_string();
    assert!(
        error.contains("1 x 4 x 5") && error.contains("4 x 4 only"),
        "{error}"
    );
}
