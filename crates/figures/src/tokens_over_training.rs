//! Token entropy and codes used while training, in two panels over one axis of steps.

use std::path::Path;

use crate::FigureError;
use crate::axis::{Axis, Direction};
use crate::figure::{self, Figure, Table};
use crate::font::{self, Weight};
use crate::frame::{self, BELOW, BELOW_BARE, Frame, spread};
use crate::legend;
use crate::numbers::{Arm, Estimate, require};
use crate::scene::{Label, Scene};
use crate::series::Series;
use crate::style::{Dash, MARGIN, MUTED, PAGE_WIDTH, Pen, SMALL_EM, THIN_WIDTH};

const NAME: &str = "TokensOverTraining";
const PANEL_HEIGHT: f64 = 370.0;
const MARK_GAP: f64 = 10.0;
const LEADER: f64 = 26.0;
/// Space in pixels above and below the codes, so that markers at the ends stay inside.
const Y_ROOM: f64 = 14.0;

/// The state of an arm's tokens at one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TokenPoint {
    /// Training step, 0 before the first update.
    pub step: u64,
    /// Mean entropy of a token's distribution in bits; not finite means failed.
    pub entropy_bits: f64,
    /// Codes used at least once, possibly a mean over seeds; not finite means failed. None where tokens
    /// mix words: nothing reads a code then.
    pub codes_used: Option<f64>,
}

/// One arm's trace.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenTrace {
    /// The arm.
    pub arm: Arm,
    /// Points in rising order of step, from step 0.
    pub points: Vec<TokenPoint>,
}

/// Mean token entropy (bits) above, codes used (base-2 scale) below, against the training step. Without
/// codes there is no panel below.
#[derive(Clone, Debug, PartialEq)]
pub struct TokensOverTraining {
    /// Headline.
    pub title: String,
    /// Caption under the headline: n, seeds, what is averaged.
    pub subtitle: String,
    /// One trace per arm.
    pub traces: Vec<TokenTrace>,
    /// Vocabulary sizes K: marked at log2 K bits above and at K codes below.
    pub vocabularies: Vec<u64>,
}

impl TokensOverTraining {
    /// Writes `<stem>.svg`, `<stem>.png` and `<stem>.csv`.
    ///
    /// # Errors
    /// If there are no traces or a trace has no points, a vocabulary is empty, or a file cannot be
    /// written.
    pub fn draw(&self, stem: &Path) -> Result<(), FigureError> {
        figure::save(self, stem)
    }

    fn series(&self, value: impl Fn(&TokenPoint) -> Option<f64>) -> Vec<Series> {
        let pens = Pen::for_families(self.traces.iter().map(|trace| trace.arm.family));
        self.traces
            .iter()
            .zip(pens)
            .map(|(trace, pen)| Series {
                label: trace.arm.label.clone(),
                pen,
                points: trace
                    .points
                    .iter()
                    .filter_map(|point| Some((point.step as f64, Estimate::exact(value(point)?))))
                    .collect(),
            })
            .collect()
    }

    fn sizes(&self) -> Vec<f64> {
        let mut sizes = self.vocabularies.clone();
        sizes.sort_unstable();
        sizes.dedup();
        sizes.into_iter().map(|words| words as f64).collect()
    }
}

impl Figure for TokensOverTraining {
    fn check(&self) -> Result<(), FigureError> {
        require(&self.traces, NAME, "traces (arms)")?;
        for trace in &self.traces {
            require(&trace.points, NAME, "points in one of its traces")?;
        }
        if self.vocabularies.contains(&0) {
            return Err(FigureError::Position {
                figure: NAME,
                name: "a vocabulary size",
                value: 0.0,
                expected: "at least 1",
            });
        }
        Ok(())
    }

