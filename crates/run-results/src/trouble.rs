//! What went wrong in cells that finished all the same: their numbers are shown, but never without
//! this.

use super::scored::{ScoredCell, ScoredRun};
use arms::ArmSpec;
use probe::{CellOutcome, EvaluationMode, ImageSource, ReaderKind};

/// A loss so many times that of guessing has exploded.
const EXPLOSION: f64 = 2.0;

/// A cell that has numbers, and something that speaks against them.
#[derive(Clone, Debug, PartialEq)]
pub struct Trouble {
    /// Its seed.
    pub seed: u64,
    /// What it is.
    pub kind: TroubleKind,
}

/// What can be wrong with a cell that finished.
#[derive(Clone, Debug, PartialEq)]
pub enum TroubleKind {
    /// Codebooks that give nearly every token the same word.
    DeadCodebooks {
        /// How many, in the test group that has most of them.
        dead: usize,
        /// Codes of a token.
        of: usize,
    },
    /// A training loss far above that of guessing.
    ExplodedLoss {
        /// Step after which it was seen.
        step: usize,
        /// The loss in nats per character (for CTC the mean over lines).
        loss: f64,
    },
}

impl Trouble {
    /// In words.
    #[must_use]
    pub fn told(&self, arm: ArmSpec) -> String {
        let seed = self.seed;
        match &self.kind {
            TroubleKind::DeadCodebooks { dead: 1, of: 1 } => {
                format!("`{arm}` seed {seed}: its codebook is dead")
            }
            TroubleKind::DeadCodebooks { dead, of } => {
                format!("`{arm}` seed {seed}: {dead} of {of} codebooks are dead")
            }
            TroubleKind::ExplodedLoss { step, loss } => {
                format!("`{arm}` seed {seed}: training loss {loss:.1} nats at step {step}")
            }
        }
    }
}

/// Everything that is wrong with the finished cells of an arm, by seed.
pub(super) fn of_arm(scored: &ScoredRun<'_>, arm: ArmSpec) -> Vec<Trouble> {
    let cells = scored.cells_of(arm);
    let finished = cells.filter(|cell| cell.failure().is_none());
    finished
        .flat_map(|cell| {
            let seed = cell.outcome.spec.seed;
            let exploded = exploded_loss(scored, cell.outcome);
            let exploded = exploded.map(|(step, loss)| TroubleKind::ExplodedLoss { step, loss });
            let kinds = [dead_codebooks(cell), exploded];
            let kinds = kinds.into_iter().flatten();
            kinds.map(move |kind| Trouble { seed, kind })
        })
        .collect()
}

fn dead_codebooks(cell: &ScoredCell<'_>) -> Option<TroubleKind> {
    let tests = cell.tests.iter();
    tests
        .filter(|test| test.result.mode == EvaluationMode::Deterministic)
        .filter_map(|test| test.usage())
        .filter(|usage| usage.dead_codebooks > 0)
        .max_by_key(|usage| usage.dead_codebooks)
        .map(|usage| TroubleKind::DeadCodebooks {
            dead: usage.dead_codebooks,
            of: usage.codebooks,
        })
}

/// The first training loss that is far above that of guessing, and the step after which it was seen.
pub(super) fn exploded_loss(scored: &ScoredRun<'_>, cell: &CellOutcome) -> Option<(usize, f64)> {
    let losses = || {
        let points = cell.history.iter();
        points.filter_map(|point| Some((point.step, point.train_loss?)))
    };
    // A line aligned by CTC has no loss of guessing; what it began with stands for that.
    let guessing = match scored.config.reader {
        ReaderKind::Ctc => losses().next()?.1,
        ReaderKind::Anchored
        | ReaderKind::SlotLinear
        | ReaderKind::Pooled
        | ReaderKind::Flat
        | ReaderKind::Causal
        | ReaderKind::Attention => (answers(scored) as f64).ln(),
    };
    losses().find(|(_, loss)| *loss > EXPLOSION * guessing)
}

/// Answers that a probe chooses from at each place.
fn answers(scored: &ScoredRun<'_>) -> usize {
    let characters = scored.config.data.charset.size();
    let classes = scored.run.class_names.len();
    match &scored.config.data.source {
        ImageSource::Text { .. } => characters,
        // Their probes have an answer for every character at least.
        ImageSource::Relabelled(_) => characters.max(classes),
        ImageSource::Perception(_) | ImageSource::Photographs(_) => classes,
    }
}

#[cfg(test)]
mod tests {
    use super::{ScoredRun, exploded_loss};
    use crate::synthetic::{config, run};
    use crate::{Manifest, Outputs, write};
    use probe::{ImageSource, Photographs, ProbeConfig, RunOutcome};

