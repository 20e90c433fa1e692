//! The tower of Qwen2-VL and Qwen2.5-VL: windows, their order, features.

use burn::tensor::Device;
use vision_backbone::qwen::position_ids;
use vision_backbone::{GridThw, PackedPatches, QwenGeneration, QwenVitConfig, VisionTower};

use crate::fixture::{Fixture, MARGIN, TOLERANCE, max_abs};
use crate::qwen_config;

/// Error of the features in window order under a configuration.
fn qwen_error(fixture: &mut Fixture, config: &QwenVitConfig) -> f32 {
    let tower = config.load(fixture, &Device::flex()).unwrap();
    let pixels = fixture.packed(2);
    let order = tower.order(&pixels);
    let hidden = tower.hidden_in_window_order(&pixels, &order).unwrap();
    max_abs(hidden, fixture.tensor("out.hidden_window_order"))
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
