//! Arms as text.
//!
//! `kind[@K][+topN][+gainX][+rankR][+codesN][+usage[X]]`, settings in any order; written, they come
//! in this one, so that an arm has one name.

use super::{ArmKind, ArmSpec, INDICATORS, Settings, Thousandths};
use crate::Swap;
use std::fmt;
use std::str::FromStr;

/// Most codes of a token: beyond it lies more than any reader needs.
const MOST_CODES: usize = 64;
/// Largest rank of a head.
const MOST_RANK: usize = 65_536;
/// Most words of a table, 256 times those of the releases.
const MOST_WORDS: usize = 1 << 24;

/// Why a text names no arm.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArmError {
    /// No such kind.
    #[error("unknown arm `{found}`; known arms: {}", known())]
    Unknown {
        /// The text.
        found: String,
    },
    /// A kind that needs a vocabulary came without one.
    #[error("arm `{name}` needs the size of its vocabulary, for example `{example}`")]
    NeedsVocabulary {
        /// The kind.
        name: &'static str,
        /// An arm of this kind.
        example: String,
    },
    /// A kind without vocabulary came with one.
    #[error("arm `{name}` has no vocabulary; write it without `@K` and `+usage`")]
    NoVocabulary {
        /// The kind.
        name: &'static str,
    },
    /// `+usage` on an arm whose words are not used hard, or that has means of its own.
    #[error(
        "arm `{found}`: `+usage` is for hard visual words (st-argmax, gumbel and curriculum arms)"
    )]
    UsageNeedsHardWords {
        /// The text.
        found: String,
    },
    /// The vocabulary is not a number, or leaves no visual word.
    #[error(
        "arm `{found}`: the vocabulary K must be a whole number above {INDICATORS}, the number of indicator rows"
    )]
    Vocabulary {
        /// The text.
        found: String,
    },
    /// The number of codes is none that the discretiser takes, or a setting makes no sense.
    #[error("arm `{found}`: {problem}")]
    Setting {
        /// The text.
        found: String,
        /// What is wrong and what to write.
        problem: String,
    },
}

fn known() -> String {
    ArmKind::ALL
        .iter()
        .map(|kind| kind.form())
        .chain([Swap::FORMS.to_owned()])
        .collect::<Vec<_>>()
        .join(", ")
}

/// A text on its way to an arm.
struct Reader {
    found: String,
    kind: ArmKind,
}

impl Reader {
    fn problem(&self, problem: impl Into<String>) -> ArmError {
        ArmError::Setting {
            found: self.found.clone(),
            problem: problem.into(),
        }
    }

    /// What stands behind the `@` of a kind with a vocabulary.
    fn vocabulary(&self, size: &str) -> Result<usize, ArmError> {
        let size = size.parse::<usize>().ok();
        if let Some(size) = size.filter(|&size| size > MOST_WORDS) {
            return Err(self.problem(format!(
                "a vocabulary of {size} is more than {MOST_WORDS}; write a smaller one"
            )));
        }
        if !self.kind.is_discretiser() {
            let found = self.found.clone();
            let fits = size.filter(|&size| size > INDICATORS);
            return fits.ok_or(ArmError::Vocabulary { found });
        }
        let size = size.filter(|&size| size >= 2).ok_or_else(|| {
            self.problem("the number of codes K must be a whole number of 2 or more")
        })?;
        let checked = match self.kind {
            ArmKind::Fsq => discretisers::fsq::levels(size).map(|_| ()),
            ArmKind::Lfq => discretisers::lfq::check(size),
            ArmKind::Bsq => discretisers::bsq::check(size),
            _ => Ok(()),
        };
        match checked {
            Ok(()) => Ok(size),
            Err(error) => Err(self.problem(error.to_string())),
        }
    }

    fn thousandths(&self, name: &str, text: &str) -> Result<Thousandths, ArmError> {
        text.parse::<Thousandths>().map_err(|()| {
            self.problem(format!(
                "`{text}` is no number for {name}; write one above 0 with at most three decimals, \
                 for example 1.5"
            ))
        })
    }

