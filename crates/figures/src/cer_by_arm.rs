//! Character error rate of every arm: one row per arm, one panel per text density.

use std::path::Path;

use plotters::style::RGBColor;

use crate::FigureError;
use crate::axis::{Axis, Direction};
use crate::figure::{self, Figure, Table};
use crate::font::{self, Weight};
use crate::frame::{self, BELOW, Frame};
use crate::legend::{self, Key};
use crate::marker;
use crate::numbers::{Arm, CerScale, Estimate, Reference, require, require_positive};
use crate::scene::{Anchor, Label, Scene};
use crate::style::{
    Dash, MARGIN, MUTED, PAGE_WIDTH, PAPER, Pen, SMALL_EM, STRIPE, TEXT_EM, THIN_WIDTH,
};

const NAME: &str = "CerByArm";
const MAX_LABEL_WIDTH: f64 = 560.0;
const MIN_PLOT_WIDTH: f64 = 420.0;
const LABEL_GAP: f64 = 18.0;
const PANEL_GAP: f64 = 44.0;
const LINE_HEIGHT: f64 = 27.0;
const ROW_PADDING: f64 = 11.0;
const PANEL_TITLE_HEIGHT: f64 = 44.0;

/// How many codes of a vocabulary an arm still uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveCodes {
    /// Codes used at least once on the evaluated set.
    pub used: u64,
    /// Codes in the vocabulary.
    pub total: u64,
}

/// One arm at one density.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CerCell {
    /// Character error rate as a fraction.
    pub cer: Estimate,
    /// Codes used, for arms that pick codes; printed at the right of the row.
    pub codes: Option<LiveCodes>,
}

impl CerCell {
    /// A cell that did not finish: its row says `failed`.
    pub fn failed() -> Self {
        Self {
            cer: Estimate::failed(),
            codes: None,
        }
    }
}

/// The panel of one text density.
#[derive(Clone, Debug, PartialEq)]
pub struct DensityPanel {
    /// Characters per visual token.
    pub density: f64,
    /// One cell per arm, in the order of [`CerByArm::arms`].
    pub cells: Vec<CerCell>,
    /// Levels to compare against, for example PatchMerger and the blind floor.
    pub references: Vec<Reference>,
}

/// A dot plot of character error rates with whiskers: rows are arms, panels are densities.
///
/// Error rates are fractions and are drawn in percent.
#[derive(Clone, Debug, PartialEq)]
pub struct CerByArm {
    /// Headline.
    pub title: String,
    /// Caption under the headline: n, seeds, what the interval is.
    pub subtitle: String,
    /// Scale of the error-rate axis.
    pub scale: CerScale,
    /// The rows, top to bottom.
    pub arms: Vec<Arm>,
    /// The panels, left to right.
    pub panels: Vec<DensityPanel>,
}

impl CerByArm {
    /// Writes `<stem>.svg`, `<stem>.png` and `<stem>.csv`.
    ///
    /// # Errors
    /// If there are no arms or panels, a panel's cells do not match the arms, a density is not
    /// positive, or a file cannot be written.
    pub fn draw(&self, stem: &Path) -> Result<(), FigureError> {
        figure::save(self, stem)
    }

    fn percents(&self) -> Vec<f64> {
        let cells = self.panels.iter().flat_map(|panel| &panel.cells);
        let references = self.panels.iter().flat_map(|panel| &panel.references);
        cells
            .flat_map(|cell| cell.cer.in_percent().drawn())
            .chain(references.map(|reference| reference.cer * 100.0))
            .collect()
    }
}

/// The heading of a panel, for example `2 characters per visual token`.
pub(crate) fn density_title(density: f64) -> String {
    let noun = if density == 1.0 {
        "character"
    } else {
        "characters"
    };
    format!("{density} {noun} per visual token")
}

fn codes_text(codes: LiveCodes) -> String {
    format!("{}/{}", codes.used, codes.total)
}

/// Widths and heights that all panels share, in pixels.
struct Layout {
    labels: Vec<Vec<String>>,
    label_width: f64,
    codes_width: f64,
    plot_width: f64,
    columns: usize,
    row_heights: Vec<f64>,
}

