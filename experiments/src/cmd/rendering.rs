//! What the commands that render text ask for alike.

use anyhow::{Result, ensure};
use std::path::PathBuf;
use text_images::{
    Charset, Content, Corpus, Degradation, Fonts, Layout, Renderer, RendererConfig, Split,
};

/// The text, its fonts and its seed.
#[derive(clap::Args, Clone, Debug)]
pub struct Rendering {
    /// Alphabet: 10, 16, 36, 62 or 94 characters.
    #[arg(long, default_value = "36")]
    charset: Charset,
    /// English words instead of random characters.
    #[arg(long, conflicts_with_all = ["text_source", "text"])]
    words: bool,
    /// Where the text comes from: random, words, print, markov:BITS[:ORDER] or zipf:BITS, BITS per
    /// character [default: random].
    #[arg(long, value_name = "SOURCE", conflicts_with = "text")]
    text_source: Option<Content>,
    /// UTF-8 file whose text is rendered.
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// train, validation or test (adds held-out fonts).
    #[arg(long, default_value = "test")]
    split: Split,
    /// Root of all randomness.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// No noise, blur or JPEG, full contrast.
    #[arg(long)]
    clean: bool,
    /// Folder of fonts instead of the embedded ones.
    #[arg(long)]
    fonts: Option<PathBuf>,
}

impl Rendering {
    /// The fonts, with a note on standard error about each that lacks something.
    ///
    /// # Errors
    /// If the folder has no fonts that can be read.
    pub fn fonts(&self) -> Result<Fonts> {
        let fonts = match &self.fonts {
            Some(folder) => Fonts::from_dir(folder)?,
            None => Fonts::embedded(),
        };
        for warning in fonts.warnings(self.charset) {
            eprintln!("note: {warning}");
        }
        Ok(fonts)
    }

    /// Which part of the images.
    #[must_use]
    pub fn split(&self) -> Split {
        self.split
    }

    /// Root of all randomness.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The text of the file that is named, with a note on standard error about what was dropped.
    ///
    /// # Errors
    /// If it cannot be read, or little of it is in the charset.
    pub fn corpus(&self) -> Result<Option<Corpus>> {
        let Some(path) = &self.text else {
            return Ok(None);
        };
        let corpus = Corpus::read(path, self.charset)?;
        eprintln!("note: {}: {}", path.display(), corpus.note());
        Ok(Some(corpus))
    }

    fn content(&self) -> Result<Content> {
        let content = match (self.words, &self.text) {
            (true, _) => Content::Words,
            (false, Some(_)) => Content::Text,
            (false, None) => self.text_source.unwrap_or_default(),
        };
        ensure!(
            content != Content::Text || self.text.is_some(),
            "--text-source text: name the file whose text is meant, with --text FILE alone"
        );
        Ok(content)
    }

    /// The renderer of this text in `layout`; `corpus` is that of [`corpus`](Self::corpus).
    ///
    /// # Errors
    /// If the fonts lack glyphs, the layout holds no text, or the text cannot be written with the
    /// charset.
    pub fn renderer(
        &self,
        layout: Layout,
        fonts: &Fonts,
        corpus: Option<&Corpus>,
    ) -> Result<Renderer> {
        let config = RendererConfig {
            content: self.content()?,
            degradation: if self.clean {
                Degradation::none()
            } else {
                Degradation::default()
            },
            ..RendererConfig::new(self.charset, layout, self.split, self.seed)
        };
        Ok(Renderer::with_corpus(config, fonts, corpus)?)
    }
}
