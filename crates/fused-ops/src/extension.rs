//! The burn backend extension: routes the operations to Flex, alone or under automatic
//! differentiation.
//!
//! Only Flex is listed. Tensors of any other backend or float type never come here: the public
//! functions give them to [`crate::plain`], whose operations differentiate by themselves.

use std::sync::Arc;

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{
    Backend, BackendTensor, DispatchTensor, DispatchTensorKind, Flex, backend_extension,
};
use burn::tensor::DType;

use crate::{AdamWStep, Mask, flex};

/// The operations as burn dispatches them; shapes as in the public functions of the same name.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait FusedOps: Backend {
    fn fused_gelu(x: FloatTensor<Self>) -> FloatTensor<Self>;

    fn fused_softmax(x: FloatTensor<Self>) -> FloatTensor<Self>;

    fn fused_layer_norm(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        eps: f64,
    ) -> FloatTensor<Self>;

    fn fused_rms_normalize(x: FloatTensor<Self>, eps: f64) -> FloatTensor<Self>;

    fn fused_cross_entropy(
        logits: FloatTensor<Self>,
        targets: IntTensor<Self>,
    ) -> FloatTensor<Self>;

    fn fused_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    fn fused_linear_without_bias(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// `cos` and `signed_sin` are constants; empty ones stand for no rotation.
    fn fused_attention(
        packed: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        signed_sin: FloatTensor<Self>,
        mask: Mask,
        heads: usize,
    ) -> FloatTensor<Self>;
}

/// What is never differentiated: the optimiser's step, nearest rows, and the layers of frozen towers.
#[backend_extension(Flex)]
pub(crate) trait FusedSteps: Backend {
    fn fused_quick_gelu(x: FloatTensor<Self>) -> FloatTensor<Self>;

    fn fused_tanh_gelu(x: FloatTensor<Self>) -> FloatTensor<Self>;

    fn fused_silu_product(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Empty `cos` and `signed_sin` stand for no rotation.
    fn fused_segment_attention(
        packed: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        signed_sin: FloatTensor<Self>,
        segments: Arc<[usize]>,
        heads: usize,
    ) -> FloatTensor<Self>;

    /// Numbers of rows, `[n]`; `half_norms` are `‖e‖²/2`.
    fn fused_nearest(
        points: FloatTensor<Self>,
        codes: FloatTensor<Self>,
        half_norms: FloatTensor<Self>,
    ) -> IntTensor<Self>;

    /// New weights and moments.
    fn fused_adamw(
        weights: FloatTensor<Self>,
        moment_1: FloatTensor<Self>,
        moment_2: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        step: AdamWStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

impl FusedSteps for Flex {
    fn fused_quick_gelu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        flex::quick_gelu(x)
    }

    fn fused_tanh_gelu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        flex::tanh_gelu(x)
    }

    fn fused_silu_product(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self> {
        flex::silu_product(gate, up)
    }

    fn fused_segment_attention(
        packed: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        signed_sin: FloatTensor<Self>,
        segments: Arc<[usize]>,
        heads: usize,
    ) -> FloatTensor<Self> {
        flex::segment_attention(packed, [cos, signed_sin], &segments, heads)
    }

    fn fused_nearest(
        points: FloatTensor<Self>,
        codes: FloatTensor<Self>,
        half_norms: FloatTensor<Self>,
    ) -> IntTensor<Self> {
        flex::nearest(points, codes, half_norms)
    }

    fn fused_adamw(
        weights: FloatTensor<Self>,
        moment_1: FloatTensor<Self>,
        moment_2: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        step: AdamWStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        flex::adamw(weights, moment_1, moment_2, gradient, step)
    }
}

impl FusedOps for Flex {
    fn fused_gelu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        flex::gelu(x)
    }

    fn fused_softmax(x: FloatTensor<Self>) -> FloatTensor<Self> {
        flex::softmax(x)
    }

    fn fused_layer_norm(
        x: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        eps: f64,
    ) -> FloatTensor<Self> {
        flex::layer_norm(x, gain, bias, eps).0
    }

    fn fused_rms_normalize(x: FloatTensor<Self>, eps: f64) -> FloatTensor<Self> {
        flex::rms_normalize(x, eps).0
    }

    fn fused_cross_entropy(
        logits: FloatTensor<Self>,
        targets: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        let targets = flex::targets_of(targets, crate::buffer::columns_of(&logits));
        flex::cross_entropy(logits, &targets).0
    }

    fn fused_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        flex::linear(x, weight, Some(bias))
    }

    fn fused_linear_without_bias(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        flex::linear(x, weight, None)
    }

    fn fused_attention(
        packed: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        signed_sin: FloatTensor<Self>,
        mask: Mask,
        heads: usize,
    ) -> FloatTensor<Self> {
        flex::attention(packed, [cos, signed_sin], (mask, heads)).0
    }
}

/// Whether the kernels can take this tensor, which is not tracked: f32 on Flex.
pub(crate) fn takes_untracked(tensor: &DispatchTensor) -> bool {
    let kind = &tensor.kind;
    matches!(kind, DispatchTensorKind::Flex(BackendTensor::Float(x)) if x.dtype() == DType::F32)
}

/// Whether the kernels can take this tensor: f32 on Flex, tracked or not.
#[must_use]
// Other backends are burn's, and there may be more of them one day.
#[allow(clippy::wildcard_enum_match_arm)]
pub fn takes(tensor: &DispatchTensor) -> bool {
    let kind = if let DispatchTensorKind::Autodiff(inner) = &tensor.kind {
        inner.as_ref()
    } else {
        &tensor.kind
    };
    match kind {
        DispatchTensorKind::Flex(BackendTensor::Float(x)) => x.dtype() == DType::F32,
        DispatchTensorKind::Flex(BackendTensor::Autodiff(x)) => x.primitive().dtype() == DType::F32,
        _ => false,
    }
}
