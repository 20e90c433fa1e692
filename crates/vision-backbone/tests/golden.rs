//! The published towers against reference tensors (see `data/parity/README.md`), stage by stage,
//! and proof that the comparison notices a broken tower. Tolerance 1e-5, max abs, f32.

#![allow(clippy::unwrap_used)]

mod fixture;

use burn::tensor::{Device, Tensor};
use fixture::{Fixture, MARGIN, TOLERANCE, max_abs};
use vision_backbone::positions::published_angles;
use vision_backbone::qwen::{ROTARY_BASE, position_ids};
use vision_backbone::{
    Activation, Aimv2Config, Aimv2Naming, GridThw, NavitConfig, PackedPatches, ParameterSource,
    QwenGeneration, QwenVitConfig, VisionTower,
};

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

/// Error of the features in window order under a configuration.
fn qwen_error(fixture: &mut Fixture, config: &QwenVitConfig) -> f32 {
    let tower = config.load(fixture, &Device::flex()).unwrap();
    let pixels = fixture.packed(2);
    let order = tower.order(&pixels);
    let hidden = tower.hidden_in_window_order(&pixels, &order).unwrap();
    max_abs(hidden, fixture.tensor("out.hidden_window_order"))
}

fn navit_error(fixture: &mut Fixture, config: &NavitConfig) -> f32 {
    let tower = config.load(fixture, &Device::flex()).unwrap();
    let output = tower.forward(&fixture.packed(2)).unwrap();
    max_abs(
        output.pre_norm.features().clone(),
        fixture.tensor("out.pre_ln_hidden"),
    )
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
fn qwen_orders_windows_as_the_reference() {
    let mut fixture = Fixture::open("qwen2_5_vl");
    let tower = qwen_config().load(&mut fixture, &Device::flex()).unwrap();
    let pixels = fixture.packed(2);
    let order = tower.order(&pixels).windows;
    let expected: Vec<usize> = fixture.integers("out.window_index");
    assert_eq!(order.blocks, expected);
    assert_eq!(
        order.cumulative_patches(2),
        fixture.integers("out.cu_window_seqlens")
    );
    let positions: Vec<usize> = position_ids(pixels.grids(), 2)
        .into_iter()
        .flat_map(|(row, col)| [row, col])
        .collect();
    assert_eq!(positions, fixture.integers("out.position_ids"));
}

#[test]
fn qwen_hidden_states_agree() {
    let error = qwen_error(&mut Fixture::open("qwen2_5_vl"), &qwen_config());
    assert!(error < TOLERANCE, "max abs error {error:e}");
}

#[test]
fn qwen_features_come_back_in_merge_order() {
    let mut fixture = Fixture::open("qwen2_5_vl");
    let tower = qwen_config().load(&mut fixture, &Device::flex()).unwrap();
    let features = tower.forward(&fixture.packed(2)).unwrap().pre_norm;
    let [patches, d] = features.features().dims();
    let found: Vec<f32> = features
        .features()
        .clone()
        .into_data()
        .try_to_vec()
        .unwrap();
    let windows: Vec<f32> = fixture
        .tensor::<2>("out.hidden_window_order")
        .into_data()
        .try_to_vec()
        .unwrap();
    let scale = windows.iter().fold(1.0_f32, |max, x| max.max(x.abs()));
    for (place, block) in fixture.integers("out.window_index").into_iter().enumerate() {
        let size = patches / 23 * d;
        let (found, expected) = (
            &found[block * size..][..size],
            &windows[place * size..][..size],
        );
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < TOLERANCE * scale);
        }
    }
}

#[test]
fn qwen_parity_fails_when_a_part_is_wrong() {
    let variants: [(&str, QwenVitConfig); 3] = [
        (
            "a window that is one block smaller",
            QwenVitConfig {
                generation: QwenGeneration::Qwen2_5 {
                    window: 16,
                    full_attention: vec![1],
                },
                ..qwen_config()
            },
        ),
        (
            "full attention one block later",
            QwenVitConfig {
                generation: QwenGeneration::Qwen2_5 {
                    window: 32,
                    full_attention: vec![2],
                },
                ..qwen_config()
            },
        ),
        (
            "twice the heads",
            QwenVitConfig {
                heads: 8,
                ..qwen_config()
            },
        ),
    ];
    for (name, config) in variants {
        let mut fixture = Fixture::open("qwen2_5_vl");
        // Another window has another order; blocks are compared where they are.
        let tower = config.load(&mut fixture, &Device::flex()).unwrap();
        let right = qwen_config().load(&mut fixture, &Device::flex()).unwrap();
        let features = |tower: &vision_backbone::QwenVit| {
            tower
                .forward(&fixture.packed(2))
                .unwrap()
                .pre_norm
                .features()
                .clone()
        };
        let error = max_abs(features(&tower), features(&right));
        assert!(error > MARGIN, "{name}: max abs error is only {error:e}");
    }
}

