//! Where a codebook starts: centres of the first batch. Many points are for [`projector::k_means`].

use projector::k_means::copies;
use rand::RngExt;
use rand::seq::index;
use rand_chacha::ChaCha8Rng;

/// Rounds of assigning and averaging; more change a start little.
const ROUNDS: usize = 10;

/// `words` centres of `points`, `[words, d]` in row-major order.
///
/// Centres are drawn far from one another and then moved by Lloyd's algorithm (k-means++,
/// D. Arthur and S. Vassilvitskii, 2007). If there are fewer points than centres, every point is a
/// centre, and the others are copies of points, slightly moved so that they can part.
///
/// # Panics
/// If there are no points, or `points` are not whole rows of width `d`.
#[must_use]
pub fn k_means(points: &[f32], d: usize, words: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    assert!(
        d > 0 && !points.is_empty() && points.len().is_multiple_of(d),
        "{} numbers are no rows of {d}",
        points.len()
    );
    let n = points.len() / d;
    if n <= words {
        return copies(points, d, words, rng);
    }
    let mut centres = spread(points, d, words, rng);
    for _ in 0..ROUNDS {
        let mut sums = vec![0.0_f64; words * d];
        let mut counts = vec![0_usize; words];
        for point in points.chunks_exact(d) {
            let place = closest(point, &centres);
            counts[place] += 1;
            for (sum, &x) in sums[place * d..(place + 1) * d].iter_mut().zip(point) {
                *sum += f64::from(x);
            }
        }
        for (place, &count) in counts.iter().enumerate() {
            // A centre that lost all its points stays where it is.
            if count > 0 {
                for (centre, sum) in centres[place * d..]
                    .iter_mut()
                    .zip(&sums[place * d..])
                    .take(d)
                {
                    *centre = (sum / count as f64) as f32;
                }
            }
        }
    }
    centres
}

/// Points drawn one after the other with a probability in proportion to the squared distance from
/// those drawn before.
fn spread(points: &[f32], d: usize, words: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let n = points.len() / d;
    let row = |place: usize| &points[place * d..(place + 1) * d];
    let mut centres = row(rng.random_range(0..n)).to_vec();
    let mut far = vec![f64::INFINITY; n];
    while centres.len() < words * d {
        let last = &centres[centres.len() - d..];
        for (place, far) in far.iter_mut().enumerate() {
            *far = far.min(squared_distance(row(place), last));
        }
        let total: f64 = far.iter().sum();
        if !(total > 0.0 && total.is_finite()) {
            // Fewer different points than centres, or points that are no numbers.
            let left = words - centres.len() / d;
            let picked = index::sample(rng, n, left.min(n));
            let picked: Vec<f32> = picked
                .iter()
                .flat_map(|place| row(place).to_vec())
                .collect();
            centres.extend(picked);
            continue;
        }
        let mut left = rng.random_range(0.0..total);
        let drawn = far.iter().position(|far| {
            left -= far;
            left < 0.0
        });
        // Rounding may leave a little after the last point.
        let drawn = drawn.or_else(|| far.iter().rposition(|&far| far > 0.0));
        centres.extend_from_slice(row(drawn.unwrap_or(0)));
    }
    centres
}

fn closest(point: &[f32], centres: &[f32]) -> usize {
    let distances = centres.chunks_exact(point.len()).enumerate();
    distances
        .map(|(place, centre)| (place, squared_distance(point, centre)))
        .fold((0, f64::INFINITY), |best, found| {
            if found.1 < best.1 { found } else { best }
        })
        .0
}

fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2));
    squares.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use projector::seeded;
    use rand_distr::{Distribution, StandardNormal};

    /// 40 points around each of six places.
    fn blobs() -> (Vec<[f32; 2]>, Vec<f32>) {
        let places = vec![
            [0.0, 0.0],
            [10.0, 0.0],
            [0.0, 10.0],
            [10.0, 10.0],
            [-10.0, 5.0],
            [5.0, -10.0],
        ];
        let mut rng = seeded::stream(3, "blobs");
        let mut points = Vec::new();
        for _ in 0..40 {
            for place in &places {
                points.extend(place.map(|x| {
                    let z: f64 = StandardNormal.sample(&mut rng);
                    x + 0.1 * z as f32
                }));
            }
        }
        (places, points)
    }

    #[test]
    fn separated_blobs_are_found() {
        let (places, points) = blobs();
        for seed in 0..5 {
            let centres = k_means(&points, 2, 6, &mut seeded::stream(seed, "k-means"));
            for place in &places {
                let distance = squared_distance(
                    &centres[2 * closest(place, &centres)..][..2],
                    place.as_slice(),
                );
                assert!(distance < 0.01, "seed {seed}, {place:?}: {distance}");
            }
        }
    }

    #[test]
    fn a_single_centre_is_the_mean() {
        let points = [1.0, 2.0, 3.0, 6.0, 5.0, 1.0];
        let centre = k_means(&points, 2, 1, &mut seeded::stream(1, "k-means"));
        assert_eq!(centre, [3.0, 3.0]);
    }

    #[test]
    fn few_points_are_all_centres_and_copies_are_near_them() {
        let points = [1.0, 2.0, -3.0, 6.0];
        let centres = k_means(&points, 2, 7, &mut seeded::stream(1, "k-means"));
        assert_eq!(centres.len(), 14);
        assert_eq!(centres[..4], points);
        for copy in centres[4..].chunks(2) {
            let distance = squared_distance(copy, &points[2 * closest(copy, &points)..][..2]);
            assert!(distance > 0.0 && distance < 0.1, "{distance}");
        }
        // Equal points cannot be drawn apart.
        let same = k_means(&[2.0; 12], 2, 3, &mut seeded::stream(1, "k-means"));
        assert_eq!(same, [2.0; 6]);
    }

    #[test]
    fn points_that_are_no_numbers_end_in_centres_and_not_in_a_panic() {
        for value in [f32::NAN, f32::INFINITY] {
            let centres = k_means(&[value; 12], 2, 4, &mut seeded::stream(1, "x"));
            assert_eq!(centres.len(), 8);
        }
    }
}
