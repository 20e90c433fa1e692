//! Parameters without a checkpoint, for benchmarks and tests of published geometries.

use projector::seeded;
use rand::RngExt;

use crate::source::ParameterSource;
use crate::tower::TowerError;

/// Random parameters that depend on the seed and the parameter's name only.
///
/// Matrices are uniform in `±sqrt(3 / fan_in)`, so that activations keep their size; gains are 1,
/// biases 0.
#[derive(Clone, Debug)]
pub struct RandomSource {
    /// Decides every number.
    pub seed: u64,
}

/// A random source has every tensor: only the configuration can be wrong.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct RandomSourceError(#[from] TowerError);

impl ParameterSource for RandomSource {
    type Error = RandomSourceError;

    fn has(&self, _name: &str) -> bool {
        true
    }

    fn read(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Self::Error> {
        let count = shape.iter().product();
        if shape.len() == 1 {
            let value = if name.ends_with("bias") { 0.0 } else { 1.0 };
            return Ok(vec![value; count]);
        }
        let fan_in: usize = shape[1..].iter().product();
        let bound = (3.0 / fan_in.max(1) as f32).sqrt();
        let mut rng = seeded::stream(self.seed, name);
        Ok((0..count)
            .map(|_| (rng.random::<f32>() * 2.0 - 1.0) * bound)
            .collect())
    }

    fn read_transposed(
        &mut self,
        name: &str,
        [rows, columns]: [usize; 2],
    ) -> Result<Vec<f32>, Self::Error> {
        let values = self.read(name, &[rows, columns])?;
        let mut transposed = vec![0.0; values.len()];
        for (index, value) in values.into_iter().enumerate() {
            transposed[index % columns * rows + index / columns] = value;
        }
        Ok(transposed)
    }
}
