//! Where labelled images come from: the renderer and data sets on disk, also mixed.

use anyhow::{Result, bail, ensure};
use scene_text::{Format, LabelPolicy, LabelRule, MAX_LABEL_CHARS, SceneCharset};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use text_images::Charset;

/// Word that stands for rendered images.
const RENDERED: &str = "rendered";

/// One place that images come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataSource {
    /// The renderer.
    Rendered,
    /// A data set on disk.
    Stored {
        /// How it lies there.
        format: Format,
        /// Where.
        path: PathBuf,
    },
}

/// One or more sources. Text form (serde, `Display`, `FromStr`): `rendered` or `KIND:DIR`, joined
/// by `+`, such as `rendered+lmdb:train/real`. A `+` that no source follows is part of a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DataSources(Vec<DataSource>);

impl DataSources {
    /// The sources, at least one.
    #[must_use]
    pub fn list(&self) -> &[DataSource] {
        &self.0
    }

    /// Rendered images alone.
    #[must_use]
    pub fn rendered() -> Self {
        Self(vec![DataSource::Rendered])
    }

    /// Whether nothing is read from a disk.
    #[must_use]
    pub fn is_rendered(&self) -> bool {
        self.0 == [DataSource::Rendered]
    }

    /// Whether rendered images are among them.
    #[must_use]
    pub fn has_rendered(&self) -> bool {
        self.0.contains(&DataSource::Rendered)
    }

    /// The formats on disk that hold lines and no character grids.
    pub fn lines(&self) -> impl Iterator<Item = Format> {
        self.0.iter().filter_map(|source| match source {
            DataSource::Stored { format, .. } => (*format != Format::Folder).then_some(*format),
            DataSource::Rendered => None,
        })
    }

    /// Sources on disk with these paths; for tests and callers that have paths at hand.
    #[must_use]
    pub fn stored(format: Format, path: &Path) -> Self {
        Self(vec![DataSource::Stored {
            format,
            path: path.to_owned(),
        }])
    }
}

impl fmt::Display for DataSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rendered => f.write_str(RENDERED),
            Self::Stored { format, path } => write!(f, "{format}:{}", path.display()),
        }
    }
}

impl fmt::Display for DataSources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, source) in self.0.iter().enumerate() {
            write!(f, "{}{source}", if index == 0 { "" } else { "+" })?;
        }
        Ok(())
    }
}

impl FromStr for DataSource {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == RENDERED {
            return Ok(Self::Rendered);
        }
        if let Some((format, path)) = text.split_once(':')
            && let Ok(format) = format.parse()
            && !path.is_empty()
        {
            let path = PathBuf::from(path);
            return Ok(Self::Stored { format, path });
        }
        let formats = Format::ALL.map(|format| format!("{format}:DIR"));
        bail!(
            "`{text}` names no images; write {} (images and labels.csv) or rendered, several of them \
             joined by `+`",
            formats.join(", ")
        )
    }
}

impl FromStr for DataSources {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut parts: Vec<String> = Vec::new();
        for part in text.split('+') {
            let begins = part == RENDERED || part.parse::<DataSource>().is_ok();
            match parts.last_mut().filter(|_| !begins) {
                Some(last) => {
                    last.push('+');
                    last.push_str(part);
                }
                None => parts.push(part.to_owned()),
            }
        }
        let sources: Vec<DataSource> = parts
            .iter()
            .map(|part| part.parse())
            .collect::<Result<_>>()?;
        for (index, source) in sources.iter().enumerate() {
            ensure!(
                !sources[..index].contains(source),
                "`{source}` is named twice"
            );
        }
        Ok(Self(sources))
    }
}

impl TryFrom<String> for DataSources {
    type Error = anyhow::Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<DataSources> for String {
    fn from(sources: DataSources) -> Self {
        sources.to_string()
    }
}

/// How an image on disk is brought to the size of the strip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// Stretched over both sides, bicubic, as PARSeq and DTRB do.
    Stretch,
    /// Scaled without distortion and padded with its background.
    Pad,
}

/// How data sets on disk are read. `folder:` has its own ways: no policy (labels outside the charset
/// are named and left out) and no distortion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoredConfig {
    /// What becomes of labels.
    pub label_policy: LabelPolicy,
    /// Longest label that the policy keeps, in characters.
    pub max_label_chars: usize,
    /// Most images taken from one data set, spread evenly over it. Features of 50,000 strips take
    /// 1.6 GB with the default backbone.
    pub max_images: usize,
    /// How images are brought to size.
    pub fit: Fit,
}

impl Default for StoredConfig {
    fn default() -> Self {
        Self {
            label_policy: LabelPolicy::Parseq,
            max_label_chars: MAX_LABEL_CHARS,
            max_images: 50_000,
            fit: Fit::Stretch,
        }
    }
}

impl StoredConfig {
    /// The rule for labels in a charset.
    ///
    /// # Errors
    /// If the field has no charset of this size.
    pub fn rule(&self, charset: Charset) -> Result<LabelRule> {
        Ok(LabelRule {
            policy: self.label_policy,
            charset: scene_charset(charset)?,
            max_chars: self.max_label_chars,
        })
    }
}

/// The field's charset of the same characters; the one of 36 is in small letters there.
///
/// # Errors
/// For 16 characters: no one reads scenes in hexadecimal.
pub fn scene_charset(charset: Charset) -> Result<SceneCharset> {
    match charset {
        Charset::Digits => Ok(SceneCharset::Digits),
        Charset::Alnum36 => Ok(SceneCharset::Lower36),
        Charset::Alnum62 => Ok(SceneCharset::Mixed62),
        Charset::Printable94 => Ok(SceneCharset::Printable94),
        Charset::Hex => bail!(
            "charset 16 has no counterpart in scene-text recognition; choose --charset 36, 62 or 94"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_read_back_and_plus_signs_may_stand_in_paths() {
        for (text, count) in [
            ("rendered", 1),
            ("lmdb:a", 1),
            ("rendered+lmdb:a/b+gt:c", 3),
            ("lmdb:c++/x+y", 1),
            ("lmdb:a+b+rendered", 2),
            ("folder:C:\\x", 1),
        ] {
            let sources: DataSources = text.parse().unwrap();
            assert_eq!(sources.list().len(), count, "{text}");
            assert_eq!(sources.to_string(), text);
        }
        for text in [
            "",
            "mine",
            "lmdb:",
            "tar:x",
            "rendered+rendered",
            "x+lmdb:a",
        ] {
            assert!(text.parse::<DataSources>().is_err(), "{text}");
        }
    }

    #[test]
    fn charsets_have_the_same_characters() {
        for charset in [Charset::Digits, Charset::Alnum62, Charset::Printable94] {
            let scene = scene_charset(charset).unwrap();
            assert_eq!(scene.size(), charset.size());
            for character in scene.characters().chars() {
                assert!(charset.class_of(character).is_some());
            }
        }
        let lower = scene_charset(Charset::Alnum36).unwrap();
        assert!(Charset::Alnum36.normalise(lower.characters()).is_ok());
        assert!(scene_charset(Charset::Hex).is_err());
    }
}