#[test]
fn qwen_parity_fails_with_rows_and_columns_or_channels_exchanged() {
    let mut fixture = Fixture::open("qwen2_5_vl");
    let tower = qwen_config().load(&mut fixture, &Device::flex()).unwrap();
    let pixels = fixture.packed(2);
    let expected = tower.forward(&pixels).unwrap().pre_norm;
    // `[patches, channel, frame, y, x]`
    let patches = pixels.features().clone().reshape([92, 3, 2, 8, 8]);
    let transposed = patches.clone().swap_dims(3, 4).reshape([92, 384]);
    let channels = patches.flip([1]).reshape([92, 384]);
    for (name, changed) in [("rows and columns", transposed), ("channels", channels)] {
        let output = tower.forward(&pixels.with_features(changed)).unwrap();
        let error = max_abs(
            output.pre_norm.features().clone(),
            expected.features().clone(),
        );
        assert!(error > MARGIN, "{name}: max abs error is only {error:e}");
    }
    // A grid read with its sides exchanged puts patches elsewhere.
    let grids: Vec<GridThw> = pixels
        .grids()
        .iter()
        .map(|g| GridThw {
            rows: g.cols,
            cols: g.rows,
            ..*g
        })
        .collect();
    let turned = PackedPatches::new(pixels.features().clone(), grids, 2).unwrap();
    let output = tower.forward(&turned).unwrap();
    let error = max_abs(
        output.pre_norm.features().clone(),
        expected.features().clone(),
    );
    assert!(error > MARGIN, "grid: max abs error is only {error:e}");
}

