//! `inspect`: what do the tokens look like, and what do the words of a vocabulary stand for?

use super::Computing;
use anyhow::{Context, Result, bail, ensure};
use arms::TokenizeOverride;
use arms::{ArmKind, ArmSpec};
use checkpoint::Checkpoint;
use probe::{LayoutKind, Preset, ProbeConfig};
use probe_data::published;
use run_results::provenance;
use run_results::wording;
use run_support::settings::overlay_file;
use run_support::stop::Stop;
use runs::run_folder::RunFolder;
use runs::session::Session;
use std::path::{Path, PathBuf};
use std::time::Instant;
use text_images::Content;
use token_inspection::{
    InspectConfig, InspectedArm, Inspection, TunedRates, atlas, default_arms, inspect, write,
};

/// Images of a split that is not looked at: the fewest that a configuration takes.
const UNSEEN: usize = 2;
/// Characters per token that are shown unless others are asked for: one, so that a token has a
/// character of its own.
const DENSITY: f64 = 1.0;
/// Best words of a token that are listed unless another number is asked for.
const TOP: usize = 8;
/// Words of a vocabulary that are drawn.
const WORDS: usize = 24;
/// Patches that are drawn per word.
const PATCHES: usize = 6;
/// Rendered test images that are drawn.
const SHOW: usize = 3;

/// Shows the tokens of images under several arms, and the words of their vocabularies.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Folder to write to; one of an earlier inspection of the same settings is written again.
    #[arg(long)]
    out: PathBuf,
    /// Arms to show side by side, for example `vet-softmax@1024` [default: the merger, soft and hard
    /// words of the preset or run].
    #[arg(long = "arm", value_name = "ARM", value_delimiter = ',')]
    arms: Vec<ArmSpec>,
    /// Published model whose own projector is shown: the folder of a checkpoint, or its id on the
    /// Hugging Face hub. Arms are then `pretrained`, `pretrained+argmax`, `pretrained+topN`.
    #[arg(
        long,
        value_name = "DIR|ID",
        conflicts_with_all = ["run", "steps", "learning_rate", "backbone", "text"]
    )]
    checkpoint: Option<String>,
    /// Images to show, PNG, JPEG, WebP or BMP of any size [default: rendered test images].
    #[arg(long, value_name = "FILE", num_args = 1..)]
    image: Vec<PathBuf>,
    /// What the image says, so that errors can be marked.
    #[arg(long)]
    text: Option<String>,
    /// Shows what the most used words of every vocabulary stand for as well.
    #[arg(long)]
    vocabulary: bool,
    /// Words of a vocabulary that are drawn [default: 24].
    #[arg(long)]
    words: Option<usize>,
    /// Patches that are drawn per word [default: 6].
    #[arg(long)]
    patches: Option<usize>,
    /// Rendered test images that are drawn [default: 3].
    #[arg(long)]
    show: Option<usize>,
    /// Rendered test images that words are counted and readings scored on [default: those of the
    /// preset].
    #[arg(long)]
    images: Option<usize>,
    /// Best words listed per token [default: 8].
    #[arg(long)]
    top: Option<usize>,
    /// Characters per token of the images that are looked at [default: 1, or the first of the preset or
    /// run]; training is on all densities of the preset or run.
    #[arg(long)]
    density: Option<f64>,
    /// Run whose settings and chosen learning rates are taken over.
    #[arg(long, value_name = "DIR", conflicts_with = "preset")]
    run: Option<PathBuf>,
    /// Named size of the training [default: quick].
    #[arg(long, value_enum)]
    preset: Option<Preset>,
    /// TOML file with settings on top.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Seed of data order, parameters and noise [default: the first of the preset or run].
    #[arg(long)]
    seed: Option<u64>,
    /// Optimiser steps.
    #[arg(long)]
    steps: Option<usize>,
    /// Peak learning rate of all arms [default: what the run has chosen, else the middle one of the
    /// preset's].
    #[arg(long)]
    learning_rate: Option<f64>,
    /// Pre-trained backbone.
    #[arg(long)]
    backbone: Option<PathBuf>,
    #[command(flatten)]
    computing: Computing,
}

