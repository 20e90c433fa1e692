//! The model laid out for the template: names to link to, numbers in words, pictures inlined.

use crate::anchor::Anchors;
use crate::error::ReportError;
use crate::markup::Marked;
use crate::model::{
    Align, Block, Claim, Column, Figure, GateState, Picture, Report, Section, Table, Verdict,
};
use crate::picture::{self, Spoken};
use askama::Template;

/// Below this, p-values are not told apart.
const SMALLEST_SHOWN_P: f64 = 0.001;

/// `templates/report.html`, which includes `templates/report.css`.
#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    report: &'a Report,
    contents: Vec<Entry<'a>>,
    fixed: Fixed,
    claim_counts: String,
    claims: Vec<ClaimView<'a>>,
    sections: Vec<SectionView<'a>>,
}

/// An entry of the table of contents.
struct Entry<'a> {
    anchor: String,
    text: &'a str,
}

/// Anchors of the parts that every report has.
struct Fixed {
    answer: String,
    warnings: String,
    claims: String,
    checks: String,
    configuration: String,
    provenance: String,
}

struct ClaimView<'a> {
    anchor: String,
    claim: &'a Claim,
    /// Names and values of what was measured.
    facts: Vec<(&'static str, String)>,
}

struct SectionView<'a> {
    anchor: String,
    heading: &'a str,
    blocks: Vec<BlockView<'a>>,
}

enum BlockView<'a> {
    Heading(&'a str),
    Paragraph(&'a str),
    Bullets(&'a [String]),
    Table(&'a Table),
    Figure(FigureView<'a>),
}

struct FigureView<'a> {
    anchor: String,
    number: usize,
    figure: &'a Figure,
    picture: PictureView,
}

enum PictureView {
    /// An `svg` element, made of checked elements and escaped text.
    Svg(String),
    /// The address of an image with its width and height in pixels.
    Png(String, u32, u32),
}

pub(crate) fn render(report: &Report) -> Result<String, ReportError> {
    if report.answer.iter().all(|text| text.trim().is_empty()) {
        return Err(ReportError::NoAnswer {
            title: report.title.clone(),
        });
    }
    let mut layout = Layout::default();
    let fixed = layout.fixed();
    let claims = layout.claims(&report.claims)?;
    let sections = layout.sections(&report.sections)?;
    let page = Page {
        report,
        contents: contents(report, &fixed, &sections),
        fixed,
        claim_counts: claim_counts(&report.claims),
        claims,
        sections,
    };
    Ok(page.render()?)
}

/// Gives out names and numbers from top to bottom.
#[derive(Default)]
struct Layout {
    anchors: Anchors,
    figures: usize,
}

impl Layout {
    fn fixed(&mut self) -> Fixed {
        let mut name = |text| self.anchors.name(text);
        Fixed {
            answer: name("answer"),
            warnings: name("warnings"),
            claims: name("claims"),
            checks: name("checks"),
            configuration: name("configuration"),
            provenance: name("provenance"),
        }
    }

    fn claims<'a>(&mut self, claims: &'a [Claim]) -> Result<Vec<ClaimView<'a>>, ReportError> {
        claims
            .iter()
            .map(|claim| {
                Ok(ClaimView {
                    anchor: self.anchors.name(&format!("claim {}", claim.id)),
                    claim,
                    facts: facts(claim)?,
                })
            })
            .collect()
    }

    fn sections<'a>(
        &mut self,
        sections: &'a [Section],
    ) -> Result<Vec<SectionView<'a>>, ReportError> {
        sections
            .iter()
            .map(|section| {
                let anchor = self.anchors.name(&section.heading);
                let blocks = section.blocks.iter().map(|block| self.block(block));
                Ok(SectionView {
                    anchor,
                    heading: &section.heading,
                    blocks: blocks.collect::<Result<_, ReportError>>()?,
                })
            })
            .collect()
    }

    fn block<'a>(&mut self, block: &'a Block) -> Result<BlockView<'a>, ReportError> {
        Ok(match block {
            Block::Heading(text) => BlockView::Heading(text),
            Block::Paragraph(text) => BlockView::Paragraph(text),
            Block::Bullets(items) => BlockView::Bullets(items),
            Block::Table(table) => {
                check_rows(table)?;
                BlockView::Table(table)
            }
            Block::Figure(figure) => BlockView::Figure(self.figure(figure)?),
        })
    }

    fn figure<'a>(&mut self, figure: &'a Figure) -> Result<FigureView<'a>, ReportError> {
        self.figures += 1;
        let number = self.figures;
        let anchor = self.anchors.name(&format!("figure {number}"));
        let picture = match &figure.picture {
            Picture::Svg(svg) => {
                let spoken = Spoken {
                    title: &figure.title,
                    description: &figure.how_to_read,
                };
                picture::inline_svg(svg, &anchor, spoken).map(PictureView::Svg)
            }
            Picture::Png(bytes) => picture::png_address(bytes)
                .map(|(address, width, height)| PictureView::Png(address, width, height)),
        };
        let picture = picture.map_err(|problem| ReportError::Picture {
            figure: figure.title.clone(),
            problem,
        })?;
        Ok(FigureView {
            anchor,
            number,
            figure,
            picture,
        })
    }
}

