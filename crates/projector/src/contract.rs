//! Checks that hold for every trainable module, used by tests and by the integrity gates of a run.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor};

/// Number of parameters that training moves by gradients: all but the frozen ones.
#[must_use]
pub fn trainable_parameters<M: Module>(module: &M) -> usize {
    struct Count(usize);
    impl ModuleVisitor for Count {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if param.val().is_require_grad() {
                self.0 += param.shape().num_elements();
            }
        }
    }
    let mut count = Count(0);
    // Whether a parameter is frozen only shows where there is autodiff.
    module.clone().train().visit(&mut count);
    count.0
}

/// Names of the trainable parameters that got no gradient, an all-zero one, or a non-finite one.
/// Frozen ones, which should get none, are passed over.
///
/// A projector whose gradient is severed still runs and still gives a number, only a wrong one
/// ("discretisation hurts"), so this is checked for every arm.
#[must_use]
pub fn parameters_without_gradient<M: Module>(module: &M, gradients: &Gradients) -> Vec<String> {
    let mut visitor = MissingGradients {
        gradients,
        path: Vec::new(),
        missing: Vec::new(),
    };
    module.visit(&mut visitor);
    visitor.missing
}

struct MissingGradients<'a> {
    gradients: &'a Gradients,
    path: Vec<String>,
    missing: Vec<String>,
}

impl ModuleVisitor for MissingGradients<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !param.val().is_require_grad() {
            return;
        }
        let size = param
            .val()
            .grad(self.gradients)
            .map(|gradient| gradient.abs().max().into_scalar::<f32>());
        if !size.is_some_and(|size| size.is_finite() && size > 0.0) {
            self.missing.push(self.path.join("."));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeded;
    use burn::tensor::Device;

    #[test]
    fn frozen_parameters_are_neither_counted_nor_missed() {
        let device = Device::flex().autodiff();
        let mut rng = seeded::stream(0, "layers");
        let mut layer = seeded::linear(3, 2, true, &mut rng, &device);
        assert_eq!(trainable_parameters(&layer), 8);
        assert_eq!(trainable_parameters(&layer.valid()), 8);
        layer.bias = layer.bias.map(|bias| bias.set_require_grad(false));
        assert_eq!(trainable_parameters(&layer), 6);
        assert_eq!(trainable_parameters(&layer.valid()), 6);
        let x = seeded::normal([4, 3], 1.0, &mut rng, &device);
        let gradients = layer.forward(x).sum().backward();
        assert!(parameters_without_gradient(&layer, &gradients).is_empty());
    }

    #[test]
    fn a_detached_layer_is_named() {
        let device = Device::flex().autodiff();
        let mut rng = seeded::stream(0, "layers");
        let first = seeded::linear(3, 3, true, &mut rng, &device);
        let second = seeded::linear(3, 2, false, &mut rng, &device);
        let x = seeded::normal([4, 3], 1.0, &mut rng, &device);
        let whole = second.forward(first.forward(x.clone())).sum().backward();
        assert!(parameters_without_gradient(&first, &whole).is_empty());
        let severed = second.forward(first.forward(x).detach()).sum().backward();
        assert_eq!(
            parameters_without_gradient(&first, &severed),
            ["weight", "bias"]
        );
        assert!(parameters_without_gradient(&second, &severed).is_empty());
    }
}
