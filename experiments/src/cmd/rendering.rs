//! What the commands that render text ask for alike.

use anyhow::Result;
use std::path::PathBuf;
use text_images::{Charset, Content, Degradation, Fonts, Layout, Renderer, RendererConfig, Split};

/// The text, its fonts and its seed.
#[derive(clap::Args, Clone, Debug)]
pub struct Rendering {
    /// Alphabet: 10, 16, 36, 62 or 94 characters.
    #[arg(long, default_value = "36")]
    charset: Charset,
    /// English words instead of random characters.
    #[arg(long)]
    words: bool,
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

    /// The renderer of this text in `layout`.
    ///
    /// # Errors
    /// If the fonts lack glyphs or the layout holds no text.
    pub fn renderer(&self, layout: Layout, fonts: &Fonts) -> Result<Renderer> {
        let config = RendererConfig {
            content: if self.words {
                Content::Words
            } else {
                Content::Random
            },
            degradation: if self.clean {
                Degradation::none()
            } else {
                Degradation::default()
            },
            ..RendererConfig::new(self.charset, layout, self.split, self.seed)
        };
        Ok(Renderer::new(config, fonts)?)
    }
}
