//! `fine-grained-probe`: what does each projector cost in fine detail?

use super::study;
use crate::stop::Stop;
use crate::study::Section;
use anyhow::Result;

/// Trains the same probe behind each projector on fine-grained tasks and reports thresholds.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    #[command(flatten)]
    study: study::Common,
}

/// # Errors
/// As [`study::run`].
pub fn run(args: &Args, stop: &Stop) -> Result<()> {
    args.study
        .run(&[Section::FineGrained], "fine-grained", stop)
}
