//! Readers that write a text of unknown length: a small transformer with the visual tokens as its prefix.

use super::block::{D_HEAD, INIT_STD, NORM_EPS, Past, ReaderBlock, SequenceSize};
use super::geometry::wave_features;
use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Int, Tensor, TensorData};
use fused_ops::{Mask, cross_entropy};
use projector::{LayerNorm, VisualTokens, linear, seeded};
use rand_chacha::ChaCha8Rng;

/// What a place of the text sees besides the visual tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sees {
    /// The characters before it, one of which it is given: a language model with an image in front.
    CharactersBefore,
    /// Nothing: every character is read by itself.
    TokensOnly,
}

/// Shape of a [`SequenceReader`].
#[derive(Clone, Debug, PartialEq)]
pub struct SequenceReaderConfig {
    /// What a place of the text sees.
    pub sees: Sees,
    /// Width of a visual token.
    pub d_token: usize,
    /// Centres of the visual tokens in the units of [`wave_features`], in their order.
    pub tokens_px: Vec<[f32; 2]>,
    /// Number of character classes, without the end of the text.
    pub classes: usize,
    /// Characters of the longest text.
    pub longest: usize,
    /// Size of the transformer.
    pub size: SequenceSize,
}

impl SequenceReaderConfig {
    /// A fresh reader.
    ///
    /// # Panics
    /// If the size is not [sound](SequenceSize::is_sound) or there is no token.
    #[must_use]
    pub fn init(&self, rng: &mut ChaCha8Rng, device: &Device) -> SequenceReader {
        assert!(
            self.size.is_sound() && !self.tokens_px.is_empty(),
            "a reader needs a width that is a multiple of {D_HEAD}, a block and a token"
        );
        let width = self.size.width;
        let waves: Vec<f32> = self
            .tokens_px
            .iter()
            .flat_map(|&at| wave_features(at))
            .collect();
        let d_waves = waves.len() / self.tokens_px.len();
        let table = |rows: usize, rng: &mut ChaCha8Rng| {
            Param::from_tensor(seeded::normal([rows, width], INIT_STD, rng, device))
        };
        SequenceReader {
            look: seeded::linear(self.d_token, width, false, rng, device),
            token_place: seeded::linear(d_waves, width, true, rng, device),
            token_waves: waves,
            characters: table(self.classes + 1, rng),
            text_places: table(self.longest + 1, rng),
            blocks: (0..self.size.blocks)
                .map(|_| ReaderBlock::init(self.size, rng, device))
                .collect(),
            norm: seeded::layer_norm(width, NORM_EPS, device),
            classify: seeded::linear_normal(width, self.classes + 1, INIT_STD, rng, device),
            sees: self.sees,
        }
    }
}

/// Texts of a batch, each followed by the end of the text. A longer text than the reader was built for is
/// scored as far as that goes.
#[derive(Clone, Debug)]
pub struct Texts {
    /// Class ids `[batch, longest + 1]`; the id after the last class is the end, and fills the rest.
    pub ids: Tensor<2, Int>,
    /// 1 up to the end of each text and 0 behind it, `[batch, longest + 1]`.
    pub weights: Tensor<2>,
    /// Characters of all texts together.
    pub characters: usize,
}

impl Texts {
    /// The first `longest` characters of these texts, of an alphabet of `classes`.
    #[must_use]
    pub fn of(texts: &[&[u16]], longest: usize, classes: usize, device: &Device) -> Self {
        let slots = 1 + texts
            .iter()
            .map(|text| text.len().min(longest))
            .max()
            .unwrap_or(0);
        let (mut ids, mut weights) = (Vec::new(), Vec::new());
        for text in texts {
            let end = std::iter::repeat(classes as i64);
            let characters = text.iter().map(|&class| i64::from(class));
            ids.extend(characters.chain(end).take(slots));
            weights.extend((0..slots).map(|slot| f32::from(slot <= text.len())));
        }
        let shape = [texts.len(), slots];
        Self {
            ids: Tensor::from_data(TensorData::new(ids, shape), device),
            weights: Tensor::from_data(TensorData::new(weights, shape), device),
            characters: texts.iter().map(|text| text.len().min(longest)).sum(),
        }
    }
}

/// Writes a text from left to right, until it says that the text has ended.
///
/// The visual tokens come first, then one place per character. With [`Sees::CharactersBefore`] a place
/// is given the character before it and sees everything before it, as in a vision-language model;
/// with [`Sees::TokensOnly`] it sees the visual tokens and itself, and that is the only difference.
#[derive(Module, Debug)]
pub struct SequenceReader {
    look: Linear,
    /// One after the other.
    #[module(skip)]
    token_waves: Vec<f32>,
    token_place: Linear,
    /// The characters as they are read back, and in their last row what stands in front of the first.
    characters: Param<Tensor<2>>,
    text_places: Param<Tensor<2>>,
    blocks: Vec<ReaderBlock>,
    norm: LayerNorm,
    classify: Linear,
    #[module(skip)]
    sees: Sees,
}