impl Layout {
    fn new(figure: &CerByArm) -> Self {
        let wrap = |arm: &Arm| font::wrap(&arm.label, TEXT_EM, Weight::Regular, MAX_LABEL_WIDTH);
        let labels: Vec<Vec<String>> = figure.arms.iter().map(wrap).collect();
        let widest = labels
            .iter()
            .flatten()
            .map(|line| font::width(line, TEXT_EM, Weight::Regular))
            .fold(0.0, f64::max);
        let codes_width = figure
            .panels
            .iter()
            .flat_map(|panel| &panel.cells)
            .filter_map(|cell| cell.codes)
            .map(|codes| font::width(&codes_text(codes), SMALL_EM, Weight::Regular))
            .fold(0.0, f64::max);
        let codes_width = if codes_width > 0.0 {
            let heading = font::width("codes used", SMALL_EM, Weight::Regular);
            codes_width.max(heading) + 16.0
        } else {
            0.0
        };
        let label_width = widest + LABEL_GAP;
        let available = PAGE_WIDTH - 2.0 * MARGIN - label_width + PANEL_GAP;
        let needed = MIN_PLOT_WIDTH + codes_width + PANEL_GAP;
        let fitting = (available / needed).floor().max(1.0) as usize;
        // Panels that do not fit side by side go into equally full rows.
        let rows = figure.panels.len().div_ceil(fitting);
        let columns = figure.panels.len().div_ceil(rows);
        let plot_width = available / columns as f64 - PANEL_GAP - codes_width;
        let row_heights = labels
            .iter()
            .map(|lines| lines.len() as f64 * LINE_HEIGHT + ROW_PADDING)
            .collect();
        Self {
            labels,
            label_width,
            codes_width,
            plot_width,
            columns,
            row_heights,
        }
    }

    /// The middle of every row, measured from the top of the plot area.
    fn row_middles(&self) -> impl Iterator<Item = f64> + '_ {
        self.row_heights.iter().scan(0.0, |top, height| {
            let middle = *top + height / 2.0;
            *top += height;
            Some(middle)
        })
    }

    fn plot_height(&self) -> f64 {
        self.row_heights.iter().sum()
    }
}

impl Figure for CerByArm {
    fn check(&self) -> Result<(), FigureError> {
        require(&self.arms, NAME, "arms")?;
        require(&self.panels, NAME, "panels (text densities)")?;
        for panel in &self.panels {
            require_positive(panel.density, NAME, "a density")?;
            if panel.cells.len() != self.arms.len() {
                return Err(FigureError::CellCount {
                    figure: NAME,
                    density: panel.density,
                    expected: self.arms.len(),
                    found: panel.cells.len(),
                });
            }
        }
        Ok(())
    }

    fn scene(&self) -> Scene {
        let mut scene = Scene::default();
        let layout = Layout::new(self);
        let percents = self.percents();
        let x = frame::cer_axis(
            self.scale,
            &percents,
            layout.plot_width,
            Direction::Horizontal,
        );
        let mut entries = self.family_entries();
        let mut y = legend::heading(&mut scene, &self.title, &self.subtitle);
        for panels in self.panels.chunks(layout.columns) {
            let top = y + PANEL_TITLE_HEIGHT;
            self.draw_stripes(&mut scene, &layout, top, panels.len());
            for (column, panel) in panels.iter().enumerate() {
                let stride = layout.plot_width + layout.codes_width + PANEL_GAP;
                let frame = Frame {
                    left: MARGIN + layout.label_width + column as f64 * stride,
                    top,
                    x: x.clone(),
                    y: Axis::linear(&[1.0], layout.plot_height(), Direction::Vertical),
                };
                frame.draw_x_grid(&mut scene);
                draw_references(&mut scene, &frame, &panel.references, &mut entries);
                self.draw_panel(&mut scene, &frame, &layout, panel);
            }
            y = top + layout.plot_height() + BELOW;
        }
        scene.height = legend::draw(&mut scene, &entries, y) + MARGIN;
        scene
    }

    fn table(&self) -> Table {
        let mut rows = Vec::new();
        for panel in &self.panels {
            for (arm, cell) in self.arms.iter().zip(&panel.cells) {
                let status = if cell.cer.is_failed() { "failed" } else { "ok" };
                let codes = |pick: fn(LiveCodes) -> u64| {
                    cell.codes
                        .map(|codes| pick(codes).to_string())
                        .unwrap_or_default()
                };
                let [cer, low, high] = cell.cer.fields();
                rows.push(vec![
                    panel.density.to_string(),
                    "arm".to_owned(),
                    arm.label.clone(),
                    arm.family.label().to_owned(),
                    cer,
                    low,
                    high,
                    codes(|codes| codes.used),
                    codes(|codes| codes.total),
                    status.to_owned(),
                ]);
            }
            for reference in &panel.references {
                rows.push(reference_row(panel.density, reference));
            }
        }
        Table {
            header: &[
                "chars_per_token",
                "kind",
                "label",
                "family",
                "cer",
                "cer_low",
                "cer_high",
                "codes_used",
                "codes_total",
                "status",
            ],
            rows,
        }
    }
}

