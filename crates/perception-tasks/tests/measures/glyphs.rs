//! How far apart two glyphs are.

use perception_tasks::TaskKind;

use crate::{attribute, close, each_pair};

#[test]
fn glyphs_of_a_pair_are_as_far_apart_as_claimed() {
    for kind in [
        TaskKind::ConfusableGlyphs,
        TaskKind::ConfusableWords,
        TaskKind::Diacritics,
        TaskKind::Punctuation,
    ] {
        each_pair(kind, |[item, _], distance, [a, b]| {
            let measured: f64 = a.ink.iter().zip(&b.ink).map(|(a, b)| (a - b).abs()).sum();
            close(measured, distance, 0.03 * distance + 0.1);
            let wanted = attribute(item, "wanted_px2");
            assert!(
                (distance / wanted).ln().abs() < 0.25,
                "{kind}: {distance} for {wanted}"
            );
        });
    }
}

#[test]
fn the_letters_around_a_confusable_glyph_stay() {
    for kind in [TaskKind::ConfusableWords, TaskKind::Punctuation] {
        each_pair(kind, |[item, _], _, [a, b]| {
            let (left, right) = (attribute(item, "slot_left"), attribute(item, "slot_right"));
            for (at, (of_a, of_b)) in a.ink.iter().zip(&b.ink).enumerate() {
                let x = (at % a.width) as f64;
                assert!(
                    of_a == of_b || (left - 1.0..right).contains(&x),
                    "{kind} {x}"
                );
            }
            let outside = a
                .pixels()
                .filter(|(x, ..)| !(left - 1.0..right + 1.0).contains(x));
            assert!(outside.count() > 4, "there are letters around");
        });
    }
}
