//! Other numbers for a parameter that stays what it is: its name, its device, whether it trains.

use burn::module::Param;
use burn::tensor::{Tensor, TensorData};

/// The parameter with other numbers; gradients train it, as before or from now on.
///
/// # Panics
/// If there are more or fewer numbers than the parameter has.
#[must_use]
pub fn trained<const D: usize>(param: Param<Tensor<D>>, values: Vec<f32>) -> Param<Tensor<D>> {
    replaced(param, values).set_require_grad(true)
}

/// The parameter with other numbers; no gradient reaches it.
///
/// # Panics
/// If there are more or fewer numbers than the parameter has.
#[must_use]
pub fn frozen<const D: usize>(param: Param<Tensor<D>>, values: Vec<f32>) -> Param<Tensor<D>> {
    replaced(param, values).set_require_grad(false)
}

fn replaced<const D: usize>(param: Param<Tensor<D>>, values: Vec<f32>) -> Param<Tensor<D>> {
    param.map(|tensor| {
        let data = TensorData::new(values, tensor.dims());
        Tensor::from_data(data, (&tensor.device(), tensor.dtype()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{parameters_without_gradient, trainable_parameters};
    use crate::seeded;
    use burn::module::Module;
    use burn::tensor::Device;

    #[test]
    fn a_parameter_keeps_its_name_and_trains_or_not_on_either_kind_of_device() {
        for device in [Device::flex(), Device::flex().autodiff()] {
            let mut layer = seeded::linear(2, 3, true, &mut seeded::stream(0, "layer"), &device);
            let id = layer.weight.id;
            layer.weight = trained(layer.weight, vec![2.0; 6]);
            layer.bias = layer.bias.map(|bias| frozen(bias, vec![1.0; 3]));
            assert_eq!(layer.weight.id, id);
            assert_eq!(trainable_parameters(&layer), 6);
            let layer = layer.train();
            let x = Tensor::<2>::ones([1, 2], &device.autodiff());
            let y = layer.forward(x);
            assert_eq!(y.clone().into_data().iter::<f32>().next(), Some(5.0));
            let gradients = y.sum().backward();
            assert_eq!(parameters_without_gradient(&layer, &gradients), [""; 0]);
        }
    }
}
