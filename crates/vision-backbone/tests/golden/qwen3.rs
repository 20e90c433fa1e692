//! The tower of Qwen3-VL: resampled positions, rotary angles, inner levels.

use burn::tensor::{Device, Tensor};
use vision_backbone::{
    Activation, GridThw, PackedPatches, Qwen3VitConfig, TowerOutput, VisionTower,
};

use crate::fixture::{Fixture, MARGIN, TOLERANCE, max_abs};
use crate::qwen3_config;

fn output(fixture: &mut Fixture, config: &Qwen3VitConfig) -> TowerOutput {
    let tower = config.load(fixture, &Device::flex()).unwrap();
    tower.forward(&fixture.packed(2)).unwrap()
}

fn hidden_error(config: &Qwen3VitConfig) -> f32 {
    let mut fixture = Fixture::open("qwen3_vl");
    let output = output(&mut fixture, config);
    max_abs(
        output.pre_norm.features().clone(),
        fixture.tensor("out.hidden"),
    )
}

#[test]
fn qwen3_agrees_at_every_tap() {
    let mut fixture = Fixture::open("qwen3_vl");
    let tower = qwen3_config().load(&mut fixture, &Device::flex()).unwrap();
    let embedded = tower.embed(&fixture.packed(2)).unwrap();
    let error = max_abs(embedded, fixture.tensor("out.embeddings"));
    assert!(error < TOLERANCE, "embeddings: max abs error {error:e}");
    let error = hidden_error(&qwen3_config());
    assert!(error < TOLERANCE, "hidden: max abs error {error:e}");
}

/// What the mergers make of the levels is compared in `published-models`.
#[test]
fn inner_levels_are_the_states_after_their_blocks() {
    let mut fixture = Fixture::open("qwen3_vl");
    let all = Qwen3VitConfig {
        deepstack: vec![0, 1, 2, 3],
        ..qwen3_config()
    };
    let all = output(&mut fixture, &all);
    let some = output(&mut fixture, &qwen3_config());
    assert_eq!((all.inner.len(), some.inner.len()), (4, 2));
    let values = |features: &PackedPatches| features.features().clone().into_data();
    assert_eq!(values(&some.inner[0]), values(&all.inner[1]));
    assert_eq!(values(&some.inner[1]), values(&all.inner[2]));
    assert_eq!(values(&all.pre_norm), values(&all.inner[3]));
    assert!(some.post_norm.is_none());
    assert_ne!(values(&all.inner[0]), values(&all.inner[1]));
}

#[test]
fn qwen3_parity_fails_when_a_part_is_wrong() {
    for (name, config) in [
        (
            "another rotary base",
            Qwen3VitConfig {
                rotary_base: 100.0,
                ..qwen3_config()
            },
        ),
        (
            "quick-GELU",
            Qwen3VitConfig {
                activation: Activation::QuickGelu,
                ..qwen3_config()
            },
        ),
        (
            "other heads",
            Qwen3VitConfig {
                heads: 3,
                ..qwen3_config()
            },
        ),
        (
            "a block less",
            Qwen3VitConfig {
                depth: 3,
                ..qwen3_config()
            },
        ),
    ] {
        let error = hidden_error(&config);
        assert!(error > MARGIN, "{name}: max abs error is only {error:e}");
    }
}

/// The same patches as one wide image: every position is another, and frames see each other.
#[test]
fn qwen3_parity_fails_with_images_of_another_shape() {
    let mut fixture = Fixture::open("qwen3_vl");
    let tower = qwen3_config().load(&mut fixture, &Device::flex()).unwrap();
    let pixels: Tensor<2> = fixture.tensor("in.pixel_values");
    let cols = pixels.dims()[0] / 2;
    let wide = PackedPatches::new(pixels, vec![GridThw::still(2, cols)], 2).unwrap();
    for (tap, found) in [
        ("out.embeddings", tower.embed(&wide).unwrap()),
        (
            "out.hidden",
            tower.forward(&wide).unwrap().pre_norm.features().clone(),
        ),
    ] {
        let error = max_abs(found, fixture.tensor(tap));
        assert!(error > MARGIN, "{tap}: max abs error is only {error:e}");
    }
}
