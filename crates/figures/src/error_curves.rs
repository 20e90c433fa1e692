//! Error rates against any quantity: bits per token, size of the vocabulary, training images.

use std::path::Path;

use crate::FigureError;
use crate::axis::{Axis, Direction};
use crate::figure::{self, Figure, Table};
use crate::frame::{self, BELOW, Frame};
use crate::legend::{self, Entry, Key};
use crate::numbers::{Arm, CerScale, Estimate, Reference, require, require_positive};
use crate::scene::{Label, Scene};
use crate::series::Series;
use crate::style::{Dash, Family, INK, LINE_WIDTH, MARGIN, PAGE_WIDTH, Pen, THIN_WIDTH};

const NAME: &str = "ErrorCurves";
const PLOT_HEIGHT: f64 = 560.0;
const PANEL_GAP: f64 = 48.0;
const PANEL_TITLE_HEIGHT: f64 = 44.0;
const MAX_COLUMNS: usize = 3;
/// Pixels between the whiskers of neighbouring curves at one x.
const SHIFT: f64 = 3.0;
/// Space in pixels between the first and last point and the ends of the x axis.
const X_ROOM: f64 = 22.0;

/// A measured point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvePoint {
    /// Where it stands; above 0.
    pub x: f64,
    /// Error rate as a fraction.
    pub error: Estimate,
}

/// The points of one arm or kind of arm, in rising order of x.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Its name and colour; curves of one name in several panels look the same.
    pub arm: Arm,
    /// The points.
    pub points: Vec<CurvePoint>,
}

/// A computed line that no measurement may cross, drawn black and without markers.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundCurve {
    /// What it is, for the legend.
    pub label: String,
    /// `(x, error rate)` in rising order of x.
    pub points: Vec<(f64, f64)>,
}

/// One plot of the figure.
#[derive(Clone, Debug, PartialEq)]
pub struct CurvePanel {
    /// Its heading.
    pub title: String,
    /// The curves.
    pub curves: Vec<Curve>,
    /// Horizontal levels.
    pub references: Vec<Reference>,
    /// Computed lines.
    pub bounds: Vec<BoundCurve>,
}

/// Error rate (percent) against a quantity on a base-2 scale, in panels that share both axes.
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorCurves {
    /// Headline.
    pub title: String,
    /// Caption under the headline: n, seeds, what the interval is.
    pub subtitle: String,
    /// What x is, with its unit.
    pub x_title: String,
    /// What y is, with its unit: percent.
    pub y_title: String,
    /// Scale of the error axis.
    pub scale: CerScale,
    /// The plots.
    pub panels: Vec<CurvePanel>,
}

impl ErrorCurves {
    /// Columns of `<stem>.csv`, a row per point, level and place of a bound.
    pub const COLUMNS: [&str; 7] = [
        "panel",
        "kind",
        "label",
        "x",
        "error",
        "error_low",
        "error_high",
    ];

    /// Writes `<stem>.svg`, `<stem>.png` and `<stem>.csv`.
    ///
    /// # Errors
    /// If there are no panels, a panel has no curves or a curve no points, an x is not positive, or
    /// a file cannot be written.
    pub fn draw(&self, stem: &Path) -> Result<(), FigureError> {
        figure::save(self, stem)
    }

    /// The content of `<stem>.csv`.
    ///
    /// # Errors
    /// If the numbers do not fit into a table.
    pub fn csv(&self) -> Result<Vec<u8>, FigureError> {
        figure::csv_bytes(&self.table())
    }

    /// The arms of all panels, each once, in the order in which they come.
    fn arms(&self) -> Vec<&Arm> {
        let mut arms: Vec<&Arm> = Vec::new();
        for curve in self.panels.iter().flat_map(|panel| &panel.curves) {
            if !arms.contains(&&curve.arm) {
                arms.push(&curve.arm);
            }
        }
        arms
    }

    /// Every curve with the pen that its arm has throughout.
    fn series(&self, panel: &CurvePanel) -> Vec<Series> {
        let arms = self.arms();
        let family = arms.first().map(|arm| arm.family);
        let pens: Vec<Pen> = match family {
            // Members of one family have its colour in common; then markers tell them apart.
            Some(family) if arms.iter().all(|arm| arm.family == family) => (0..arms.len())
                .map(|index| Pen::of_vocabulary(family, index))
                .collect(),
            _ => Pen::for_families(arms.iter().map(|arm| arm.family)),
        };
        let pen_of = |arm: &Arm| {
            let found = arms.iter().position(|other| *other == arm);
            let pen = found.map_or(Pen::of_member(arm.family, 0), |index| pens[index]);
            let earlier = arms[..found.unwrap_or(0)].iter();
            match self.is_points(arm) {
                // Without a line, the dash cannot tell members of a family apart.
                true => pen.shifted(earlier.filter(|other| other.family == arm.family).count()),
                false => pen,
            }
        };
        panel
            .curves
            .iter()
            .map(|curve| Series {
                label: curve.arm.label.clone(),
                pen: pen_of(&curve.arm),
                points: curve
                    .points
                    .iter()
                    .map(|point| (point.x, point.error.in_percent()))
                    .collect(),
            })
            .collect()
    }

