//! Where a tower's parameters come from.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};
use projector::LayerNorm;

use crate::layers::RmsNorm;

/// Parameters by their names in a checkpoint, as f32.
///
/// Implemented by checkpoints and by [`RandomSource`](crate::RandomSource); a tower asks for exactly
/// the tensors it has, with the shapes of its configuration.
pub trait ParameterSource {
    /// Why a parameter cannot be had; names the tensor.
    type Error;

    /// Whether there is a parameter of this name.
    fn has(&self, name: &str) -> bool;

    /// All numbers of a tensor, row-major.
    ///
    /// # Errors
    /// If it is missing, has another shape, or cannot be read.
    fn read(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Self::Error>;

    /// The transpose of a matrix of `[rows, columns]`: PyTorch stores linear layers as `[out, in]`.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn read_transposed(&mut self, name: &str, shape: [usize; 2]) -> Result<Vec<f32>, Self::Error>;
}

/// A source and the device that parameters go to.
pub struct Loader<'a, S> {
    /// Where parameters come from.
    pub source: &'a mut S,
    /// Where they go.
    pub device: &'a Device,
}

impl<S: ParameterSource> Loader<'_, S> {
    /// A vector of `len` numbers.
    ///
    /// # Errors
    /// As [`ParameterSource::read`].
    pub fn vector(&mut self, name: &str, len: usize) -> Result<Param<Tensor<1>>, S::Error> {
        let values = self.source.read(name, &[len])?;
        Ok(self.param(values, [len]))
    }

    /// A table of `[rows, columns]`, as stored.
    ///
    /// # Errors
    /// As [`ParameterSource::read`].
    pub fn table(
        &mut self,
        name: &str,
        stored: &[usize],
        shape: [usize; 2],
    ) -> Result<Param<Tensor<2>>, S::Error> {
        let values = self.source.read(name, stored)?;
        Ok(self.param(values, shape))
    }

    /// `{name}.weight` of `[d_out, d_in]` and, where there is one, `{name}.bias`.
    ///
    /// # Errors
    /// As [`ParameterSource::read`].
    pub fn linear(
        &mut self,
        name: &str,
        [d_in, d_out]: [usize; 2],
        bias: bool,
    ) -> Result<Linear, S::Error> {
        let weight = self
            .source
            .read_transposed(&format!("{name}.weight"), [d_out, d_in])?;
        let bias = if bias {
            Some(self.vector(&format!("{name}.bias"), d_out)?)
        } else {
            None
        };
        Ok(Linear {
            weight: self.param(weight, [d_in, d_out]),
            bias,
        })
    }

    /// Several linear layers on one input as a single one, their outputs side by side.
    ///
    /// # Errors
    /// As [`ParameterSource::read`].
    pub fn stacked(
        &mut self,
        names: &[String],
        [d_in, d_out]: [usize; 2],
        bias: bool,
    ) -> Result<Linear, S::Error> {
        let width = names.len() * d_out;
        // All parts are read before room is made for them: sizes may be wrong.
        let mut parts = Vec::with_capacity(names.len());
        let mut biases = Vec::new();
        for name in names {
            let weight = format!("{name}.weight");
            parts.push(self.source.read_transposed(&weight, [d_out, d_in])?);
            if bias {
                biases.extend(self.source.read(&format!("{name}.bias"), &[d_out])?);
            }
        }
        let mut weight = vec![0.0; d_in * width];
        for (index, part) in parts.iter().enumerate() {
            for (row, part) in weight.chunks_exact_mut(width).zip(part.chunks_exact(d_out)) {
                row[index * d_out..(index + 1) * d_out].copy_from_slice(part);
            }
        }
        Ok(Linear {
            weight: self.param(weight, [d_in, width]),
            bias: bias.then(|| self.param(biases, [width])),
        })
    }

    /// A patch embedding: a convolution whose stride is its kernel is a linear layer on the patch's
    /// numbers, in the order of the kernel.
    ///
    /// # Errors
    /// As [`ParameterSource::read`].
    pub fn patch_embedding(
        &mut self,
        name: &str,
        kernel: &[usize],
        d_out: usize,
        bias: bool,
    ) -> Result<Linear, S::Error> {
        let d_in = kernel.iter().product();
        let stored: Vec<usize> = std::iter::once(d_out)
            .chain(kernel.iter().copied())
            .collect();
        let values = self.source.read(&format!("{name}.weight"), &stored)?;
        let weight: Param<Tensor<2>> = self.param(values, [d_out, d_in]);
        let bias = if bias {
            Some(self.vector(&format!("{name}.bias"), d_out)?)
        } else {
            None
        };
        Ok(Linear {
            weight: Param::from_tensor(weight.val().transpose()),
            bias,
        })
    }

    /// `{name}.weight` of a root-mean-square norm.
    ///
    /// # Errors
    /// As [`ParameterSource::read`].
    pub fn rms_norm(&mut self, name: &str, d: usize, eps: f64) -> Result<RmsNorm, S::Error> {
        Ok(RmsNorm::new(
            self.vector(&format!("{name}.weight"), d)?,
            eps,
        ))
    }

    /// `{name}.weight` and `{name}.bias` of a layer norm.
    ///
    /// # Errors
    /// As [`ParameterSource::read`].
    pub fn layer_norm(&mut self, name: &str, d: usize, eps: f64) -> Result<LayerNorm, S::Error> {
        let mut norm = LayerNorm::new(d, eps, self.device);
        norm.gamma = self.vector(&format!("{name}.weight"), d)?;
        norm.beta = self.vector(&format!("{name}.bias"), d)?;
        Ok(norm)
    }

    fn param<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Param<Tensor<D>> {
        Param::from_tensor(Tensor::from_data(
            TensorData::new(values, shape),
            self.device,
        ))
    }
}
