//! What every projector must do, as assertions for tests.
//!
//! [`assert_conforms`] checks shapes, batch independence and reproducibility; [`assert_trains`]
//! that every parameter learns; [`assert_true_gradient`] compares the backward pass with finite
//! differences in double precision. All take a grid of 2 images or more on a plain device.

use burn::module::{ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DType, FloatDType, Gradients, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;

use crate::contract::{parameters_without_gradient, trainable_parameters};
use crate::{Pass, PatchGrid, Projector, seeded};

/// Step of the central differences, near the cube root of the double-precision epsilon.
const STEP: f64 = 1e-5;

/// Largest deviation from finite differences, relative to the largest gradient of the tensor.
const TOLERANCE: f64 = 1e-6;

/// Elements of a tensor that are probed; larger tensors are sampled evenly.
const PROBES: usize = 48;

/// Asserts that `build` gives a projector with the stated shapes, in which images of a batch do
/// not disturb one another, and which is the same bit for bit each time it is built and run.
///
/// # Panics
/// If one of these does not hold.
pub fn assert_conforms<P: Projector>(build: impl Fn() -> P, patches: &PatchGrid) {
    let projector = build();
    let [batch, _, _] = patches.features().dims();
    let whole = projector.forward(patches, &mut Pass::deterministic());
    let [rows, columns] = projector.token_grid(patches.rows(), patches.cols());
    let tokens = rows * columns;
    assert_eq!(whole.embeddings.dims(), [batch, tokens, projector.d_out()]);
    assert_eq!(
        projector.cost().parameters,
        trainable_parameters(&projector)
    );
    let count = projector.cost().words.unwrap_or(0);
    for words in &whole.words {
        assert!(
            words.probabilities.is_some() || words.ids.is_some(),
            "the pass asks for the words and gets neither a distribution nor ids"
        );
        if let Some(probabilities) = words.probabilities.clone() {
            assert_eq!(probabilities.dims(), [batch, tokens, count]);
            for sum in to_vec(probabilities.sum_dim(2)) {
                assert!((sum - 1.0).abs() < 1e-5, "word probabilities sum to {sum}");
            }
        }
        if let Some(ids) = &words.ids {
            assert_eq!(ids.dims(), [batch, tokens]);
            let ids: Vec<i64> = ids.clone().into_data().iter::<i64>().collect();
            assert!(
                ids.iter().all(|&id| (0..count as i64).contains(&id)),
                "{ids:?}"
            );
        }
    }
    assert_eq!(whole.words.is_empty(), projector.cost().words.is_none());

    let first = |of: &Tensor<3>| of.clone().slice_dim(0, 0..1);
    let alone = PatchGrid::new(
        first(patches.features()),
        patches.rows(),
        patches.cols(),
        patches.merge(),
    );
    let levels = patches.levels().iter().map(first).collect();
    let alone = match alone {
        Ok(grid) => projector.forward(&grid.with_levels(levels), &mut Pass::deterministic()),
        Err(error) => panic!("{error}"),
    };
    let within = to_vec(first(&whole.summed().embeddings));
    let deviation = max_abs_difference(&within, &to_vec(alone.summed().embeddings));
    assert!(
        deviation < 1e-5,
        "a second image moves the first by {deviation:e}"
    );

    let noisy = |projector: &P| {
        let mut noise = seeded::stream(7, "noise");
        let mut pass = Pass {
            progress: 0.5,
            noise: Some(&mut noise),
            distribution: false,
            words: None,
        };
        to_vec(projector.forward(patches, &mut pass).summed().embeddings)
    };
    assert_eq!(
        noisy(&projector),
        noisy(&build()),
        "the same seed gives other tokens"
    );
}

/// Asserts that every parameter except those named in `without` gets a finite gradient that is
/// not all zero, and that those in `without` get none. The loss is a random projection of the
/// tokens, with the projector's own auxiliary loss where it has one.
///
/// # Panics
/// If this does not hold; the message names the parameters.
pub fn assert_trains<P: Projector>(projector: P, patches: &PatchGrid, without: &[&str]) {
    let projector = projector.train();
    let patches = patches.map_all(|features| features.autodiff());
    let mut noise = seeded::stream(11, "noise");
    let mut pass = Pass {
        progress: 0.5,
        noise: Some(&mut noise),
        distribution: false,
        words: None,
    };
    let tokens = projector.forward(&patches, &mut pass).summed();
    let directions = directions(&tokens.embeddings);
    let mut loss = (tokens.embeddings * directions).sum();
    if let Some(auxiliary) = tokens.auxiliary_loss {
        loss = loss + auxiliary;
    }
    let gradients = loss.backward();
    assert_eq!(
        parameters_without_gradient(&projector, &gradients),
        without,
        "parameters without a gradient"
    );
}

/// Asserts that the gradient of a random projection of the tokens agrees with central differences
/// for every parameter and for the patch features.
///
/// Meant for projectors whose gradient is a true one; straight-through tokens have none.
///
/// # Panics
/// If an element deviates; the message names the tensor and gives both values.
pub fn assert_true_gradient<P: Projector>(projector: P, patches: &PatchGrid) {
    let projector = projector.map(&mut ToDouble);
    let patches = patches.map_all(|features| features.cast(FloatDType::F64));
    let loss = |projector: &P, patches: &PatchGrid| {
        let tokens = projector
            .forward(patches, &mut Pass::deterministic())
            .summed()
            .embeddings;
        let directions = directions(&tokens);
        (tokens * directions).sum()
    };
    let value = |projector: &P, patches: &PatchGrid| loss(projector, patches).into_scalar::<f64>();

    let trained = projector.clone().train();
    let input = patches.map_all(|features| features.autodiff().require_grad());
    let gradients = loss(&trained, &input).backward();

    let mut collected = ParameterGradients {
        gradients: &gradients,
        path: Vec::new(),
        found: Vec::new(),
    };
    trained.visit(&mut collected);
    for (target, (name, gradient)) in collected.found.iter().enumerate() {
        let shifted = |element: usize, step: f64| {
            let mut shift = Shift {
                target,
                element,
                step,
                visited: 0,
            };
            value(&projector.clone().map(&mut shift), &patches)
        };
        compare(name, gradient, shifted);
    }

    let gradient = match input.features().grad(&gradients) {
        Some(gradient) => to_vec(gradient),
        None => vec![0.0; input.features().shape().num_elements()],
    };
    compare("patch features", &gradient, |element, step| {
        let moved = patches.map_features(|features| shift_element(features, element, step));
        value(&projector, &moved)
    });
}

fn compare(name: &str, gradient: &[f64], shifted: impl Fn(usize, f64) -> f64) {
    let scale = gradient.iter().fold(0.0_f64, |max, g| max.max(g.abs()));
    for element in (0..gradient.len()).step_by(gradient.len().div_ceil(PROBES)) {
        let slope = (shifted(element, STEP) - shifted(element, -STEP)) / (2.0 * STEP);
        let found = gradient[element];
        assert!(
            (slope - found).abs() <= TOLERANCE * scale.max(1e-3),
            "{name}[{element}]: gradient {found}, finite difference {slope}"
        );
    }
}

/// Fixed random weights that turn tokens into a scalar loss.
fn directions(tokens: &Tensor<3>) -> Tensor<3> {
    let mut rng: ChaCha8Rng = seeded::stream(5, "directions");
    seeded::normal(tokens.dims(), 1.0, &mut rng, &tokens.device()).cast(tokens.dtype())
}

fn shift_element<const D: usize>(tensor: Tensor<D>, element: usize, step: f64) -> Tensor<D> {
    let shape = tensor.dims();
    let device = tensor.device();
    let mut values = to_vec(tensor);
    values[element] += step;
    Tensor::from_data(TensorData::new(values, shape), (&device, DType::F64))
}

fn to_vec<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

fn max_abs_difference(a: &[f64], b: &[f64]) -> f64 {
    a.iter()
        .zip(b)
        .fold(0.0, |max, (a, b)| max.max((a - b).abs()))
}

struct ToDouble;

impl ModuleMapper for ToDouble {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| tensor.cast(FloatDType::F64))
    }
}

/// Moves one element of the `target`-th parameter.
struct Shift {
    target: usize,
    element: usize,
    step: f64,
    visited: usize,
}

impl ModuleMapper for Shift {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let is_target = self.visited == self.target;
        self.visited += 1;
        if is_target {
            param.map(|tensor| shift_element(tensor, self.element, self.step))
        } else {
            param
        }
    }
}

/// Gradients of all parameters in the order in which a mapper meets them; 0 where there is none.
struct ParameterGradients<'a> {
    gradients: &'a Gradients,
    path: Vec<String>,
    found: Vec<(String, Vec<f64>)>,
}

impl ModuleVisitor for ParameterGradients<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = match param.val().grad(self.gradients) {
            Some(gradient) => to_vec(gradient),
            None => vec![0.0; param.val().shape().num_elements()],
        };
        self.found.push((self.path.join("."), gradient));
    }
}