    /// Whether every curve of an arm is a single point.
    fn is_points(&self, arm: &Arm) -> bool {
        let curves = self.panels.iter().flat_map(|panel| &panel.curves);
        let mut of_arm = curves.filter(|curve| curve.arm == *arm);
        of_arm.all(|curve| curve.points.len() == 1)
    }

    /// One entry per arm, counting the failed points of all panels.
    fn entries(&self) -> Vec<Entry> {
        let all: Vec<Series> = self
            .panels
            .iter()
            .flat_map(|panel| self.series(panel))
            .collect();
        let entry = |arm: &Arm| {
            let of_arm = || all.iter().filter(|series| series.label == arm.label);
            let failed = of_arm().map(Series::failed).sum();
            let points = of_arm().map(|series| series.points.len()).sum();
            let is_curve = of_arm().any(|series| series.points.len() > 1);
            let entry = of_arm().next()?.entry(failed, points);
            Some(match entry.key {
                // Single points have no line that the legend could show.
                Key::Line(pen) if !is_curve => Entry {
                    key: Key::Marker(pen),
                    ..entry
                },
                Key::Line(_) | Key::Marker(_) | Key::Rule(..) => entry,
            })
        };
        self.arms().into_iter().filter_map(entry).collect()
    }
}

impl Figure for ErrorCurves {
    fn check(&self) -> Result<(), FigureError> {
        require(&self.panels, NAME, "panels")?;
        for panel in &self.panels {
            require(&panel.curves, NAME, "curves in one of its panels")?;
            for curve in &panel.curves {
                require(&curve.points, NAME, "points in one of its curves")?;
                for point in &curve.points {
                    require_positive(point.x, NAME, "an x")?;
                }
            }
            for (x, _) in panel.bounds.iter().flat_map(|bound| &bound.points) {
                require_positive(*x, NAME, "an x of a bound")?;
            }
        }
        Ok(())
    }

    fn scene(&self) -> Scene {
        let mut scene = Scene::default();
        let rows = self.panels.len().div_ceil(MAX_COLUMNS);
        let columns = self.panels.len().div_ceil(rows);
        let (mut percents, mut places) = (Vec::new(), Vec::new());
        for panel in &self.panels {
            for series in self.series(panel) {
                percents.extend(series.drawn());
                places.extend(series.points.iter().map(|point| point.0));
            }
            percents.extend(panel.references.iter().map(|line| line.cer * 100.0));
        }
        let y_axis = frame::cer_axis(self.scale, &percents, PLOT_HEIGHT, Direction::Vertical);
        let left = frame::left_of(&y_axis);
        let stride = (PAGE_WIDTH - MARGIN - left + PANEL_GAP - 10.0) / columns as f64;
        let x_axis = Axis::log2(&places, X_ROOM, stride - PANEL_GAP, Direction::Horizontal);

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
                scene.text(Label::new(&panel.title, at).bold());
                let y_title = (column == 0).then_some(self.y_title.as_str());
                frame.draw(&mut scene, Some(&self.x_title), y_title);
                draw_levels(&mut scene, &frame, panel, &mut entries);
                let series = self.series(panel);
                for (index, line) in series.iter().enumerate() {
                    let shift = |x| sideways(&series, index, x);
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
            let mut add = |kind: &str, label: &str, x: String, error: Estimate| {
                let mut row = vec![panel.title.clone(), kind.to_owned(), label.to_owned(), x];
                row.extend(error.fields());
                rows.push(row);
            };
            for curve in &panel.curves {
                for point in &curve.points {
                    add("curve", &curve.arm.label, point.x.to_string(), point.error);
                }
            }
            for reference in &panel.references {
                let level = Estimate::exact(reference.cer);
                add("reference", &reference.label, String::new(), level);
            }
            for bound in &panel.bounds {
                for (x, error) in &bound.points {
                    add(
                        "bound",
                        &bound.label,
                        x.to_string(),
                        Estimate::exact(*error),
                    );
                }
            }
        }
        Table {
            header: &Self::COLUMNS,
            rows,
        }
    }
}

/// Pixels by which the point of curve `index` at `x` moves: x is a measured quantity here, so that only
/// curves with a point at the very same x make room for each other.
fn sideways(series: &[Series], index: usize, x: f64) -> f64 {
    let at_x = |line: &&Series| line.points.iter().any(|(other, _)| *other == x);
    let before = series[..index].iter().filter(at_x).count();
    let all = series.iter().filter(at_x).count();
    (before as f64 - (all as f64 - 1.0) / 2.0) * SHIFT
}

