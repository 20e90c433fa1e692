//! The draws of every bootstrap: seeds, and below them units of one or several test sets.
//!
//! Draw `i` has its own random stream, so draws do not depend on each other, and two bootstraps of
//! the same stream on samples of the same shape make the same draws.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::random_stream::stream;

/// What is drawn, and how often.
#[derive(Debug, Clone)]
pub(crate) struct Resampling {
    /// Name of the random stream.
    pub stream: &'static str,
    /// Seed of the draws.
    pub seed: u64,
    /// Number of draws.
    pub draws: usize,
    /// Training seeds, drawn once for all test sets: an arm's seed is the same on each of them.
    pub seeds: usize,
    /// Units of each test set, in strata within which they are drawn in place of each other; drawn
    /// once for all arms and seeds.
    pub sets: Vec<Vec<Vec<usize>>>,
}

/// How often each seed, and each unit of each test set, comes up in a draw: whole numbers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Weights {
    pub seeds: Vec<f64>,
    pub units: Vec<Vec<f64>>,
}

/// A test set whose `units` are all drawn in place of each other.
pub(crate) fn one_stratum(units: usize) -> Vec<Vec<usize>> {
    vec![(0..units).collect()]
}

impl Resampling {
    /// Everything once.
    pub fn everything(&self) -> Weights {
        let units = |strata: &Vec<Vec<usize>>| strata.iter().map(Vec::len).sum();
        Weights {
            seeds: vec![1.0; self.seeds],
            units: self.sets.iter().map(|set| vec![1.0; units(set)]).collect(),
        }
    }

    /// One seed with everything that it was tested on.
    pub fn only_seed(&self, seed: usize) -> Weights {
        let mut weights = self.everything();
        weights.seeds.fill(0.0);
        weights.seeds[seed] = 1.0;
        weights
    }

    /// A number of each draw, in the order of the draws.
    pub fn map<T>(&self, number: impl Fn(&Weights) -> T) -> Vec<T> {
        self.map_usable(|_| true, number)
    }

    /// As [`Self::map`]; a draw that is not usable is made again, from the same stream.
    pub fn map_usable<T>(
        &self,
        usable: impl Fn(&Weights) -> bool,
        number: impl Fn(&Weights) -> T,
    ) -> Vec<T> {
        let mut weights = self.everything();
        (0..self.draws as u64)
            .map(|draw| {
                let mut rng = stream(self.seed, self.stream, draw);
                loop {
                    self.fill(&mut weights, &mut rng);
                    if usable(&weights) {
                        break number(&weights);
                    }
                }
            })
            .collect()
    }

    fn fill(&self, weights: &mut Weights, rng: &mut ChaCha8Rng) {
        weights.seeds.fill(0.0);
        for _ in 0..self.seeds {
            weights.seeds[rng.random_range(0..self.seeds)] += 1.0;
        }
        for (units, strata) in weights.units.iter_mut().zip(&self.sets) {
            units.fill(0.0);
            for stratum in strata {
                for _ in 0..stratum.len() {
                    units[stratum[rng.random_range(0..stratum.len())]] += 1.0;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resampling() -> Resampling {
        Resampling {
            stream: "test",
            seed: 3,
            draws: 50,
            seeds: 4,
            sets: vec![one_stratum(5), vec![vec![0, 2], vec![1, 3, 4]]],
        }
    }

    #[test]
    fn every_draw_has_as_many_seeds_and_units_of_each_stratum_as_the_sample() {
        let draws = resampling().map(Weights::clone);
        assert_eq!(draws.len(), 50);
        for draw in &draws {
            assert_eq!(draw.seeds.iter().sum::<f64>(), 4.0);
            assert_eq!(draw.units[0].iter().sum::<f64>(), 5.0);
            let second = &draw.units[1];
            assert_eq!(second[0] + second[2], 2.0);
            assert_eq!(second[1] + second[3] + second[4], 3.0);
        }
        assert_ne!(draws[0], draws[1]);
        // A longer bootstrap begins with the same draws.
        let longer = Resampling {
            draws: 60,
            ..resampling()
        };
        assert_eq!(longer.map(Weights::clone)[..50], draws[..]);
    }

    #[test]
    fn unusable_draws_are_made_again() {
        let without_first = |weights: &Weights| weights.seeds[0] == 0.0;
        let draws = resampling().map_usable(without_first, Weights::clone);
        assert_eq!(draws.len(), 50);
        assert!(draws.iter().all(without_first));
    }
}
