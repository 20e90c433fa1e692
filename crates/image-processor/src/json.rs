//! Reads settings from the JSON of a `preprocessor_config.json`; every error names the key.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use crate::{Arithmetic, Error, Filter, Normalisation, RESCALE_FACTOR, Resampling, Result};

/// Keys that change no value of an image: names of classes and files, layout of the reference's
/// arrays, sizes for steps that have a switch of their own, settings of clips and text.
const WITHOUT_EFFECT: [&str; 29] = [
    "_name_or_path",
    "_processor_class",
    "_valid_kwargs_names",
    "_valid_processor_keys",
    "auto_map",
    "crop_size",
    "default_to_square",
    "device",
    "disable_grouping",
    "do_sample_frames",
    "feature_extractor_type",
    "fps",
    "image_processor_type",
    "image_seq_length",
    "image_token",
    "input_data_format",
    "max_frames",
    "min_frames",
    "model_input_names",
    "name_or_path",
    "num_frames",
    "pad_size",
    "processor_class",
    "return_tensors",
    "tokenizer_class",
    "transformers_version",
    "use_fast",
    "video_processor",
    "video_processor_type",
];

/// The object of a settings file. A key that is missing or `null` is `None`.
pub(crate) struct Settings<'a> {
    object: &'a Map<String, Value>,
    read: RefCell<BTreeSet<&'static str>>,
}

/// Parses the file at `path` and hands its JSON to `parse`.
pub(crate) fn from_file<T>(path: &Path, parse: impl FnOnce(&Value) -> Result<T>) -> Result<T> {
    let text = fs::read(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    let json = serde_json::from_slice(text).map_err(|source| Error::Json {
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
            .map(Self::of)
            .ok_or_else(|| Error::setting("preprocessor_config", excerpt(json), "a JSON object"))
    }

    fn of(object: &'a Map<String, Value>) -> Self {
        Self {
            object,
            read: RefCell::default(),
        }
    }

    fn get(&self, key: &'static str) -> Option<&'a Value> {
        self.read.borrow_mut().insert(key);
        self.object.get(key).filter(|value| !value.is_null())
    }

    /// What stands under `size`: an object with no other keys than these.
    pub(crate) fn size(
        &self,
        keys: &[&str],
        expected: &'static str,
    ) -> Result<Option<Settings<'a>>> {
        let Some(size) = self.get("size") else {
            return Ok(None);
        };
        let is_known = |(key, value): (&String, &Value)| value.is_null() || keys.contains(&&**key);
        match size.as_object() {
            Some(object) if object.iter().all(is_known) => Ok(Some(Settings::of(object))),
            Some(_) | None => Err(Error::setting("size", excerpt(size), expected)),
        }
    }

    /// Refuses a switch that is set otherwise than it must be.
    pub(crate) fn must_be(
        &self,
        key: &'static str,
        value: bool,
        expected: &'static str,
    ) -> Result<()> {
        match self.flag(key)? {
            Some(found) if found != value => Err(Error::setting(key, found, expected)),
            Some(_) | None => Ok(()),
        }
    }

    /// Refuses steps that this crate does not do, and lists the other settings that nothing has
    /// read, with their values.
    pub(crate) fn unread(&self) -> Result<Vec<String>> {
        self.must_be(
            "do_convert_rgb",
            true,
            "true: images are always read in colour",
        )?;
        if let Some(format) = self.get("data_format")
            && format != "channels_first"
        {
            return Err(Error::setting(
                "data_format",
                excerpt(format),
                "`channels_first`",
            ));
        }
        let read = self.read.borrow();
        let mut unread = Vec::new();
        for (key, value) in self.object.iter().filter(|(_, value)| !value.is_null()) {
            if read.contains(key.as_str()) || WITHOUT_EFFECT.contains(&key.as_str()) {
                continue;
            }
            if !key.starts_with("do_") {
                unread.push(format!("`{key}` = {}", excerpt(value)));
            } else if value != &Value::Bool(false) {
                let expected = "false: this step is not known for this family";
                return Err(Error::setting(key, excerpt(value), expected));
            }
        }
        Ok(unread)
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

    /// The values of two keys that say the same thing.
    pub(crate) fn either<T: PartialEq + ToString>(
        &self,
        [first, second]: [&'static str; 2],
        value: impl Fn(&Self, &'static str) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        match (value(self, first)?, value(self, second)?) {
            (Some(a), Some(b)) if a != b => Err(Error::Conflict {
                first,
                first_value: a.to_string(),
                second,
                second_value: b.to_string(),
            }),
            (a, b) => Ok(a.or(b)),
        }
    }

    fn number(&self, key: &'static str) -> Result<Option<f64>> {
        self.read(key, "a number", Value::as_f64)
    }

    /// Three numbers, or one for all channels.
    #[allow(clippy::wildcard_enum_match_arm, reason = "another crate's enum")]
    fn channels(&self, key: &'static str) -> Result<Option<[f64; 3]>> {
        self.read(key, "three numbers", |value| match value {
            Value::Array(values) => {
                let numbers: Option<Vec<f64>> = values.iter().map(Value::as_f64).collect();
                numbers?.try_into().ok()
            }
            other => other.as_f64().map(|number| [number; 3]),
        })
    }

    /// `resample`, in Pillow's numbers; the order of passes is the family's.
    pub(crate) fn resampling(&self, defaults: Resampling) -> Result<Resampling> {
        let filter = self.read(
            "resample",
            "2 (bilinear) or 3 (bicubic)",
            |value| match value.as_u64()? {
                2 => Some(Filter::Bilinear),
                3 => Some(Filter::Bicubic),
                _ => None,
            },
        )?;
        Ok(Resampling {
            filter: filter.unwrap_or(defaults.filter),
            order: defaults.order,
        })
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
pub(crate) fn excerpt(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
