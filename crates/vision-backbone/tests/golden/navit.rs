//! The tower of Ovis2.5.

use burn::tensor::{Device, Tensor};
use vision_backbone::positions::published_angles;
use vision_backbone::qwen::ROTARY_BASE;
use vision_backbone::{Activation, GridThw, NavitConfig, PackedPatches, VisionTower};

use crate::fixture::{Fixture, MARGIN, TOLERANCE, max_abs};
use crate::navit_config;

fn navit_error(fixture: &mut Fixture, config: &NavitConfig) -> f32 {
    let tower = config.load(fixture, &Device::flex()).unwrap();
    let output = tower.forward(&fixture.packed(2)).unwrap();
    max_abs(
        output.pre_norm.features().clone(),
        fixture.tensor("out.pre_ln_hidden"),
    )
}

#[test]
fn navit_agrees_at_every_tap() {
    let mut fixture = Fixture::open("ovis2_5");
    let tower = navit_config().load(&mut fixture, &Device::flex()).unwrap();
    let pixels = fixture.packed(2);
    let angles = published_angles(&pixels.positions(), 8, ROTARY_BASE);
    let expected: Vec<f32> = fixture
        .tensor::<2>("out.rope_angles")
        .into_data()
        .try_to_vec()
        .unwrap();
    assert_eq!(angles.len(), expected.len());
    for (found, expected) in angles.iter().zip(&expected) {
        assert!((found - expected).abs() < TOLERANCE, "{found} {expected}");
    }
    let output = tower.forward(&pixels).unwrap();
    let post_norm = output.post_norm.unwrap();
    for (tap, found) in [
        ("out.embeddings", tower.embed(&pixels).unwrap()),
        ("out.pre_ln_hidden", output.pre_norm.features().clone()),
        ("out.post_ln_hidden", post_norm.features().clone()),
    ] {
        let error = max_abs(found, fixture.tensor(tap));
        assert!(error < TOLERANCE, "{tap}: max abs error {error:e}");
    }
}

#[test]
fn navit_parity_fails_when_a_part_is_wrong() {
    let variants: [(&str, NavitConfig); 4] = [
        (
            "no rotary angles",
            NavitConfig {
                rotary: false,
                ..navit_config()
            },
        ),
        (
            "erf-GELU",
            NavitConfig {
                activation: Activation::QuickGelu,
                ..navit_config()
            },
        ),
        (
            "the epsilon of another norm",
            NavitConfig {
                norm_eps: 1e-2,
                ..navit_config()
            },
        ),
        (
            "windows",
            NavitConfig {
                windows: Some((32, vec![1])),
                ..navit_config()
            },
        ),
    ];
    for (name, config) in variants {
        let error = navit_error(&mut Fixture::open("ovis2_5"), &config);
        assert!(error > MARGIN, "{name}: max abs error is only {error:e}");
    }
}

#[test]
fn navit_parity_fails_with_the_state_after_the_norm() {
    let mut fixture = Fixture::open("ovis2_5");
    let tower = navit_config().load(&mut fixture, &Device::flex()).unwrap();
    let output = tower.forward(&fixture.packed(2)).unwrap();
    let error = max_abs(
        output.post_norm.unwrap().features().clone(),
        fixture.tensor("out.pre_ln_hidden"),
    );
    assert!(error > MARGIN, "max abs error is only {error:e}");
}

#[test]
fn pixels_of_another_processor_are_refused() {
    let mut fixture = Fixture::open("ovis2_5");
    let tower = navit_config().load(&mut fixture, &Device::flex()).unwrap();
    let pixels = Tensor::zeros([16, 384], &Device::flex());
    let pixels = PackedPatches::new(pixels, vec![GridThw::still(4, 4)], 2).unwrap();
    let error = tower.forward(&pixels).unwrap_err().to_string();
    assert!(error.contains("384") && error.contains("192"), "{error}");
}