/// Reference levels and bounds, with their entries in the legend.
fn draw_levels(scene: &mut Scene, frame: &Frame, panel: &CurvePanel, entries: &mut Vec<Entry>) {
    for (index, reference) in panel.references.iter().enumerate() {
        let Some(y) = frame.place_y(reference.cer * 100.0) else {
            continue;
        };
        let earlier = panel.references[..index].iter();
        let of_family = earlier.filter(|other| other.family == reference.family);
        let dash = Dash::of_reference(of_family.count());
        let colour = reference.family.colour();
        let ends = [(frame.left, y), (frame.right(), y)];
        scene.line(&ends, THIN_WIDTH, colour, dash);
        legend::add_once(entries, Key::Rule(colour, dash), &reference.label);
    }
    for (index, bound) in panel.bounds.iter().enumerate() {
        // Levels of the ceiling are as black as bounds.
        let levels = panel.references.iter();
        let black = levels.filter(|level| level.family == Family::Ceiling);
        let dash = Dash::of_reference(black.count() + index);
        let places = bound.points.iter();
        let line: Vec<_> = places
            .filter_map(|(x, error)| frame.at(*x, error * 100.0))
            .collect();
        if line.len() > 1 {
            scene.line(&line, LINE_WIDTH, INK, dash);
            legend::add_once(entries, Key::Rule(INK, dash), &bound.label);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_points_at_one_x_make_room_for_each_other() {
        let line = |places: &[f64]| Series {
            label: String::new(),
            pen: Pen::of_member(Family::VetHard, 0),
            points: places.iter().map(|x| (*x, Estimate::exact(10.0))).collect(),
        };
        let series = [line(&[4.0, 8.0]), line(&[8.0, 12.0]), line(&[8.0])];
        assert_eq!(sideways(&series, 0, 4.0), 0.0);
        assert_eq!(sideways(&series, 1, 12.0), 0.0);
        let spread = [0, 1, 2].map(|index| sideways(&series, index, 8.0));
        assert_eq!(spread, [-SHIFT, 0.0, SHIFT]);
    }

    #[test]
    fn points_of_one_family_have_markers_of_their_own() {
        let curve = |name: &str, places: &[f64]| Curve {
            arm: Arm::new(name, Family::Codebook),
            points: places
                .iter()
                .map(|&x| CurvePoint {
                    x,
                    error: Estimate::exact(0.1),
                })
                .collect(),
        };
        let other = Curve {
            arm: Arm::new("hard", Family::VetHard),
            points: vec![CurvePoint {
                x: 4.0,
                error: Estimate::exact(0.2),
            }],
        };
        let figure = ErrorCurves {
            title: String::new(),
            subtitle: String::new(),
            x_title: String::new(),
            y_title: String::new(),
            scale: CerScale::Linear,
            panels: vec![CurvePanel {
                title: String::new(),
                curves: vec![
                    other,
                    curve("a", &[1.0]),
                    curve("b", &[2.0]),
                    curve("c", &[3.0]),
                ],
                references: Vec::new(),
                bounds: Vec::new(),
            }],
        };
        let series = figure.series(&figure.panels[0]);
        let marks: Vec<_> = series[1..]
            .iter()
            .map(|line| (line.pen.shape, line.pen.hollow))
            .collect();
        for (index, mark) in marks.iter().enumerate() {
            assert!(!marks[..index].contains(mark), "{marks:?}");
        }
    }

    #[test]
    fn the_legend_shows_lines_only_where_there_are_some() {
        let curve = |name: &str, places: &[f64]| Curve {
            arm: Arm::new(name, Family::VetHard),
            points: places
                .iter()
                .map(|x| CurvePoint {
                    x: *x,
                    error: Estimate::exact(0.1),
                })
                .collect(),
        };
        let panel = |curves| CurvePanel {
            title: String::new(),
            curves,
            references: Vec::new(),
            bounds: Vec::new(),
        };
        let figure = ErrorCurves {
            title: String::new(),
            subtitle: String::new(),
            x_title: String::new(),
            y_title: String::new(),
            scale: CerScale::Linear,
            panels: vec![
                panel(vec![
                    curve("point", &[1.0]),
                    curve("elsewhere a line", &[2.0]),
                ]),
                panel(vec![curve("elsewhere a line", &[1.0, 2.0])]),
            ],
        };
        let keys: Vec<Key> = figure
            .entries()
            .into_iter()
            .map(|entry| entry.key)
            .collect();
        assert!(
            matches!(keys[..], [Key::Marker(_), Key::Line(_)]),
            "{keys:?}"
        );
    }
}
