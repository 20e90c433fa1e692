//! Which learning rate an arm is trained with, and which is tried next.

use super::outcome::{CellOutcome, Tuning};
use super::training::TrainedCell;

/// The candidate with the lowest validation CER; the lowest learning rate wins a tie.
pub(super) fn choose(candidates: &[CellOutcome]) -> Tuning {
    let best = candidates
        .iter()
        .filter_map(|cell| Some((cell.validation_cer?, cell.spec.learning_rate)))
        .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let rates: Vec<f64> = candidates.iter().map(|c| c.spec.learning_rate).collect();
    let chosen = best.map(|(_, rate)| rate);
    let lowest = rates.iter().copied().min_by(f64::total_cmp);
    let highest = rates.iter().copied().max_by(f64::total_cmp);
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

/// Keeps the better of two candidates of an arm; returns the one whose model goes.
pub(super) fn keep_best(
    kept: &mut Vec<TrainedCell>,
    candidate: TrainedCell,
) -> Option<TrainedCell> {
    if candidate.model.is_none() {
        return Some(candidate);
    }
    let arm = candidate.outcome.spec.arm;
    match kept.iter_mut().find(|cell| cell.outcome.spec.arm == arm) {
        Some(best) => {
            let both = [best.outcome.clone(), candidate.outcome.clone()];
            if choose(&both).chosen == Some(candidate.outcome.spec.learning_rate) {
                Some(std::mem::replace(best, candidate))
            } else {
                Some(candidate)
            }
        }
        None => {
            kept.push(candidate);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::outcome::{CellSpec, Status};
    use super::*;
    use crate::arm::ArmSpec;

    fn cell(learning_rate: f64, validation_cer: Option<f64>) -> CellOutcome {
        CellOutcome {
            spec: CellSpec {
                arm: "linear".parse::<ArmSpec>().unwrap(),
                seed: 1,
                learning_rate,
            },
            status: Status::Finished,
            parameters: 0,
            multiply_adds_per_token: 0,
            bits_per_token: None,
            reader_parameters: 0,
            without_gradient: None,
            history: Vec::new(),
            validation_cer,
            validation_loss: None,
            tests: Vec::new(),
            hardening: Vec::new(),
            temperatures: Vec::new(),
            reconstruction: None,
            seconds: 0.0,
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
        let single = choose(&[cell(1e-3, Some(0.1))]);
        assert!(!single.on_edge);
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
}
