//! Reads settings from the JSON of a `preprocessor_config.json`; every error names the key.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use crate::{Arithmetic, Error, Filter, Normalisation, RESCALE_FACTOR, Result};

/// The object of a settings file. A key that is missing or `null` is `None`; unknown ones are left
/// alone, because the files hold settings of other steps too.
pub(crate) struct Settings<'a>(&'a Map<String, Value>);

/// Parses the file at `path` and hands its JSON to `parse`.
pub(crate) fn from_file<T>(path: &Path, parse: impl FnOnce(&Value) -> Result<T>) -> Result<T> {
    let text = fs::read(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    let json = serde_json::from_slice(&text).map_err(|source| Error::Json {
        path: path.to_owned(),
        source,
    })?;
    parse(&json).map_err(|source| Error::SettingsFile {
        path: path.to_owned(),
        source: Box::new(source),
    })
}

impl<'a> Settings<'a> {
    pub(crate) fn new(json: &'a Value) -> Result<Self> {
        json.as_object()
            .map(Self)
            .ok_or_else(|| Error::setting("preprocessor_config", excerpt(json), "a JSON object"))
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// The object under `key`. A plain number, as some `size` entries are, counts as no object.
    pub(crate) fn object(&self, key: &'static str) -> Result<Option<Settings<'a>>> {
        match self.get(key) {
            Some(Value::Object(object)) => Ok(Some(Settings(object))),
            None | Some(Value::Number(_)) => Ok(None),
            Some(other) => Err(Error::setting(key, excerpt(other), "an object")),
        }
    }

    pub(crate) fn flag(&self, key: &'static str) -> Result<Option<bool>> {
        self.read(key, "true or false", Value::as_bool)
    }

    /// A whole number from 1 to 2⁵³; the files of some releases write it with a decimal point.
    pub(crate) fn count(&self, key: &'static str) -> Result<Option<u64>> {
        const LARGEST: f64 = 9_007_199_254_740_992.0;
        self.read(key, "a whole number, 1 or more", |value| {
            let number = value.as_f64()?;
            let whole = number.fract() == 0.0 && (1.0..=LARGEST).contains(&number);
            whole.then_some(number as u64)
        })
    }

    /// As [`Settings::count`], of a side in px or patches.
    pub(crate) fn side(&self, key: &'static str) -> Result<Option<u32>> {
        let Some(count) = self.count(key)? else {
            return Ok(None);
        };
        let side = u32::try_from(count)
            .map_err(|_| Error::setting(key, count, "a whole number below 2^32"))?;
        Ok(Some(side))
    }

    fn number(&self, key: &'static str) -> Result<Option<f64>> {
        self.read(key, "a number", Value::as_f64)
    }

    /// Three numbers, or one for all channels.
    fn channels(&self, key: &'static str) -> Result<Option<[f64; 3]>> {
        self.read(key, "three numbers", |value| match value {
            Value::Array(values) => {
                let numbers: Option<Vec<f64>> = values.iter().map(Value::as_f64).collect();
                numbers?.try_into().ok()
            }
            other => other.as_f64().map(|number| [number; 3]),
        })
    }

    /// `resample`, in Pillow's numbers.
    pub(crate) fn filter(&self) -> Result<Option<Filter>> {
        self.read(
            "resample",
            "2 (bilinear) or 3 (bicubic)",
            |value| match value.as_u64()? {
                2 => Some(Filter::Bilinear),
                3 => Some(Filter::Bicubic),
                _ => None,
            },
        )
    }

    /// `do_rescale`, `rescale_factor`, `do_normalize`, `image_mean` and `image_std`.
    pub(crate) fn normalisation(&self, defaults: Normalisation) -> Result<Normalisation> {
        let factor = self.number("rescale_factor")?.or(defaults.rescale_factor);
        let means = self.channels("image_mean")?;
        let stds = self.channels("image_std")?;
        let (mean, std) = defaults.mean_std.unwrap_or(([0.0; 3], [1.0; 3]));
        let rescales = self.flag("do_rescale")?;
        let normalises = self.flag("do_normalize")?;
        let arithmetic: Arithmetic = defaults.arithmetic;
        Ok(Normalisation {
            rescale_factor: rescales
                .unwrap_or(factor.is_some())
                .then(|| factor.unwrap_or(RESCALE_FACTOR)),
            mean_std: normalises
                .unwrap_or(defaults.mean_std.is_some() || means.is_some() || stds.is_some())
                .then(|| (means.unwrap_or(mean), stds.unwrap_or(std))),
            arithmetic,
        })
    }

    fn read<T>(
        &self,
        key: &'static str,
        expected: &'static str,
        convert: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        match convert(value) {
            Some(converted) => Ok(Some(converted)),
            None => Err(Error::setting(key, excerpt(value), expected)),
        }
    }
}

/// A value as JSON, cut off where it gets long.
fn excerpt(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
