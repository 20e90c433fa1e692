//! More bits, fewer errors.

use probe_statistics::StatisticsError;
use probe_statistics::equivalence::equivalence_test;
use probe_statistics::isotonic::isotonic_fit;
use probe_statistics::rank_tests::{Trend, page_test};

use super::wording::{number, points, points_interval};
use super::{Evaluator, in_study};
use crate::finding::{Outcome, PartFinding};
use crate::measurements::Role;
use crate::registration::{Facets, RateTrend, Sides};
use crate::selection::{best_by_validation, resolve};

impl Evaluator<'_> {
    pub(super) fn rate_trend(&self, rule: &RateTrend) -> Result<PartFinding, StatisticsError> {
        let RateTrend {
            data,
            role,
            reference,
            metric,
            margin,
        } = rule;
        let comparison = format!("{} along bits per token", metric.name());
        let missing = |what: String| Ok(PartFinding::missing(comparison.clone(), what));
        let (bits, mut arms) = match self.ladder(data, *role, 3) {
            Ok(ladder) => ladder,
            Err(what) => return missing(what),
        };
        let largest = arms.last().map(String::as_str);
        match resolve(self.measurements, data, reference, largest) {
            Ok(reference) => arms.push(reference),
            Err(what) => return missing(what),
        }
        let paired = match self.pair(data, &arms, None) {
            Ok(paired) => paired,
            Err(what) => return missing(what),
        };
        let last = bits.len() - 1;
        // The drop from end to end is the effect.
        let ends = [0, last].map(|arm| (arms[arm].as_str(), arm));
        let drop = self.difference_above_zero(&paired, ends, *metric, Sides::Two)?;
        let mut columns = Vec::new();
        for arm in 0..arms.len() {
            columns.push(self.errors_by_seed(&paired, |rates| metric.of(&rates[arm])));
        }
        let rows: Vec<Vec<f64>> = (0..paired.seeds.len())
            .map(|seed| columns[..=last].iter().map(|column| column[seed]).collect())
            .collect();
        let (falling, rising) = (
            page_test(&rows, Trend::Falling)?,
            page_test(&rows, Trend::Rising)?,
        );
        let means: Vec<f64> = columns[..=last].iter().map(|column| mean(column)).collect();
        let fit = isotonic_fit(&means, &vec![1.0; means.len()], Trend::Falling)?;
        let misfit = means.iter().zip(&fit).map(|(m, f)| (m - f).abs());
        let misfit = misfit.fold(0.0, f64::max);
        let enough = self.enough_bits(&columns, &bits, *margin)?;

        let low = drop.interval.is_some_and(|i| i.low > 0.0);
        let high = drop.interval.is_some_and(|i| i.high < 0.0);
        let outcome = if falling.p <= self.settings.alpha && low {
            Outcome::Supports
        } else if rising.p <= self.alpha_against && high {
            Outcome::Contradicts
        } else {
            Outcome::Open
        };
        let sizes: Vec<String> = bits.iter().map(|bits| rounded(*bits)).collect();
        let reference = &arms[last + 1];
        Ok(PartFinding {
            comparison,
            outcome,
            effect: Some(drop.value),
            p: Some(falling.p),
            seeds: paired.seeds.len(),
            items: paired.items,
            words: format!(
                "From {} bits, {} falls by {} {} from end to end (Page's p {}, mean rank \
                 correlation with the claimed order {:.2}, at most {} from monotone); {}.",
                sizes.join(", "),
                metric.name(),
                points(drop.value).trim_start_matches('+'),
                points_interval(drop.interval),
                number(falling.p),
                falling.mean_correlation,
                points(misfit).trim_start_matches('+'),
                enough.map_or(
                    format!("no size tested equals {reference} within the margin"),
                    |bits| format!("{} bits equal {reference} within the margin", rounded(bits)),
                ),
            ),
            arms: in_study(data, &arms),
            ..PartFinding::open("", "")
        }
        .with_interval(drop.interval))
    }

    /// Nominal bits of a role's arms, the fewest first, and the best arm at each of them by validation; `Err`
    /// says what is missing, where there are fewer than `fewest` sizes.
    pub(super) fn ladder(
        &self,
        data: &Facets,
        role: Role,
        fewest: usize,
    ) -> Result<(Vec<f64>, Vec<String>), String> {
        let of_role = || {
            data.series(self.measurements).filter(|series| {
                let facts = self.measurements.facts(&data.study, &series.arm);
                facts.is_some_and(|facts| facts.role == role)
            })
        };
        let mut bits: Vec<f64> = of_role().filter_map(|s| s.bits_nominal).collect();
        bits.sort_by(f64::total_cmp);
        bits.dedup();
        if bits.len() < fewest {
            let number = if fewest == 2 { "two" } else { "three" };
            let (role, data) = (role.name(), data.describe());
            return Err(format!("{number} code sizes of {role} arms in {data}"));
        }
        let mut arms = Vec::new();
        for &bits in &bits {
            let of_size = of_role().filter(|series| series.bits_nominal == Some(bits));
            arms.extend(best_by_validation(of_size)?);
        }
        Ok((bits, arms))
    }

    /// The fewest bits from which on every size equals the reference, the last column.
    fn enough_bits(
        &self,
        columns: &[Vec<f64>],
        bits: &[f64],
        margin: f64,
    ) -> Result<Option<f64>, StatisticsError> {
        let Some(reference) = columns.last().filter(|column| column.len() > 1) else {
            return Ok(None);
        };
        let mut enough = None;
        for (column, &bits) in columns.iter().zip(bits).rev() {
            let differences: Vec<f64> = column.iter().zip(reference).map(|(a, b)| a - b).collect();
            if equivalence_test(&differences, margin)?.p > self.settings.alpha {
                break;
            }
            enough = Some(bits);
        }
        Ok(enough)
    }
}

pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Bits with at most one decimal.
pub(super) fn rounded(bits: f64) -> String {
    format!("{}", (bits * 10.0).round() / 10.0)
}
