//! `ocr-probe`: how much OCR does each projector lose?

use super::{CarryingOut, set};
use anyhow::{Context, Result, bail, ensure};
use arms::ArmSpec;
use probe::{
    Convergence, ImageSize, ImageSource, LayoutKind, Preset, ProbeConfig, ReaderKind, Regime,
    Replication,
};
use probe_data::published;
use probe_data::{DataSources, Fit};
use run_results::Outputs;
use run_support::settings::overlay_file;
use run_support::stop::Stop;
use runs::run_folder::RunFolder;
use scene_text::LabelPolicy;
use std::path::{Path, PathBuf};
use std::time::Instant;
use text_images::{Charset, Content};

/// How often the first steps of a training fit into the longest, unless that is named.
const LONGEST: usize = 16;

/// Trains the same reading probe behind each projector and reports what each loses.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Named size of the study.
    #[arg(long, value_enum, default_value = "quick")]
    preset: Preset,
    /// TOML file with settings on top of the preset (any part of what `config.toml` of a run
    /// holds); flags go on top of it.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Arms, separated by commas, for example `identity,patch-merger,vet-softmax@256`.
    #[arg(long, value_delimiter = ',')]
    arms: Option<Vec<ArmSpec>>,
    /// Published model whose frozen features are probed in the place of the backbone's: the folder
    /// of a checkpoint, or its id on the Hugging Face hub, `OWNER/NAME[@REVISION]`.
    #[arg(long, value_name = "DIR|ID", conflicts_with = "backbone")]
    checkpoint: Option<String>,
    /// Projectors to read them through: `pretrained` for the checkpoint's own, with a visual
    /// vocabulary also `pretrained+argmax` and `pretrained+topN`, or any arm, trained on the
    /// features.
    #[arg(
        long,
        value_name = "ARM",
        value_delimiter = ',',
        conflicts_with = "arms"
    )]
    projector: Option<Vec<ArmSpec>>,
    /// Number of paired seeds: 1 to N.
    #[arg(long)]
    seeds: Option<u64>,
    /// What seeds differ in besides start, order of the images and noise: `images` draws training images for
    /// each, `towers` also takes a tower for each, with `{seed}` in the name of --backbone.
    #[arg(long, value_enum)]
    replication: Option<Replication>,
    /// Count the use of hard words on so many tokens of further test images, over all densities and kinds
    /// of text together, instead of the test images; a vocabulary of 65,536 words needs a million at each.
    #[arg(long, value_name = "N")]
    usage_tokens: Option<usize>,
    /// Alphabet: 10, 16, 36, 62 or 94 characters.
    #[arg(long)]
    charset: Option<Charset>,
    /// Characters per visual token, separated by commas; with several, each probe is trained on all of them,
    /// batches taking turns.
    #[arg(long, value_delimiter = ',')]
    densities: Option<Vec<f64>>,
    /// One density, in characters per visual token; a run of its own for each keeps what is learnt at one
    /// from helping at another.
    #[arg(long, conflicts_with = "densities")]
    density: Option<f64>,
    /// Side in patches of the block that becomes one token: 2, 4 or 8 are 16, 32 or 64 px.
    #[arg(long, value_name = "PATCHES")]
    merge: Option<usize>,
    /// Size of the images in pixels, WIDTHxHEIGHT; a page of lines is 128x128, for example.
    #[arg(long, value_name = "WxH")]
    image_size: Option<ImageSize>,
    /// Width of a visual token.
    #[arg(long)]
    d_token: Option<usize>,
    /// Where the text comes from, for training and testing alike: random, words, print, markov:BITS[:ORDER]
    /// or zipf:BITS, with BITS per character.
    #[arg(long, value_name = "SOURCE", conflicts_with = "text")]
    text_source: Option<Content>,
    /// UTF-8 file whose text is rendered instead: 70% of it to train on, 10% for validation, 20% to
    /// test on.
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// Character grid or proportional lines.
    #[arg(long, value_enum)]
    layout: Option<LayoutKind>,
    /// Probe that reads.
    #[arg(long, value_enum)]
    reader: Option<ReaderKind>,
    /// Width of the readers `causal` and `attention`, a multiple of 32.
    #[arg(long)]
    reader_width: Option<usize>,
    /// Blocks of the readers `causal` and `attention`.
    #[arg(long)]
    reader_blocks: Option<usize>,
    /// What trains besides projector and probe.
    #[arg(long, value_enum)]
    regime: Option<Regime>,
    /// Optimiser steps per cell.
    #[arg(long)]
    steps: Option<usize>,
    /// Double the steps until no arm's error on validation images moves by more than this, in points
    /// of CER [default where it is named: 0.5].
    #[arg(long, value_name = "POINTS", num_args = 0..=1, default_missing_value = "0.5")]
    until_converged: Option<f64>,
    /// Longest training with --until-converged [default: 16 times the first].
    #[arg(long, requires = "until_converged")]
    most_steps: Option<usize>,
    /// Learning rates every arm is tried with, separated by commas.
    #[arg(long, value_delimiter = ',')]
    learning_rates: Option<Vec<f64>>,
    /// Training images per density and kind of text.
    #[arg(long)]
    train_images: Option<usize>,
    /// Test images per density and kind of text.
    #[arg(long)]
    test_images: Option<usize>,
    /// Images to test on: lmdb:DIR, gt:DIR, doctr:DIR, mjsynth:DIR, icdar:DIR, folder:DIR (images
    /// and labels.csv) or rendered; several joined by `+`. Layouts: data/README.md.
    #[arg(long, value_name = "KIND:DIR[+...]")]
    dataset: Option<DataSources>,
    /// Images to train on, written the same way; batches of the sources take turns.
    #[arg(long, value_name = "KIND:DIR[+...]")]
    train_dataset: Option<DataSources>,
    /// What becomes of the labels of data sets: parseq, dtrb or dtrb-unfiltered.
    #[arg(long)]
    label_policy: Option<LabelPolicy>,
    /// How images of data sets come into the strip: `stretch` as PARSeq and DTRB do it, `pad` keeps their
    /// proportions (so does --preset words).
    #[arg(long, value_enum)]
    fit: Option<Fit>,
    /// Most images taken from one data set, spread evenly over it.
    #[arg(long)]
    dataset_images: Option<usize>,
    /// Folder of fonts instead of the embedded ones.
    #[arg(long)]
    fonts: Option<PathBuf>,
    /// Pre-trained backbone, or `train` to pre-train one first.
    #[arg(long)]
    backbone: Option<PathBuf>,
    #[command(flatten)]
    carrying_out: CarryingOut,
}

