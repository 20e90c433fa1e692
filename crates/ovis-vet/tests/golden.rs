//! Parity with the Ovis code and transformers 5.23.0 (see `data/parity/README.md`), and proof that the
//! comparison notices a broken table. Tolerance 1e-5, max abs, f32.

#![allow(clippy::unwrap_used)]

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};
use ovis_vet::config::LAYER_NORM_EPS;
use ovis_vet::{Tokenize, Vet};
use projector::{LayerNorm, Pass, PatchGrid, Projector, seeded};
use safetensors::SafeTensors;

const TOLERANCE: f32 = 1e-5;
/// A broken table must miss by at least this much.
const MARGIN: f32 = 1e-3;

struct Fixture(SafeTensors<'static>);

impl Fixture {
    fn ovis2() -> Self {
        let bytes = include_bytes!("../../../data/parity/ovis2-golden.safetensors");
        Self(SafeTensors::deserialize(bytes).unwrap())
    }

    fn ovis2_5() -> Self {
        let bytes = include_bytes!("../../../data/parity/ovis2_5-golden.safetensors");
        Self(SafeTensors::deserialize(bytes).unwrap())
    }

    fn tensor<const D: usize>(&self, name: &str) -> Tensor<D> {
        let view = self.0.tensor(name).unwrap();
        let values: Vec<f32> = view
            .data()
            .chunks_exact(4)
            .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
            .collect();
        Tensor::from_data(
            TensorData::new(values, view.shape().to_vec()),
            &Device::flex(),
        )
    }

    fn vet(&self, head: &str, norm: &str, table: &str) -> Vet {
        let weight = self.tensor::<2>(head).transpose();
        let [_, words] = weight.dims();
        let head = Linear {
            weight: Param::from_tensor(weight),
            bias: None,
        };
        let gain = self.tensor(&format!("{norm}.weight"));
        let bias = self.tensor(&format!("{norm}.bias"));
        let norm = layer_norm(words, gain, bias);
        let table = Param::from_tensor(self.tensor(table));
        Vet::from_parts(head, norm, table, 2, Tokenize::Softmax)
    }

    fn ovis2_vet(&self) -> Vet {
        self.vet("w.head_linear.weight", "w.head_norm", "w.vet.weight")
    }

    fn ovis2_5_vet(&self) -> Vet {
        self.vet("w.head.0.weight", "w.head.1", "w.vte.weight")
    }

    fn ovis2_patches(&self) -> PatchGrid {
        PatchGrid::from_raster(self.tensor("out.official.pre_norm_hidden"), 4, 4, 2).unwrap()
    }

    /// All blocks in one row: their places do not matter to the table.
    fn ovis2_5_patches(&self) -> PatchGrid {
        let features = self.tensor::<2>("out.pre_ln_hidden").unsqueeze();
        PatchGrid::new(features, 2, 46, 2).unwrap()
    }
}

fn layer_norm(words: usize, gain: Tensor<1>, bias: Tensor<1>) -> LayerNorm {
    let mut norm = seeded::layer_norm(words, LAYER_NORM_EPS, &Device::flex());
    norm.gamma = Param::from_tensor(gain);
    norm.beta = Param::from_tensor(bias);
    norm
}

fn error<const D: usize>(found: Tensor<D>, expected: Tensor<D>) -> f32 {
    (found - expected).abs().max().into_scalar()
}

fn assert_parity<const D: usize>(tap: &str, found: Tensor<D>, expected: Tensor<D>) {
    let error = error(found, expected);
    assert!(error < TOLERANCE, "{tap}: max abs error {error:e}");
}

fn assert_broken<const D: usize>(found: Tensor<D>, expected: Tensor<D>) {
    let error = error(found, expected);
    assert!(error > MARGIN, "max abs error is only {error:e}");
}

#[test]
fn ovis2_agrees_with_the_official_path() {
    let fixture = Fixture::ovis2();
    let tokens = fixture
        .ovis2_vet()
        .forward(&fixture.ovis2_patches(), &mut Pass::deterministic());
    let words = tokens.clone().first_words().unwrap();
    assert!(words.ids.is_none());
    assert_parity(
        "prob",
        words.probabilities.unwrap(),
        fixture.tensor("out.official.prob"),
    );
    assert_parity(
        "embeds",
        tokens.embeddings,
        fixture.tensor("out.official.embeds"),
    );
}

#[test]
fn ovis2_agrees_with_transformers_from_the_merged_state() {
    let fixture = Fixture::ovis2();
    let vet = fixture.ovis2_vet();
    let logits = vet.logits(fixture.tensor("out.hf.last_hidden_merged"));
    let selection = vet.tokenize(logits, &mut Pass::deterministic());
    let embeds = vet.embed_probabilities(selection.probabilities.clone());
    assert_parity(
        "prob",
        selection.probabilities,
        fixture.tensor("out.hf.prob"),
    );
    assert_parity("embeds", embeds, fixture.tensor("out.hf.embeds"));
}

#[test]
fn ovis2_indicators_are_the_last_rows_in_order() {
    let fixture = Fixture::ovis2();
    let vet = fixture.ovis2_vet();
    assert_eq!((vet.words(), vet.indicators()), (59, 5));
    let expected: Tensor<2> = fixture.tensor("out.indicator_embeds");
    let rows: Vec<Tensor<1>> = (0..5).map(|index| vet.indicator(index)).collect();
    assert_parity("indicator", Tensor::stack(rows, 0), expected.clone());
    let ids = Tensor::<2, Int>::from_ints([[59, 60, 61, 62, 63]], &Device::flex());
    assert_parity("indicator ids", vet.embed_ids(ids), expected.unsqueeze());
}

#[test]
fn ovis2_5_agrees_at_every_tap() {
    let fixture = Fixture::ovis2_5();
    let vet = fixture.ovis2_5_vet();
    assert_eq!((vet.words(), vet.indicators()), (60, 4));
    let patches = fixture.ovis2_5_patches();
    let logits = vet.logits(patches.merged());
    assert_parity(
        "logits",
        logits.squeeze_dim::<2>(0),
        fixture.tensor("out.logits"),
    );
    let tokens = vet.forward(&patches, &mut Pass::deterministic());
    assert_parity(
        "prob",
        tokens
            .clone()
            .first_words()
            .unwrap()
            .probabilities
            .unwrap()
            .squeeze_dim::<2>(0),
        fixture.tensor("out.prob"),
    );
    assert_parity(
        "embeds",
        tokens.embeddings.squeeze_dim::<2>(0),
        fixture.tensor("out.embeds"),
    );
}

#[test]
fn parity_fails_in_raster_order() {
    let fixture = Fixture::ovis2();
    let hidden = fixture.tensor("out.official.pre_norm_hidden");
    let patches = PatchGrid::new(hidden, 4, 4, 2).unwrap();
    let tokens = fixture
        .ovis2_vet()
        .forward(&patches, &mut Pass::deterministic());
    assert_broken(tokens.embeddings, fixture.tensor("out.official.embeds"));
}

#[test]
fn parity_fails_with_dy_and_dx_swapped() {
    let fixture = Fixture::ovis2_5();
    let swapped = fixture.ovis2_5_patches().map_features(|features| {
        features
            .reshape([1, 23, 2, 2, 32])
            .swap_dims(2, 3)
            .reshape([1, 92, 32])
    });
    let tokens = fixture
        .ovis2_5_vet()
        .forward(&swapped, &mut Pass::deterministic());
    assert_broken(
        tokens.embeddings.squeeze_dim::<2>(0),
        fixture.tensor("out.embeds"),
    );
}

#[test]
fn parity_fails_without_the_layer_norm() {
    let fixture = Fixture::ovis2_5();
    let vet = fixture.ovis2_5_vet();
    let scores = vet.head.forward(fixture.ovis2_5_patches().merged());
    let embeds = vet.embed_probabilities(softmax(scores, 2));
    assert_broken(embeds.squeeze_dim::<2>(0), fixture.tensor("out.embeds"));
}

#[test]
fn parity_fails_on_the_final_norm_of_the_other_path() {
    let fixture = Fixture::ovis2();
    let vet = fixture.ovis2_vet();
    let logits = vet.logits(fixture.tensor("out.hf.last_hidden_merged"));
    let selection = vet.tokenize(logits, &mut Pass::deterministic());
    assert_broken(vet.embed(&selection), fixture.tensor("out.official.embeds"));
}

#[test]
fn parity_fails_with_the_softmax_over_indicators_too() {
    let fixture = Fixture::ovis2_5();
    let vet = fixture.ovis2_5_vet();
    let logits = vet.logits(fixture.ovis2_5_patches().merged());
    let zeros = Tensor::zeros([1, 23, 4], &Device::flex());
    let over_all_rows = softmax(Tensor::cat(vec![logits, zeros], 2), 2);
    let embeds = over_all_rows.squeeze_dim::<2>(0).matmul(vet.table.val());
    assert_broken(embeds, fixture.tensor("out.embeds"));
}

#[test]
fn parity_fails_with_the_layer_norm_over_indicators_too() {
    let fixture = Fixture::ovis2_5();
    let vet = fixture.ovis2_5_vet();
    let device = Device::flex();
    let scores = vet.head.forward(fixture.ovis2_5_patches().merged());
    let padded = Tensor::cat(vec![scores, Tensor::zeros([1, 23, 4], &device)], 2);
    let gain = Tensor::cat(vec![vet.norm.gamma.val(), Tensor::ones([4], &device)], 0);
    let bias = vet.norm.beta.val();
    let bias = Tensor::cat(vec![bias, Tensor::zeros([4], &device)], 0);
    let logits = layer_norm(64, gain, bias)
        .forward(padded)
        .slice([0..1, 0..23, 0..60]);
    assert_broken(logits.squeeze_dim::<2>(0), fixture.tensor("out.logits"));
}

#[test]
fn parity_fails_with_another_epsilon() {
    let fixture = Fixture::ovis2_5();
    let vet = fixture.ovis2_5_vet();
    let mut norm = LayerNorm::new(vet.words(), 1e-2, &Device::flex());
    norm.gamma = vet.norm.gamma.clone();
    norm.beta = vet.norm.beta.clone();
    let scores = vet.head.forward(fixture.ovis2_5_patches().merged());
    let logits = norm.forward(scores).squeeze_dim::<2>(0);
    // The variance of these scores is large, so that an epsilon moves them little.
    let error = error(logits, fixture.tensor("out.logits"));
    assert!(error > 5.0 * TOLERANCE, "max abs error is only {error:e}");
}
