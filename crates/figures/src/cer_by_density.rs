//! Character error rate against text density, with the capacity of each vocabulary marked.

use std::path::Path;

use crate::FigureError;
use crate::axis::{Axis, Direction};
use crate::figure::{self, Figure, Table};
use crate::font::{self, Weight};
use crate::frame::{self, BELOW, Frame};
use crate::legend::{self, Key};
use crate::numbers::{Arm, CerScale, Estimate, require, require_positive};
use crate::scene::{Label, Scene};
use crate::series::Series;
use crate::style::{Dash, INK, MARGIN, MUTED, PAGE_WIDTH, Pen, SMALL_EM, THIN_WIDTH};

const NAME: &str = "CerByDensity";
const PLOT_HEIGHT: f64 = 620.0;
const FLAG_HEIGHT: f64 = 29.0;
/// Neighbouring arms are drawn this far apart, so that their whiskers stay apart; all arms
/// together stay within [`SHIFT_RANGE`]. Pixels.
const SHIFT: f64 = 6.0;
const SHIFT_RANGE: f64 = 60.0;
/// Space between the first and last density and the ends of the x axis. Pixels.
const X_ROOM: f64 = SHIFT_RANGE / 2.0 + 16.0;

/// One arm at one density.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DensityPoint {
    /// Characters per visual token.
    pub density: f64,
    /// Character error rate as a fraction.
    pub cer: Estimate,
}

/// One arm's line.
#[derive(Clone, Debug, PartialEq)]
pub struct DensityLine {
    /// The arm.
    pub arm: Arm,
    /// Its points in rising order of density.
    pub points: Vec<DensityPoint>,
}

/// A vocabulary and an alphabet: one token of K words can name at most `log2(K) / log2(A)`
/// characters of an alphabet of A.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// K, at least 2.
    pub words: u64,
    /// A, at least 2.
    pub alphabet: u64,
}

impl Capacity {
    /// Characters per visual token that a token can carry.
    pub fn density(&self) -> f64 {
        (self.words as f64).log2() / (self.alphabet as f64).log2()
    }
}

/// A lower bound on the error rate as a curve over density, for example Fano's.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// What it bounds, for the legend.
    pub label: String,
    /// `(characters per visual token, CER as a fraction)` in rising order of density. On a
    /// logarithmic scale the part at 0 is not drawn.
    pub points: Vec<(f64, f64)>,
}

/// Error rate (percent) against characters per visual token (base-2 scale), one line per arm.
///
/// Arms are drawn a few pixels apart sideways so that whiskers at one density stay readable.
#[derive(Clone, Debug, PartialEq)]
pub struct CerByDensity {
    /// Headline.
    pub title: String,
    /// Caption under the headline: n, seeds, what the interval is.
    pub subtitle: String,
    /// Scale of the error-rate axis.
    pub scale: CerScale,
    /// One line per arm.
    pub lines: Vec<DensityLine>,
    /// Vertical dashed lines at `log2(K) / log2(A)`.
    pub capacities: Vec<Capacity>,
    /// Lower bounds; may be empty.
    pub bounds: Vec<Bound>,
}

impl CerByDensity {
    /// Writes `<stem>.svg`, `<stem>.png` and `<stem>.csv`.
    ///
    /// # Errors
    /// If there are no lines or a line has no points, a density is not positive, a capacity's K or
    /// A is below 2, or a file cannot be written.
    pub fn draw(&self, stem: &Path) -> Result<(), FigureError> {
        figure::save(self, stem)
    }

    fn series(&self) -> Vec<Series> {
        let pens = Pen::for_families(self.lines.iter().map(|line| line.arm.family));
        self.lines
            .iter()
            .zip(pens)
            .map(|(line, pen)| Series {
                label: line.arm.label.clone(),
                pen,
                points: line
                    .points
                    .iter()
                    .map(|point| (point.density, point.cer.in_percent()))
                    .collect(),
            })
            .collect()
    }

