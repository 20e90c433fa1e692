//! Writes one contact sheet per task: difficulty levels in columns, the easiest at the left; rows
//! one and two are a counterfactual pair, rows three and four the next.
//!
//! ```sh
//! cargo run -p perception-tasks --example contact_sheets -- sheets [TASK...]
//! ```

use std::error::Error;
use std::path::{Path, PathBuf};

use image::RgbImage;
use perception_tasks::{Item, Task, TaskConfig, TaskKind};
use text_images::{Fonts, Split, Tile, contact_sheet};

const ROWS: u64 = 4;
const COLUMNS_WITHOUT_LEVELS: u64 = 7;
const ENLARGEMENT: u32 = 4;
const SEED: u64 = 1;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = PathBuf::from(arguments.next().ok_or("give a folder to write to")?);
    let mut kinds: Vec<TaskKind> = arguments
        .map(|name| name.parse())
        .collect::<Result<_, _>>()?;
    if kinds.is_empty() {
        kinds.extend(TaskKind::ALL);
    }
    std::fs::create_dir_all(&dir)?;
    let fonts = Fonts::embedded();
    for kind in kinds {
        let task = Task::new(TaskConfig::new(kind, Split::Test, SEED), &fonts)?;
        let path = dir.join(format!("{kind}.png"));
        write(&task, &path)?;
        println!("{}: {}", path.display(), kind.question());
    }
    Ok(())
}

fn write(task: &Task, path: &Path) -> Result<(), Box<dyn Error>> {
    let columns = match task.levels().len() as u64 {
        0 => COLUMNS_WITHOUT_LEVELS,
        levels => levels,
    };
    let items: Vec<Item> = (0..ROWS)
        .flat_map(|row| (0..columns).map(move |column| (row, column)))
        .map(|(row, column)| task.item(2 * (row / 2 * columns + column) + row % 2))
        .collect();
    // The sheet is grey: one for every channel gives one in colour.
    let planes = [0, 1, 2].map(|channel| {
        let tiles: Vec<Tile> = items.iter().map(|item| tile(task, item, channel)).collect();
        contact_sheet(&tiles, columns as usize, ENLARGEMENT)
    });
    let (width, height) = planes[0].dimensions();
    let sheet = RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([0, 1, 2].map(|channel: usize| planes[channel].get_pixel(x, y).0[0]))
    });
    sheet.save(path)?;
    Ok(())
}

fn tile(task: &Task, item: &Item, channel: usize) -> Tile {
    let pixels = item.image.to_rgb8();
    let image = image::GrayImage::from_fn(pixels.width(), pixels.height(), |x, y| {
        image::Luma([pixels.get_pixel(x, y).0[channel]])
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
