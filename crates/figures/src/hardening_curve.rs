//! Character error rate of a soft arm when only the k likeliest words are mixed.

use std::path::Path;

use crate::FigureError;
use crate::cer_by_arm::density_title;
use crate::error_curves::{Curve, CurvePanel, CurvePoint, ErrorCurves};
use crate::figure::{self, Figure, Table};
use crate::numbers::{Arm, CerScale, Estimate, Reference, require, require_positive};
use crate::scene::Scene;
use crate::style::Family;

const NAME: &str = "HardeningCurve";

/// The arm evaluated with k words per token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HardeningPoint {
    /// Words mixed per token, from 1 to K.
    pub k: u64,
    /// Character error rate as a fraction.
    pub cer: Estimate,
}

/// The curve of one vocabulary size.
#[derive(Clone, Debug, PartialEq)]
pub struct HardeningLine {
    /// What is in front of the table, where that is not the patches; lines of one K are told apart by it.
    pub on: Option<String>,
    /// K, the number of words in the table.
    pub words: u64,
    /// Points in rising order of k.
    pub points: Vec<HardeningPoint>,
}

impl HardeningLine {
    fn name(&self) -> String {
        let on = self.on.as_ref();
        let on = on.map_or_else(String::new, |connector| format!(" on {connector}"));
        format!("softmax{on}, K = {}", self.words)
    }
}

/// The curves at one text density.
#[derive(Clone, Debug, PartialEq)]
pub struct HardeningPanel {
    /// Characters per visual token.
    pub density: f64,
    /// One line per vocabulary size.
    pub lines: Vec<HardeningLine>,
    /// Horizontal levels, for example the arm trained hard, or all K words mixed.
    pub references: Vec<Reference>,
}

/// Error rate (percent) against k (base-2 scale), one panel per density, one line per K.
///
/// All panels share both axes, so heights compare across panels.
#[derive(Clone, Debug, PartialEq)]
pub struct HardeningCurve {
    /// Headline.
    pub title: String,
    /// Caption under the headline: n, seeds, what the interval is.
    pub subtitle: String,
    /// Scale of the error-rate axis.
    pub scale: CerScale,
    /// One panel per density.
    pub panels: Vec<HardeningPanel>,
}

impl HardeningCurve {
    /// Writes `<stem>.svg`, `<stem>.png` and `<stem>.csv`.
    ///
    /// # Errors
    /// If there are no panels, a panel has no lines or a line no points, k is 0, a density is not
    /// positive, or a file cannot be written.
    pub fn draw(&self, stem: &Path) -> Result<(), FigureError> {
        figure::save(self, stem)
    }

    /// The same as curves against k, smallest vocabulary first.
    fn curves(&self) -> ErrorCurves {
        let curve = |line: &HardeningLine| Curve {
            arm: Arm::new(line.name(), Family::VetSoft),
            points: line
                .points
                .iter()
                .map(|point| CurvePoint {
                    x: point.k as f64,
                    error: point.cer,
                })
                .collect(),
        };
        let panel = |panel: &HardeningPanel| {
            let mut lines: Vec<&HardeningLine> = panel.lines.iter().collect();
            lines.sort_by_key(|line| line.words);
            CurvePanel {
                title: density_title(panel.density),
                curves: lines.into_iter().map(curve).collect(),
                references: panel.references.clone(),
                bounds: Vec::new(),
            }
        };
        ErrorCurves {
            title: self.title.clone(),
            subtitle: self.subtitle.clone(),
            x_title: "k (words mixed per token)".to_owned(),
            y_title: "CER (%)".to_owned(),
            scale: self.scale,
            panels: self.panels.iter().map(panel).collect(),
        }
    }
}

impl Figure for HardeningCurve {
    fn check(&self) -> Result<(), FigureError> {
        require(&self.panels, NAME, "panels (text densities)")?;
        for panel in &self.panels {
            require_positive(panel.density, NAME, "a density")?;
            require(
                &panel.lines,
                NAME,
                "lines (vocabulary sizes) in one of its panels",
            )?;
            for line in &panel.lines {
                require(&line.points, NAME, "points in one of its lines")?;
                for point in &line.points {
                    require_positive(point.k as f64, NAME, "k")?;
                }
            }
        }
        Ok(())
    }

    fn scene(&self) -> Scene {
        self.curves().scene()
    }

    fn table(&self) -> Table {
        let mut rows = Vec::new();
        for panel in &self.panels {
            let density = panel.density.to_string();
            for line in &panel.lines {
                for point in &line.points {
                    let mut row = vec![
                        density.clone(),
                        "curve".to_owned(),
                        line.name(),
                        line.words.to_string(),
                        point.k.to_string(),
                    ];
                    row.extend(point.cer.fields());
                    rows.push(row);
                }
            }
            for reference in &panel.references {
                let mut row = vec![density.clone(), "reference".to_owned()];
                row.extend([reference.label.clone(), String::new(), String::new()]);
                let [cer, ..] = Estimate::exact(reference.cer).fields();
                row.extend([cer, String::new(), String::new()]);
                rows.push(row);
            }
        }
        Table {
            header: &[
                "chars_per_token",
                "kind",
                "label",
                "words",
                "k",
                "cer",
                "cer_low",
                "cer_high",
            ],
            rows,
        }
    }
}