impl Args {
    /// The resolved configuration: preset or run, then file, then flags.
    fn resolve(&self) -> Result<InspectConfig> {
        if let Some(path) = self
            .image
            .iter()
            .chain(&self.backbone)
            .find(|p| p.to_str().is_none())
        {
            bail!(
                "{}: this name is not UTF-8 and cannot be written into the page and its config.toml; \
                 rename it",
                path.display()
            );
        }
        self.check_flags()?;
        let mut probe = self.base()?;
        let seed = self.seed.or(probe.seeds.first().copied());
        let seed = seed.context("zero seeds; give one with --seed")?;
        probe = probe.of_seed(seed);
        let trains = probe.checkpoint.is_none();
        // Of a run or a settings file: beside --checkpoint they are refused by the parser.
        for (flag, is_given) in [
            ("--steps", self.steps.is_some()),
            ("--learning-rate", self.learning_rate.is_some()),
            ("--backbone", self.backbone.is_some()),
        ] {
            ensure!(
                trains || !is_given,
                "{flag} has no effect: the settings name a published model (`checkpoint`), and nothing is \
                 trained; leave it out"
            );
        }
        let doubles = probe.training.until_converged.take().is_some() && trains;
        ensure!(
            self.steps.is_some() || !doubles,
            "this run doubled its steps until it had converged; choose a length from its steps.csv with \
             --steps"
        );
        if let Some(steps) = self.steps {
            probe.training.steps = steps;
        }
        if let Some(backbone) = &self.backbone {
            probe.backbone.clone_from(backbone);
        }
        self.choose_images(&mut probe)?;
        let (arms, rates) = if probe.checkpoint.is_some() {
            (
                self.published_arms()?,
                "no one: nothing is trained".to_owned(),
            )
        } else {
            self.trained_arms(&probe)?
        };
        probe.arms = arms.iter().map(|arm| arm.arm).collect();
        if self.top.is_some() {
            check_has_words(&probe)?;
        }
        let config = InspectConfig {
            rates,
            density: self.density(&probe)?,
            images: self.image.clone(),
            text: self.text.clone(),
            show: self.show.unwrap_or(SHOW),
            vocabulary: self.vocabulary,
            words: self.words.unwrap_or(WORDS),
            patches: self.patches.unwrap_or(PATCHES),
            top: self.top.unwrap_or(TOP),
            arms,
            probe,
        };
        config.check()?;
        Ok(config)
    }

    /// Refuses flags that nothing would heed.
    fn check_flags(&self) -> Result<()> {
        const NO_ATLAS: &str = "without --vocabulary";
        const OTHERS: &str = "beside --image, whose files are shown instead of rendered images";
        const NOTHING: &str =
            "where files go through a --checkpoint: nothing is rendered, drawn by lot or trained";
        let files = !self.image.is_empty();
        let only_files = files && self.checkpoint.is_some() && !self.vocabulary;
        for (flag, is_given, is_idle, why) in [
            ("--words", self.words.is_some(), !self.vocabulary, NO_ATLAS),
            (
                "--patches",
                self.patches.is_some(),
                !self.vocabulary,
                NO_ATLAS,
            ),
            ("--show", self.show.is_some(), files, OTHERS),
            ("--density", self.density.is_some(), only_files, NOTHING),
            ("--images", self.images.is_some(), only_files, NOTHING),
            ("--seed", self.seed.is_some(), only_files, NOTHING),
            ("--preset", self.preset.is_some(), only_files, NOTHING),
        ] {
            ensure!(
                !(is_given && is_idle),
                "{flag} has no effect {why}; leave it out"
            );
        }
        Ok(())
    }

    /// Preset or run with the file on top.
    fn base(&self) -> Result<ProbeConfig> {
        let mut base = match &self.run {
            Some(run) => RunFolder::config_of::<ProbeConfig>(run)?,
            None => self.preset.unwrap_or(Preset::Quick).config(),
        };
        if let Some(name) = &self.checkpoint {
            // Files go through the checkpoint's own processor, whatever sizes suit rendered text.
            if self.image.is_empty() || self.vocabulary {
                let checkpoint_summary = published::checkpoint_summary(name)?;
                ensure!(
                    checkpoint_summary.has_vocabulary || !self.vocabulary,
                    "{name}: this model has a merger and no visual words; leave out --vocabulary"
                );
                base = base.for_checkpoint(checkpoint_summary);
            }
            base.checkpoint = Some(name.clone());
        }
        match &self.config {
            Some(path) => overlay_file(&base, path),
            None => Ok(base),
        }
    }

