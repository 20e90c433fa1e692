//! Looking at arms: their tokens on the images that are shown, their words on all test images.

use super::cells::{self, Cell};
use super::census::{Census, CensusSummary, TokenLabels, WordRow};
use super::checkpoint_files;
use super::config::InspectConfig;
use super::places::TokenPlaces;
use super::subjects;
use super::tokens::TokenReader;
use super::view::{ShownArm, ShownImage, TokenView};
use anyhow::{Context, Result, bail};
use figures::{Arm, Family};
use probe::{Prepared, PreparedGroup};
use probe_data::{Group, Label};
use probe_statistics::text_metrics::Reading;
use projector::Projector;
use run_results::plots::family;
use runs::session::Session;

/// What was seen.
#[derive(Debug)]
pub struct Inspection {
    /// The images.
    pub images: Vec<ShownImage>,
    /// The arms on them.
    pub arms: Vec<ShownArm>,
    /// The vocabularies, one per codebook of every arm with words.
    pub vocabularies: Vec<Vocabulary>,
    /// The images that the vocabularies were counted on.
    pub counted_on: Option<CountedOn>,
    /// Data, features and hashes, where images were rendered.
    pub prepared: Option<Prepared>,
}

/// Images that vocabularies were counted on.
#[derive(Debug)]
pub struct CountedOn {
    /// The images.
    pub group: Group,
    /// Texts of the labels.
    pub labels: Vec<String>,
    /// Most characters that a token has.
    pub most_characters: usize,
}

/// A codebook over all test images.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    /// Number of its arm.
    pub arm: usize,
    /// Its arm under the name of figures.
    pub label: Arm,
    /// Its number, from 1, and how many the arm has.
    pub codebook: (usize, usize),
    /// All words together.
    pub summary: CensusSummary,
    /// Words in falling order of use.
    pub rows: Vec<WordRow>,
}

/// Trains or loads the arms and looks at them.
///
/// # Errors
/// If data, images, backbone or checkpoint are missing or damaged, an arm cannot be trained, or
/// Ctrl-C was pressed.
pub fn inspect(config: &InspectConfig, session: &Session<'_>) -> Result<Inspection> {
    let checkpoint = config.probe.checkpoint.as_deref();
    let of_files = match checkpoint.filter(|_| !config.images.is_empty()) {
        Some(name) => Some(checkpoint_files::shown(config, name, session)?),
        None => None,
    };
    if let (Some((images, arms)), false) = (&of_files, config.vocabulary) {
        return Ok(Inspection {
            images: images.clone(),
            arms: arms.clone(),
            vocabularies: Vec::new(),
            counted_on: None,
            prepared: None,
        });
    }
    // Read first, so that a bad one costs no time.
    let files = match checkpoint {
        Some(_) => Vec::new(),
        None => subjects::read_files(config)?,
    };
    let prepared = session.prepare(&config.probe)?;
    for note in prepared.notes() {
        eprintln!("note: {note}");
    }
    let (number, test) = subjects::test_group(config, &prepared)?;
    let files = match files.is_empty() {
        true => None,
        false => Some(subjects::of_files(
            config, &files, &prepared, test, session,
        )?),
    };
    let cells = cells::cells(config, &prepared, session)?;
    let counting = match config.vocabulary {
        true => Some(Counting::of(test, config.probe.data.seed)?),
        false => None,
    };
    let looks = session.lanes.map(cells.len(), |_, index| {
        let look = Look {
            config,
            session,
            cell: &cells[index],
            index,
            number,
        };
        look.at(test, files.as_ref(), counting.as_ref())
    });
    let (mut arms, mut vocabularies) = (Vec::new(), Vec::new());
    for look in looks {
        let (arm, found) = look?;
        arms.push(arm);
        vocabularies.extend(found);
    }
    let images = match &files {
        Some(files) => subjects::shown(&files.group, usize::MAX, |index, _| {
            let path = &config.images[index];
            let name = path.file_name().unwrap_or(path.as_os_str());
            name.to_string_lossy().into_owned()
        })?,
        None => {
            let fonts = &test.group.clusters;
            let name = |index: usize, label: &Label| {
                let font = fonts.get(label.cluster as usize);
                let font = font.map_or_else(String::new, |font| format!(", {font}"));
                format!("test image {}{font}", index + 1)
            };
            subjects::shown(&test.group, config.show, name)?
        }
    };
    let counted_on = counting.map(|counting| CountedOn {
        group: test.group.clone(),
        labels: counting.labels.names,
        most_characters: counting.most_characters,
    });
    let (images, arms) = of_files.unwrap_or((images, arms));
    Ok(Inspection {
        images,
        arms,
        vocabularies,
        counted_on,
        prepared: Some(prepared),
    })
}

/// The characters that words are compared with.
struct Counting {
    labels: TokenLabels,
    most_characters: usize,
}

