//! How far runs are, by what their processes have written down.

use super::event::{Event, Line};
use probe::{CellSpec, ProbeConfig};
use std::collections::BTreeMap;

/// What a run's last process said of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Phase {
    /// Nothing yet.
    #[default]
    Waiting,
    /// It began, and has not said that it ended.
    Started,
    /// All cells are there.
    Finished,
    /// It gave up, for this reason.
    Stopped(String),
}

/// A cell in training.
#[derive(Clone, Debug, PartialEq)]
pub struct Running {
    /// Which.
    pub cell: CellSpec,
    /// Since when, in seconds since 1970.
    pub since_unix_s: f64,
}

/// How far a run is.
#[derive(Clone, Debug, PartialEq)]
pub struct RunState {
    /// Its name.
    pub name: String,
    /// What was said last, by the process that is least far.
    pub phase: Phase,
    /// Cells that it takes, as far as that is known: grids may still be extended.
    pub cells: usize,
    /// Those that are trained.
    pub done: usize,
    /// Those that broke down, with the reason.
    pub failed: Vec<(CellSpec, String)>,
    /// Those in training.
    pub running: Vec<Running>,
    /// Mean wall time of a cell in seconds, once one is done.
    pub seconds_per_cell: Option<f64>,
    /// Cells side by side.
    pub lanes: usize,
}

/// What one process, or the ones that went on after it, said of a run.
#[derive(Default)]
struct ProcessState {
    phase: Phase,
    lanes: usize,
    arms: usize,
    stage: String,
    tunings: usize,
    /// Cells of the other seeds.
    of_seeds: usize,
    /// When it last said something.
    last_unix_s: f64,
    /// Cells beyond those of the first grid.
    extra: usize,
    done: usize,
    running: BTreeMap<usize, Running>,
    failed: BTreeMap<String, (CellSpec, String)>,
    seconds: Vec<f64>,
}

impl ProcessState {
    fn take(&mut self, line: Line) {
        let key = |cell: &CellSpec| format!("{} {} {}", cell.arm, cell.seed, cell.learning_rate);
        self.last_unix_s = line.unix_s;
        match line.event {
            Event::Started { lanes, arms, .. } => {
                *self = Self {
                    phase: Phase::Started,
                    lanes,
                    arms,
                    failed: std::mem::take(&mut self.failed),
                    seconds: std::mem::take(&mut self.seconds),
                    last_unix_s: line.unix_s,
                    ..Self::default()
                };
            }
            Event::Stage { stage, cells, done } => {
                self.running.clear();
                if stage == "tuning" {
                    // After the other seeds everything is trained once more, for longer.
                    let again = if self.stage == "seeds" {
                        self.of_seeds
                    } else {
                        0
                    };
                    self.extra += if self.tunings > 0 { cells + again } else { 0 };
                    self.tunings += 1;
                }
                if stage == "seeds" {
                    self.of_seeds = cells;
                }
                // What is tested has been trained already.
                self.done += if stage == "testing" { 0 } else { done };
                self.stage = stage;
            }
            Event::CellStarted { lane, cell, .. } => {
                let since_unix_s = line.unix_s;
                self.running.insert(lane, Running { cell, since_unix_s });
            }
            Event::CellFinished {
                lane,
                cell,
                seconds,
                ..
            } => {
                self.running.remove(&lane);
                self.failed.remove(&key(&cell));
                if self.stage != "testing" {
                    self.done += 1;
                    self.seconds.push(seconds);
                }
            }
            Event::CellFailed {
                lane, cell, reason, ..
            } => {
                self.running.remove(&lane);
                self.failed.insert(key(&cell), (cell, reason));
                self.done += usize::from(self.stage != "testing");
            }
            Event::Finished { .. } => self.end(Phase::Finished),
            Event::Stopped { reason } => self.end(Phase::Stopped(reason)),
        }
    }

