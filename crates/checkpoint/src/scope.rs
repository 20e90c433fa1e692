//! The tensors under one prefix, by the rest of their names.

use std::ops::Range;

use crate::error::{CheckpointError, Result};
use crate::{Dtype, Tensors};

/// A view of [`Tensors`] in which `blocks.0.attn.qkv.weight` stands for
/// `visual.blocks.0.attn.qkv.weight`.
///
/// Errors give full names. The methods are those of [`Tensors`].
#[derive(Clone, Debug)]
pub struct Scope<'a> {
    tensors: &'a Tensors,
    prefix: String,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(tensors: &'a Tensors, prefix: String) -> Self {
        Self { tensors, prefix }
    }

    /// The prefix, with its final dot if it has one.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The name in the checkpoint of a tensor of this view.
    #[must_use]
    pub fn full_name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// A view further in: of `visual.`, `blocks.0.` is `visual.blocks.0.`.
    #[must_use]
    pub fn scope(&self, prefix: &str) -> Scope<'a> {
        Scope::new(self.tensors, self.full_name(prefix))
    }

    /// Names in this view, sorted.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        let prefix = self.prefix.as_str();
        let names = self.tensors.names();
        names.filter_map(move |name| name.strip_prefix(prefix))
    }

    /// See [`Tensors::contains`].
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains(&self.full_name(name))
    }

    /// See [`Tensors::shape`].
    ///
    /// # Errors
    /// As there.
    pub fn shape(&self, name: &str) -> Result<&'a [usize]> {
        self.tensors.shape(&self.full_name(name))
    }

    /// See [`Tensors::dtype`].
    ///
    /// # Errors
    /// As there.
    pub fn dtype(&self, name: &str) -> Result<&'a Dtype> {
        self.tensors.dtype(&self.full_name(name))
    }

    /// See [`Tensors::read`].
    ///
    /// # Errors
    /// As there.
    pub fn read(&self, name: &str, expected_shape: &[usize]) -> Result<Vec<f32>> {
        self.tensors.read(&self.full_name(name), expected_shape)
    }

    /// See [`Tensors::read_rows`].
    ///
    /// # Errors
    /// As there.
    pub fn read_rows(
        &self,
        name: &str,
        expected_shape: &[usize],
        rows: Range<usize>,
    ) -> Result<Vec<f32>> {
        let name = self.full_name(name);
        self.tensors.read_rows(&name, expected_shape, rows)
    }

    /// See [`Tensors::read_transposed`].
    ///
    /// # Errors
    /// As there.
    pub fn read_transposed(&self, name: &str, expected_shape: &[usize]) -> Result<Vec<f32>> {
        let name = self.full_name(name);
        self.tensors.read_transposed(&name, expected_shape)
    }

    /// See [`Tensors::read_rows_transposed`].
    ///
    /// # Errors
    /// As there.
    pub fn read_rows_transposed(
        &self,
        name: &str,
        expected_shape: &[usize],
        rows: Range<usize>,
    ) -> Result<Vec<f32>> {
        let name = self.full_name(name);
        self.tensors
            .read_rows_transposed(&name, expected_shape, rows)
    }

    /// See [`Tensors::read_i64`].
    ///
    /// # Errors
    /// As there.
    pub fn read_i64(&self, name: &str, expected_shape: &[usize]) -> Result<Vec<i64>> {
        self.tensors.read_i64(&self.full_name(name), expected_shape)
    }

    /// Names in this view that have not been read, sorted.
    #[must_use]
    pub fn unused(&self) -> Vec<&'a str> {
        let unused = self.tensors.unused(&self.prefix).into_iter();
        unused
            .filter_map(|name| name.strip_prefix(self.prefix.as_str()))
            .collect()
    }

    /// Checks that a tower took every tensor of this view, but for those that `may_remain` names.
    ///
    /// # Errors
    /// If others remain.
    pub fn check_all_read(&self, may_remain: impl Fn(&str) -> bool) -> Result<()> {
        let unused = self.unused().into_iter();
        let extra: Vec<String> = unused
            .filter(|name| !may_remain(name))
            .map(|name| self.full_name(name))
            .collect();
        if extra.is_empty() {
            return Ok(());
        }
        Err(CheckpointError::ExtraTensors {
            path: self.tensors.source().to_owned(),
            prefix: self.prefix.clone(),
            tensors: extra,
        })
    }
}
