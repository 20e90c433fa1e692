//! What a report says, as plain data.

/// One run, from the answer down to its provenance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Headline.
    pub title: String,
    /// What was asked.
    pub question: String,
    /// The answer, paragraph by paragraph; the first one stands out and holds the numbers.
    pub answer: Vec<String>,
    /// Numbers to remember, shown below the answer.
    pub key_numbers: Vec<KeyNumber>,
    /// What a reader has to know before using the numbers.
    pub warnings: Vec<String>,
    /// Claims, each with its verdict.
    pub claims: Vec<Claim>,
    /// Integrity checks.
    pub gates: Vec<Gate>,
    /// Figures, tables and text.
    pub sections: Vec<Section>,
    /// The resolved configuration as TOML; empty if there is none to show.
    pub configuration: String,
    /// Where the run came from, as names and values.
    pub provenance: Vec<(String, String)>,
}

/// A number to remember.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyNumber {
    /// What it measures.
    pub label: String,
    /// The number with its unit.
    pub value: String,
    /// Interval, sample size or other remark; may be empty.
    pub note: String,
}

/// A claim and what the data say about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// Its short name, such as `H1`.
    pub id: String,
    /// What is claimed.
    pub text: String,
    /// What became of it.
    pub verdict: Verdict,
    /// Size of the effect with its unit, such as `+1.7 points`.
    pub effect: Option<String>,
    /// Interval of the effect with its level, such as `95% [1.2, 2.3]`.
    pub interval: Option<String>,
    /// p of its test, between 0 and 1.
    pub p: Option<f64>,
    /// p after correction for the number of claims, between 0 and 1.
    pub adjusted_p: Option<f64>,
    /// What the test is over, such as `10 seeds`.
    pub n: Option<String>,
    /// The verdict in words, with its reason.
    pub sentence: String,
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The data speak for it.
    Supported,
    /// The data speak against it.
    Refuted,
    /// The data do not decide.
    Undecided,
    /// An integrity check failed or a measurement is missing, so no verdict is given.
    Withheld,
}

impl Verdict {
    /// All of them, in the order in which they are counted.
    pub const ALL: [Self; 4] = [
        Self::Supported,
        Self::Refuted,
        Self::Undecided,
        Self::Withheld,
    ];

    /// The verdict in a word or two.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Supported => "supported",
            Self::Refuted => "refuted",
            Self::Undecided => "undecided",
            Self::Withheld => "no verdict",
        }
    }
}

/// An integrity check.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    /// What has to hold.
    pub name: String,
    /// Whether it does.
    pub state: GateState,
    /// How one knows.
    pub reason: String,
}

/// What an integrity check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateState {
    /// It holds.
    Passed,
    /// It does not hold.
    Failed,
    /// The run has nothing to check it with.
    NotMeasured,
}

impl GateState {
    /// The state in a word or two.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::NotMeasured => "not measured",
        }
    }
}

/// A part of the page with its own entry in the table of contents.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Section {
    /// Its heading.
    pub heading: String,
    /// What it holds, from top to bottom.
    pub blocks: Vec<Block>,
}

impl Section {
    /// An empty section.
    pub fn new(heading: impl Into<String>) -> Self {
        Self {
            heading: heading.into(),
            blocks: Vec::new(),
        }
    }

    /// Appends a heading one level below the section's.
    pub fn heading(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Heading(text.into()));
    }

    /// Appends a paragraph.
    pub fn paragraph(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Paragraph(text.into()));
    }

    /// Appends a list.
    pub fn bullets(&mut self, items: Vec<String>) {
        self.blocks.push(Block::Bullets(items));
    }

    /// Appends a table.
    pub fn table(&mut self, table: Table) {
        self.blocks.push(Block::Table(table));
    }

    /// Appends a figure.
    pub fn figure(&mut self, figure: Figure) {
        self.blocks.push(Block::Figure(figure));
    }
}

/// A piece of a section.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// A heading one level below the section's.
    Heading(String),
    /// Running text.
    Paragraph(String),
    /// A list.
    Bullets(Vec<String>),
    /// A table.
    Table(Table),
    /// A figure.
    Figure(Figure),
}

/// A table. Wide ones scroll in a box of their own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// What it shows: read aloud as its name, not displayed.
    pub title: String,
    /// One per column.
    pub columns: Vec<Column>,
    /// Cells, row by row, one per column.
    pub rows: Vec<Vec<String>>,
}

/// The head of a column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// What stands in it.
    pub heading: String,
    /// Where its cells line up.
    pub align: Align,
}

impl Column {
    /// A column of text, lined up at the left.
    pub fn text(heading: impl Into<String>) -> Self {
        Self {
            heading: heading.into(),
            align: Align::Left,
        }
    }

    /// A column of numbers, lined up at the right.
    pub fn number(heading: impl Into<String>) -> Self {
        Self {
            heading: heading.into(),
            align: Align::Right,
        }
    }
}

/// Where the cells of a column line up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text; long cells are broken into lines.
    Left,
    /// Numbers, with digits of one width; not broken into lines.
    Right,
}

/// A picture with what one needs to read it.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What it shows.
    pub title: String,
    /// One sentence on how to read it.
    pub how_to_read: String,
    /// The picture itself.
    pub picture: Picture,
    /// The file with the numbers behind it, relative to the report; may be empty.
    pub data_file: String,
}

/// A picture.
#[derive(Clone, PartialEq)]
pub enum Picture {
    /// Text of an SVG file. It becomes part of the page, so it may hold drawing elements only, and
    /// refer to nothing outside of itself.
    Svg(String),
    /// Bytes of a PNG file.
    Png(Vec<u8>),
}

impl std::fmt::Debug for Picture {
    /// The kind and the size: nobody reads the bytes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Svg(text) => write!(f, "Svg({} bytes)", text.len()),
            Self::Png(bytes) => write!(f, "Png({} bytes)", bytes.len()),
        }
    }
}
