//! Command line of the study; see the README.

mod cmd;

use clap::{Parser, Subcommand};
use run_support::stop::{Stop, Stopped};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Does turning visual features into tokens hurt OCR?
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// How much OCR does each projector lose? Trains the same probe behind all of them.
    OcrProbe(Box<cmd::ocr_probe::Args>),
    /// What do visual tokens still know of the pixels? A decoder behind each projector.
    RepresentationProbe(Box<cmd::representation_probe::Args>),
    /// What does each projector cost in fine detail? Thresholds on tasks of graded difficulty.
    FineGrainedProbe(Box<cmd::fine_grained_probe::Args>),
    /// The whole study: every section, the claims, one report.
    Study(cmd::study::Args),
    /// Write scripts that run a study on a SLURM cluster.
    Slurm(Box<cmd::slurm::Args>),
    /// Train one piece of a study, on whatever machine.
    Cell(cmd::cell::Args),
    /// Make a study's results from the cells that were trained, wherever they were.
    Merge(cmd::merge::Args),
    /// How far a run is.
    Status(cmd::status::Args),
    /// How long a study takes here, and how many seeds and items a claim needs.
    Plan(cmd::plan::Args),
    /// The noise with which PatchMerger loses as much as hard words do.
    MatchNoise(cmd::match_noise::Args),
    /// Pre-registered claims against a finished study.
    Claims(cmd::claims::Args),
    /// Render labelled text images and a contact sheet.
    Render(cmd::render::Args),
    /// Pre-train the backbone that `ocr-probe` freezes.
    PretrainBackbone(cmd::pretrain_backbone::Args),
    /// Write tables, plots and verdict of a run again, without training.
    Report(cmd::report::Args),
    /// Which backends work here, how fast are they, and do they compute the same?
    Backends(cmd::backends::Args),
    /// Look at, convert and write data sets of text images.
    Data {
        /// What to do.
        #[command(subcommand)]
        command: cmd::data::Command,
    },
    /// Write the numbers of published results into the documentation, or check them.
    Docs(cmd::docs::Args),
    /// How many visual words would an image need? Writes docs/how-many-words.md.
    HowManyWords(cmd::how_many_words::Args),
    /// Turn images into the visual tokens of a published checkpoint.
    Encode(cmd::encode::Args),
    /// How does a released table of visual words use them on your images?
    Words(cmd::words::Args),
    /// What do the tokens look like, and what do the words of a vocabulary stand for?
    Inspect(Box<cmd::inspect::Args>),
    /// Compare our towers and projectors with reference tensors, tap by tap.
    Parity(cmd::parity::Args),
}

fn main() -> ExitCode {
    run_support::memory::keep_pages();
    keep_quiet_panics();
    let cli = Cli::parse();
    match run(&cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", told_once(&error));
            if error.is::<Stopped>() {
                ExitCode::from(130)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

/// Standard output may go away while we write, as in `experiments … | head`. The macros of the
/// standard library panic then; the program ends with the exit code of SIGPIPE instead. Panics of image
/// decoders become errors that name the file.
fn keep_quiet_panics() {
    const SIGPIPE_EXIT: i32 = 128 + 13;
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let message = panic.payload_as_str().unwrap_or_default();
        if message.starts_with("failed printing to std") {
            std::process::exit(SIGPIPE_EXIT);
        }
        if !image_processor::is_decoding() {
            report(panic);
        }
    }));
}

/// The error and its causes in one line. Errors of some libraries end with the text of their cause,
/// which is then left out.
fn told_once(error: &anyhow::Error) -> String {
    error
        .chain()
        .map(ToString::to_string)
        .fold(String::new(), |line, cause| {
            if line.is_empty() {
                cause
            } else if line.ends_with(&cause) {
                line
            } else {
                format!("{line}: {cause}")
            }
        })
}

fn run(command: &Command) -> anyhow::Result<()> {
    let stop = Stop::on_ctrl_c()?;
    match command {
        Command::OcrProbe(args) => cmd::ocr_probe::run(args, &stop),
        Command::RepresentationProbe(args) => cmd::representation_probe::run(args, &stop),
        Command::FineGrainedProbe(args) => cmd::fine_grained_probe::run(args, &stop),
        Command::Study(args) => cmd::study::run(args, &stop),
        Command::Slurm(args) => cmd::slurm::run(args),
        Command::Cell(args) => cmd::cell::run(args, &stop),
        Command::Merge(args) => cmd::merge::run(args, &stop),
        Command::Status(args) => cmd::status::run(args),
        Command::Plan(args) => cmd::plan::run(args, &stop),
        Command::MatchNoise(args) => cmd::match_noise::run(args, &stop),
        Command::Claims(args) => cmd::claims::run(args, &stop),
        Command::Render(args) => cmd::render::run(args, &stop),
        Command::PretrainBackbone(args) => cmd::pretrain_backbone::run(args, &stop),
        Command::Report(args) => cmd::report::run(args, &stop),
        Command::Backends(args) => cmd::backends::run(args, &stop),
        Command::Data { command } => cmd::data::run(command, &stop),
        Command::Docs(args) => cmd::docs::run(args),
        Command::HowManyWords(args) => cmd::how_many_words::run(args),
        Command::Encode(args) => cmd::encode::run(args, &stop),
        Command::Words(args) => cmd::words::run(args, &stop),
        Command::Inspect(args) => cmd::inspect::run(args, &stop),
        Command::Parity(args) => cmd::parity::run(args),
    }
}