    /// Cells that it takes where an arm takes so many.
    fn cells(&self, per_arm: usize) -> usize {
        match self.phase {
            // An arm whose every rate failed has no other seeds.
            Phase::Finished => self.done,
            Phase::Waiting | Phase::Started | Phase::Stopped(_) => self.arms * per_arm + self.extra,
        }
    }

    fn end(&mut self, phase: Phase) {
        self.phase = phase;
        self.running.clear();
    }
}

/// How far `runs` are, in their order, by the event logs of all processes that work on them.
///
/// A single run is called whatever its log calls it.
#[must_use]
pub fn fold(runs: &[(String, ProbeConfig)], logs: Vec<Vec<Line>>) -> Vec<RunState> {
    let mut processes: Vec<Vec<ProcessState>> = runs.iter().map(|_| Vec::new()).collect();
    for log in logs {
        let mut by_run: BTreeMap<usize, ProcessState> = BTreeMap::new();
        for line in log {
            let run = match runs {
                [_] => Some(0),
                _ => runs.iter().position(|(name, _)| *name == line.run),
            };
            // What the study does not have any more is nobody's concern.
            if let Some(run) = run {
                by_run.entry(run).or_default().take(line);
            }
        }
        for (run, found) in by_run {
            processes[run].push(found);
        }
    }
    runs.iter()
        .zip(processes)
        .map(|((name, config), processes)| state(name, config, processes))
        .collect()
}

fn state(name: &str, config: &ProbeConfig, mut processes: Vec<ProcessState>) -> RunState {
    let arms = config.arms.len();
    // Who worked on the whole run has counted what tasks had left, and tasks what it had left: who spoke last counts.
    let is_whole = |process: &ProcessState| process.arms >= arms;
    let last = |whole: bool| {
        let spoke = processes
            .iter()
            .filter(|process| is_whole(process) == whole);
        spoke
            .map(|process| process.last_unix_s)
            .fold(f64::NEG_INFINITY, f64::max)
    };
    if processes.iter().any(is_whole) {
        let by_whole = last(true) >= last(false);
        processes.retain(|process| is_whole(process) == by_whole);
    }
    let rates = config.arms.iter().map(|&arm| config.rates_of(arm).len());
    let per_arm = rates.max().unwrap_or(0) + config.seeds.len().saturating_sub(1);
    let unheard = arms.saturating_sub(processes.iter().map(|process| process.arms).sum());
    let heard: usize = processes.iter().map(|process| process.cells(per_arm)).sum();
    let cells = heard + unheard * per_arm;
    let phases = || processes.iter().map(|process| &process.phase);
    let done: usize = processes.iter().map(|process| process.done).sum();
    let stopped = phases().find(|phase| matches!(phase, Phase::Stopped(_)));
    let phase = if phases().any(|phase| *phase == Phase::Started) {
        Phase::Started
    } else if let Some(stopped) = stopped {
        stopped.clone()
    } else if processes.is_empty() {
        Phase::Waiting
    } else if unheard > 0 {
        // The tasks of a cluster that were heard of are through; others have not begun.
        Phase::Started
    } else {
        Phase::Finished
    };
    let seconds: Vec<f64> = processes
        .iter()
        .flat_map(|process| process.seconds.clone())
        .collect();
    let at_work = processes
        .iter()
        .filter(|process| process.phase == Phase::Started);
    RunState {
        name: name.to_owned(),
        phase,
        cells: cells.max(done),
        done,
        lanes: at_work.map(|process| process.lanes).sum(),
        seconds_per_cell: (!seconds.is_empty())
            .then(|| seconds.iter().sum::<f64>() / seconds.len() as f64),
        running: processes
            .iter()
            .flat_map(|process| process.running.values().cloned())
            .collect(),
        failed: processes
            .into_iter()
            .flat_map(|process| process.failed.into_values())
            .collect(),
    }
}

