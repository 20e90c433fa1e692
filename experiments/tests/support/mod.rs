//! A scratch folder for tests of the command line: a temporary folder with a small backbone and small
//! settings, and the binary run in it.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "every test file uses a part; a test that cannot go on should stop"
)]

pub mod quantities;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use tempfile::TempDir;

/// A study of seconds: 6 arms, 2 seeds, 4 steps.
pub const TINY: &str = r#"
arms = ["identity", "patch-merger", "gelu-mlp@16", "vet-softmax@16", "vet-gumbel@16+usage", "blind"]
seeds = [1, 2]
d_token = 16
hardening_images = 8
bootstrap_draws = 100

[data]
charset = "10"
densities = [1.0]
images = { train = 64, validation = 16, test = 16, test_words = 16 }

[training]
steps = 4
batch = 16
learning_rates = [0.002]
evaluations = 2
evaluation_images = 16
"#;

/// A recipe for a random tower of a few thousand parameters.
pub const TINY_BACKBONE: &str = r#"
steps = 1
batch = 4
evaluate_every = 1
test_images = 2
tasks = [{ charset = "10", density = 1.0, weight = 1 }]

[backbone]
d_model = 16
depth = 2
heads = 2
d_mlp = 32
"#;

/// What a run of the binary came to.
#[derive(Debug)]
pub struct Finished {
    /// Exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Finished {
    /// Asserts success.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }

    /// Asserts one clear error: exit code 1 (2 for a flag that cannot be read), a single `error:`
    /// on standard error whose text holds all of `parts`, no panic.
    #[track_caller]
    pub fn refused(self, parts: &[&str]) -> Self {
        assert!(
            matches!(self.code, Some(1 | 2)),
            "{:?}: {}",
            self.code,
            self.stderr
        );
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        let errors: Vec<&str> = self.stderr.split("error: ").skip(1).collect();
        assert_eq!(errors.len(), 1, "{}", self.stderr);
        for part in parts {
            assert!(errors[0].contains(part), "no `{part}` in: {}", self.stderr);
        }
        self
    }
}

/// A temporary folder in which the binary is run.
pub struct Scratch {
    folder: TempDir,
}

impl Scratch {
    /// A folder with `backbone.safetensors` and the settings [`TINY`] as `tiny.toml`.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("tiny.toml"), TINY).unwrap();
        fs::write(folder.path().join("backbone.safetensors"), backbone()).unwrap();
        Self { folder }
    }

    /// A path in the folder.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of the folder.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// The binary, to be run in the folder.
    pub fn binary(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_experiments"));
        command.current_dir(self.folder.path());
        // Whatever the user computes with, tests compute with flex.
        command.env_remove("BURN_DEVICE");
        command
    }

    /// Runs the binary with these arguments, separated by spaces.
    pub fn run(&self, arguments: &str) -> Finished {
        let mut command = self.binary();
        command.args(arguments.split_whitespace());
        command.output().unwrap().into()
    }

    /// The arguments of a tiny study with more flags, separated by spaces; what the flags do not
    /// name is the scratch folder's own.
    pub fn probe_arguments(flags: &str) -> Vec<String> {
        let mut arguments: Vec<String> =
            ["ocr-probe", "--preset", "smoke"].map(str::to_owned).into();
        for (flag, value) in [
            ("--config", "tiny.toml"),
            ("--backbone", "backbone.safetensors"),
            ("--data", "data"),
            ("--results", "results"),
        ] {
            if !flags.split_whitespace().any(|given| given == flag) {
                arguments.extend([flag.to_owned(), value.to_owned()]);
            }
        }
        arguments.extend(flags.split_whitespace().map(str::to_owned));
        arguments
    }

    /// Runs a tiny study with more flags.
    pub fn probe(&self, flags: &str) -> Finished {
        let mut command = self.binary();
        command.args(Self::probe_arguments(flags));
        command.output().unwrap().into()
    }

    /// A file in the folder of a run.
    pub fn result(&self, run: &str, file: &str) -> PathBuf {
        self.path("results").join(run).join(file)
    }

    /// Names under `results/`, sorted; empty if there is no such folder.
    pub fn runs(&self) -> Vec<String> {
        names(&self.path("results"))
    }
}

/// Names in a folder, sorted; empty if there is no such folder.
pub fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Rows of a CSV file, each as pairs of column and field.
pub struct Rows {
    header: csv::StringRecord,
    rows: Vec<csv::StringRecord>,
}

impl Rows {
    /// Reads a file.
    #[track_caller]
    pub fn read(path: &Path) -> Self {
        let mut reader = csv::Reader::from_path(path).unwrap();
        Self {
            header: reader.headers().unwrap().clone(),
            rows: reader.records().map(Result::unwrap).collect(),
        }
    }

    /// Fields of `column` in the rows whose other columns have these values.
    #[track_caller]
    pub fn fields(&self, column: &str, filters: &[(&str, &str)]) -> Vec<&str> {
        let place = |name: &str| self.header.iter().position(|found| found == name).unwrap();
        let filters: Vec<(usize, &str)> = filters.iter().map(|(n, v)| (place(n), *v)).collect();
        let column = place(column);
        let rows = self.rows.iter();
        rows.filter(|row| filters.iter().all(|(place, value)| &row[*place] == *value))
            .map(|row| &row[column])
            .collect()
    }
}

/// The tower of [`TINY_BACKBONE`], made by the binary once per test file.
fn backbone() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let (config, out) = (
            folder.path().join("tower.toml"),
            folder.path().join("out/tower"),
        );
        fs::write(&config, TINY_BACKBONE).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_experiments"))
            .arg("pretrain-backbone")
            .arg("--config")
            .arg(&config)
            .arg("--out")
            .arg(&out)
            .output()
            .unwrap();
        Finished::from(output).succeeded();
        fs::read(out).unwrap()
    })
}
