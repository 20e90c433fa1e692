//! Head, LayerNorm, tokenize function and table as one operation, without a matrix of tokens by
//! words.
//!
//! The logits of one image of 3,136 tokens over 65,536 words take 784 MiB, and a training step
//! keeps several matrices of that size. Here tokens go through in tiles ([`crate::tile`]): the logits of a
//! tile are made, normalised, turned into tokens and forgotten. Where gradients are recorded, logits of up to
//! [`KEPT_LOGITS_BYTES`](crate::KEPT_LOGITS_BYTES), if nothing else is said, are kept as they come from
//! the head: the batch of a training step. The backward pass makes those of larger ones again, so that beyond
//! this memory does not grow with the number of tokens but for a few numbers each.
//!
//! A tile spans the whole vocabulary. Tiles of words as well would need an online softmax and,
//! since LayerNorm needs the mean of all words before the first exponential, the product with the
//! head twice; its closed form (`mean = w̄·x`, `E[l²] = xᵀ(W Wᵀ/K)x`) costs a `d_in x d_in` matrix
//! per optimiser step, which is the price of `d_in / 2` tokens. Rows of whole vocabularies need
//! neither, and their moments are those of an ordinary two-pass LayerNorm: tokens over 65,532 words
//! differ from arithmetic in f64 by 8.5e-7 of their largest number (measured by `tests/fused.rs`), as
//! those of the stages do.
//!
//! Hard tokens and the `k` best words are looked up, never multiplied by a one-hot matrix. Noise is
//! drawn again in the backward pass, from the same place of the stream.
//!
//! The stages of [`crate::Vet`] are the plain twin, and what runs on every other backend and type.
//!
//! Files: `words` what an operation has to know of the tokenize function, `noise`
//! Gumbel noise by position, `extension` and `autodiff` the routing, `forward` and `backward` the
//! loops over tiles, `row` the kernels, `best` selection of the best words, `product` matrix
//! products.

mod autodiff;
mod backward;
mod best;
mod extension;
mod forward;
mod kernel;
mod noise;
mod product;
mod row;

use burn::backend::Dispatch;
use burn::tensor::{Int, Tensor};
use projector::Pass;

use crate::tokenize::Tokenize;
use crate::tokenize::curriculum::Phase;
use extension::FusedWords;
use kernel::TokenizeKernel;

/// Tokens of the fused operation.
#[derive(Clone, Debug)]
pub(crate) struct FusedTokens {
    /// `[tokens, d_out]`.
    pub embeddings: Tensor<2>,
    /// The word of each hard token, `[tokens]`.
    pub ids: Option<Tensor<1, Int>>,
}

/// What a table is made of.
pub(crate) struct VetTensors {
    /// What the head takes in, `[tokens, d_head]`.
    pub x: Tensor<2>,
    /// `[d_head, words]`.
    pub head: Tensor<2>,
    /// Gain of the LayerNorm over words, `[words]`.
    pub gain: Tensor<1>,
    /// Bias of the LayerNorm, `[words]`.
    pub bias: Tensor<1>,
    /// `[rows, d_out]`.
    pub table: Tensor<2>,
    /// Epsilon of the LayerNorm.
    pub epsilon: f64,
    /// What makes tokens of scores.
    pub tokenize: Tokenize,
    /// Bytes of logits that a pass with gradients keeps.
    pub kept_bytes: usize,
}

/// Applies a whole table; `None` where there are no kernels.
pub(crate) fn tokens(vet: VetTensors, pass: &mut Pass<'_>) -> Option<FusedTokens> {
    let VetTensors {
        mut x,
        mut head,
        mut gain,
        mut bias,
        table,
        epsilon,
        tokenize,
        kept_bytes,
    } = vet;
    let ([tokens, _], [_, words]) = (x.dims(), head.dims());
    if let Tokenize::Curriculum(curriculum) = tokenize
        && let Phase::Soft { tau } = curriculum.phase(pass.progress)
    {
        [gain, bias] = [gain, bias].map(|vector| vector.div_scalar(tau));
    }
    if matches!(tokenize, Tokenize::TopK { k: 1 }) && words > 1 {
        // One kept word has weight 1 whatever its logit: nothing in front of it has a gradient.
        [head, x] = [head, x].map(|matrix| matrix.set_require_grad(false));
        [gain, bias] = [gain, bias].map(|vector| vector.set_require_grad(false));
    }
    let matrices = [x, head, table].map(Tensor::into_dispatch);
    let vectors = [gain, bias].map(Tensor::into_dispatch);
    if !matrices.iter().chain(&vectors).all(fused_ops::takes) {
        return None;
    }
    let function = TokenizeKernel::new(tokenize, words, (epsilon, kept_bytes), pass, tokens);
    let hard = function.is_hard();
    let ([x, head, table], [gain, bias]) = (matrices, vectors);
    let (embeddings, ids) = Dispatch::visual_tokens(x, head, gain, bias, table, function);
    Some(FusedTokens {
        embeddings: Tensor::from_dispatch(embeddings),
        ids: hard.then(|| Tensor::from_dispatch(ids)),
    })
}