impl Args {
    /// The resolved configuration: preset, then file, then flags.
    fn resolve(&self) -> Result<ProbeConfig> {
        let overlaid = |base: ProbeConfig| match &self.config {
            Some(path) => overlay_file(&base, path),
            None => Ok(base),
        };
        let usual_reader = self.preset.config().reader;
        let plain = overlaid(self.preset.config())?;
        let preset = match self.reader.unwrap_or(plain.reader).writes() {
            true => self.preset.config().for_writing_reader(),
            false => self.preset.config(),
        };
        let mut config = overlaid(preset.clone())?;
        let checkpoint = self.checkpoint.clone().or(config.checkpoint);
        if let Some(name) = &checkpoint {
            let checkpoint_summary = published::checkpoint_summary(name)?;
            config = overlaid(preset.for_checkpoint(checkpoint_summary))?;
        }
        config.checkpoint = checkpoint;
        // Where the file names the model, clap cannot know.
        ensure!(
            self.backbone.is_none() || config.checkpoint.is_none(),
            "--backbone names a tower, and `checkpoint` of the settings a published model with its own; \
             leave one of them out"
        );
        ensure!(
            self.projector.is_none() || config.checkpoint.is_some(),
            "--projector reads the features of a published model; name it with --checkpoint DIR|ID, \
             or choose arms of the study with --arms"
        );
        set(&mut config.arms, &self.arms);
        set(&mut config.arms, &self.projector);
        set(&mut config.data.charset, &self.charset);
        set(&mut config.data.densities, &self.densities);
        if let Some(density) = self.density {
            config.data.densities = vec![density];
        }
        if self.merge.is_some() {
            config.data.merge = self.merge;
        }
        if self.image_size.is_some() {
            config.data.image_px = self.image_size;
        }
        set(&mut config.d_token, &self.d_token);
        let lines = self.layout.unwrap_or(config.data.layout) == LayoutKind::Strip;
        ensure!(
            (self.density.is_none() && self.densities.is_none()) || !lines,
            "lines of free length have no fixed density; leave out --density and --densities"
        );
        set(&mut config.data.layout, &self.layout);
        set(&mut config.regime, &self.regime);
        set(&mut config.training.steps, &self.steps);
        if let Some(points) = self.until_converged {
            let most = config.training.steps.saturating_mul(LONGEST);
            config.training.until_converged = Some(Convergence {
                tolerance: points / 100.0,
                most_steps: self.most_steps.unwrap_or(most),
            });
        }
        set(&mut config.training.learning_rates, &self.learning_rates);
        if self.learning_rates.is_some() {
            // The flag is about every arm, whatever a file says of some.
            config.training.rates_of_arms.clear();
        }
        set(&mut config.data.images.train, &self.train_images);
        set(&mut config.data.images.test, &self.test_images);
        set(&mut config.data.images.test_words, &self.test_images);
        set(&mut config.usage_tokens, &self.usage_tokens);
        set(&mut config.backbone, &self.backbone);
        if let Some(seeds) = self.seeds {
            config.seeds = (1..=seeds).collect();
        }
        set(&mut config.replication, &self.replication);
        set(&mut config.reader_size.width, &self.reader_width);
        set(&mut config.reader_size.blocks, &self.reader_blocks);
        // Lines have no grid for the reader of the preset; one that the file names stays.
        if self.layout == Some(LayoutKind::Strip) && config.reader == usual_reader {
            config.reader = ReaderKind::Ctc;
        }
        set(&mut config.reader, &self.reader);
        let (train, test) = (self.train_dataset.clone(), self.dataset.clone());
        config.data.source.read_from(train, test)?;
        let content = self.text.as_ref().map(|_| Content::Text);
        if let Some(content) = content.or(self.text_source) {
            config.data.set_text_source(content, self.text.clone())?;
        }
        if self.fonts.is_some() {
            config.data.fonts.clone_from(&self.fonts);
        }
        set(&mut config.data.stored.label_policy, &self.label_policy);
        set(&mut config.data.stored.fit, &self.fit);
        set(&mut config.data.stored.max_images, &self.dataset_images);
        let reads_lines = match &config.data.source {
            ImageSource::Text { train, test } => train.lines().chain(test.lines()).next().is_some(),
            ImageSource::Relabelled(_)
            | ImageSource::Perception(_)
            | ImageSource::Photographs(_) => false,
        };
        ensure!(
            reads_lines
                || (self.label_policy.is_none()
                    && self.fit.is_none()
                    && self.dataset_images.is_none()),
            "--label-policy, --fit and --dataset-images are for data sets of lines (lmdb:, gt:, doctr:, mjsynth:, \
             icdar:); name one with --dataset, or leave them out: `folder:` is read whole, and padded"
        );
        self.check_rendered(&config.data.source)?;
        let checked = config.check();
        match &self.config {
            Some(path) => {
                checked.with_context(|| format!("with the settings of {}", path.display()))?;
            }
            None => checked?,
        }
        Ok(config)
    }

