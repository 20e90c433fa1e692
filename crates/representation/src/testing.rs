//! Measures of a trained cell, or of a baseline, on the test images.

use crate::images::{ImageKind, ImageSet, Images};
use crate::measures::{
    Grey, TokenPairs, feature_record, identified, mean_squared_error, psnr, ssim,
};
use crate::outcome::{Part, Subject};
use crate::reconstruction::{baseline, grey_levels, raster};
use crate::training::{CHUNK, Decoded, decode, noise_of};
use anyhow::Result;
use arms::ArmSpec;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use burn::tensor::Device;
use probe::{CellModel, Examination, PreparedGroup, ProbeConfig, WordTally};
use probe_data::{Group, Pixels};
use projector::Projector;
use run_support::lanes::Lanes;
use run_support::stop::Stop;

/// Training images per group from whose tokens the patch features are predicted.
const FITTED_IMAGES: usize = 512;

/// Reconstructions of a part that are kept to be looked at.
const SAMPLES: usize = 6;

/// The trained model of an arm.
#[derive(Clone, Copy, Debug)]
pub struct Trained<'a> {
    /// The arm.
    pub arm: ArmSpec,
    /// Its seed.
    pub seed: u64,
    /// Projector and decoder.
    pub model: &'a Decoded,
}

/// What a test needs.
#[derive(Clone, Copy, Debug)]
pub struct Testing<'a> {
    /// The run of the probe that reads.
    pub config: &'a ProbeConfig,
    /// All images.
    pub images: &'a Images,
    /// The frozen reader, which was trained on originals.
    pub reader: &'a CellModel,
    /// Numbers of a token, for the baseline that keeps as many.
    pub d_token: usize,
    /// Where to compute.
    pub device: &'a Device,
    /// Raised by Ctrl-C.
    pub stop: &'a Stop,
}

/// Reconstructions of the images of a group.
struct Reconstructed {
    pictures: Vec<Vec<u8>>,
    pairs: TokenPairs,
    tally: Option<WordTally>,
}

