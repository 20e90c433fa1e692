//! The CTC probe for lines of free length.

use super::Alignment;
use burn::module::Module;
use burn::nn::Linear;
use burn::nn::loss::{CTCLossConfig, Reduction};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor};
use fused_ops::gelu;
use probe_data::Group;
use projector::{linear, seeded};
use rand_chacha::ChaCha8Rng;

/// Frames of a column of tokens, in each of which one character can be read.
pub(crate) const FRAMES_PER_COLUMN: usize = 4;
/// Columns of tokens that a frame sees: its own and one on either side.
const CONTEXT: usize = 3;

/// Shape of a [`CtcReader`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CtcReaderConfig {
    /// Width of a visual token.
    pub d_token: usize,
    /// Number of character classes, without the blank.
    pub classes: usize,
    /// Rows of tokens in the strip.
    pub token_rows: usize,
    /// Width of the hidden layer.
    pub d_hidden: usize,
    /// Frames made of one column of tokens.
    pub frames_per_column: usize,
}

impl CtcReaderConfig {
    /// The size used throughout the study.
    #[must_use]
    pub fn new(d_token: usize, classes: usize, token_rows: usize) -> Self {
        Self {
            d_token,
            classes,
            token_rows,
            d_hidden: 256,
            frames_per_column: FRAMES_PER_COLUMN,
        }
    }

    /// A fresh reader.
    #[must_use]
    pub fn init(&self, rng: &mut ChaCha8Rng, device: &Device) -> CtcReader {
        let column = self.token_rows * self.d_token;
        CtcReader {
            hidden: seeded::linear(CONTEXT * column, self.d_hidden, true, rng, device),
            classify: seeded::linear(
                self.d_hidden,
                self.frames_per_column * (self.classes + 1),
                true,
                rng,
                device,
            ),
            token_rows: self.token_rows,
            frames_per_column: self.frames_per_column,
        }
    }
}

/// Turns columns of tokens into frames along the line; class 0 is the blank.
#[derive(Module, Debug)]
pub struct CtcReader {
    hidden: Linear,
    classify: Linear,
    token_rows: usize,
    frames_per_column: usize,
}

impl CtcReader {
    /// Log-probabilities of every frame.
    ///
    /// # Shapes
    /// - `tokens`: `[batch, token_rows * token_cols, d_token]`, row-major
    /// - output: `[batch, token_cols * frames_per_column, 1 + classes]`
    #[must_use]
    pub fn forward(&self, tokens: Tensor<3>) -> Tensor<3> {
        let [batch, count, d_token] = tokens.dims();
        let (rows, cols) = (self.token_rows, count / self.token_rows);
        let columns = tokens
            .reshape([batch, rows, cols, d_token])
            .swap_dims(1, 2)
            .reshape([batch, cols, rows * d_token]);
        let edge = Tensor::zeros([batch, 1, rows * d_token], &columns.device());
        let padded = Tensor::cat(vec![edge.clone(), columns, edge], 1);
        let windows = (0..CONTEXT)
            .map(|offset| padded.clone().slice_dim(1, offset..offset + cols))
            .collect();
        let hidden = gelu(linear::apply(&self.hidden, Tensor::cat(windows, 2)));
        let scores = linear::apply(&self.classify, hidden);
        let classes = scores.dims()[2] / self.frames_per_column;
        log_softmax(
            scores.reshape([batch, cols * self.frames_per_column, classes]),
            2,
        )
    }

    /// Mean over lines of the CTC loss in nats per character.
    ///
    /// # Shapes
    /// - `log_probabilities`: as [`CtcReader::forward`] returns them
    /// - `targets`: `[batch, longest]`, class ids + 1, padded with any value
    /// - `lengths`: `[batch]`
    #[must_use]
    pub fn loss(
        log_probabilities: Tensor<3>,
        targets: Tensor<2, Int>,
        lengths: Tensor<1, Int>,
    ) -> Tensor<1> {
        let [batch, frames, _] = log_probabilities.dims();
        let device = log_probabilities.device();
        let frame_counts = Tensor::<1, Int>::full([batch], frames as i64, &device);
        CTCLossConfig::new()
            .with_zero_infinity(true)
            .init()
            .forward_with_reduction(
                log_probabilities.swap_dims(0, 1),
                targets,
                frame_counts,
                lengths,
                Reduction::Mean,
            )
    }

