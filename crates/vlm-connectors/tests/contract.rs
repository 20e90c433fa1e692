//! What every projector must do, for each connector; and what each costs.

#![allow(clippy::unwrap_used)]

use burn::tensor::{Device, Tensor};
use projector::{Pass, PatchGrid, Projector, conformance, seeded};
use rand_chacha::ChaCha8Rng;
use vlm_connectors::{
    CAbstractor, CAbstractorConfig, ConnectorError, ConvCompressor, ConvCompressorConfig,
    GemmaPool, GemmaPoolConfig, InternVlMlp, InternVlMlpConfig, Resampler, ResamplerConfig,
};

const D_IN: usize = 3;
const D_OUT: usize = 7;

fn rng() -> ChaCha8Rng {
    seeded::stream(1, "connector")
}

fn internvl(merge: usize) -> InternVlMlp {
    let (d_in, d_out) = (D_IN, D_OUT);
    let config = InternVlMlpConfig { d_in, merge, d_out };
    config.init(&mut rng(), &Device::flex()).unwrap()
}

fn gemma(merge: usize) -> GemmaPool {
    let (d_in, d_out) = (D_IN, D_OUT);
    let config = GemmaPoolConfig { d_in, merge, d_out };
    config.init(&mut rng(), &Device::flex()).unwrap()
}

fn conv(merge: usize) -> ConvCompressor {
    let (d_in, d_out) = (D_IN, D_OUT);
    let config = ConvCompressorConfig { d_in, merge, d_out };
    config.init(&mut rng(), &Device::flex()).unwrap()
}

fn abstractor(d_in: usize, merge: usize) -> CAbstractor {
    let d_out = D_OUT;
    let config = CAbstractorConfig { d_in, merge, d_out };
    config.init(&mut rng(), &Device::flex()).unwrap()
}

fn resampler(merge: usize, queries: usize) -> Resampler {
    let config = ResamplerConfig {
        d_in: D_IN,
        merge,
        queries,
        d_out: 8,
        heads: 2,
    };
    config.init(&mut rng(), &Device::flex()).unwrap()
}

/// Two images of 2 x 3 blocks.
fn patches(merge: usize) -> PatchGrid {
    patches_of(D_IN, merge)
}

fn patches_of(d_in: usize, merge: usize) -> PatchGrid {
    let (rows, columns) = (2 * merge, 3 * merge);
    let mut rng = seeded::stream(2, "patches");
    let features = seeded::normal([2, rows * columns, d_in], 1.5, &mut rng, &Device::flex());
    PatchGrid::new(features, rows, columns, merge).unwrap()
}

#[test]
fn shapes_batch_independence_and_seeds_hold_for_any_merge_size() {
    for merge in [1, 2, 3, 4] {
        conformance::assert_conforms(|| internvl(merge), &patches(merge));
        conformance::assert_conforms(|| gemma(merge), &patches(merge));
        conformance::assert_conforms(|| abstractor(D_IN, merge), &patches(merge));
        // As many queries as blocks, fewer, more.
        for queries in [6, 1, 10] {
            conformance::assert_conforms(|| resampler(merge, queries), &patches(merge));
        }
    }
    for merge in [2, 4, 8] {
        conformance::assert_conforms(|| conv(merge), &patches(merge));
    }
}

#[test]
fn every_parameter_gets_a_gradient() {
    for merge in [2, 4] {
        conformance::assert_trains(internvl(merge), &patches(merge), &[]);
        conformance::assert_trains(gemma(merge), &patches(merge), &[]);
        conformance::assert_trains(conv(merge), &patches(merge), &[]);
        conformance::assert_trains(abstractor(D_IN, merge), &patches(merge), &[]);
        conformance::assert_trains(resampler(merge, 6), &patches(merge), &[]);
    }
}

#[test]
fn gradients_agree_with_finite_differences() {
    for merge in [2, 4] {
        conformance::assert_true_gradient(internvl(merge), &patches(merge));
        conformance::assert_true_gradient(gemma(merge), &patches(merge));
        conformance::assert_true_gradient(conv(merge), &patches(merge));
        // Norms over three numbers are too curved for differences.
        conformance::assert_true_gradient(abstractor(12, merge), &patches_of(12, merge));
        // Fresh weights are so small that the norms behind them are too curved for differences.
        let mut trained = resampler(merge, 6);
        for layer in [&mut trained.patches, &mut trained.attended] {
            layer.weight = layer.weight.clone().map(|weight| weight * 50.0);
        }
        conformance::assert_true_gradient(trained, &patches(merge));
    }
}

