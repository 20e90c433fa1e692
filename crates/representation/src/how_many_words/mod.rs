//! How many visual words would be needed: arithmetic that a reader can follow, beside what was measured.

mod beside_others;
mod tokbench;

use crate::config::RepresentationConfig;
use anyhow::{Context, Result, ensure};
use beside_others::beside_others;
use figures::ErrorCurves;
use runs::run_folder::RunFolder;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Sizes of the vocabulary that are looked at.
const WORDS: [f64; 5] = [256.0, 1024.0, 4096.0, 16_384.0, 65_536.0];
/// Kinds of text: name, and bits per character.
///
/// Random characters by definition. English: 4.14 bits by the frequencies of its letters alone (C. E.
/// Shannon, "Prediction and Entropy of Printed English", 1951, `F₁`), and 1.3 to a reader who knows the
/// language (T. M. Cover, R. C. King, "A Convergent Gambling Estimate of the Entropy of English", 1978).
const TEXTS: [(&str, f64); 3] = [
    ("94 random characters", 6.554_588_851_677_638),
    ("English, letter by letter", 4.14),
    ("English, to a reader who knows it", 1.3),
];
/// Characters of a text token, and text tokens per visual token of DeepSeek-OCR (arXiv:2510.18234,
/// table 2): 97% of the text is read at about 10.
const CHARACTERS_PER_TEXT_TOKEN: f64 = 4.0;
const COMPRESSION: f64 = 10.0;
/// Tokens of an image here, and of a page in those models.
const TOKENS: [u32; 3] = [8, 100, 256];

/// One measured point: an arm with a limited number of bits on text of one density.
#[derive(Clone, Debug, PartialEq)]
struct Measured {
    steps: usize,
    seeds: usize,
    arm: String,
    objective: String,
    density: f64,
    used_bits: f64,
    cer: f64,
}

/// The page and its figure.
#[derive(Clone, Debug)]
pub struct HowManyWords {
    /// The page, in Markdown.
    pub page: String,
    /// Text in reconstructions by bits per pixel, ours and others'.
    pub figure: ErrorCurves,
}

/// The page, with the points of runs of `representation-probe`, and the figure of the first of them. `figure`
/// is where the page finds it.
///
/// # Errors
/// If a folder is not such a run, or its tables cannot be read or have no hard arm on text.
pub fn of_runs(folders: &[PathBuf], figure: &str) -> Result<HowManyWords> {
    let first = folders.first().context("name at least one run")?;
    let mut points = Vec::new();
    for folder in folders {
        points.extend(measured(folder)?);
    }
    points.sort_by(|a, b| {
        let place = |point: &Measured| (point.density, point.used_bits);
        let [a, b] = [place(a), place(b)];
        a.partial_cmp(&b).unwrap_or(std::cmp::Ordering::Equal)
    });
    Ok(HowManyWords {
        page: page(&points, figure)?,
        figure: beside_others(first)?,
    })
}

