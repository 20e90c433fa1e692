//! `encode`: images through the vision side of a published model.

use super::{Machine, is_same};
use anyhow::{Context, Result, anyhow, bail, ensure};
use checkpoint::Checkpoint;
use ovis_vet::Tokenize;
use published_models::{FeatureState, Processor, PublishedProjector, VisionModel};
use run_support::atomic;
use run_support::stop::Stop;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Instant;
use token_inspection::encode::{Encoder, Encoding, Keep, table, write};

/// Words per token that are written unless another number is asked for.
const TOP: usize = 32;

/// Turns images into the visual tokens of a published model: Qwen2-VL to Qwen3.5, Ovis2 to
/// Ovis2.6, InternVL2.5 and InternVL3.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Folder of a checkpoint, or its id on the Hugging Face hub, `OWNER/NAME[@REVISION]`.
    #[arg(long, value_name = "DIR|ID")]
    checkpoint: String,
    /// Images: PNG, JPEG, WebP or BMP.
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    image: Vec<PathBuf>,
    /// File for the tensors.
    #[arg(long, value_name = "FILE.safetensors")]
    out: PathBuf,
    /// Tokenize function in the place of the model's own: softmax, st_argmax or topk:N.
    #[arg(long, value_name = "FUNCTION")]
    tokenize: Option<TokenizeFlag>,
    /// Which of the tower's states the projector reads; towers of Qwen and InternVL have the first alone.
    #[arg(long, value_enum, default_value_t = State::PreNorm)]
    feature_state: State,
    /// Writes the tower's states and, for a visual vocabulary, its logits as well.
    #[arg(long)]
    taps: bool,
    /// Words per token whose probabilities are written [default: 32, or all if there are fewer].
    #[arg(long, value_name = "WORDS")]
    top: Option<usize>,
    /// Writes the probabilities of all words, which for 65,536 is 256 KiB a token.
    #[arg(long)]
    prob: bool,
    #[command(flatten)]
    machine: Machine,
}

impl Args {
    /// Refuses more words of a token than a model has, as `inspect` does.
    fn check_words(&self, words: usize) -> Result<()> {
        if let Some(TokenizeFlag(Tokenize::TopK { k })) = self.tokenize {
            ensure!(
                k <= words,
                "--tokenize topk:{k}: this model has {words} visual words only; keep {words} or fewer"
            );
        }
        if let Some(top) = self.top {
            ensure!(
                top <= words,
                "--top {top}: this model has {words} visual words only; list {words} or fewer"
            );
        }
        Ok(())
    }
}

/// A state of the tower, as the command line names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum State {
    /// Before the final norm, as the official code.
    PreNorm,
    /// After it, as transformers (Ovis2) and vLLM before February 2026 (Ovis2.5).
    PostNorm,
}

impl From<State> for FeatureState {
    fn from(state: State) -> Self {
        match state {
            State::PreNorm => Self::PreNorm,
            State::PostNorm => Self::PostNorm,
        }
    }
}

/// A tokenize function, as the command line names it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TokenizeFlag(pub Tokenize);

impl FromStr for TokenizeFlag {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let function = match text.split_once(':') {
            None if text == "softmax" => Tokenize::Softmax,
            // All straight-through functions look up the best word.
            None if matches!(text, "st_argmax" | "st-argmax" | "argmax") => Tokenize::StArgmax,
            Some(("topk" | "top-k", k)) => Tokenize::TopK {
                k: k.parse()
                    .map_err(|_| anyhow!("topk:{k}: `{k}` is no number of words"))?,
            },
            _ => bail!("unknown tokenize function `{text}`; known are softmax, st_argmax, topk:N"),
        };
        function.check()?;
        Ok(Self(function))
    }
}

/// Encodes, writes, prints.
///
/// # Errors
/// Names the checkpoint, tensor or image that is at fault; nothing is written then.
pub fn run(args: &Args, stop: &Stop) -> Result<()> {
    ensure!(
        args.top != Some(0),
        "--top 0 lists no word of a token; give at least 1"
    );
    atomic::check_writable(&args.out)?;
    ensure!(
        !args.image.iter().any(|image| is_same(image, &args.out)),
        "--out {} is one of the images, which it would replace; name another file",
        args.out.display()
    );
    let (device, _lanes) = args.machine.open()?;
    let folder = checkpoint::resolve(&args.checkpoint, published_models::is_wanted)?;
    ensure!(
        !lies_in(&args.out, &folder),
        "--out {} is there already, in the folder of the checkpoint; name another file",
        args.out.display()
    );
    let start = Instant::now();
    let checkpoint = Checkpoint::open(&folder)?;
    let mut model = VisionModel::load(&checkpoint, &device)?;
    if let PublishedProjector::Vet(vet) = &model.projector {
        args.check_words(vet.words())?;
    } else {
        for (is_given, flag) in [(args.top.is_some(), "--top"), (args.prob, "--prob")] {
            ensure!(
                !is_given,
                "{}: this model has a merger and no visual words; leave out {flag}",
                args.checkpoint
            );
        }
    }
    if let Some(TokenizeFlag(tokenize)) = args.tokenize {
        model = model.with_tokenize(tokenize)?;
    }
    model.state = args.feature_state.into();
    let (processor, notes) = Processor::of(&checkpoint, model.config())?;
    for note in notes {
        eprintln!("note: {note}");
    }
    eprintln!(
        "{}: vision side of {} in {:.1} s",
        folder.display(),
        model.family().name(),
        start.elapsed().as_secs_f64()
    );
    // All images are read first, so that a bad one costs no time.
    let images = args
        .image
        .iter()
        .map(|path| {
            let image = image_processor::decode_file(path, processor.transparency())?;
            let pixels = processor.image(&image, &device);
            pixels.with_context(|| path.display().to_string())
        })
        .collect::<Result<Vec<_>>>()?;
    let encoder = Encoder {
        model: &model,
        keep: Keep {
            taps: args.taps,
            all_probabilities: args.prob,
            top: args.top.unwrap_or(TOP),
        },
    };
    let mut encodings: Vec<Encoding> = Vec::new();
    for (path, pixels) in args.image.iter().zip(images) {
        stop.check()?;
        let encoding = encoder.encode(pixels);
        encodings.push(encoding.with_context(|| path.display().to_string())?);
    }
    println!("{}", table(&args.image, &encodings));
    write(&args.out, &model, &args.checkpoint, &args.image, &encodings)?;
    println!("{}", args.out.display());
    Ok(())
}

/// Whether a file that is there lies in a folder or below it.
fn lies_in(file: &Path, folder: &Path) -> bool {
    let (Ok(target), Ok(folder)) = (file.canonicalize(), folder.canonicalize()) else {
        return false;
    };
    // Files of a cache are links to elsewhere, so where the link lies counts as well.
    let own = std::path::absolute(file).ok();
    let own = own.and_then(|file| file.parent()?.canonicalize().ok());
    target.starts_with(&folder) || own.is_some_and(|own| own.starts_with(&folder))
}
