//! Which look-alikes are read as which.

use crate::part::PartResult;
use crate::section::Section;
use crate::sections::StudyResults;
use crate::table::StudyTable;
use arms::ArmSpec;
use perception_tasks::Group;
use probe::EvaluationMode;
use probe_statistics::text_metrics::Confusion;
use run_results::wording;

/// One row per ordered pair of look-alikes, one column per arm.
pub(super) fn confusions(study: &StudyResults<'_>) -> Option<StudyTable> {
    let glyphs = study.of(Section::FineGrained).filter(|result| {
        let kind = result.part.config.data.source.perception();
        kind.is_some_and(|kind| kind.group() == Group::Glyphs)
    });
    let glyphs: Vec<&PartResult> = glyphs.collect();
    let arms = &glyphs.first()?.part.config.arms;
    let mut rows = Vec::new();
    for result in &glyphs {
        let kind = result.part.config.data.source.perception()?;
        let counts: Vec<Confusion<u16>> = arms.iter().map(|&arm| counts(result, arm)).collect();
        for run in kind.look_alikes() {
            for shown in run.clone() {
                for read in run.clone().filter(|read| *read != shown) {
                    let [shown_name, read_name] = [shown, read].map(|c| kind.classes()[c]);
                    let mut row = vec![format!("{kind}: {shown_name} read as {read_name}")];
                    row.extend(counts.iter().map(|counts| rate(counts, shown, read)));
                    rows.push(row);
                }
            }
        }
    }
    let mut header = vec!["pair".to_owned()];
    header.extend(arms.iter().map(|arm| format!("`{arm}`")));
    Some(StudyTable {
        name: "confusions",
        title: "How often is a glyph read as its double?",
        note: "Share of the images that show the one and were read as the other, over all levels and \
               seeds. What else was read instead is in `confusions.csv` of the run.",
        header,
        rows,
    })
}

/// Images by class shown and class read.
fn counts(result: &PartResult, arm: ArmSpec) -> Confusion<u16> {
    let outcome = &result.outcome;
    let mut counts = Confusion::default();
    for cell in outcome.cells.iter().filter(|cell| cell.spec.arm == arm) {
        let tests = cell.tests.iter();
        for test in tests.filter(|test| test.mode == EvaluationMode::Deterministic) {
            let Some(set) = outcome.test_sets.get(test.group) else {
                continue;
            };
            for (target, prediction) in set.targets.iter().zip(&test.predictions) {
                if let (Some(shown), Some(read)) = (target.class(), prediction.class()) {
                    counts.observe_class(shown, read);
                }
            }
        }
    }
    counts
}

fn rate(counts: &Confusion<u16>, shown: usize, read: usize) -> String {
    let (shown, read) = (shown as u16, read as u16);
    match counts.occurrences(shown) {
        0 => "–".to_owned(),
        all => wording::percent(counts.count(shown, read) as f64 / all as f64),
    }
}
