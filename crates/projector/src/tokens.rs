//! What a projector returns.

use burn::tensor::{Int, Tensor};

/// Visual tokens of a batch of images.
#[derive(Clone, Debug)]
pub struct VisualTokens {
    /// Token vectors, `[batch, tokens, d_out]`.
    pub embeddings: Tensor<3>,
    /// What is added to the reader's hidden states at the places of the tokens, behind its first block,
    /// its second and so on, `[batch, tokens, d_out]` each (DeepStack); empty for most projectors.
    pub levels: Vec<Tensor<3>>,
    /// How the visual vocabulary was used, one entry per codebook: several where a token is the
    /// sum of several words, none for projectors without a vocabulary.
    pub words: Vec<WordUse>,
    /// What training adds to the loss of the task, weighted already, `[1]`: commitment and entropy
    /// terms of discretisers. `None` where there is none, and where no gradient is recorded.
    pub auxiliary_loss: Option<Tensor<1>>,
}

impl VisualTokens {
    /// Tokens without a vocabulary.
    #[must_use]
    pub fn continuous(embeddings: Tensor<3>) -> Self {
        Self {
            embeddings,
            levels: Vec::new(),
            words: Vec::new(),
            auxiliary_loss: None,
        }
    }

    /// Tokens with their levels added, for readers of one layer.
    #[must_use]
    pub fn summed(self) -> Self {
        let levels = self.levels.into_iter();
        Self {
            embeddings: levels.fold(self.embeddings, |sum, level| sum + level),
            levels: Vec::new(),
            words: self.words,
            auxiliary_loss: self.auxiliary_loss,
        }
    }

    /// Tokens made of the words of one codebook.
    #[must_use]
    pub fn of_words(embeddings: Tensor<3>, words: WordUse) -> Self {
        Self {
            words: vec![words],
            ..Self::continuous(embeddings)
        }
    }

    /// How the only, or the first, codebook was used.
    #[must_use]
    pub fn first_words(self) -> Option<WordUse> {
        self.words.into_iter().next()
    }
}

/// The visual words behind a batch of tokens.
///
/// Soft and hard vocabularies fill the same fields, so entropy, perplexity, used codes and top-k
/// mass are computed for every arm by one piece of code.
#[derive(Clone, Debug)]
pub struct WordUse {
    /// Distribution over words, `[batch, tokens, words]`, rows sum to 1. It carries gradients: a
    /// usage regulariser may be put on it. For hard tokens it is the distribution that the word
    /// was taken from. `None` if the pass did not ask for it, and for discretisers, which take the
    /// nearest code without one.
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
    /// The most a token can carry, `log2(words)` for each of its codes; `None` where tokens are
    /// continuous.
    pub bits_per_token: Option<f64>,
    /// Visual words of one codebook that a token can be assigned to (without indicator rows), soft
    /// or hard. All codebooks of a projector have as many.
    pub words: Option<usize>,
}

impl Cost {
    /// Of a projector without a vocabulary.
    #[must_use]
    pub fn continuous(parameters: usize, multiply_adds_per_token: usize) -> Self {
        Self {
            parameters,
            multiply_adds_per_token,
            bits_per_token: None,
            words: None,
        }
    }
}