/// Seconds until all cells are there, if those to come take as long as those that were; none before
/// the first one is done, or where nobody works.
#[must_use]
pub fn seconds_left(runs: &[RunState]) -> Option<f64> {
    let lanes: usize = runs.iter().map(|run| run.lanes).sum();
    let known: Vec<f64> = runs.iter().filter_map(|run| run.seconds_per_cell).collect();
    if known.is_empty() || lanes == 0 {
        return None;
    }
    let usual = known.iter().sum::<f64>() / known.len() as f64;
    let left = runs
        .iter()
        .map(|run| (run.cells - run.done) as f64 * run.seconds_per_cell.unwrap_or(usual));
    Some(left.sum::<f64>() / lanes as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use probe::Preset;

    fn runs() -> Vec<(String, ProbeConfig)> {
        let mut config = Preset::Smoke.config();
        config.arms = ["identity", "blind"].map(|arm| arm.parse().unwrap()).into();
        config.seeds = vec![1, 2];
        config.training.learning_rates = vec![0.004, 0.008];
        ["a", "b"]
            .map(|name| (name.to_owned(), config.clone()))
            .into()
    }

    fn spec(seed: u64) -> CellSpec {
        CellSpec {
            arm: "identity".parse().unwrap(),
            seed,
            learning_rate: 0.004,
        }
    }

    fn lines(run: &str, events: Vec<Event>) -> Vec<Line> {
        let line = |event| Line {
            unix_s: 5.0,
            run: run.to_owned(),
            event,
        };
        events.into_iter().map(line).collect()
    }

    fn started_run(lanes: usize, arms: usize) -> Event {
        Event::Started {
            pid: 1,
            lanes,
            arms,
        }
    }

    fn stage(stage: &str, cells: usize, done: usize) -> Event {
        let stage = stage.to_owned();
        Event::Stage { stage, cells, done }
    }

    fn finished(lane: usize, seed: u64, seconds: f64) -> Event {
        Event::CellFinished {
            lane,
            cell: spec(seed),
            validation_cer: Some(0.5),
            seconds,
        }
    }

    fn started(lane: usize, seed: u64) -> Event {
        Event::CellStarted {
            lane,
            cell: spec(seed),
            steps: 9,
        }
    }

    #[test]
    fn cells_are_counted_with_extensions_and_without_tests() {
        let log = lines(
            "a",
            vec![
                started_run(2, 2),
                stage("tuning", 4, 1),
                started(0, 1),
                finished(0, 1, 10.0),
                finished(1, 2, 20.0),
                finished(1, 3, 30.0),
                stage("tuning", 1, 0),
                finished(0, 4, 20.0),
                stage("testing", 2, 0),
                finished(0, 4, 21.0),
                stage("seeds", 2, 0),
                started(1, 5),
            ],
        );
        let states = fold(&runs(), vec![log]);
        assert_eq!((states[0].cells, states[0].done), (2 * (2 + 1) + 1, 5));
        assert_eq!(states[0].phase, Phase::Started);
        assert_eq!(states[0].running.len(), 1);
        assert_eq!(states[0].running[0].cell.seed, 5);
        assert_eq!(states[0].seconds_per_cell, Some(20.0));
        assert_eq!(
            (states[1].phase.clone(), states[1].done),
            (Phase::Waiting, 0)
        );
        // Two cells of a and six of b, 20 s each, on two lanes.
        assert_eq!(seconds_left(&states), Some(80.0));
    }

    #[test]
    fn who_goes_on_counts_anew_and_failures_last_until_they_are_mended() {
        let failed = Event::CellFailed {
            lane: 0,
            cell: spec(1),
            step: 3,
            reason: "loss".to_owned(),
        };
        let mut log = lines(
            "a",
            vec![
                started_run(1, 2),
                stage("tuning", 4, 0),
                failed,
                finished(0, 2, 1.0),
            ],
        );
        let first = fold(&runs(), vec![log.clone()]);
        assert_eq!((first[0].done, first[0].failed.len()), (2, 1));
        log.extend(lines(
            "a",
            vec![
                started_run(1, 2),
                stage("tuning", 4, 2),
                finished(0, 3, 1.0),
                Event::Stopped {
                    reason: "stopped by Ctrl-C".to_owned(),
                },
            ],
        ));
        let second = fold(&runs(), vec![log.clone()]);
        assert_eq!((second[0].done, second[0].failed.len()), (3, 1));
        assert!(matches!(&second[0].phase, Phase::Stopped(why) if why.contains("Ctrl-C")));
        assert_eq!(seconds_left(&second), None);
        log.extend(lines("a", vec![finished(0, 1, 1.0)]));
        assert!(fold(&runs(), vec![log])[0].failed.is_empty());
    }

    #[test]
    fn a_finished_run_is_whole_although_an_arm_has_failed_at_every_rate() {
        let log = lines(
            "a",
            vec![
                started_run(1, 2),
                stage("tuning", 4, 0),
                finished(0, 1, 1.0),
                finished(0, 2, 1.0),
                stage("seeds", 1, 0),
                finished(0, 3, 1.0),
                Event::Finished { seconds: 3.0 },
            ],
        );
        let states = fold(&runs(), vec![log]);
        assert_eq!((states[0].done, states[0].cells), (3, 3));
        assert_eq!(states[0].phase, Phase::Finished);
    }

    #[test]
    fn a_longer_training_of_all_takes_the_other_seeds_again() {
        let log = lines(
            "a",
            vec![
                started_run(1, 2),
                stage("tuning", 4, 4),
                stage("seeds", 2, 2),
                stage("tuning", 4, 4),
            ],
        );
        let states = fold(&runs(), vec![log]);
        assert_eq!((states[0].done, states[0].cells), (10, 12));
    }

    #[test]
    fn who_spoke_last_counts_whether_it_had_the_whole_run_or_a_task() {
        let at = |unix_s: f64, mut log: Vec<Line>| {
            log.iter_mut().for_each(|line| line.unix_s = unix_s);
            log
        };
        let stopped = Event::Stopped {
            reason: "stopped by Ctrl-C".to_owned(),
        };
        let whole = lines("a", vec![started_run(1, 2), stage("tuning", 4, 0), stopped]);
        let task = || {
            lines(
                "a",
                vec![
                    started_run(1, 1),
                    stage("tuning", 2, 2),
                    stage("seeds", 1, 1),
                    Event::Finished { seconds: 3.0 },
                ],
            )
        };
        let later = [at(1.0, whole.clone()), at(2.0, task()), at(3.0, task())];
        let states = fold(&runs(), later.into());
        assert_eq!(
            (states[0].phase.clone(), states[0].done),
            (Phase::Finished, 6)
        );
        let earlier = [at(4.0, whole), at(2.0, task()), at(3.0, task())];
        let states = fold(&runs(), earlier.into());
        assert!(matches!(states[0].phase, Phase::Stopped(_)));
    }

    #[test]
    fn tasks_of_a_cluster_add_up() {
        let task = |seed| {
            lines(
                "a",
                vec![
                    started_run(1, 1),
                    stage("tuning", 2, 0),
                    finished(0, seed, 1.0),
                    finished(0, seed + 10, 1.0),
                    stage("seeds", 1, 0),
                    finished(0, seed + 20, 1.0),
                    Event::Finished { seconds: 3.0 },
                ],
            )
        };
        let half = fold(&runs(), vec![task(1)]);
        assert_eq!((half[0].done, &half[0].phase), (3, &Phase::Started));
        assert_eq!(half[0].cells, 3 + 3);
        let whole = fold(&runs(), vec![task(1), task(2)]);
        assert_eq!((whole[0].done, &whole[0].phase), (6, &Phase::Finished));
        // A process that goes on with the whole run finds their cells done.
        let all = lines(
            "a",
            vec![
                started_run(2, 2),
                stage("tuning", 4, 4),
                stage("seeds", 2, 2),
                Event::Finished { seconds: 0.1 },
            ],
        );
        let again = fold(&runs(), vec![all, task(1), task(2)]);
        assert_eq!((again[0].done, again[0].cells), (6, 6));
    }
}