    /// Capacities from left to right with the texts of their flags.
    fn flags(&self) -> Vec<(f64, String)> {
        let mut capacities = self.capacities.clone();
        capacities.sort_by(|a, b| a.density().total_cmp(&b.density()));
        capacities.dedup();
        let shared = self.shared_alphabet();
        let text = |capacity: &Capacity| {
            let Capacity { words, alphabet } = capacity;
            match shared {
                Some(_) => format!("K = {words}: {:.2}", capacity.density()),
                None => format!("K = {words}, A = {alphabet}: {:.2}", capacity.density()),
            }
        };
        capacities
            .iter()
            .map(|capacity| (capacity.density(), text(capacity)))
            .collect()
    }

    /// A, if all capacities have the same.
    fn shared_alphabet(&self) -> Option<u64> {
        let first = self.capacities.first()?.alphabet;
        let shared = self.capacities.iter().all(|other| other.alphabet == first);
        shared.then_some(first)
    }
}

impl Figure for CerByDensity {
    fn check(&self) -> Result<(), FigureError> {
        require(&self.lines, NAME, "lines (arms)")?;
        for line in &self.lines {
            require(&line.points, NAME, "points in one of its lines")?;
            for point in &line.points {
                require_positive(point.density, NAME, "a density")?;
            }
        }
        for capacity in &self.capacities {
            for (name, count) in [
                ("the vocabulary of a capacity", capacity.words),
                ("the alphabet of a capacity", capacity.alphabet),
            ] {
                if count < 2 {
                    return Err(FigureError::Position {
                        figure: NAME,
                        name,
                        value: count as f64,
                        expected: "at least 2",
                    });
                }
            }
        }
        Ok(())
    }

    fn scene(&self) -> Scene {
        let mut scene = Scene::default();
        let series = self.series();
        let flags = self.flags();

        let mut percents: Vec<f64> = series.iter().flat_map(Series::drawn).collect();
        let floor = percents
            .iter()
            .copied()
            .filter(|&y| y > 0.0)
            .reduce(f64::min);
        let bounds = self.bounds.iter().flat_map(|bound| &bound.points);
        percents.extend(
            bounds
                .map(|(_, cer)| cer * 100.0)
                .filter(|&y| Some(y) > floor),
        );
        let y = frame::cer_axis(self.scale, &percents, PLOT_HEIGHT, Direction::Vertical);

        let mut densities: Vec<f64> = flags.iter().map(|(density, _)| *density).collect();
        densities.extend(
            series
                .iter()
                .flat_map(|line| &line.points)
                .map(|point| point.0),
        );
        let left = frame::left_of(&y);
        let x = x_axis(&densities, &flags, left);

        let rows = flag_rows(&x, &flags);
        let flag_room = rows
            .iter()
            .max()
            .map_or(0.0, |row| (row + 1) as f64 * FLAG_HEIGHT);
        let top = legend::heading(&mut scene, &self.title, &self.subtitle) + flag_room + 14.0;
        let frame = Frame { left, top, x, y };
        let x_title = "text density (characters per visual token)";
        frame.draw(&mut scene, Some(x_title), Some("CER (%)"));

        for ((density, text), row) in flags.iter().zip(&rows) {
            draw_flag(&mut scene, &frame, *density, text, *row);
        }
        let mut entries = Vec::new();
        for (index, bound) in self.bounds.iter().enumerate() {
            let points: Vec<_> = bound
                .points
                .iter()
                .filter(|(_, cer)| self.scale == CerScale::Linear || *cer > 0.0)
                .filter_map(|(density, cer)| frame.at(*density, cer * 100.0))
                .collect();
            let dash = Dash::of_reference(index + 1);
            scene.line(&points, THIN_WIDTH + 1.0, INK, dash);
            legend::add_once(&mut entries, Key::Rule(INK, dash), &bound.label);
        }
        let step = SHIFT.min(SHIFT_RANGE / series.len() as f64);
        for (index, line) in series.iter().enumerate() {
            let shift = (index as f64 - (series.len() - 1) as f64 / 2.0) * step;
            line.draw_with_whiskers(&mut scene, &frame, |_| shift);
        }
        let arms = series
            .iter()
            .map(|line| line.entry(line.failed(), line.points.len()));
        entries.splice(0..0, arms);
        if !flags.is_empty() {
            let mut label = "capacity of one token: log₂ K / log₂ A".to_owned();
            if let Some(alphabet) = self.shared_alphabet() {
                label += &format!(", A = {alphabet}");
            }
            legend::add_once(&mut entries, Key::Rule(MUTED, Dash::Short), &label);
        }
        scene.height = legend::draw(&mut scene, &entries, frame.bottom() + BELOW) + MARGIN;
        scene
    }

