//! K-means of many points into many centres, level by level.
//!
//! One round of Lloyd's algorithm compares every point with every centre: a million points of width 512
//! and 65,536 centres are 3.4e13 multiply-adds. Here about `√K` coarse centres cut the points into cells,
//! each cell gets a share of the `K` centres in proportion to its points, and is split into them by
//! itself, so that a point meets some `2 √K` centres a round. A share too large for one split is cut
//! once more. What is lost is that a centre cannot move across the border of its cell.
//!
//! Products and searches are [`fused_ops::nearest`], on the device that is given; sums over the points of a
//! centre are made in `f64`, in the order of the points. The same seed gives the same bytes for any
//! number of threads.
//!
//! # Source
//! D. Nister, H. Stewenius, "Scalable Recognition with a Vocabulary Tree", 2006 (the levels);
//! D. Arthur, S. Vassilvitskii, 2007 (the start of each split); empty clusters take the points farthest
//! from their centres, as in scikit-learn's `KMeans`.

use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;
use rand::seq::index;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Most centres that cells are split into at once.
const FLAT: usize = 512;
/// Rounds of Lloyd's algorithm of a split; it ends before where no point changes its centre.
const ROUNDS: usize = 10;
/// Coarse centres are placed by so many points each, drawn at random.
const PLACED_BY: usize = 64;
/// Starts of a split are drawn from so many points per centre.
const STARTED_FROM: usize = 16;
/// Points that are compared with the coarse centres at a time: 8 MiB at a width of 512.
const CHUNK: usize = 4096;
/// How far copies of a point are moved apart, as a share of the points' root mean square.
const JITTER: f64 = 0.01;
/// Deepest level. A level divides the centres by their root, so more than three are of points that are
/// nearly all the same.
const DEEPEST: usize = 8;

/// `words` centres of `points`, `[words, d]` in row-major order.
///
/// If there are no more points than centres, every point is a centre, and the others are [`copies`].
///
/// Besides the points, memory holds the centres, 8 bytes per point and the points of one cell.
///
/// # Panics
/// If there are no points, or `points` are not whole rows of width `d`.
#[must_use]
pub fn k_means(
    points: &[f32],
    d: usize,
    words: usize,
    rng: &mut ChaCha8Rng,
    device: &Device,
) -> Vec<f32> {
    assert!(
        d > 0 && !points.is_empty() && points.len().is_multiple_of(d),
        "{} numbers are no rows of {d}",
        points.len()
    );
    let n = points.len() / d;
    if n <= words {
        return copies(points, d, words, rng);
    }
    let mut tree = Tree {
        points,
        d,
        device,
        rng,
        centres: Vec::with_capacity(words * d),
    };
    tree.split((0..n).collect(), words, 0);
    tree.centres
}

/// Mean squared distance of points from the nearest of `centres`, per point: what k-means makes small.
///
/// # Panics
/// If the points or the centres are not whole rows of width `d`, or there are none.
#[must_use]
pub fn distortion(points: &[f32], centres: &[f32], d: usize, device: &Device) -> f64 {
    let centres_tensor = rows(centres.to_vec(), d, device);
    let chunks = points.chunks(CHUNK * d);
    let sums = chunks.map(|chunk| {
        let ids = nearest_ids(rows(chunk.to_vec(), d, device), centres_tensor.clone());
        let pairs = chunk.chunks_exact(d).zip(ids);
        pairs
            .map(|(point, id)| f64::from(squared_distance(point, row(centres, d, id))))
            .sum::<f64>()
    });
    sums.sum::<f64>() / (points.len() / d) as f64
}

/// The points, and as many copies of them as are missing to `words` rows, slightly moved so that they can
/// part.
///
/// # Panics
/// If there are no points.
#[must_use]
pub fn copies(points: &[f32], d: usize, words: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let n = points.len() / d;
    let mean_square = points.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>();
    let jitter = JITTER * (mean_square / points.len() as f64).sqrt();
    let mut centres = points.to_vec();
    while centres.len() < words * d {
        let place = rng.random_range(0..n);
        for &x in row(points, d, place) {
            let z: f64 = StandardNormal.sample(rng);
            centres.push((f64::from(x) + jitter * z) as f32);
        }
    }
    centres
}

/// The levels below one another.
struct Tree<'a> {
    points: &'a [f32],
    d: usize,
    device: &'a Device,
    rng: &'a mut ChaCha8Rng,
    /// Those found so far.
    centres: Vec<f32>,
}

