//! Does the difference of two arms shrink along the size of the text or the length of the training?

use probe_statistics::StatisticsError;
use probe_statistics::bootstrap::{Interval, Rate};
use probe_statistics::equivalence::equivalence_test;

use super::differences::common_unit;
use super::rate_trend::mean;
use super::wording::{number, points, points_interval};
use super::{Evaluator, in_study};
use crate::finding::PartFinding;
use crate::measurements::Series;
use crate::registration::{Along, Facets, GapSlope, Metric, Sides};
use crate::selection::{Paired, by_cell, pair};

impl Along {
    /// Where a series lies.
    fn place(self, series: &Series) -> Option<f64> {
        match self {
            Self::CharacterSide => series.pixels_per_character,
            Self::TrainingSteps => series.steps.map(|steps| steps as f64),
        }
    }

    /// What the slope is taken over.
    fn scale(self, place: f64) -> f64 {
        match self {
            Self::CharacterSide => place,
            Self::TrainingSteps => place.log2(),
        }
    }

    /// A place, for messages.
    fn name(self, place: f64) -> String {
        match self {
            Self::CharacterSide => format!("{place} px per character"),
            Self::TrainingSteps => format!("{} steps", steps(place)),
        }
    }

    /// Several places, for messages.
    fn plural(self) -> &'static str {
        match self {
            Self::CharacterSide => "widths of characters",
            Self::TrainingSteps => "lengths of training",
        }
    }

    fn axis(self) -> &'static str {
        match self {
            Self::CharacterSide => "pixels per character",
            Self::TrainingSteps => "doublings of the training steps",
        }
    }

    /// What the slope is per.
    fn unit(self) -> &'static str {
        match self {
            Self::CharacterSide => "pixel of a character's side",
            Self::TrainingSteps => "doubling of the training steps",
        }
    }
}

