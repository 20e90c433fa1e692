//! `items.safetensors`: what every test image came to, small enough to be published, and read by the claims.
//!
//! | Tensor, `U16` `[images]` | What |
//! |---|---|
//! | `cluster/PART` | font, level or photograph of each image |
//! | `chars/PART` | characters of each text |
//! | `edits/PART/OBJECTIVE/ARM/SEED` | edits between what is read in each reconstruction and its text |
//! | `lost/PART/OBJECTIVE/ARM/SEED` | variance of each image's pixels that is lost, in parts of [`PARTS`] |
//!
//! Two more hold bytes, `U8`, which files of earlier versions lack: `settings` is the run's `representation.toml`, and
//! `sha256` the [checksum](run_results::seal) of all others.

use crate::config::{Objective, RepresentationConfig};
use crate::run::Outcome;
use anyhow::{Context, Result, anyhow, ensure};
use arms::ArmSpec;
use claims::{Evaluation, Measurements, Series};
use probe_statistics::bootstrap::{ItemOutcome, SeedItems};
use run_results::seal::{self, Lists};
use run_support::atomic;
use runs::run_folder::FolderConfig;
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use std::path::Path;

/// Name of the file.
pub(super) const FILE: &str = "items.safetensors";
/// Tensor of the settings.
const SETTINGS: &str = "settings";
/// Parts of a variance that are told apart.
const PARTS: u16 = 10_000;

/// Writes the file. A cell whose pictures are no numbers is left out: its claims are not measured.
///
/// # Errors
/// If a number does not fit, or the file cannot be written.
pub(super) fn write(path: &Path, config: &RepresentationConfig, outcome: &Outcome) -> Result<()> {
    let mut tensors = Lists::new();
    let mut add = |name: String, numbers: &[u32]| -> Result<()> {
        let mut bytes = Vec::with_capacity(2 * numbers.len());
        for &number in numbers {
            let number = u16::try_from(number).with_context(|| {
                format!("{}: {number} in `{name}` is too large", path.display())
            })?;
            bytes.extend(number.to_le_bytes());
        }
        tensors.insert(name, (Dtype::U16, numbers.len(), bytes));
        Ok(())
    };
    for cell in &outcome.cells {
        let Some((arm, objective)) = cell.spec.subject.arm().zip(cell.spec.objective) else {
            continue;
        };
        for part in &cell.parts {
            let (name, seed) = (&part.name, cell.spec.seed);
            if !part.distortion.iter().all(|share| share.is_finite()) {
                continue;
            }
            add(format!("cluster/{name}"), &part.clusters)?;
            if !part.edits.is_empty() {
                add(format!("chars/{name}"), &part.characters)?;
                add(
                    format!("edits/{name}/{objective}/{arm}/{seed}"),
                    &part.edits,
                )?;
            }
            // What is lost six times over is as bad as it gets.
            let lost = part.distortion.iter().map(|share| {
                let parts = (share * f64::from(PARTS)).round();
                parts.min(f64::from(u16::MAX)) as u32
            });
            let lost: Vec<u32> = lost.collect();
            add(format!("lost/{name}/{objective}/{arm}/{seed}"), &lost)?;
        }
    }
    let settings = toml::to_string(config).context("the settings do not fit into TOML")?;
    let settings = (Dtype::U8, settings.len(), settings.into_bytes());
    tensors.insert(SETTINGS.to_owned(), settings);
    atomic::write_bytes(path, &seal::serialize(tensors, None)?)
}

/// What the claims are evaluated on: characters of text, variance of all other images.
///
/// # Errors
/// If the file is missing, damaged, or not of this run.
pub(super) fn measurements(path: &Path, config: &RepresentationConfig) -> Result<Measurements> {
    let bytes = std::fs::read(path).with_context(|| {
        format!(
            "{}: cannot read what every image came to; make the run with `representation-probe --resume --run NAME`",
            path.display()
        )
    })?;
    let read = || -> Result<Measurements> {
        let file = SafeTensors::deserialize(&bytes)?;
        seal::check(&file)?;
        check_settings(&file, config)?;
        let mut parts = file.names();
        parts.retain(|name| name.starts_with("cluster/"));
        parts.sort_unstable();
        let mut measurements = Measurements::default();
        for part in parts {
            let images = TestImages::read(&file, part.trim_start_matches("cluster/"))?;
            for &objective in &config.objectives {
                for &arm in &config.arms {
                    let seeds = images.of_arm(&file, objective, arm, &config.seeds)?;
                    if !seeds.is_empty() {
                        let series = images.series(config, objective, arm, seeds);
                        measurements.series.push(series);
                    }
                }
            }
        }
        Ok(measurements)
    };
    read().with_context(|| {
        format!(
            "{}: damaged, or of another run; bring back the file that belongs to this folder, or make the run again",
            path.display()
        )
    })
}