impl SequenceReader {
    /// Scores of every class, and of the end, at each place of the text.
    ///
    /// # Shapes
    /// - `tokens`: `[batch, tokens, d_token]`, and as many for each of their levels
    /// - `texts.ids`: `[batch, slots]`; what stands at a place has no influence on its score
    /// - output: `[batch, slots, classes + 1]`
    #[must_use]
    pub fn forward(&self, tokens: &VisualTokens, texts: &Texts) -> Tensor<3> {
        let [batch, slots] = texts.ids.dims();
        let given = match self.sees {
            Sees::CharactersBefore => {
                let before = texts.ids.clone().slice_dim(1, 0..slots - 1);
                Tensor::cat(vec![self.nothing(batch, 1), before], 1)
            }
            Sees::TokensOnly => self.nothing(batch, slots),
        };
        self.scores(tokens, given)
    }

    /// Mean loss in nats per character, the end of the texts included.
    ///
    /// # Shapes
    /// - `scores`: as [`SequenceReader::forward`] returns them
    #[must_use]
    pub fn loss(scores: Tensor<3>, texts: &Texts) -> Tensor<1> {
        let [batch, slots, classes] = scores.dims();
        let loss = cross_entropy(
            scores.reshape([batch * slots, classes]),
            texts.ids.clone().reshape([batch * slots]),
        );
        let weights = texts.weights.clone().reshape([batch * slots]);
        (loss * weights).sum() / texts.characters.max(1) as f64
    }

    /// The class ids of the texts that it writes, greedily.
    ///
    /// # Shapes
    /// - `tokens`: `[batch, tokens, d_token]`, and as many for each of their levels
    #[must_use]
    pub fn write(&self, tokens: &VisualTokens) -> Vec<Vec<usize>> {
        let batch = tokens.embeddings.dims()[0];
        let longest = self.text_places.dims()[0];
        let written = match self.sees {
            Sees::TokensOnly => best(self.scores(tokens, self.nothing(batch, longest))),
            Sees::CharactersBefore => self.write_one_by_one(tokens, longest),
        };
        let end = self.end();
        let mut texts = Vec::with_capacity(batch);
        for text in written.chunks(longest.max(1)) {
            texts.push(text.iter().copied().take_while(|&id| id != end).collect());
        }
        texts
    }

    /// Whether levels of tokens can be added between its blocks.
    #[must_use]
    pub fn takes_levels(&self) -> bool {
        self.blocks.len() > 1
    }

