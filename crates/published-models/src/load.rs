//! Towers and projectors out of a checkpoint's tensors.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};
use checkpoint::{CheckpointError, Scope, Tensors};
use ovis_vet::Vet;
use ovis_vet::config::LAYER_NORM_EPS;
use qwen_merger::{PatchMerger, PatchMergerConfig};
use vision_backbone::{Aimv2Naming, Loader, ParameterSource};

use crate::config::{ModelConfig, ProjectorConfig, TowerConfig, VetSizes};
use crate::error::{ModelError, Result};
use crate::model::PublishedProjector;
use crate::tower::Tower;

/// Parameters under one prefix of a checkpoint.
struct Parameters<'a>(Scope<'a>);

impl ParameterSource for Parameters<'_> {
    type Error = ModelError;

    fn read(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        Ok(self.0.read(name, shape)?)
    }

    fn read_transposed(&mut self, name: &str, shape: [usize; 2]) -> Result<Vec<f32>> {
        Ok(self.0.read_transposed(name, &shape)?)
    }
}

/// Where the parts of a model stand in a checkpoint.
struct Names {
    /// Prefixes of the tower, tried in order.
    tower: &'static [&'static str],
    /// A tensor that every tower of the family has.
    witness: &'static str,
    /// `(head, norm)` of the visual head, in full.
    heads: &'static [(&'static str, &'static str)],
    /// The visual embedding table, in full.
    tables: &'static [&'static str],
}

const QWEN: Names = Names {
    tower: &["visual.", "model.visual.", "w.", ""],
    witness: "patch_embed.proj.weight",
    heads: &[],
    tables: &[],
};

const OVIS2_TRANSFORMERS: Names = Names {
    tower: &["model.vision_tower.", "vision_tower.", "w.", ""],
    witness: "transformer.embeddings.patch_embedding.weight",
    heads: &[
        (
            "model.vision_tower.head_linear",
            "model.vision_tower.head_norm",
        ),
        ("vision_tower.head_linear", "vision_tower.head_norm"),
        ("w.head_linear", "w.head_norm"),
        ("head_linear", "head_norm"),
    ],
    tables: &[
        "model.visual_embeddings_table.weight",
        "visual_embeddings_table.weight",
        "w.vet.weight",
    ],
};

const OVIS2_OFFICIAL: Names = Names {
    tower: &["visual_tokenizer.backbone.", "backbone."],
    witness: "preprocessor.patchifier.proj.weight",
    heads: &[("visual_tokenizer.head.0", "visual_tokenizer.head.1")],
    tables: &["vte.weight"],
};

const OVIS2_5: Names = Names {
    tower: &[
        "visual_tokenizer.vit.vision_model.",
        "model.vision_tower.",
        "model.vision_tower.transformer.",
        "w.",
        "",
    ],
    witness: "embeddings.patch_embedding.weight",
    heads: &[
        ("visual_tokenizer.head.0", "visual_tokenizer.head.1"),
        (
            "model.visual_tokenizer.head_linear",
            "model.visual_tokenizer.head_norm",
        ),
        (
            "model.vision_tower.head_linear",
            "model.vision_tower.head_norm",
        ),
        ("w.head.0", "w.head.1"),
    ],
    tables: &[
        "vte.weight",
        "model.visual_embeddings_table.weight",
        "w.vte.weight",
    ],
};

fn names(config: &ModelConfig) -> &'static Names {
    match &config.tower {
        TowerConfig::Qwen(_) => &QWEN,
        TowerConfig::Navit(_) => &OVIS2_5,
        TowerConfig::Aimv2(_, Aimv2Naming::Transformers) => &OVIS2_TRANSFORMERS,
        TowerConfig::Aimv2(_, Aimv2Naming::Official) => &OVIS2_OFFICIAL,
    }
}

/// Whether a tensor belongs to the vision side of any known model, by its full name: what a
/// download needs.
#[must_use]
pub fn is_wanted(name: &str) -> bool {
    [&QWEN, &OVIS2_TRANSFORMERS, &OVIS2_OFFICIAL, &OVIS2_5]
        .iter()
        .any(|names| {
            let under = |prefix: &&str| !prefix.is_empty() && name.starts_with(*prefix);
            let within = |part: &str| name.strip_prefix(part).is_some_and(|r| r.starts_with('.'));
            names.tower.iter().any(under)
                || names
                    .heads
                    .iter()
                    .any(|(head, norm)| within(head) || within(norm))
                || names.tables.contains(&name)
        })
}

