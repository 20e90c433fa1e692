//! `words`: how a released table uses its words on images of yours.

use super::Machine;
use anyhow::{Context, Result, bail, ensure};
use checkpoint::Checkpoint;
use probe_data::spread;
use published_models::{Processor, VisionModel};
use run_results::provenance;
use run_support::atomic;
use run_support::stop::Stop;
use std::path::{Path, PathBuf};
use std::time::Instant;
use token_inspection::table_use::{TableUse, write};

/// Endings of files that are taken for images.
const ENDINGS: [&str; 5] = ["png", "jpg", "jpeg", "webp", "bmp"];

/// Measures how a released visual embedding table (Ovis2, Ovis2.5) uses its words on your images: entropy,
/// mass of the best words, what tokens keep of fewer words, which words are used.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Folder of a checkpoint, or its id on the Hugging Face hub, `OWNER/NAME[@REVISION]`.
    #[arg(long, value_name = "DIR|ID")]
    checkpoint: String,
    /// Folder of images, PNG, JPEG, WebP or BMP of any size; hidden files are left out.
    #[arg(long, value_name = "DIR")]
    images: PathBuf,
    /// Images that are taken, spread evenly over the names in order; a page takes most of a minute.
    #[arg(long, default_value_t = 8)]
    most_images: usize,
    /// Folder for the page and the tables; one of an earlier measurement is written again.
    #[arg(long, value_name = "DIR", default_value = "results/words")]
    out: PathBuf,
    #[command(flatten)]
    machine: Machine,
}

/// Measures, writes, prints.
///
/// # Errors
/// Names the checkpoint or the folder that is at fault; if no image can be read.
pub fn run(args: &Args, stop: &Stop) -> Result<()> {
    let files = chosen(image_files(&args.images)?, args.most_images)?;
    check_out(&args.out)?;
    let (device, lanes) = args.machine.open()?;
    let mut manifest = provenance::manifest(&[], args.machine.backend, &device, lanes.count());
    let folder = checkpoint::resolve(&args.checkpoint, published_models::is_wanted)?;
    let start = Instant::now();
    let checkpoint = Checkpoint::open(&folder)?;
    let model = VisionModel::load(&checkpoint, &device)?;
    let mut found = TableUse::new(&args.checkpoint, &model)?;
    let (processor, notes) = Processor::of(&checkpoint, model.config())?;
    // Not after minutes of measuring.
    atomic::make_folder(&args.out)?;
    atomic::check_writable(&args.out.join("words.json"))?;
    for note in notes {
        eprintln!("note: {note}");
    }
    provenance::add_stage(&mut manifest, "load", start.elapsed().as_secs_f64());
    let start = Instant::now();
    for (number, path) in files.iter().enumerate() {
        if stop.is_raised() && found.images > 0 {
            eprintln!("stopped; what was measured is written");
            let left = files.len() - number;
            found
                .left_out
                .push(format!("{left} of {} images: it was stopped", files.len()));
            break;
        }
        stop.check()?;
        let taken = image_processor::decode_file(path, processor.transparency())
            .map_err(anyhow::Error::from)
            .and_then(|image| Ok(processor.image(&image, &device)?))
            .and_then(|pixels| found.add(&model, &pixels));
        match taken {
            Ok(()) => eprintln!(
                "[{}/{}] {}: {} tokens so far, {:.0} s",
                number + 1,
                files.len(),
                path.display(),
                found.tally.tokens(),
                start.elapsed().as_secs_f64()
            ),
            Err(error) => {
                let (name, error) = (path.display().to_string(), format!("{error:#}"));
                let what = match error.contains(&name) {
                    true => error,
                    false => format!("{name}: {error}"),
                };
                eprintln!("left out: {what}");
                found.left_out.push(what.replace(char::is_control, "?"));
            }
        }
    }
    ensure!(
        found.images > 0,
        "none of the {} images of {} can be read; the lines above say why",
        files.len(),
        args.images.display()
    );
    found.finish(&model);
    provenance::add_stage(&mut manifest, "measure", start.elapsed().as_secs_f64());
    let line = write(&args.out, &found, &manifest)?;
    println!("{line}");
    println!("{}", args.out.join("report.html").display());
    Ok(())
}

/// Image files of a folder, in the order of their names. Hidden ones are of the system: beside every
/// image, macOS leaves a `._` file of the same ending on foreign disks.
fn image_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let listing = std::fs::read_dir(folder).with_context(|| {
        format!(
            "{}: cannot list this folder; give one with images",
            folder.display()
        )
    })?;
    let mut files = Vec::new();
    for entry in listing {
        let path = entry.with_context(|| folder.display().to_string())?.path();
        let ending = path.extension().and_then(|ending| ending.to_str());
        let ending = ending.map(str::to_ascii_lowercase);
        let is_image = ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()));
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        if is_image && !name.starts_with(b".") && !path.is_dir() {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        bail!(
            "{}: no image here ({}); folders below it are not looked into",
            folder.display(),
            ENDINGS.join(", ")
        );
    }
    Ok(files)
}

/// So many of them, evenly spread.
fn chosen(files: Vec<PathBuf>, most: usize) -> Result<Vec<PathBuf>> {
    ensure!(most > 0, "--most-images 0 leaves nothing; give 1 or more");
    let places = spread(files.len(), most);
    Ok(places
        .into_iter()
        .map(|place| files[place].clone())
        .collect())
}

/// Refuses a folder that holds something else.
fn check_out(folder: &Path) -> Result<()> {
    let is_ours = folder.join("words.json").exists();
    let is_empty = match std::fs::read_dir(folder) {
        Ok(mut listing) => listing.next().is_none(),
        Err(_) => !folder.exists(),
    };
    ensure!(
        is_ours || is_empty,
        "{}: this folder holds something else; name another with --out",
        folder.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_listed_by_name_and_hidden_files_left_out() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.PNG", "a.jpg", "._a.jpg", ".b.png", "notes.txt"] {
            std::fs::write(folder.path().join(name), b"x").unwrap();
        }
        std::fs::create_dir(folder.path().join("c.png")).unwrap();
        let found = image_files(folder.path()).unwrap();
        assert_eq!(
            found,
            ["a.jpg", "b.PNG"].map(|name| folder.path().join(name))
        );
    }

    #[test]
    fn images_are_spread_evenly_over_the_names() {
        let files: Vec<PathBuf> = (0..10).map(|i| PathBuf::from(format!("{i}.png"))).collect();
        let names = |most: usize| -> Vec<String> {
            let chosen = chosen(files.clone(), most).unwrap();
            chosen
                .iter()
                .map(|path| path.display().to_string())
                .collect()
        };
        assert_eq!(names(3), ["0.png", "3.png", "6.png"]);
        assert_eq!(names(10).len(), 10);
        assert_eq!(names(99).len(), 10);
        assert!(chosen(files.clone(), 0).is_err());
    }
}