    fn count(&self, setting: &str, text: &str, least: usize) -> Result<usize, ArmError> {
        // What it would be written as, so that an arm has one name only.
        let number = text.parse::<usize>().ok();
        number
            .filter(|n| n.to_string() == text && (least..=MOST_WORDS).contains(n))
            .ok_or_else(|| {
                self.problem(format!(
                    "`+{setting}{text}` needs a whole number of {least} or more, for example \
                     `+{setting}{}`",
                    least.max(4)
                ))
            })
    }

    /// Puts one setting into `spec`; `text` is without its `+`.
    fn setting(&self, text: &str, spec: &mut ArmSpec) -> Result<(), ArmError> {
        let settings = &mut spec.settings;
        let twice = || Err(self.problem(format!("`+{text}` is the second setting of its kind")));
        let only_for = |name: &str, kinds: &str| {
            Err(self.problem(format!("`+{name}` is for {kinds}; leave it out")))
        };
        if let Some(weight) = text.strip_prefix("usage") {
            if spec.usage {
                return twice();
            }
            spec.usage = true;
            if !weight.is_empty() {
                let name = "the weight of `+usage`";
                settings.usage_weight = Some(self.thousandths(name, weight)?);
            }
        } else if let Some(number) = text.strip_prefix("top") {
            if self.kind != ArmKind::VetSoftmax {
                return only_for("topN", "vet-softmax");
            }
            if settings.top.is_some() {
                return twice();
            }
            let top = self.count("top", number, 2)?;
            settings.top = Some(top);
        } else if let Some(number) = text.strip_prefix("gain") {
            if !self.kind.is_vet() {
                return only_for("gainX", "the vet arms");
            }
            if settings.gain.is_some() {
                return twice();
            }
            settings.gain = Some(self.thousandths("`+gain`", number)?);
        } else if let Some(number) = text.strip_prefix("rank") {
            if !self.kind.is_vet() {
                return only_for("rankR", "the vet arms");
            }
            if settings.rank.is_some() {
                return twice();
            }
            let rank = self.count("rank", number, 1)?;
            if rank > MOST_RANK {
                return Err(self.problem(format!(
                    "`+rank{rank}` is above {MOST_RANK}, wider than any tower; write a smaller one"
                )));
            }
            settings.rank = Some(rank);
        } else if let Some(number) = text.strip_prefix("codes") {
            if !self.kind.is_vet() && self.kind != ArmKind::Rvq {
                return only_for("codesN", "the vet arms and rvq");
            }
            if settings.codes.is_some() {
                return twice();
            }
            let codes = self.count("codes", number, 2)?;
            if codes > MOST_CODES {
                return Err(self.problem(format!(
                    "`+codes{codes}` is more than {MOST_CODES} codes per token; write fewer"
                )));
            }
            settings.codes = Some(codes);
        } else {
            return Err(self.problem(format!(
                "unknown setting `+{text}`; write it as {}",
                self.kind.form()
            )));
        }
        Ok(())
    }
}

impl FromStr for ArmSpec {
    type Err = ArmError;

