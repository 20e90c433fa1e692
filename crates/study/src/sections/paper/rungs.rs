//! Bits per token and bits in use: does each rung of the ladder read better, and do used bits decide?

use super::{by_load, quantiser, run, table};
use crate::design::vocabulary;
use crate::figure::StudyFigure;
use crate::scale::Scale;
use crate::section::Section;
use crate::sections::rate_ladder::{RATE_LADDER, rate_ladder};
use crate::sections::{Definition, Findings, FineGrained, StudyResults};
use anyhow::Result;
use probe::ProbeConfig;
use text_images::Charset;

pub(in crate::sections) const DEFINITION: Definition = Definition {
    findings,
    ..Definition::new(
        "rungs",
        "Does every further bit per token improve reading after long training?",
        runs,
    )
};

/// Bits of the single codes: the text of a token has 10.3.
const BITS: [u32; 6] = [6, 8, 10, 12, 14, 16];

/// Vector quantisation on every rung, other kinds of code on some, so that codes of the same size differ in the
/// bits that they use.
fn runs(scale: &Scale, _: &FineGrained) -> Vec<(String, ProbeConfig)> {
    let most = scale.largest_vocabulary.ilog2();
    let mut names = vec!["patch-merger".to_owned()];
    for bits in BITS.into_iter().filter(|&bits| bits <= most) {
        names.push(quantiser(1 << bits));
        if bits <= 12 {
            names.push(format!("vet-st-argmax@{}+usage", vocabulary(bits)));
        }
        if bits >= 10 {
            names.push(format!("simvq@{}", 1_usize << bits));
        }
    }
    // Two codes of 8 bits stand beside one of 16.
    let codes = 1_usize << most.min(8);
    names.extend([2, 4, 8].map(|several| format!("rvq@{codes}+codes{several}")));
    let mut config = run(scale, Charset::Alnum36, 2.0, &names);
    config.usage_tokens = scale.usage_tokens;
    vec![(String::new(), config)]
}

fn findings(study: &StudyResults<'_>) -> Result<Findings> {
    let tables = table(
        "rungs",
        "Character error rate by bits per token",
        "The number behind @ is that of the words, of tables 4 more: 1,024 (`@1028`) are 10 bits. The text has 10.3 bits \
         per token.",
        &by_load(study.of(Section::Rungs)),
    );
    let ladder = study.of(Section::Rungs).next().and_then(rate_ladder);
    Ok(Findings {
        figures: StudyFigure::of("rungs", RATE_LADDER, ladder)
            .into_iter()
            .collect(),
        tables: tables.into_iter().collect(),
        ..Findings::default()
    })
}
