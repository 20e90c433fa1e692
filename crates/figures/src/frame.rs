//! A plot area: two axes at a place on the page, with grid, ticks and axis titles.

use crate::axis::{Axis, Direction};
use crate::numbers::CerScale;
use crate::scene::{Anchor, Label, Point, Scene};
use crate::style::{Dash, GRID, GRID_WIDTH, INK, MARGIN, PAPER, SMALL_EM, TEXT_EM, THIN_WIDTH};

const TICK: f64 = 7.0;
const LABEL_GAP: f64 = 8.0;

/// Room in pixels below a plot area for tick labels and the x axis title.
pub(crate) const BELOW: f64 = TICK + LABEL_GAP + SMALL_EM + 10.0 + TEXT_EM + 22.0;
/// Room in pixels below a plot area without labels.
pub(crate) const BELOW_BARE: f64 = 26.0;

/// A plot area with its axes; `left` and `top` are its upper left corner in pixels.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub left: f64,
    pub top: f64,
    pub x: Axis,
    pub y: Axis,
}

/// Left edge in pixels of a plot area whose y axis has its labels and title beside it.
pub(crate) fn left_of(y: &Axis) -> f64 {
    MARGIN + TEXT_EM + 14.0 + y.label_width() + LABEL_GAP + TICK
}

/// An axis of error rates in percent.
pub(crate) fn cer_axis(
    scale: CerScale,
    percents: &[f64],
    length: f64,
    direction: Direction,
) -> Axis {
    match scale {
        CerScale::Linear => Axis::linear(percents, length, direction),
        CerScale::Log => Axis::log10(percents, length, direction),
    }
}

impl Frame {
    pub(crate) fn right(&self) -> f64 {
        self.left + self.x.length()
    }

    pub(crate) fn bottom(&self) -> f64 {
        self.top + self.y.length()
    }

    /// The point of a pair of values; none if either is not finite or off its axis.
    pub(crate) fn at(&self, x: f64, y: f64) -> Option<Point> {
        Some((self.place_x(x)?, self.place_y(y)?))
    }

    pub(crate) fn place_x(&self, x: f64) -> Option<f64> {
        Some(self.left + self.x.place(x)?)
    }

    pub(crate) fn place_y(&self, y: f64) -> Option<f64> {
        Some(self.bottom() - self.y.place(y)?)
    }

    /// Faint lines across the plot at the ticks of x.
    pub(crate) fn draw_x_grid(&self, scene: &mut Scene) {
        for x in self
            .x
            .ticks
            .iter()
            .filter_map(|tick| self.place_x(tick.value))
        {
            let line = [(x, self.top), (x, self.bottom())];
            scene.line(&line, GRID_WIDTH, GRID, Dash::Solid);
        }
    }

    /// Faint lines across the plot at the ticks of y.
    fn draw_y_grid(&self, scene: &mut Scene) {
        for y in self
            .y
            .ticks
            .iter()
            .filter_map(|tick| self.place_y(tick.value))
        {
            let line = [(self.left, y), (self.right(), y)];
            scene.line(&line, GRID_WIDTH, GRID, Dash::Solid);
        }
    }

    /// The grid and both axes; an axis without a title has no labels.
    pub(crate) fn draw(&self, scene: &mut Scene, x_title: Option<&str>, y_title: Option<&str>) {
        self.draw_x_grid(scene);
        self.draw_y_grid(scene);
        self.draw_x(scene, x_title);
        self.draw_y(scene, y_title);
    }

