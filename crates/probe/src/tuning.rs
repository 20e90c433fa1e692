//! Which learning rate an arm is trained with, and which is tried next.

use super::outcome::{CellOutcome, Tuning};
use super::training::TrainedCell;

/// The candidate with the lowest validation CER. Of several, the one that is furthest from the ends of
/// the grid, so that an arm to which the rate makes no difference is not on its edge; then the one with
/// the lowest validation loss, then the lowest rate.
pub(super) fn choose(candidates: &[CellOutcome]) -> Tuning {
    let mut rates: Vec<f64> = candidates.iter().map(|c| c.spec.learning_rate).collect();
    rates.sort_by(f64::total_cmp);
    let from_end = |rate: f64| {
        let place = rates.iter().take_while(|other| **other < rate).count();
        place.min(rates.len() - 1 - place)
    };
    let best = candidates
        .iter()
        .filter_map(|cell| {
            let loss = cell.validation_loss.unwrap_or(f64::INFINITY);
            Some((cell.validation_cer?, loss, cell.spec.learning_rate))
        })
        .min_by(|(a, a_loss, a_rate), (b, b_loss, b_rate)| {
            let inner = from_end(*b_rate).cmp(&from_end(*a_rate));
            let loss = a_loss.total_cmp(b_loss);
            a.total_cmp(b)
                .then(inner)
                .then(loss)
                .then(a_rate.total_cmp(b_rate))
        });
    let chosen = best.map(|(.., rate)| rate);
    let (lowest, highest) = (rates.first().copied(), rates.last().copied());
    Tuning {
        arm: candidates[0].spec.arm,
        candidates: candidates
            .iter()
            .map(|cell| (cell.spec.learning_rate, cell.validation_cer))
            .collect(),
        chosen,
        on_edge: rates.len() > 1 && chosen.is_some() && (chosen == lowest || chosen == highest),
    }
}

/// The rate to try next where the best one lies on the edge of those tried: as far beyond it as its
/// neighbour is on this side. None for a best rate within.
pub(super) fn beyond(tuning: &Tuning) -> Option<f64> {
    let chosen = tuning.chosen.filter(|_| tuning.on_edge)?;
    let rates: Vec<f64> = tuning.candidates.iter().map(|(rate, _)| *rate).collect();
    let neighbour = match rates.iter().position(|rate| *rate == chosen)? {
        0 => rates[1],
        last => rates[last - 1],
    };
    Some(chosen * (chosen / neighbour))
}

/// Keeps the best candidates of an arm: more than one where they read equally well. Returns those whose
/// models go.
pub(super) fn keep_best(kept: &mut Vec<TrainedCell>, candidate: TrainedCell) -> Vec<TrainedCell> {
    let arm = candidate.outcome.spec.arm;
    let Some(error) = candidate.outcome.validation_cer else {
        return vec![candidate];
    };
    let of_arm = |cell: &TrainedCell| cell.outcome.spec.arm == arm;
    let errors = kept.iter().filter(|cell| of_arm(cell));
    let best = errors.filter_map(|cell| cell.outcome.validation_cer);
    let best = best.min_by(f64::total_cmp).unwrap_or(f64::INFINITY);
    if error > best {
        return vec![candidate];
    }
    let worse = kept
        .extract_if(.., |cell| of_arm(cell) && error < best)
        .collect();
    kept.push(candidate);
    worse
}

#[cfg(test)]
mod tests {
    use super::super::outcome::CellSpec;
    use super::*;
    use arms::ArmSpec;

    fn cell(learning_rate: f64, validation_cer: Option<f64>) -> CellOutcome {
        let spec = CellSpec {
            arm: "linear".parse::<ArmSpec>().unwrap(),
            seed: 1,
            learning_rate,
        };
        CellOutcome {
            validation_cer,
            ..CellOutcome::begun(spec)
        }
    }