impl Counting {
    fn of(test: &PreparedGroup, seed: u64) -> Result<Self> {
        let places = TokenPlaces::of(&test.group);
        let places = places.context("the test images have no character grid")?;
        let texts = test
            .group
            .labels
            .iter()
            .filter_map(|label| label.answer.text());
        let characters: Vec<String> = texts.flat_map(|text| places.characters(text)).collect();
        Ok(Self {
            labels: TokenLabels::new(&characters, seed),
            most_characters: places.most(),
        })
    }
}

/// One arm under the eye.
struct Look<'a> {
    config: &'a InspectConfig,
    session: &'a Session<'a>,
    cell: &'a Cell,
    index: usize,
    number: usize,
}

impl Look<'_> {
    /// Tokens of the images that are shown: of `files`, or the first of `test`; and words on all of
    /// `test`.
    fn at(
        &self,
        test: &PreparedGroup,
        files: Option<&PreparedGroup>,
        counting: Option<&Counting>,
    ) -> Result<(ShownArm, Vec<Vocabulary>)> {
        let arm = self.cell.arm.arm;
        let words = self.cell.model.arm.cost().words;
        let mut censuses: Vec<Census> = Vec::new();
        let mut is_hard = false;
        let (top, show) = (self.config.top, self.config.show);
        let mut shown: Vec<Vec<TokenView>> = Vec::new();
        let readings = self.reader(test).walk(|batch| {
            if let Some(book) = (!batch.is_empty()).then(|| batch.books(0).next()) {
                is_hard = book.is_some_and(|book| book.id.is_some());
            }
            for token in 0..batch.len() {
                let (image, within) = (batch.first + token / batch.tokens, token % batch.tokens);
                if files.is_none() && image < show {
                    if within == 0 {
                        shown.push(Vec::new());
                    }
                    if let Some(tokens) = shown.last_mut() {
                        tokens.push(batch.view(token, top));
                    }
                }
                let Some(Counting { labels, .. }) = counting else {
                    continue;
                };
                let at = image * batch.tokens + within;
                for (number, book) in batch.books(token).enumerate() {
                    if censuses.len() == number {
                        let (words, names) = (words.unwrap_or(0), labels.names.len());
                        let patches = self.config.patches;
                        censuses.push(Census::new(words, names, !is_hard, patches)?);
                    }
                    let (label, shuffled) = (labels.of_token[at], labels.shuffled[at]);
                    censuses[number].add(book, (image, within), label, shuffled)?;
                }
            }
            Ok(())
        })?;
        let mut facts = self.cell.facts.clone();
        if let (Some(facts), Some(readings)) = (&mut facts, &readings) {
            facts.test_cer = Some((cer(&test.group, readings), readings.len()));
        }
        let mut shown_readings = readings.map(|mut readings| {
            readings.truncate(show);
            readings
        });
        if let Some(files) = files {
            shown_readings = self.reader(files).walk(|batch| {
                for image in 0..batch.len() / batch.tokens {
                    let tokens = image * batch.tokens..(image + 1) * batch.tokens;
                    shown.push(tokens.map(|token| batch.view(token, top)).collect());
                }
                Ok(())
            })?;
        }
        if counting.is_some() && censuses.is_empty() {
            bail!(
                "arm `{arm}` has no visual words, so there is no vocabulary to show; leave out \
                 --vocabulary"
            );
        }
        let family = match words {
            None if arm.kind.is_pretrained() => Family::Merger,
            _ => family(arm.kind),
        };
        let label = Arm::new(arm.to_string(), family);
        let codebooks = censuses.len();
        let vocabularies = censuses.iter().enumerate().map(|(number, census)| {
            Ok(Vocabulary {
                arm: self.index,
                label: label.clone(),
                codebook: (number + 1, codebooks),
                summary: census.summary()?,
                rows: census.rows(self.config.words),
            })
        });
        let vocabularies = vocabularies.collect::<Result<Vec<_>>>()?;
        let arm = ShownArm {
            arm,
            label: label.clone(),
            cell: facts,
            vocabulary: words,
            is_hard,
            tokens: shown,
            readings: shown_readings,
        };
        Ok((arm, vocabularies))
    }

    fn reader<'r>(&'r self, data: &'r PreparedGroup) -> TokenReader<'r> {
        TokenReader {
            config: &self.config.probe,
            arm: self.cell.arm.arm,
            seed: self.config.probe.seeds.first().copied().unwrap_or(0),
            model: &self.cell.model,
            reads: self.cell.facts.is_some(),
            data,
            group: self.number,
            device: self.session.device(),
            stop: self.session.stop,
        }
    }
}

/// Edits per character over the images of a group.
fn cer(group: &Group, readings: &[String]) -> f64 {
    let pairs = group.labels.iter().zip(readings);
    let (edits, characters) = pairs
        .map(|(label, read)| Reading::compare(label.answer.text().unwrap_or_default(), read))
        .fold((0, 0), |(edits, characters), reading| {
            (edits + reading.edits, characters + reading.reference_chars)
        });
    edits as f64 / characters.max(1) as f64
}
