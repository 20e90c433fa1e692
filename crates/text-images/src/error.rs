//! What can go wrong, and what to do about it.

use std::path::PathBuf;
use std::sync::Arc;

use crate::corpus::shown;
use crate::{BitsPerChar, Charset, Content, MAX_MARKOV_ORDER, MIN_CELL_PX, Split};

/// Any failure of this crate. Every message names the thing and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages describe the fields")]
pub enum Error {
    #[error("unknown charset `{name}`; known are 10, 16, 36, 62, 94")]
    UnknownCharset { name: String },

    #[error("unknown split `{name}`; known are train, validation, test")]
    UnknownSplit { name: String },

    #[error(
        "unknown text source `{name}`; known are random, words, print, markov:BITS, markov:BITS:ORDER, \
         zipf:BITS and text"
    )]
    UnknownContent { name: String },

    #[error(
        "`photographed` turns and fits whole lines, and the characters of a grid have fixed places; \
         use a strip"
    )]
    PhotographedGrid,

    #[error(
        "text source `{name}`: BITS is a decimal number of bits per character with at most six \
         decimals; write for example markov:2.5 or zipf:2.5"
    )]
    ContentBits { name: String },

    #[error(
        "text source `{name}`: ORDER is the number of characters that the next one depends on; write \
         1 to {MAX_MARKOV_ORDER}"
    )]
    ContentOrder { name: String },

    #[error(
        "text source `{content}` with charset {charset}: 0 to {most} bits per character are possible; \
         lower BITS or choose a larger charset"
    )]
    EntropyOutOfRange {
        content: Content,
        charset: Charset,
        most: BitsPerChar,
    },

    #[error("text source `text` is the text of a file; name the file")]
    CorpusMissing,

    #[error(
        "the text was read for charset {found} and is rendered in charset {charset}; read it again"
    )]
    CorpusCharset { charset: Charset, found: Charset },

    #[error("{}: cannot read the text; check the path and its permissions", path.display())]
    CorpusRead {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },

    #[error("{}: the text is larger than {most_mib} MiB; cut it", path.display())]
    CorpusTooLarge { path: PathBuf, most_mib: u64 },

    #[error(
        "{}: not UTF-8 from byte {byte} on; save the text as UTF-8 (for example with iconv)",
        path.display()
    )]
    CorpusEncoding { path: PathBuf, byte: usize },

    #[error(
        "{}: {outside} of its {others} characters besides white space are not in charset {charset} \
         ({}), and {least_percent}% must be; choose a larger charset or another text",
        path.display(),
        shown(examples)
    )]
    CorpusOutsideCharset {
        path: PathBuf,
        charset: Charset,
        outside: usize,
        others: usize,
        least_percent: usize,
        examples: Vec<char>,
    },

    #[error(
        "{}: {characters} characters of charset {charset}, without white space; give a longer text, \
         of {fewest} at least",
        path.display()
    )]
    CorpusTooShort {
        path: PathBuf,
        charset: Charset,
        characters: usize,
        fewest: usize,
    },

    #[error(
        "the {split} part of the text has {characters} characters, and an image {needed}; give a \
         longer text or lower the density"
    )]
    CorpusPartTooShort {
        split: Split,
        characters: usize,
        needed: usize,
    },

    #[error("charset {charset} cannot spell words; use random content or charset 36, 62 or 94")]
    WordsNeedLetters { charset: Charset },

    #[error(
        "no {split} words fill a line of {length} characters; \
         words need lines of 3 characters or more"
    )]
    WordsDoNotFill { split: Split, length: usize },

    #[error(
        "a {width_px} x {height_px} px image is no whole number of {token_px} px tokens; \
         make both sides a multiple of {token_px}"
    )]
    NotWholeTokens {
        width_px: u32,
        height_px: u32,
        token_px: u32,
    },

    #[error(
        "no grid puts {density} characters on each of {tokens} tokens; \
         possible densities nearby: {}",
        list(nearby)
    )]
    ImpossibleDensity {
        density: f64,
        tokens: usize,
        nearby: Vec<f64>,
    },

    #[error(
        "at {density} characters a token a cell is {cell_px:.1} px wide or high, \
         less than the {MIN_CELL_PX} px that a character needs; \
         possible densities nearby: {}",
        list(nearby)
    )]
    CellTooSmall {
        density: f64,
        cell_px: f64,
        nearby: Vec<f64>,
    },

    #[error(
        "a grid of {columns} x {lines} characters does not fit {width_px} x {height_px} px; \
         it needs at least one column and line, and cells of {MIN_CELL_PX} px or more"
    )]
    UnfitGrid {
        columns: usize,
        lines: usize,
        width_px: u32,
        height_px: u32,
    },

    #[error("a strip of {min_chars} to {max_chars} characters; need 1 <= min_chars <= max_chars")]
    StripLengths { min_chars: usize, max_chars: usize },

    #[error(
        "a strip of {width_px} x {height_px} px cannot hold {max_chars} characters; \
         it holds {longest} at most and must be 12 px high or more"
    )]
    StripTooSmall {
        width_px: u32,
        height_px: u32,
        max_chars: usize,
        longest: usize,
    },

    #[error("an image of {width_px} x {height_px} px; sides must be 1 to {max_side_px} px")]
    ImageSize {
        width_px: u32,
        height_px: u32,
        max_side_px: u32,
    },

    #[error("degradation: {field} is {value}; it must be {expected}")]
    Degradation {
        field: &'static str,
        value: String,
        expected: &'static str,
    },

    #[error("{}: cannot read the font folder; give a readable folder", path.display())]
    FontFolder {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },

    #[error(
        "{}: {families} font families can draw digits{}, and two are needed, one of them \
         held out for the test split; add TTF or OTF files of other families",
        path.display(),
        alike.as_ref().map_or_else(String::new, |families| format!(
            " ({} draw the same outlines and count as one)",
            families.join(", ")
        ))
    )]
    TooFewFamilies {
        path: PathBuf,
        families: usize,
        alike: Option<Vec<String>>,
    },

    #[error(
        "no {role} font can draw charset {charset} (left out: {}); \
         add fonts or choose a smaller charset",
        reasons(left_out)
    )]
    NoUsableFont {
        role: &'static str,
        charset: Charset,
        left_out: Vec<String>,
    },

    #[error("{}: not found; a data set folder needs it, with the columns file,text", path.display())]
    MissingLabels { path: PathBuf },

    #[error("{}: cannot read the labels; check the path and its permissions", path.display())]
    Labels {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },

    #[error(
        "{} line {line}: the text is not UTF-8 but in {found}; save the file as UTF-8 CSV",
        path.display()
    )]
    LabelEncoding {
        path: PathBuf,
        line: u64,
        found: &'static str,
    },

    #[error(
        "{}: no column `{column}` in the header ({}); the first line must name file,text",
        path.display(), found.join(",")
    )]
    MissingColumn {
        path: PathBuf,
        column: &'static str,
        found: Vec<String>,
    },

    #[error(
        "{}: the header names column `{column}` twice ({}); rename one of the two or delete it",
        path.display(), found.join(",")
    )]
    RepeatedColumn {
        path: PathBuf,
        column: &'static str,
        found: Vec<String>,
    },

    #[error("{}: no rows; add one line per image", path.display())]
    NoRows { path: PathBuf },

    #[error("{}: none of its rows can be read ({rows} left out), the first: {first}", path.display())]
    NothingLeft {
        path: PathBuf,
        rows: usize,
        first: Arc<Error>,
    },

    #[error(
        "{} line {line}: a quotation mark opens a field and nothing closes it; close it, or write a \
         text that begins with one as `\"\"\"text\"`",
        path.display()
    )]
    OpenQuote { path: PathBuf, line: u64 },

    #[error(
        "{} line {line}: {found} fields, and the header has {expected}; put a text that holds commas \
         in quotation marks, or complete the line",
        path.display()
    )]
    FieldCount {
        path: PathBuf,
        line: u64,
        found: usize,
        expected: usize,
    },

    #[error("{} line {line}: `{value}` in column {column}; expected {expected}", path.display())]
    InvalidField {
        path: PathBuf,
        line: u64,
        column: &'static str,
        value: String,
        expected: &'static str,
    },

    #[error("{} line {line}: `{file}` has an empty label; give its text or delete the line", path.display())]
    EmptyLabel {
        path: PathBuf,
        line: u64,
        file: String,
    },

    #[error(
        "{} line {line}: `{file}` stands again in line {last}, whose text is taken; delete the wrong line",
        path.display()
    )]
    RepeatedImage {
        path: PathBuf,
        line: u64,
        file: String,
        last: u64,
    },

    #[error(
        "{} line {line}: `{file}` leads out of the folder (links resolved), which is refused: data \
         sets come from strangers; put the image inside, a copy in place of a link (`cp -rL` makes \
         one), and name it relative to the folder", path.display()
    )]
    OutsideFolder {
        path: PathBuf,
        line: u64,
        file: String,
    },

    #[error("{} line {line}: `{file}` is missing; add the image or delete the line", path.display())]
    MissingImage {
        path: PathBuf,
        line: u64,
        file: String,
    },

    #[error("{} (labels line {line}): cannot decode; save it as PNG or JPEG again", path.display())]
    Decode {
        path: PathBuf,
        line: u64,
        #[source]
        source: Box<image_processor::Error>,
    },

    #[error(
        "{} (labels line {line}): {width_px} x {height_px} px is too large; \
         scale it down to at most {max_side_px} px a side and {max_pixels} px in all", path.display()
    )]
    TooLarge {
        path: PathBuf,
        line: u64,
        width_px: u32,
        height_px: u32,
        max_side_px: u32,
        max_pixels: u64,
    },

    #[error("{}: already a data set; choose another folder or delete it first", path.display())]
    AlreadyWritten { path: PathBuf },

    #[error("{}: cannot write; check the path, permissions and free space", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

fn list(densities: &[f64]) -> String {
    if densities.is_empty() {
        return "none at this image size; enlarge the image".to_owned();
    }
    let list: Vec<String> = densities
        .iter()
        .map(|density| density.to_string())
        .collect();
    list.join(", ")
}

fn reasons(left_out: &[String]) -> String {
    if left_out.is_empty() {
        "none".to_owned()
    } else {
        left_out.join("; ")
    }
}
