//! What `encode` prints.

use super::Encoding;
use super::words::MASSES;
use comfy_table::{CellAlignment, Table, presets};
use std::path::{Path, PathBuf};
use text_images::names::escaped;

/// A row per image.
#[must_use]
pub fn table(images: &[PathBuf], encodings: &[Encoding]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    let vocabulary = encodings.iter().any(|encoding| encoding.words.is_some());
    let mut header = ["image", "patches", "tokens", "width", "seconds"]
        .map(str::to_owned)
        .to_vec();
    if vocabulary {
        header.extend(["entropy", "perplexity", "best words"].map(str::to_owned));
        header.extend(MASSES.map(|count| format!("top-{count} mass")));
    }
    let columns = header.len();
    table.set_header(header);
    for column in 2..columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for (image, encoding) in images.iter().zip(encodings) {
        let first = encoding.grids[0];
        let patches = match encoding.grids.len() {
            1 if first.frames == 1 => format!("{} x {}", first.rows, first.cols),
            1 => first.to_string(),
            tiles => format!("{tiles} tiles of {} x {}", first.rows, first.cols),
        };
        let mut row = vec![
            name_of(image),
            patches,
            encoding.embeddings.shape[0].to_string(),
            encoding.embeddings.shape[1].to_string(),
            format!("{:.2}", encoding.time.as_secs_f64()),
        ];
        if let Some(words) = &encoding.words {
            row.push(format!("{:.2} bits", words.mean_entropy_bits()));
            row.push(format!("{:.1}", words.perplexity()));
            row.push(words.distinct_best().to_string());
            row.extend(
                words
                    .mean_masses()
                    .map(|mass| format!("{:.1}%", 100.0 * mass)),
            );
        }
        table.add_row(row);
    }
    table
}

/// A tab or a line break in a name would break the row, and other control characters the terminal.
fn name_of(image: &Path) -> String {
    let name = escaped(image.file_name().unwrap_or(image.as_os_str()));
    let mut shown = String::with_capacity(name.len());
    for character in name.chars() {
        match character.is_control() {
            true => shown.extend(character.escape_default()),
            false => shown.push(character),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_of_file_names_are_escaped() {
        let name = |path: &str| name_of(Path::new(path));
        assert_eq!(name("scans/a\tb\n.png"), "a\\tb\\n.png");
        assert_eq!(name("\u{1b}[2J.png"), "\\u{1b}[2J.png");
        assert_eq!(name("scans/Größe 日.png"), "Größe 日.png");
    }
}
