//! Progress on the terminal: one bar per lane and one for the run.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use probe::{CellOutcome, CellSpec, Observer, Status};
use std::io::IsTerminal;
use std::sync::Mutex;

/// Bars on a terminal; one line per finished cell elsewhere (log files, CI).
pub struct Progress {
    bars: MultiProgress,
    overall: ProgressBar,
    lanes: Vec<ProgressBar>,
    plain: bool,
    counts: Mutex<(usize, usize)>,
}

impl Progress {
    /// Bars for `lanes` lanes.
    #[must_use]
    pub fn new(lanes: usize) -> Self {
        let plain = !std::io::stderr().is_terminal();
        let target = if plain {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bars = MultiProgress::with_draw_target(target);
        let bar = |template: &str| {
            let bar = bars.add(ProgressBar::new(0));
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("=> "));
            }
            bar
        };
        let lane_bars = (0..lanes)
            .map(|_| bar("  {bar:24} {pos:>4}/{len} steps, {eta:>4} left  {msg}"))
            .collect();
        let overall = bar("{msg:8} {bar:24} {pos:>4}/{len} cells, {elapsed} gone, {eta} left");
        Self {
            overall,
            lanes: lane_bars,
            bars,
            plain,
            counts: Mutex::new((0, 0)),
        }
    }

    /// Takes the bars away.
    pub fn clear(&self) {
        for bar in &self.lanes {
            bar.finish_and_clear();
        }
        self.overall.finish_and_clear();
    }

    fn line(&self, text: &str) {
        if self.plain {
            eprintln!("{text}");
        } else {
            // A terminal that went away is no reason to stop a run.
            let _ = self.bars.println(text);
        }
    }
}

impl Observer for Progress {
    fn stage(&self, name: &str, total: usize, done: usize) {
        self.overall.set_length(total as u64);
        self.overall.set_position(done as u64);
        self.overall.reset_eta();
        self.overall.set_message(name.to_owned());
        if let Ok(mut counts) = self.counts.lock() {
            *counts = (done, total);
        }
        if self.plain {
            eprintln!("{name}: {total} cells, {done} done before");
        }
    }

    fn note(&self, text: &str) {
        self.line(&format!("note: {text}"));
    }

    fn cell_started(&self, lane: usize, spec: &CellSpec, steps: usize) {
        if let Some(bar) = self.lanes.get(lane) {
            bar.reset();
            bar.set_length(steps as u64);
            bar.set_message(format!(
                "{} seed {} lr {:?}",
                spec.arm, spec.seed, spec.learning_rate
            ));
        }
    }

    fn cell_step(&self, lane: usize, step: usize) {
        if let Some(bar) = self.lanes.get(lane) {
            bar.set_position(step as u64);
        }
    }

    fn cell_finished(&self, _lane: usize, outcome: &CellOutcome) {
        self.overall.inc(1);
        let spec = &outcome.spec;
        let place = match self.counts.lock() {
            Ok(mut counts) => {
                counts.0 += 1;
                format!("[{}/{}]", counts.0, counts.1)
            }
            Err(_) => String::new(),
        };
        let name = format!(
            "{place} {} seed {} lr {:?}",
            spec.arm, spec.seed, spec.learning_rate
        );
        match &outcome.status {
            Status::Failed { step, reason } => {
                self.line(&format!("{name}: FAILED at step {step}: {reason}"));
            }
            Status::Finished if self.plain => {
                let cer = outcome.validation_cer.unwrap_or(f64::NAN);
                let seconds = outcome.seconds;
                eprintln!("{name}: validation CER {:.2}%, {seconds:.1} s", 100.0 * cer);
            }
            Status::Finished => {}
        }
    }
}