    /// Mean cross-entropy in nats per character of frames that are told what to say.
    ///
    /// # Shapes
    /// - `log_probabilities`: as [`CtcReader::forward`] returns them
    #[must_use]
    pub fn aligned_loss(log_probabilities: Tensor<3>, aligned: &Alignment) -> Tensor<1> {
        let [batch, frames, _] = log_probabilities.dims();
        let targets = aligned.targets.clone().reshape([batch, frames, 1]);
        let said = log_probabilities.gather(2, targets);
        let weights = aligned.weights.clone().reshape([batch, frames, 1]);
        (said * weights).sum().neg() / aligned.characters as f64
    }

    /// The loss on some lines in a training that is at `progress`, from 0 to 1: aligned first, CTC in its
    /// second half, and between them more and more of the latter. Where places are not known it is CTC all
    /// along.
    #[must_use]
    pub fn training_loss(
        log_probabilities: Tensor<3>,
        group: &Group,
        items: &[usize],
        progress: f64,
    ) -> Tensor<1> {
        let [_, frames, _] = log_probabilities.dims();
        let device = log_probabilities.device();
        let told = (1.5 - 3.0 * progress).clamp(0.0, 1.0);
        let aligned = (told > 0.0).then(|| Alignment::of_group(group, items, frames, &device));
        let ctc = |log_probabilities| {
            let (targets, lengths) = (
                group.targets(items, 1, &device),
                group.lengths(items, &device),
            );
            Self::loss(log_probabilities, targets, lengths)
        };
        match aligned.flatten() {
            Some(aligned) if told == 1.0 => Self::aligned_loss(log_probabilities, &aligned),
            Some(aligned) => {
                let ctc = ctc(log_probabilities.clone());
                let aligned = Self::aligned_loss(log_probabilities, &aligned);
                aligned.mul_scalar(told) + ctc.mul_scalar(1.0 - told)
            }
            None => ctc(log_probabilities),
        }
    }

