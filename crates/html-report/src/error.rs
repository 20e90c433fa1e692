//! What can go wrong while making a page.

/// Why a page could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The report says nothing.
    #[error("the report `{title}` has no answer: give it at least one paragraph")]
    NoAnswer {
        /// Title of the report.
        title: String,
    },

    /// A row does not fit its table.
    #[error(
        "table `{table}`: row {row} has {found} cells for {expected} columns: give one cell per \
         column"
    )]
    Row {
        /// Title of the table.
        table: String,
        /// Number of the row, from 1.
        row: usize,
        /// Number of columns.
        expected: usize,
        /// Number of cells.
        found: usize,
    },

    /// A probability is not one.
    #[error("claim `{claim}`: {name} is {value}, but must lie between 0 and 1")]
    Probability {
        /// Id of the claim.
        claim: String,
        /// Which probability.
        name: &'static str,
        /// The value passed.
        value: f64,
    },

    /// A picture cannot be part of a page.
    #[error("figure `{figure}`: {problem}; draw it again, or pass it as PNG")]
    Picture {
        /// Title of the figure.
        figure: String,
        /// What is wrong with it.
        problem: PictureProblem,
    },

    /// The template could not be filled in.
    #[error("cannot fill in the template of the report")]
    Template(#[from] askama::Error),
}

/// What is wrong with a picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureProblem {
    /// The file is not well-formed.
    #[error("its SVG is not well-formed ({0})")]
    Malformed(String),

    /// The file is well-formed, but something else.
    #[error("it is no SVG picture: {0}")]
    NotSvg(&'static str),

    /// An element that runs code, styles the page around the picture, or is unknown.
    #[error("its SVG holds <{0}>, which has no place in a self-contained page")]
    Element(String),

    /// An attribute that runs code.
    #[error("its SVG holds the event handler `{0}`, which has no place in a self-contained page")]
    Handler(String),

    /// A reference to something outside of the picture.
    #[error("its SVG refers to `{0}` outside of itself")]
    External(String),

    /// The bytes are not those of a PNG file.
    #[error("it is no PNG picture")]
    NotPng,
}
