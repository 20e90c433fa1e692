//! Headings above the plots and legends below them, always outside the plot area.

use plotters::style::RGBColor;

use crate::font::{self, Weight};
use crate::marker;
use crate::scene::{Label, Scene};
use crate::style::{
    Dash, LINE_WIDTH, MARGIN, MUTED, PAGE_WIDTH, Pen, SMALL_EM, THIN_WIDTH, TITLE_EM,
};

const LINE_HEIGHT: f64 = 1.35;
const KEY_WIDTH: f64 = 76.0;
const COLUMN_GAP: f64 = 44.0;

/// What stands left of a legend text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Key {
    /// A line with a marker.
    Line(Pen),
    /// A marker alone.
    Marker(Pen),
    /// A line without marker.
    Rule(RGBColor, Dash),
}

/// One entry of a legend.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub key: Key,
    pub label: String,
}

/// Adds an entry unless an equal one is there already.
pub(crate) fn add_once(entries: &mut Vec<Entry>, key: Key, label: &str) {
    let entry = Entry {
        key,
        label: label.to_owned(),
    };
    if !entries.contains(&entry) {
        entries.push(entry);
    }
}

/// Title and caption at the top of the page; returns the y below them.
pub(crate) fn heading(scene: &mut Scene, title: &str, subtitle: &str) -> f64 {
    let width = PAGE_WIDTH - 2.0 * MARGIN;
    let mut y = MARGIN;
    for line in font::wrap(title, TITLE_EM, Weight::Bold, width) {
        y += TITLE_EM * LINE_HEIGHT;
        let middle = (MARGIN, y - TITLE_EM * LINE_HEIGHT / 2.0);
        scene.text(Label::new(line, middle).sized(TITLE_EM).bold());
    }
    for line in font::wrap(subtitle, SMALL_EM, Weight::Regular, width) {
        y += SMALL_EM * LINE_HEIGHT;
        let middle = (MARGIN, y - SMALL_EM * LINE_HEIGHT / 2.0);
        scene.text(Label::new(line, middle).sized(SMALL_EM).coloured(MUTED));
    }
    y + 18.0
}

/// Entries in as many columns as fit, filled column by column; returns the y below them.
pub(crate) fn draw(scene: &mut Scene, entries: &[Entry], top: f64) -> f64 {
    let page = PAGE_WIDTH - 2.0 * MARGIN;
    let texts: Vec<Vec<String>> = entries
        .iter()
        .map(|entry| font::wrap(&entry.label, SMALL_EM, Weight::Regular, page - KEY_WIDTH))
        .collect();
    let widths: Vec<f64> = texts
        .iter()
        .map(|lines| {
            let widths = lines.iter();
            let widths = widths.map(|line| font::width(line, SMALL_EM, Weight::Regular));
            KEY_WIDTH + widths.fold(0.0, f64::max) + COLUMN_GAP
        })
        .collect();
    let rows = rows_of_fewest(&widths, page + COLUMN_GAP);
    let line_height = SMALL_EM * LINE_HEIGHT;

    let mut left = MARGIN;
    let mut bottom = top;
    let columns = entries.chunks(rows).zip(texts.chunks(rows));
    for ((entries, texts), widths) in columns.zip(widths.chunks(rows)) {
        let mut y = top;
        for (entry, lines) in entries.iter().zip(texts) {
            draw_key(scene, entry.key, left, y + line_height / 2.0);
            for line in lines {
                let at = (left + KEY_WIDTH, y + line_height / 2.0);
                scene.text(Label::new(line, at).sized(SMALL_EM));
                y += line_height;
            }
            y += 4.0;
        }
        left += widths.iter().copied().fold(0.0, f64::max);
        bottom = f64::max(bottom, y);
    }
    bottom
}

/// The fewest rows at which the columns, each as wide as its widest entry, fit side by side.
fn rows_of_fewest(widths: &[f64], available: f64) -> usize {
    let needed = |rows: usize| -> f64 {
        let columns = widths.chunks(rows);
        columns
            .map(|column| column.iter().copied().fold(0.0, f64::max))
            .sum()
    };
    let most = widths.len().max(1);
    (1..most)
        .find(|&rows| needed(rows) <= available)
        .unwrap_or(most)
}

fn draw_key(scene: &mut Scene, key: Key, left: f64, y: f64) {
    let ends = [(left, y), (left + KEY_WIDTH - 14.0, y)];
    let middle = (left + (KEY_WIDTH - 14.0) / 2.0, y);
    match key {
        Key::Line(pen) => {
            scene.line(&ends, LINE_WIDTH, pen.colour, pen.dash);
            marker::draw(scene, &pen, middle);
        }
        Key::Marker(pen) => marker::draw(scene, &pen, middle),
        Key::Rule(colour, dash) => scene.line(&ends, THIN_WIDTH, colour, dash),
    }
}
