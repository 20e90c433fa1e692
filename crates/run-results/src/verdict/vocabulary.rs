//! How much of a vocabulary is used, and what it could carry.

use super::comparisons::text_kind;
use super::{Page, Report, code};
use crate::scored::RANDOM;
use crate::wording;
use arms::ArmSpec;
use probe_statistics::capacity::{characters_per_token, fano_error_bound};

impl Report<'_> {
    /// Live codes and entropies of every arm with a vocabulary.
    pub(super) fn live_codes(&self, page: &mut Page) {
        let (condition, groups) = self.primary();
        let arms: Vec<ArmSpec> = self
            .hard_arms()
            .into_iter()
            .chain(self.soft_arms())
            .collect();
        if arms.is_empty() || groups.is_empty() {
            return;
        }
        let bits_per_char = (self.scored.config.data.charset.size() as f64).log2();
        page.section("Live codes and entropy");
        page.paragraph(
            "Means over seeds. A hard arm that uses few of its words loses to their collapse, not \
             to discreteness as such. For hard arms the last column is the entropy of the words \
             in use as random characters: more cannot be read from one token. The error of an \
             entropy is that of tokens of one seed, as if they were independent; what is not seen is \
             the share of tokens of further images whose words would be new ones.",
        );
        let mut rows = Vec::new();
        for arm in arms {
            for &group in &groups {
                let density = wording::rounded(self.summary.groups[group].density).to_string();
                let usage = self.summary.cer(arm, group).and_then(|row| row.usage);
                let mut row = vec![code(arm), density];
                match usage {
                    Some(usage) => row.extend([
                        // A mixture has no code that anything reads.
                        match arm.kind.is_hard() {
                            true => format!(
                                "{} of {}",
                                wording::rounded(usage.codes_used),
                                wording::count(usage.words)
                            ),
                            false => "–".to_owned(),
                        },
                        wording::rounded(usage.codes_covering_90).to_string(),
                        match usage.entropy_error_bits {
                            Some(error) => format!(
                                "{} ± {}",
                                wording::fixed(usage.marginal_entropy_bits, 2),
                                wording::fixed(error, 2)
                            ),
                            None => wording::fixed(usage.marginal_entropy_bits, 2),
                        },
                        usage
                            .unseen_mass
                            .map_or_else(|| "–".to_owned(), wording::percent),
                        wording::fixed(usage.token_entropy_bits, 2),
                        if arm.kind.is_hard() && condition == RANDOM {
                            wording::fixed(usage.marginal_entropy_bits / bits_per_char, 2)
                        } else {
                            "–".to_owned()
                        },
                    ]),
                    None if self.finished(arm) => row.extend(["–"; 6].map(str::to_owned)),
                    None => row.extend(["failed"; 6].map(str::to_owned)),
                }
                rows.push(row);
            }
        }
        let header = [
            "arm",
            "characters per token",
            "codes used",
            "codes for 90%",
            "entropy of the words (bits)",
            "not seen",
            "entropy of a token (bits)",
            "characters' worth",
        ];
        page.table(&header, rows);
    }

    fn finished(&self, arm: ArmSpec) -> bool {
        let mut arms = self.summary.arms.iter();
        arms.any(|summary| summary.arm == arm && summary.finished > 0)
    }

    /// Error rates below and above what one hard token can hold.
    pub(super) fn capacity(&self, page: &mut Page) {
        let (condition, groups) = self.primary();
        let hard = self.hard_arms();
        if hard.is_empty() || groups.is_empty() {
            return;
        }
        page.section("Capacity of a hard token");
        if condition != RANDOM {
            page.paragraph(&format!(
                "Not applied: the characters of {} are not uniform and independent, so log2 A bits \
                 per character overstates them.",
                text_kind(condition)
            ));
            return;
        }
        let alphabet = self.scored.config.data.charset.size();
        page.paragraph(&format!(
            "One of W words (K less the indicator rows, to the power of the codes where a token has \
             several) holds log2 W / log2 A random characters \
             of an alphabet of A = {alphabet}. Above that, Fano's inequality sets a smallest error \
             per character place, given as ≥; the edit distance may fall slightly below it."
        ));
        let mut rows = Vec::new();
        for arm in hard {
            let Some(words) = self.scored.words(arm) else {
                continue;
            };
            let Ok(of_one_code) = characters_per_token(words, alphabet) else {
                continue;
            };
            let codes = arm.codes();
            let capacity = codes as f64 * of_one_code;
            let bits = codes as f64 * (words as f64).log2();
            let (mut below, mut above) = (Vec::new(), Vec::new());
            for &group in &groups {
                let density = self.summary.groups[group].density;
                let value = self.summary.cer(arm, group).and_then(|row| row.value);
                let cer = value.map_or_else(|| "failed".to_owned(), |v| wording::percent(v.mean));
                let text = format!("{}: {cer}", wording::rounded(density));
                if density <= capacity {
                    below.push(text);
                } else {
                    let bound = fano_error_bound(bits, density, alphabet);
                    let bound = bound.map_or_else(
                        |_| String::new(),
                        |bound| format!(" (≥ {})", wording::percent(bound)),
                    );
                    above.push(format!("{text}{bound}"));
                }
            }
            let joined = |texts: Vec<String>| {
                if texts.is_empty() {
                    "–".to_owned()
                } else {
                    texts.join("; ")
                }
            };
            rows.push(vec![
                code(arm),
                match codes {
                    1 => wording::count(words),
                    _ => format!("{}^{codes}", wording::count(words)),
                },
                wording::fixed(capacity, 2),
                joined(below),
                joined(above),
            ]);
        }
        let header = [
            "arm",
            "W",
            "characters per token",
            "CER at densities up to it",
            "CER at densities above it",
        ];
        page.table(&header, rows);
    }
}
