//! Everything that decides what an inspection shows.

use anyhow::{Result, bail, ensure};
use arms::{ArmKind, ArmSpec};
use probe::{ImageSource, ProbeConfig};
use runs::run_folder::FolderConfig;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Largest vocabulary of an arm that is shown without being asked for.
const DEFAULT_VOCABULARY: usize = 1024;

/// One arm with what its training needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InspectedArm {
    /// The arm.
    pub arm: ArmSpec,
    /// Peak learning rate; none for the projector of a checkpoint, which is not trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// Validation CER of the same cell in the run whose tuning was taken over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuned_cer: Option<f64>,
}

/// Everything that decides what an inspection shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InspectConfig {
    /// Where the learning rates come from, in words.
    pub rates: String,
    /// Characters per token of the images that are shown; none for lines of free length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub density: Option<f64>,
    /// Files to show; rendered test images if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<PathBuf>,
    /// What the file says, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Rendered test images that are shown.
    pub show: usize,
    /// Whether the vocabularies are shown as well.
    pub vocabulary: bool,
    /// Most used words of an atlas.
    pub words: usize,
    /// Patches per word.
    pub patches: usize,
    /// Best words of a token that are listed.
    pub top: usize,
    /// The arms.
    pub arms: Vec<InspectedArm>,
    /// Data, tower, probe and training; its test images are those that are looked at.
    pub probe: ProbeConfig,
}

impl FolderConfig for InspectConfig {
    const FILE: &'static str = "inspect.toml";
    const FLAG: &'static str = "--out";
    const PLACE_FLAG: &'static str = "--out";
}

impl InspectConfig {
    /// Checks what can be checked without touching data.
    ///
    /// # Errors
    /// Names the setting that makes no sense and what to write instead.
    pub fn check(&self) -> Result<()> {
        self.probe.check()?;
        for inspected in &self.arms {
            ensure!(
                inspected.arm.settings.queries.is_none(),
                "arm `{}` makes no token of each block, and what is shown here are tokens with their patches; \
                 leave it out (--arm)",
                inspected.arm
            );
        }
        let data = &self.probe.data;
        ensure!(
            matches!(data.source, ImageSource::Text { .. }),
            "`inspect` shows readings of text, and this configuration asks for `{}`",
            data.source.name()
        );
        ensure!(self.show > 0, "--show 0 shows nothing; give at least 1");
        ensure!(
            self.top > 0,
            "--top 0 lists no word of a token; give at least 1"
        );
        ensure!(self.words > 0, "--words 0 shows no word; give at least 1");
        ensure!(
            self.patches > 0,
            "--patches 0 shows no patch; give at least 1"
        );
        if let Some(density) = self.density
            && !data.densities.contains(&density)
        {
            bail!(
                "no images of {density} characters per token are trained on, only of {:?}; choose \
                 one of them with --density, or name others in `data.densities` of a --config",
                data.densities
            );
        }
        ensure!(
            self.text.is_none() || self.images.len() == 1,
            "--text says what one --image shows; give exactly one"
        );
        if self.vocabulary {
            ensure!(
                self.density.is_some(),
                "--vocabulary needs to know where characters stand: lines of free length have no \
                 character grid"
            );
            for InspectedArm { arm, .. } in &self.arms {
                // Whether the checkpoint's own projector has words, only the checkpoint knows.
                ensure!(
                    arm.kind.has_words() || arm.kind.is_pretrained(),
                    "arm `{arm}` has no visual words, so there is no vocabulary to show; leave out \
                     --vocabulary, or choose arms with words, for example vet-softmax@1024 or \
                     vq@1024"
                );
            }
        }
        Ok(())
    }
}

/// The arms that are shown where none is asked for, out of those of a run: the merger, and soft and
/// hard words of the largest vocabulary up to 1,024; with `vocabulary` only those with words.
#[must_use]
pub fn default_arms(of_run: &[ArmSpec], vocabulary: bool) -> Vec<ArmSpec> {
    let is_small = |arm: &&ArmSpec| {
        let words = arm.vocabulary.unwrap_or(0);
        // Runs that speak of 1,024 words without indicator rows have tables of 1,028.
        words <= DEFAULT_VOCABULARY + arm.kind.indicators()
    };
    let largest = |wanted: &dyn Fn(&ArmSpec) -> bool| {
        let arms = of_run.iter().filter(is_small);
        arms.filter(|arm| wanted(arm))
            .max_by_key(|arm| arm.vocabulary)
    };
    let plain = |arm: &ArmSpec, kind| arm.kind == kind && arm.settings == Default::default();
    let hard = largest(&|arm| plain(arm, ArmKind::VetStArgmax) && arm.usage);
    let found = [
        largest(&|arm| plain(arm, ArmKind::PatchMerger) && !vocabulary),
        largest(&|arm| plain(arm, ArmKind::VetSoftmax)),
        hard.or(largest(&|arm| plain(arm, ArmKind::VetStArgmax))),
    ];
    found.into_iter().flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use probe::Preset;

    #[test]
    fn soft_and_hard_words_stand_beside_the_merger() {
        let names = |preset: Preset, vocabulary| {
            let arms = default_arms(&preset.config().arms, vocabulary);
            arms.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            names(Preset::Quick, false),
            [
                "patch-merger",
                "vet-softmax@1024",
                "vet-st-argmax@1024+usage"
            ]
        );
        assert_eq!(names(Preset::Full, false), names(Preset::Quick, false));
        assert_eq!(
            names(Preset::Smoke, true),
            ["vet-softmax@64", "vet-st-argmax@64+usage"]
        );
    }

    fn config() -> InspectConfig {
        InspectConfig {
            rates: String::new(),
            density: Some(1.0),
            images: Vec::new(),
            text: None,
            show: 1,
            vocabulary: true,
            words: 1,
            patches: 1,
            top: 1,
            arms: vec![InspectedArm {
                arm: "vet-softmax@64".parse().unwrap(),
                learning_rate: Some(0.002),
                tuned_cer: None,
            }],
            probe: Preset::Smoke.config(),
        }
    }

    #[test]
    fn what_cannot_be_shown_is_refused_with_a_remedy() {
        config().check().unwrap();
        let message = |change: fn(&mut InspectConfig)| {
            let mut config = config();
            change(&mut config);
            config.check().unwrap_err().to_string()
        };
        assert!(message(|c| c.density = Some(8.0)).contains("--density"));
        assert!(message(|c| c.show = 0).contains("--show"));
        assert!(message(|c| c.text = Some("A".to_owned())).contains("--image"));
        assert!(message(|c| c.density = None).contains("character grid"));
        let wordless = message(|c| c.arms[0].arm = "patch-merger".parse().unwrap());
        assert!(wordless.contains("`patch-merger` has no visual words"));
    }

    #[test]
    fn configurations_survive_toml() {
        let text = toml::to_string(&config()).unwrap();
        assert_eq!(toml::from_str::<InspectConfig>(&text).unwrap(), config());
    }
}