impl Tree<'_> {
    /// Adds `words` centres of the points `members`, of which there are as many at least.
    fn split(&mut self, members: Vec<usize>, words: usize, level: usize) {
        if words == members.len() {
            let points = self.gathered(&members);
            self.centres.extend(points);
            return;
        }
        if words <= FLAT {
            let points = self.gathered(&members);
            let centres = split_flat(&points, self.d, words, self.rng, self.device);
            self.centres.extend(centres);
            return;
        }
        let coarse = (words as f64).sqrt().round() as usize;
        let cells = self.cells(&members, coarse.clamp(2, FLAT));
        if level == DEEPEST || cells.len() < 2 {
            // Points that no coarse centres can part, or only one by one.
            let drawn = index::sample(self.rng, members.len(), words);
            let drawn: Vec<usize> = drawn.iter().map(|place| members[place]).collect();
            let points = self.gathered(&drawn);
            self.centres.extend(points);
            return;
        }
        drop(members);
        let counts: Vec<usize> = cells.iter().map(Vec::len).collect();
        for (cell, share) in cells.into_iter().zip(shares(&counts, words)) {
            self.split(cell, share, level + 1);
        }
    }

    /// The members around each of `coarse` centres; cells without any are left out.
    fn cells(&mut self, members: &[usize], coarse: usize) -> Vec<Vec<usize>> {
        let size = members.len().min(PLACED_BY * coarse);
        let mut drawn = index::sample(self.rng, members.len(), size).into_vec();
        drawn.sort_unstable();
        let drawn: Vec<usize> = drawn.into_iter().map(|place| members[place]).collect();
        let sample = self.gathered(&drawn);
        let centres = split_flat(&sample, self.d, coarse, self.rng, self.device);
        let centres = rows(centres, self.d, self.device);
        let mut cells = vec![Vec::new(); coarse];
        for some in members.chunks(CHUNK) {
            let points = rows(self.gathered(some), self.d, self.device);
            for (&member, id) in some.iter().zip(nearest_ids(points, centres.clone())) {
                cells[id].push(member);
            }
        }
        cells.retain(|cell| !cell.is_empty());
        cells
    }

    fn gathered(&self, members: &[usize]) -> Vec<f32> {
        let mut values = Vec::with_capacity(members.len() * self.d);
        for &member in members {
            values.extend_from_slice(row(self.points, self.d, member));
        }
        values
    }
}

/// How many of `words` centres each cell gets: in proportion to its points, at least 1 and at most one
/// per point.
///
/// There are as many words as cells and as many points as words, at least.
fn shares(counts: &[usize], words: usize) -> Vec<usize> {
    let total: usize = counts.iter().sum();
    let exact = |count: usize| (words as u128 * count as u128 / total as u128) as usize;
    let mut shares: Vec<usize> = counts
        .iter()
        .map(|&count| exact(count).clamp(1, count))
        .collect();
    let per_centre = |cell: usize, share: usize| counts[cell] as f64 / share as f64;
    loop {
        let given: usize = shares.iter().sum();
        let cells = 0..counts.len();
        // Rounding leaves fewer than one centre per cell to give or to take.
        let changed = if given < words {
            cells
                .filter(|&cell| shares[cell] < counts[cell])
                .map(|cell| (cell, per_centre(cell, shares[cell])))
                .reduce(|best, found| if found.1 > best.1 { found } else { best })
                .map(|(cell, _)| (cell, shares[cell] + 1))
        } else if given > words {
            cells
                .filter(|&cell| shares[cell] > 1)
                .map(|cell| (cell, per_centre(cell, shares[cell])))
                .reduce(|best, found| if found.1 < best.1 { found } else { best })
                .map(|(cell, _)| (cell, shares[cell] - 1))
        } else {
            None
        };
        match changed {
            Some((cell, share)) => shares[cell] = share,
            None => return shares,
        }
    }
}

/// `words` centres of more points than that, each compared with all of them.
fn split_flat(
    points: &[f32],
    d: usize,
    words: usize,
    rng: &mut ChaCha8Rng,
    device: &Device,
) -> Vec<f32> {
    let n = points.len() / d;
    if n <= words {
        return copies(points, d, words, rng);
    }
    let mut centres = start(points, d, words, rng);
    let all = rows(points.to_vec(), d, device);
    let mut ids = Vec::new();
    for _ in 0..ROUNDS {
        let found = nearest_ids(all.clone(), rows(centres.clone(), d, device));
        if found == ids {
            break;
        }
        ids = found;
        move_to_means(points, d, &ids, &mut centres);
    }
    centres
}

