//! The operation under automatic differentiation. Kept from the forward pass: handles of the
//! operands, two numbers per token, the words of hard tokens, and the logits of small batches.

use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients as Registry;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, Flex};
use fused_ops::buffer::{contiguous, tensor, values};

use super::backward::{Wanted, backward};
use super::extension::{ContiguousOperands, FusedWords, sides};
use super::forward::{Tokens, forward};
use super::kernel::TokenizeKernel;

#[derive(Clone, Debug)]
struct State {
    operands: ContiguousOperands,
    function: TokenizeKernel,
    /// Without the embeddings, which the next operation owns.
    tokens: Arc<Tokens>,
}

#[derive(Debug)]
struct VisualTokensBackward;

impl Backward<Flex, 5> for VisualTokensBackward {
    type State = State;

    fn backward(self, ops: Ops<State, 5>, registry: &mut Registry, _: &mut Checkpointer) {
        let gradient = contiguous(registry.consume::<Flex>(&ops.node));
        let State {
            operands,
            function,
            tokens,
        } = ops.state;
        let mut tokens = Arc::unwrap_or_clone(tokens);
        let [x, head, gain, bias, table] = ops.parents;
        let wanted = Wanted {
            x: x.is_some(),
            head: head.is_some(),
            gain: gain.is_some(),
            bias: bias.is_some(),
            table: table.is_some(),
        };
        let found = operands.with(&function, |operands| {
            backward(operands, &function, &mut tokens, values(&gradient), wanted)
        });
        let words = sides(&operands.head)[1];
        let matrices = [
            (x, found.x, sides(&operands.x)),
            (head, found.head, sides(&operands.head)),
            (table, found.table, sides(&operands.table)),
        ];
        for (parent, numbers, shape) in matrices {
            if let Some(parent) = parent {
                registry.register::<Flex>(parent.id, tensor(numbers, shape));
            }
        }
        for (parent, numbers) in [(gain, found.gain), (bias, found.bias)] {
            if let Some(parent) = parent {
                registry.register::<Flex>(parent.id, tensor(numbers, [words]));
            }
        }
    }
}

impl<C: CheckpointStrategy> FusedWords for Autodiff<Flex, C> {
    fn visual_tokens(
        x: FloatTensor<Self>,
        head: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        table: FloatTensor<Self>,
        function: TokenizeKernel,
    ) -> (FloatTensor<Self>, IntTensor<Self>) {
        let (x, x_node) = x.into_parts();
        let (head, head_node) = head.into_parts();
        let (gain, gain_node) = gain.into_parts();
        let (bias, bias_node) = bias.into_parts();
        let (table, table_node) = table.into_parts();
        let operands = ContiguousOperands::new(x, head, gain, bias, table);
        let mut tokens = operands.with(&function, |operands| forward(operands, &function, true));
        let ids = operands.ids(&tokens);
        let embeddings = operands.embeddings(std::mem::take(&mut tokens.embeddings));
        let nodes = [x_node, head_node, gain_node, bias_node, table_node];
        let embeddings = match VisualTokensBackward
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(step) => {
                let state = State {
                    operands,
                    function,
                    tokens: Arc::new(tokens),
                };
                step.finish(state, embeddings)
            }
            OpsKind::UnTracked(step) => step.finish(embeddings),
        };
        (embeddings, ids)
    }
}
