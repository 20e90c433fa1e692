//! Parity with the equations in f64 (`tools/fixtures/connectors.py`), and proof that the comparison
//! notices a broken connector. Tolerance 1e-5, max abs, f32.

#![allow(clippy::unwrap_used)]

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::activation::gelu_approximate;
use burn::tensor::{Device, Tensor, TensorData};
use projector::{LayerNorm, Pass, PatchGrid, Projector, linear, rms_normalize, seeded};
use safetensors::SafeTensors;
use vlm_connectors::c_abstractor::RegNetBlock;
use vlm_connectors::{
    CAbstractor, CAbstractorConfig, ConvCompressor, ConvCompressorConfig, GemmaPool,
    GemmaPoolConfig, InternVlMlp, InternVlMlpConfig, Resampler, ResamplerConfig,
};

const TOLERANCE: f32 = 1e-5;
/// A broken connector must miss by at least this much.
const MARGIN: f32 = 1e-3;

/// A file, and the rows, columns and merge size of its pictures.
struct Fixture(&'static [u8], usize, usize, usize);

const INTERNVL: [Fixture; 2] = [
    Fixture(include_bytes!("fixtures/internvl_mlp.safetensors"), 4, 6, 2),
    Fixture(
        include_bytes!("fixtures/internvl_mlp-merge3-small.safetensors"),
        6,
        3,
        3,
    ),
];
const GEMMA: [Fixture; 2] = [
    Fixture(include_bytes!("fixtures/gemma_pool.safetensors"), 4, 8, 4),
    Fixture(
        include_bytes!("fixtures/gemma_pool-merge2-small.safetensors"),
        4,
        6,
        2,
    ),
];
const CONV: [Fixture; 2] = [
    Fixture(
        include_bytes!("fixtures/conv_compressor.safetensors"),
        8,
        12,
        4,
    ),
    Fixture(
        include_bytes!("fixtures/conv_compressor-merge2.safetensors"),
        4,
        6,
        2,
    ),
];

const ABSTRACTOR: Fixture = Fixture(include_bytes!("fixtures/c_abstractor.safetensors"), 4, 6, 2);
/// With its heads.
const RESAMPLER: [(Fixture, usize); 2] = [
    (
        Fixture(include_bytes!("fixtures/resampler.safetensors"), 4, 4, 2),
        2,
    ),
    (
        Fixture(
            include_bytes!("fixtures/resampler-6-queries.safetensors"),
            4,
            6,
            2,
        ),
        1,
    ),
];

impl Fixture {
    fn tensor<const D: usize>(&self, name: &str) -> Tensor<D> {
        let file = SafeTensors::deserialize(self.0).unwrap();
        let view = file.tensor(name).unwrap();
        let values: Vec<f32> = view
            .data()
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
            .collect();
        Tensor::from_data(TensorData::new(values, view.shape()), &Device::flex())
    }

    fn param<const D: usize>(&self, name: &str) -> Param<Tensor<D>> {
        Param::from_tensor(self.tensor(name))
    }

    /// A layer below `name`, stored as PyTorch does.
    fn linear(&self, name: &str) -> Linear {
        Linear {
            weight: Param::from_tensor(self.tensor::<2>(&format!("{name}.weight")).transpose()),
            bias: Some(self.param(&format!("{name}.bias"))),
        }
    }

    /// A convolution of one place below `name`, as a layer.
    fn conv1x1(&self, name: &str, bias: bool) -> Linear {
        let weight = self.tensor::<4>(&format!("{name}.weight"));
        let [written, read, _, _] = weight.dims();
        Linear {
            weight: Param::from_tensor(weight.reshape([written, read]).transpose()),
            bias: bias.then(|| self.param(&format!("{name}.bias"))),
        }
    }

    /// A norm below `name`.
    fn norm(&self, name: &str, epsilon: f64) -> LayerNorm {
        let gamma: Tensor<1> = self.tensor(&format!("{name}.weight"));
        let mut norm = seeded::layer_norm(gamma.dims()[0], epsilon, &Device::flex());
        norm.gamma = Param::from_tensor(gamma);
        norm.beta = self.param(&format!("{name}.bias"));
        norm
    }

    /// The pictures, whose patches the file has row by row.
    fn patches(&self) -> PatchGrid {
        let Self(_, rows, columns, merge) = *self;
        PatchGrid::from_raster(self.tensor("in.features"), rows, columns, merge).unwrap()
    }

    /// Widths of a patch and of a token.
    fn widths(&self) -> (usize, usize) {
        let width = |name| self.tensor::<3>(name).dims()[2];
        (width("in.features"), width("out.tokens"))
    }

    fn error_of(&self, tokens: Tensor<3>) -> f32 {
        let expected = self.tensor::<3>("out.tokens");
        assert_eq!(tokens.dims(), expected.dims());
        (tokens - expected).abs().max().into_scalar()
    }

    fn error(&self, connector: &impl Projector, patches: &PatchGrid) -> f32 {
        let tokens = connector.forward(patches, &mut Pass::deterministic());
        self.error_of(tokens.embeddings)
    }

    fn agrees_with(&self, connector: &impl Projector) {
        let error = self.error(connector, &self.patches());
        assert!(
            error < TOLERANCE,
            "merge {}: max abs error {error:e}",
            self.3
        );
    }

    /// The patches of every block column by column.
    fn swapped(&self) -> PatchGrid {
        let Self(_, _, _, merge) = *self;
        let patches = self.patches();
        let [batch, count, d_in] = patches.features().dims();
        patches.map_features(|features| {
            features
                .reshape([batch, count / (merge * merge), merge, merge, d_in])
                .swap_dims(2, 3)
                .reshape([batch, count, d_in])
        })
    }
}

fn internvl(fixture: &Fixture) -> InternVlMlp {
    let (d_in, d_out) = fixture.widths();
    let merge = fixture.3;
    let config = InternVlMlpConfig { d_in, merge, d_out };
    let mut rng = seeded::stream(0, "replaced");
    let mut mlp = config.init(&mut rng, &Device::flex()).unwrap();
    mlp.norm.gamma = fixture.param("w.mlp1.0.weight");
    mlp.norm.beta = fixture.param("w.mlp1.0.bias");
    mlp.fc1 = fixture.linear("w.mlp1.1");
    mlp.fc2 = fixture.linear("w.mlp1.3");
    mlp
}

fn gemma(fixture: &Fixture) -> GemmaPool {
    let (d_in, d_out) = fixture.widths();
    let merge = fixture.3;
    let config = GemmaPoolConfig { d_in, merge, d_out };
    let mut rng = seeded::stream(0, "replaced");
    let mut pool = config.init(&mut rng, &Device::flex()).unwrap();
    pool.norm_weight = fixture.param("w.mm_soft_emb_norm.weight");
    pool.projection.weight = fixture.param("w.mm_input_projection_weight");
    pool
}

fn conv(fixture: &Fixture) -> ConvCompressor {
    let (d_in, d_out) = fixture.widths();
    let merge = fixture.3;
    let config = ConvCompressorConfig { d_in, merge, d_out };
    let mut rng = seeded::stream(0, "replaced");
    let mut compressor = config.init(&mut rng, &Device::flex()).unwrap();
    for (step, layer) in compressor.convolutions.iter_mut().enumerate() {
        let kernel = fixture.tensor::<4>(&format!("w.net_{}.weight", step + 2));
        let [written, channels, _, _] = kernel.dims();
        let kernel = kernel.permute([2, 3, 1, 0]);
        layer.weight = Param::from_tensor(kernel.reshape([9 * channels, written]));
    }
    compressor.projection = fixture.linear("w.projector.layers");
    compressor
}

fn regnet_block(fixture: &Fixture, name: &str) -> RegNetBlock {
    let norm = |conv| fixture.norm(&format!("{name}.{conv}.bn"), 1e-5);
    let conv1x1 = |conv| fixture.conv1x1(&format!("{name}.{conv}.conv"), false);
    let kernel = fixture.tensor::<4>(&format!("{name}.conv2.conv.weight"));
    let c = kernel.dims()[0];
    RegNetBlock {
        enter: conv1x1("conv1"),
        enter_norm: norm("conv1"),
        kernel: Param::from_tensor(kernel.reshape([c, 9]).transpose()),
        kernel_norm: norm("conv2"),
        squeeze: fixture.conv1x1(&format!("{name}.se.fc1"), true),
        excite: fixture.conv1x1(&format!("{name}.se.fc2"), true),
        leave: conv1x1("conv3"),
        leave_norm: norm("conv3"),
    }
}

fn abstractor() -> CAbstractor {
    let (d_in, d_out) = ABSTRACTOR.widths();
    let merge = ABSTRACTOR.3;
    let config = CAbstractorConfig { d_in, merge, d_out };
    let mut rng = seeded::stream(0, "replaced");
    let mut abstractor = config.init(&mut rng, &Device::flex()).unwrap();
    let stage = |number: usize| -> Vec<RegNetBlock> {
        let names = (1..=3).map(|block| format!("w.net.{number}.b{block}"));
        names.map(|name| regnet_block(&ABSTRACTOR, &name)).collect()
    };
    (abstractor.patches, abstractor.tokens) = (stage(0), stage(2));
    abstractor.fc1 = ABSTRACTOR.linear("w.readout.0");
    abstractor.fc2 = ABSTRACTOR.linear("w.readout.2");
    abstractor
}

fn resampler((fixture, heads): &(Fixture, usize)) -> Resampler {
    let (d_in, d_out) = fixture.widths();
    let queries = fixture.tensor::<2>("w.attn_pool.query").dims()[0];
    let config = ResamplerConfig {
        d_in,
        merge: fixture.3,
        queries,
        d_out,
        heads: *heads,
    };
    let mut rng = seeded::stream(0, "replaced");
    let mut resampler = config.init(&mut rng, &Device::flex()).unwrap();
    let weights = fixture.tensor::<2>("w.attn_pool.attn.in_proj_weight");
    let biases = fixture.tensor::<1>("w.attn_pool.attn.in_proj_bias");
    let third = |part: usize, bias: bool| {
        let rows = part * d_out..(part + 1) * d_out;
        Linear {
            weight: Param::from_tensor(weights.clone().slice_dim(0, rows.clone()).transpose()),
            bias: bias.then(|| Param::from_tensor(biases.clone().slice_dim(0, rows))),
        }
    };
    resampler.queries = fixture.param("w.attn_pool.query");
    resampler.queries_norm = fixture.norm("w.attn_pool.ln_q", 1e-6);
    resampler.patches.weight = Param::from_tensor(
        fixture
            .tensor::<2>("w.attn_pool.kv_proj.weight")
            .transpose(),
    );
    resampler.patches_norm = fixture.norm("w.attn_pool.ln_kv", 1e-6);
    // The fixture has a bias of the keys, which changes nothing.
    (resampler.query, resampler.key, resampler.value) =
        (third(0, true), third(1, false), third(2, true));
    resampler.attended = fixture.linear("w.attn_pool.attn.out_proj");
    resampler.norm = fixture.norm("w.ln_post", 1e-6);
    resampler.projection.weight = fixture.param("w.proj");
    resampler
}

#[test]
fn tokens_agree_with_the_equations() {
    ABSTRACTOR.agrees_with(&abstractor());
    for of in &RESAMPLER {
        of.0.agrees_with(&resampler(of));
    }
    for fixture in &INTERNVL {
        fixture.agrees_with(&internvl(fixture));
    }
    for fixture in &GEMMA {
        fixture.agrees_with(&gemma(fixture));
    }
    for fixture in &CONV {
        fixture.agrees_with(&conv(fixture));
    }
}

#[test]
fn parity_fails_with_dy_and_dx_swapped() {
    for fixture in &INTERNVL {
        let error = fixture.error(&internvl(fixture), &fixture.swapped());
        assert!(error > MARGIN, "max abs error {error:e}");
    }
    for fixture in &CONV {
        let error = fixture.error(&conv(fixture), &fixture.swapped());
        assert!(error > MARGIN, "max abs error {error:e}");
    }
    let error = ABSTRACTOR.error(&abstractor(), &ABSTRACTOR.swapped());
    assert!(error > MARGIN, "max abs error {error:e}");
    for of in &RESAMPLER {
        let error = of.0.error(&resampler(of), &of.0.swapped());
        assert!(error > MARGIN, "max abs error {error:e}");
    }
    // The mean does not know the order.
    GEMMA.iter().for_each(|fixture| {
        let error = fixture.error(&gemma(fixture), &fixture.swapped());
        assert!(error < TOLERANCE, "max abs error {error:e}");
    });
}

#[test]
fn parity_of_internvl_fails_with_tanh_gelu_and_without_the_norm() {
    let fixture = &INTERNVL[0];
    let mlp = internvl(fixture);
    let blocks = fixture.patches().merged();
    let hidden = linear::apply(&mlp.fc1, mlp.norm.forward(blocks.clone()));
    let tanh = linear::apply(&mlp.fc2, gelu_approximate(hidden));
    let error = fixture.error_of(tanh);
    assert!(error > 10.0 * TOLERANCE, "max abs error {error:e}");
    let bare = linear::apply(&mlp.fc1, blocks);
    let error = fixture.error_of(linear::apply(&mlp.fc2, fused_ops::gelu(bare)));
    assert!(error > MARGIN, "max abs error {error:e}");
}

#[test]
fn parity_of_gemma_fails_without_the_one_in_its_gain_and_with_the_norm_before_the_mean() {
    for fixture in &GEMMA {
        let mut pool = gemma(fixture);
        let early = (fixture.patches()).map_features(|features| rms_normalize(features, 1e-6));
        let error = fixture.error(&pool, &early);
        assert!(error > MARGIN, "max abs error {error:e}");
        pool.norm_weight = pool.norm_weight.map(|weight| weight - 1.0);
        let error = fixture.error(&pool, &fixture.patches());
        assert!(error > MARGIN, "max abs error {error:e}");
    }
}

#[test]
fn parity_fails_with_another_epsilon() {
    // Features of the size of its root.
    let fixture = &INTERNVL[1];
    let mut mlp = internvl(fixture);
    let mut norm = seeded::layer_norm(mlp.norm.gamma.dims()[0], 1e-6, &Device::flex());
    (norm.gamma, norm.beta) = (mlp.norm.gamma.clone(), mlp.norm.beta.clone());
    mlp.norm = norm;
    let error = fixture.error(&mlp, &fixture.patches());
    assert!(error > MARGIN, "max abs error {error:e}");
    let fixture = &GEMMA[1];
    let pool = gemma(fixture);
    let [batch, count, d_in] = fixture.patches().features().dims();
    let blocks = fixture
        .patches()
        .features()
        .clone()
        .reshape([batch, count / 4, 4, d_in]);
    let pooled = blocks.mean_dim(2).squeeze_dim::<3>(2);
    let gain = pool.norm_weight.val().add_scalar(1.0).unsqueeze();
    for (epsilon, is_right) in [(1e-6, true), (1e-5, false)] {
        let normalized = rms_normalize(pooled.clone(), epsilon) * gain.clone();
        let error = fixture.error_of(linear::apply(&pool.projection, normalized));
        let agrees = error < TOLERANCE;
        assert_eq!(agrees, is_right, "max abs error {error:e}");
        assert!(agrees || error > MARGIN, "max abs error {error:e}");
    }
}

#[test]
fn parity_of_the_abstractor_fails_without_a_gate_and_with_the_kernel_turned() {
    let mut without = abstractor();
    without.tokens[1].excite.weight = without.tokens[1].excite.weight.clone().map(|w| w * 0.0);
    let error = ABSTRACTOR.error(&without, &ABSTRACTOR.patches());
    assert!(error > MARGIN, "max abs error {error:e}");
    let mut turned = abstractor();
    turned.patches[2].kernel = turned.patches[2].kernel.clone().map(|kernel| {
        let c = kernel.dims()[1];
        kernel.reshape([3, 3, c]).swap_dims(0, 1).reshape([9, c])
    });
    let error = ABSTRACTOR.error(&turned, &ABSTRACTOR.patches());
    assert!(error > MARGIN, "max abs error {error:e}");
}

#[test]
fn parity_of_the_resampler_fails_with_other_places_and_another_number_of_heads() {
    // The same patches, said to lie on another grid.
    let (fixture, _) = &RESAMPLER[0];
    let moved = PatchGrid::from_raster(fixture.tensor("in.features"), 2, 8, 2).unwrap();
    let error = fixture.error(&resampler(&RESAMPLER[0]), &moved);
    assert!(error > MARGIN, "max abs error {error:e}");
    let (bytes, rows, columns, merge) = (fixture.0, fixture.1, fixture.2, fixture.3);
    let one_head = (Fixture(bytes, rows, columns, merge), 1);
    let error = fixture.error(&resampler(&one_head), &fixture.patches());
    assert!(error > MARGIN, "max abs error {error:e}");
}
