//! The benchmark sets of scene-text recognition and how results on them are put together.
//!
//! # Source
//! arXiv:1904.01906 (DTRB) and baudm/parseq: word accuracy blind to case and punctuation, and the
//! accuracy over the union of six sets, every image counting once ("combined"), which is not the
//! mean of the six accuracies.

use probe_statistics::text_metrics::{Reading, ReadingScores};

use crate::SceneCharset;

/// A benchmark set. Two come in two sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Benchmark {
    /// IIIT 5K-word.
    Iiit5k,
    /// Street View Text.
    Svt,
    /// ICDAR 2013 without words of fewer than 3 characters or with other than alphanumeric ones.
    Ic13Of857,
    /// ICDAR 2013.
    Ic13Of1015,
    /// ICDAR 2015 without words that are far from upright or horizontal.
    Ic15Of1811,
    /// ICDAR 2015.
    Ic15Of2077,
    /// SVT-Perspective.
    Svtp,
    /// CUTE80.
    Cute80,
}

impl Benchmark {
    /// All sets, in the order in which papers list them.
    pub const ALL: [Self; 8] = [
        Self::Iiit5k,
        Self::Svt,
        Self::Ic13Of857,
        Self::Ic13Of1015,
        Self::Ic15Of1811,
        Self::Ic15Of2077,
        Self::Svtp,
        Self::Cute80,
    ];

    /// Name, which is the name of its folder in PARSeq's layout.
    pub fn name(self) -> &'static str {
        match self {
            Self::Iiit5k => "IIIT5k",
            Self::Svt => "SVT",
            Self::Ic13Of857 => "IC13_857",
            Self::Ic13Of1015 => "IC13_1015",
            Self::Ic15Of1811 => "IC15_1811",
            Self::Ic15Of2077 => "IC15_2077",
            Self::Svtp => "SVTP",
            Self::Cute80 => "CUTE80",
        }
    }

    /// Number of images of the published set.
    pub fn images(self) -> usize {
        match self {
            Self::Iiit5k => 3000,
            Self::Svt => 647,
            Self::Ic13Of857 => 857,
            Self::Ic13Of1015 => 1015,
            Self::Ic15Of1811 => 1811,
            Self::Ic15Of2077 => 2077,
            Self::Svtp => 645,
            Self::Cute80 => 288,
        }
    }

    /// The set that a folder of this name holds, in PARSeq's or DTRB's spelling (`IIIT5k_3000`,
    /// `SVT`, `IC13_1015`, ...), whatever the case. Of a path, the last part decides.
    pub fn of_name(name: &str) -> Option<Self> {
        let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
        let short = last.to_ascii_lowercase().replace(['-', '_'], "");
        Self::ALL.into_iter().find(|set| {
            let own = set.name().to_ascii_lowercase().replace('_', "");
            short == own || short == format!("{own}{}", set.images())
        })
    }
}

/// Six sets that are reported as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Union {
    /// All images: 7,672.
    Full,
    /// With the smaller variants of IC13 and IC15: 7,248.
    Subset,
}

impl Union {
    /// Both unions.
    pub const ALL: [Self; 2] = [Self::Full, Self::Subset];

    /// The six sets.
    pub fn members(self) -> [Benchmark; 6] {
        let (ic13, ic15) = match self {
            Self::Full => (Benchmark::Ic13Of1015, Benchmark::Ic15Of2077),
            Self::Subset => (Benchmark::Ic13Of857, Benchmark::Ic15Of1811),
        };
        [
            Benchmark::Iiit5k,
            Benchmark::Svt,
            ic13,
            ic15,
            Benchmark::Svtp,
            Benchmark::Cute80,
        ]
    }

    /// Number of images.
    pub fn images(self) -> usize {
        self.members().into_iter().map(Benchmark::images).sum()
    }

    /// Name in results.
    pub fn name(self) -> String {
        format!("union of {}", self.images())
    }
}

/// A prediction and its target as the protocol compares them: both folded into the charset.
pub fn compare(charset: SceneCharset, target: &str, prediction: &str) -> Reading {
    Reading::compare(&charset.fold(target), &charset.fold(prediction))
}

/// Scores of one set, or of several as one.
#[derive(Clone, Debug, PartialEq)]
pub struct ProtocolRow {
    /// Name of the set, of a union, or `all sets`.
    pub name: String,
    /// Images that were read.
    pub images: usize,
    /// Images of the published set, where it is one; another number of images was not the whole of
    /// it.
    pub published_images: Option<usize>,
    /// Accuracy (of words, every image counting once), 1-NED and CER; `None` if there is no
    /// character to be read.
    pub scores: Option<ReadingScores>,
}

/// Name of the row over all sets together.
pub const ALL_SETS: &str = "all sets";

