//! AdamW with warm-up, cosine decay and clipping, the same for every arm.

use burn::module::{Module, ModuleVisitor, Param, ParamGroup, ParamId};
use burn::optim::{
    AdaptiveMomentumState, GradientsParams, LearningRate, ModuleOptimizer, Optimizer,
};
use burn::tensor::{Device, Tensor};
use fused_ops::AdamWStep;
use serde::{Deserialize, Serialize};

const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.98;
const EPSILON: f32 = 1e-8;

/// What the optimiser does besides the learning rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerConfig {
    /// Steps of linear warm-up.
    pub warmup: usize,
    /// Decoupled weight decay on matrices; vectors and scalars have none.
    pub weight_decay: f32,
    /// Largest norm of one parameter's gradient.
    pub clip: f32,
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self {
            warmup: 50,
            weight_decay: 0.05,
            clip: 1.0,
        }
    }
}

impl OptimizerConfig {
    /// An optimiser for `module`.
    pub fn init<M: Module>(&self, module: &M) -> ModuleOptimizer {
        let adam = |weight_decay: f32| FusedAdamW {
            weight_decay,
            clip_norm: self.clip,
        };
        let mut matrices = Matrices(Vec::new());
        module.visit(&mut matrices);
        let decayed = ParamGroup::from_ids(matrices.0);
        ModuleOptimizer::from(adam(0.0)).with_group(decayed, adam(self.weight_decay), None)
    }

    /// Learning rate of `step` (from 0) out of `steps`: linear warm-up, then a cosine to 0.
    #[must_use]
    pub fn learning_rate(&self, peak: f64, step: usize, steps: usize) -> f64 {
        let warmup = self.warmup.min(steps / 2);
        if step < warmup {
            return peak * (step + 1) as f64 / (warmup + 1) as f64;
        }
        let progress = (step - warmup) as f64 / (steps - warmup).max(1) as f64;
        peak * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
    }
}

/// Clipping and AdamW in one pass; burn's own take a dozen.
#[derive(Clone)]
struct FusedAdamW {
    weight_decay: f32,
    clip_norm: f32,
}

impl Optimizer for FusedAdamW {
    type State<const D: usize> = AdaptiveMomentumState<D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        let state = state
            .unwrap_or_else(|| AdaptiveMomentumState::new(0, grad.zeros_like(), grad.zeros_like()));
        let step = AdamWStep {
            learning_rate: lr,
            beta_1: BETA_1,
            beta_2: BETA_2,
            epsilon: EPSILON,
            weight_decay: self.weight_decay,
            clip_norm: self.clip_norm,
            time: state.time + 1,
        };
        let moments = [state.moment_1, state.moment_2];
        let (weights, [moment_1, moment_2]) = fused_ops::adamw(tensor, moments, grad, &step);
        let state = AdaptiveMomentumState::new(step.time, moment_1, moment_2);
        (weights, Some(state))
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        state.to_device(device)
    }
}

struct Matrices(Vec<ParamId>);

impl ModuleVisitor for Matrices {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if D == 2 {
            self.0.push(param.id);
        }
    }
}

