//! Towers and projectors out of a checkpoint's tensors.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};
use checkpoint::{Checkpoint, CheckpointError, Scope, Tensors};
use ovis_vet::Vet;
use ovis_vet::config::LAYER_NORM_EPS;
use qwen_merger::{
    DeepStack, PatchMerger, PatchMergerConfig, Qwen3Merger, Qwen3MergerConfig,
    qwen3::LAYER_NORM_EPS as MERGER_EPS,
};
use vision_backbone::{Loader, ParameterSource};
use vlm_connectors::{InternVlMlp, InternVlMlpConfig, internvl_mlp::LAYER_NORM_EPS as MLP_EPS};

use crate::config::{ModelConfig, ProjectorConfig, TowerConfig, VetSizes};
use crate::error::{ModelError, Result};
use crate::families::{Family, Names, ProjectorNames};
use crate::projectors::PublishedProjector;
use crate::tower::Tower;

/// Parameters under one prefix of a checkpoint.
struct Parameters<'a>(Scope<'a>);

impl ParameterSource for Parameters<'_> {
    type Error = ModelError;

    fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    fn read(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        Ok(self.0.read(name, shape)?)
    }

    fn read_transposed(&mut self, name: &str, shape: [usize; 2]) -> Result<Vec<f32>> {
        Ok(self.0.read_transposed(name, &shape)?)
    }
}

/// Whether a tensor belongs to the vision side of any known model, by its full name: what a
/// download needs.
#[must_use]
pub fn is_wanted(name: &str) -> bool {
    Family::ALL
        .iter()
        .flat_map(|family| family.facts().layouts)
        .any(|names| names.is_wanted(name))
}

/// Refuses a checkpoint whose vision side is quantised, before shapes are compared. Those that keep
/// it in floating point, as the released AWQ and GPTQ models do, are read.
///
/// # Errors
/// Names the method and the first tensor.
pub(crate) fn refuse_quantised(config: &ModelConfig, checkpoint: &Checkpoint) -> Result<()> {
    let tensors = checkpoint.tensors();
    let names = config.names();
    let of_tower = |name: &&str| names.is_wanted(name) && !may_remain(name);
    for name in tensors.names().filter(of_tower) {
        let part = name.rsplit('.').next().unwrap_or(name);
        if !QUANTISED_PARTS.contains(&part) && !tensors.dtype(name)?.is_quantised() {
            continue;
        }
        let described = checkpoint.config().get("quantization_config");
        let method = described.and_then(|described| described.get("quant_method")?.as_str());
        return Err(ModelError::Quantised {
            path: tensors.path(name)?.to_owned(),
            method: method.map_or_else(|| "an unnamed method".to_owned(), str::to_owned),
            tensor: name.to_owned(),
        });
    }
    Ok(())
}

/// Last parts of tensors that bitsandbytes, GPTQ, AWQ, compressed-tensors and fp8 put beside or in
/// the place of a weight.
const QUANTISED_PARTS: [&str; 14] = [
    "SCB",
    "absmax",
    "g_idx",
    "nested_absmax",
    "nested_quant_map",
    "quant_map",
    "qweight",
    "qzeros",
    "scales",
    "weight_packed",
    "weight_scale",
    "weight_scale_inv",
    "weight_scale_2",
    "weight_zero_point",
];

/// The parts of a vision side.
pub(crate) struct Parts {
    pub(crate) tower: Tower,
    pub(crate) projector: PublishedProjector,
}