    /// Number of character classes, without the end of the text.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.characters.dims()[0] - 1
    }

    /// Characters of the longest text that it was built for.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.text_places.dims()[0] - 1
    }

    /// Class of the end of a text.
    fn end(&self) -> usize {
        self.classes()
    }

    /// What stands in front of the first character, `[batch, slots]`.
    fn nothing(&self, batch: usize, slots: usize) -> Tensor<2, Int> {
        Tensor::full(
            [batch, slots],
            self.end() as i64,
            &self.look.weight.device(),
        )
    }

    fn scores(&self, tokens: &VisualTokens, given: Tensor<2, Int>) -> Tensor<3> {
        let [_, slots] = given.dims();
        let prefix = self.prefix(tokens.embeddings.clone());
        let places = prefix.dims()[1];
        let mask = match self.sees {
            Sees::CharactersBefore => Mask::Causal,
            Sees::TokensOnly => Mask::PrefixAndSelf { prefix: places },
        };
        let text = self.text(given, 0);
        let mut x = Tensor::cat(vec![prefix, text], 1);
        for (number, block) in self.blocks.iter().enumerate() {
            x = self.with_levels(block.forward(x, mask), number, tokens);
        }
        self.classified(x.slice_dim(1, places..places + slots))
    }

    /// Adds to the visual places of `x` the levels that belong behind block `number`: level i behind block i,
    /// and those that come too late for the text to see them behind the last block but one.
    ///
    /// # Shapes
    /// - `x`, output: `[batch, tokens or more, width]`, the tokens in front
    fn with_levels(&self, x: Tensor<3>, number: usize, tokens: &VisualTokens) -> Tensor<3> {
        let last = self.blocks.len().saturating_sub(2);
        let levels = tokens.levels.iter().enumerate();
        let levels = levels.filter(|(level, _)| *level.min(&last) == number);
        let Some(sum) = levels.map(|(_, level)| level.clone()).reduce(|a, b| a + b) else {
            return x;
        };
        let [_, places, _] = x.dims();
        let [_, count, _] = sum.dims();
        let seen = x.clone().slice_dim(1, 0..count) + linear::apply(&self.look, sum);
        match places == count {
            true => seen,
            false => Tensor::cat(vec![seen, x.slice_dim(1, count..places)], 1),
        }
    }

    /// Visual tokens with their places, `[batch, tokens, width]`.
    fn prefix(&self, tokens: Tensor<3>) -> Tensor<3> {
        let count = tokens.dims()[1];
        let shape = [1, count, self.token_waves.len() / count];
        let waves = TensorData::new(self.token_waves.clone(), shape);
        let waves = Tensor::from_data(waves, &tokens.device());
        linear::apply(&self.look, tokens) + linear::apply(&self.token_place, waves)
    }

    /// Characters that stand from place `first` on, `[batch, slots, width]`.
    fn text(&self, given: Tensor<2, Int>, first: usize) -> Tensor<3> {
        let slots = given.dims()[1];
        let places = self.text_places.val().slice_dim(0, first..first + slots);
        burn::tensor::module::embedding(self.characters.val(), given) + places.unsqueeze()
    }

    fn classified(&self, x: Tensor<3>) -> Tensor<3> {
        linear::apply(&self.classify, self.norm.forward(x))
    }

    /// `[batch * longest]`, each row a text and its end, and whatever was written behind it.
    fn write_one_by_one(&self, tokens: &VisualTokens, longest: usize) -> Vec<usize> {
        let batch = tokens.embeddings.dims()[0];
        let mut past: Vec<Past> = Vec::with_capacity(self.blocks.len());
        let mut x = self.prefix(tokens.embeddings.clone());
        for (number, block) in self.blocks.iter().enumerate() {
            let (next, memory) = block.begin(x);
            x = self.with_levels(next, number, tokens);
            past.push(memory);
        }
        let mut written = vec![self.end(); batch * longest];
        let mut given = self.nothing(batch, 1);
        let mut open = vec![true; batch];
        for place in 0..longest {
            let mut x = self.text(given, place);
            for (block, past) in self.blocks.iter().zip(&mut past) {
                x = block.go_on(x, past);
            }
            let ids = best(self.classified(x));
            for (text, &id) in ids.iter().enumerate() {
                if open[text] {
                    written[text * longest + place] = id;
                    open[text] = id != self.end();
                }
            }
            if !open.contains(&true) {
                break;
            }
            let ids: Vec<i64> = ids.iter().map(|&id| id as i64).collect();
            let device = self.look.weight.device();
            given = Tensor::from_data(TensorData::new(ids, [batch, 1]), &device);
        }
        written
    }
}