    /// One kind of text to look at; of a checkpoint, which is not trained, no other images.
    fn choose_images(&self, probe: &mut ProbeConfig) -> Result<()> {
        probe.data.test_contents.truncate(1);
        probe.data.forget_unused_text();
        let is_words = probe.data.test_contents == [Content::Words];
        let images = &mut probe.data.images;
        let count = match is_words {
            true => images.test_words,
            false => images.test,
        };
        let count = self.images.unwrap_or(count);
        ensure!(
            count >= UNSEEN,
            "--images {count} are too few to look at; give at least {UNSEEN}"
        );
        (images.test, images.test_words) = match is_words {
            true => (UNSEEN, count),
            false => (count, UNSEEN),
        };
        if probe.checkpoint.is_some() {
            (images.train, images.validation) = (UNSEEN, UNSEEN);
        }
        Ok(())
    }

    fn published_arms(&self) -> Result<Vec<InspectedArm>> {
        let own = ArmSpec::plain(ArmKind::Pretrained(TokenizeOverride::Own));
        let arms = match self.arms.is_empty() {
            true => vec![own],
            false => self.arms.clone(),
        };
        for arm in &arms {
            ensure!(
                arm.kind.is_pretrained(),
                "arm `{arm}` would have to be trained on the features of the checkpoint, which \
                 `ocr-probe --checkpoint` does; show `pretrained`, `pretrained+argmax` or \
                 `pretrained+topN`"
            );
        }
        let arms = arms.into_iter().map(|arm| InspectedArm {
            arm,
            learning_rate: None,
            tuned_cer: None,
        });
        Ok(arms.collect())
    }

    /// The arms with their learning rates, and where these come from.
    fn trained_arms(&self, probe: &ProbeConfig) -> Result<(Vec<InspectedArm>, String)> {
        let arms = match self.arms.is_empty() {
            true => default_arms(&probe.arms, self.vocabulary),
            false => self.arms.clone(),
        };
        ensure!(
            !arms.is_empty(),
            "none of the arms of this run is shown by itself; name some with --arm"
        );
        for arm in &arms {
            ensure!(
                !arm.kind.is_pretrained(),
                "arm `{arm}` is the projector of a published model; name the model with \
                 --checkpoint DIR|ID"
            );
        }
        if let (Some(run), None) = (&self.run, self.learning_rate) {
            let rates = TunedRates::read(run)?;
            let is_same = self.is_as_in_run(run, probe)?;
            let arms = arms.into_iter().map(|arm| {
                let (rate, cer) = rates.of(arm)?;
                Ok(InspectedArm {
                    arm,
                    learning_rate: Some(rate),
                    tuned_cer: cer.filter(|_| is_same),
                })
            });
            let words = format!("the run {}", run.display());
            return Ok((arms.collect::<Result<_>>()?, words));
        }
        let words = match self.learning_rate {
            Some(_) => "the command line".to_owned(),
            None => "the middle of the rates that the configuration tries".to_owned(),
        };
        let arms = arms.into_iter().map(|arm| {
            let tried = probe.rates_of(arm);
            let rate = self.learning_rate.or(tried.get(tried.len() / 2).copied());
            let rate = rate.context("no learning rate; give one with --learning-rate")?;
            ensure!(
                rate.is_finite() && rate > 0.0,
                "--learning-rate {rate} is not a number above 0; try 0.008"
            );
            Ok(InspectedArm {
                arm,
                learning_rate: Some(rate),
                tuned_cer: None,
            })
        });
        Ok((arms.collect::<Result<_>>()?, words))
    }

    /// Whether the cells are those of the run's first seed, so that their errors compare.
    fn is_as_in_run(&self, run: &Path, probe: &ProbeConfig) -> Result<bool> {
        let there: ProbeConfig = RunFolder::config_of(run)?;
        Ok(self.config.is_none()
            && self.backbone.is_none()
            && there.seeds.first() == probe.seeds.first()
            && there.training.steps == probe.training.steps)
    }

