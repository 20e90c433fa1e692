//! A soft arm read with fewer and fewer of its words.

use std::collections::BTreeMap;

use probe_statistics::StatisticsError;
use probe_statistics::equivalence::equivalence_test;
use probe_statistics::rank_tests::{Trend, page_test};

use super::wording::{number, points, points_interval};
use super::{Evaluator, in_study};
use crate::finding::{Outcome, PartFinding};
use crate::measurements::Evaluation;
use crate::registration::{Facets, Hardening, Sides};
use crate::selection::{by_cell, pair, resolve};

impl Evaluator<'_> {
    pub(super) fn hardening(&self, rule: &Hardening) -> Result<PartFinding, StatisticsError> {
        let Hardening {
            data,
            subject,
            metric,
            margin,
            published_words,
        } = rule;
        let comparison = format!("{} along the words kept", metric.name());
        let missing = |what: String| Ok(PartFinding::missing(comparison.clone(), what));
        let arm = match resolve(self.measurements, data, subject, None) {
            Ok(arm) => arm,
            Err(what) => return missing(what),
        };
        let top_k = Facets {
            evaluation: Evaluation::TopK,
            ..data.clone()
        };
        let mut by_k: BTreeMap<usize, Vec<_>> = BTreeMap::new();
        for series in top_k.series(self.measurements).filter(|s| s.arm == arm) {
            by_k.entry(series.k.unwrap_or(0)).or_default().push(series);
        }
        let words: Vec<usize> = by_k.keys().copied().collect();
        if words.len() < 2 || words[0] != 1 {
            return missing(format!(
                "{arm} read with its best word and with more in {}",
                data.describe()
            ));
        }
        let mut columns: Vec<_> = by_k
            .iter()
            .map(|(k, series)| {
                (
                    format!("{arm} with {k} words"),
                    by_cell(series.iter().copied(), &arm),
                )
            })
            .collect();
        let all_words = by_cell(data.series(self.measurements), &arm);
        columns.push((format!("{arm} with all words"), all_words));
        let paired = match pair(&columns, None) {
            Ok(paired) => paired,
            Err(what) => return missing(what),
        };
        let all = words.len();
        let unit = paired.unit(self.settings.fewest_clusters);
        let sets = std::slice::from_ref(&paired.set);
        let lost = self.above_zero(sets, unit, Sides::Two, |rates| {
            metric.of(&rates[0][0]) - metric.of(&rates[0][all])
        })?;
        let errors: Vec<Vec<f64>> = (0..=all)
            .map(|column| self.errors_by_seed(&paired, |rates| metric.of(&rates[column])))
            .collect();
        let seeds = paired.seeds.len();
        let rows: Vec<Vec<f64>> = (0..seeds)
            .map(|seed| errors.iter().map(|column| column[seed]).collect())
            .collect();
        let page = page_test(&rows, Trend::Falling)?;

        // From the largest k down, as long as equality is shown: each test is made only if all
        // before it succeeded, so that no correction is needed.
        let mut enough = None;
        let mut nothing_lost = false;
        if seeds > 1 {
            for (index, &k) in words.iter().enumerate().rev() {
                let pairs = errors[index].iter().zip(&errors[all]);
                let differences: Vec<f64> = pairs.map(|(few, all)| few - all).collect();
                let p = equivalence_test(&differences, *margin)?.p;
                if p > self.settings.alpha {
                    break;
                }
                enough = Some(k);
                nothing_lost = k == 1 && p <= self.alpha_against;
            }
        }
        let falls = page.p <= self.settings.alpha;
        let outcome = if nothing_lost {
            Outcome::Contradicts
        } else if lost.outcome(self) == Outcome::Supports && falls && enough.is_some_and(|k| k > 1)
        {
            Outcome::Supports
        } else if lost.outcome(self) == Outcome::Contradicts {
            Outcome::Contradicts
        } else {
            Outcome::Open
        };
        let published = published_words.map_or(String::new(), |words| {
            format!(" (a released model: about {words} words above 1e-4)")
        });
        Ok(PartFinding {
            comparison: comparison.clone(),
            outcome,
            effect: Some(lost.value),
            p: Some(page.p.max(lost.p)),
            smallest_p: Some(lost.smallest_p),
            seeds,
            items: paired.items,
            words: format!(
                "{arm} read with its best word only loses {} {} in {} (p {}, Page's p {}); {}{published}.{}",
                points(lost.value).trim_start_matches('+'),
                points_interval(lost.interval),
                metric.name(),
                number(lost.p),
                number(page.p),
                enough.map_or(
                    "no number of words tested equals all of them within the margin".to_owned(),
                    |k| format!("{k} words equal all of them within the margin"),
                ),
                lost.seeds_reason(self),
            ),
            arms: in_study(data, &[arm]),
            ..PartFinding::open("", "")
        }
        .with_interval(lost.interval))
    }
}