/// Puts every centre at the mean of its points, and those without any at the points farthest from
/// theirs.
fn move_to_means(points: &[f32], d: usize, ids: &[usize], centres: &mut [f32]) {
    let words = centres.len() / d;
    let mut sums = vec![0.0_f64; centres.len()];
    let mut counts = vec![0_usize; words];
    for (point, &id) in points.chunks_exact(d).zip(ids) {
        counts[id] += 1;
        for (sum, &x) in sums[id * d..(id + 1) * d].iter_mut().zip(point) {
            *sum += f64::from(x);
        }
    }
    let empty: Vec<usize> = (0..words).filter(|&id| counts[id] == 0).collect();
    let farthest = match empty.is_empty() {
        true => Vec::new(),
        false => farthest(points, d, ids, centres, empty.len()),
    };
    for ((centre, sum), &count) in centres
        .chunks_exact_mut(d)
        .zip(sums.chunks_exact(d))
        .zip(&counts)
    {
        if count > 0 {
            for (x, sum) in centre.iter_mut().zip(sum) {
                *x = (sum / count as f64) as f32;
            }
        }
    }
    for (id, place) in empty.into_iter().zip(farthest) {
        centres[id * d..(id + 1) * d].copy_from_slice(row(points, d, place));
    }
}

/// Up to `most` points that are farthest from their centres; none that lies on its centre.
fn farthest(points: &[f32], d: usize, ids: &[usize], centres: &[f32], most: usize) -> Vec<usize> {
    let mut far: Vec<(f32, usize)> = points
        .chunks_exact(d)
        .zip(ids)
        .enumerate()
        .map(|(place, (point, &id))| (squared_distance(point, row(centres, d, id)), place))
        .filter(|&(distance, _)| distance > 0.0)
        .collect();
    far.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    far.into_iter().take(most).map(|(_, place)| place).collect()
}

/// Points drawn one after the other with a probability in proportion to the squared distance from those
/// drawn before; of points that lie on one another the draw is even.
fn start(points: &[f32], d: usize, words: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let n = points.len() / d;
    let size = n.min(STARTED_FROM * words);
    let mut candidates = index::sample(rng, n, size).into_vec();
    candidates.sort_unstable();
    let first = candidates[rng.random_range(0..size)];
    let mut centres = row(points, d, first).to_vec();
    let mut far = vec![f32::INFINITY; size];
    while centres.len() < words * d {
        let last = &centres[centres.len() - d..];
        for (&candidate, far) in candidates.iter().zip(&mut far) {
            *far = far.min(squared_distance(row(points, d, candidate), last));
        }
        let total: f64 = far.iter().map(|&far| f64::from(far)).sum();
        let drawn = if total > 0.0 && total.is_finite() {
            let mut left = rng.random_range(0.0..total);
            let drawn = far.iter().position(|&far| {
                left -= f64::from(far);
                left < 0.0
            });
            // Rounding may leave a little after the last one.
            drawn.or_else(|| far.iter().rposition(|&far| far > 0.0))
        } else {
            None
        };
        let drawn = drawn.unwrap_or_else(|| rng.random_range(0..size));
        centres.extend_from_slice(row(points, d, candidates[drawn]));
    }
    centres
}

/// Numbers of the nearest rows.
fn nearest_ids(points: Tensor<2>, codes: Tensor<2>) -> Vec<usize> {
    let ids = fused_ops::nearest(points, codes).into_data();
    ids.iter::<i64>().map(|id| id as usize).collect()
}

fn rows(values: Vec<f32>, d: usize, device: &Device) -> Tensor<2> {
    let count = values.len() / d;
    Tensor::from_data(TensorData::new(values, [count, d]), device)
}

fn row(values: &[f32], d: usize, number: usize) -> &[f32] {
    &values[number * d..(number + 1) * d]
}

