//! Crops of photographs of a folder, in grey and of the size of the tower.

use anyhow::{Context, Result, bail, ensure};
use image::imageops::{self, FilterType};
use image::{DynamicImage, GenericImageView, GrayImage};
use image_processor::{Transparency, into_rgb};
use perception_tasks::NOT_READ;
use probe_data::{Group, GroupKey, Label};
use projector::seeded;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use run_support::lanes::Lanes;
use run_support::stop::Stop;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};
use text_images::Split;
use text_images::names::escaped;
use vision_backbone::PatchLayout;
use walkdir::{DirEntry, WalkDir};

/// Name of the images in results.
pub const CONDITION: &str = "photographs";
/// Endings of the files that are read.
const ENDINGS: [&str; 5] = ["png", "jpg", "jpeg", "webp", "bmp"];
/// Of so many photographs, in the order of their paths, the last one is kept for the test.
const TEST_EVERY: usize = 5;
/// A crop is shrunk to this share of its side at most.
const MOST_SHRUNK: f64 = 8.0;
/// A crop whose grey levels have a smaller standard deviation shows nothing; another one is drawn.
const LEAST_CONTRAST: f64 = 6.0;
/// How often another one is drawn.
const TRIES: usize = 50;
/// What cannot be read is named up to this number, and counted.
const NAMED: usize = 10;

/// The photographs of a folder, in the order of their paths.
#[derive(Clone, Debug)]
pub struct Photographs {
    files: Vec<(String, PathBuf)>,
    folder: PathBuf,
    /// What was left out.
    notes: Vec<String>,
}

/// Crops of one split.
#[derive(Clone, Debug)]
pub struct Crops {
    /// The images; every photograph is a cluster.
    pub group: Group,
    /// What to tell the user: photographs that cannot be read or are too small; with those for training,
    /// what the folder holds besides.
    pub notes: Vec<String>,
}

impl Photographs {
    /// Looks for photographs in a folder and all that is below it, hidden files and folders (caches of
    /// thumbnails, say) left out. Links are followed; those that lead nowhere or to a folder above them,
    /// folders that cannot be read, and further names of one file are left out and named.
    ///
    /// # Errors
    /// If the folder cannot be read, or holds fewer photographs than training and test need.
    pub fn find(folder: &Path) -> Result<Self> {
        let (mut files, mut unread, mut others) = (Vec::new(), Vec::new(), 0);
        // One photograph under two names would be trained on and tested on.
        let mut known: HashMap<PathBuf, String> = HashMap::new();
        let walk = WalkDir::new(folder).follow_links(true).sort_by_file_name();
        for entry in walk.into_iter().filter_entry(is_shown) {
            let entry = match entry {
                Err(error) if error.depth() > 0 => {
                    unread.push(reason(folder, &error));
                    continue;
                }
                entry => entry.with_context(|| format!("cannot read {}", folder.display()))?,
            };
            let path = entry.path();
            let ending = path.extension().and_then(|ending| ending.to_str());
            let ending = ending.map(str::to_ascii_lowercase).unwrap_or_default();
            if !entry.file_type().is_file() {
                continue;
            }
            if ENDINGS.contains(&ending.as_str()) {
                let name = escaped(path.strip_prefix(folder).unwrap_or(path));
                let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
                match known.entry(real) {
                    Entry::Vacant(place) => {
                        files.push((name.clone(), path.to_owned()));
                        place.insert(name);
                    }
                    Entry::Occupied(first) => {
                        unread.push(format!("{name}: the same file as {}", first.get()));
                    }
                }
            } else {
                others += usize::from(NOT_READ.contains(&ending.as_str()));
            }
        }
        let head = folder.display().to_string();
        let mut notes = notes(&head, "path", &unread);
        if others > 0 {
            let others = wording::counted(others, "image");
            let read = ENDINGS.join(", ");
            notes.push(format!(
                "{head}: {others} of other formats left out; what is read is {read}"
            ));
        }
        ensure!(
            files.len() >= TEST_EVERY,
            "{head}: {} photographs ({}) were found; give at least {TEST_EVERY}, of which every {TEST_EVERY}th \
             is kept for the test{}",
            files.len(),
            ENDINGS.join(", "),
            notes
                .iter()
                .map(|note| format!("; {note}"))
                .collect::<String>()
        );
        Ok(Self {
            files,
            folder: folder.to_owned(),
            notes,
        })
    }

