//! How much memory an arm takes in training, said before it is built.

use crate::{Argument, ArmSizes, ArmSpec};
use anyhow::Result;
use burn::module::Module;
use burn::tensor::Device;
use projector::{Projector, seeded};

/// Words of two small arms: from one to the other, parameters grow along a straight line.
const WORDS: [usize; 2] = [256, 512];
/// Codes of two small arms, for the same reason.
const CODES: [usize; 2] = [2, 3];
/// Bytes of a number.
const BYTES: f64 = 4.0;
/// What AdamW keeps beside a number that gradients train: its gradient and two running means.
const BESIDE: f64 = 3.0;

impl ArmSpec {
    /// Bytes that its parameters take in training, with gradients and the means of AdamW for those that
    /// gradients train. States of hidden layers come on top. It is measured on small arms of the same kind
    /// and grows with words and codes; 0 for the projector of a checkpoint, which is not built here.
    ///
    /// # Errors
    /// If the sizes make no projector.
    pub fn training_bytes(&self, sizes: ArmSizes) -> Result<u128> {
        if self.kind.is_pretrained() {
            return Ok(0);
        }
        let bytes = match self.settings.codes {
            Some(codes) if codes > CODES[1] => {
                let [few, more] = CODES.map(|codes| self.bytes_with(Some(codes), sizes));
                along(CODES, [few?, more?], codes)
            }
            codes => self.bytes_with(codes, sizes)?,
        };
        Ok(bytes.ceil() as u128)
    }

    /// With its words and so many codes, which are few.
    fn bytes_with(&self, codes: Option<usize>, sizes: ArmSizes) -> Result<f64> {
        let has_table = match self.kind.definition().argument {
            Argument::Nothing | Argument::Noise | Argument::Queries => false,
            Argument::Rows => true,
            // Where not any number will do, codes are counted in bits or levels, and no table holds them.
            Argument::Codes(sizes) => (sizes.check)(WORDS[0] + 1).is_ok(),
        };
        let of = |words: Option<usize>| {
            let mut spec = *self;
            spec.vocabulary = words;
            spec.settings.codes = codes;
            // As many parameters, and no more words than there are.
            spec.settings.top = None;
            spec.built_bytes(sizes)
        };
        match self.vocabulary {
            Some(words) if has_table && words > WORDS[1] => {
                let [few, more] = WORDS.map(|words| of(Some(words)));
                Ok(along(WORDS, [few?, more?], words))
            }
            words => of(words),
        }
    }

    fn built_bytes(&self, sizes: ArmSizes) -> Result<f64> {
        let mut rng = seeded::stream(0, "memory");
        let arm = self.build(sizes, &mut rng, &Device::flex())?;
        let trained = arm.cost().parameters as f64;
        Ok(BYTES * (arm.num_params() as f64 + BESIDE * trained))
    }
}

/// The straight line through two points.
fn along(places: [usize; 2], values: [f64; 2], at: usize) -> f64 {
    let slope = (values[1] - values[0]) / (places[1] as f64 - places[0] as f64);
    values[0] + slope * (at as f64 - places[0] as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ovis_vet::TableInit;

    fn sizes() -> ArmSizes {
        ArmSizes {
            d_in: 6,
            merge: 2,
            d_token: 10,
            table_init: TableInit::MatchedOutput,
        }
    }

    /// All kinds, in a size that is measured and in one that is foreseen.
    #[test]
    fn what_is_foreseen_is_what_is_built() {
        for arm in [
            "linear",
            "vet-softmax@2000+top700",
            "vet-softmax@2000+rank7",
            "vet-softmax@2000+on-qwen3-merger",
            "vet-st-argmax@2000+codes9",
            "gelu-mlp@2000",
            "gelu-mlp-plain@2000",
            "flop-mlp@2000",
            "vq@2000",
            "rvq@2000+codes7",
            "rvq-merger@2000+codes7",
            "simvq@2000",
            "oracle-words@2000",
            "fsq@1000",
            "lfq@1024",
            "bsq@2048",
        ] {
            let arm: ArmSpec = arm.parse().unwrap();
            let foreseen = arm.training_bytes(sizes()).unwrap() as f64;
            let built = arm.built_bytes(sizes()).unwrap();
            // A hidden width may be rounded to a whole number.
            assert!(
                (foreseen / built - 1.0).abs() < 0.01,
                "{arm}: {foreseen}, {built}"
            );
        }
    }

    #[test]
    fn codebooks_hold_their_vectors_twice_and_tables_four_times() {
        let bytes = |arm: &str| {
            let arm: ArmSpec = arm.parse().unwrap();
            arm.training_bytes(sizes()).unwrap()
        };
        let words = 1 << 24;
        let codes = 64 * words * (2 * 10 + 1) * 4;
        let found = bytes("rvq-merger@16777216+codes64");
        assert!((codes..codes + 100_000).contains(&found), "{found}");
        // A row of the table, one of the head, and the norm.
        let table = words * (10 + 24 + 2) * 16;
        let found = bytes("vet-softmax@16777216");
        assert!(found.abs_diff(table) < 10_000, "{found} {table}");
    }
}