#[test]
fn images_and_frames_of_a_batch_do_not_mix() {
    let mut fixture = Fixture::open("qwen2_5_vl");
    let tower = qwen_config().load(&mut fixture, &Device::flex()).unwrap();
    let pixels = fixture.packed(2);
    let encode = |pixels: &PackedPatches| -> Vec<f32> {
        let output = tower.forward(pixels).unwrap().pre_norm;
        output.features().clone().into_data().try_to_vec().unwrap()
    };
    let together = encode(&pixels);
    let mut start = 0;
    for (image, grid) in fixture.grids().into_iter().enumerate() {
        for frame in 0..grid.frames {
            let patches = grid.rows * grid.cols;
            let alone = pixels
                .features()
                .clone()
                .slice_dim(0, start..start + patches);
            let alone = PackedPatches::new(alone, vec![GridThw { frames: 1, ..grid }], 2).unwrap();
            let alone = encode(&alone);
            for (alone, together) in alone.iter().zip(&together[start * 32..]) {
                let error = (alone - together).abs();
                assert!(error < 1e-5, "image {image}, frame {frame}: {error:e}");
            }
            start += patches;
        }
    }
    assert_eq!(start, 92);
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
    for (tap, found) in [
        ("out.embeddings", tower.embed(&pixels).unwrap()),
        ("out.pre_ln_hidden", output.pre_norm.features().clone()),
        ("out.post_ln_hidden", output.post_norm.features().clone()),
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

/// Reads queries and keys with the rows of every head in another order, in which the pairs
/// `(j, j + d/2)` that are rotated are what `(2j, 2j + 1)` were: the tower then computes what an
/// interleaved rotation would.
struct Interleaved<'a> {
    fixture: &'a mut Fixture,
    d_model: usize,
    d_head: usize,
}

impl ParameterSource for Interleaved<'_> {
    type Error = fixture::Missing;

    fn read(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, fixture::Missing> {
        let mut values = self.fixture.read(name, shape)?;
        let is_rotated = ["attn.qkv.", "self_attn.q_proj.", "self_attn.k_proj."]
            .iter()
            .any(|part| name.contains(part));
        if is_rotated {
            let width = values.len() / shape[0];
            // Of a fused projection the first two thirds.
            let rows = if shape[0] == 3 * self.d_model {
                2 * self.d_model
            } else {
                self.d_model
            };
            let before = values.clone();
            for row in 0..rows {
                let (head, place) = (row / self.d_head, row % self.d_head);
                let half = self.d_head / 2;
                let source = head * self.d_head + place % half * 2 + place / half;
                values[row * width..(row + 1) * width]
                    .copy_from_slice(&before[source * width..(source + 1) * width]);
            }
        }
        Ok(values)
    }

    fn read_transposed(
        &mut self,
        name: &str,
        [rows, columns]: [usize; 2],
    ) -> Result<Vec<f32>, fixture::Missing> {
        let values = self.read(name, &[rows, columns])?;
        Ok((0..rows * columns)
            .map(|index| values[index % rows * columns + index / rows])
            .collect())
    }
}

#[test]
fn parity_fails_with_interleaved_rotation() {
    let mut fixture = Fixture::open("ovis2_5");
    let pixels = fixture.packed(2);
    let expected = fixture.tensor("out.pre_ln_hidden");
    let config = navit_config();
    let mut source = Interleaved {
        d_model: config.d_model,
        d_head: config.d_model / config.heads,
        fixture: &mut fixture,
    };
    let tower = config.load(&mut source, &Device::flex()).unwrap();
    let found = tower.forward(&pixels).unwrap().pre_norm;
    let error = max_abs(found.features().clone(), expected);
    assert!(error > MARGIN, "Ovis2.5: max abs error is only {error:e}");

    let mut fixture = Fixture::open("qwen2_5_vl");
    let pixels = fixture.packed(2);
    let expected = fixture.tensor("out.hidden_window_order");
    let config = qwen_config();
    let mut source = Interleaved {
        d_model: config.d_model,
        d_head: config.d_model / config.heads,
        fixture: &mut fixture,
    };
    let tower = config.load(&mut source, &Device::flex()).unwrap();
    let found = tower
        .hidden_in_window_order(&pixels, &tower.order(&pixels))
        .unwrap();
    let error = max_abs(found, expected);
    assert!(
        error > MARGIN,
        "Qwen2.5-VL: max abs error is only {error:e}"
    );
}

#[test]
fn a_wrong_window_changes_the_order_as_well() {
    let mut fixture = Fixture::open("qwen2_5_vl");
    let expected = fixture.integers("out.window_index");
    let pixels = fixture.packed(2);
    // One block less and one more than the 2 of the fixture.
    for window in [16, 48] {
        let config = QwenVitConfig {
            generation: QwenGeneration::Qwen2_5 {
                window,
                full_attention: vec![1],
            },
            ..qwen_config()
        };
        let tower = config.load(&mut fixture, &Device::flex()).unwrap();
        assert_ne!(tower.order(&pixels).windows.blocks, expected, "{window}");
    }
}

#[test]
fn navit_parity_fails_with_the_state_after_the_norm() {
    let mut fixture = Fixture::open("ovis2_5");
    let tower = navit_config().load(&mut fixture, &Device::flex()).unwrap();
    let output = tower.forward(&fixture.packed(2)).unwrap();
    let error = max_abs(
        output.post_norm.features().clone(),
        fixture.tensor("out.pre_ln_hidden"),
    );
    assert!(error > MARGIN, "max abs error is only {error:e}");
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
    let error = max_abs(merged(&output.post_norm), expected.clone());
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

#[test]
fn pixels_of_another_processor_are_refused() {
    let mut fixture = Fixture::open("ovis2_5");
    let tower = navit_config().load(&mut fixture, &Device::flex()).unwrap();
    let pixels = Tensor::zeros([16, 384], &Device::flex());
    let pixels = PackedPatches::new(pixels, vec![GridThw::still(4, 4)], 2).unwrap();
    let error = tower.forward(&pixels).unwrap_err().to_string();
    assert!(error.contains("384") && error.contains("192"), "{error}");
}

#[test]
fn released_towers_have_their_published_size() {
    use vision_backbone::RandomSource;
    // One block each: the sizes of a whole tower would take gigabytes.
    let mut source = RandomSource { seed: 0 };
    let device = Device::flex();
    let qwen = QwenVitConfig {
        depth: 1,
        generation: QwenGeneration::Qwen2_5 {
            window: 112,
            full_attention: vec![],
        },
        ..QwenVitConfig::qwen2_5_vl_3b()
    };
    let count = burn::module::Module::num_params(&qwen.load(&mut source, &device).unwrap());
    let embed = 1280 * 1176;
    // 668,684,288 parameters in all, 36,708,608 of them in the merger.
    assert_eq!((count - embed) * 32 + embed, 668_684_288 - 36_708_608);
}