/// Refuses a file of other settings: by those that it holds, and by what it is about.
fn check_settings(file: &SafeTensors<'_>, config: &RepresentationConfig) -> Result<()> {
    if let Ok(settings) = file.tensor(SETTINGS) {
        let settings: RepresentationConfig = toml::from_str(std::str::from_utf8(settings.data())?)
            .map_err(|error| anyhow!("its settings cannot be read: {}", error.message()))?;
        ensure!(
            settings == *config,
            "it has other settings than {}",
            RepresentationConfig::FILE
        );
    }
    for name in file.names() {
        let mut parts = name.split('/');
        let [what, part] = [parts.next(), parts.next()].map(Option::unwrap_or_default);
        if !["edits", "lost"].contains(&what) {
            continue;
        }
        let (objective, rest) = (parts.next(), parts.collect::<Vec<_>>().join("/"));
        let (arm, seed) = rest.rsplit_once('/').unwrap_or_default();
        let known = config
            .objectives
            .iter()
            .any(|of| Some(of.name()) == objective)
            && config.arms.iter().any(|of| of.to_string() == arm)
            && config.seeds.iter().any(|of| of.to_string() == seed);
        ensure!(known, "`{name}` is about nothing that the run has");
        let wanted = match what {
            "edits" => format!("chars/{part}"),
            _ => format!("cluster/{part}"),
        };
        ensure!(
            file.tensor(&wanted).is_ok(),
            "there is `{name}`, but no `{wanted}`"
        );
    }
    Ok(())
}

/// The test images of a part.
struct TestImages {
    part: String,
    /// What is counted of each: edits of text, parts of the variance elsewhere.
    what: &'static str,
    clusters: Vec<u32>,
    /// Of how many.
    chars: Vec<u32>,
}

impl TestImages {
    fn read(file: &SafeTensors<'_>, part: &str) -> Result<Self> {
        let name = format!("cluster/{part}");
        let clusters = seal::list(file, &name)?.with_context(|| format!("there is no `{name}`"))?;
        let (what, chars) = match seal::list(file, &format!("chars/{part}"))? {
            Some(chars) => ("edits", chars),
            None => ("lost", vec![u32::from(PARTS); clusters.len()]),
        };
        Ok(Self {
            part: part.to_owned(),
            what,
            clusters,
            chars,
        })
    }

    /// What they came to behind an arm, by seed.
    fn of_arm(
        &self,
        file: &SafeTensors<'_>,
        objective: Objective,
        arm: ArmSpec,
        seeds: &[u64],
    ) -> Result<Vec<SeedItems>> {
        let mut found = Vec::new();
        for &seed in seeds {
            let name = format!("{}/{}/{objective}/{arm}/{seed}", self.what, self.part);
            let Some(edits) = seal::list(file, &name)? else {
                continue;
            };
            ensure!(
                [edits.len(), self.chars.len()] == [self.clusters.len(); 2],
                "`{name}` is not about the images of `{}`",
                self.part
            );
            if self.what == "edits" {
                // The reader writes as many characters as there are.
                let most = self.chars.iter().copied().max().unwrap_or(0);
                let found = edits.iter().copied().max().unwrap_or(0);
                ensure!(
                    found <= most,
                    "`{name}`: {found} edits of {most} characters"
                );
            }
            let items = edits.iter().zip(&self.chars).zip(&self.clusters);
            let items = items.map(|((&edits, &chars), &cluster)| ItemOutcome {
                cluster,
                edits,
                chars,
            });
            found.push(SeedItems {
                seed,
                items: items.collect(),
            });
        }
        Ok(found)
    }

