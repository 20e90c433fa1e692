//! What a run leaves behind: tables, plots and a verdict, made from its outcome alone.
//!
//! Nothing here trains or draws random numbers of its own, so the files can be made again from
//! stored cells. All but `manifest.json` and `report.html`, which shows it, depend on the numbers
//! only, to the byte.
//!
//! | File | One row or section per |
//! |---|---|
//! | `metrics.csv` | arm, seed, test group, evaluation mode and metric |
//! | `history.csv` | arm, seed and evaluation during training |
//! | `by_steps.csv` | arm and share of the steps: a quarter, half, all |
//! | `predictions.csv` | arm, seed, test group, evaluation mode and image |
//! | `items.safetensors` | the same as numbers, with all that the other files are made from: [`items_file`] |
//! | `confusions.csv` | arm, test group and confused pair of characters or classes |
//! | `classes.csv` | class, where classes are asked |
//! | `summary.csv` | arm, test group, evaluation mode and measure, over seeds |
//! | `steps.csv` | arm, test group and length of training, where steps were doubled |
//! | `protocol.csv` | arm, seed, protocol and data set or union; for data sets on disk |
//! | `words_right.csv` | data set and arm; for data sets on disk |
//! | `tuning.csv` | arm and learning rate |
//! | `verdict.md` | question, answer, checks, design |
//! | `report.html` | all of this to read in a browser, in one file |
//! | `plots/` | figure, as SVG, PNG and CSV |
//! | `manifest.json` | the run: versions, machine, times, hashes |
//!
//! A failed cell is never dropped silently: it is a row `failed` in `metrics.csv`, a row with
//! status `failed` in `history.csv`, counted in `summary.csv`, named in the verdict and marked in
//! plots and table. It has no rows in `predictions.csv` and `confusions.csv`, since it read
//! nothing. What speaks against the numbers of a cell that finished, a dead codebook or a loss that
//! exploded, is a row in `metrics.csv`, a failed check and a warning in the verdict, and a line under
//! the table.

mod by_steps;
mod classes;
mod comparison;
mod confusions;
pub mod csv_file;
mod data_sets;
mod disagreements;
mod html;
mod items;
pub mod items_file;
mod lengths;
mod manifest;
mod metrics;
pub mod plots;
mod predictions;
mod protocol;
pub mod provenance;
pub mod registered;
mod scored;
pub mod seal;
mod summary;
mod summary_file;
mod table;
mod trouble;
mod tuning;
mod verdict;
pub mod wording;
mod words_right;

#[cfg(test)]
mod synthetic;
#[cfg(test)]
mod tests;

pub use comparison::{
    Comparison, Estimator, Judgement, Value, arm_of, matched_mlp, resampled_unit,
};
pub use data_sets::{ArmWords, DataSet, READABLE_WORDS, Readability};
pub use items::{ItemSeries, hardening_series, item_series};
pub use lengths::LengthSummary;
pub use manifest::{Hashes, Manifest, Stage, peak_memory_mib};
pub use summary::{ArmSummary, Clusters, Failure, GroupSummary, Summary, SummaryRow, UsageSummary};
pub use trouble::{Trouble, TroubleKind};

use anyhow::Result;
use probe::{ImageSource, ProbeConfig, RunOutcome};
use scored::ScoredRun;
use std::path::Path;
use verdict::Verdict;

/// Which files a run leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outputs {
    /// Tables, plots, verdict and page.
    All,
    /// Tables only: a run that is one point of a study, or that asks something else than what is
    /// written.
    Tables,
}

impl Outputs {
    /// What a run of its own leaves.
    #[must_use]
    pub fn of(config: &ProbeConfig) -> Self {
        match config.data.source {
            ImageSource::Text { .. } => Self::All,
            ImageSource::Relabelled(_)
            | ImageSource::Perception(_)
            | ImageSource::Photographs(_) => Self::Tables,
        }
    }
}

/// Writes all results of a run into an existing folder, each file whole or not at all.
///
/// Intervals are computed on all threads of the current rayon pool; the bytes do not depend on
/// their number.
///
/// # Errors
/// If a file cannot be written (the message names it), or the outcome does not belong to the
/// config.
pub fn write(
    folder: &Path,
    config: &ProbeConfig,
    run: &RunOutcome,
    manifest: &Manifest,
    outputs: Outputs,
) -> Result<Summary> {
    let scored = ScoredRun::new(config, run)?;
    manifest.write(&folder.join("manifest.json"))?;
    metrics::write(&folder.join("metrics.csv"), &scored)?;
    metrics::write_history(&folder.join("history.csv"), &scored)?;
    by_steps::write(&folder.join("by_steps.csv"), &scored)?;
    tuning::write(&folder.join("tuning.csv"), &scored)?;
    let confusions = confusions::count(&scored);
    let mut summary = Summary::of(&scored)?;
    classes::write(&folder.join("classes.csv"), &scored)?;
    // What was read is in the cells alone; without them, files that say it stay as they are.
    if run.has_answers() || !folder.join(items_file::FILE).exists() {
        items_file::write(folder, config, run)?;
    }
    if run.has_answers() {
        predictions::write(&folder.join("predictions.csv"), &scored)?;
        confusions::write(&folder.join("confusions.csv"), &scored, &confusions)?;
        summary.protocol = protocol::write(&folder.join("protocol.csv"), &scored)?;
    }
    summary.lengths = lengths::lengths(&scored, &summary)?;
    lengths::write(&folder.join("steps.csv"), &scored, &summary)?;
    summary.data_sets = data_sets::data_sets(&scored, &summary)?;
    words_right::write(&folder.join("words_right.csv"), &summary.data_sets)?;
    summary.write(&folder.join("summary.csv"))?;
    if outputs == Outputs::Tables {
        return Ok(summary);
    }
    let drawn = plots::draw(&folder.join("plots"), &scored, &summary)?;
    summary.skipped_figures = drawn.skipped;
    let verdict = Verdict::of(&scored, &summary);
    verdict.write(&folder.join("verdict.md"))?;
    let page = html::Page {
        scored: &scored,
        summary: &summary,
        verdict: &verdict,
        figures: &drawn.figures,
        confusions: &confusions,
        manifest,
    };
    page.write(folder)?;
    Ok(summary)
}