impl Evaluator<'_> {
    pub(super) fn gap_slope(&self, rule: &GapSlope) -> Result<PartFinding, StatisticsError> {
        let GapSlope {
            data,
            subject,
            reference,
            metric,
            sides,
            along,
            plateau,
        } = rule;
        let planned = format!(
            "({} − {}) along {}",
            subject.describe(),
            reference.describe(),
            along.axis()
        );
        let choosing = match along {
            Along::CharacterSide => data.clone(),
            // A short training says little about which arm is best.
            Along::TrainingSteps => Facets {
                steps: data.series(self.measurements).filter_map(|s| s.steps).max(),
                ..data.clone()
            },
        };
        let arms = match self.resolve(&choosing, subject, &[reference]) {
            Ok(arms) => arms,
            Err(what) => return Ok(PartFinding::missing(planned, what)),
        };
        let mut places: Vec<f64> = data
            .series(self.measurements)
            .filter(|series| arms.contains(&series.arm))
            .filter_map(|series| along.place(series))
            .collect();
        places.sort_by(f64::total_cmp);
        places.dedup();
        if places.len() < 2 {
            let what = format!("two {} in {}", along.plural(), data.describe());
            return Ok(PartFinding::missing(planned, what));
        }
        let paired = match self.pair_along(data, &arms, *along, &places) {
            Ok(paired) => paired,
            Err(what) => return Ok(PartFinding::missing(planned, what)),
        };
        let unit = common_unit(&paired, self.settings.fewest_clusters);
        let (seeds, items) = (
            paired[0].seeds.len(),
            paired.iter().map(|paired| paired.items).sum(),
        );
        let after = match along {
            Along::CharacterSide => String::new(),
            Along::TrainingSteps => {
                self.after_training(&paired, &arms, *metric, &places, *plateau)?
            }
        };
        let sets: Vec<_> = paired.into_iter().map(|paired| paired.set).collect();
        let scaled: Vec<f64> = places.iter().map(|place| along.scale(*place)).collect();
        let middle = mean(&scaled);
        let squares: f64 = scaled.iter().map(|x| (x - middle).powi(2)).sum();
        // The claim is a falling gap.
        let tested = self.above_zero(&sets, unit, *sides, |rates| {
            let along = rates.iter().zip(&scaled);
            -along
                .map(|(set, x)| gap(*metric, set) * (x - middle) / squares)
                .sum::<f64>()
        })?;
        let slope = tested.interval.map(Interval::negated);
        Ok(PartFinding {
            comparison: format!(
                "slope of ({} − {}) along {}, {}",
                arms[0],
                arms[1],
                along.axis(),
                metric.name()
            ),
            outcome: tested.outcome(self),
            effect: Some(-tested.value),
            p: Some(tested.p),
            smallest_p: Some(tested.smallest_p),
            seeds,
            items,
            words: format!(
                "The gap in {} between {} and {} changes by {} {} per {}, p {}{after}.{}",
                metric.name(),
                arms[0],
                arms[1],
                points(-tested.value),
                points_interval(slope),
                along.unit(),
                number(tested.p),
                tested.seeds_reason(self),
            ),
            arms: in_study(data, &arms),
            ..PartFinding::open("", "")
        }
        .with_interval(slope))
    }

    /// The outcomes of both arms at every place, for the seeds that all have; `Err` says what is
    /// missing.
    fn pair_along(
        &self,
        data: &Facets,
        arms: &[String],
        along: Along,
        places: &[f64],
    ) -> Result<Vec<Paired>, String> {
        let at = |place: f64, seeds: Option<&[u64]>| {
            let columns: Vec<_> = arms
                .iter()
                .map(|arm| {
                    let series = data.series(self.measurements);
                    let here = series.filter(move |s| along.place(s) == Some(place));
                    (arm.clone(), by_cell(here, arm))
                })
                .collect();
            pair(&columns, seeds).map_err(|what| format!("{what} at {}", along.name(place)))
        };
        let mut seeds = at(places[0], None)?.seeds;
        for &place in &places[1..] {
            seeds = at(place, Some(&seeds))?.seeds;
        }
        let sets = places.iter().map(|&place| at(place, Some(&seeds)));
        sets.collect()
    }

    /// What is left of the gap after the longest training, and whether it still changes: the end of a
    /// sentence.
    fn after_training(
        &self,
        paired: &[Paired],
        arms: &[String],
        metric: Metric,
        places: &[f64],
        plateau: Option<f64>,
    ) -> Result<String, StatisticsError> {
        let ([.., previous, last], [.., earlier, longest]) = (paired, places) else {
            return Ok(String::new());
        };
        let both = [(arms[0].as_str(), 0), (arms[1].as_str(), 1)];
        let left = self.difference_above_zero(last, both, metric, Sides::Two)?;
        let mut words = format!(
            "; after {} steps the gap is {} {}",
            steps(*longest),
            points(left.value),
            points_interval(left.interval)
        );
        if let Some(margin) = plateau {
            let doublings = (longest / earlier).log2();
            let gaps = [previous, last]
                .map(|paired| self.errors_by_seed(paired, |rates| gap(metric, rates)));
            let changes: Vec<f64> = gaps[1]
                .iter()
                .zip(&gaps[0])
                .map(|(last, previous)| (last - previous) / doublings)
                .collect();
            words.push_str(&format!(
                "; from {} steps on it changed by {} per doubling, ",
                steps(*earlier),
                points(mean(&changes))
            ));
            let limit = points(margin);
            let limit = limit.trim_start_matches('+');
            if changes.len() < 2 {
                words.push_str("which 1 seed cannot test");
            } else {
                let p = equivalence_test(&changes, margin)?.p;
                let shown = match p <= self.settings.alpha {
                    true => "less than",
                    false => "not shown to be less than",
                };
                words.push_str(&format!("{shown} {limit} (p {})", number(p)));
            }
        }
        Ok(words)
    }
}

/// The first arm's number minus the second's.
fn gap(metric: Metric, rates: &[Rate]) -> f64 {
    metric.of(&rates[0]) - metric.of(&rates[1])
}

fn steps(place: f64) -> String {
    ::wording::count(place as usize)
}
