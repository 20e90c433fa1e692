//! What a projector returns.

use burn::tensor::{Int, Tensor};

/// Visual tokens of a batch of images.
#[derive(Clone, Debug)]
pub struct VisualTokens {
    /// Token vectors, `[batch, tokens, d_out]`.
    pub embeddings: Tensor<3>,
    /// How the visual vocabulary was used; `None` for projectors without one.
    pub words: Option<WordUse>,
}

/// The visual words behind a batch of tokens.
///
/// Soft and hard vocabularies fill the same fields, so entropy, perplexity, used codes and top-k
/// mass are computed for every arm by one piece of code.
#[derive(Clone, Debug)]
pub struct WordUse {
    /// Distribution over words, `[batch, tokens, words]`, rows sum to 1. It carries gradients: a
    /// usage regulariser may be put on it. For hard tokens it is the distribution that the word
    /// was taken from. `None` only if the pass did not ask for it.
    pub probabilities: Option<Tensor<3>>,
    /// The one word a hard token stands for, `[batch, tokens]`; `None` for soft tokens.
    pub ids: Option<Tensor<2, Int>>,
}

/// Static cost and capacity of a projector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Trainable parameters.
    pub parameters: usize,
    /// Multiply-adds to make one token from one block of patches.
    pub multiply_adds_per_token: usize,
    /// The most a token can carry, `log2(words)`; `None` where tokens are continuous.
    pub bits_per_token: Option<f64>,
    /// Visual words a token can be assigned to (without indicator rows), soft or hard.
    pub words: Option<usize>,
}
