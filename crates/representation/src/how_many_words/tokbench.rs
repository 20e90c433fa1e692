//! What others published on text in reconstructions, to stand beside our points.

use figures::{Arm, Curve, CurvePanel, CurvePoint, Estimate, Family, Reference};

/// Pixels of the square that bits are counted for: a token of most of these tokenizers, and of our probe.
pub(super) const TOKEN_PIXELS: f64 = 256.0;
/// Side of the images, in pixels.
const SIDE: f64 = 256.0;

/// A released tokenizer of images in TokBench (arXiv:2505.18142): its leaderboard for images of 256 × 256 px,
/// read with docTR; means over three sizes of text, as of November 2026.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tokenizer {
    pub name: &'static str,
    pub code: Code,
    /// T-ACC: words read exactly, in percent.
    pub words_right: f64,
    /// T-NED: one minus the edits per character, in percent.
    pub one_minus_ned: f64,
}

/// What an image becomes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Code {
    /// So many tokens, each of so many words; from the weights that TokBench's scripts load.
    Discrete { tokens: u32, words: u64 },
    /// Real numbers, whose bits nobody counts.
    Continuous,
}

impl Code {
    /// Bits per pixel if every word were as frequent as every other.
    pub(super) fn bits_per_pixel(self) -> Option<f64> {
        match self {
            Self::Discrete { tokens, words } => {
                Some(f64::from(tokens) * (words as f64).log2() / (SIDE * SIDE))
            }
            Self::Continuous => None,
        }
    }
}

/// Those of the leaderboard whose codes its scripts tell, by bits; UniTok's token has eight codes of 4,096.
pub(super) const TOKENIZERS: [Tokenizer; 14] = [
    discrete("TiTok-L-32", 32, 4096, [0.09, 4.23]),
    discrete("Chameleon", 256, 8192, [2.87, 12.08]),
    discrete("VQGAN (f16)", 256, 16_384, [1.10, 8.22]),
    discrete("LlamaGen (f16)", 256, 16_384, [4.28, 14.77]),
    discrete("Open-MAGVIT2 (f16)", 256, 262_144, [7.52, 20.99]),
    discrete("VAR", 680, 4096, [15.74, 34.19]),
    discrete("LlamaGen (f8)", 1024, 16_384, [29.41, 49.00]),
    discrete("Open-MAGVIT2 (f8)", 1024, 262_144, [40.24, 59.97]),
    discrete("UniTok", 256 * 8, 4096, [44.59, 65.84]),
    continuous("DC-AE", [16.35, 33.82]),
    continuous("SD-XL", [34.21, 53.68]),
    continuous("VA-VAE", [37.04, 56.32]),
    continuous("SD-3.5", [67.04, 80.58]),
    continuous("FLUX.1-dev", [75.91, 86.42]),
];

const fn discrete(name: &'static str, tokens: u32, words: u64, percent: [f64; 2]) -> Tokenizer {
    let code = Code::Discrete { tokens, words };
    tokenizer(name, code, percent)
}

const fn continuous(name: &'static str, percent: [f64; 2]) -> Tokenizer {
    tokenizer(name, Code::Continuous, percent)
}

const fn tokenizer(
    name: &'static str,
    code: Code,
    [words_right, one_minus_ned]: [f64; 2],
) -> Tokenizer {
    Tokenizer {
        name,
        code,
        words_right,
        one_minus_ned,
    }
}

/// The points as a plot of its own: other images, another reader and another size of text than ours.
pub(super) fn panel() -> CurvePanel {
    let wrong = |tokenizer: &Tokenizer| 1.0 - tokenizer.one_minus_ned / 100.0;
    let coded = TOKENIZERS.iter().filter_map(|tokenizer| {
        let x = tokenizer.code.bits_per_pixel()? * TOKEN_PIXELS;
        let error = Estimate::exact(wrong(tokenizer));
        // A curve each, so that no line joins tokenizers that have nothing to do with each other.
        Some(Curve {
            arm: Arm::new("released tokenizers with hard words", Family::Codebook),
            points: vec![CurvePoint { x, error }],
        })
    });
    let continuous = TOKENIZERS
        .iter()
        .filter(|tokenizer| tokenizer.code.bits_per_pixel().is_none());
    CurvePanel {
        title: "TokBench (2505.18142): words in scenes".to_owned(),
        curves: coded.collect(),
        references: continuous
            .map(|tokenizer| Reference {
                label: format!("{}, continuous", tokenizer.name),
                family: Family::Blind,
                cer: wrong(tokenizer),
            })
            .collect(),
        bounds: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_those_of_the_grid_and_points_stand_in_their_order() {
        let bits = |name: &str| {
            let found = TOKENIZERS.iter().find(|tokenizer| tokenizer.name == name);
            found.unwrap().code.bits_per_pixel()
        };
        // A word of 14 bits for 16 x 16 px; UniTok's eight of 12 bits for as many.
        assert_eq!(bits("LlamaGen (f16)"), Some(14.0 / 256.0));
        assert_eq!(bits("UniTok"), Some(96.0 / 256.0));
        assert_eq!(bits("FLUX.1-dev"), None);
        let panel = panel();
        let points = panel.curves.iter().flat_map(|curve| &curve.points);
        let places: Vec<f64> = points.map(|point| point.x).collect();
        assert!(places.is_sorted(), "{places:?}");
        assert_eq!(places.len() + panel.references.len(), TOKENIZERS.len());
    }
}
