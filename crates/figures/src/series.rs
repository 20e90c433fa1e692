//! One arm's line in a line chart.

use crate::frame::Frame;
use crate::legend::{Entry, Key};
use crate::marker;
use crate::numbers::Estimate;
use crate::scene::{Point, Scene};
use crate::style::{LINE_WIDTH, Pen};

/// Lines with many points carry about this many markers.
const MARKERS_PER_LINE: usize = 10;
const BAND_OPACITY: f64 = 0.16;

/// A line through estimates, in the units of the axes.
pub(crate) struct Series {
    pub label: String,
    pub pen: Pen,
    pub points: Vec<(f64, Estimate)>,
}

impl Series {
    /// The line, a whisker and a marker at every point, moved sideways by `shift` pixels, which may
    /// depend on x, so that whiskers of several arms at one x do not cover each other.
    pub(crate) fn draw_with_whiskers(
        &self,
        scene: &mut Scene,
        frame: &Frame,
        shift: impl Fn(f64) -> f64,
    ) {
        let shifted = |at: f64, (x, y): Point| (x + shift(at), y);
        for run in self.runs(frame, |estimate| estimate.mean) {
            let run = run.into_iter();
            let run: Vec<Point> = run
                .map(|(index, point)| shifted(self.points[index].0, point))
                .collect();
            scene.line(&run, LINE_WIDTH, self.pen.colour, self.pen.dash);
        }
        for (x, estimate) in &self.points {
            let ends = estimate
                .interval()
                .filter(|_| !estimate.is_failed())
                .and_then(|(low, high)| Some((frame.at(*x, low)?, frame.at(*x, high)?)));
            if let Some((low, high)) = ends {
                marker::whisker(scene, shifted(*x, low), shifted(*x, high), self.pen.colour);
            }
        }
        for (x, estimate) in &self.points {
            if let Some(point) = frame.at(*x, estimate.mean) {
                marker::draw(scene, &self.pen, shifted(*x, point));
            }
        }
    }

    /// The translucent band between the ends of the intervals; a point that stands alone has a
    /// whisker instead.
    pub(crate) fn draw_band(&self, scene: &mut Scene, frame: &Frame) {
        let lower = self.runs(frame, |estimate| estimate.low);
        let upper = self.runs(frame, |estimate| estimate.high);
        for (lower, upper) in lower.iter().zip(&upper) {
            if let ([(_, low)], [(_, high)]) = (&lower[..], &upper[..]) {
                marker::whisker(scene, *low, *high, self.pen.colour);
            } else if lower.len() == upper.len() {
                let back = lower.iter().rev();
                let corners: Vec<Point> = upper.iter().chain(back).map(|(_, at)| *at).collect();
                scene.area(&corners, self.pen.colour, BAND_OPACITY);
            }
        }
    }

    /// The line with a few markers; `turn` staggers the markers of the arms.
    pub(crate) fn draw_over_steps(&self, scene: &mut Scene, frame: &Frame, turn: usize) {
        let stride = self.points.len().div_ceil(MARKERS_PER_LINE).max(1);
        for run in self.runs(frame, |estimate| estimate.mean) {
            let line: Vec<Point> = run.iter().map(|(_, point)| *point).collect();
            scene.line(&line, LINE_WIDTH, self.pen.colour, self.pen.dash);
            for (index, point) in run {
                if self.points.len() == 1 || index % stride == (turn * 3) % stride {
                    marker::draw(scene, &self.pen, point);
                }
            }
        }
    }

    /// Stretches of neighbouring points that can be drawn, with the index of each point. A failed
    /// estimate ends a stretch.
    fn runs(&self, frame: &Frame, value: impl Fn(&Estimate) -> f64) -> Vec<Vec<(usize, Point)>> {
        let mut runs = vec![Vec::new()];
        for (index, (x, estimate)) in self.points.iter().enumerate() {
            let point = frame.at(*x, value(estimate));
            match point.filter(|_| !estimate.is_failed()) {
                Some(point) => {
                    if let Some(run) = runs.last_mut() {
                        run.push((index, point));
                    }
                }
                None => runs.push(Vec::new()),
            }
        }
        runs.retain(|run| !run.is_empty());
        runs
    }

    /// The legend's entry; it names failed points, which have no mark in the plot.
    pub(crate) fn entry(&self, failed: usize, of: usize) -> Entry {
        let label = match failed {
            0 => self.label.clone(),
            _ if failed == of => format!("{} – failed", self.label),
            _ => format!("{} – {failed} of {of} failed", self.label),
        };
        Entry {
            key: Key::Line(self.pen),
            label,
        }
    }

    pub(crate) fn failed(&self) -> usize {
        let failed = self.points.iter().filter(|(_, value)| value.is_failed());
        failed.count()
    }

    /// Every y that will be drawn.
    pub(crate) fn drawn(&self) -> Vec<f64> {
        self.points.iter().flat_map(|(_, y)| y.drawn()).collect()
    }
}