#[test]
fn parameters_and_multiply_adds_are_counted_as_by_hand() {
    let cost = internvl(2).cost();
    assert_eq!(cost.parameters, 2 * 12 + 12 * 7 + 7 + 7 * 7 + 7);
    assert_eq!(cost.multiply_adds_per_token, 12 * 7 + 7 * 7);
    let cost = gemma(4).cost();
    assert_eq!(cost.parameters, 3 + 3 * 7);
    assert_eq!(cost.multiply_adds_per_token, 3 * 7);
    // 3, 6, 12 channels; the first convolution runs at four places per token.
    let cost = conv(4).cost();
    assert_eq!(cost.parameters, 9 * 3 * 6 + 9 * 6 * 12 + 12 * 7 + 7);
    assert_eq!(
        cost.multiply_adds_per_token,
        4 * 9 * 3 * 6 + 9 * 6 * 12 + 12 * 7
    );
    let cost = conv(2).cost();
    assert_eq!(cost.multiply_adds_per_token, 9 * 3 * 6 + 6 * 7);
    assert_eq!((cost.bits_per_token, cost.words), (None, None));
    // Two matrices, nine taps, three norms, and a gate of 3 -> 1 -> 3 in each of six blocks.
    let cost = abstractor(D_IN, 2).cost();
    let block = 2 * 9 + 9 * 3 + 3 * 2 * 3 + (3 + 1) + (3 + 3);
    assert_eq!(cost.parameters, 6 * block + 3 * 7 + 7 + 7 * 7 + 7);
    let places = 3 * (4 + 1) * (2 * 9 + 9 * 3);
    assert_eq!(cost.multiply_adds_per_token, places + 3 * 7 + 7 * 7);
    let cost = resampler(2, 6).cost();
    let matrices = 3 * 8 + 5 * 8 * 8 + 3 * 8;
    assert_eq!(cost.parameters, 6 * 8 + matrices + 3 * 2 * 8);
    assert_eq!(cost.multiply_adds_per_token, 4 * (3 * 8 + 2 * 64) + 3 * 64);
}

#[test]
fn a_token_of_the_compressor_reads_its_block_and_merge_minus_one_patches_above_and_to_the_left() {
    for merge in [2, 4] {
        let compressor = conv(merge);
        let (rows, columns) = (2 * merge, 3 * merge);
        let tokens = |row: Option<(usize, usize)>| -> Tensor<3> {
            let mut features = vec![0.0_f32; rows * columns * D_IN];
            if let Some((y, x)) = row {
                features[(y * columns + x) * D_IN] = 1.0;
            }
            let features = Tensor::<1>::from_floats(features.as_slice(), &Device::flex());
            let features = features.reshape([1, rows * columns, D_IN]);
            let patches = PatchGrid::from_raster(features, rows, columns, merge).unwrap();
            let tokens = compressor.forward(&patches, &mut Pass::deterministic());
            tokens.embeddings
        };
        let nothing = tokens(None);
        // The token in the second row and second column of blocks.
        for y in 0..rows {
            for x in 0..columns {
                let change = (tokens(Some((y, x))) - nothing.clone()).abs();
                let change: f32 = change.slice_dim(1, 4..5).max().into_scalar();
                let is_read = |place: usize| (1..2 * merge).contains(&place);
                assert_eq!(change > 0.0, is_read(y) && is_read(x), "{merge}: {y}, {x}");
            }
        }
    }
}

#[test]
fn sizes_that_make_no_connector_are_refused_by_name() {
    let device = Device::flex();
    let (d_in, d_out) = (D_IN, D_OUT);
    for merge in [1, 3, 6] {
        let config = ConvCompressorConfig { d_in, merge, d_out };
        let error = config.init(&mut rng(), &device).unwrap_err();
        let message = error.to_string();
        assert!(
            message.starts_with("conv-compressor: ")
                && message.contains(&format!("{merge} x {merge}"))
                && message.contains("set the merge size to 4"),
            "{message}"
        );
    }
    let config = ResamplerConfig {
        d_in,
        merge: 2,
        queries: 4,
        d_out: 10,
        heads: 2,
    };
    let message = config.init(&mut rng(), &device).unwrap_err().to_string();
    assert!(
        message.starts_with("resampler: ") && message.contains("10 numbers"),
        "{message}"
    );
    let config = GemmaPoolConfig {
        d_in,
        merge: 0,
        d_out,
    };
    assert_eq!(
        config.init(&mut rng(), &device).unwrap_err(),
        ConnectorError::EmptyAxis {
            connector: "gemma-pool",
            axis: "merge"
        }
    );
    let config = InternVlMlpConfig {
        d_in,
        merge: 2,
        d_out: 0,
    };
    let error = config.init(&mut rng(), &device).unwrap_err();
    assert_eq!(
        error.to_string(),
        "internvl-mlp: d_out is 0; set it to 1 or more"
    );
}
