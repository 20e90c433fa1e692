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
    /// Bits of a random character.
    character_bits: f64,
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
    for (index, folder) in folders.iter().enumerate() {
        // One folder may be written in several ways; one that is not there is told below.
        let place = |folder: &PathBuf| folder.canonicalize().unwrap_or_else(|_| folder.clone());
        let again = folders[..index]
            .iter()
            .any(|other| place(other) == place(folder));
        ensure!(!again, "{}: named twice; once is enough", folder.display());
    }
    let mut runs = Vec::new();
    for folder in folders {
        let config: RepresentationConfig = RunFolder::config_of(folder)?;
        config
            .check()
            .with_context(|| folder.display().to_string())?;
        runs.push((folder, config));
    }
    let mut points = Vec::new();
    for (folder, config) in &runs {
        points.extend(measured(folder, config)?);
    }
    points.sort_by(|a, b| {
        let place = |point: &Measured| (point.density, point.used_bits);
        let [a, b] = [place(a), place(b)];
        a.partial_cmp(&b).unwrap_or(std::cmp::Ordering::Equal)
    });
    let (folder, config) = runs.first().context("name at least one run")?;
    Ok(HowManyWords {
        page: page(&points, figure)?,
        figure: beside_others(folder, config)?,
    })
}

fn page(measured: &[Measured], figure: &str) -> Result<String> {
    let mut page = String::from(
        "# How many words does an image need?\n\n\
         Made by `cargo run -p experiments -- how-many-words`; only what others published is typed.\n\n\
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
         Random text, by the bits per token that an arm really uses ([representation probe](representation.md)); \
         beyond some 10 bits those of runs with one seed are extrapolated from a thousand tokens. *Needed* is the \
         density times the bits of a character; a token with fewer must lose text, and one with more loses it \
         for another reason: bits spent on other things than text, or too little training of projector, decoder \
         or reader. *Wrong* are characters that a reader of originals gets wrong in \
         the reconstructions.\n\n\
         | bits in use | needed | arm | trained to | decoder steps | seeds | characters per token | wrong |\n\
         |--:|--:|---|---|--:|--:|--:|--:|\n"
    )?;
    for point in measured {
        writeln!(
            page,
            "| {:.1} | {:.1} | `{}` | {} | {} | {} | {} | {} |",
            point.used_bits,
            point.density * point.character_bits,
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
         px; these are means over three sizes of text, of the leaderboard of its project page (November 2026). Its images, its reader \
         and its decoders are others than ours, so the points stand in a plot of their own; what both have is the \
         axis, and the distance of hard words from continuous tokens. Our bits are those in use, theirs log₂ of the \
         words.\n\n\
         ![Text in reconstructions, by bits]({figure})\n\n\
         | tokenizer | bits per 16 × 16 px | words read exactly (T-ACC) | 1 − NED (T-NED) |\n\
         |---|--:|--:|--:|\n"
    )?;
    for tokenizer in tokbench::TOKENIZERS {
        let bits = match tokenizer.code.bits_per_pixel() {
            Some(bits) => format!("{:.1}", bits * tokbench::TOKEN_PIXELS),
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
fn measured(folder: &Path, config: &RepresentationConfig) -> Result<Vec<Measured>> {
    let summary = folder.join("summary.csv");
    let read = || -> Result<Vec<Measured>> {
        let mut reader = csv::Reader::from_path(&summary)?;
        let header = reader.headers()?.clone();
        let place = |name: &str| {
            let mut found = (0..header.len()).filter(|&column| header[column] == *name);
            let place = found
                .next()
                .with_context(|| format!("no column `{name}`"))?;
            ensure!(found.next().is_none(), "two columns `{name}`");
            Ok(place)
        };
        let columns = [place("arm")?, place("objective")?];
        let numbers = [place("density")?, place("used_bits")?, place("cer")?];
        let [nominal, seeds] = [place("nominal_bits")?, place("seeds")?];
        let mut points: Vec<Measured> = Vec::new();
        for row in reader.records() {
            let row = row?;
            let [arm, objective] = columns.map(|column| row[column].to_owned());
            let [density, used_bits, cer] = numbers.map(|column| &row[column]);
            // Other images have no errors of text, nor have pictures that are none.
            if cer.is_empty() {
                continue;
            }
            if used_bits.is_empty() {
                let is_hard = !row[nominal].is_empty();
                ensure!(!is_hard, "`{arm}`: has words, and no bits in use");
                continue;
            }
            let number = |text: &str, least: f64, most: f64| -> Result<f64> {
                let number: f64 = text
                    .parse()
                    .with_context(|| format!("`{text}` is no number"))?;
                let fits = (least..=most).contains(&number);
                ensure!(fits, "`{arm}`: {text} is not between {least} and {most}");
                Ok(number)
            };
            let point = Measured {
                steps: config.decode_steps,
                seeds: number(&row[seeds], 1.0, config.seeds.len() as f64)? as usize,
                character_bits: config.charset.bits_per_char(),
                density: number(density, f64::MIN_POSITIVE, 1e6)?,
                used_bits: number(used_bits, 0.0, 1e6)?,
                cer: number(cer, 0.0, 10.0)?,
                arm,
                objective,
            };
            let is_of_run = config.arms.iter().any(|arm| arm.to_string() == point.arm)
                && config
                    .objectives
                    .iter()
                    .any(|of| of.name() == point.objective)
                && config.densities.contains(&point.density);
            ensure!(
                is_of_run,
                "`{}` trained to {} at {} per token is not of this run",
                point.arm,
                point.objective,
                point.density
            );
            let same = |other: &Measured| {
                [&other.arm, &other.objective] == [&point.arm, &point.objective]
                    && other.density == point.density
            };
            ensure!(
                !points.iter().any(same),
                "`{}` stands there twice",
                point.arm
            );
            points.push(point);
        }
        ensure!(
            !points.is_empty(),
            "no arm with hard words on text; run representation-probe with one"
        );
        Ok(points)
    };
    read().with_context(|| {
        format!(
            "{}: not the summary of this representation-probe",
            summary.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use figures::Family;
    use runs::run_folder::FolderConfig;

    const CONFIG: &str =
        include_str!("../../../../results/published/representation/representation.toml");
    const HEADER: &str = "arm,objective,density,nominal_bits,used_bits,cer,seeds\n";
    const DRAWN: &str = "panel,kind,label,x,error,error_low,error_high\n\
                         text at 1 per token, trained to read,curve,vq,0.03,0.5,0.4,0.6\n\
                         text at 1 per token, trained to read,curve,vq,0.05,0.3,0.2,0.4\n\
                         text at 1 per token, trained to read,reference,identity,,0.1,0.1,0.1\n\
                         text at 1 per token, trained to read,bound,least,0.03,0.1,0.1,0.1\n";

    /// What the page of a run is whose tables are these.
    fn made(summary: &str, drawn: &str) -> Result<HowManyWords> {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        std::fs::create_dir(folder.path().join("plots")).unwrap();
        let mut config: RepresentationConfig = toml::from_str(CONFIG).unwrap();
        let arms = ["identity", "vq@256", "vq@4096"].map(|arm| arm.parse().unwrap());
        config.arms = arms.into();
        write(
            RepresentationConfig::FILE,
            &toml::to_string(&config).unwrap(),
        );
        write("summary.csv", &format!("{HEADER}{summary}"));
        let quoted = drawn.replace(
            "text at 1 per token, trained to read",
            "\"text at 1 per token, trained to read\"",
        );
        write("plots/text_by_bits.csv", &quoted);
        of_runs(&[folder.path().to_owned()], "figure.png")
    }

    #[test]
    fn the_entropy_of_random_characters_is_the_logarithm_of_their_number() {
        assert!((TEXTS[0].1 - 94_f64.log2()).abs() < 1e-12);
    }

    #[test]
    fn points_stand_by_density_and_bits_and_continuous_arms_have_none() {
        let made = made(
            "vq@4096,read,2,12,11.5,0.5,1\nidentity,read,2,,,0.1,1\nvq@256,read,2,8,7.9,0.9,1\nvq@256,read,1,8,7.9,0.25,1\n\
             vq@256,read,,8,7.9,,1\n",
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
        assert_eq!(ours.curves[0].points[1].x, 0.05 * tokbench::TOKEN_PIXELS);
        assert_eq!(ours.references[0].family, Family::Ceiling);
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
    fn tables_that_are_not_those_of_the_run_are_refused_by_name() {
        let good = "vq@256,read,1,8,7.9,0.25,1\n";
        assert!(made(good, DRAWN).is_ok());
        for (summary, part) in [
            ("identity,read,1,,,0.1,1\n", "no arm with hard words"),
            ("vq@256,read,1,8,7.9,NaN,1\n", "NaN is not between 0 and 10"),
            ("vq@256,read,1,8,-1,0.25,1\n", "-1 is not between 0"),
            ("vq@256,read,0,8,7.9,0.25,1\n", "0 is not between"),
            ("vq@256,read,1,8,7.9,abc,1\n", "`abc` is no number"),
            ("vq@256,read,1,8,,0.25,1\n", "no bits in use"),
            (
                "vq@512,read,1,8,7.9,0.25,1\n",
                "`vq@512` trained to read at 1 per token",
            ),
            ("vq@256,guess,1,8,7.9,0.25,1\n", "not of this run"),
            (
                "vq@256,read,3,8,7.9,0.25,1\n",
                "at 3 per token is not of this run",
            ),
            ("vq@256,read,1,8,7.9,0.25,0\n", "0 is not between 1 and 1"),
            (&format!("{good}{good}"), "stands there twice"),
        ] {
            let error = format!("{:#}", made(summary, DRAWN).unwrap_err());
            assert!(
                error.contains(part) && error.contains("summary.csv"),
                "{error}"
            );
        }
        for (from, to, part) in [
            (
                "vq,0.03,0.5,0.4,0.6",
                "vq,0.03,NaN,0.4,0.6",
                "the error of `vq` is NaN",
            ),
            (
                "vq,0.03,0.5,0.4,0.6",
                "vq,0.03,0.5,0.7,0.6",
                "outside of its interval",
            ),
            ("vq,0.03", "vq,0", "0 bits per pixel"),
            ("vq,0.03", "rvq,0.03", "no arm of the kind `rvq`"),
            ("identity,,", "linear,,", "no arm `linear`"),
            (
                "error_low,error_high",
                "error_high,error_low",
                "its columns are not",
            ),
            (", trained to read", " of another plot", "no plot of text"),
        ] {
            let drawn = DRAWN.replacen(from, to, 1);
            let error = format!("{:#}", made(good, &drawn).unwrap_err());
            assert!(
                error.contains(part) && error.contains("text_by_bits.csv"),
                "{error}"
            );
        }
        let header = DRAWN.lines().next().unwrap();
        let error = format!("{:#}", made(good, header).unwrap_err());
        assert!(error.contains("has no rows"), "{error}");
    }

    #[test]
    fn a_run_is_named_once() {
        let folder = PathBuf::from("a");
        let error = of_runs(&[folder.clone(), folder], "figure.png").unwrap_err();
        assert!(error.to_string().contains("a: named twice"), "{error:#}");
    }
}
