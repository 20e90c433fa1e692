//! Rules and gates that the first registration of the study does not use, or not in this way.

#[path = "../support/mod.rs"]
mod support;

mod along_training;
mod best_of;
mod pairs;
mod rungs;
mod saturating_knee;
mod usage_given;

use claims::{Measurements, Registration, Report, evaluate};

const SETTINGS: &str = "[settings]\nalpha = 0.05\nlevel = 0.95\ndraws = 300\npermutations = 299\n\
                        seed = 1\nfewest_clusters = 5\n";

/// A registration with fewer draws than the study's.
fn registration(text: &str) -> Registration {
    Registration::from_toml(&format!("{SETTINGS}{text}")).expect("a sound registration")
}

/// Why a registration is refused.
fn refusal(text: &str) -> String {
    let refused = Registration::from_toml(&format!("{SETTINGS}{text}"));
    refused.expect_err("an unsound registration").to_string()
}

/// A primary claim of one part.
fn claim(id: &str, part: &str) -> String {
    format!(
        "[[claims]]\nid = \"{id}\"\ntext = \"t\"\nfamily = \"primary\"\n[[claims.parts]]\n{part}\n"
    )
}

fn found(text: &str, measurements: &Measurements) -> Report {
    let report = evaluate(&registration(text), measurements).expect("synthetic arms pair");
    for claim in &report.claims {
        println!("{}: {:?}: {}", claim.id, claim.verdict, claim.words);
    }
    for gate in &report.gates {
        println!(
            "{}: {:?}: {} {:?}",
            gate.id, gate.state, gate.words, gate.blocks
        );
    }
    report
}
