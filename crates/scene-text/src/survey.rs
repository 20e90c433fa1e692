//! What is in a data set: every record looked at once.

use crate::{
    Error, LabelPolicy, LabelRule, PolicyCounts, Result, SceneCharset, TextDataset, picture,
};

/// Faults that are named; further ones are only counted.
pub const NAMED_FAULTS: usize = 20;

/// Smallest, largest and mean of some whole numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Smallest.
    pub least: u64,
    /// Largest.
    pub most: u64,
    /// Mean.
    pub mean: f64,
}

/// What a look at every record of a data set found.
#[derive(Clone, Debug)]
pub struct Survey {
    /// Samples that the data set announces.
    pub samples: usize,
    /// Samples with a label and an image that can be decoded.
    pub readable: usize,
    /// Samples without, and what opening the data set found wrong.
    pub corrupt: usize,
    /// Those of them that opening it found: they are none of the samples.
    pub noted: usize,
    /// The first of them, named with what is wrong.
    pub faults: Vec<String>,
    /// Words that the data set marks as not to be read.
    pub ignored: usize,
    /// Lengths of the labels in characters.
    pub label_chars: Option<Spread>,
    /// Widths of the images in px.
    pub widths_px: Option<Spread>,
    /// Heights of the images in px.
    pub heights_px: Option<Spread>,
    /// Per charset: labels with characters outside of it (case apart where it has none), and how
    /// many characters.
    pub outside: Vec<(SceneCharset, u64, u64)>,
    /// Per policy and charset: what becomes of the labels.
    pub policies: Vec<(LabelRule, PolicyCounts)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    count: u64,
    sum: u64,
    range: Option<(u64, u64)>,
}

impl Tally {
    fn add(&mut self, value: u64) {
        self.count += 1;
        self.sum += value;
        let (least, most) = self.range.unwrap_or((value, value));
        self.range = Some((least.min(value), most.max(value)));
    }

    fn spread(&self) -> Option<Spread> {
        self.range.map(|(least, most)| Spread {
            least,
            most,
            mean: self.sum as f64 / self.count as f64,
        })
    }
}

impl Survey {
    /// Looks at every record. Charsets of fewer than 36 characters are left out of the counts.
    /// `progress` is called with the number of records done and may end the survey with an error.
    ///
    /// # Errors
    /// What `progress` returns.
    pub fn of<E>(
        dataset: &dyn TextDataset,
        max_chars: usize,
        mut progress: impl FnMut(usize) -> Result<(), E>,
    ) -> Result<Self, E> {
        let charsets = [
            SceneCharset::Lower36,
            SceneCharset::Mixed62,
            SceneCharset::Printable94,
        ];
        let mut outside: Vec<(SceneCharset, u64, u64)> =
            charsets.map(|charset| (charset, 0, 0)).into();
        let mut policies: Vec<(LabelRule, PolicyCounts)> = Vec::new();
        for policy in LabelPolicy::ALL {
            for charset in charsets {
                let rule = LabelRule {
                    policy,
                    charset,
                    max_chars,
                };
                policies.push((rule, PolicyCounts::default()));
            }
        }
        let (mut chars, mut widths, mut heights) =
            (Tally::default(), Tally::default(), Tally::default());
        let mut faults: Vec<String> = dataset.notes().iter().take(NAMED_FAULTS).cloned().collect();
        let mut corrupt = dataset.notes().len();
        for index in 0..dataset.len() {
            progress(index)?;
            match look(dataset, index) {
                Ok((label, width, height)) => {
                    chars.add(label.chars().count() as u64);
                    widths.add(u64::from(width));
                    heights.add(u64::from(height));
                    for (charset, labels, characters) in &mut outside {
                        let lowered = charset.lowered(&label);
                        let lacking = |c: &char| charset.class_of(*c).is_none();
                        let lacking = lowered.chars().filter(lacking).count() as u64;
                        *labels += u64::from(lacking > 0);
                        *characters += lacking;
                    }
                    for (rule, counts) in &mut policies {
                        rule.apply(&label, counts);
                    }
                }
                Err(error) => {
                    corrupt += 1;
                    if faults.len() < NAMED_FAULTS {
                        faults.push(told(&error));
                    }
                }
            }
        }
        Ok(Self {
            samples: dataset.len(),
            readable: chars.count as usize,
            corrupt,
            noted: dataset.notes().len(),
            faults,
            ignored: dataset.ignored(),
            label_chars: chars.spread(),
            widths_px: widths.spread(),
            heights_px: heights.spread(),
            outside,
            policies,
        })
    }
}

fn look(dataset: &dyn TextDataset, index: usize) -> Result<(String, u32, u32)> {
    let label = dataset.label(index)?;
    let image = dataset.image(index)?;
    // What a model is fed with must exist too.
    picture::strip(&image, 128, 32)?;
    Ok((label, image.width(), image.height()))
}

/// An error and its causes in one line.
pub fn told(error: &Error) -> String {
    let mut line = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        line.push_str(": ");
        line.push_str(&next.to_string());
        cause = next.source();
    }
    line
}