/// Builds tower and projector.
pub(crate) fn load(
    config: &ModelConfig,
    tensors: &Tensors,
    device: &Device,
) -> Result<(Tower, PublishedProjector)> {
    let names = names(config);
    let scope = tensors.find_scope(names.tower, names.witness)?;
    let mut source = Parameters(scope.clone());
    let tower = match &config.tower {
        TowerConfig::Qwen(config) => Tower::Qwen(config.load(&mut source, device)?),
        TowerConfig::Navit(config) => Tower::Navit(config.load(&mut source, device)?),
        TowerConfig::Aimv2(config, naming) => {
            Tower::Aimv2(config.load(*naming, &mut source, device)?)
        }
    };
    let projector = match &config.projector {
        ProjectorConfig::Merger { config, layer_norm } => {
            PublishedProjector::Merger(merger(config, *layer_norm, &mut source, device)?)
        }
        ProjectorConfig::Vet(sizes) => {
            let (d_in, merge) = match &config.tower {
                TowerConfig::Qwen(tower) => (tower.d_model, tower.merge),
                TowerConfig::Navit(tower) => (tower.d_model, tower.merge),
                TowerConfig::Aimv2(tower, _) => (tower.d_model, tower.merge),
            };
            let d_block = merge * merge * d_in;
            PublishedProjector::Vet(vet(sizes, names, d_block, merge, tensors, device)?)
        }
    };
    // Nothing of the tower may be left over; with an empty prefix, the rest is the language model.
    if !scope.prefix().is_empty() {
        scope.check_all_read(|name| may_remain(&scope.full_name(name)))?;
    }
    Ok((tower, projector))
}

/// Tensors that checkpoints carry and no vision side uses: buffers of older code.
fn may_remain(name: &str) -> bool {
    name.ends_with("inv_freq") || name.ends_with("position_ids")
}

fn merger(
    config: &PatchMergerConfig,
    layer_norm: bool,
    source: &mut Parameters<'_>,
    device: &Device,
) -> Result<PatchMerger> {
    config.check()?;
    let d_block = config.d_block();
    let mut loader = Loader { source, device };
    let norm_gain = loader.vector("merger.ln_q.weight", config.d_in)?;
    let norm_bias = if layer_norm {
        Some(loader.vector("merger.ln_q.bias", config.d_in)?)
    } else {
        None
    };
    let fc1 = loader.linear("merger.mlp.0", [d_block, d_block], true)?;
    let fc2 = loader.linear("merger.mlp.2", [d_block, config.d_out], true)?;
    Ok(PatchMerger::from_parts(
        norm_gain,
        norm_bias,
        fc1,
        fc2,
        config.merge,
    ))
}

fn vet(
    sizes: &VetSizes,
    names: &Names,
    d_block: usize,
    merge: usize,
    tensors: &Tensors,
    device: &Device,
) -> Result<Vet> {
    let weight_of = |name: &str| format!("{name}.weight");
    let &(head, norm) = names
        .heads
        .iter()
        .find(|(head, _)| tensors.contains(&weight_of(head)))
        .unwrap_or(&names.heads[0]);
    let table = names
        .tables
        .iter()
        .find(|table| tensors.contains(table))
        .unwrap_or(&names.tables[0]);
    let head_name = weight_of(head);
    // What the configuration does not say, the shapes do.
    let found = |name: &str, axis: usize| -> Result<usize, CheckpointError> {
        Ok(tensors.shape(name)?.get(axis).copied().unwrap_or(0))
    };
    let words_total = match sizes.words_total {
        Some(words_total) => words_total,
        None => found(table, 0)?,
    };
    let words = match sizes.indicators {
        Some(indicators) => words_total
            .checked_sub(indicators)
            .filter(|words| *words > 0),
        None => Some(found(&head_name, 0)?).filter(|words| (1..=words_total).contains(words)),
    };
    let Some(words) = words else {
        return Err(ModelError::Config {
            path: tensors.source().to_owned(),
            problem: format!(
                "a visual vocabulary of {words_total} rows leaves no word beside its indicators, or \
                 fewer than the head `{head_name}` has"
            ),
        });
    };
    let d_out = match sizes.d_out {
        Some(d_out) => d_out,
        None => found(table, 1)?,
    };
    let mut source = Parameters(tensors.scope(""));
    let mut loader = Loader {
        source: &mut source,
        device,
    };
    let head: Linear = loader.linear(head, [d_block, words], false)?;
    let norm = loader.layer_norm(norm, words, LAYER_NORM_EPS)?;
    let rows = tensors.read(table, &[words_total, d_out])?;
    let rows = Tensor::from_data(TensorData::new(rows, [words_total, d_out]), device);
    Ok(Vet::from_parts(
        head,
        norm,
        Param::from_tensor(rows),
        merge,
        sizes.tokenize,
    ))
}
