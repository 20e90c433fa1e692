//! One file per family of published models: its configuration, the names of its tensors, the
//! released settings of its image processor, and the order of its sequence. [`Family::facts`] leads
//! to them.
//!
//! Keys are those of the checkpoints (and of transformers 5.23.0, where it names them otherwise);
//! missing ones take the defaults of the reference's configuration class, except for those of
//! Ovis2.5 and Ovis2.6 and the sizes of Ovis2, whose classes' defaults fit no release.

pub(crate) mod internvl;
pub(crate) mod ovis2;
pub(crate) mod ovis2_5;
pub(crate) mod ovis2_6;
pub(crate) mod qwen;
pub(crate) mod qwen2_5_vl;
pub(crate) mod qwen2_vl;
pub(crate) mod qwen3_vl;

use std::borrow::Cow;

use image_processor::{PackedConfig, TileConfig, Transparency};
use serde::de::DeserializeOwned;
use serde_json::Value;
use vision_backbone::Activation;

use crate::config::{ModelConfig, TowerConfig};

/// Which published model a checkpoint is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Qwen2-VL.
    Qwen2Vl,
    /// Qwen2.5-VL.
    Qwen2_5Vl,
    /// Qwen3-VL, dense or with experts.
    Qwen3Vl,
    /// Qwen3.5, dense or with experts: the tower of Qwen3-VL without DeepStack.
    Qwen3_5,
    /// Ovis2, in the official layout or that of transformers.
    Ovis2,
    /// Ovis2.5.
    Ovis2_5,
    /// Ovis2.6, whose language models have experts.
    Ovis2_6,
    /// InternVL2.5 and InternVL3, in the official layout or that of transformers.
    InternVl,
}

impl Family {
    /// In the order in which messages list their `model_type`s. The checkpoints of a family that is
    /// not here are refused as unknown.
    pub(crate) const ALL: [Self; 8] = [
        Self::Qwen2_5Vl,
        Self::Qwen2Vl,
        Self::Qwen3Vl,
        Self::Qwen3_5,
        Self::Ovis2,
        Self::Ovis2_5,
        Self::Ovis2_6,
        Self::InternVl,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    pub(crate) fn facts(self) -> &'static FamilyFacts {
        match self {
            Self::Qwen2Vl => &qwen2_vl::FACTS,
            Self::Qwen2_5Vl => &qwen2_5_vl::FACTS,
            Self::Qwen3Vl => &qwen3_vl::FACTS,
            Self::Qwen3_5 => &qwen3_vl::FACTS_OF_QWEN3_5,
            Self::Ovis2 => &ovis2::FACTS,
            Self::Ovis2_5 => &ovis2_5::FACTS,
            Self::Ovis2_6 => &ovis2_6::FACTS,
            Self::InternVl => &internvl::FACTS,
        }
    }
}

/// Reads a whole `config.json`; the error names the entry that is missing or impossible.
pub(crate) type ReadConfig = fn(&Value) -> Result<ModelConfig, String>;

/// What is known of a family.
pub(crate) struct FamilyFacts {
    pub(crate) name: &'static str,
    /// Its `model_type`s, each with its reader.
    pub(crate) model_types: &'static [(&'static str, ReadConfig)],
    /// Names of its tensors, one entry per layout of its checkpoints.
    pub(crate) layouts: &'static [&'static Names],
    /// The layout of a checkpoint with this tower.
    pub(crate) names: fn(&TowerConfig) -> &'static Names,
    pub(crate) processor: ProcessorDefaults,
    /// Prefixes of the class names of image processors that have the settings of this family.
    pub(crate) processor_classes: &'static [&'static str],
    pub(crate) sequence: SequenceShape,
}

impl FamilyFacts {
    /// Whether a class of transformers, or of the official code, has the settings of the family.
    pub(crate) fn is_processor_class(&self, kind: &str) -> bool {
        let mut classes = self.processor_classes.iter();
        classes.any(|class| kind.starts_with(class))
    }
}

/// What the language model reads in the place of an image.
pub(crate) enum SequenceShape {
    /// The tokens.
    Tokens,
    /// Start, whole image, grid, then the tiles with separators, end.
    Tiles,
    /// Image start, the tokens, image end.
    Enclosed,
}

/// Where the parts of a model stand in a checkpoint.
pub(crate) struct Names {
    /// Prefixes of the tower, tried in order.
    pub(crate) tower: &'static [&'static str],
    /// A tensor that every tower of the family has.
    pub(crate) witness: &'static str,
    /// `(head, norm)` of the visual head, in full.
    pub(crate) heads: &'static [(&'static str, &'static str)],
    /// The visual embedding table, in full.
    pub(crate) tables: &'static [&'static str],
    /// A projector that stands beside the tower, and not under its prefix.
    pub(crate) projector: Option<&'static ProjectorNames>,
}