    const HARD: &str = "vet-st-argmax@256";

    /// Everything that a run says, with its white space made single.
    fn said(config: &ProbeConfig, run: &RunOutcome) -> [String; 4] {
        let folder = tempfile::tempdir().unwrap();
        let manifest = Manifest::default();
        let summary = write(folder.path(), config, run, &manifest, Outputs::All).unwrap();
        let read = |name: &str| {
            let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let [verdict, page, metrics] = ["verdict.md", "report.html", "metrics.csv"].map(read);
        [verdict, page, metrics, summary.table()]
    }

    fn sound() -> (ProbeConfig, RunOutcome) {
        let config = config(&["identity", "patch-merger", HARD, "blind"], 2, &[1.0]);
        let run = run(&config, &|arm, _| match arm.to_string().as_str() {
            "blind" => 35.0 / 36.0,
            HARD => 0.3,
            _ => 0.1,
        });
        (config, run)
    }

    #[test]
    fn sound_cells_pass_and_leave_no_rows() {
        let (config, run) = sound();
        let [verdict, _, metrics, _] = said(&config, &run);
        assert!(
            verdict.contains("**pass** – no codebook is dead"),
            "{verdict}"
        );
        assert!(verdict.contains("**pass** – no training loss explodes"));
        assert!(!metrics.contains("dead_codebooks") && !metrics.contains("exploded_loss"));
    }

    #[test]
    fn a_dead_codebook_is_said_wherever_its_numbers_are() {
        let (config, mut run) = sound();
        let is_hard = |arm: &str| arm == HARD;
        for cell in &mut run.cells {
            if is_hard(&cell.spec.arm.to_string()) && cell.spec.seed == 2 {
                for test in &mut cell.tests {
                    test.usage.as_mut().unwrap().dead_codebooks = 1;
                }
            }
        }
        let [verdict, page, metrics, table] = said(&config, &run);
        let named = format!("`{HARD}` seed 2: its codebook is dead");
        assert!(
            verdict.contains("**FAIL** – no codebook is dead"),
            "{verdict}"
        );
        assert!(verdict.contains(&named));
        let warning = "An integrity check failed (no codebook is dead)";
        assert!(verdict.contains(warning) && page.contains(warning));
        assert!(page.contains("seed 2: its codebook is dead"), "{page}");
        assert_eq!(metrics.matches("dead_codebooks,1,").count(), 1);
        assert!(table.contains(&named.replace('`', "")), "{table}");
    }

    #[test]
    fn a_loss_that_explodes_is_said_with_its_step() {
        let (config, mut run) = sound();
        let cell = &mut run.cells[2];
        assert_eq!(cell.spec.arm.to_string(), "patch-merger");
        cell.history[2].train_loss = Some(55.5);
        let [verdict, page, metrics, table] = said(&config, &run);
        let named = "seed 1: training loss 55.5 nats at step 200";
        assert!(verdict.contains("**FAIL** – no training loss explodes"));
        for text in [&verdict, &page, &table] {
            assert!(text.contains(named), "{text}");
        }
        assert!(metrics.contains(",exploded_loss,55.5,"), "{metrics}");
    }

    /// When `patch-merger` exploded, of these classes, if its loss was once `loss`.
    fn exploded(source: &ImageSource, classes: usize, loss: f64) -> Option<(usize, f64)> {
        let (mut config, mut run) = sound();
        config.data.source = source.clone();
        run.class_names = (0..classes).map(|class| format!("class {class}")).collect();
        run.cells[2].history[2].train_loss = Some(loss);
        let scored = ScoredRun::new(&config, &run).unwrap();
        exploded_loss(&scored, &run.cells[2])
    }

    #[test]
    fn guessing_among_few_classes_costs_less_than_among_characters() {
        let vernier = ImageSource::Perception("vernier".parse().unwrap());
        let birds = ImageSource::Photographs(Photographs {
            dataset: "folder:birds".parse().unwrap(),
            skip_broken: false,
            box_margin: None,
        });
        // Twice ln 2 is 1.39, twice ln 10 is 4.61, twice ln 36 is 7.17.
        for (source, classes, below, above) in [
            (&vernier, 2, 1.35, 1.45),
            (&birds, 10, 4.5, 4.7),
            (&ImageSource::default(), 0, 7.1, 7.2),
        ] {
            let name = source.name();
            assert_eq!(exploded(source, classes, below), None, "{name}");
            let found = exploded(source, classes, above);
            assert_eq!(found, Some((200, above)), "{name}");
        }
    }
}
