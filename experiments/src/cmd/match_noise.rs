//! `match-noise`: the control that loses as much as hard words, without being discrete.

use super::Computing;
use anyhow::{Context, Result, ensure};
use arms::ArmSpec;
use comfy_table::Table;
use probe::ProbeConfig;
use run_results::wording;
use run_support::stop::Stop;
use study::{FineGrained, Section, StudyConfig, StudyPreset, matched_noise};

/// Finds SIGMA of `noisy-merger@SIGMA` such that the features are reconstructed from its tokens as
/// badly as from those of a hard arm; on the main comparison of the study, first seed, validation
/// images.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Size of the study whose main comparison it is for.
    #[arg(long, value_enum, default_value = "quick")]
    preset: StudyPreset,
    /// The hard arm [default: the study's, with the usage regulariser].
    #[arg(long)]
    arm: Option<ArmSpec>,
    #[command(flatten)]
    computing: Computing,
}

/// # Errors
/// If the arm is not hard, a cell breaks down, or Ctrl-C is pressed.
pub fn run(args: &Args, stop: &Stop) -> Result<()> {
    let study = StudyConfig {
        preset: args.preset,
        sections: vec![Section::Ocr],
        settings: toml::Table::new(),
        fine_grained: FineGrained::default(),
    };
    let part = study.parts()?.into_iter().next();
    let config = part.context("the study has no main comparison")?.config;
    let arm = args.arm.or_else(|| regularised(&config));
    let arm =
        arm.context("the study has no hard arm with the usage regulariser; name one by --arm")?;
    ensure!(
        arm.kind.is_hard(),
        "`{arm}` is not hard; name an arm with hard words, for example vet-st-argmax@1028+usage"
    );
    let session = args.computing.session(stop)?;
    eprintln!("training `{arm}`, a clean merger and mergers with noise ...");
    let found = matched_noise(&config, arm, &session)?;
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(["arm", "R² of the features"]);
    let mut row = |arm: &ArmSpec, r2: f64| {
        table.add_row([format!("`{arm}`"), wording::fixed(r2, 3)]);
    };
    row(&arm, found.target_r2);
    for (merger, r2) in &found.tried {
        row(merger, *r2);
    }
    println!("{table}\n\n`{}` comes nearest to `{arm}`.", found.matched);
    Ok(())
}

/// The hard arm of the main comparison whose words the study keeps in use.
fn regularised(config: &ProbeConfig) -> Option<ArmSpec> {
    let mut arms = config.arms.iter().copied();
    arms.find(|arm| arm.kind.is_hard() && arm.usage)
}
