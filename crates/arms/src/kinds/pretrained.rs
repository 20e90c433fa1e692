//! The arms that read a published model's own projector.

use crate::{ArmRole, ArmSpec, Definition};
use anyhow::{Result, bail, ensure};
use ovis_vet::Tokenize;
use published_models::PublishedProjector;
use std::fmt;

/// What takes the place of the published tokenize function; the weights stay as they are.
///
/// Written behind `pretrained`: nothing, `+softmax`, `+argmax`, `+topN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TokenizeOverride {
    /// Nothing: the projector as it was published, merger or table.
    Own,
    /// The mixture of all rows of the table.
    Softmax,
    /// The row of the best word.
    Argmax,
    /// The mixture of the best rows, at least one.
    TopK(usize),
}

impl TokenizeOverride {
    /// How it is written, for messages.
    pub const FORMS: &str = "pretrained[+softmax|+argmax|+topN] (with --checkpoint)";

    /// The kind of arm. Its projector is read with [`Self::of`] and cannot be built.
    pub(crate) fn definition(self) -> Definition {
        let tokenize = self.tokenize();
        let role = match tokenize {
            None => ArmRole::Published,
            Some(tokenize) if tokenize.is_hard() => ArmRole::HardWords,
            Some(_) => ArmRole::SoftWords,
        };
        let build = |spec: &ArmSpec, _, _: &mut _, _: &_| {
            bail!("arm `{spec}` is the projector of a checkpoint; name one with --checkpoint")
        };
        Definition {
            tokenize,
            ..Definition::continuous("pretrained", role, build)
        }
    }

    /// Reads what stands behind `pretrained`.
    #[must_use]
    pub fn parse(suffix: &str) -> Option<Self> {
        match suffix {
            "" => Some(Self::Own),
            "+softmax" => Some(Self::Softmax),
            "+argmax" => Some(Self::Argmax),
            _ => {
                let k = suffix.strip_prefix("+top")?;
                // What `k` would be written as, so that an arm has one name only.
                let k: usize = k.parse().ok().filter(|n: &usize| n.to_string() == k)?;
                (k > 0).then_some(Self::TopK(k))
            }
        }
    }

    /// A published projector, read in this way.
    ///
    /// # Errors
    /// If it has no visual vocabulary to be read in another way, or fewer words than are asked for.
    pub fn of(self, projector: &PublishedProjector) -> Result<PublishedProjector> {
        let Some(tokenize) = self.tokenize() else {
            return Ok(projector.clone());
        };
        let PublishedProjector::Vet(vet) = projector else {
            bail!(
                "arm `pretrained{self}`: this model has a merger and no visual vocabulary; read it \
                 with `pretrained`"
            );
        };
        if let Self::TopK(k) = self {
            ensure!(
                k <= vet.words(),
                "arm `pretrained{self}`: this model has {} visual words only",
                vet.words()
            );
        }
        Ok(PublishedProjector::Vet(vet.clone().with_tokenize(tokenize)))
    }

    /// The function that is put in; `None` leaves the model's own.
    #[must_use]
    pub fn tokenize(self) -> Option<Tokenize> {
        match self {
            Self::Own => None,
            Self::Softmax => Some(Tokenize::Softmax),
            Self::Argmax => Some(Tokenize::StArgmax),
            Self::TopK(k) => Some(Tokenize::TopK { k }),
        }
    }
}

impl fmt::Display for TokenizeOverride {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => Ok(()),
            Self::Softmax => f.write_str("+softmax"),
            Self::Argmax => f.write_str("+argmax"),
            Self::TopK(k) => write!(f, "+top{k}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_a_round_trip_and_others_are_none() {
        for swap in [
            TokenizeOverride::Own,
            TokenizeOverride::Softmax,
            TokenizeOverride::Argmax,
            TokenizeOverride::TopK(16),
        ] {
            assert_eq!(TokenizeOverride::parse(&swap.to_string()), Some(swap));
        }
        for text in [
            "+top", "+top0", "+top-1", "+top01", "+top+1", "+hard", "argmax",
        ] {
            assert_eq!(TokenizeOverride::parse(text), None, "{text}");
        }
    }
}
