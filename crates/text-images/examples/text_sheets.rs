//! Writes contact sheets of what the renderer makes, to be looked at, and prints its speed.
//!
//! `cargo run -p text-images --example text_sheets -- DIR`

use std::path::PathBuf;
use std::time::Instant;

use text_images::{
    Charset, Content, Degradation, Fonts, Grid, Layout, Renderer, RendererConfig, Split, Strip,
    Tile, contact_sheet,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir: PathBuf = std::env::args_os()
        .nth(1)
        .ok_or("usage: text_sheets DIR")?
        .into();
    std::fs::create_dir_all(&dir)?;
    let fonts = Fonts::embedded();
    for charset in [Charset::Alnum36, Charset::Printable94] {
        for density in [0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0] {
            let grid = Grid::for_density(density, 64, 32, 16)?;
            let config = RendererConfig::new(charset, Layout::Grid(grid), Split::Test, 1);
            let name = format!("contact_{charset}_density_{density}.png");
            write(&dir.join(name), config, &fonts)?;
        }
        let strip = Layout::Strip(Strip::default());
        let config = RendererConfig::new(charset, strip, Split::Test, 1);
        write(
            &dir.join(format!("contact_{charset}_strip.png")),
            config,
            &fonts,
        )?;
    }
    let grid = Layout::Grid(Grid::for_density(4.0, 64, 32, 16)?);
    let mut config = RendererConfig::new(Charset::Alnum36, grid, Split::Train, 1);
    config.content = Content::Words;
    config.degradation = Degradation::none();
    write(&dir.join("contact_36_words_clean.png"), config, &fonts)?;
    for (name, width_px) in [("words", 208), ("lines", 512)] {
        let strip = Layout::Strip(Strip::of_print(width_px));
        let print = RendererConfig {
            content: Content::Print,
            degradation: Degradation::photographed(),
            width_px,
            ..RendererConfig::new(Charset::Printable94, strip, Split::Test, 1)
        };
        let name = format!("contact_94_photographed_{name}.png");
        write(&dir.join(name), print, &Fonts::for_print())?;
    }
    Ok(())
}

fn write(
    path: &std::path::Path,
    config: RendererConfig,
    fonts: &Fonts,
) -> Result<(), Box<dyn std::error::Error>> {
    let renderer = Renderer::new(config, fonts)?;
    let tiles: Vec<Tile> = (0..40)
        .map(|index| Tile::from(&renderer.render(index)))
        .collect();
    contact_sheet(&tiles, 4, 4).save(path)?;
    let started = Instant::now();
    let timed = 2000;
    let ink: u64 = (0..timed)
        .map(|index| u64::from(renderer.render(index).image.as_raw()[0]))
        .sum();
    let rate = f64::from(timed as u32) / started.elapsed().as_secs_f64();
    println!("{}: {rate:.0} images/s (check {ink})", path.display());
    Ok(())
}