fn page(measured: &[Measured], figure: &str) -> Result<String> {
    let mut page = String::from(
        "# How many words does an image need?\n\n\
         Made by `cargo run -p experiments -- how-many-words`; nothing here is typed by hand.\n\n\
         One of *K* words names log₂ *K* bits. Text of *h* bits per character fits into a token as long as \
         characters × *h* stays below that. A *soft* word is a mixture of rows, has no such limit, and is \
         not what this page is about.\n\n\
         ## Characters that one hard word can name\n\n",
    );
    write!(page, "| words | bits |")?;
    for (name, bits) in TEXTS {
        write!(page, " {name} ({bits:.2} bits) |")?;
    }
    write!(page, "\n|--:|--:|{}\n", "--:|".repeat(TEXTS.len()))?;
    for words in WORDS {
        let bits = words.log2();
        write!(page, "| {} | {bits:.0} |", wording::count(words as usize))?;
        for (_, per_character) in TEXTS {
            write!(page, " {:.1} |", bits / per_character)?;
        }
        page.push('\n');
    }
    let characters = COMPRESSION * CHARACTERS_PER_TEXT_TOKEN;
    write!(
        page,
        "\n## A page at {COMPRESSION:.0} text tokens per visual token\n\n\
         DeepSeek-OCR reads 97% at that compression with continuous tokens (arXiv:2510.18234, table 2). \
         With about {CHARACTERS_PER_TEXT_TOKEN:.0} characters in a text token that is \
         {characters:.0} characters per visual token:\n\n\
         | text | bits per visual token | words that name as many | codes of 65,536 words |\n\
         |---|--:|--:|--:|\n"
    )?;
    for (name, per_character) in TEXTS {
        let bits = characters * per_character;
        writeln!(
            page,
            "| {name} | {bits:.0} | 2^{bits:.0} | {:.0} |",
            (bits / 16.0).ceil()
        )?;
    }
    write!(
        page,
        "\nSo one of 65,536 words cannot stand for such a token even if the reader knows the language \
         perfectly; several codes per token can.\n\n\
         ## Images that N tokens can tell apart\n\n\
         | words |"
    )?;
    for tokens in TOKENS {
        write!(page, " {tokens} tokens |")?;
    }
    write!(page, "\n|--:|{}\n", "--:|".repeat(TOKENS.len()))?;
    for words in WORDS {
        write!(page, "| {} |", wording::count(words as usize))?;
        for tokens in TOKENS {
            let digits = f64::from(tokens) * words.log10();
            write!(page, " 10^{digits:.0} |")?;
        }
        page.push('\n');
    }
    write!(
        page,
        "\nThere are more than enough names for every image ever taken. What decides is whether images \
         that have to be told apart get different ones.\n\n\
         ## What was measured\n\n\
         Random text of 94 characters, by the bits per token that an arm really uses \
         ([representation probe](representation.md)). *Needed* is density × {:.2} bits; a token with fewer \
         must lose text, and one with more loses it because training did not find the code. *Wrong* are \
         characters that a reader of originals gets wrong in the reconstructions.\n\n\
         | bits in use | needed | arm | trained to | decoder steps | seeds | characters per token | wrong |\n\
         |--:|--:|---|---|--:|--:|--:|--:|\n",
        TEXTS[0].1
    )?;
    for point in measured {
        writeln!(
            page,
            "| {:.1} | {:.1} | `{}` | {} | {} | {} | {} | {} |",
            point.used_bits,
            point.density * TEXTS[0].1,
            point.arm,
            point.objective,
            wording::count(point.steps),
            point.seeds,
            point.density,
            wording::percent(point.cer)
        )?;
    }
    others(&mut page, figure)?;
    Ok(page)
}

/// The published points, set apart.
fn others(page: &mut String, figure: &str) -> Result<()> {
    write!(
        page,
        "\n## What others published\n\n\
         TokBench (arXiv:2505.18142) reads words of scenes in what released tokenizers make of images of 256 × 256 \
         px; these are means over three sizes of text, of the leaderboard of its project page. Its images, its reader \
         and its decoders are others than ours, so the points stand in a plot of their own; what both have is the \
         axis, and the distance of hard words from continuous tokens. Our bits are those in use, theirs log₂ of the \
         words.\n\n\
         ![Text in reconstructions, by bits per pixel]({figure})\n\n\
         | tokenizer | bits per pixel | words read exactly (T-ACC) | 1 − NED (T-NED) |\n\
         |---|--:|--:|--:|\n"
    )?;
    for tokenizer in tokbench::TOKENIZERS {
        let bits = match tokenizer.code.bits_per_pixel() {
            Some(bits) => format!("{bits:.3}"),
            None => "continuous".to_owned(),
        };
        let share = |percent: f64| wording::percent(percent / 100.0);
        writeln!(
            page,
            "| {} | {bits} | {} | {} |",
            tokenizer.name,
            share(tokenizer.words_right),
            share(tokenizer.one_minus_ned)
        )?;
    }
    Ok(())
}

