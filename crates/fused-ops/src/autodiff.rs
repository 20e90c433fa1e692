//! The same operations under automatic differentiation, with hand-written backward passes.
//!
//! Kept from the forward pass: the input for GELU, LayerNorm and RMSNorm (a shared handle, no copy)
//! with two numbers or one per row, the output for softmax, the probabilities for cross-entropy,
//! input and weight for a linear layer, and for attention its packed input with two numbers per
//! query.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, Flex};
use burn_flex::FlexTensor;

use crate::Mask;
use crate::buffer::contiguous;
use crate::extension::FusedOps;
use crate::flex;
use crate::kernel::attention::Softmax;
use crate::kernel::layer_norm::Moments;

#[derive(Debug)]
struct GeluBackward;

impl Backward<Flex, 1> for GeluBackward {
    type State = FlexTensor;

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<Flex>(&ops.node);
        if let [Some(x)] = ops.parents {
            gradients.register::<Flex>(x.id, flex::gelu_backward(gradient, ops.state));
        }
    }
}

#[derive(Debug)]
struct SoftmaxBackward;

impl Backward<Flex, 1> for SoftmaxBackward {
    type State = FlexTensor;

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<Flex>(&ops.node);
        if let [Some(x)] = ops.parents {
            gradients.register::<Flex>(x.id, flex::softmax_backward(gradient, ops.state));
        }
    }
}

#[derive(Clone, Debug)]
struct NormState {
    x: FlexTensor,
    gain: FlexTensor,
    moments: Arc<[Moments]>,
}

#[derive(Debug)]
struct LayerNormBackward;

impl Backward<Flex, 3> for LayerNormBackward {
    type State = NormState;

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<Flex>(&ops.node);
        let NormState { x, gain, moments } = ops.state;
        let results = flex::layer_norm_backward(gradient, x, gain, &moments);
        for (parent, result) in ops.parents.into_iter().zip(results) {
            if let Some(parent) = parent {
                gradients.register::<Flex>(parent.id, result);
            }
        }
    }
}

#[derive(Debug)]
struct RmsNormalizeBackward;

impl Backward<Flex, 1> for RmsNormalizeBackward {
    type State = (FlexTensor, Arc<[f32]>);

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<Flex>(&ops.node);
        if let [Some(parent)] = ops.parents {
            let (x, factors) = ops.state;
            let result = flex::rms_normalize_backward(gradient, x, &factors);
            gradients.register::<Flex>(parent.id, result);
        }
    }
}

#[derive(Debug)]
struct CrossEntropyBackward;

impl Backward<Flex, 1> for CrossEntropyBackward {
    type State = (FlexTensor, Arc<[usize]>);

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<Flex>(&ops.node);
        if let [Some(logits)] = ops.parents {
            let (probabilities, targets) = ops.state;
            let result = flex::cross_entropy_backward(gradient, probabilities, &targets);
            gradients.register::<Flex>(logits.id, result);
        }
    }
}

#[derive(Debug)]
struct LinearBackward;

impl<const PARENTS: usize> Backward<Flex, PARENTS> for LinearBackward {
    type State = (FlexTensor, FlexTensor);

    fn backward(
        self,
        ops: Ops<Self::State, PARENTS>,
        gradients: &mut Gradients,
        _: &mut Checkpointer,
    ) {
        let gradient = contiguous(gradients.consume::<Flex>(&ops.node));
        let (x, weight) = ops.state;
        // Input, weight and, if there is one, bias.
        let mut parents = ops.parents.into_iter();
        if let Some(Some(parent)) = parents.next() {
            let result = flex::linear_input_backward(&gradient, weight);
            gradients.register::<Flex>(parent.id, result);
        }
        if let Some(Some(parent)) = parents.next() {
            let result = flex::linear_weight_backward(&gradient, x);
            gradients.register::<Flex>(parent.id, result);
        }
        if let Some(Some(parent)) = parents.next() {
            let result = flex::linear_bias_backward(&gradient);
            gradients.register::<Flex>(parent.id, result);
        }
    }
}

#[derive(Clone, Debug)]
struct AttentionState {
    packed: FlexTensor,
    angles: [FlexTensor; 2],
    mask: Mask,
    heads: usize,
    softmax: Arc<[Softmax]>,
}

#[derive(Debug)]
struct AttentionBackward;