    fn density(&self, probe: &ProbeConfig) -> Result<Option<f64>> {
        let densities = &probe.data.densities;
        match probe.data.layout {
            LayoutKind::Strip => {
                ensure!(
                    self.density.is_none(),
                    "lines of free length have no fixed density; leave out --density"
                );
                Ok(None)
            }
            LayoutKind::Grid => {
                let default = match densities.contains(&DENSITY) {
                    true => Some(DENSITY),
                    false => densities.first().copied(),
                };
                Ok(self.density.or(default))
            }
        }
    }
}

/// Refuses `--top` where no token has words to list.
fn check_has_words(probe: &ProbeConfig) -> Result<()> {
    match &probe.checkpoint {
        Some(name) => {
            let folder = checkpoint::resolve(name, published_models::is_wanted)?;
            let config = published_models::config_of(&Checkpoint::open(&folder)?)?;
            ensure!(
                config.has_vocabulary(),
                "{name}: this model has a merger and no visual words; leave out --top"
            );
        }
        None => {
            let names: Vec<String> = probe.arms.iter().map(|arm| format!("`{arm}`")).collect();
            ensure!(
                probe.arms.iter().any(|arm| arm.kind.has_words()),
                "--top lists words of a token, and none of the arms shown has any ({}); leave out --top, or \
                 choose arms with words, for example vet-softmax@1024",
                names.join(", ")
            );
        }
    }
    Ok(())
}

/// Looks, writes, prints.
///
/// # Errors
/// One clear message for whatever stopped it; a folder that was made for nothing is taken back.
pub fn run(args: &Args, stop: &Stop) -> Result<()> {
    let started = Instant::now();
    let config = args.resolve()?;
    let session = args.computing.session(stop)?;
    let name = args.out.file_name().and_then(|name| name.to_str());
    let name = name.with_context(|| {
        format!(
            "--out {} names no folder, or one whose name is not UTF-8; give one, for example \
             results/inspect",
            args.out.display()
        )
    })?;
    let parent = args.out.parent().unwrap_or(Path::new(""));
    let folder = RunFolder::choose(parent, Some(name), name, true, &config)?;
    let inspected = look(&config, &session, &folder);
    let inspection = match inspected {
        Ok(inspection) => inspection,
        Err(error) => {
            folder.abandon();
            return Err(error);
        }
    };
    print(&inspection);
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{seconds:.0} s in all; open {} in a browser",
        folder.path().join("report.html").display()
    );
    Ok(())
}

fn look(config: &InspectConfig, session: &Session<'_>, folder: &RunFolder) -> Result<Inspection> {
    let lanes = session.lanes.count();
    let mut manifest = provenance::manifest(
        &config.probe.seeds,
        session.backend,
        session.device(),
        lanes,
    );
    let clock = Instant::now();
    let inspection = inspect(config, session)?;
    let mut seconds = clock.elapsed().as_secs_f64();
    if let Some(prepared) = &inspection.prepared {
        provenance::add_preparation(&mut manifest, prepared, None);
        seconds -= prepared.times.iter().map(|(_, time)| time).sum::<f64>();
    }
    provenance::add_stage(&mut manifest, "arms", seconds.max(0.0));
    write(folder.path(), config, &inspection, &manifest)?;
    Ok(inspection)
}

fn print(inspection: &Inspection) {
    for arm in &inspection.arms {
        if let Some((cer, images)) = arm.cell.as_ref().and_then(|cell| cell.test_cer) {
            let (cer, images) = (wording::percent(cer), wording::counted(images, "image"));
            println!("{}: {cer} of the characters wrong over {images}", arm.arm);
        }
    }
    for vocabulary in &inspection.vocabularies {
        let summary = &vocabulary.summary;
        println!(
            "{}: {} of {} words used, {:.2} of {:.2} bits about {}",
            atlas::title(vocabulary),
            summary.words_used,
            summary.words,
            summary.corrected.information().bits(),
            summary.corrected.labels.bits(),
            atlas::labels(inspection.counted_on.as_ref())
        );
    }
}
