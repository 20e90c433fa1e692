//! One self-contained HTML page per run: the answer first, then claims with their verdicts,
//! integrity checks, figures and tables, configuration and provenance.
//!
//! [`Report`] is plain data; [`render`] turns it into a page and does nothing else: it reads and
//! writes no file, judges nothing, and its bytes depend on the data alone. The page needs neither
//! network nor script: pictures lie inside it, and its content security policy forbids the browser
//! to load or run anything.
//!
//! Every text of the model is escaped. Running text, list items and table cells may hold two inline
//! marks, `` `code` `` and `**strong**`; a mark without its partner stays as it was written.
//!
//! | Module | What it does |
//! |---|---|
//! | `model` | what a report says |
//! | `markup` | the inline marks |
//! | `picture` | SVG and PNG as parts of the page |
//! | `anchor` | names that links can point to |
//! | `page` | the model laid out for the template in `templates/` |

mod anchor;
mod error;
mod markup;
mod model;
mod page;
mod picture;

pub use error::{PictureProblem, ReportError};
pub use model::{
    Align, Block, Claim, Column, Figure, Gate, GateState, KeyNumber, Picture, Report, Section,
    Table, Verdict,
};

/// The page of a report.
///
/// # Errors
/// If the report has no answer, a table row is longer or shorter than its header, a probability
/// lies outside 0..=1, or a picture is broken or would load or run something.
pub fn render(report: &Report) -> Result<String, ReportError> {
    page::render(report)
}