    /// Best path: the likeliest class of each frame, repeats merged, blanks dropped.
    ///
    /// `frames` holds the class of each frame of one line, 0 for the blank; the result holds class
    /// ids without the blank's offset.
    #[must_use]
    pub fn best_path(frames: &[usize]) -> Vec<usize> {
        let mut previous = 0;
        let mut out = Vec::new();
        for &frame in frames {
            if frame != 0 && frame != previous {
                out.push(frame - 1);
            }
            previous = frame;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::TensorData;
    use probe_data::{RenderPlan, render_group};
    use run_support::lanes::Lanes;
    use text_images::{Charset, Content, Degradation, Fonts, Split};

    #[test]
    fn repeats_merge_unless_a_blank_parts_them() {
        assert_eq!(CtcReader::best_path(&[0, 3, 3, 0, 3, 1, 0]), [2, 2, 0]);
        assert!(CtcReader::best_path(&[0, 0]).is_empty());
    }

    #[test]
    fn frames_learn_what_their_alignment_says() {
        use burn::optim::{AdamWConfig, GradientsParams};
        let device = Device::flex().autodiff();
        let config = CtcReaderConfig::new(4, 3, 2);
        let mut reader = config.init(&mut seeded::stream(0, "ctc"), &device);
        let tokens = seeded::normal([1, 6, 4], 1.0, &mut seeded::stream(1, "x"), &device);
        let targets = [0_i64, 2, 0, 0, 2, 0, 0, 3, 0, 0, 0, 1];
        let weights = [
            0.3_f32, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.3, 0.0, 1.0,
        ];
        let aligned = Alignment {
            targets: Tensor::from_data(TensorData::new(targets.to_vec(), [1, 12]), &device),
            weights: Tensor::from_data(TensorData::new(weights.to_vec(), [1, 12]), &device),
            characters: 4,
        };
        let mut optimizer = AdamWConfig::new().init();
        for _ in 0..60 {
            let frames = reader.forward(tokens.clone());
            let loss = CtcReader::aligned_loss(frames, &aligned);
            let grads = GradientsParams::from_grads(loss.backward(), &reader);
            reader = optimizer.step(1e-2, reader, grads);
        }
        let classes = reader.forward(tokens).argmax(2).into_data();
        let classes: Vec<usize> = classes.iter::<i64>().map(|class| class as usize).collect();
        let told = weights.iter().zip(targets).zip(classes);
        for (frame, ((&weight, target), said)) in told.enumerate() {
            assert!(
                weight == 0.0 || said == target as usize,
                "frame {frame}: {said}"
            );
        }
    }

    #[test]
    fn a_training_begins_with_the_alignment_and_ends_with_ctc() {
        let device = Device::flex();
        let plan = RenderPlan {
            charset: Charset::Digits,
            content: Content::Random,
            corpus: None,
            density: None,
            width_px: 128,
            height_px: 32,
            patch: 8,
            merge: 2,
            split: Split::Train,
            images: 2,
            first: 0,
            seed: 1,
            degradation: Degradation::none(),
        };
        let lanes = Lanes::open(1).unwrap();
        let told = render_group(&plan, &Fonts::embedded(), &lanes).unwrap();
        let untold = {
            let mut group = told.clone();
            for label in &mut group.labels {
                label.slots_px.clear();
            }
            group
        };
        let frames = {
            let config = CtcReaderConfig::new(4, 10, 2);
            let reader = config.init(&mut seeded::stream(0, "ctc"), &device);
            reader.forward(seeded::normal(
                [2, 16, 4],
                1.0,
                &mut seeded::stream(1, "x"),
                &device,
            ))
        };
        let at = |group: &Group, progress: f64| {
            let loss = CtcReader::training_loss(frames.clone(), group, &[0, 1], progress);
            loss.into_scalar::<f32>()
        };
        let aligned = Alignment::of_group(&told, &[0, 1], 32, &device).unwrap();
        let aligned = CtcReader::aligned_loss(frames.clone(), &aligned).into_scalar::<f32>();
        let (targets, lengths) = (
            told.targets(&[0, 1], 1, &device),
            told.lengths(&[0, 1], &device),
        );
        let ctc = CtcReader::loss(frames.clone(), targets, lengths).into_scalar::<f32>();
        assert!((aligned - ctc).abs() > 0.1);
        assert_eq!([at(&told, 0.0), at(&told, 0.16)], [aligned; 2]);
        assert_eq!([at(&told, 0.5), at(&told, 1.0)], [ctc; 2]);
        assert_eq!([at(&untold, 0.0), at(&untold, 1.0)], [ctc; 2]);
        let half = at(&told, 1.0 / 3.0);
        assert!((half - (aligned + ctc) / 2.0).abs() < 1e-4 * half, "{half}");
    }

    #[test]
    fn a_line_can_be_learned_by_heart() {
        use burn::optim::{AdamWConfig, GradientsParams};
        let device = Device::flex().autodiff();
        let config = CtcReaderConfig::new(4, 3, 2);
        let mut reader = config.init(&mut seeded::stream(0, "ctc"), &device);
        let tokens = seeded::normal([2, 6, 4], 1.0, &mut seeded::stream(1, "x"), &device);
        let targets = Tensor::<2, Int>::from_data(
            TensorData::new(vec![1_i64, 2, 3, 3, 3, 0], [2, 3]),
            &device,
        );
        let lengths = Tensor::<1, Int>::from_data(TensorData::new(vec![3_i64, 2], [2]), &device);
        let mut optimizer = AdamWConfig::new().init();
        for _ in 0..150 {
            let frames = reader.forward(tokens.clone());
            assert_eq!(frames.dims(), [2, 12, 4]);
            let loss = CtcReader::loss(frames, targets.clone(), lengths.clone());
            let grads = GradientsParams::from_grads(loss.backward(), &reader);
            reader = optimizer.step(1e-2, reader, grads);
        }
        let classes: Vec<i64> = reader
            .forward(tokens)
            .argmax(2)
            .into_data()
            .iter::<i64>()
            .collect();
        let read: Vec<Vec<usize>> = classes
            .chunks(12)
            .map(|line| CtcReader::best_path(&line.iter().map(|c| *c as usize).collect::<Vec<_>>()))
            .collect();
        assert_eq!(read, [vec![0, 1, 2], vec![2, 2]]);
    }
}