/// In sixteen parts, which the compiler may keep in registers.
fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    const PARTS: usize = 16;
    let ((a_parts, a_rest), (b_parts, b_rest)) = (a.as_chunks::<PARTS>(), b.as_chunks::<PARTS>());
    let mut sums = [0.0_f32; PARTS];
    for (a, b) in a_parts.iter().zip(b_parts) {
        for part in 0..PARTS {
            let difference = a[part] - b[part];
            sums[part] += difference * difference;
        }
    }
    let rest: f32 = a_rest
        .iter()
        .zip(b_rest)
        .map(|(a, b)| (a - b) * (a - b))
        .sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeded;

    /// Normal points whose axes differ in spread, as features do.
    fn points(n: usize, d: usize) -> Vec<f32> {
        let mut rng = seeded::stream(1, "points");
        let values = seeded::normal([n, d], 1.0, &mut rng, &Device::flex());
        let values: Vec<f32> = values.into_data().try_to_vec().unwrap();
        let scale = |place: usize| 1.0 / (1.0 + (place % d) as f32).sqrt();
        let values = values.into_iter().enumerate();
        values.map(|(place, x)| x * scale(place)).collect()
    }

    fn found(points: &[f32], d: usize, words: usize, seed: u64) -> Vec<f32> {
        let mut rng = seeded::stream(seed, "k-means");
        k_means(points, d, words, &mut rng, &Device::flex())
    }

    fn used(points: &[f32], centres: &[f32], d: usize) -> usize {
        let device = Device::flex();
        let of = |values: &[f32]| rows(values.to_vec(), d, &device);
        let ids = nearest_ids(of(points), of(centres));
        let ids: std::collections::BTreeSet<usize> = ids.into_iter().collect();
        ids.len()
    }

    #[test]
    fn every_centre_is_used_across_the_borders_of_cells() {
        // More centres than one split takes, 12 points for each.
        let (d, words) = (6, FLAT + 88);
        let points = points(12 * words, d);
        let centres = found(&points, d, words, 1);
        assert_eq!(centres.len(), words * d);
        assert_eq!(used(&points, &centres, d), words);
    }

    #[test]
    fn blobs_are_found_to_the_last_one() {
        let device = Device::flex();
        // 100 groups of 30 points, far apart: found to the last one.
        let groups = points(100, 2);
        let noise = points(3000, 2);
        let blobs: Vec<f32> = (0..6000)
            .map(|i| 1000.0 * groups[i % 200] + 0.01 * noise[i])
            .collect();
        let centres = found(&blobs, 2, 100, 3);
        assert_eq!(used(&blobs, &centres, 2), 100);
        assert!(distortion(&blobs, &centres, 2, &device) < 0.01);
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
        let points = points(9000, 16);
        let run = |threads, seed| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.unwrap().install(|| found(&points, 16, 700, seed))
        };
        assert_eq!(run(1, 1), run(3, 1));
        assert_ne!(run(1, 1), run(1, 2));
    }

    #[test]
    fn shares_follow_the_points_and_add_up() {
        assert_eq!(shares(&[50, 30, 20], 10), [5, 3, 2]);
        assert_eq!(shares(&[97, 1, 1, 1], 10), [7, 1, 1, 1]);
        assert_eq!(shares(&[4, 100], 100), [4, 96]);
        // Every point gets one.
        assert_eq!(shares(&[3, 4, 5], 12), [3, 4, 5]);
        let counts: Vec<usize> = (1..=256).map(|i| i * i % 97 + 1).collect();
        let shares = shares(&counts, 4000);
        assert_eq!(shares.iter().sum::<usize>(), 4000);
        for (share, count) in shares.iter().zip(&counts) {
            assert!((1..=*count).contains(share), "{share} of {count}");
        }
    }

    #[test]
    fn points_that_are_all_the_same_or_too_few_end() {
        let same = found(&[2.0; 4000], 2, 600, 1);
        assert_eq!(same, [2.0; 1200]);
        // One point in twenty differs.
        let mut nearly = vec![1.0; 2000];
        nearly[300..400].fill(3.0);
        let centres = found(&nearly, 1, 700, 1);
        assert_eq!(centres.len(), 700);
        assert!(centres.contains(&3.0) && centres.contains(&1.0));
        let few = found(&[1.0, 2.0, 5.0], 1, 5, 1);
        assert_eq!((&few[..3], few.len()), (&[1.0, 2.0, 5.0][..], 5));
        assert_eq!(found(&[1.0, 2.0, 6.0], 1, 1, 1), [3.0]);
    }

    #[test]
    #[should_panic(expected = "5 numbers are no rows of 2")]
    fn half_a_row_is_refused() {
        let _ = found(&[0.0; 5], 2, 2, 1);
    }
}