    /// Axis line and ticks; with a title also the tick labels and the title below.
    pub(crate) fn draw_x(&self, scene: &mut Scene, title: Option<&str>) {
        let (top, bottom) = (self.top, self.bottom());
        for tick in &self.x.ticks {
            let Some(x) = self.place_x(tick.value) else {
                continue;
            };
            scene.line(
                &[(x, bottom), (x, bottom + TICK)],
                THIN_WIDTH,
                INK,
                Dash::Solid,
            );
            if title.is_some() {
                let middle = bottom + TICK + LABEL_GAP + SMALL_EM / 2.0;
                scene.text(
                    Label::new(&tick.label, (x, middle))
                        .sized(SMALL_EM)
                        .anchored(Anchor::Middle),
                );
            }
        }
        let line = [(self.left, bottom), (self.right(), bottom)];
        scene.line(&line, THIN_WIDTH, INK, Dash::Solid);
        if let Some(broken) = self.x.broken_at() {
            let x = self.left + broken;
            draw_break(scene, (x, bottom), Direction::Horizontal);
            scene.line(&[(x, top), (x, bottom)], GRID_WIDTH, INK, Dash::Dotted);
        }
        if let Some(title) = title {
            let middle = bottom + TICK + LABEL_GAP + SMALL_EM + 10.0 + TEXT_EM / 2.0;
            let at = ((self.left + self.right()) / 2.0, middle);
            scene.text(Label::new(title, at).anchored(Anchor::Middle));
        }
    }

    /// Axis line and ticks; with a title also the tick labels and the title, turned, at the left.
    fn draw_y(&self, scene: &mut Scene, title: Option<&str>) {
        let left = self.left;
        for tick in &self.y.ticks {
            let Some(y) = self.place_y(tick.value) else {
                continue;
            };
            scene.line(&[(left - TICK, y), (left, y)], THIN_WIDTH, INK, Dash::Solid);
            if title.is_some() {
                scene.text(
                    Label::new(&tick.label, (left - TICK - LABEL_GAP, y))
                        .sized(SMALL_EM)
                        .anchored(Anchor::End),
                );
            }
        }
        scene.line(
            &[(left, self.top), (left, self.bottom())],
            THIN_WIDTH,
            INK,
            Dash::Solid,
        );
        if let Some(broken) = self.y.broken_at() {
            let y = self.bottom() - broken;
            draw_break(scene, (left, y), Direction::Vertical);
            scene.line(
                &[(left, y), (self.right(), y)],
                GRID_WIDTH,
                INK,
                Dash::Dotted,
            );
        }
        if let Some(title) = title {
            let x = left - TICK - LABEL_GAP - self.y.label_width() - 14.0 - TEXT_EM / 2.0;
            let at = (x, (self.top + self.bottom()) / 2.0);
            scene.text(Label::new(title, at).anchored(Anchor::Middle).upwards());
        }
    }
}

/// Two strokes across an axis line, with the line taken away between them.
fn draw_break(scene: &mut Scene, (x, y): Point, direction: Direction) {
    let (along, across) = match direction {
        Direction::Horizontal => ((1.0, 0.0), (0.0, 1.0)),
        Direction::Vertical => ((0.0, 1.0), (1.0, 0.0)),
    };
    let point = |a: f64, c: f64| {
        (
            x + along.0 * a + across.0 * c,
            y + along.1 * a + across.1 * c,
        )
    };
    let gap = [point(-4.0, 0.0), point(4.0, 0.0)];
    scene.line(&gap, THIN_WIDTH + 2.0, PAPER, Dash::Solid);
    for side in [-4.0, 4.0] {
        let stroke = [point(side + 3.0, -8.0), point(side - 3.0, 8.0)];
        scene.line(&stroke, THIN_WIDTH, INK, Dash::Solid);
    }
}

/// Moves labels apart along one direction: rising wanted positions become rising positions at
/// least `gap` apart, as near as possible to where they were wanted, none beyond `end`.
pub(crate) fn spread(wanted: &[f64], gap: f64, end: f64) -> Vec<f64> {
    let mut placed: Vec<f64> = Vec::with_capacity(wanted.len());
    for &position in wanted {
        let least = placed.last().map_or(f64::NEG_INFINITY, |last| last + gap);
        placed.push(position.max(least));
    }
    let mut limit = end;
    for position in placed.iter_mut().rev() {
        *position = position.min(limit);
        limit = *position - gap;
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crowded_labels_end_up_a_gap_apart_and_before_the_end() {
        let placed = spread(&[10.0, 12.0, 50.0, 98.0, 99.0], 20.0, 100.0);
        for pair in placed.windows(2) {
            assert!(pair[1] - pair[0] >= 20.0 - 1e-9, "{placed:?}");
        }
        assert!(
            placed.iter().all(|&position| position <= 100.0),
            "{placed:?}"
        );
        assert_eq!(placed[0], 10.0);
    }
}