    fn scene(&self) -> Scene {
        let mut scene = Scene::default();
        let entropies = self.series(|point| Some(point.entropy_bits));
        let codes = self.series(|point| point.codes_used);
        let counted = codes.iter().any(|series| !series.points.is_empty());
        let sizes = self.sizes();
        let bits: Vec<(f64, String)> = sizes
            .iter()
            .map(|words| (words.log2(), format!("log₂ {words}")))
            .collect();
        let counts: Vec<(f64, String)> = sizes
            .iter()
            .map(|words| (*words, format!("K = {words}")))
            .collect();

        let values = |series: &[Series], marks: &[(f64, String)]| -> Vec<f64> {
            let drawn = series.iter().flat_map(Series::drawn);
            drawn.chain(marks.iter().map(|mark| mark.0)).collect()
        };
        let above = Axis::linear(
            &values(&entropies, &bits),
            PANEL_HEIGHT,
            Direction::Vertical,
        );
        let below = Axis::log2(
            &values(&codes, &counts),
            Y_ROOM,
            PANEL_HEIGHT,
            Direction::Vertical,
        );
        let left = f64::max(frame::left_of(&above), frame::left_of(&below));
        let marks_width = bits
            .iter()
            .chain(&counts)
            .map(|(_, text)| font::width(text, SMALL_EM, Weight::Regular) + MARK_GAP + LEADER)
            .fold(12.0, f64::max);
        let steps: Vec<f64> = entropies
            .iter()
            .flat_map(|series| series.points.iter().map(|point| point.0))
            .collect();
        let width = PAGE_WIDTH - MARGIN - left - marks_width;
        let x = Axis::steps(&steps, width, Direction::Horizontal);

        let top = legend::heading(&mut scene, &self.title, &self.subtitle) + 8.0;
        let above = Frame {
            left,
            top,
            x: x.clone(),
            y: above,
        };
        let below = Frame {
            left,
            top: above.bottom() + BELOW_BARE,
            x,
            y: below,
        };
        // Under the last panel.
        let x_title = Some("training step");
        let above_title = x_title.filter(|_| !counted);
        above.draw(&mut scene, above_title, Some("mean token entropy (bits)"));
        if counted {
            below.draw(&mut scene, x_title, Some("codes used (count)"));
        }
        draw_marks(&mut scene, &above, &bits);
        if counted {
            draw_marks(&mut scene, &below, &counts);
        }
        for (frame, series) in [(&above, &entropies), (&below, &codes)] {
            for (turn, line) in series.iter().enumerate() {
                line.draw_over_steps(&mut scene, frame, turn);
            }
        }
        let entries: Vec<_> = entropies
            .iter()
            .zip(&codes)
            .map(|(entropy, codes)| {
                let failed = entropy.failed().max(codes.failed());
                entropy.entry(failed, entropy.points.len())
            })
            .collect();
        let lowest = if counted { &below } else { &above };
        scene.height = legend::draw(&mut scene, &entries, lowest.bottom() + BELOW) + MARGIN;
        scene
    }

    fn table(&self) -> Table {
        let field = |value: f64| {
            let [value, ..] = Estimate::exact(value).fields();
            value
        };
        let mut rows = Vec::new();
        for trace in &self.traces {
            for point in &trace.points {
                rows.push(vec![
                    "arm".to_owned(),
                    trace.arm.label.clone(),
                    point.step.to_string(),
                    field(point.entropy_bits),
                    point.codes_used.map_or_else(String::new, field),
                ]);
            }
        }
        for words in self.sizes() {
            rows.push(vec![
                "vocabulary".to_owned(),
                format!("K = {words}"),
                String::new(),
                field(words.log2()),
                field(words),
            ]);
        }
        Table {
            header: &["kind", "label", "step", "entropy_bits", "codes_used"],
            rows,
        }
    }
}

/// Horizontal levels with their names at the right of the plot, moved apart where they crowd.
fn draw_marks(scene: &mut Scene, frame: &Frame, marks: &[(f64, String)]) {
    let mut placed: Vec<(f64, &str)> = marks
        .iter()
        .filter_map(|(value, text)| Some((frame.place_y(*value)?, text.as_str())))
        .collect();
    placed.sort_by(|a, b| a.0.total_cmp(&b.0));
    let wanted: Vec<f64> = placed.iter().map(|mark| mark.0).collect();
    let moved = spread(&wanted, SMALL_EM * 1.25, frame.bottom());
    let right = frame.right();
    for ((y, text), label_y) in placed.into_iter().zip(moved) {
        scene.line(
            &[(frame.left, y), (right, y)],
            THIN_WIDTH,
            MUTED,
            Dash::Short,
        );
        let leader = [(right, y), (right + LEADER - 6.0, label_y)];
        scene.line(&leader, 1.0, MUTED, Dash::Solid);
        let at = (right + LEADER, label_y);
        scene.text(Label::new(text, at).sized(SMALL_EM).coloured(MUTED));
    }
}
