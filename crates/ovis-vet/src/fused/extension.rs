//! The burn backend extension: routes the operation to Flex, alone or under automatic
//! differentiation. Tensors of other backends and types never come here.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Flex, backend_extension};
use burn::tensor::DType;
use burn_flex::{FlexTensor, Layout};
use fused_ops::buffer::{contiguous, tensor, values};

use super::forward::{Operands, Tokens, forward};
use super::kernel::TokenizeKernel;
use super::row::Norm;

/// The operation as burn dispatches it.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait FusedWords: Backend {
    /// Tokens `[tokens, d_out]` and, for hard ones, their words `[tokens]` (otherwise empty).
    ///
    /// # Shapes
    /// - `x`: `[tokens, d_in]`
    /// - `head`: `[d_in, words]`
    /// - `gain`, `bias`: `[words]`
    /// - `table`: `[rows, d_out]`, at least `words` rows
    fn visual_tokens(
        x: FloatTensor<Self>,
        head: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        table: FloatTensor<Self>,
        function: TokenizeKernel,
    ) -> (FloatTensor<Self>, IntTensor<Self>);
}

impl FusedWords for Flex {
    fn visual_tokens(
        x: FloatTensor<Self>,
        head: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        table: FloatTensor<Self>,
        function: TokenizeKernel,
    ) -> (FloatTensor<Self>, IntTensor<Self>) {
        let operands = ContiguousOperands::new(x, head, gain, bias, table);
        let tokens = operands.with(&function, |operands| forward(operands, &function, false));
        let ids = operands.ids(&tokens);
        (operands.embeddings(tokens.embeddings), ids)
    }
}

/// The operands, in row-major order.
#[derive(Clone, Debug)]
pub(super) struct ContiguousOperands {
    pub(super) x: FlexTensor,
    pub(super) head: FlexTensor,
    pub(super) gain: FlexTensor,
    pub(super) bias: FlexTensor,
    pub(super) table: FlexTensor,
}

impl ContiguousOperands {
    pub(super) fn new(
        x: FlexTensor,
        head: FlexTensor,
        gain: FlexTensor,
        bias: FlexTensor,
        table: FlexTensor,
    ) -> Self {
        let [x, head, gain, bias, table] = [x, head, gain, bias, table].map(contiguous);
        Self {
            x,
            head,
            gain,
            bias,
            table,
        }
    }

    pub(super) fn with<T>(
        &self,
        function: &TokenizeKernel,
        work: impl FnOnce(&Operands<'_>) -> T,
    ) -> T {
        let [tokens, d_in] = sides(&self.x);
        let [_, words] = sides(&self.head);
        let [_, d_out] = sides(&self.table);
        work(&Operands {
            x: values(&self.x),
            head: values(&self.head),
            norm: Norm {
                gain: values(&self.gain),
                bias: values(&self.bias),
                epsilon: function.epsilon,
            },
            table: values(&self.table),
            tokens,
            d_in,
            words,
            d_out,
        })
    }

    pub(super) fn embeddings(&self, numbers: Vec<f32>) -> FlexTensor {
        let ([tokens, _], [_, d_out]) = (sides(&self.x), sides(&self.table));
        tensor(numbers, [tokens, d_out])
    }

    pub(super) fn ids(&self, tokens: &Tokens) -> FlexTensor {
        let ids = tokens.ids.clone();
        let layout = Layout::contiguous([ids.len()].into());
        FlexTensor::new(burn::tensor::Bytes::from_elems(ids), layout, DType::I64)
    }
}

/// Rows and columns.
pub(super) fn sides(matrix: &FlexTensor) -> [usize; 2] {
    let shape = matrix.layout().shape();
    [shape[0], shape[1]]
}