impl Backward<Flex, 1> for AttentionBackward {
    type State = AttentionState;

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<Flex>(&ops.node);
        if let [Some(parent)] = ops.parents {
            let AttentionState {
                packed,
                angles,
                mask,
                heads,
                softmax,
            } = ops.state;
            let result =
                flex::attention_backward(gradient, packed, angles, (mask, heads), &softmax);
            gradients.register::<Flex>(parent.id, result);
        }
    }
}

impl<C: CheckpointStrategy> FusedOps for Autodiff<Flex, C> {
    fn fused_gelu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let (x, node) = x.into_parts();
        match GeluBackward.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(step) => step.finish(x.clone(), flex::gelu(x)),
            OpsKind::UnTracked(step) => step.finish(flex::gelu(x)),
        }
    }

    fn fused_softmax(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let (x, node) = x.into_parts();
        let y = flex::softmax(x);
        match SoftmaxBackward
            .prepare::<C>([node])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(step) => step.finish(y.clone(), y),
            OpsKind::UnTracked(step) => step.finish(y),
        }
    }

    fn fused_layer_norm(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        eps: f64,
    ) -> FloatTensor<Self> {
        let (x, x_node) = x.into_parts();
        let (gain, gain_node) = gain.into_parts();
        let (bias, bias_node) = bias.into_parts();
        let nodes = [x_node, gain_node, bias_node];
        match LayerNormBackward
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(step) => {
                let (y, moments) = flex::layer_norm(x.clone(), gain.clone(), bias, eps);
                step.finish(NormState { x, gain, moments }, y)
            }
            OpsKind::UnTracked(step) => step.finish(flex::layer_norm(x, gain, bias, eps).0),
        }
    }

    fn fused_rms_normalize(x: FloatTensor<Self>, eps: f64) -> FloatTensor<Self> {
        let (x, node) = x.into_parts();
        match RmsNormalizeBackward
            .prepare::<C>([node])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(step) => {
                let (y, factors) = flex::rms_normalize(x.clone(), eps);
                step.finish((x, factors), y)
            }
            OpsKind::UnTracked(step) => step.finish(flex::rms_normalize(x, eps).0),
        }
    }

    fn fused_cross_entropy(
        logits: FloatTensor<Self>,
        targets: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        let (logits, node) = logits.into_parts();
        let targets = flex::targets_of(targets, crate::buffer::columns_of(&logits));
        let (losses, probabilities) = flex::cross_entropy(logits, &targets);
        match CrossEntropyBackward
            .prepare::<C>([node])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(step) => step.finish((probabilities, targets), losses),
            OpsKind::UnTracked(step) => step.finish(losses),
        }
    }

    fn fused_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let (x, x_node) = x.into_parts();
        let (weight, weight_node) = weight.into_parts();
        let (bias, bias_node) = bias.into_parts();
        let nodes = [x_node, weight_node, bias_node];
        match LinearBackward
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(step) => {
                let y = flex::linear(x.clone(), weight.clone(), Some(bias));
                step.finish((x, weight), y)
            }
            OpsKind::UnTracked(step) => step.finish(flex::linear(x, weight, Some(bias))),
        }
    }

    fn fused_linear_without_bias(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let (x, x_node) = x.into_parts();
        let (weight, weight_node) = weight.into_parts();
        match LinearBackward
            .prepare::<C>([x_node, weight_node])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(step) => {
                let y = flex::linear(x.clone(), weight.clone(), None);
                step.finish((x, weight), y)
            }
            OpsKind::UnTracked(step) => step.finish(flex::linear(x, weight, None)),
        }
    }

    fn fused_attention(
        packed: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        signed_sin: FloatTensor<Self>,
        mask: Mask,
        heads: usize,
    ) -> FloatTensor<Self> {
        let (packed, node) = packed.into_parts();
        let angles = [cos, signed_sin].map(|angles| angles.into_parts().0);
        match AttentionBackward
            .prepare::<C>([node])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(step) => {
                let (y, softmax) = flex::attention(packed.clone(), angles.clone(), (mask, heads));
                let state = AttentionState {
                    packed,
                    angles,
                    mask,
                    heads,
                    softmax,
                };
                step.finish(state, y)
            }
            OpsKind::UnTracked(step) => {
                step.finish(flex::attention(packed, angles, (mask, heads)).0)
            }
        }
    }
}
