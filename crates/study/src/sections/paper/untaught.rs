//! The same arms behind a tower that was never taught to read.

use super::{by_load, headline, run, table};
use crate::scale::Scale;
use crate::section::Section;
use crate::sections::{Definition, Findings, FineGrained, StudyResults};
use anyhow::Result;
use probe::{ProbeConfig, Replication};
use std::path::PathBuf;
use text_images::Charset;

/// It painted in hidden patches of the same images and saw no label.
const TOWER: &str = "data/backbones/small-vit-fill-in.safetensors";

pub(in crate::sections) const DEFINITION: Definition = Definition {
    findings,
    ..Definition::new(
        "untaught",
        "Is the order of connectors the same behind a tower that was not taught to read?",
        runs,
    )
};

/// Seeds have training images of their own and share the tower, of which there is one.
fn runs(scale: &Scale, _: &FineGrained) -> Vec<(String, ProbeConfig)> {
    let mut config = run(scale, Charset::Printable94, 1.0, &headline(scale));
    config.backbone = PathBuf::from(TOWER);
    config.replication = match config.replication {
        Replication::Start => Replication::Start,
        Replication::Images | Replication::Towers => Replication::Images,
    };
    vec![(String::new(), config)]
}

fn findings(study: &StudyResults<'_>) -> Result<Findings> {
    let tables = table(
        "untaught",
        "Character error rate behind a tower that was not taught to read",
        "The tower is the same for all seeds: intervals are over training images, starts and fonts.",
        &by_load(study.of(Section::Untaught)),
    );
    Ok(Findings {
        tables: tables.into_iter().collect(),
        ..Findings::default()
    })
}
