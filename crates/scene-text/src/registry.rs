//! Which reader opens which format.

use std::path::Path;

use text_images::names::escaped;

use crate::{
    CsvDataset, DoctrDataset, Error, Format, GtDataset, IcdarDataset, LmdbDataset, MjsynthDataset,
    Result, TextDataset,
};

impl Format {
    /// Finds out the format of a folder from what is in it.
    ///
    /// # Errors
    /// If nothing in it looks like any format.
    pub fn detect(path: &Path) -> Result<Self> {
        let has = |name: &str| path.join(name).is_file();
        let ends = |ending: &str| {
            let name = path.file_name().map(escaped);
            path.is_file() && name.is_some_and(|name| name.ends_with(ending))
        };
        // A link that leads nowhere is one too; opening it says so.
        let data = path.join(crate::lmdb::DATA_FILE);
        if has(crate::lmdb::DATA_FILE) || ends(".mdb") || data.is_symlink() {
            return Ok(Self::Lmdb);
        }
        if has(crate::gt::GT_FILE) || ends(crate::gt::GT_FILE) {
            return Ok(Self::Gt);
        }
        if has(crate::doctr::LABELS_FILE) {
            return Ok(Self::Doctr);
        }
        if has(text_images::LABELS_FILE) {
            return Ok(Self::Folder);
        }
        // A file whose name does not say it, and deeper folders: each format looks for its own. A
        // damaged data base is one too, and opening it says what is wrong.
        let lmdb = LmdbDataset::open_all(path);
        if path.is_dir() && !matches!(lmdb, Err(Error::NoDataset { .. } | Error::Read { .. })) {
            return Ok(Self::Lmdb);
        }
        if MjsynthDataset::open(path).is_ok_and(|found| found.label(0).is_ok()) {
            return Ok(Self::Mjsynth);
        }
        if IcdarDataset::is_at(path) {
            return Ok(Self::Icdar);
        }
        Err(Error::NoDataset {
            path: path.to_owned(),
            reason: "no data.mdb, gt.txt, labels.json, labels.csv, MJSynth names or ICDAR \
                     annotations; name the format if you know it"
                .to_owned(),
        })
    }

    /// Opens all data sets at a path: several for [`Format::Lmdb`], one for the others.
    ///
    /// # Errors
    /// As the `open` of the format.
    pub fn open(self, path: &Path) -> Result<Vec<Box<dyn TextDataset>>> {
        Ok(match self {
            Self::Lmdb => LmdbDataset::open_all(path)?
                .into_iter()
                .map(|dataset| Box::new(dataset) as _)
                .collect(),
            Self::Gt => vec![Box::new(GtDataset::open(path)?)],
            Self::Doctr => vec![Box::new(DoctrDataset::open(path)?)],
            Self::Mjsynth => vec![Box::new(MjsynthDataset::open(path)?)],
            Self::Icdar => vec![Box::new(IcdarDataset::open(path)?)],
            Self::Folder => vec![Box::new(CsvDataset::open(path)?)],
        })
    }
}