fn reference_row(density: f64, reference: &Reference) -> Vec<String> {
    let estimate = Estimate::exact(reference.cer);
    let status = if estimate.is_failed() { "failed" } else { "ok" };
    let [cer, ..] = estimate.fields();
    let mut row = vec![
        density.to_string(),
        "reference".to_owned(),
        reference.label.clone(),
        reference.family.label().to_owned(),
        cer,
    ];
    row.extend(["", "", "", "", status].map(str::to_owned));
    row
}

impl CerByArm {
    fn family_entries(&self) -> Vec<legend::Entry> {
        let mut families: Vec<_> = self.arms.iter().map(|arm| arm.family).collect();
        families.sort_unstable();
        families.dedup();
        let mut entries = Vec::new();
        for family in families {
            let key = Key::Marker(Pen::of_member(family, 0));
            legend::add_once(&mut entries, key, family.label());
        }
        entries
    }

    /// Row backgrounds and arm labels, which all panels of a row of panels share.
    fn draw_stripes(&self, scene: &mut Scene, layout: &Layout, top: f64, panels: usize) {
        let stride = layout.plot_width + layout.codes_width + PANEL_GAP;
        let right = MARGIN + layout.label_width + panels as f64 * stride - PANEL_GAP;
        for (index, middle) in layout.row_middles().enumerate() {
            let half = layout.row_heights[index] / 2.0;
            let y = top + middle;
            let colour = stripe_colour(index);
            scene.rectangle((MARGIN, y - half), (right, y + half), colour);
            let lines = &layout.labels[index];
            let first = y - (lines.len() - 1) as f64 * LINE_HEIGHT / 2.0;
            for (line, text) in lines.iter().enumerate() {
                let x = MARGIN + layout.label_width - LABEL_GAP;
                let at = (x, first + line as f64 * LINE_HEIGHT);
                scene.text(Label::new(text, at).anchored(Anchor::End));
            }
        }
    }

    fn draw_panel(&self, scene: &mut Scene, frame: &Frame, layout: &Layout, panel: &DensityPanel) {
        let heading_y = frame.top - PANEL_TITLE_HEIGHT / 2.0;
        let heading = density_title(panel.density);
        scene.text(Label::new(heading, (frame.left, heading_y)).bold());
        frame.draw_x(scene, Some("CER (%)"));
        let codes_x = frame.right() + layout.codes_width;
        if layout.codes_width > 0.0 {
            let at = (codes_x, heading_y);
            let label = Label::new("codes used", at).sized(SMALL_EM).coloured(MUTED);
            scene.text(label.anchored(Anchor::End));
        }
        let rows = self.arms.iter().zip(&panel.cells).zip(layout.row_middles());
        for (index, ((arm, cell), middle)) in rows.enumerate() {
            let y = frame.top + middle;
            let pen = Pen::of_member(arm.family, 0);
            let percent = cell.cer.in_percent();
            if let Some(x) = frame.place_x(percent.mean) {
                let ends = percent
                    .interval()
                    .and_then(|(low, high)| Some((frame.place_x(low)?, frame.place_x(high)?)));
                if let Some((low, high)) = ends {
                    marker::whisker(scene, (low, y), (high, y), pen.colour);
                }
                marker::draw(scene, &pen, (x, y));
            } else {
                draw_failed(scene, frame, y, stripe_colour(index));
            }
            if let Some(codes) = cell.codes {
                let label = Label::new(codes_text(codes), (codes_x, y)).sized(SMALL_EM);
                scene.text(label.anchored(Anchor::End));
            }
        }
    }
}

fn stripe_colour(row: usize) -> RGBColor {
    if row.is_multiple_of(2) { STRIPE } else { PAPER }
}

/// The word `failed` where the dot would be, with the lines behind it covered.
fn draw_failed(scene: &mut Scene, frame: &Frame, y: f64, background: RGBColor) {
    let width = font::width("failed", SMALL_EM, Weight::Regular);
    let left = frame.left + frame.x.broken_at().unwrap_or(0.0) + 12.0;
    let (half, pad) = (SMALL_EM * 0.6, 4.0);
    let corner = (left + width + pad, y + half);
    scene.rectangle((left - pad, y - half), corner, background);
    let label = Label::new("failed", (left, y)).sized(SMALL_EM);
    scene.text(label.coloured(MUTED));
}

fn draw_references(
    scene: &mut Scene,
    frame: &Frame,
    references: &[Reference],
    entries: &mut Vec<legend::Entry>,
) {
    for (index, reference) in references.iter().enumerate() {
        let Some(x) = frame.place_x(reference.cer * 100.0) else {
            continue;
        };
        let (colour, dash) = (reference.family.colour(), Dash::of_reference(index));
        scene.line(
            &[(x, frame.top), (x, frame.bottom())],
            THIN_WIDTH,
            colour,
            dash,
        );
        legend::add_once(entries, Key::Rule(colour, dash), &reference.label);
    }
}