    fn table(&self) -> Table {
        let row = |kind: &str, label: &str, density: f64, cer: &Estimate| {
            let mut row = vec![kind.to_owned(), label.to_owned(), density.to_string()];
            row.extend(cer.fields());
            row
        };
        let mut rows = Vec::new();
        for line in &self.lines {
            for point in &line.points {
                rows.push(row("arm", &line.arm.label, point.density, &point.cer));
            }
        }
        for (density, text) in self.flags() {
            rows.push(row("capacity", &text, density, &Estimate::failed()));
        }
        for bound in &self.bounds {
            for (density, cer) in &bound.points {
                if density.is_finite() {
                    rows.push(row("bound", &bound.label, *density, &Estimate::exact(*cer)));
                }
            }
        }
        Table {
            header: &[
                "kind",
                "label",
                "chars_per_token",
                "cer",
                "cer_low",
                "cer_high",
            ],
            rows,
        }
    }
}

fn flag_width(text: &str) -> f64 {
    font::width(text, SMALL_EM, Weight::Regular) + 14.0
}

/// The x axis, as long as the page allows with every flag still on the page.
fn x_axis(densities: &[f64], flags: &[(f64, String)], left: f64) -> Axis {
    let end = PAGE_WIDTH - MARGIN;
    let longest = end - left;
    let axis = Axis::log2(densities, X_ROOM, longest, Direction::Horizontal);
    let length = flags
        .iter()
        .filter_map(|(density, text)| {
            let share = axis.place(*density)? / longest;
            Some((longest - flag_width(text)) / share.max(0.05))
        })
        .fold(longest - 20.0, f64::min);
    Axis::log2(densities, X_ROOM, length, Direction::Horizontal)
}

/// Rows of the flags above the plot, 0 the lowest. A flag stands right of its line; it goes above
/// every flag further right whose line it would cross.
fn flag_rows(x: &Axis, flags: &[(f64, String)]) -> Vec<usize> {
    let places: Vec<f64> = flags
        .iter()
        .map(|flag| x.place(flag.0).unwrap_or(0.0))
        .collect();
    let mut rows = vec![0; flags.len()];
    for index in (0..flags.len()).rev() {
        let end = places[index] + flag_width(&flags[index].1);
        rows[index] = (index + 1..flags.len())
            .filter(|&other| places[other] < end + 8.0)
            .map(|other| rows[other] + 1)
            .max()
            .unwrap_or(0);
    }
    rows
}

fn draw_flag(scene: &mut Scene, frame: &Frame, density: f64, text: &str, row: usize) {
    let Some(x) = frame.place_x(density) else {
        return;
    };
    let middle = frame.top - (row as f64 + 0.5) * FLAG_HEIGHT;
    let pole = [(x, frame.bottom()), (x, middle - SMALL_EM / 2.0)];
    scene.line(&pole, THIN_WIDTH, MUTED, Dash::Short);
    scene.text(
        Label::new(text, (x + 8.0, middle))
            .sized(SMALL_EM)
            .coloured(MUTED),
    );
}