/// One row per set; then one per union whose six sets are all there; then, of several sets, one
/// over all of them, unless that is a union. A union with two candidates for one set has no scores, and
/// its name says which two.
pub fn protocol_rows(sets: &[(String, Vec<Reading>)]) -> Vec<ProtocolRow> {
    let known: Vec<Option<Benchmark>> = sets
        .iter()
        .map(|(name, _)| Benchmark::of_name(name))
        .collect();
    let mut rows: Vec<ProtocolRow> = sets
        .iter()
        .zip(&known)
        .map(|((name, readings), known)| {
            row(name.clone(), known.map(Benchmark::images), &[readings])
        })
        .collect();
    let mut all_is_union = false;
    for union in Union::ALL {
        let candidates = union.members().map(|member| {
            let sets = sets.iter().zip(&known);
            let those = sets.filter(|(_, known)| **known == Some(member));
            those.map(|(set, _)| set).collect::<Vec<_>>()
        });
        if candidates.iter().any(Vec::is_empty) {
            continue;
        }
        let twice = union
            .members()
            .into_iter()
            .zip(&candidates)
            .find(|(_, of)| of.len() > 1);
        if let Some((set, of)) = twice {
            let (union, all) = (union.name(), union.images());
            let name = format!(
                "{union}: none, {} and {} are both {}",
                of[0].0,
                of[1].0,
                set.name()
            );
            rows.push(row(name, Some(all), &[]));
            continue;
        }
        let members = candidates.map(|of| of[0]).map(|(_, readings)| readings);
        all_is_union |= members.len() == sets.len();
        rows.push(row(union.name(), Some(union.images()), &members));
    }
    if sets.len() > 1 && !all_is_union {
        let all: Vec<&Vec<Reading>> = sets.iter().map(|(_, readings)| readings).collect();
        rows.push(row(ALL_SETS.to_owned(), None, &all));
    }
    rows
}

fn row(name: String, published_images: Option<usize>, parts: &[&Vec<Reading>]) -> ProtocolRow {
    ProtocolRow {
        name,
        images: parts.iter().map(|readings| readings.len()).sum(),
        published_images,
        scores: ReadingScores::of(parts.iter().flat_map(|readings| readings.iter())).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unions_have_the_published_sizes() {
        assert_eq!(Union::Full.images(), 7672);
        assert_eq!(Union::Subset.images(), 7248);
    }

    #[test]
    fn folders_are_recognised_in_both_spellings() {
        for set in Benchmark::ALL {
            assert_eq!(Benchmark::of_name(set.name()), Some(set));
            let nested = format!("test/{}", set.name().to_lowercase());
            assert_eq!(Benchmark::of_name(&nested), Some(set));
        }
        assert_eq!(Benchmark::of_name("IIIT5k_3000"), Some(Benchmark::Iiit5k));
        assert_eq!(Benchmark::of_name("IC13"), None);
        assert_eq!(Benchmark::of_name("SVTP"), Some(Benchmark::Svtp));
    }

    fn readings(right: usize, wrong: usize) -> Vec<Reading> {
        let reading = |prediction| compare(SceneCharset::Lower36, "It's", prediction);
        let mut readings = vec![reading("ITS!"); right];
        readings.extend(vec![reading("ten"); wrong]);
        readings
    }

    #[test]
    fn the_union_weights_images_and_not_sets() {
        let mut sets: Vec<(String, Vec<Reading>)> = Union::Full
            .members()
            .into_iter()
            .map(|set| (set.name().to_owned(), readings(0, 1)))
            .collect();
        sets[0].1 = readings(5, 0);
        let rows = protocol_rows(&sets);
        assert_eq!(rows.len(), 7);
        let union = &rows[6];
        assert_eq!((union.name.as_str(), union.images), ("union of 7672", 10));
        assert_eq!(union.scores.unwrap().word_accuracy, 0.5);
        assert_eq!(union.published_images, Some(7672));
        assert_eq!(rows[0].scores.unwrap().word_accuracy, 1.0);

        sets.pop();
        let rows = protocol_rows(&sets);
        assert_eq!(rows.last().unwrap().name, ALL_SETS);
        assert_eq!(rows.len(), 6);
    }

    #[test]
    fn a_union_does_not_choose_between_two_copies_of_a_set() {
        let members = Union::Full.members().into_iter();
        let mut sets: Vec<(String, Vec<Reading>)> = members
            .map(|set| (set.name().to_owned(), readings(1, 0)))
            .collect();
        sets.push(("mine/CUTE80".to_owned(), readings(0, 1)));
        let rows = protocol_rows(&sets);
        assert_eq!(rows.len(), 9);
        let (union, all) = (&rows[7], &rows[8]);
        assert!(
            union
                .name
                .contains("CUTE80 and mine/CUTE80 are both CUTE80"),
            "{union:?}"
        );
        assert_eq!((union.images, union.scores), (0, None));
        assert_eq!((all.name.as_str(), all.images), (ALL_SETS, 7));
    }

    #[test]
    fn nothing_to_read_has_no_scores() {
        let nothing = vec![compare(SceneCharset::Lower36, "!!", "")];
        let rows = protocol_rows(&[("empty".to_owned(), nothing)]);
        assert_eq!((rows[0].images, rows[0].scores), (1, None));
        assert!(protocol_rows(&[]).is_empty());
    }
}
