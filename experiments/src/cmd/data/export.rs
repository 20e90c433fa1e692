//! `data export`: rendered lines for other people's recognisers.

use crate::cmd::rendering::Rendering;
use anyhow::{Context, Result, ensure};
use image::ImageFormat;
use run_support::stop::Stop;
use scene_text::{DatasetWriter, Format};
use std::io::Cursor;
use std::path::PathBuf;
use text_images::{Layout, Strip};

/// Writes the lines that `ocr-probe --layout strip` renders: item for item the same, by charset,
/// kind of text, split and seed. Labels of charset 36 are in capitals, as they are drawn.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Folder to write to; must not hold a data set yet.
    #[arg(long)]
    out: PathBuf,
    /// Format: lmdb, gt, doctr or folder (labels.csv).
    #[arg(long, default_value = "lmdb")]
    to: Format,
    /// Number of images.
    #[arg(long, default_value_t = 1500)]
    images: u64,
    #[command(flatten)]
    rendering: Rendering,
}

/// # Errors
/// If fonts lack glyphs, or the folder is taken or cannot be written.
pub fn run(args: &Args, stop: &Stop) -> Result<()> {
    ensure!(
        args.images > 0,
        "--images 0 renders nothing; ask for at least 1"
    );
    let fonts = args.rendering.fonts()?;
    let layout = Layout::Strip(Strip::default());
    let corpus = args.rendering.corpus()?;
    let renderer = args.rendering.renderer(layout, &fonts, corpus.as_ref())?;
    let mut writer = DatasetWriter::create(args.to, &args.out)?;
    for index in 0..args.images {
        stop.check()?;
        let item = renderer.render(index);
        let mut png = Cursor::new(Vec::new());
        item.image
            .write_to(&mut png, ImageFormat::Png)
            .context("cannot encode an image")?;
        writer.push(&item.text, png.get_ref())?;
    }
    let written = writer.finish()?;
    println!(
        "{written} lines written as {} to {}",
        args.to,
        args.out.display()
    );
    Ok(())
}
