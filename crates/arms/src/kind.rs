//! What follows from the definition of a kind.

use crate::{Argument, ArmKind, ArmRole, INDICATORS, Setting};
use ovis_vet::Tokenize;

impl ArmKind {
    /// Name on the command line and in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.definition().name
    }

    /// What it is in the comparison.
    #[must_use]
    pub fn role(self) -> ArmRole {
        self.definition().role
    }

    /// How an arm of this kind is written, settings in brackets where they may be left out.
    #[must_use]
    pub fn form(self) -> String {
        let definition = self.definition();
        let mut form = format!("{}{}", definition.name, definition.argument.form());
        for setting in definition.settings {
            let needed = *setting == Setting::Codes && definition.needs_codes.is_some();
            let setting = setting.form();
            form += &match needed {
                true => format!("+{setting}"),
                false => format!("[+{setting}]"),
            };
        }
        if self.takes_usage() {
            form += "[+usage]";
        }
        form
    }

    /// The tokenize function, for arms with a visual embedding table; what `pretrained` alone has,
    /// the checkpoint knows.
    #[must_use]
    pub fn tokenize(self) -> Option<Tokenize> {
        self.definition().tokenize
    }

    /// Whether it is a visual embedding table that we train.
    #[must_use]
    pub fn is_vet(self) -> bool {
        !self.is_pretrained() && self.tokenize().is_some()
    }

    /// Whether it rounds in another way than a table does.
    #[must_use]
    pub fn is_discretiser(self) -> bool {
        matches!(self.definition().argument, Argument::Codes(_))
    }

    /// Whether tokens are made of the words of a vocabulary, softly or hard.
    #[must_use]
    pub fn has_words(self) -> bool {
        self.tokenize().is_some() || self.is_discretiser()
    }

    /// Whether a token of the trained arm is one code, or one set of codes: it carries a limited
    /// number of bits.
    #[must_use]
    pub fn is_hard(self) -> bool {
        self.is_discretiser() || self.tokenize().is_some_and(|tokenize| tokenize.is_hard())
    }

    /// Whether tokens are sampled while training.
    #[must_use]
    pub fn is_sampled(self) -> bool {
        matches!(self.tokenize(), Some(Tokenize::GumbelArgmax { .. }))
    }

    /// Whether noise is part of the arm itself, in evaluation as in training.
    #[must_use]
    pub fn is_noisy(self) -> bool {
        self.definition().is_noisy
    }

    /// Whether a teacher chooses its words in training: a control, which is not to be the best hard arm.
    #[must_use]
    pub fn is_taught(self) -> bool {
        self.definition().is_taught
    }

    /// Whether it is the projector of a checkpoint.
    #[must_use]
    pub fn is_pretrained(self) -> bool {
        matches!(self, Self::Pretrained(_))
    }

    /// Whether the arm mixes words by softmax (or may: `pretrained`), and so can be read with only
    /// its best words.
    #[must_use]
    pub fn hardens(self) -> bool {
        self.tokenize() == Some(Tokenize::Softmax) || self.role() == ArmRole::Published
    }

    /// Whether a table can stand on its tokens: a connector without words or noise that sees the image.
    #[must_use]
    pub fn can_be_below(self) -> bool {
        let is_connector = matches!(self.role(), ArmRole::Merger | ArmRole::Control);
        let is_plain = match self.definition().argument {
            Argument::Nothing | Argument::Queries => true,
            Argument::Rows | Argument::Codes(_) | Argument::Noise => false,
        };
        is_connector && is_plain && !self.is_noisy()
    }

    /// Whether the arm is sized by a vocabulary: all with words, and the MLPs matched to a table.
    #[must_use]
    pub fn takes_vocabulary(self) -> bool {
        match self.definition().argument {
            Argument::Rows | Argument::Codes(_) => true,
            Argument::Nothing | Argument::Noise | Argument::Queries => false,
        }
    }

    /// Whether training can be rewarded for using many words: tables with hard words. Discretisers
    /// keep their codes in use by means of their own.
    #[must_use]
    pub fn takes_usage(self) -> bool {
        self.is_vet() && self.is_hard()
    }

    /// Rows of the vocabulary that no patch is assigned to: tables have them, and the MLPs matched
    /// to tables leave out as many hidden units; codebooks have none.
    #[must_use]
    pub fn indicators(self) -> usize {
        if self.is_discretiser() { 0 } else { INDICATORS }
    }
}
