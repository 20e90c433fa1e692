//! Cells of earlier runs are found by `ProbeConfig::cell_identity`, so its text must not change.

#![allow(clippy::unwrap_used)]

use probe::{ImageSource, ProbeConfig};
use probe_data::Relabelling;
use sha2::{Digest, Sha256};

/// The settings of a published run.
macro_rules! published {
    ($run:literal) => {
        include_str!(concat!("../../../results/published/", $run, "/config.toml"))
    };
}

const TEXT: &str = published!("connectors");
const VERNIER: &str = published!("fine-grained-quick/fine-grained-vernier");
const PERCEPTION: &str = "perception = \"vernier\"";

fn parsed(text: &str) -> ProbeConfig {
    toml::from_str(text).unwrap()
}

fn hash(config: &ProbeConfig) -> String {
    let hash = Sha256::digest(config.cell_identity().unwrap());
    format!("{hash:x}")[..16].to_owned()
}

/// Hashes by version 0.1, which found its cells by them.
#[test]
fn the_identity_of_cells_is_that_of_version_0_1() {
    let strip = TEXT
        .replace("layout = \"grid\"", "layout = \"strip\"")
        .replace("reader = \"anchored\"", "reader = \"ctc\"")
        .replacen(
            "seed = 1\n",
            "seed = 1\nfonts = \"some/fonts\"\ntest_data = \"lmdb:some/test\"\n\
             train_data = \"rendered+gt:some/train\"\n",
            1,
        );
    let photographs = VERNIER.replace(PERCEPTION, "photographs = \"folder:some/photographs\"");
    let cropped = VERNIER.replace(
        PERCEPTION,
        "photographs = \"cub:some/birds\"\nskip_broken = true\nbox_margin = 0.25",
    );
    let control = published!("study-quick/control-control");
    for (text, expected) in [
        (TEXT, "e83bf334e88fd5cb"),
        (&strip, "86f121c71b5cb311"),
        (control, "5bfa09955c11d91c"),
        (published!("study-quick/coarse-face"), "16be544cf5bb17bc"),
        (published!("study-quick/coarse-slant"), "986c2be3d828c144"),
        (VERNIER, "6d32a0b68ad1c170"),
        (&photographs, "5cf6a59b1e94b0e0"),
        (&cropped, "31147c9c758eb77e"),
    ] {
        let config = parsed(text);
        config.check().unwrap();
        assert_eq!(hash(&config), expected, "{text}");
        assert_eq!(
            toml::to_string(&config).unwrap(),
            text,
            "written as it was read"
        );
    }
    // What decides the images does not get lost with their place.
    assert_ne!(hash(&parsed(&photographs)), hash(&parsed(&cropped)));
}

#[test]
fn sources_that_exclude_each_other_are_refused_with_the_remedy() {
    let refused = |settings: &str, parts: &[&str]| {
        let text = VERNIER.replace(PERCEPTION, settings);
        let error = toml::from_str::<ProbeConfig>(&text).unwrap_err();
        for part in parts {
            assert!(
                error.message().contains(part),
                "{settings}: {}",
                error.message()
            );
        }
    };
    let own = ["data.perception", "data.photographs", "name one"];
    for settings in [
        "perception = \"vernier\"\nphotographs = \"folder:a\"",
        "perception = \"vernier\"\ntask = \"face\"",
        "photographs = \"folder:a\"\ntest_data = \"folder:b\"",
        "perception = \"vernier\"\ntrain_data = \"rendered\"",
    ] {
        refused(settings, &own);
    }
    let rendered = ["`face`", "--dataset", "--train-dataset"];
    refused("task = \"face\"\ntest_data = \"folder:b\"", &rendered);
    let photographs = ["data.box_margin", "data.photographs"];
    refused("box_margin = 0.1", &photographs);
    refused("perception = \"vernier\"\nskip_broken = true", &photographs);
    refused("task = \"read\"", &["`read`", "`text`", "`control`"]);
    refused(
        "perceptions = \"vernier\"",
        &["`perceptions`", "`perception`"],
    );
}

#[test]
fn a_plain_name_of_the_task_is_a_source() {
    let source = |settings: &str| parsed(&VERNIER.replace(PERCEPTION, settings)).data.source;
    assert_eq!(source("task = \"text\""), ImageSource::default());
    assert_eq!(source("train_data = \"rendered\""), ImageSource::default());
    let slant = ImageSource::Relabelled(Relabelling::Slant);
    assert_eq!(source("task = \"slant\""), slant);
}
