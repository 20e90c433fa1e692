//! Measures of a trained cell, or of a baseline, on the test images.

use crate::images::{ImageKind, ImageSet, Images};
use crate::measures::{FeatureMaps, Grey, TokenPairs, identified, mean_squared_error, psnr, ssim};
use crate::outcome::{Part, Subject};
use crate::reconstruction::{baseline, grey_levels, raster};
use crate::training::{CHUNK, Decoded, decode, noise_of};
use anyhow::Result;
use arms::ArmSpec;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use burn::tensor::Device;
use probe::{CellModel, Examination, PreparedGroup, ProbeConfig, WordTally, count_words};
use probe_data::{Group, spread};
use projector::{Pass, Projector};
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

    /// What predicts the features of training images from their tokens.
    fn fitted(&self, trained: Trained<'_>, set: &ImageSet<'_>) -> Result<FeatureMaps> {
        let (subject, mut all) = (Subject::Arm(trained.arm), TokenPairs::default());
        for (index, data) in set.train.iter().enumerate() {
            let items = spread(data.group.len(), FITTED_IMAGES);
            let place = format!("fit/{}/{index}", set.name);
            let found = self.reconstruct(subject, Some(trained), data, &items, (&place, false))?;
            all.tokens.extend(found.pairs.tokens);
            all.features.extend(found.pairs.features);
        }
        let d_token = trained.model.arm.d_out();
        let count = all.tokens.len() / d_token;
        let widths = [d_token, all.features.len() / count.max(1)];
        FeatureMaps::fit(&all, widths, self.device)
    }

    fn part(
        &self,
        subject: Subject,
        trained: Option<Trained<'_>>,
        fitted: Option<&FeatureMaps>,
        (number, set): (usize, &ImageSet<'_>),
        groups: &[PreparedGroup],
    ) -> Result<Part> {
        let first = &groups[0].group;
        let (layout, kind) = (first.layout, set.kind);
        let mut part = Part {
            kind,
            name: set.part_of(first),
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
            let apart = match kind {
                ImageKind::Text => trained.and_then(|trained| self.usage_of(trained, data)),
                ImageKind::Tasks | ImageKind::Photographs => None,
            };
            let tallies = (&*place, apart.is_none());
            let all: Vec<usize> = (0..count).collect();
            let mut found = self.reconstruct(subject, trained, data, &all, tallies)?;
            if let (Some(usage), Some(trained)) = (apart, trained) {
                found.tally = Some(self.count(trained, usage)?);
            }
            self.compare(data, level, &found.pictures, &mut part)?;
            let wanted = if groups.len() > 1 { 1 } else { SAMPLES };
            let places = sample_places(count, wanted.min(SAMPLES - part.samples.len()));
            let samples = places.map(|place| STANDARD.encode(&found.pictures[place]));
            part.samples.extend(samples);
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
        if let Some(fitted) = fitted {
            part.features = Some(fitted.measure(&pairs, self.device)?);
        }
        part.usage = tally.map(|tally| tally.finish()).transpose()?;
        Ok(part)
    }

    /// The images that are there to count the hard words of a test group on, if there are any.
    fn usage_of(&self, trained: Trained<'_>, data: &PreparedGroup) -> Option<&PreparedGroup> {
        let mut usage = self.images.text.usage.iter();
        let found = usage.find(|counted| counted.group.key == data.group.key);
        found.filter(|_| trained.arm.kind.is_hard())
    }

    fn count(&self, trained: Trained<'_>, usage: &PreparedGroup) -> Result<WordTally> {
        let words = trained.model.arm.cost().words.unwrap_or(0);
        count_words(usage, words, (self.device, self.stop), |patches| {
            let mut pass = Pass {
                progress: 1.0,
                noise: None,
                distribution: false,
                words: None,
            };
            trained.model.arm.forward(&patches, &mut pass)
        })
    }

    /// Pictures of the images `items` of a group; `place` names the noise, and words are counted if `tallies`.
    fn reconstruct(
        &self,
        subject: Subject,
        trained: Option<Trained<'_>>,
        data: &PreparedGroup,
        items: &[usize],
        (place, tallies): (&str, bool),
    ) -> Result<Reconstructed> {
        let mut found = Reconstructed {
            pictures: Vec::with_capacity(items.len()),
            pairs: TokenPairs::default(),
            tally: None,
        };
        let size = data.group.image_bytes();
        let mut noise = trained.and_then(|t| noise_of(t.arm, t.seed, place));
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
            let (tokens, pixels) = decode(
                trained.model,
                data,
                items,
                (noise.as_mut(), tallies),
                self.device,
            )?;
            let features = data
                .features
                .batch(items, self.device)?
                .merged()
                .into_data();
            found.pairs.features.extend(features.iter::<f32>());
            let embeddings = tokens.embeddings.into_data();
            found.pairs.tokens.extend(embeddings.iter::<f32>());
            if tallies && !tokens.words.is_empty() {
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
            pixels: pictures.concat().into(),
            ..data.group.clone()
        };
        // The lane that the cell has is the only one that is free.
        let lane = Lanes::open(1)?;
        let text = &self.images.text;
        let data = text.group(group, data.plan, &lane, self.device, self.stop)?;
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

/// Which of `count` images are kept to be looked at: of a task one of every level, else `wanted` from all
/// over the fonts or photographs, whose images stand together.
fn sample_places(count: usize, wanted: usize) -> impl Iterator<Item = usize> {
    let wanted = wanted.min(count);
    (0..wanted).map(move |sample| (2 * sample + 1) * count / (2 * wanted))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_come_from_all_over_the_images() {
        let places = |count, wanted| sample_places(count, wanted).collect::<Vec<_>>();
        // Four photographs of 32 crops each: one crop of every photograph.
        assert_eq!(places(128, 4), [16, 48, 80, 112]);
        assert_eq!(places(128, 1), [64]);
        assert_eq!(places(2, 6), [0, 1]);
        assert_eq!(places(0, 6), [0; 0]);
    }
}