/// Where an MLP of two layers stands in a checkpoint.
pub(crate) struct ProjectorNames {
    /// Its prefixes, tried in order.
    pub(crate) prefixes: &'static [&'static str],
    /// The norm in front of it.
    pub(crate) norm: &'static str,
    /// Its two layers.
    pub(crate) layers: [&'static str; 2],
}

impl Names {
    /// Whether a tensor belongs to the vision side, by its full name; tensors of towers without a
    /// prefix are not told from others.
    pub(crate) fn is_wanted(&self, name: &str) -> bool {
        let under = |prefix: &&str| !prefix.is_empty() && name.starts_with(*prefix);
        let within = |part: &str| name.strip_prefix(part).is_some_and(|r| r.starts_with('.'));
        let beside = self
            .projector
            .map_or(&[] as &[&str], |names| names.prefixes);
        self.tower.iter().chain(beside).any(under)
            || self
                .heads
                .iter()
                .any(|(head, norm)| within(head) || within(norm))
            || self.tables.contains(&name)
    }
}

/// The released settings of an image processor.
pub(crate) enum ProcessorDefaults {
    /// One grid of patches of the image's own shape.
    Packed {
        config: PackedConfig,
        transparency: Transparency,
    },
    /// Square tiles.
    Tiles(TileConfig),
}

impl ModelConfig {
    pub(crate) fn names(&self) -> &'static Names {
        (self.family.facts().names)(&self.tower)
    }
}

/// An entry of `config.json` that describes the vision tower.
fn vision<'a>(config: &'a Value, key: &str) -> Result<&'a Value, String> {
    config
        .get(key)
        .ok_or_else(|| format!("no entry `{key}`, which describes the vision tower"))
}

/// Width of the language model's tokens, where `config.json` says it.
fn width(config: &Value) -> Result<Option<usize>, String> {
    let text = config.get("text_config").and_then(|t| t.get("hidden_size"));
    let width = either([
        ("hidden_size", config.get("hidden_size")),
        ("text_config.hidden_size", text),
    ])?;
    let width = width.and_then(Value::as_u64);
    Ok(width.and_then(|width| usize::try_from(width).ok()))
}

/// Reads an object in which some settings have two names. Both may be there with one value.
fn parse<T: DeserializeOwned>(value: &Value, synonyms: &[[&str; 2]]) -> Result<T, String> {
    let mut value = Cow::Borrowed(value);
    for &[name, other] in synonyms {
        if let Some(found) = either([(name, value.get(name)), (other, value.get(other))])? {
            let found = found.clone();
            let object = value.to_mut().as_object_mut();
            object.and_then(|object| object.insert(name.to_owned(), found));
        }
    }
    T::deserialize(value.as_ref()).map_err(|error| {
        let place = match culprit::<T>(&value) {
            Some((key, found)) => format!(", `{key}` is {}", excerpt(found)),
            None => String::new(),
        };
        format!("the vision tower's configuration{place}: {error}")
    })
}

/// The entry of an object without which it could be read, or would miss that entry only; serde does
/// not say where a value of the wrong type stands.
fn culprit<T: DeserializeOwned>(value: &Value) -> Option<(&String, &Value)> {
    // No configuration has as many; a hostile one would take forever.
    const MOST: usize = 200;
    value.as_object()?.iter().take(MOST).find(|(key, _)| {
        let mut others = value.clone();
        if let Some(object) = others.as_object_mut() {
            object.remove(*key);
        }
        match T::deserialize(&others) {
            Ok(_) => true,
            Err(error) => error.to_string() == format!("missing field `{key}`"),
        }
    })
}

/// The value of a setting with two names.
///
/// # Errors
/// If both have a value, and not the same.
pub(crate) fn either<'a>(
    [(a, first), (b, second)]: [(&str, Option<&'a Value>); 2],
) -> Result<Option<&'a Value>, String> {
    let set = |value: Option<&'a Value>| value.filter(|value| !value.is_null());
    match (set(first), set(second)) {
        (Some(first), Some(second)) if first != second => Err(format!(
            "`{a}` is {} and `{b}` is {}, two names of one setting; remove the wrong one",
            excerpt(first),
            excerpt(second)
        )),
        (first, second) => Ok(first.or(second)),
    }
}

/// A value as JSON, cut off where it gets long.
fn excerpt(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

fn activation(name: &str) -> Result<Activation, String> {
    Activation::from_name(name).ok_or_else(|| {
        format!("`hidden_act` is `{name}`; known are gelu, gelu_pytorch_tanh, gelu_new, quick_gelu")
    })
}

fn only_silu(name: &str) -> Result<(), String> {
    match name {
        "silu" | "swish" => Ok(()),
        other => Err(format!(
            "`hidden_act` is `{other}`; the gated MLP is known with silu only"
        )),
    }
}

fn one() -> usize {
    1
}

fn three() -> usize {
    3
}

fn five() -> usize {
    5
}

fn softmax() -> String {
    "softmax".to_owned()
}
