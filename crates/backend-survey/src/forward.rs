//! Forward passes of every projector and of the small tower.

use super::{Finding, differences};
use anyhow::Result;
use arms::{ArmKind, ArmSizes, ArmSpec};
use burn::tensor::{Device, Tensor};
use ovis_vet::TableInit;
use projector::{Pass, PatchGrid, Projector, rms_normalize, seeded};
use qwen_merger::deepstack::LEVELS;
use vision_backbone::SmallVitConfig;

/// Images, and patches along each side.
const IMAGES: usize = 4;
const SIDE: usize = 8;
/// Words of the vocabularies, indicator rows included.
const VOCABULARY: usize = 64;
/// Added to the mean square before tokens are brought to the same scale.
const EPS: f64 = 1e-12;

/// Compares with the reference: tokens of unit root mean square, deterministic and, where an arm
/// samples, with the same noise; features of the tower.
///
/// # Errors
/// If a model cannot be built or `emit` fails.
pub(super) fn compare(
    reference: &Device,
    device: &Device,
    emit: &mut dyn FnMut(Finding) -> Result<()>,
) -> Result<()> {
    let mut case = |case: String, run: &dyn Fn(&Device) -> Result<Vec<f32>>| {
        let difference = differences(&run(reference)?, &run(device)?);
        emit(Finding::Forward { case, difference })
    };
    case("small ViT".to_owned(), &tower)?;
    // Discretisers round: where a number lies between two codes, its last bit decides, and a
    // difference would say nothing about the backend.
    let smooth = ArmKind::ALL
        .into_iter()
        .filter(|kind| !kind.is_discretiser());
    for kind in smooth {
        let arm = ArmSpec::example(kind, VOCABULARY);
        case(arm.to_string(), &|device| tokens(arm, false, device))?;
        if kind.is_sampled() {
            let name = format!("{arm}, sampled");
            case(name, &|device| tokens(arm, true, device))?;
        }
    }
    Ok(())
}

fn grid(d: usize, merge: usize, device: &Device) -> Result<PatchGrid> {
    let mut rng = seeded::stream(1, "survey/features");
    let mut draw =
        || -> Tensor<3> { seeded::normal([IMAGES, SIDE * SIDE, d], 1.0, &mut rng, device) };
    let (features, levels) = (draw(), (0..LEVELS).map(|_| draw()).collect());
    Ok(PatchGrid::new(features, SIDE, SIDE, merge)?.with_levels(levels))
}

fn values(tensor: Tensor<3>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

fn tower(device: &Device) -> Result<Vec<f32>> {
    let config = SmallVitConfig::default();
    let tower = config.init(&mut seeded::stream(1, "survey/tower"), device)?;
    let pixels = grid(config.patch * config.patch, config.merge, device)?;
    let state = tower.run_blocks(tower.embed(&pixels), 0..tower.depth());
    Ok(values(tower.final_norm(&state).features().clone()))
}

fn tokens(arm: ArmSpec, sampled: bool, device: &Device) -> Result<Vec<f32>> {
    let tower = SmallVitConfig::default();
    let sizes = ArmSizes {
        d_in: tower.d_model,
        merge: tower.merge,
        d_token: 64,
        table_init: TableInit::MatchedOutput,
    };
    let arm = arm.build(sizes, &mut seeded::stream(1, &arm.to_string()), device)?;
    let mut noise = seeded::stream(1, "survey/noise");
    let mut pass = Pass {
        progress: 1.0,
        noise: sampled.then_some(&mut noise),
        distribution: false,
        words: None,
    };
    let patches = grid(sizes.d_in, sizes.merge, device)?;
    let tokens = arm.forward(&patches, &mut pass).embeddings;
    Ok(values(rms_normalize(tokens, EPS)))
}
