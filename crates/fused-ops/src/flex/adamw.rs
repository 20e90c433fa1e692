//! AdamW on Flex tensors, in place where nobody else holds them.

use burn_flex::FlexTensor;

use crate::AdamWStep;
use crate::buffer::{contiguous, values};
use crate::kernel;

/// New weights and moments.
pub(crate) fn adamw(
    weights: FlexTensor,
    moment_1: FlexTensor,
    moment_2: FlexTensor,
    gradient: FlexTensor,
    step: AdamWStep,
) -> (FlexTensor, FlexTensor, FlexTensor) {
    #[cfg(test)]
    crate::buffer::TRANSFORMED.set(crate::buffer::TRANSFORMED.get() + 1);

    let gradient = contiguous(gradient);
    let gradient = values(&gradient);
    let mut squares = 0.0;
    kernel::adamw::square_sum(gradient, &mut squares);
    // NaN passes: a comparison with NaN is false.
    let clip = step.clip_norm / (squares.sqrt() + f32::MIN_POSITIVE);
    let clip = if clip > 1.0 { 1.0 } else { clip };
    let time = i32::try_from(step.time).unwrap_or(i32::MAX);
    let numbers = kernel::adamw::Step {
        clip,
        beta_1: step.beta_1,
        beta_2: step.beta_2,
        correction_1: 1.0 / (1.0 - step.beta_1.powi(time)),
        correction_2: 1.0 / (1.0 - step.beta_2.powi(time)),
        epsilon: step.epsilon,
        rate: step.learning_rate as f32,
        keep: (1.0 - step.learning_rate * f64::from(step.weight_decay)) as f32,
    };
    let mut tensors = [weights, moment_1, moment_2].map(|tensor| {
        let mut tensor = contiguous(tensor);
        let (start, end) = tensor.layout().contiguous_offsets().unwrap_or((0, 0));
        // Copies the buffer if somebody else holds it.
        tensor.storage_mut::<f32>();
        (tensor, start..end)
    });
    let [weights, moment_1, moment_2] = tensors
        .each_mut()
        .map(|(tensor, range)| &mut tensor.storage_mut::<f32>()[range.clone()]);
    kernel::adamw::update(weights, moment_1, moment_2, gradient, numbers);
    let [(weights, _), (moment_1, _), (moment_2, _)] = tensors;
    (weights, moment_1, moment_2)
}
