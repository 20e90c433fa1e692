//! Sections that grow from top to bottom, and their Markdown.

use html_report::{Align, Block, Column, Section, Table};

/// Sections of a page; everything goes to the end of the last one.
#[derive(Default)]
pub(super) struct Page {
    pub sections: Vec<Section>,
}

impl Page {
    /// A page that starts with an empty section.
    pub fn new(heading: &str) -> Self {
        Self {
            sections: vec![Section::new(heading)],
        }
    }

    pub fn section(&mut self, heading: &str) {
        self.sections.push(Section::new(heading));
    }

    pub fn heading(&mut self, text: &str) {
        self.last().heading(text);
    }

    pub fn paragraph(&mut self, text: &str) {
        self.last().paragraph(text);
    }

    pub fn bullets(&mut self, items: &[String]) {
        self.last().bullets(items.to_vec());
    }

    /// A table under the last heading, whose first column is text and whose others are numbers.
    pub fn table(&mut self, header: &[&str], rows: Vec<Vec<String>>) {
        let section = self.last();
        let mut headings = section.blocks.iter().rev().filter_map(|block| match block {
            Block::Heading(text) => Some(text.clone()),
            Block::Paragraph(_) | Block::Bullets(_) | Block::Table(_) | Block::Figure(_) => None,
        });
        let title = headings.next().unwrap_or_else(|| section.heading.clone());
        let columns = header.iter().enumerate().map(|(index, heading)| {
            if index == 0 {
                Column::text(*heading)
            } else {
                Column::number(*heading)
            }
        });
        let columns = columns.collect();
        section.table(Table {
            title,
            columns,
            rows,
        });
    }

    /// The section of a page that has no other.
    pub fn only_section(self) -> Section {
        self.sections.into_iter().next().unwrap_or_default()
    }

    /// The page as Markdown.
    pub fn markdown(&self, title: &str, question: &str) -> String {
        let mut paragraphs = vec![format!("# {title}"), question.to_owned()];
        for section in &self.sections {
            paragraphs.push(format!("## {}", section.heading));
            paragraphs.extend(section.blocks.iter().filter_map(block));
        }
        paragraphs.join("\n\n") + "\n"
    }

    fn last(&mut self) -> &mut Section {
        if self.sections.is_empty() {
            self.section("");
        }
        let last = self.sections.len() - 1;
        &mut self.sections[last]
    }
}

/// A block as Markdown; figures have files of their own.
fn block(block: &Block) -> Option<String> {
    Some(match block {
        Block::Heading(text) => format!("### {text}"),
        Block::Paragraph(text) => text.clone(),
        Block::Bullets(items) => {
            let items = items.iter().map(|item| format!("- {item}"));
            items.collect::<Vec<_>>().join("\n")
        }
        Block::Table(table) => {
            let headings = table.columns.iter().map(|column| column.heading.as_str());
            let rules = table.columns.iter().map(|column| match column.align {
                Align::Left => "|:---",
                Align::Right => "|---:",
            });
            let row = |cells: Vec<&str>| format!("| {} |", cells.join(" | "));
            let mut lines = vec![row(headings.collect()), rules.collect::<String>() + "|"];
            let rows = table.rows.iter();
            lines.extend(rows.map(|cells| row(cells.iter().map(String::as_str).collect())));
            lines.join("\n")
        }
        Block::Figure(_) => return None,
    })
}
