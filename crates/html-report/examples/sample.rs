//! A page with made-up numbers, to look at in a browser:
//! `cargo run -p html-report --example sample -- PAGE.html [FIGURE.svg ...]`

use html_report::{
    Claim, Column, Figure, Gate, GateState, KeyNumber, Picture, Report, Section, Table, Verdict,
};
use std::error::Error;
use std::path::Path;

const HOSTILE: &str = "<script>alert(1)</script> \"quoted\" & 'so' =cmd() ";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let page = arguments.next().ok_or("name the page to write")?;
    let mut figures = Section::new("Figures");
    for path in arguments {
        let name = Path::new(&path).file_stem().unwrap_or_default();
        figures.figure(Figure {
            title: name.to_string_lossy().replace('_', " "),
            how_to_read: "each row is an arm; left is better.".to_owned(),
            picture: Picture::Svg(std::fs::read_to_string(&path)?),
            data_file: format!("plots/{}.csv", name.to_string_lossy()),
        });
    }
    std::fs::write(page, html_report::render(&report(figures))?)?;
    Ok(())
}

fn report(figures: Section) -> Report {
    let long = "0123456789abcdef".repeat(30);
    let mut hostile = Section::new(format!("Hostile text {HOSTILE}"));
    hostile.paragraph(format!("{HOSTILE} `{HOSTILE}` **{HOSTILE}** {long}"));
    hostile.heading("Many columns");
    let mut columns = vec![Column::text("arm")];
    columns.extend((0..24).map(|column| Column::number(format!("column {column}"))));
    let cells = |arm: &str| {
        let numbers = (0..24).map(|n| format!("{n}.5% [0.48, {n}.17]"));
        std::iter::once(arm.to_owned()).chain(numbers).collect()
    };
    hostile.table(Table {
        title: "many columns".to_owned(),
        columns,
        rows: vec![cells("`vet-softmax@1024`"), cells(HOSTILE), cells(&long)],
    });
    Report {
        title: "Made-up numbers".to_owned(),
        question: format!("Does the page stand {HOSTILE}?"),
        answer: vec![
            "It does: `vet-softmax@1024` loses −0.09 points [−0.32, 0.08], **made up**.".to_owned(),
            format!("A very long word: {long}"),
        ],
        key_numbers: [
            "at 1 character per token",
            "at 2 characters per token",
            &long,
        ]
        .map(|label| KeyNumber {
            label: label.to_owned(),
            value: "+1.7 points".to_owned(),
            note: "95% [1.2, 2.3], best of 9 arms".to_owned(),
        })
        .to_vec(),
        warnings: vec!["The numbers are made up.".to_owned()],
        claims: claims(),
        gates: [GateState::Passed, GateState::Failed, GateState::NotMeasured]
            .map(|state| Gate {
                name: "the floor, `blind`, is at chance".to_owned(),
                state,
                reason: format!("97.3% of the places are read wrong; {HOSTILE}"),
            })
            .to_vec(),
        sections: vec![figures, hostile],
        configuration: format!(
            "preset = \"sample\"\nhostile = '''{HOSTILE}'''\nlong = \"{long}\"\n"
        ),
        provenance: vec![
            ("commit".to_owned(), "0123abc".to_owned()),
            (HOSTILE.to_owned(), long),
        ],
    }
}

fn claims() -> Vec<Claim> {
    let numbered = Verdict::ALL.into_iter().zip(1..);
    numbered
        .map(|(verdict, number)| Claim {
            id: format!("H{number}"),
            text: format!("Claim {number} holds at 1 character per token {HOSTILE}"),
            verdict,
            effect: Some("+1.7 points".to_owned()),
            interval: Some("95% [1.2, 2.3]".to_owned()),
            p: Some(0.002),
            adjusted_p: Some(0.0002),
            n: Some("10 seeds".to_owned()),
            sentence: format!("It is {}, since the numbers are made up.", verdict.label()),
        })
        .collect()
}
