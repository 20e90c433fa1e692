//! `render`: the images themselves, to be looked at.

use crate::cmd::fine_grained_probe::tasks_by_name;
use crate::cmd::rendering::Rendering;
use anyhow::{Context, Result, ensure};
use image::{DynamicImage, ImageFormat};
use perception_tasks::{Channels, Task, TaskConfig};
use run_support::atomic;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use text_images::{Fonts, Grid, Layout, Strip, Tile, contact_sheet, write_folder};

/// Side of a merged token in pixels, for densities.
const TOKEN_PX: u32 = 16;

/// Renders labelled images and a contact sheet.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Folder to write to; must not hold labels yet.
    #[arg(long)]
    out: PathBuf,
    /// Contact sheets of fine-grained tasks instead of text, separated by commas, or `all`: levels of
    /// difficulty in columns, counterfactual pairs one below the other.
    #[arg(long, value_name = "TASK,...", value_delimiter = ',', conflicts_with_all = ["strip", "densities", "images", "text_source", "text", "words", "clean", "charset"])]
    tasks: Vec<String>,
    /// Number of images per density.
    #[arg(long, default_value_t = 24)]
    images: u64,
    /// Characters per visual token, separated by commas; leave out with --strip.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "1,2,4",
        conflicts_with = "strip"
    )]
    densities: Vec<f64>,
    /// Render proportional lines of free length instead of a character grid.
    #[arg(long)]
    strip: bool,
    #[command(flatten)]
    rendering: Rendering,
}

/// # Errors
/// If a density is impossible, fonts lack glyphs, or the folder cannot be written.
pub fn run(args: &Args) -> Result<()> {
    ensure!(
        args.images > 0,
        "--images 0 renders nothing; ask for at least 1"
    );
    let fonts = args.rendering.fonts()?;
    if !args.tasks.is_empty() {
        return sheets(args, &fonts);
    }
    let layouts = if args.strip {
        vec![Layout::Strip(Strip::default())]
    } else {
        args.densities
            .iter()
            .map(|&density| Ok(Layout::Grid(Grid::for_density(density, 64, 32, TOKEN_PX)?)))
            .collect::<Result<_>>()?
    };
    let corpus = args.rendering.corpus()?;
    let mut items = Vec::new();
    for layout in layouts {
        let renderer = args.rendering.renderer(layout, &fonts, corpus.as_ref())?;
        items.extend((0..args.images).map(|index| renderer.render(index)));
    }
    let written = write_folder(&args.out, &items)?;
    let tiles: Vec<Tile> = items.iter().map(Tile::from).collect();
    let sheet = args.out.join("contact-sheet.png");
    write_png(&sheet, &contact_sheet(&tiles, 6, 4).into())?;
    println!(
        "{written} images and labels.csv in {}; look at {}",
        args.out.display(),
        sheet.display()
    );
    Ok(())
}

/// One contact sheet per task.
fn sheets(args: &Args, fonts: &Fonts) -> Result<()> {
    let kinds = tasks_by_name(&args.tasks, Channels::Rgb)?;
    atomic::make_folder(&args.out)?;
    for kind in kinds {
        let config = TaskConfig::new(kind, args.rendering.split(), args.rendering.seed());
        let task = Task::new(config, fonts)?;
        let path = args.out.join(format!("{kind}.png"));
        write_png(&path, &perception_tasks::contact_sheet(&task).into())?;
        println!("{}: {}", path.display(), kind.question());
    }
    Ok(())
}

/// The whole sheet or nothing of it.
fn write_png(path: &Path, sheet: &DynamicImage) -> Result<()> {
    let mut png = Cursor::new(Vec::new());
    sheet
        .write_to(&mut png, ImageFormat::Png)
        .context("cannot encode the contact sheet")?;
    atomic::write_bytes(path, png.get_ref())
}