    fn series(
        &self,
        config: &RepresentationConfig,
        objective: Objective,
        arm: ArmSpec,
        seeds: Vec<SeedItems>,
    ) -> Series {
        Series {
            study: objective.to_string(),
            arm: arm.to_string(),
            charset: config.charset.size(),
            condition: self.part.clone(),
            density: None,
            evaluation: Evaluation::Deterministic,
            k: None,
            stimulus: None,
            pixels_per_character: None,
            steps: None,
            bits_nominal: None,
            bits_used: None,
            learning_rate: None,
            validation_error: None,
            chance_accuracy: None,
            seeds,
            published: Vec::new(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::images::ImageKind;
    use crate::outcome::{CellOutcome, CellSpec, Part, Subject};
    use crate::preset::Preset;

    pub(crate) fn outcome(distortion: Vec<f64>, clusters: Vec<u32>) -> Outcome {
        let mut cell = CellOutcome::begun(CellSpec {
            subject: Subject::Arm("patch-merger".parse().unwrap()),
            objective: Some(Objective::Reconstruct),
            seed: 101,
            learning_rate: 0.004,
        });
        let images = distortion.len();
        cell.parts.push(Part {
            kind: ImageKind::Photographs,
            name: "photographs".to_owned(),
            tokens: 8,
            pixels: 2048,
            width: 64,
            density: None,
            relative_glyph_height: None,
            clusters,
            distortion,
            psnr: vec![30.0; images],
            ssim: vec![0.9; images],
            identified: vec![true; images],
            identified_among: images,
            edits: Vec::new(),
            characters: Vec::new(),
            samples: Vec::new(),
            features: None,
            usage: None,
        });
        Outcome {
            cells: vec![cell],
            tried: Vec::new(),
            sources: Vec::new(),
            computed: 0,
        }
    }

    #[test]
    fn what_is_no_number_is_left_out_and_never_a_perfect_picture() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let config = Preset::Paper.config();
        let lost = |distortion: Vec<f64>| -> Vec<u32> {
            write(&path, &config, &outcome(distortion, vec![0, 1])).unwrap();
            let found = measurements(&path, &config).unwrap().series;
            let items = found.iter().flat_map(|series| &series.seeds[0].items);
            items.map(|item| item.edits).collect()
        };
        assert_eq!(lost(vec![0.25, 1.5]), [2500, 15_000]);
        let refused = |config: &RepresentationConfig, bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let error = format!("{:#}", measurements(&path, config).unwrap_err());
            assert!(error.contains("bring back the file"), "{error}");
            error
        };
        let whole = std::fs::read(&path).unwrap();
        let mut other = config.clone();
        other.decode_steps = 10;
        assert!(refused(&other, &whole).contains("other settings"));
        let mut damaged = whole.clone();
        let last = damaged.len() - 1;
        damaged[last] ^= 1;
        assert!(refused(&config, &damaged).contains("checksum"));
        // As the first version wrote it: neither settings nor checksum.
        let text = |from: &str, to: &str, bytes: &[u8]| {
            let mut places = bytes.windows(from.len());
            let place = places.position(|part| part == from.as_bytes()).unwrap();
            let mut bytes = bytes.to_vec();
            bytes[place..place + to.len()].copy_from_slice(to.as_bytes());
            bytes
        };
        let first = text("\"settings\"", "\"unknown0\"", &whole);
        let first = text("\"sha256\"", "\"unused\"", &first);
        std::fs::write(&path, &first).unwrap();
        assert_eq!(measurements(&path, &config).unwrap().series.len(), 1);
        other.seeds = vec![1];
        assert!(refused(&other, &first).contains("about nothing that the run has"));
        let error = refused(&config, &text("cluster/", "clustex/", &first));
        assert!(error.contains("no `cluster/photographs`"), "{error}");
        assert_eq!(lost(vec![0.0, 99.0]), [0, u32::from(u16::MAX)]);
        assert!(lost(vec![0.25, f64::NAN]).is_empty());
        let many = outcome(vec![0.25, 0.5], vec![0, 70_000]);
        let message = format!("{:#}", write(&path, &config, &many).unwrap_err());
        assert!(
            message.contains("70000 in `cluster/photographs`"),
            "{message}"
        );
    }
}
