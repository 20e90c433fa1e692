//! Draws every figure from made-up numbers, to be looked at: `cargo run -p figures --example
//! gallery -- DIR`.
//!
//! The numbers only exercise the layout; they are not results.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

mod made_up;
mod made_up_readings;
mod made_up_tokens;

fn main() -> Result<(), Box<dyn Error>> {
    let folder: PathBuf = env::args_os()
        .nth(1)
        .ok_or("name the folder to draw into: gallery DIR")?
        .into();
    fs::create_dir_all(&folder)?;
    for (name, figure) in made_up::cer_by_arm() {
        figure.draw(&folder.join(name))?;
    }
    for (name, figure) in made_up::cer_by_density() {
        figure.draw(&folder.join(name))?;
    }
    for (name, figure) in made_up::hardening_curves() {
        figure.draw(&folder.join(name))?;
    }
    for (name, figure) in made_up::tokens_over_training() {
        figure.draw(&folder.join(name))?;
    }
    for (name, figure) in made_up::learning_curves() {
        figure.draw(&folder.join(name))?;
    }
    for (name, figure) in made_up::error_curves() {
        figure.draw(&folder.join(name))?;
    }
    for (name, figure) in made_up_readings::read_by_one() {
        figure.draw(&folder.join(name))?;
    }
    for (name, figure) in made_up_tokens::token_maps() {
        figure.draw(&folder.join(name))?;
    }
    for (name, figure) in made_up_tokens::word_atlases() {
        figure.draw(&folder.join(name))?;
    }
    println!("{}", folder.display());
    Ok(())
}