/// The points of a run.
fn measured(folder: &Path) -> Result<Vec<Measured>> {
    let config: RepresentationConfig = RunFolder::config_of(folder)?;
    let summary = folder.join("summary.csv");
    let named = || {
        format!(
            "{}: not the summary of a representation-probe",
            summary.display()
        )
    };
    let mut reader = csv::Reader::from_path(&summary).with_context(named)?;
    let header = reader.headers().with_context(named)?.clone();
    let place = |name: &str| {
        let found = header.iter().position(|column| column == name);
        found.with_context(|| format!("{}: no column `{name}`", summary.display()))
    };
    let [arm, objective] = [place("arm")?, place("objective")?];
    let numbers = [place("density")?, place("used_bits")?, place("cer")?];
    let mut points = Vec::new();
    for row in reader.records() {
        let row = row.with_context(named)?;
        // A row without one of them is of other images, or of continuous tokens.
        let found = numbers.map(|column| row.get(column)?.parse::<f64>().ok());
        if let [Some(density), Some(used_bits), Some(cer)] = found {
            points.push(Measured {
                steps: config.decode_steps,
                seeds: config.seeds.len(),
                arm: row[arm].to_owned(),
                objective: row[objective].to_owned(),
                density,
                used_bits,
                cer,
            });
        }
    }
    ensure!(
        !points.is_empty(),
        "{}: no arm with hard words on text; run representation-probe with one",
        summary.display()
    );
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;
    use figures::Family;
    use runs::run_folder::FolderConfig;

    const CONFIG: &str =
        include_str!("../../../../results/published/representation/representation.toml");
    const DRAWN: &str = "panel,kind,label,x,error,error_low,error_high\n\
                         text,curve,vq,0.03,0.5,0.4,0.6\ntext,curve,vq,0.05,0.3,0.2,0.4\n\
                         text,reference,patch-merger,,0.1,0.1,0.1\ntext,bound,least,0.03,0.1,0.1,0.1\n";

    fn run_of(summary: &str, drawn: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        std::fs::create_dir(folder.path().join("plots")).unwrap();
        write(RepresentationConfig::FILE, CONFIG);
        write("summary.csv", summary);
        write("plots/text_by_bits.csv", drawn);
        folder
    }

    fn made(summary: &str, drawn: &str) -> Result<HowManyWords> {
        let folder = run_of(summary, drawn);
        of_runs(&[folder.path().to_owned()], "figure.png")
    }

    #[test]
    fn the_entropy_of_random_characters_is_the_logarithm_of_their_number() {
        assert!((TEXTS[0].1 - 94_f64.log2()).abs() < 1e-12);
    }

    #[test]
    fn points_stand_by_density_and_bits_and_continuous_arms_have_none() {
        let made = made(
            "arm,objective,density,used_bits,cer\n\
             vq@4096,read,2,11.5,0.5\nidentity,read,2,,0.1\nvq@256,read,2,7.9,0.9\nvq@256,read,1,7.9,0.25\n",
            DRAWN,
        );
        let HowManyWords { page, figure } = made.unwrap();
        let rows: Vec<&str> = page.lines().filter(|line| line.contains("`vq@")).collect();
        assert_eq!(
            rows,
            [
                "| 7.9 | 6.6 | `vq@256` | read | 1,500 | 1 | 1 | 25.0% |",
                "| 7.9 | 13.1 | `vq@256` | read | 1,500 | 1 | 2 | 90.0% |",
                "| 11.5 | 13.1 | `vq@4096` | read | 1,500 | 1 | 2 | 50.0% |",
            ]
        );
        let [ours, others] = &figure.panels[..] else {
            panic!("{:?}", figure.panels)
        };
        assert_eq!(ours.curves[0].points[1].x, 0.05);
        assert_eq!(ours.references[0].family, Family::Merger);
        assert_eq!(others, &tokbench::panel());
        // 16 bits hold 2.4 random characters; a page needs 262 bits a token.
        assert!(
            page.contains("| 65,536 | 16 | 2.4 | 3.9 | 12.3 |"),
            "{page}"
        );
        assert!(
            page.contains("| 94 random characters | 262 | 2^262 | 17 |"),
            "{page}"
        );
    }

    #[test]
    fn other_tables_are_refused_by_name() {
        let summary = "arm,objective,density,used_bits,cer\nvq@256,read,1,7.9,0.25\n";
        let header = "panel,kind,label,x,error,error_low,error_high\n";
        for (summary, drawn, part) in [
            ("arm,objective\na,b\n", DRAWN, "no column `density`"),
            (
                "arm,objective,density,used_bits,cer\nidentity,read,1,,0.1\n",
                DRAWN,
                "no arm with hard words",
            ),
            (
                summary,
                &format!("{header}text,curve,other,0.1,0.2,0.2,0.2\n"),
                "`other` is no arm",
            ),
            (summary, "a,b\n1,2\n", "text_by_bits.csv: cannot be drawn"),
        ] {
            let error = format!("{:#}", made(summary, drawn).unwrap_err());
            assert!(error.contains(part), "{error}");
        }
    }
}
