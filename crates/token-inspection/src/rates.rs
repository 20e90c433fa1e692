//! Learning rates that an earlier run has chosen.

use anyhow::{Context, Result, bail};
use arms::ArmSpec;
use std::path::{Path, PathBuf};
use text_images::spreadsheet;

/// The tuning of a run, from its `tuning.csv`.
#[derive(Debug)]
pub struct TunedRates {
    path: PathBuf,
    /// Arm, chosen learning rate and its validation CER.
    chosen: Vec<(String, f64, Option<f64>)>,
}

impl TunedRates {
    /// Reads the tuning in the folder of a run.
    ///
    /// # Errors
    /// If there is none, or it is damaged.
    pub fn read(run: &Path) -> Result<Self> {
        let path = run.join("tuning.csv");
        let mut reader = csv::Reader::from_path(&path).with_context(|| {
            format!(
                "{}: cannot read the learning rates of the run; name the folder of a finished run, \
                 or give --learning-rate",
                path.display()
            )
        })?;
        let damaged = || format!("{}: damaged; run it again with --resume", path.display());
        let header = reader.headers().with_context(damaged)?.clone();
        let column = |name: &str| header.iter().position(|found| found == name);
        let places = ["arm", "learning_rate", "validation_cer", "chosen"].map(column);
        let [Some(arm), Some(rate), Some(cer), Some(chosen)] = places else {
            bail!("{}", damaged());
        };
        let mut rows = Vec::new();
        for row in reader.records() {
            let row = row.with_context(damaged)?;
            let field = |place: usize| row.get(place).unwrap_or_default();
            if field(chosen) != "true" {
                continue;
            }
            let rate: f64 = field(rate).parse().ok().with_context(damaged)?;
            let name = spreadsheet::unguard(field(arm)).to_owned();
            rows.push((name, rate, field(cer).parse().ok()));
        }
        Ok(Self { path, chosen: rows })
    }

    /// The rate that was chosen for an arm, and the validation CER that its cell had.
    ///
    /// # Errors
    /// If the run has no rate for it.
    pub fn of(&self, arm: ArmSpec) -> Result<(f64, Option<f64>)> {
        let name = arm.to_string();
        let found = self.chosen.iter().find(|(known, _, _)| *known == name);
        match found {
            Some((_, rate, cer)) => Ok((*rate, *cer)),
            None => {
                let known = self.chosen.iter().map(|(name, _, _)| name.as_str());
                bail!(
                    "{}: no learning rate was chosen for `{arm}`, only for {}; choose one of \
                     these with --arm, or give --learning-rate",
                    self.path.display(),
                    known.collect::<Vec<_>>().join(", ")
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_rate_is_found_and_what_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let message = |error: anyhow::Error| format!("{error:#}");
        let missing = TunedRates::read(folder.path()).unwrap_err();
        assert!(message(missing).contains("tuning.csv"));
        let write = |text: &str| std::fs::write(folder.path().join("tuning.csv"), text).unwrap();
        write(
            "arm,learning_rate,validation_cer,chosen,on_edge\n\
             vet-softmax@64,0.004,0.5,false,false\nvet-softmax@64,0.008,0.25,true,true\n",
        );
        let rates = TunedRates::read(folder.path()).unwrap();
        let rate = rates.of("vet-softmax@64".parse().unwrap()).unwrap();
        assert_eq!(rate, (0.008, Some(0.25)));
        let other = message(rates.of("identity".parse().unwrap()).unwrap_err());
        for part in ["identity", "vet-softmax@64", "--learning-rate"] {
            assert!(other.contains(part), "{other}");
        }
        write("arm,rate\nidentity,0.1\n");
        assert!(message(TunedRates::read(folder.path()).unwrap_err()).contains("damaged"));
    }
}