    /// `count` crops, as many of each photograph of the split as of every other.
    ///
    /// A crop has the proportions of the tower's images and from one to eight times their side, as far
    /// as the photograph allows, evenly on a logarithmic scale; it is then shrunk. Training and test
    /// crops come from different photographs; those for validation from the photographs of training.
    ///
    /// # Errors
    /// If no photograph of the split can be used, or `stop` is raised.
    pub fn crops(
        &self,
        split: Split,
        count: usize,
        layout: PatchLayout,
        seed: u64,
        lanes: &Lanes,
        stop: &Stop,
    ) -> Result<Crops> {
        let is_test = |index: usize| index % TEST_EVERY == TEST_EVERY - 1;
        let files = self.files.iter().enumerate();
        let files: Vec<_> = files
            .filter(|(index, _)| is_test(*index) == (split == Split::Test))
            .map(|(_, file)| file)
            .collect();
        let size = [layout.cols, layout.rows].map(|patches| (patches * layout.patch) as u32);
        // All are opened, so that crops can be shared out among those that can be read.
        let opened = lanes.map(files.len(), |_, index| {
            stop.check()?;
            open(&files[index].1, size)
        });
        stop.check()?;
        let (mut photographs, mut problems) = (Vec::new(), Vec::new());
        for ((name, _), opened) in files.iter().zip(opened) {
            match opened {
                Ok(photograph) => photographs.push((name, photograph)),
                Err(error) => problems.push(format!("{name}: {error:#}")),
            }
        }
        if photographs.is_empty() {
            bail!(
                "{}: no photograph for the {split} split can be used; the first of {}: {}",
                self.folder.display(),
                wording::counted(problems.len(), "problem"),
                problems.first().map_or("there is none", String::as_str)
            );
        }
        let cut = lanes.map(photographs.len(), |_, index| {
            let (name, photograph) = &photographs[index];
            let mut rng = seeded::stream(seed, &format!("crops/{split}/{name}"));
            let share = share_of(count, photographs.len(), index);
            let crops = (0..share).map(|_| crop(photograph, size, &mut rng));
            crops.flat_map(GrayImage::into_raw).collect::<Vec<u8>>()
        });
        let mut labels = Vec::with_capacity(count);
        for cluster in 0..photographs.len() {
            let share = share_of(count, photographs.len(), cluster);
            labels.extend((0..share).map(|_| Label::of_class(0, cluster as u32, false)));
        }
        let head = format!("{}, {split}", self.folder.display());
        let of_folder = self.notes.iter().filter(|_| split == Split::Train);
        Ok(Crops {
            group: Group {
                key: GroupKey {
                    density: None,
                    condition: CONDITION.to_owned(),
                    difficulty: None,
                },
                layout,
                grid: None,
                pixels: cut.concat().into(),
                labels,
                clusters: photographs
                    .iter()
                    .map(|(name, _)| (*name).clone())
                    .collect(),
            },
            notes: of_folder
                .cloned()
                .chain(notes(&head, "photograph", &problems))
                .collect(),
        })
    }
}

