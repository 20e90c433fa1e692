//! The names of the formats.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Result};

/// How a data set lies on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// `data.mdb`: see [`LmdbDataset`](crate::LmdbDataset).
    Lmdb,
    /// `gt.txt`: see [`GtDataset`](crate::GtDataset).
    Gt,
    /// `labels.json` and `images/`: see [`DoctrDataset`](crate::DoctrDataset).
    Doctr,
    /// Labels in file names: see [`MjsynthDataset`](crate::MjsynthDataset).
    Mjsynth,
    /// Pages with word boxes: see [`IcdarDataset`](crate::IcdarDataset).
    Icdar,
    /// `labels.csv`: see [`CsvDataset`](crate::CsvDataset).
    Folder,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 6] = [
        Self::Lmdb,
        Self::Gt,
        Self::Doctr,
        Self::Mjsynth,
        Self::Icdar,
        Self::Folder,
    ];

    /// Name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lmdb => "lmdb",
            Self::Gt => "gt",
            Self::Doctr => "doctr",
            Self::Mjsynth => "mjsynth",
            Self::Icdar => "icdar",
            Self::Folder => "folder",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| Error::UnknownName {
                what: "format",
                name: name.to_owned(),
                known: "lmdb, gt, doctr, mjsynth, icdar and folder",
            })
    }
}
