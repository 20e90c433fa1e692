//! A reader that writes from left to right, on text that it can foresee and on text that it cannot.

use super::{rows, run, table};
use crate::part::PartResult;
use crate::scale::Scale;
use crate::section::Section;
use crate::sections::{Definition, Findings, FineGrained, StudyResults};
use anyhow::Result;
use probe::{ProbeConfig, ReaderKind};
use text_images::{Charset, Content};

/// Text of 1 bit per character where the one before it is known, text of as many bits as there are, and, as a
/// control that no claim asks for, text of 1 bit where the two before are known: there the two characters of a
/// token tell nothing of each other, and only a reader that knows more than the token can foresee.
const SOURCES: [&str; 3] = ["markov:1", "random", "markov:1:2"];

pub(in crate::sections) const DEFINITION: Definition = Definition {
    findings,
    ..Definition::new(
        "language",
        "Does a reader that knows the language hide what hard words lose?",
        runs,
    )
};

fn runs(scale: &Scale, _: &FineGrained) -> Vec<(String, ProbeConfig)> {
    let rows = rows(scale);
    let names = [
        "patch-merger".to_owned(),
        format!("gelu-mlp@{rows}"),
        format!("vet-softmax@{rows}"),
        format!("vet-st-argmax@{rows}+usage"),
        "blind".to_owned(),
    ];
    let of_source = |source: &str| {
        let content: Content = source.parse().expect("the sources are spelt as they parse");
        let mut config = run(scale, Charset::Alnum36, 2.0, &names);
        config.reader = ReaderKind::Causal;
        config.data.train_contents = vec![content];
        config.data.test_contents = vec![content];
        config.training.steps = scale.compression.steps;
        config.training.batch = scale.compression.batch;
        // A transformer from nothing wants smaller steps than a projector.
        config.training.rates_of_arms.clear();
        config
            .training
            .learning_rates
            .clone_from(&scale.compression.rates);
        (source.replace(':', "-"), config)
    };
    SOURCES.map(of_source).into()
}

fn findings(study: &StudyResults<'_>) -> Result<Findings> {
    let columns: Vec<(String, &PartResult)> = study
        .of(Section::Language)
        .map(|result| (result.part.config.data.test_contents[0].to_string(), result))
        .collect();
    let tables = table(
        "language",
        "Character error rate of the causal reader",
        "2 of 36 characters per token. Two neighbours, which is what a token holds, have 6.2 bits in `markov:1` and fit \
         into a word of 10 bits whatever the reader knows. In `markov:1:2` and `random` they have 10.3, so what is \
         gained in `markov:1:2` is the reader's. `blind` writes without an image.",
        &columns,
    );
    Ok(Findings {
        tables: tables.into_iter().collect(),
        ..Findings::default()
    })
}