/// Whether an entry is not hidden; the folder itself is what was asked for.
fn is_shown(entry: &DirEntry) -> bool {
    entry.depth() == 0 || !entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// Name and fault of what the search could not look into.
fn reason(folder: &Path, error: &walkdir::Error) -> String {
    let path = error.path().unwrap_or(folder);
    let name = escaped(path.strip_prefix(folder).unwrap_or(path));
    match error.io_error() {
        Some(fault) => format!("{name}: {fault}"),
        None => format!("{name}: a link to a folder above it"),
    }
}

fn notes(head: &str, what: &str, problems: &[String]) -> Vec<String> {
    if problems.is_empty() {
        return Vec::new();
    }
    let left_out = wording::counted(problems.len(), what);
    let mut notes = vec![format!("{head}: {left_out} left out")];
    notes.extend(problems.iter().take(NAMED).cloned());
    notes
}

/// Crops of photograph `index`, the first ones having one more where the number does not divide.
fn share_of(count: usize, photographs: usize, index: usize) -> usize {
    count / photographs + usize::from(index < count % photographs)
}

fn open(path: &Path, [width, height]: [u32; 2]) -> Result<GrayImage> {
    let bytes = std::fs::read(path).context("cannot be read")?;
    let image = image_processor::decode_upright(&bytes)?;
    let found = image.dimensions();
    ensure!(
        found.0 >= width && found.1 >= height,
        "{} x {} px are smaller than a crop of {width} x {height}",
        found.0,
        found.1
    );
    let image: DynamicImage = match image.color().has_alpha() {
        true => into_rgb(image, Transparency::OverWhite).into(),
        false => image,
    };
    Ok(image.to_luma8())
}

/// One crop, at its final size.
fn crop(photograph: &GrayImage, [width, height]: [u32; 2], rng: &mut ChaCha8Rng) -> GrayImage {
    let [across, down] = [
        f64::from(photograph.width()) / f64::from(width),
        f64::from(photograph.height()) / f64::from(height),
    ];
    let most = across.min(down).min(MOST_SHRUNK);
    let mut draw = || {
        let scale = most.powf(rng.random::<f64>());
        let side = |side: u32, limit: u32| ((f64::from(side) * scale) as u32).clamp(side, limit);
        let (w, h) = (
            side(width, photograph.width()),
            side(height, photograph.height()),
        );
        let x = rng.random_range(0..=photograph.width() - w);
        let y = rng.random_range(0..=photograph.height() - h);
        let window = imageops::crop_imm(photograph, x, y, w, h).to_image();
        imageops::resize(&window, width, height, FilterType::Triangle)
    };
    let mut found = draw();
    for _ in 1..TRIES {
        if contrast(found.as_raw()) >= LEAST_CONTRAST {
            break;
        }
        found = draw();
    }
    found
}

/// Standard deviation of grey levels.
fn contrast(pixels: &[u8]) -> f64 {
    let n = pixels.len() as f64;
    let mean = pixels.iter().map(|&p| f64::from(p)).sum::<f64>() / n;
    let squares = pixels.iter().map(|&p| (f64::from(p) - mean).powi(2));
    (squares.sum::<f64>() / n).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> PatchLayout {
        PatchLayout::of_image(64, 32, 8, 2).unwrap()
    }

    /// `count` photographs of stripes, all different, in two subfolders.
    fn folder(count: u32) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for index in 0..count {
            let place = folder.path().join(format!("part-{}", index % 2));
            std::fs::create_dir_all(&place).unwrap();
            let stripes = |x: u32, y: u32| image::Luma([((x * (index + 3) + y * 7) % 256) as u8]);
            let image = GrayImage::from_fn(200 + index, 120, stripes);
            image.save(place.join(format!("{index:02}.png"))).unwrap();
        }
        folder
    }

    fn crops(folder: &Path, split: Split, jobs: usize) -> Crops {
        let (lanes, stop) = (Lanes::open(jobs).unwrap(), Stop::default());
        let photographs = Photographs::find(folder).unwrap();
        photographs
            .crops(split, 21, layout(), 5, &lanes, &stop)
            .unwrap()
    }

    #[test]
    fn training_and_test_crops_come_from_different_photographs() {
        let folder = folder(11);
        let [train, validation, test] = [Split::Train, Split::Validation, Split::Test]
            .map(|split| crops(folder.path(), split, 1).group);
        assert_eq!(test.clusters, ["part-0/08.png", "part-1/07.png"]);
        assert_eq!(train.clusters.len(), 9);
        assert!(
            train
                .clusters
                .iter()
                .all(|name| !test.clusters.contains(name))
        );
        assert_eq!(validation.clusters, train.clusters);
        assert_ne!(
            validation.images(&[0]).unwrap(),
            train.images(&[0]).unwrap()
        );
        for group in [train, validation, test] {
            assert_eq!(group.len(), 21);
            assert_eq!(group.images(&[20]).unwrap().len(), 64 * 32);
        }
    }

    #[test]
    fn crops_are_the_same_on_any_number_of_lanes() {
        let folder = folder(6);
        let [one, two] = [1, 2].map(|jobs| crops(folder.path(), Split::Train, jobs).group);
        let all: Vec<usize> = (0..21).collect();
        assert_eq!(one.images(&all).unwrap(), two.images(&all).unwrap());
        assert_eq!(one.labels, two.labels);
    }

    #[test]
    fn what_cannot_be_used_is_left_out_and_named() {
        let folder = folder(7);
        std::fs::write(folder.path().join("a-broken.jpg"), b"not a picture").unwrap();
        GrayImage::new(40, 40)
            .save(folder.path().join("b-small.png"))
            .unwrap();
        std::fs::write(folder.path().join("notes.txt"), b"no picture at all").unwrap();
        let found = crops(folder.path(), Split::Train, 1);
        assert_eq!(found.group.len(), 21);
        let notes = found.notes.join("\n");
        assert!(notes.contains("2 photographs left out"), "{notes}");
        assert!(
            notes.contains("a-broken.jpg") && notes.contains("b-small.png: 40 x 40 px"),
            "{notes}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn links_to_nowhere_and_in_a_circle_and_other_formats_are_left_out_and_noted() {
        let folder = folder(7);
        let plain = crops(folder.path(), Split::Train, 1);
        let link = |to: &Path, name: &str| {
            std::os::unix::fs::symlink(to, folder.path().join(name)).unwrap();
        };
        link(Path::new("/nowhere"), "gone.jpg");
        link(folder.path(), "part-0/around");
        std::fs::write(folder.path().join("scan.TIFF"), b"II*").unwrap();
        let found = crops(folder.path(), Split::Train, 1);
        assert_eq!(
            found.group.content_hash(text_images::Charset::Digits),
            plain.group.content_hash(text_images::Charset::Digits)
        );
        let notes = found.notes.join("\n");
        for part in [
            "2 paths left out",
            "gone.jpg: ",
            "part-0/around: a link to a folder above it",
            "1 image of other formats left out",
        ] {
            assert!(notes.contains(part), "{part}: {notes}");
        }
        let test = crops(folder.path(), Split::Test, 1);
        assert!(test.notes.is_empty(), "told once: {:?}", test.notes);
    }

    #[cfg(unix)]
    #[test]
    fn a_photograph_under_two_names_and_a_hidden_one_never_reach_the_test() {
        let folder = folder(11);
        let plain = [Split::Train, Split::Test].map(|split| crops(folder.path(), split, 1));
        // A choice of the best, as links, and the thumbnails of a file manager.
        let (best, hidden) = (folder.path().join("z-best"), folder.path().join(".thumbs"));
        std::fs::create_dir(&best).unwrap();
        std::os::unix::fs::symlink("../part-0/00.png", best.join("first.png")).unwrap();
        std::os::unix::fs::symlink("../part-1/07.png", best.join("second.png")).unwrap();
        std::fs::create_dir(&hidden).unwrap();
        std::fs::copy(folder.path().join("part-1/07.png"), hidden.join("07.png")).unwrap();
        std::fs::write(folder.path().join("part-0/._00.png"), b"resource fork").unwrap();
        let found = [Split::Train, Split::Test].map(|split| crops(folder.path(), split, 1));
        for (found, plain) in found.iter().zip(&plain) {
            assert_eq!(found.group.clusters, plain.group.clusters);
        }
        let notes = found[0].notes.join("\n");
        assert!(notes.contains("2 paths left out"), "{notes}");
        let first = "z-best/first.png: the same file as part-0/00.png";
        assert!(notes.contains(first), "{notes}");
    }

    #[test]
    fn what_is_transparent_lies_on_white() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clear.png");
        image::RgbaImage::new(64, 32).save(&path).unwrap();
        assert_eq!(open(&path, [64, 32]).unwrap().get_pixel(3, 3).0, [255]);
    }

    #[test]
    fn a_folder_with_too_few_is_refused() {
        let folder = folder(3);
        let error = Photographs::find(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains("3 photographs") && error.contains("at least 5"),
            "{error}"
        );
        assert!(Photographs::find(&folder.path().join("absent")).is_err());
    }

    #[test]
    fn flat_crops_are_drawn_again() {
        // Flat but for a corner.
        let photograph = GrayImage::from_fn(600, 300, |x, y| {
            let inside = x < 300 && y < 150;
            image::Luma([if inside {
                ((x * 37 + y * 91) % 256) as u8
            } else {
                128
            }])
        });
        let mut rng = seeded::stream(3, "crops");
        for _ in 0..20 {
            let found = crop(&photograph, [64, 32], &mut rng);
            assert!(contrast(found.as_raw()) >= LEAST_CONTRAST);
        }
    }
}