    fn from_str(text: &str) -> Result<Self, ArmError> {
        let text = text.trim();
        if let Some(swap) = text.strip_prefix("pretrained").and_then(Swap::parse) {
            return Ok(Self::plain(ArmKind::Pretrained(swap)));
        }
        let found = text.to_owned();
        let mut parts = text.split('+');
        let head = parts.next().unwrap_or_default();
        let (name, size) = match head.split_once('@') {
            Some((name, size)) => (name, Some(size)),
            None => (head, None),
        };
        let Some(kind) = ArmKind::ALL.into_iter().find(|kind| kind.name() == name) else {
            return Err(ArmError::Unknown { found });
        };
        let reader = Reader { found, kind };
        let mut spec = Self::plain(kind);
        match (kind, size) {
            (ArmKind::NoisyMerger, Some(sigma)) => {
                let name = "the standard deviation of the noise";
                spec.settings.noise = Some(reader.thousandths(name, sigma)?);
            }
            (ArmKind::NoisyMerger, None) => {
                return Err(reader.problem(
                    "it needs the standard deviation of its noise, for example `noisy-merger@0.5`",
                ));
            }
            (_, Some(size)) if kind.takes_vocabulary() => {
                spec.vocabulary = Some(reader.vocabulary(size)?);
            }
            (_, None) if kind.takes_vocabulary() => {
                return Err(ArmError::NeedsVocabulary {
                    name: kind.name(),
                    example: Self::example(kind, 256).to_string(),
                });
            }
            (_, Some(_)) => return Err(ArmError::NoVocabulary { name: kind.name() }),
            (_, None) => {}
        }
        for setting in parts {
            reader.setting(setting, &mut spec)?;
        }
        if spec.usage && !kind.takes_usage() {
            return Err(if kind.takes_vocabulary() {
                ArmError::UsageNeedsHardWords {
                    found: reader.found,
                }
            } else {
                ArmError::NoVocabulary { name: kind.name() }
            });
        }
        if let (Some(top), Some(words)) = (spec.settings.top, spec.words())
            && top >= words
        {
            return Err(reader.problem(format!(
                "`+top{top}` keeps all of its {words} words; write a smaller number or leave it out"
            )));
        }
        if kind == ArmKind::Rvq && spec.settings.codes.is_none() {
            return Err(reader.problem(format!(
                "it needs the number of its codes, for example `{head}+codes4`; with one code it \
                 is `vq`"
            )));
        }
        Ok(spec)
    }
}

impl TryFrom<String> for ArmSpec {
    type Error = ArmError;

    fn try_from(text: String) -> Result<Self, ArmError> {
        text.parse()
    }
}

impl From<ArmSpec> for String {
    fn from(spec: ArmSpec) -> Self {
        spec.to_string()
    }
}

