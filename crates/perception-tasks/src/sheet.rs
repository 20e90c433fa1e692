//! Contact sheets: the images of a task, to be looked at.

use image::{GrayImage, Luma, Rgb, RgbImage};
use text_images::Tile;

use crate::{Item, Task};

const ROWS: u64 = 4;
const COLUMNS_WITHOUT_LEVELS: u64 = 7;
const ENLARGEMENT: u32 = 4;

/// Draws items of a task on one sheet: difficulty levels in columns, the easiest at the left; rows
/// one and two are a counterfactual pair, rows three and four the next. Below each image stand its
/// answer, its difficulty and its cluster.
pub fn contact_sheet(task: &Task) -> RgbImage {
    let columns = match task.levels().len() as u64 {
        0 => COLUMNS_WITHOUT_LEVELS,
        levels => levels,
    };
    let items: Vec<Item> = (0..ROWS)
        .flat_map(|row| (0..columns).map(move |column| (row, column)))
        .map(|(row, column)| task.item(2 * (row / 2 * columns + column) + row % 2))
        .collect();
    // A sheet is grey: one for every channel gives one in colour.
    let planes = [0, 1, 2].map(|channel| {
        let tiles: Vec<Tile> = items.iter().map(|item| tile(task, item, channel)).collect();
        text_images::contact_sheet(&tiles, columns as usize, ENLARGEMENT)
    });
    let (width, height) = planes[0].dimensions();
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([0, 1, 2].map(|channel: usize| planes[channel].get_pixel(x, y).0[0]))
    })
}

fn tile(task: &Task, item: &Item, channel: usize) -> Tile {
    let pixels = item.image.to_rgb8();
    let image = GrayImage::from_fn(pixels.width(), pixels.height(), |x, y| {
        Luma([pixels.get_pixel(x, y).0[channel]])
    });
    let difficulty = match (item.difficulty, task.kind().difficulty()) {
        (Some(value), Some(axis)) => format!("{value:.3} {}", axis.unit),
        _ => String::new(),
    };
    let class = task.kind().classes()[item.label];
    Tile {
        image,
        caption: vec![format!("{class}: {difficulty}"), item.cluster.clone()],
    }
}