/// Adds up the gradients of several shards of one batch, each weighted, in the order given.
///
/// The order is fixed by the caller, so the sum has the same bytes whatever ran first.
pub fn sum_gradients<M: Module>(module: &M, shards: Vec<GradientsParams>) -> GradientsParams {
    struct Sum {
        shards: Vec<GradientsParams>,
        total: GradientsParams,
    }
    impl ModuleVisitor for Sum {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let total = self
                .shards
                .iter_mut()
                .filter_map(|shard| shard.remove::<D>(param.id))
                .reduce(|total, part| total + part);
            if let Some(total) = total {
                self.total.register(param.id, total);
            }
        }
    }
    let mut sum = Sum {
        shards,
        total: GradientsParams::new(),
    };
    module.visit(&mut sum);
    sum.total
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::grad_clipping::GradientClippingConfig;
    use burn::optim::AdamWConfig;
    use projector::seeded;

    #[test]
    fn the_learning_rate_rises_to_its_peak_and_falls_to_zero() {
        let config = OptimizerConfig {
            warmup: 10,
            ..OptimizerConfig::default()
        };
        let rates: Vec<f64> = (0..100)
            .map(|step| config.learning_rate(2.0, step, 100))
            .collect();
        assert!(rates[0] < 0.3 && rates[..11].is_sorted());
        assert!((rates[10] - 2.0).abs() < 1e-9);
        assert!(rates[10..].windows(2).all(|w| w[0] >= w[1]));
        assert!(rates[99] < 0.01);
    }

    #[test]
    fn only_matrices_decay() {
        let device = Device::flex().autodiff();
        let mut rng = seeded::stream(0, "layer");
        let layer = seeded::linear(2, 2, true, &mut rng, &device);
        let config = OptimizerConfig {
            weight_decay: 1.0,
            ..OptimizerConfig::default()
        };
        let mut optimizer = config.init(&layer);
        let zero = layer.forward(Tensor::<2>::zeros([1, 2], &device)) * 0.0;
        let grads = GradientsParams::from_grads(zero.sum().backward(), &layer);
        let after = optimizer.step(0.5, layer.clone(), grads);
        let ratio = |a: Tensor<1>, b: Tensor<1>| (a / b).into_data().iter::<f32>().next();
        let weight = ratio(
            after.weight.val().flatten(0, 1),
            layer.weight.val().flatten(0, 1),
        );
        let bias = ratio(after.bias.unwrap().val(), layer.bias.unwrap().val());
        assert_eq!(weight, Some(0.5));
        assert_eq!(bias, Some(1.0));
    }

    #[test]
    fn steps_are_those_of_burns_adamw_with_clipping() {
        let device = Device::flex().autodiff();
        let mut rng = seeded::stream(0, "layer");
        let layer = seeded::linear(5, 4, true, &mut rng, &device);
        let config = OptimizerConfig {
            weight_decay: 0.0,
            clip: 0.7,
            ..OptimizerConfig::default()
        };
        let burns = AdamWConfig::new()
            .with_beta_1(BETA_1)
            .with_beta_2(BETA_2)
            .with_epsilon(EPSILON)
            .with_weight_decay(0.0)
            .with_grad_clipping(Some(GradientClippingConfig::Norm(0.7)));
        let inputs: Vec<Tensor<2>> = (0..4)
            .map(|_| seeded::normal([6, 5], 1.0, &mut rng, &device))
            .collect();
        let train = |mut optimizer: ModuleOptimizer| {
            let mut layer = layer.clone();
            for x in &inputs {
                let loss = layer.forward(x.clone()).square().mean();
                let gradients = GradientsParams::from_grads(loss.backward(), &layer);
                layer = optimizer.step(0.01, layer, gradients);
            }
            layer
                .weight
                .val()
                .into_data()
                .iter::<f32>()
                .collect::<Vec<_>>()
        };
        let start: Vec<f32> = layer.weight.val().into_data().iter::<f32>().collect();
        let (ours, theirs) = (train(config.init(&layer)), train(burns.init()));
        for ((ours, theirs), start) in ours.iter().zip(&theirs).zip(&start) {
            assert!((ours - theirs).abs() < 1e-6, "{ours} is not {theirs}");
            assert!((ours - start).abs() > 1e-3);
        }
    }

    #[test]
    fn shard_gradients_add_up_to_those_of_the_whole() {
        let device = Device::flex().autodiff();
        let mut rng = seeded::stream(0, "layer");
        let layer = seeded::linear(3, 2, true, &mut rng, &device);
        let x: Tensor<2> = seeded::normal([4, 3], 1.0, &mut rng, &device);
        let grads = |x: Tensor<2>| {
            GradientsParams::from_grads(layer.forward(x).square().sum().backward(), &layer)
        };
        let whole = grads(x.clone());
        let parts = vec![
            grads(x.clone().slice_dim(0, 0..1)),
            grads(x.slice_dim(0, 1..4)),
        ];
        let sum = sum_gradients(&layer, parts);
        let values = |grads: &GradientsParams| {
            let grad: Tensor<2> = grads.get(layer.weight.id).unwrap();
            grad.into_data().iter::<f32>().collect::<Vec<_>>()
        };
        for (a, b) in values(&whole).iter().zip(values(&sum)) {
            assert!((a - b).abs() < 1e-5);
        }
    }
}