impl Page<'_> {
    /// Running text for the template.
    fn marked<'t>(&self, text: &'t str) -> Marked<'t> {
        Marked(text)
    }
}

impl Column {
    /// Class of its cells.
    fn class(&self) -> &'static str {
        match self.align {
            Align::Left => "text",
            Align::Right => "number",
        }
    }
}

impl Verdict {
    /// Class of its badge, which also sets its sign.
    fn class(self) -> &'static str {
        match self {
            Self::Supported => "good",
            Self::Refuted => "bad",
            Self::Undecided => "open",
            Self::Withheld => "none",
        }
    }
}

impl GateState {
    /// Class of its badge.
    fn class(self) -> &'static str {
        match self {
            Self::Passed => "good",
            Self::Failed => "bad",
            Self::NotMeasured => "none",
        }
    }
}

fn contents<'a>(report: &Report, fixed: &Fixed, sections: &[SectionView<'a>]) -> Vec<Entry<'a>> {
    let mut contents = Vec::new();
    let mut add = |anchor: &str, text: &'a str, is_there: bool| {
        if is_there {
            let anchor = anchor.to_owned();
            contents.push(Entry { anchor, text });
        }
    };
    add(&fixed.answer, "Answer", true);
    add(&fixed.warnings, "Before use", !report.warnings.is_empty());
    add(&fixed.claims, "Claims", !report.claims.is_empty());
    add(&fixed.checks, "Integrity checks", !report.gates.is_empty());
    for section in sections {
        add(&section.anchor, section.heading, true);
    }
    let has_configuration = !report.configuration.is_empty();
    add(&fixed.configuration, "Configuration", has_configuration);
    let has_provenance = !report.provenance.is_empty();
    add(&fixed.provenance, "Provenance", has_provenance);
    contents
}

/// `12 claims: 3 supported, 1 refuted`.
fn claim_counts(claims: &[Claim]) -> String {
    let counts = Verdict::ALL.into_iter().filter_map(|verdict| {
        let count = claims.iter().filter(|claim| claim.verdict == verdict);
        let count = count.count();
        (count > 0).then(|| format!("{count} {}", verdict.label()))
    });
    let counts: Vec<String> = counts.collect();
    let noun = if claims.len() == 1 { "claim" } else { "claims" };
    format!("{} {noun}: {}.", claims.len(), counts.join(", "))
}

/// What was measured for a claim, as names and values.
fn facts(claim: &Claim) -> Result<Vec<(&'static str, String)>, ReportError> {
    let mut facts = Vec::new();
    let mut add = |name, value: Option<String>| facts.extend(value.map(|value| (name, value)));
    add("effect", claim.effect.clone());
    add("interval", claim.interval.clone());
    for (name, p) in [("p", claim.p), ("adjusted p", claim.adjusted_p)] {
        let Some(value) = p else { continue };
        if !(0.0..=1.0).contains(&value) {
            return Err(ReportError::Probability {
                claim: claim.id.clone(),
                name,
                value,
            });
        }
        add(name, Some(probability(value)));
    }
    add("n", claim.n.clone());
    Ok(facts)
}

/// Three decimals, or a bound below them.
fn probability(p: f64) -> String {
    if p < SMALLEST_SHOWN_P {
        format!("< {SMALLEST_SHOWN_P}")
    } else {
        format!("{p:.3}")
    }
}

fn check_rows(table: &Table) -> Result<(), ReportError> {
    let expected = table.columns.len();
    let mut rows = table.rows.iter().enumerate();
    match rows.find(|(_, row)| row.len() != expected) {
        None => Ok(()),
        Some((index, row)) => Err(ReportError::Row {
            table: table.title.clone(),
            row: index + 1,
            expected,
            found: row.len(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_probabilities_are_bounds() {
        assert_eq!(probability(0.0004), "< 0.001");
        assert_eq!(probability(0.001_953), "0.002");
        assert_eq!(probability(1.0), "1.000");
    }
}