impl Testing<'_> {
    /// The parts of all test images: of an arm with `trained`, of a baseline without.
    ///
    /// # Errors
    /// If an image cannot be read any more, a number is not finite, or `stop` is raised.
    pub fn parts(&self, subject: Subject, trained: Option<Trained<'_>>) -> Result<Vec<Part>> {
        let mut parts = Vec::new();
        for (number, set) in self.images.sets().into_iter().enumerate() {
            let fitted = trained
                .map(|trained| self.fitted(trained, &set))
                .transpose()?;
            match set.kind {
                // One part for every density.
                ImageKind::Text => {
                    for data in set.test {
                        let groups = std::slice::from_ref(data);
                        parts.push(self.part(
                            subject,
                            trained,
                            fitted.as_ref(),
                            (number, &set),
                            groups,
                        )?);
                    }
                }
                // All levels of a task together, all photographs.
                ImageKind::Tasks | ImageKind::Photographs => {
                    parts.push(self.part(
                        subject,
                        trained,
                        fitted.as_ref(),
                        (number, &set),
                        set.test,
                    )?);
                }
            }
        }
        Ok(parts)
    }

    /// Tokens and features of training images.
    fn fitted(&self, trained: Trained<'_>, set: &ImageSet<'_>) -> Result<TokenPairs> {
        let mut all = TokenPairs::default();
        for (index, data) in set.train.iter().enumerate() {
            let count = data.group.len().min(FITTED_IMAGES);
            let place = format!("fit/{}/{index}", set.name);
            let found = self.reconstruct(
                Subject::Arm(trained.arm),
                Some(trained),
                data,
                count,
                &place,
            )?;
            all.tokens.extend(found.pairs.tokens);
            all.features.extend(found.pairs.features);
        }
        Ok(all)
    }

    fn part(
        &self,
        subject: Subject,
        trained: Option<Trained<'_>>,
        fitted: Option<&TokenPairs>,
        (number, set): (usize, &ImageSet<'_>),
        groups: &[PreparedGroup],
    ) -> Result<Part> {
        let first = &groups[0].group;
        let (layout, kind) = (first.layout, set.kind);
        let mut part = Part {
            kind,
            name: match first.key.density.filter(|_| kind == ImageKind::Text) {
                Some(density) => format!("{} at {density}", set.name),
                None => set.name.to_owned(),
            },
            tokens: layout.tokens(),
            pixels: first.image_bytes(),
            width: layout.cols * layout.patch,
            density: first.key.density.filter(|_| kind == ImageKind::Text),
            relative_glyph_height: match kind {
                ImageKind::Text => first.grid.map(|grid| 1.0 / grid.lines as f64),
                ImageKind::Tasks | ImageKind::Photographs => None,
            },
            clusters: Vec::new(),
            distortion: Vec::new(),
            psnr: Vec::new(),
            ssim: Vec::new(),
            identified: Vec::new(),
            identified_among: groups
                .iter()
                .map(|data| data.group.len())
                .max()
                .unwrap_or(0),
            edits: Vec::new(),
            characters: Vec::new(),
            samples: Vec::new(),
            features: None,
            usage: None,
        };
        let mut pairs = TokenPairs::default();
        let mut tally: Option<WordTally> = None;
        for (level, data) in groups.iter().enumerate() {
            self.stop.check()?;
            let count = data.group.len();
            let place = format!("test/{number}/{level}");
            let found = self.reconstruct(subject, trained, data, count, &place)?;
            self.compare(data, level, &found.pictures, &mut part)?;
            // Of a task one of every level, else the first ones.
            let wanted = if groups.len() > 1 { 1 } else { SAMPLES };
            let free = SAMPLES - part.samples.len();
            let samples = found.pictures.iter().take(wanted.min(free));
            part.samples
                .extend(samples.map(|picture| STANDARD.encode(picture)));
            if kind == ImageKind::Text {
                self.read(data, &found.pictures, &mut part)?;
            }
            pairs.tokens.extend(found.pairs.tokens);
            pairs.features.extend(found.pairs.features);
            match (&mut tally, found.tally) {
                (None, first) => tally = first,
                (Some(total), Some(more)) => total.merge(&more)?,
                (Some(_), None) => {}
            }
        }
        if let (Some(fitted), Some(trained)) = (fitted, trained) {
            let d_token = trained.model.arm.d_out();
            let count = pairs.tokens.len() / d_token;
            let widths = [d_token, pairs.features.len() / count.max(1)];
            part.features = Some(feature_record(fitted, &pairs, widths, self.device)?);
        }
        part.usage = tally.map(|tally| tally.finish()).transpose()?;
        Ok(part)
    }

    /// Pictures of the first `count` images of a group.
    fn reconstruct(
        &self,
        subject: Subject,
        trained: Option<Trained<'_>>,
        data: &PreparedGroup,
        count: usize,
        place: &str,
    ) -> Result<Reconstructed> {
        let mut found = Reconstructed {
            pictures: Vec::with_capacity(count),
            pairs: TokenPairs::default(),
            tally: None,
        };
        let size = data.group.image_bytes();
        let mut noise = trained.and_then(|t| noise_of(t.arm, t.seed, place));
        let items: Vec<usize> = (0..count).collect();
        for items in items.chunks(CHUNK) {
            let originals = data.group.images(items)?;
            let originals = originals.chunks_exact(size);
            let Some(trained) = trained else {
                let layout = data.group.layout;
                let numbers = layout.tokens() * self.d_token;
                found.pictures.extend(
                    originals.filter_map(|original| baseline(subject, original, layout, numbers)),
                );
                continue;
            };
            let (tokens, pixels) = decode(trained.model, data, items, noise.as_mut(), self.device)?;
            let features = data
                .features
                .batch(items, self.device)?
                .merged()
                .into_data();
            found.pairs.features.extend(features.iter::<f32>());
            let embeddings = tokens.embeddings.into_data();
            found.pairs.tokens.extend(embeddings.iter::<f32>());
            if !tokens.words.is_empty() {
                let tally = match &mut found.tally {
                    Some(tally) => tally,
                    None => {
                        let words = trained.model.arm.cost().words.unwrap_or(0);
                        found
                            .tally
                            .insert(WordTally::new(words, tokens.words.len())?)
                    }
                };
                tally.add(tokens.words)?;
            }
            let pixels: Vec<f32> = pixels.into_data().iter::<f32>().collect();
            for (patches, original) in pixels.chunks_exact(size).zip(originals) {
                let standardised = raster(patches, data.group.layout);
                found.pictures.push(grey_levels(&standardised, original));
            }
        }
        Ok(found)
    }

    /// Adds what the pictures of a group come to.
    fn compare(
        &self,
        data: &PreparedGroup,
        level: usize,
        pictures: &[Vec<u8>],
        part: &mut Part,
    ) -> Result<()> {
        let group = &data.group;
        let width = group.layout.cols * group.layout.patch;
        let all: Vec<usize> = (0..group.len()).collect();
        let originals = group.images(&all)?;
        let size = group.image_bytes();
        for (original, picture) in originals.chunks_exact(size).zip(pictures) {
            let error = mean_squared_error(picture, original);
            part.distortion.push(error / variance(original).max(1.0));
            part.psnr.push(psnr(picture, original));
            let grey = |pixels| Grey { pixels, width };
            part.ssim.push(ssim(grey(picture), grey(original)));
        }
        let standardised = |pictures: &mut dyn Iterator<Item = &[u8]>| -> Vec<f32> {
            pictures.flat_map(standard).collect()
        };
        let found = standardised(&mut pictures.iter().map(Vec::as_slice));
        let wanted = standardised(&mut originals.chunks_exact(size));
        part.identified.extend(identified(&found, &wanted, size));
        // Levels of a task are drawn together; elsewhere it is fonts and photographs.
        let cluster = |of_image: u32| match part.kind {
            ImageKind::Text | ImageKind::Photographs => of_image,
            ImageKind::Tasks => level as u32,
        };
        let clusters: Vec<u32> = group.labels.iter().map(|l| cluster(l.cluster)).collect();
        part.clusters.extend(clusters);
        Ok(())
    }

    /// Lets the frozen reader read the pictures of a group.
    fn read(&self, data: &PreparedGroup, pictures: &[Vec<u8>], part: &mut Part) -> Result<()> {
        let group = Group {
            pixels: Pixels::Memory(pictures.concat()),
            ..data.group.clone()
        };
        // The lane that the cell has is the only one that is free.
        let lane = Lanes::open(1)?;
        let features = self
            .images
            .text
            .encode(&group, &lane, self.device, self.stop)?;
        let data = PreparedGroup {
            group,
            features,
            plan: data.plan,
        };
        let examination = Examination {
            config: self.config,
            device: self.device,
            limit: usize::MAX,
            tally: false,
        };
        let reading = examination.read(self.reader, &data, None)?;
        for (label, prediction) in data.group.labels.iter().zip(&reading.predictions) {
            let compared = label.answer.compare(prediction);
            part.edits.push(compared.edits as u32);
            part.characters.push(compared.reference_chars as u32);
        }
        Ok(())
    }
}

fn variance(pixels: &[u8]) -> f64 {
    let n = pixels.len() as f64;
    let mean = pixels.iter().map(|&p| f64::from(p)).sum::<f64>() / n;
    pixels
        .iter()
        .map(|&p| (f64::from(p) - mean).powi(2))
        .sum::<f64>()
        / n
}

/// Standardised pixels, so that brightness and contrast identify nothing.
fn standard(pixels: &[u8]) -> Vec<f32> {
    let n = pixels.len() as f64;
    let mean = pixels.iter().map(|&p| f64::from(p)).sum::<f64>() / n;
    let scale = 1.0 / variance(pixels).sqrt().max(1.0);
    pixels
        .iter()
        .map(|&p| ((f64::from(p) - mean) * scale) as f32)
        .collect()
}
