//! Validation error while training.

use std::path::Path;

use crate::FigureError;
use crate::axis::{Axis, Direction};
use crate::figure::{self, Figure, Table};
use crate::frame::{self, BELOW, Frame};
use crate::legend;
use crate::numbers::{Arm, CerScale, Estimate, require};
use crate::scene::Scene;
use crate::series::Series;
use crate::style::{MARGIN, PAGE_WIDTH, Pen};

const NAME: &str = "LearningCurves";
const PLOT_HEIGHT: f64 = 640.0;

/// The validation error at one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LearningPoint {
    /// Training step.
    pub step: u64,
    /// Character error rate as a fraction; the interval is drawn as a band, for example from the
    /// smallest to the largest over seeds.
    pub cer: Estimate,
}

/// One arm's curve.
#[derive(Clone, Debug, PartialEq)]
pub struct LearningCurve {
    /// The arm.
    pub arm: Arm,
    /// Points in rising order of step.
    pub points: Vec<LearningPoint>,
}

/// Validation error rate (percent, base-10 scale) against the training step, with bands.
#[derive(Clone, Debug, PartialEq)]
pub struct LearningCurves {
    /// Headline.
    pub title: String,
    /// Caption under the headline: n, seeds, what the band is.
    pub subtitle: String,
    /// One curve per arm.
    pub curves: Vec<LearningCurve>,
}

impl LearningCurves {
    /// Writes `<stem>.svg`, `<stem>.png` and `<stem>.csv`.
    ///
    /// # Errors
    /// If there are no curves, a curve has no points, or a file cannot be written.
    pub fn draw(&self, stem: &Path) -> Result<(), FigureError> {
        figure::save(self, stem)
    }
}

impl Figure for LearningCurves {
    fn check(&self) -> Result<(), FigureError> {
        require(&self.curves, NAME, "curves (arms)")?;
        for curve in &self.curves {
            require(&curve.points, NAME, "points in one of its curves")?;
        }
        Ok(())
    }

    fn scene(&self) -> Scene {
        let mut scene = Scene::default();
        let pens = Pen::for_families(self.curves.iter().map(|curve| curve.arm.family));
        let series: Vec<Series> = self
            .curves
            .iter()
            .zip(pens)
            .map(|(curve, pen)| Series {
                label: curve.arm.label.clone(),
                pen,
                points: curve
                    .points
                    .iter()
                    .map(|point| (point.step as f64, point.cer.in_percent()))
                    .collect(),
            })
            .collect();
        let percents: Vec<f64> = series.iter().flat_map(Series::drawn).collect();
        let y = frame::cer_axis(CerScale::Log, &percents, PLOT_HEIGHT, Direction::Vertical);
        let left = frame::left_of(&y);
        let points = series.iter().flat_map(|line| &line.points);
        let steps: Vec<f64> = points.map(|point| point.0).collect();
        let width = PAGE_WIDTH - MARGIN - left - 12.0;
        let frame = Frame {
            left,
            top: legend::heading(&mut scene, &self.title, &self.subtitle) + 8.0,
            x: Axis::steps(&steps, width, Direction::Horizontal),
            y,
        };
        frame.draw(
            &mut scene,
            Some("training step"),
            Some("validation CER (%)"),
        );
        for line in &series {
            line.draw_band(&mut scene, &frame);
        }
        for (turn, line) in series.iter().enumerate() {
            line.draw_over_steps(&mut scene, &frame, turn);
        }
        let entries: Vec<_> = series
            .iter()
            .map(|line| line.entry(line.failed(), line.points.len()))
            .collect();
        scene.height = legend::draw(&mut scene, &entries, frame.bottom() + BELOW) + MARGIN;
        scene
    }

    fn table(&self) -> Table {
        let mut rows = Vec::new();
        for curve in &self.curves {
            for point in &curve.points {
                let mut row = vec![curve.arm.label.clone(), point.step.to_string()];
                row.extend(point.cer.fields());
                rows.push(row);
            }
        }
        Table {
            header: &["label", "step", "cer", "cer_low", "cer_high"],
            rows,
        }
    }
}