    #[test]
    fn the_lowest_validation_error_is_chosen_and_edges_are_flagged() {
        let inside = choose(&[
            cell(1e-3, Some(0.2)),
            cell(2e-3, Some(0.1)),
            cell(4e-3, Some(0.3)),
        ]);
        assert_eq!((inside.chosen, inside.on_edge), (Some(2e-3), false));
        let edge = choose(&[
            cell(1e-3, Some(0.2)),
            cell(2e-3, Some(0.1)),
            cell(4e-3, None),
        ]);
        assert_eq!((edge.chosen, edge.on_edge), (Some(2e-3), false));
        let edge = choose(&[cell(1e-3, Some(0.1)), cell(2e-3, Some(0.1))]);
        assert_eq!((edge.chosen, edge.on_edge), (Some(1e-3), true));
        let level = [1e-3, 2e-3, 4e-3].map(|rate| cell(rate, Some(0.1)));
        let level = choose(&level);
        assert_eq!((level.chosen, level.on_edge), (Some(2e-3), false));
        let single = choose(&[cell(1e-3, Some(0.1))]);
        assert!(!single.on_edge);
    }

    #[test]
    fn the_validation_loss_decides_between_equal_errors() {
        let with_loss = |rate: f64, cer: f64, loss: f64| CellOutcome {
            validation_loss: Some(loss),
            ..cell(rate, Some(cer))
        };
        let found = choose(&[
            with_loss(1e-3, 0.1, 0.8),
            with_loss(2e-3, 0.1, 0.5),
            with_loss(4e-3, 0.1, 0.6),
            with_loss(8e-3, 0.2, 0.1),
        ]);
        assert_eq!((found.chosen, found.on_edge), (Some(2e-3), false));
        let unknown_loss = choose(&[cell(1e-3, Some(0.1)), with_loss(2e-3, 0.1, 9.0)]);
        assert_eq!(unknown_loss.chosen, Some(2e-3));
    }

    #[test]
    fn a_best_rate_on_the_edge_asks_for_one_beyond() {
        let next = |cells: &[CellOutcome]| beyond(&choose(cells));
        let up = [cell(2e-3, Some(0.2)), cell(4e-3, Some(0.1))];
        assert_eq!(next(&up), Some(8e-3));
        let down = [cell(2e-3, Some(0.1)), cell(4e-3, Some(0.2))];
        assert_eq!(next(&down), Some(1e-3));
        let within = [
            cell(1e-3, Some(0.3)),
            cell(2e-3, Some(0.1)),
            cell(4e-3, Some(0.2)),
        ];
        assert_eq!(next(&within), None);
        assert_eq!(next(&[cell(2e-3, Some(0.1))]), None);
    }

    #[test]
    fn an_arm_whose_every_candidate_fails_has_no_choice() {
        let failed = choose(&[cell(1e-3, None), cell(2e-3, None)]);
        assert_eq!((failed.chosen, failed.on_edge), (None, false));
    }

    #[test]
    fn the_best_models_are_kept_ties_included() {
        let trained = |rate, error| TrainedCell {
            outcome: cell(rate, error),
            model: None,
        };
        let rates = |cells: &[TrainedCell]| -> Vec<f64> {
            let rates = cells.iter().map(|cell| cell.outcome.spec.learning_rate);
            rates.collect()
        };
        let mut kept = Vec::new();
        assert!(keep_best(&mut kept, trained(1e-3, Some(0.2))).is_empty());
        assert!(keep_best(&mut kept, trained(2e-3, Some(0.2))).is_empty());
        assert_eq!(
            rates(&keep_best(&mut kept, trained(4e-3, Some(0.3)))),
            [4e-3]
        );
        assert_eq!(rates(&keep_best(&mut kept, trained(8e-3, None))), [8e-3]);
        assert_eq!(rates(&kept), [1e-3, 2e-3]);
        let gone = keep_best(&mut kept, trained(5e-4, Some(0.1)));
        assert_eq!((rates(&gone), rates(&kept)), (vec![1e-3, 2e-3], vec![5e-4]));
    }
}
