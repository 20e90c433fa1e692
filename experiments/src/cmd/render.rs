//! `render`: the images themselves, to be looked at.

use crate::cmd::fine_grained_probe::tasks_by_name;
use crate::cmd::rendering::Rendering;
use anyhow::{Context, Result, bail, ensure};
use image::{DynamicImage, ImageFormat};
use perception_tasks::{Channels, Task, TaskConfig};
use run_support::atomic;
use run_support::settings::listed_twice;
use run_support::stop::Stop;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use text_images::{FolderWriter, Fonts, Grid, Layout, Strip, Tile, contact_sheet};

/// Side of a merged token in pixels, for densities.
const TOKEN_PX: u32 = 16;
/// Most images over all densities: the contact sheet shows every one, and takes some GB of memory by then.
const MOST_IMAGES: u64 = 100_000;

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
/// If a density is impossible, fonts lack glyphs, or the folder cannot be written; if it is asked to stop,
/// after which the images written so far are there without their labels.
pub fn run(args: &Args, stop: &Stop) -> Result<()> {
    ensure!(
        args.images > 0,
        "--images 0 renders nothing; ask for at least 1"
    );
    if let Some(density) = listed_twice(&args.densities) {
        bail!("density {density} is listed twice in --densities; name it once");
    }
    let fonts = args.rendering.fonts()?;
    if !args.tasks.is_empty() {
        return sheets(args, &fonts, stop);
    }
    let layouts = if args.strip {
        vec![Layout::Strip(Strip::default())]
    } else {
        args.densities
            .iter()
            .map(|&density| Ok(Layout::Grid(Grid::for_density(density, 64, 32, TOKEN_PX)?)))
            .collect::<Result<_>>()?
    };
    ensure!(
        args.images.saturating_mul(layouts.len() as u64) <= MOST_IMAGES,
        "--images {} are too many for one contact sheet, which shows {MOST_IMAGES} over all densities; ask \
         for fewer",
        args.images
    );
    let corpus = args.rendering.corpus()?;
    let renderers = layouts
        .into_iter()
        .map(|layout| args.rendering.renderer(layout, &fonts, corpus.as_ref()))
        .collect::<Result<Vec<_>>>()?;
    let mut folder = FolderWriter::create(&args.out)?;
    let mut tiles = Vec::new();
    for renderer in &renderers {
        for index in 0..args.images {
            stop.check()?;
            let item = renderer.render(index);
            folder.push(&item)?;
            tiles.push(Tile::from(&item));
        }
    }
    let written = folder.finish()?;
    let sheet = args.out.join("contact-sheet.png");
    let drawn: DynamicImage = contact_sheet(&tiles, 6, 4).into();
    // The data set is whole without a sheet, and a large one takes a while to encode.
    stop.check()?;
    write_png(&sheet, &drawn)?;
    println!(
        "{written} images and labels.csv in {}; look at {}",
        args.out.display(),
        sheet.display()
    );
    Ok(())
}

/// One contact sheet per task.
fn sheets(args: &Args, fonts: &Fonts, stop: &Stop) -> Result<()> {
    let kinds = tasks_by_name(&args.tasks, Channels::Rgb)?;
    atomic::make_folder(&args.out)?;
    for kind in kinds {
        stop.check()?;
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
