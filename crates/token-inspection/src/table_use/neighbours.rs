//! Rows of a table that point into nearly the same direction.

use super::tally::{Tally, UsedWord};
use burn::tensor::{Int, Tensor, TensorData};
use ovis_vet::Vet;

/// Rows compared at a time: 64 MiB of width 2,048.
const ROWS_AT_A_TIME: usize = 8192;

/// The `listed` most used words, each with its `count` nearest rows by cosine.
pub(super) fn of_most_used(vet: &Vet, tally: &Tally, listed: usize, count: usize) -> Vec<UsedWord> {
    let used = tally.most_used(listed);
    if used.is_empty() {
        return Vec::new();
    }
    let ids: Vec<i64> = used.iter().map(|&(word, _)| word as i64).collect();
    let queries = unit(rows(vet, &ids));
    let mut cosines: Vec<Vec<(usize, f64)>> = vec![Vec::new(); used.len()];
    for first in (0..tally.words()).step_by(ROWS_AT_A_TIME) {
        let last = tally.words().min(first + ROWS_AT_A_TIME);
        let ids: Vec<i64> = (first..last).map(|word| word as i64).collect();
        let found = queries.clone().matmul(unit(rows(vet, &ids)).transpose());
        let found: Vec<f32> = found.into_data().iter::<f32>().collect();
        let each = found
            .chunks_exact(last - first)
            .zip(&mut cosines)
            .zip(&used);
        for ((found, best), &(word, _)) in each {
            let others = found
                .iter()
                .enumerate()
                .map(|(at, &c)| (first + at, f64::from(c)));
            best.extend(others.filter(|&(other, _)| other != word));
            best.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            best.truncate(count);
        }
    }
    let used = used.into_iter().zip(cosines);
    used.map(|((word, tokens), neighbours)| UsedWord {
        word,
        tokens,
        neighbours,
    })
    .collect()
}

/// Rows of the table, `[ids, d]`.
fn rows(vet: &Vet, ids: &[i64]) -> Tensor<2> {
    let data = TensorData::new(ids.to_vec(), [1, ids.len()]);
    let ids = Tensor::<2, Int>::from_data(data, &vet.table.val().device());
    vet.embed_ids(ids).squeeze_dim(0)
}

/// Rows of length 1; a row of zeros stays one.
fn unit(rows: Tensor<2>) -> Tensor<2> {
    let norms = rows.clone().square().sum_dim(1).sqrt();
    rows / norms.clamp_min(f64::from(f32::MIN_POSITIVE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::module::Param;
    use burn::tensor::Device;
    use ovis_vet::VetConfig;
    use projector::{Pass, PatchGrid, Projector, seeded};

    #[test]
    fn a_copy_of_a_row_is_its_neighbour_whatever_its_length() {
        let mut rng = seeded::stream(1, "table");
        let config = VetConfig::new(3, 2, 24, 4, 6);
        let mut vet = config.init(&mut rng, &Device::flex()).unwrap();
        let features = seeded::normal([1, 16, 3], 2.0, &mut rng, &Device::flex());
        let patches = PatchGrid::new(features, 4, 4, 2).unwrap();
        let mut tally = Tally::new(20);
        let tokens = vet.forward(&patches, &mut Pass::deterministic());
        tally.add(&vet, [tokens]).unwrap();
        let (word, _) = tally.most_used(1)[0];
        let other = (word + 7) % 20;
        let table = vet.table.val();
        let row = table.clone().slice_dim(0, word..word + 1) * 3.0;
        let parts = vec![
            table.clone().slice_dim(0, 0..other),
            row,
            table.slice_dim(0, other + 1..24),
        ];
        let parts = parts.into_iter().filter(|part| part.dims()[0] > 0);
        vet.table = Param::from_tensor(Tensor::cat(parts.collect(), 0));
        let found = of_most_used(&vet, &tally, 1, 3);
        assert_eq!(found[0].word, word);
        assert_eq!(found[0].neighbours[0].0, other);
        assert!((found[0].neighbours[0].1 - 1.0).abs() < 1e-5);
        assert!(found[0].neighbours[1].1 < 0.999);
    }
}
