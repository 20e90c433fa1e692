//! Which reader opens which format.

use std::path::{Path, PathBuf};

use text_images::names::escaped;

use crate::{
    CsvDataset, DoctrDataset, Error, Format, GtDataset, IcdarDataset, LmdbDataset, MjsynthDataset,
    Result, TextDataset,
};

impl Format {
    /// The file by whose name a folder of this format is known; none where the names of its images or
    /// pages tell.
    pub fn file(self) -> Option<&'static str> {
        match self {
            Self::Lmdb => Some(crate::lmdb::DATA_FILE),
            Self::Gt => Some(crate::gt::GT_FILE),
            Self::Doctr => Some(crate::doctr::LABELS_FILE),
            Self::Folder => Some(text_images::LABELS_FILE),
            Self::Mjsynth | Self::Icdar => None,
        }
    }

    /// The formats whose own file lies in a folder, in the order in which [`Format::detect`] takes them.
    pub fn in_folder(folder: &Path) -> Vec<Self> {
        let lies = |format: &Self| {
            let file = format.file().map(|name| folder.join(name));
            file.is_some_and(|file| file.is_file())
        };
        Self::ALL.into_iter().filter(lies).collect()
    }

    /// What makes a folder a data set of any format: a file of its own, or the folder where the names of
    /// images or pages do. An LMDB in a folder of its own below is none of this one: several sets of one
    /// import come to lie so.
    pub(crate) fn held_by(folder: &Path) -> Option<PathBuf> {
        let files = Self::ALL.into_iter().filter_map(Self::file);
        let file = files
            .map(|name| folder.join(name))
            .find(|file| file.exists() || file.is_symlink());
        file.or_else(|| {
            let named = || MjsynthDataset::open(folder).is_ok() || IcdarDataset::is_at(folder);
            (folder.is_dir() && named()).then(|| folder.to_owned())
        })
    }

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
