//! Nearest rows against their plain twin and against all distances in f64.

use super::*;
use crate::buffer::TRANSFORMED;
use crate::nearest;

fn ids(ids: Tensor<1, Int>) -> Vec<usize> {
    let ids = ids.into_data();
    ids.iter::<i64>().map(|id| id as usize).collect()
}

/// Points and rows on a plain device.
fn sample(n: usize, rows: usize, d: usize) -> (Tensor<2>, Tensor<2>) {
    let of = |count, seed| tensor(&numbers(count * d, seed), [count, d], DType::F32).inner();
    (of(n, 1), of(rows, 2))
}

#[test]
fn rows_are_the_nearest_by_all_distances_for_sizes_on_both_sides_of_tiles_and_blocks() {
    for (n, rows, d) in [
        (1, 1, 1),
        (1, 2000, 16),
        (129, 1025, 5),
        (300, 17, 16),
        (40, 2500, 33),
    ] {
        let (points, codes) = sample(n, rows, d);
        let before = TRANSFORMED.get();
        let found = ids(nearest(points.clone(), codes.clone()));
        assert_eq!(TRANSFORMED.get() - before, 1, "the kernel runs");
        let (points, codes) = (vector(points), vector(codes));
        let distance = |point: &[f64], code: &[f64]| -> f64 {
            let squares = point.iter().zip(code).map(|(a, b)| (a - b).powi(2));
            squares.sum()
        };
        for (point, &id) in points.chunks(d).zip(&found) {
            let chosen = distance(point, &codes[id * d..(id + 1) * d]);
            let best = codes.chunks(d).map(|code| distance(point, code));
            let best = best.fold(f64::INFINITY, f64::min);
            assert!(chosen <= best + 1e-4, "{n} {rows} {d}: {chosen} {best}");
        }
    }
}

#[test]
fn the_kernel_agrees_with_its_twin_to_the_row() {
    let (points, codes) = sample(512, 1024, 16);
    let half_norms = codes.clone().square().sum_dim(1).mul_scalar(0.5);
    let expected = plain::nearest(points.clone(), codes.clone(), half_norms);
    assert_eq!(ids(nearest(points, codes)), ids(expected));
}

#[test]
fn the_first_of_equal_rows_wins_across_blocks() {
    let row = |x: f32| [x, 1.0];
    let codes: Vec<f32> = (0..3000_u16)
        .flat_map(|i| row(f32::from(i % 1500)))
        .collect();
    let points: Vec<f32> = (0..1500_u16).flat_map(|i| row(f32::from(i))).collect();
    let codes = tensor(&codes, [3000, 2], DType::F32);
    let points = tensor(&points, [1500, 2], DType::F32);
    let found = nearest(points.require_grad(), codes);
    assert_eq!(ids(found), (0..1500).collect::<Vec<_>>());
}

#[test]
fn what_is_no_number_is_nearest_to_nothing() {
    let nan = f32::NAN;
    let codes = tensor(&[nan, 1.0, 2.0], [3, 1], DType::F32);
    let points = tensor(&[1.9, nan, 0.0], [3, 1], DType::F32);
    assert_eq!(ids(nearest(points, codes)), [2, 0, 1]);
}

#[test]
fn nearest_rows_do_not_depend_on_the_number_of_threads() {
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap().install(|| {
            let (points, codes) = sample(700, 3000, 16);
            ids(nearest(points, codes))
        })
    };
    assert_eq!(run(1), run(3));
}

#[test]
#[should_panic(expected = "points of width 2 and 4 rows of width 3")]
fn widths_that_differ_are_refused() {
    let (points, _) = sample(3, 1, 2);
    let (_, codes) = sample(1, 4, 3);
    let _ = nearest(points, codes);
}