    /// Refuses flags about rendered images where none are.
    fn check_rendered(&self, source: &ImageSource) -> Result<()> {
        let (train, test) = match source {
            ImageSource::Text { train, test } => (train.has_rendered(), test.has_rendered()),
            ImageSource::Relabelled(_) | ImageSource::Perception(_) => (true, true),
            ImageSource::Photographs(_) => (false, false),
        };
        for (flag, is_given, is_heeded) in [
            ("--train-images", self.train_images.is_some(), train),
            ("--test-images", self.test_images.is_some(), test),
            ("--fonts", self.fonts.is_some(), train || test),
        ] {
            ensure!(
                is_heeded || !is_given,
                "{flag} is about rendered images, and these are read from data sets; leave it out, or add \
                 `rendered` to the data sets with `+`"
            );
        }
        Ok(())
    }
}

/// Runs the study.
///
/// # Errors
/// One clear message for whatever stopped it; finished cells stay in the run's folder.
pub fn run(args: &Args, stop: &Stop) -> Result<()> {
    let started = Instant::now();
    let mut config = args.resolve()?;
    let session = args.carrying_out.session(stop)?;
    if config.checkpoint.is_none() && config.backbone == Path::new("train") {
        let (lanes, device) = (&session.lanes, session.device());
        let data = &args.carrying_out.computing.caching.data;
        // A tower of now is that of no earlier run, which would be said after the training.
        ensure!(
            args.carrying_out.run.is_some() || !args.carrying_out.resume,
            "--resume with --backbone train goes on with the tower of a run; name the run with --run, or its \
             tower with --backbone"
        );
        // The tower of the run that goes on, where there is one.
        let earlier = args.carrying_out.earlier();
        let earlier = earlier.and_then(|path| RunFolder::config_of::<ProbeConfig>(&path).ok());
        config.backbone = match earlier {
            Some(earlier) => earlier.backbone,
            None => super::pretrain_backbone::fresh(data, lanes, device, stop)?,
        };
    }
    let base = format!("ocr-probe-{}", config.preset);
    let folder = args.carrying_out.folder(&base, &config)?;
    eprintln!("results go to {}", folder.path().display());
    eprintln!("rendering images and computing features ...");
    let path = folder.path().to_owned();
    let finished = session
        .carry_out(&config, folder, Outputs::of(&config))
        .map_err(|error| super::how_to_go_on(error, &path))?;
    println!("{}", finished.summary.table());
    if let Some(protocol) = &finished.summary.protocol {
        println!("{protocol}");
    }
    println!(
        "{:.0} s in all; read {}, or open {} in a browser",
        started.elapsed().as_secs_f64(),
        path.join("verdict.md").display(),
        path.join("report.html").display()
    );
    if finished.outcome.all_failed() {
        bail!(
            "every cell failed; {} says at which step and why, lower --learning-rates if they \
             diverged",
            path.join("verdict.md").display()
        );
    }
    Ok(())
}
