//! Fine-grained perception beside reading: from how small a detail on can each arm tell?

mod accuracy;
mod acuity;
mod answer;
mod confusions;
mod interaction;
mod runs;
mod task_answers;
mod thresholds;

pub use runs::FineGrained;

use super::{Definition, Findings, StandAlone, StudyResults};
use crate::figure::StudyFigure;
use crate::part::PartResult;
use crate::section::Section;
use crate::series;
use anyhow::Result;
use claims::{Measurements, Series};
use perception_tasks::Group;

/// Name of the run that reads text, beside which the tasks stand.
const READING: &str = "reading";
/// Condition of the easier levels of the coarse tasks.
const COARSE: &str = "coarse";
/// The claims of the section by itself.
const REGISTRATION: &str = include_str!("../../../registrations/fine-grained-claims.toml");
const ACUITY: &str = "Larger differences, easier images, are to the right; where a curve crosses three \
    in four is the threshold of the table.";

pub(super) const DEFINITION: Definition = Definition {
    findings,
    measure,
    stand_alone: Some(StandAlone {
        title: "What do visual tokens cost in fine detail?",
        question: "The same small probe is trained behind each projector, on images whose \
                   difficulty is a physical quantity, and on text: from how small a detail on does \
                   it tell, and is what is lost in reading lost in coarse properties too?",
        registration: REGISTRATION,
    }),
    ..Definition::new(
        "fine-grained",
        "From how small a detail on can each projector tell?",
        runs::runs,
    )
};

fn findings(study: &StudyResults<'_>) -> Result<Findings> {
    let thresholds = thresholds::task_thresholds(study)?;
    let mut tables = Vec::new();
    tables.extend(thresholds::table(&thresholds));
    tables.extend(accuracy::accuracy(study.runs)?);
    tables.extend(confusions::confusions(study));
    tables.extend(interaction::interaction(study)?);
    let figures = study.of(Section::FineGrained).filter_map(|result| {
        let name = format!("acuity_{}", result.part.variant);
        StudyFigure::of(name, ACUITY, acuity::acuity(result))
    });
    Ok(Findings {
        tables,
        figures: figures.collect(),
        answer: answer::answer(study, &thresholds),
    })
}

/// The run, and the easier levels of a coarse task once more.
fn measure(result: &PartResult, measurements: &mut Measurements) -> Result<()> {
    let known = measurements.series.len();
    series::add(result, Section::FineGrained.name(), measurements)?;
    let new = measurements.series[known..].iter();
    let coarse: Vec<Series> = new.filter_map(|series| coarse(result, series)).collect();
    measurements.series.extend(coarse);
    Ok(())
}

/// A level of a coarse task once more, under the name that claims have for the easier levels of all of
/// them; none of the harder ones, where coarse tasks ask for detail too.
fn coarse(result: &PartResult, series: &Series) -> Option<Series> {
    let kind = result.part.config.data.source.perception()?;
    if kind.group() != Group::Coarse {
        return None;
    }
    let sets = result.outcome.test_sets.iter();
    let mut levels: Vec<f64> = sets.filter_map(|set| set.difficulty).collect();
    levels.sort_by(f64::total_cmp);
    levels.dedup();
    let middle = levels.get(levels.len() / 2)?;
    (series.stimulus? >= *middle).then(|| Series {
        condition: COARSE.to_owned(),
        ..series.clone()
    })
}
