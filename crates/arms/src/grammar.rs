//! Arms as text.
//!
//! `kind[@K][+topN][+gainX][+rankR][+codesN][+kmeans][+rotation][+text][+on-CONNECTOR][+usage[X]]`, settings in any
//! order; written, they come in this one, so that an arm has one name.

use crate::Thousandths;
use crate::{
    Argument, ArmError, ArmKind, ArmSpec, CodeSizes, INDICATORS, Setting, Settings,
    TokenizeOverride,
};
use std::fmt;
use std::str::FromStr;

/// Most codes of a token: beyond it lies more than any reader needs.
const MOST_CODES: usize = 64;
/// Largest rank of a head.
const MOST_RANK: usize = 65_536;
/// Most queries of a resampler, 16 times those of the releases.
const MOST_QUERIES: usize = 4096;
/// Most words of a table, 256 times those of the releases.
const MOST_WORDS: usize = 1 << 24;

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

    /// The K behind the `@`; `None` if it is no number.
    fn vocabulary(&self, size: &str) -> Result<Option<usize>, ArmError> {
        let size = size.parse::<usize>().ok();
        match size.filter(|&size| size > MOST_WORDS) {
            None => Ok(size),
            Some(size) => Err(self.problem(format!(
                "a vocabulary of {size} is more than {MOST_WORDS}; write a smaller one"
            ))),
        }
    }

    /// The K of a table, indicator rows included.
    fn rows(&self, size: &str) -> Result<usize, ArmError> {
        let rows = self.vocabulary(size)?.filter(|&rows| rows > INDICATORS);
        let found = self.found.clone();
        rows.ok_or(ArmError::Vocabulary { found })
    }

    /// The K of a discretiser that can have `sizes`.
    fn codes(&self, size: &str, sizes: CodeSizes) -> Result<usize, ArmError> {
        let codes = self.vocabulary(size)?.filter(|&codes| codes >= 2);
        let codes = codes.ok_or_else(|| {
            self.problem("the number of codes K must be a whole number of 2 or more")
        })?;
        match (sizes.check)(codes) {
            Ok(()) => Ok(codes),
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

    /// The N of connector `name`.
    fn queries(&self, name: &str, text: Option<&str>) -> Result<usize, ArmError> {
        let Some(text) = text else {
            return Err(self.problem(format!(
                "`{name}` needs the number of its queries, the tokens of an image, for example `{name}@8`"
            )));
        };
        let number = text.parse::<usize>().ok();
        let number = number.filter(|n| n.to_string() == text);
        let number = number.filter(|n| (1..=MOST_QUERIES).contains(n));
        number.ok_or_else(|| {
            self.problem(format!(
                "the number of queries must be a whole number from 1 to {MOST_QUERIES}, for example \
                 `{name}@8`"
            ))
        })
    }

    /// The connector below a table, written as an arm without settings, and its queries.
    fn below(&self, text: &str) -> Result<(ArmKind, Option<usize>), ArmError> {
        let (name, size) = match text.split_once('@') {
            Some((name, size)) => (name, Some(size)),
            None => (text, None),
        };
        let known = || ArmKind::ALL.into_iter().filter(|kind| kind.can_be_below());
        let kind = known().find(|kind| kind.name() == name).ok_or_else(|| {
            let names: Vec<&str> = known().map(ArmKind::name).collect();
            self.problem(format!(
                "a table cannot stand on `{name}`; write `+on-` and one of {}",
                names.join(", ")
            ))
        })?;
        match (kind.definition().argument, size) {
            (Argument::Queries, size) => Ok((kind, Some(self.queries(name, size)?))),
            (Argument::Nothing | Argument::Rows | Argument::Codes(_) | Argument::Noise, None) => {
                Ok((kind, None))
            }
            (
                Argument::Nothing | Argument::Rows | Argument::Codes(_) | Argument::Noise,
                Some(size),
            ) => Err(self.problem(format!(
                "`{name}` has nothing behind it; write it without `@{size}`"
            ))),
        }
    }

    /// Puts what stands behind the `@` into `spec`.
    fn argument(&self, text: Option<&str>, spec: &mut ArmSpec) -> Result<(), ArmError> {
        let name = self.kind.name();
        match (self.kind.definition().argument, text) {
            (Argument::Nothing, None) => {}
            (Argument::Nothing, Some(_)) => return Err(ArmError::NoVocabulary { name }),
            (Argument::Rows, Some(size)) => spec.vocabulary = Some(self.rows(size)?),
            (Argument::Codes(sizes), Some(size)) => {
                spec.vocabulary = Some(self.codes(size, sizes)?)
            }
            (Argument::Rows | Argument::Codes(_), None) => {
                let example = ArmSpec::example(self.kind, 256).to_string();
                return Err(ArmError::NeedsVocabulary { name, example });
            }
            (Argument::Noise, Some(sigma)) => {
                let what = "the standard deviation of the noise";
                spec.settings.noise = Some(self.thousandths(what, sigma)?);
            }
            (Argument::Noise, None) => {
                return Err(self.problem(format!(
                    "it needs the standard deviation of its noise, for example `{name}@0.5`"
                )));
            }
            (Argument::Queries, queries) => {
                spec.settings.queries = Some(self.queries(name, queries)?);
            }
        }
        Ok(())
    }

    /// Puts one setting into `spec`; `text` is without its `+`.
    fn setting(&self, text: &str, spec: &mut ArmSpec) -> Result<(), ArmError> {
        if let Some(weight) = text.strip_prefix("usage") {
            return self.usage(text, weight, spec);
        }
        let mut known = Setting::ALL.into_iter();
        let found = known.find_map(|setting| Some((setting, text.strip_prefix(setting.name())?)));
        let Some((setting, number)) = found else {
            return Err(self.problem(format!(
                "unknown setting `+{text}`; write it as {}",
                self.kind.form()
            )));
        };
        if !self.kind.definition().settings.contains(&setting) {
            return Err(self.problem(format!(
                "`+{}` is for {}; leave it out",
                setting.form(),
                setting.takers()
            )));
        }
        let settings = &mut spec.settings;
        if settings.has(setting) {
            return Err(self.second(text));
        }
        match setting {
            Setting::Top => settings.top = Some(self.count("top", number, 2)?),
            Setting::Gain => settings.gain = Some(self.thousandths("`+gain`", number)?),
            Setting::Rank => {
                let rank = self.count("rank", number, 1)?;
                if rank > MOST_RANK {
                    return Err(self.problem(format!(
                        "`+rank{rank}` is above {MOST_RANK}, wider than any tower; write a smaller \
                         one"
                    )));
                }
                settings.rank = Some(rank);
            }
            Setting::Codes => {
                let codes = self.count("codes", number, 2)?;
                if codes > MOST_CODES {
                    return Err(self.problem(format!(
                        "`+codes{codes}` is more than {MOST_CODES} codes per token; write fewer"
                    )));
                }
                settings.codes = Some(codes);
            }
            Setting::Kmeans => settings.kmeans = self.flag(setting, number)?,
            Setting::Rotation => settings.rotation = self.flag(setting, number)?,
            Setting::Text => settings.text = self.flag(setting, number)?,
            Setting::On => {
                let (kind, queries) = self.below(number)?;
                (settings.on, settings.queries) = (Some(kind), queries);
            }
        }
        Ok(())
    }

    /// A setting that is there or not.
    fn flag(&self, setting: Setting, rest: &str) -> Result<bool, ArmError> {
        let name = setting.name();
        match rest {
            "" => Ok(true),
            _ => Err(self.problem(format!(
                "`+{name}` has nothing behind it; write it without `{rest}`"
            ))),
        }
    }

    /// Refuses settings that do not go together.
    fn check(&self, settings: &Settings) -> Result<(), ArmError> {
        if !settings.kmeans || !self.kind.is_vet() {
            return Ok(());
        }
        if let Some(connector) = settings.on {
            return Err(self.problem(format!(
                "`+kmeans` starts at features of the tower, and the head takes the tokens of `{0}`; leave \
                 out `+kmeans` or `+on-{0}`",
                connector.name()
            )));
        }
        if let Some(gain) = settings.gain {
            return Err(self.problem(format!(
                "`+kmeans` sets the gain at the start; leave out `+kmeans` or `+gain{gain}`"
            )));
        }
        match settings.codes {
            Some(codes) => Err(self.problem(format!(
                "with `+kmeans` all codes of a token would start as the same one; leave out \
                 `+kmeans` or `+codes{codes}`"
            ))),
            None => Ok(()),
        }
    }

    /// `+usage`, with a weight or without.
    fn usage(&self, text: &str, weight: &str, spec: &mut ArmSpec) -> Result<(), ArmError> {
        if spec.usage {
            return Err(self.second(text));
        }
        spec.usage = true;
        if !weight.is_empty() {
            let what = "the weight of `+usage`";
            spec.settings.usage_weight = Some(self.thousandths(what, weight)?);
        }
        Ok(())
    }

    fn second(&self, text: &str) -> ArmError {
        self.problem(format!("`+{text}` is the second setting of its kind"))
    }
}

impl FromStr for ArmSpec {
    type Err = ArmError;

    fn from_str(text: &str) -> Result<Self, ArmError> {
        let text = text.trim();
        if let Some(swap) = text
            .strip_prefix("pretrained")
            .and_then(TokenizeOverride::parse)
        {
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
        reader.argument(size, &mut spec)?;
        for setting in parts {
            reader.setting(setting, &mut spec)?;
        }
        reader.check(&spec.settings)?;
        if spec.usage && !kind.takes_usage() {
            return Err(
                if kind.takes_vocabulary() || spec.settings.queries.is_some() {
                    ArmError::UsageNeedsHardWords {
                        found: reader.found,
                    }
                } else {
                    ArmError::NoVocabulary { name: kind.name() }
                },
            );
        }
        if let (Some(top), Some(words)) = (spec.settings.top, spec.words())
            && top >= words
        {
            return Err(reader.problem(format!(
                "`+top{top}` keeps all of its {words} words; write a smaller number or leave it out"
            )));
        }
        if let (Some(message), None) = (kind.definition().needs_codes, spec.settings.codes) {
            return Err(reader.problem(message(head)));
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
            kmeans,
            rotation,
            text,
            usage_weight,
            noise,
            queries,
            on,
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
        if let Some(queries) = queries.filter(|_| on.is_none()) {
            write!(f, "@{queries}")?;
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
        let flags = [
            (Setting::Kmeans, kmeans),
            (Setting::Rotation, rotation),
            (Setting::Text, text),
        ];
        for (setting, _) in flags.into_iter().filter(|&(_, is_set)| is_set) {
            write!(f, "+{}", setting.name())?;
        }
        if let Some(connector) = self.connector() {
            write!(f, "+{}{connector}", Setting::On.name())?;
        }
        f.write_str(if self.usage { "+usage" } else { "" })?;
        match usage_weight {
            Some(weight) => write!(f, "{weight}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
