//! `data import`: from any format into one that is written.

use super::{FormatFlag, open, shown};
use anyhow::{Result, bail};
use run_support::stop::Stop;
use scene_text::{DatasetWriter, Error, Format, NAMED_FAULTS, TextDataset, told};
use std::path::{Path, PathBuf};

/// Copies labels and images, which stay as they are encoded; words of ICDAR pages are cut out and
/// written as PNG. Records that cannot be read, or whose image cannot be decoded, are named and
/// left out.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Folder of a data set, or KIND:DIR. Of several `data.mdb` files below it, each becomes a
    /// data set of its own below --out.
    place: String,
    /// Folder to write to; must not hold a data set yet.
    #[arg(long)]
    out: PathBuf,
    /// Format to write: lmdb, gt, doctr or folder (labels.csv).
    #[arg(long)]
    to: Format,
    /// Format to read: lmdb, gt, doctr, mjsynth, icdar, folder, or auto to find out.
    #[arg(long, default_value = "auto")]
    from: FormatFlag,
}

/// # Errors
/// If there is no data set, the place to write to is taken or full, or no record can be read.
pub fn run(args: &Args, stop: &Stop) -> Result<()> {
    let sets = open(&args.place, args.from)?;
    let single = sets.len() == 1;
    for dataset in sets {
        let out = if single {
            args.out.clone()
        } else {
            args.out.join(dataset.name())
        };
        copy(&*dataset, args.to, &out, stop)?;
    }
    Ok(())
}

fn copy(dataset: &dyn TextDataset, to: Format, out: &Path, stop: &Stop) -> Result<()> {
    let mut writer = DatasetWriter::create(to, out)?;
    let mut left_out = dataset.notes().len();
    for note in dataset.notes().iter().take(NAMED_FAULTS) {
        eprintln!("note: {}", shown(note));
    }
    for index in 0..dataset.len() {
        stop.check()?;
        match copy_one(dataset, index, &mut writer) {
            Ok(()) => {}
            // The disk is full, say: no other record will fare better.
            Err(error @ (Error::Write { .. } | Error::WriteLmdb { .. })) => {
                return Err(error.into());
            }
            Err(error) => {
                left_out += 1;
                if left_out <= NAMED_FAULTS {
                    let record = dataset.record(index);
                    let fault = told(&error);
                    // Faults of writing do not name what was read.
                    let named = fault.starts_with(&record);
                    let fault = if named {
                        fault
                    } else {
                        format!("{record}: {fault}")
                    };
                    eprintln!("note: {}", shown(&fault));
                }
            }
        }
    }
    if left_out == dataset.notes().len() + dataset.len() {
        bail!(
            "{}: none of {} records can be written as {to}",
            shown(dataset.name()),
            dataset.len()
        );
    }
    let written = writer.finish()?;
    println!(
        "{}: {written} samples written as {to} to {}, {left_out} left out",
        shown(dataset.name()),
        out.display()
    );
    Ok(())
}

fn copy_one(
    dataset: &dyn TextDataset,
    index: usize,
    writer: &mut DatasetWriter,
) -> scene_text::Result<()> {
    let label = dataset.label(index)?;
    let encoded = dataset.encoded(index)?;
    // Not to hand on what nobody can read.
    scene_text::decode(&encoded, || dataset.record(index))?;
    writer.push(&label, &encoded)
}
