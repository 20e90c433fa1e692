//! One file per family of published models: its configuration, the names of its tensors, and the
//! released settings of its image processor.
//!
//! Keys are those of the checkpoints (and of transformers 5.23.0, where it names them otherwise);
//! missing ones take the defaults of the reference's configuration class, except for those of
//! Ovis2.5 and the sizes of Ovis2, whose classes' defaults fit no release.

pub(crate) mod ovis2;
pub(crate) mod ovis2_5;
pub(crate) mod qwen;
pub(crate) mod qwen2_5_vl;
pub(crate) mod qwen2_vl;

use std::borrow::Cow;

use image_processor::{PackedConfig, TileConfig, Transparency};
use serde::de::DeserializeOwned;
use serde_json::Value;
use vision_backbone::{Activation, Aimv2Naming};

use crate::config::{Family, ModelConfig, TowerConfig};

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
}

impl Names {
    /// Whether a tensor belongs to the vision side, by its full name; tensors of towers without a
    /// prefix are not told from others.
    pub(crate) fn is_wanted(&self, name: &str) -> bool {
        let under = |prefix: &&str| !prefix.is_empty() && name.starts_with(*prefix);
        let within = |part: &str| name.strip_prefix(part).is_some_and(|r| r.starts_with('.'));
        self.tower.iter().any(under)
            || self
                .heads
                .iter()
                .any(|(head, norm)| within(head) || within(norm))
            || self.tables.contains(&name)
    }
}

/// Of every layout.
pub(crate) const ALL_NAMES: [&Names; 4] = [
    &qwen::NAMES,
    &ovis2::TRANSFORMERS,
    &ovis2::OFFICIAL,
    &ovis2_5::NAMES,
];

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
        match &self.tower {
            TowerConfig::Qwen(_) => &qwen::NAMES,
            TowerConfig::Navit(_) => &ovis2_5::NAMES,
            TowerConfig::Aimv2(_, Aimv2Naming::Transformers) => &ovis2::TRANSFORMERS,
            TowerConfig::Aimv2(_, Aimv2Naming::Official) => &ovis2::OFFICIAL,
        }
    }
}

impl Family {
    pub(crate) fn processor(self) -> ProcessorDefaults {
        match self {
            Self::Qwen2Vl => qwen2_vl::PROCESSOR,
            Self::Qwen2_5Vl => qwen2_5_vl::PROCESSOR,
            Self::Ovis2 => ovis2::PROCESSOR,
            Self::Ovis2_5 => ovis2_5::PROCESSOR,
        }
    }
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
    T::deserialize(value.as_ref())
        .map_err(|error| format!("the vision tower's configuration: {error}"))
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