/// The best class of every place, one text after the other.
fn best(scores: Tensor<3>) -> Vec<usize> {
    let best = scores.argmax(2).into_data();
    best.iter::<i64>().map(|class| class as usize).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASSES: usize = 5;

    fn reader(sees: Sees, device: &Device) -> SequenceReader {
        let config = SequenceReaderConfig {
            sees,
            d_token: 6,
            tokens_px: vec![[8.0, 8.0], [24.0, 8.0], [40.0, 8.0]],
            classes: CLASSES,
            longest: 4,
            size: SequenceSize {
                width: 64,
                blocks: 2,
            },
        };
        let mut reader = config.init(&mut seeded::stream(0, "probe"), device);
        // Scores that differ clearly.
        let weight = reader.classify.weight.val() * 50.0;
        reader.classify.weight = Param::from_tensor(weight);
        reader
    }

    /// Of three images, with as many levels.
    fn tokens(levels: usize, device: &Device) -> VisualTokens {
        let mut rng = seeded::stream(0, "tokens");
        let mut draw = || seeded::normal([3, 3, 6], 1.0, &mut rng, device);
        let tokens = VisualTokens::continuous(draw());
        VisualTokens {
            levels: (0..levels).map(|_| draw()).collect(),
            ..tokens
        }
    }

    /// Of one of the images.
    fn only(tokens: &VisualTokens, image: usize) -> VisualTokens {
        let cut = |of: &Tensor<3>| of.clone().slice_dim(0, image..image + 1);
        VisualTokens {
            levels: tokens.levels.iter().map(cut).collect(),
            ..VisualTokens::continuous(cut(&tokens.embeddings))
        }
    }

    fn values(scores: Tensor<3>) -> Vec<f32> {
        scores.into_data().iter::<f32>().collect()
    }

    #[test]
    fn texts_end_behind_their_last_character() {
        let texts = Texts::of(&[&[1, 2], &[3]], 4, CLASSES, &Device::flex());
        let ids: Vec<i64> = texts.ids.into_data().iter::<i64>().collect();
        assert_eq!(ids, [1, 2, 5, 3, 5, 5]);
        let weights: Vec<f32> = texts.weights.into_data().iter::<f32>().collect();
        assert_eq!(weights, [1.0, 1.0, 1.0, 1.0, 1.0, 0.0]);
        assert_eq!(texts.characters, 3);
        // Longer ones are scored as far as the reader was built for: without their end.
        let cut = Texts::of(&[&[1, 2, 3], &[4]], 2, CLASSES, &Device::flex());
        let ids: Vec<i64> = cut.ids.into_data().iter::<i64>().collect();
        assert_eq!(ids, [1, 2, 3, 4, 5, 5]);
        assert_eq!(cut.characters, 3);
    }

    #[test]
    fn what_is_written_one_by_one_is_the_best_of_what_a_whole_text_scores() {
        let device = Device::flex();
        let reader = reader(Sees::CharactersBefore, &device);
        for levels in [0, 3] {
            let tokens = tokens(levels, &device);
            let written = reader.write(&tokens);
            assert_eq!(written.len(), 3);
            assert!(written.iter().any(|text| !text.is_empty()), "{written:?}");
            for (image, text) in written.iter().enumerate() {
                let classes: Vec<u16> = text.iter().map(|&class| class as u16).collect();
                let texts = Texts::of(&[&classes], 4, CLASSES, &device);
                let scored = text.len().min(4);
                let best = best(reader.forward(&only(&tokens, image), &texts));
                assert_eq!(best[..scored], text[..scored]);
                // A text of one character more than the longest has no end.
                assert!(best[scored] == CLASSES || text.len() == 5);
            }
        }
    }

    #[test]
    fn a_place_sees_the_characters_before_it_only_where_it_should() {
        let device = Device::flex();
        let scores = |sees, text: &[u16]| {
            let texts = Texts::of(&[text; 3], 4, CLASSES, &device);
            values(reader(sees, &device).forward(&tokens(3, &device), &texts))
        };
        let width = CLASSES + 1;
        for sees in [Sees::CharactersBefore, Sees::TokensOnly] {
            let before = scores(sees, &[0, 1, 2, 3]);
            let after = scores(sees, &[0, 4, 2, 3]);
            let same = |slot: usize| {
                let row = slot * width..(slot + 1) * width;
                before[row.clone()] == after[row]
            };
            assert!(same(0) && same(1), "{sees:?} sees the character itself");
            let sees_later = sees == Sees::CharactersBefore;
            assert_eq!([same(2), same(3)], [!sees_later; 2], "{sees:?}");
        }
    }

    #[test]
    fn the_loss_is_per_character_with_the_end() {
        let device = Device::flex();
        let texts = Texts::of(&[&[0, 1, 2], &[3]], 4, CLASSES, &device);
        // Every class has the same score: four characters and two ends.
        let loss = SequenceReader::loss(Tensor::zeros([2, 4, CLASSES + 1], &device), &texts);
        let expected = 6.0 * 6.0_f32.ln() / 4.0;
        assert!((loss.into_scalar::<f32>() - expected).abs() < 1e-5);
    }

    #[test]
    fn the_places_of_the_tokens_matter() {
        let device = Device::flex();
        let reader = reader(Sees::TokensOnly, &device);
        let texts = Texts::of(&[&[0][..]; 3], 4, CLASSES, &device);
        let straight = values(reader.forward(&tokens(0, &device), &texts));
        let turned = VisualTokens::continuous(tokens(0, &device).embeddings.flip([1]));
        let turned = values(reader.forward(&turned, &texts));
        let pairs = straight.iter().zip(&turned);
        let largest = pairs.map(|(a, b)| (a - b).abs()).fold(0.0_f32, f32::max);
        assert!(largest > 1e-3, "{largest}");
    }

    #[test]
    fn every_level_reaches_the_text_and_in_the_place_of_its_token() {
        let device = Device::flex();
        let texts = Texts::of(&[&[0][..]; 3], 4, CLASSES, &device);
        for sees in [Sees::CharactersBefore, Sees::TokensOnly] {
            let reader = reader(sees, &device);
            let whole = values(reader.forward(&tokens(3, &device), &texts));
            for level in 0..3 {
                let mut moved = tokens(3, &device);
                moved.levels[level] = moved.levels[level].clone() * 1.5;
                assert_ne!(values(reader.forward(&moved, &texts)), whole, "{level}");
            }
            // With two blocks, all of them come behind the first.
            let one = VisualTokens {
                levels: vec![
                    tokens(3, &device)
                        .levels
                        .into_iter()
                        .reduce(|a, b| a + b)
                        .unwrap(),
                ],
                ..tokens(0, &device)
            };
            let one = values(reader.forward(&one, &texts));
            let pairs = whole.iter().zip(&one);
            let largest = pairs.map(|(a, b)| (a - b).abs()).fold(0.0_f32, f32::max);
            assert!(largest < 1e-3, "{largest}");
        }
    }
}
