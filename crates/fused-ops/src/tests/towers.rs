//! The operations of frozen towers: kernels against plain twins in f64, segments that must not mix.

use burn::tensor::{DType, Tensor};

use super::*;
use crate::buffer::TRANSFORMED;
use crate::{Rotation, quick_gelu, segment_attention, silu_product, tanh_gelu};

/// A tensor that nothing tracks.
fn frozen<const D: usize>(numbers: &[f32], shape: [usize; D], dtype: DType) -> Tensor<D> {
    tensor::<D>(numbers, shape, dtype).inner()
}

fn rotation(tokens: usize, d_head: usize, dtype: DType) -> Rotation {
    let angles = numbers(tokens * d_head / 2, 5);
    let row = |part: fn(f32) -> f32, first_half: f32| {
        let values: Vec<f32> = angles
            .chunks(d_head / 2)
            .flat_map(|row| {
                let low = row.iter().map(move |a| first_half * part(*a));
                low.chain(row.iter().map(move |a| part(*a)))
            })
            .collect();
        frozen(&values, [tokens, d_head], dtype)
    };
    Rotation {
        cos: row(f32::cos, 1.0),
        signed_sin: row(f32::sin, -1.0),
    }
}

#[test]
fn activations_agree_with_their_plain_twins() {
    type Activation = fn(Tensor<2>) -> Tensor<2>;
    let pairs: [(&str, Activation, Activation); 3] = [
        ("quick", |x| quick_gelu(x), |x| plain::quick_gelu(x)),
        ("tanh", |x| tanh_gelu(x), |x| plain::tanh_gelu(x)),
        (
            "silu",
            |x| silu_product(x.clone(), x.flip([0])),
            |x| plain::silu_product(x.clone(), x.flip([0])),
        ),
    ];
    for (name, fused, plain) in pairs {
        for [rows, columns] in SIZES {
            let x = numbers(rows * columns, 1);
            let before = TRANSFORMED.get();
            let found = vector(fused(frozen(&x, [rows, columns], DType::F32)));
            assert_eq!(TRANSFORMED.get() - before, 1, "{name} took no kernel");
            let expected = vector(plain(frozen(&x, [rows, columns], DType::F64)));
            assert_close(name, &found, &expected, 1e-6);
        }
    }
}

#[test]
fn activations_differentiate_through_their_plain_twins() {
    let x = numbers(60, 1);
    let fused = differentiate(|[x]| tanh_gelu(x), [tensor(&x, [6, 10], DType::F32)]);
    let plain = differentiate(|[x]| plain::tanh_gelu(x), [tensor(&x, [6, 10], DType::F64)]);
    assert_close("dx", &fused.1[0], &plain.1[0], 1e-5);
}

#[test]
fn segment_attention_agrees_with_its_plain_twin() {
    for (segments, heads, d_head) in [
        (vec![1], 1, 4),
        (vec![4, 16, 16, 7], 2, 8),
        (vec![0, 5, 0], 3, 4),
        (vec![64, 128, 129], 2, 20),
        (vec![1500, 3], 1, 36),
    ] {
        let tokens: usize = segments.iter().sum();
        let (width, size) = (3 * heads * d_head, [tokens, 3 * heads * d_head]);
        let x = numbers(tokens * width, 1);
        for rotated in [false, true] {
            let angles = |dtype| rotated.then(|| rotation(tokens, d_head, dtype));
            let before = TRANSFORMED.get();
            let packed = frozen(&x, size, DType::F32);
            let found = segment_attention(packed, angles(DType::F32).as_ref(), &segments, heads);
            assert_eq!(TRANSFORMED.get() - before, 1, "took no kernel");
            let expected = plain::segment_attention(
                frozen(&x, size, DType::F64),
                angles(DType::F64).as_ref(),
                &segments,
                heads,
            );
            assert_close("attention", &vector(found), &vector(expected), 1e-5);
        }
    }
}

#[test]
fn one_segment_is_the_attention_of_one_image() {
    let x = numbers(12 * 24, 1);
    let rotation = rotation(12, 4, DType::F32);
    let found = segment_attention(frozen(&x, [12, 24], DType::F32), Some(&rotation), &[12], 2);
    let image = crate::attention(frozen(&x, [1, 12, 24], DType::F32), Some(&rotation), 2);
    assert_close("attention", &vector(found), &vector(image), 1e-6);
}

#[test]
fn segments_do_not_mix() {
    let segments = [5, 9, 130];
    let (tokens, width) = (144, 24);
    let before = numbers(tokens * width, 1);
    let mut after = before.clone();
    // Everything in the second segment changes.
    for x in &mut after[5 * width..14 * width] {
        *x = -*x;
    }
    let run = |x: &[f32], dtype| {
        let attended = segment_attention(frozen(x, [tokens, width], dtype), None, &segments, 2);
        vector(attended)
    };
    for dtype in [DType::F32, DType::F64] {
        let (before, after) = (run(&before, dtype), run(&after, dtype));
        assert_eq!(before[..5 * 8], after[..5 * 8]);
        assert_eq!(before[14 * 8..], after[14 * 8..]);
        assert!(before[5 * 8..14 * 8] != after[5 * 8..14 * 8]);
    }
}

#[test]
fn attention_over_segments_does_not_depend_on_the_number_of_threads() {
    let x = numbers(1100 * 24, 1);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            vector(segment_attention(
                frozen(&x, [1100, 24], DType::F32),
                None,
                &[1090, 10],
                2,
            ))
        })
    };
    assert!(run(1) == run(3));
}

#[test]
#[should_panic(expected = "must cover the tokens")]
fn segments_that_do_not_cover_the_tokens_are_refused() {
    let x = numbers(24 * 4, 1);
    let _ = segment_attention(frozen(&x, [4, 24], DType::F32), None, &[3], 2);
}