/// Builds tower and projector.
pub(crate) fn load(config: &ModelConfig, tensors: &Tensors, device: &Device) -> Result<Parts> {
    let names = config.names();
    let scope = tensors.find_scope(names.tower, names.witness)?;
    let mut source = Parameters(scope.clone());
    let tower = match &config.tower {
        TowerConfig::Qwen(config) => Tower::Qwen(config.load(&mut source, device)?),
        TowerConfig::Qwen3(config) => Tower::Qwen3(config.load(&mut source, device)?),
        TowerConfig::Navit(config) => Tower::Navit(config.load(&mut source, device)?),
        TowerConfig::Aimv2(config, naming) => {
            Tower::Aimv2(config.load(*naming, &mut source, device)?)
        }
        TowerConfig::InternVit(config, naming) => {
            Tower::InternVit(config.load(*naming, &mut source, device)?)
        }
    };
    let projector = match &config.projector {
        ProjectorConfig::Merger { config, layer_norm } => {
            PublishedProjector::Merger(merger(config, *layer_norm, &mut source, device)?)
        }
        ProjectorConfig::Qwen3Merger(sizes) => {
            let merger = qwen3_merger("merger", sizes, &mut source, device)?;
            let levels = level_mergers(&config.tower, sizes, &mut source, device)?;
            match levels.is_empty() {
                true => PublishedProjector::Qwen3Merger(merger),
                false => PublishedProjector::DeepStack(DeepStack { merger, levels }),
            }
        }
        ProjectorConfig::Vet(sizes) => {
            let merge = config.tower.merge();
            let d_block = merge * merge * config.tower.d_model();
            PublishedProjector::Vet(vet(sizes, names, d_block, merge, tensors, device)?)
        }
        ProjectorConfig::InternVlMlp(config) => {
            let names = names.projector.ok_or_else(|| ModelError::Config {
                path: tensors.source().to_owned(),
                problem: "the tensors of the projector have no known names".to_owned(),
            })?;
            PublishedProjector::InternVlMlp(internvl_mlp(config, names, tensors, device)?)
        }
    };
    // Nothing of the tower may be left over; with an empty prefix, the rest is the language model.
    if !scope.prefix().is_empty() {
        scope.check_all_read(|name| may_remain(&scope.full_name(name)))?;
    }
    Ok(Parts { tower, projector })
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

fn qwen3_merger(
    name: &str,
    config: &Qwen3MergerConfig,
    source: &mut Parameters<'_>,
    device: &Device,
) -> Result<Qwen3Merger> {
    config.check()?;
    let d_block = config.d_block();
    let mut loader = Loader { source, device };
    let norm = loader.layer_norm(&format!("{name}.norm"), config.d_norm(), MERGER_EPS)?;
    let fc1 = loader.linear(&format!("{name}.linear_fc1"), [d_block, d_block], true)?;
    let fc2 = loader.linear(&format!("{name}.linear_fc2"), [d_block, config.d_out], true)?;
    Ok(Qwen3Merger::from_parts(config, norm, fc1, fc2))
}

fn internvl_mlp(
    config: &InternVlMlpConfig,
    names: &ProjectorNames,
    tensors: &Tensors,
    device: &Device,
) -> Result<InternVlMlp> {
    config.check()?;
    let [first, second] = names.layers;
    let scope = tensors.find_scope(names.prefixes, &format!("{first}.weight"))?;
    let mut source = Parameters(scope.clone());
    let mut loader = Loader {
        source: &mut source,
        device,
    };
    let norm = loader.layer_norm(names.norm, config.d_block(), MLP_EPS)?;
    let fc1 = loader.linear(first, [config.d_block(), config.d_out], true)?;
    let fc2 = loader.linear(second, [config.d_out, config.d_out], true)?;
    scope.check_all_read(|name| may_remain(&scope.full_name(name)))?;
    Ok(InternVlMlp::from_parts(config, norm, fc1, fc2))
}

/// Mergers of the tower's inner levels, in the order of its output.
fn level_mergers(
    tower: &TowerConfig,
    merger: &Qwen3MergerConfig,
    source: &mut Parameters<'_>,
    device: &Device,
) -> Result<Vec<Qwen3Merger>> {
    let TowerConfig::Qwen3(tower) = tower else {
        return Ok(Vec::new());
    };
    let config = Qwen3MergerConfig::deepstack(merger.d_in, merger.merge, merger.d_out);
    let mergers = tower.level_mergers().into_iter();
    mergers
        .map(|index| {
            let name = format!("deepstack_merger_list.{index}");
            qwen3_merger(&name, &config, source, device)
        })
        .collect()
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
