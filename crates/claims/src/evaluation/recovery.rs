//! How much of a gap another way of training closes.

use probe_statistics::StatisticsError;
use probe_statistics::bootstrap::bootstrap_statistic;

use super::wording::{interval, number, points, points_interval};
use super::{Evaluator, in_study};
use crate::finding::{Outcome, PartFinding};
use crate::registration::GapClosed;

impl Evaluator<'_> {
    pub(super) fn gap_closed(&self, rule: &GapClosed) -> Result<PartFinding, StatisticsError> {
        let GapClosed {
            data,
            subject,
            baseline,
            reference,
            metric,
            fraction,
            floor,
            sides,
        } = rule;
        let planned = format!(
            "share of the gap between {} and {} that {} closes",
            baseline.describe(),
            reference.describe(),
            subject.describe()
        );
        let (arms, paired) = match self.resolve_paired(data, subject, &[baseline, reference]) {
            Ok(found) => found,
            Err(what) => return Ok(PartFinding::missing(planned, what)),
        };
        let unit = paired.unit(self.settings.fewest_clusters);
        let sets = std::slice::from_ref(&paired.set);
        let arm = |place: usize| (arms[place].as_str(), place);
        let gain = self.difference_above_zero(&paired, [arm(1), arm(0)], *metric, *sides)?;
        let gap = self.difference_above_zero(&paired, [arm(1), arm(2)], *metric, *sides)?;
        let base = PartFinding {
            comparison: format!(
                "share of the gap between {} and {} that {} closes, {}",
                arms[1],
                arms[2],
                arms[0],
                metric.name()
            ),
            seeds: paired.seeds.len(),
            items: paired.items,
            p: Some(gain.p),
            smallest_p: Some(gain.smallest_p),
            arms: in_study(data, &arms),
            ..PartFinding::open("", "")
        };
        if gap.outcome(self) != Outcome::Supports {
            return Ok(PartFinding {
                words: format!(
                    "There is no certain gap to close: {} minus {} is {} {}.{}",
                    arms[1],
                    arms[2],
                    points(gap.value),
                    points_interval(gap.interval),
                    gap.seeds_reason(self)
                ),
                ..base
            });
        }
        let share = bootstrap_statistic(sets, &self.plan(unit), |rates| {
            let error = |arm: usize| metric.of(&rates[0][arm]);
            (error(1) - error(0)) / (error(1) - error(2))
        })?;
        let range = share.percentile;
        let outcome = match gain.outcome(self) {
            Outcome::Supports
                if share.value >= *fraction && range.is_some_and(|i| i.low > *floor) =>
            {
                Outcome::Supports
            }
            Outcome::Contradicts => Outcome::Contradicts,
            _ if range.is_some_and(|i| i.high < *fraction) => Outcome::Contradicts,
            _ => Outcome::Open,
        };
        Ok(PartFinding {
            outcome,
            effect: Some(share.value),
            words: format!(
                "{} closes {:.2} {} of the gap of {} between {} and {}, p {} for any gain; {fraction} \
                 was claimed.{}",
                arms[0],
                share.value,
                interval(range),
                points(gap.value).trim_start_matches('+'),
                arms[1],
                arms[2],
                number(gain.p),
                gain.seeds_reason(self),
            ),
            ..base
        }
        .with_interval(range))
    }
}
