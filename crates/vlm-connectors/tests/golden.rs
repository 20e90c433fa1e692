//! Parity with the equations in f64 (`tools/fixtures/connectors.py`), and proof that the comparison
//! notices a broken connector. Tolerance 1e-5, max abs, f32.

#![allow(clippy::unwrap_used)]

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::activation::gelu_approximate;
use burn::tensor::{Device, Tensor, TensorData};
use projector::{Pass, PatchGrid, Projector, linear, rms_normalize, seeded};
use safetensors::SafeTensors;
use vlm_connectors::{
    ConvCompressor, ConvCompressorConfig, GemmaPool, GemmaPoolConfig, InternVlMlp,
    InternVlMlpConfig,
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

#[test]
fn tokens_agree_with_the_equations() {
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