impl fmt::Display for ArmSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings {
            top,
            gain,
            rank,
            codes,
            usage_weight,
            noise,
        } = self.settings;
        f.write_str(self.kind.name())?;
        if let ArmKind::Pretrained(swap) = self.kind {
            swap.fmt(f)?;
        }
        if let Some(vocabulary) = self.vocabulary {
            write!(f, "@{vocabulary}")?;
        }
        if let Some(noise) = noise {
            write!(f, "@{noise}")?;
        }
        if let Some(top) = top {
            write!(f, "+top{top}")?;
        }
        if let Some(gain) = gain {
            write!(f, "+gain{gain}")?;
        }
        if let Some(rank) = rank {
            write!(f, "+rank{rank}")?;
        }
        if let Some(codes) = codes {
            write!(f, "+codes{codes}")?;
        }
        f.write_str(if self.usage { "+usage" } else { "" })?;
        match usage_weight {
            Some(weight) => write!(f, "{weight}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_a_round_trip() {
        for kind in ArmKind::ALL {
            let mut spec = ArmSpec::example(kind, 256);
            if kind.takes_usage() {
                spec = spec.with_usage();
            }
            let name = spec.to_string();
            assert_eq!(name.parse::<ArmSpec>().as_ref(), Ok(&spec), "{name}");
        }
        for name in [
            "vet-softmax@256+top16",
            "vet-softmax@256+gain2.5+rank32",
            "vet-softmax@64+top4+gain0.5+rank8+codes4",
            "vet-st-argmax@256+codes8+usage",
            "vet-st-argmax@256+usage0.3",
            "vet-curriculum@1024+usage",
            "rvq@256+codes4",
            "noisy-merger@0.25",
            "fsq@1000",
        ] {
            assert_eq!(name.parse::<ArmSpec>().unwrap().to_string(), name);
        }
        let swapped: ArmSpec = "vet-st-argmax@64+usage+codes2+gain1.50".parse().unwrap();
        assert_eq!(swapped.to_string(), "vet-st-argmax@64+gain1.5+codes2+usage");
    }

    #[test]
    fn names_of_published_results_mean_what_they_meant() {
        for (name, kind, vocabulary, usage) in [
            ("patch-merger", ArmKind::PatchMerger, None, false),
            ("gelu-mlp@256", ArmKind::GeluMlp, Some(256), false),
            (
                "vet-st-argmax@1024+usage",
                ArmKind::VetStArgmax,
                Some(1024),
                true,
            ),
            ("vet-gumbel@256", ArmKind::VetGumbel, Some(256), false),
        ] {
            let spec: ArmSpec = name.parse().unwrap();
            assert_eq!(
                (spec.kind, spec.vocabulary, spec.usage),
                (kind, vocabulary, usage)
            );
            assert_eq!(spec.settings, Settings::default());
            assert_eq!(spec.to_string(), name);
        }
    }

    #[test]
    fn bits_count_every_code() {
        let spec = |name: &str| name.parse::<ArmSpec>().unwrap();
        assert_eq!(spec("vet-st-argmax@260").nominal_bits(), Some(8.0));
        assert_eq!(spec("vet-st-argmax@260+codes4").nominal_bits(), Some(32.0));
        assert_eq!(
            spec("vet-st-argmax@260+codes4").distinct_tokens(),
            Some(1 << 32)
        );
        assert_eq!(spec("rvq@256+codes8").nominal_bits(), Some(64.0));
        assert_eq!(spec("rvq@256+codes8").distinct_tokens(), None);
        assert_eq!(spec("lfq@1024").nominal_bits(), Some(10.0));
        assert_eq!(spec("vet-softmax@260+codes4").nominal_bits(), None);
        assert_eq!(spec("gelu-mlp@260").nominal_bits(), None);
    }

    #[test]
    fn the_weight_of_the_regulariser_is_the_runs_unless_the_arm_has_its_own() {
        let weight = |name: &str| name.parse::<ArmSpec>().unwrap().usage_weight(1.0);
        assert_eq!(weight("vet-st-argmax@64"), None);
        assert_eq!(weight("vet-st-argmax@64+usage"), Some(1.0));
        assert_eq!(weight("vet-st-argmax@64+usage0.1"), Some(0.1));
    }

    #[test]
    fn an_unknown_arm_is_answered_with_the_known_ones() {
        let message = "perceiver".parse::<ArmSpec>().unwrap_err().to_string();
        for kind in ArmKind::ALL {
            assert!(message.contains(kind.name()), "{message}");
        }
        assert!(
            message.contains("vet-softmax@K[+topN][+gainX]"),
            "{message}"
        );
    }

    #[test]
    fn names_that_make_no_sense_say_what_to_write() {
        for (name, part) in [
            ("vet-softmax", "vet-softmax@256"),
            ("fsq", "fsq@240"),
            ("linear@256", "no vocabulary"),
            ("linear+usage", "no vocabulary"),
            ("vet-softmax@256+usage", "hard visual words"),
            ("vq@256+usage", "hard visual words"),
            ("vet-softmax@4", "above 4"),
            ("vet-softmax@many", "whole number"),
            ("vq@1", "2 or more"),
            ("fsq@256", "15, 64, 240, 1000"),
            ("lfq@1000", "take 1024"),
            ("bsq@1000", "take 1024"),
            ("vet-softmax@256+top1", "2 or more"),
            ("vet-softmax@256+top252", "all of its 252 words"),
            ("vet-st-argmax@256+top4", "is for vet-softmax"),
            ("gelu-mlp@256+gain2", "the vet arms"),
            ("patch-merger+rank2", "the vet arms"),
            ("vq@256+codes2", "the vet arms and rvq"),
            ("vet-softmax@256+rank0", "1 or more"),
            ("vet-softmax@256+gain0", "above 0"),
            ("vet-softmax@256+codes1", "2 or more"),
            ("vet-softmax@256+codes65", "more than 64"),
            ("vet-softmax@256+gain2+gain3", "second setting"),
            ("vet-st-argmax@256+usage+usage", "second setting"),
            ("vet-softmax@256+sharp", "unknown setting `+sharp`"),
            ("vet-softmax@256+", "unknown setting"),
            ("rvq@256", "rvq@256+codes4"),
            ("noisy-merger", "noisy-merger@0.5"),
            ("noisy-merger@loud", "`loud`"),
            ("noisy-merger@0.5+usage", "no vocabulary"),
        ] {
            let message = name.parse::<ArmSpec>().unwrap_err().to_string();
            assert!(message.contains(part), "{name}: {message}");
        }
    }
}
