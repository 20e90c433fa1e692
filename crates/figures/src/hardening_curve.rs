//! Character error rate of a soft arm when only the k likeliest words are mixed.

use std::path::Path;

use crate::FigureError;
use crate::axis::{Axis, Direction};
use crate::cer_by_arm::density_title;
use crate::figure::{self, Figure, Table};
use crate::frame::{self, BELOW, Frame};
use crate::legend::{self, Entry, Key};
use crate::numbers::{CerScale, Estimate, Reference, require, require_positive};
use crate::scene::{Label, Scene};
use crate::series::Series;
use crate::style::{Dash, Family, MARGIN, PAGE_WIDTH, Pen, THIN_WIDTH};

const NAME: &str = "HardeningCurve";
const PLOT_HEIGHT: f64 = 560.0;
const PANEL_GAP: f64 = 48.0;
const PANEL_TITLE_HEIGHT: f64 = 44.0;
const MAX_COLUMNS: usize = 3;
const SHIFT: f64 = 4.0;
/// Space in pixels between the first and last point and the ends of the x axis.
const X_ROOM: f64 = 22.0;

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
    /// K, the number of words in the table.
    pub words: u64,
    /// Points in rising order of k.
    pub points: Vec<HardeningPoint>,
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

    /// The vocabulary sizes of all panels, smallest first; a size has one pen throughout.
    fn vocabularies(&self) -> Vec<u64> {
        let lines = self.panels.iter().flat_map(|panel| &panel.lines);
        let mut words: Vec<u64> = lines.map(|line| line.words).collect();
        words.sort_unstable();
        words.dedup();
        words
    }

    fn series(&self, panel: &HardeningPanel) -> Vec<Series> {
        let vocabularies = self.vocabularies();
        panel
            .lines
            .iter()
            .map(|line| {
                let index = vocabularies.partition_point(|&words| words < line.words);
                Series {
                    label: format!("softmax, K = {}", line.words),
                    pen: Pen::of_vocabulary(Family::VetSoft, index),
                    points: line
                        .points
                        .iter()
                        .map(|point| (point.k as f64, point.cer.in_percent()))
                        .collect(),
                }
            })
            .collect()
    }

    /// One entry per vocabulary size, counting the failed points of all panels.
    fn entries(&self) -> Vec<Entry> {
        let all: Vec<Series> = self
            .panels
            .iter()
            .flat_map(|panel| self.series(panel))
            .collect();
        let mut entries = Vec::new();
        for words in self.vocabularies() {
            let label = format!("softmax, K = {words}");
            let of_size = || all.iter().filter(|series| series.label == label);
            let failed = of_size().map(Series::failed).sum();
            let points = of_size().map(|series| series.points.len()).sum();
            entries.extend(of_size().next().map(|series| series.entry(failed, points)));
        }
        entries
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
        let mut scene = Scene::default();
        let rows = self.panels.len().div_ceil(MAX_COLUMNS);
        let columns = self.panels.len().div_ceil(rows);
        let mut percents = Vec::new();
        let mut counts = Vec::new();
        for panel in &self.panels {
            for series in self.series(panel) {
                percents.extend(series.drawn());
                counts.extend(series.points.iter().map(|point| point.0));
            }
            percents.extend(panel.references.iter().map(|line| line.cer * 100.0));
        }
        let y_axis = frame::cer_axis(self.scale, &percents, PLOT_HEIGHT, Direction::Vertical);
        let left = frame::left_of(&y_axis);
        let stride = (PAGE_WIDTH - MARGIN - left + PANEL_GAP - 10.0) / columns as f64;
        let x_axis = Axis::log2(&counts, X_ROOM, stride - PANEL_GAP, Direction::Horizontal);

        let mut entries = self.entries();
        let mut y = legend::heading(&mut scene, &self.title, &self.subtitle);
        for panels in self.panels.chunks(columns) {
            for (column, panel) in panels.iter().enumerate() {
                let frame = Frame {
                    left: left + column as f64 * stride,
                    top: y + PANEL_TITLE_HEIGHT,
                    x: x_axis.clone(),
                    y: y_axis.clone(),
                };
                let at = (frame.left, y + PANEL_TITLE_HEIGHT / 2.0);
                scene.text(Label::new(density_title(panel.density), at).bold());
                let y_title = (column == 0).then_some("CER (%)");
                frame.draw(&mut scene, Some("k (words mixed per token)"), y_title);
                draw_references(&mut scene, &frame, &panel.references, &mut entries);
                let series = self.series(panel);
                for (index, line) in series.iter().enumerate() {
                    let shift = (index as f64 - (series.len() - 1) as f64 / 2.0) * SHIFT;
                    line.draw_with_whiskers(&mut scene, &frame, shift);
                }
            }
            y += PANEL_TITLE_HEIGHT + PLOT_HEIGHT + BELOW;
        }
        scene.height = legend::draw(&mut scene, &entries, y) + MARGIN;
        scene
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
                        format!("softmax, K = {}", line.words),
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

fn draw_references(
    scene: &mut Scene,
    frame: &Frame,
    references: &[Reference],
    entries: &mut Vec<Entry>,
) {
    for (index, reference) in references.iter().enumerate() {
        let Some(y) = frame.place_y(reference.cer * 100.0) else {
            continue;
        };
        let (colour, dash) = (reference.family.colour(), Dash::of_reference(index));
        scene.line(
            &[(frame.left, y), (frame.right(), y)],
            THIN_WIDTH,
            colour,
            dash,
        );
        legend::add_once(entries, Key::Rule(colour, dash), &reference.label);
    }
}
