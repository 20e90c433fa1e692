//! Settings that stand behind a `+` in the name of an arm.

use crate::ArmKind;

/// A setting that some kinds take; `+usage` is apart, because it may come without a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// `+topN`: best words that a soft token mixes.
    Top,
    /// `+gainX`: start of the LayerNorm's gain.
    Gain,
    /// `+rankR`: rank of the head.
    Rank,
    /// `+codesN`: codes per token.
    Codes,
    /// `+kmeans`: a start at the centres of training features.
    Kmeans,
    /// `+rotation`: the rotation trick in place of the straight-through gradient.
    Rotation,
    /// `+text`: the words of the teacher are the texts of the tokens.
    Text,
    /// `+on-CONNECTOR`: a table whose head takes the tokens of another connector.
    On,
}

impl Setting {
    pub(crate) const ALL: [Self; 8] = [
        Self::Top,
        Self::Gain,
        Self::Rank,
        Self::Codes,
        Self::Kmeans,
        Self::Rotation,
        Self::Text,
        Self::On,
    ];

    /// What stands in front of the number, or all of it where there is none.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Top => "top",
            Self::Gain => "gain",
            Self::Rank => "rank",
            Self::Codes => "codes",
            Self::Kmeans => "kmeans",
            Self::Rotation => "rotation",
            Self::Text => "text",
            Self::On => "on-",
        }
    }

    /// How it is written, for messages, without the `+`.
    pub(crate) fn form(self) -> &'static str {
        match self {
            Self::Top => "topN",
            Self::Gain => "gainX",
            Self::Rank => "rankR",
            Self::Codes => "codesN",
            Self::On => "on-CONNECTOR",
            Self::Kmeans | Self::Rotation | Self::Text => self.name(),
        }
    }

    /// The kinds that take it, for messages.
    pub(crate) fn takers(self) -> String {
        let kinds = ArmKind::ALL.into_iter();
        let (vets, others): (Vec<_>, Vec<_>) = kinds.partition(|kind| kind.is_vet());
        let takes = |kind: &&ArmKind| kind.definition().settings.contains(&self);
        let mut names: Vec<&str> = match vets.iter().all(|kind| takes(&kind)) {
            true => vec!["the vet arms"],
            false => vets.iter().filter(takes).map(|kind| kind.name()).collect(),
        };
        names.extend(others.iter().filter(takes).map(|kind| kind.name()));
        names.join(" and ")
    }
}
