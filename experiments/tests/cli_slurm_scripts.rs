//! The scripts of `slurm`, run by bash with stand-ins for SLURM's commands.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;
use support::Scratch;

/// A name that has to be quoted wherever it stands.
const RUN: &str = "it's \"50%\" of $HOME";
const SETTINGS: &str = r#"
arms = ["patch-merger", "blind"]
seeds = [1]
d_token = 16
backbone = "backbone.safetensors"

[data]
charset = "36"
densities = [1.0]
test_contents = ["random"]

[training]
steps = 3000
batch = 16
evaluations = 1
"#;

struct Stage {
    place: Scratch,
    folder: PathBuf,
}

impl Stage {
    fn new() -> Self {
        let place = Scratch::new();
        place.write("study.toml", SETTINGS);
        let mut command = place.binary();
        let flags = "slurm --preset smoke --only ocr --config study.toml --partition long --time 1:00:00 \
             --cpus-per-task 2 --mem 4G --limit 8 --sbatch-arg=--gres=gpu:1 --sbatch-arg=--account=a";
        command.args(flags.split_whitespace()).args(["--run", RUN]);
        assert!(command.status().unwrap().success());
        // What the scripts call leaves its arguments in a file.
        for (name, answer) in [("sbatch", "echo 42"), ("scontrol", "true")] {
            let path = place.write(
                &format!("bin/{name}"),
                format!("#!/bin/bash\nprintf '<%s>' \"$@\" >> '{name}.txt'\necho >> '{name}.txt'\n{answer}\n"),
            );
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let folder = place.result(RUN, "cluster");
        Self { place, folder }
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap()
    }

    fn bash(&self, script: &str) -> Command {
        let mut command = Command::new("bash");
        command.arg(self.folder.join(script));
        command.current_dir(self.place.path(""));
        let path = std::env::var("PATH").unwrap();
        let own = self.place.path("bin");
        command.env("PATH", format!("{}:{path}", own.display()));
        command
    }

    fn called(&self, name: &str) -> String {
        fs::read_to_string(self.place.path(format!("{name}.txt"))).unwrap_or_default()
    }
}

#[test]
fn scripts_are_sound_and_ask_for_what_was_asked_for() {
    let stage = Stage::new();
    for script in ["array.sbatch", "merge.sbatch", "submit.sh"] {
        let checked = Command::new("bash")
            .arg("-n")
            .arg(stage.folder.join(script))
            .status();
        assert!(checked.unwrap().success(), "{script}");
    }
    let array = stage.text("array.sbatch");
    let options: Vec<&str> = array
        .lines()
        .filter_map(|line| line.strip_prefix("#SBATCH "))
        .collect();
    let logs = stage.folder.join("logs").display().to_string();
    let logs = logs.replace('%', "%%").replace('"', "\\\"");
    let output = format!("--output=\"{logs}/%A_%a.log\"");
    for option in [
        "--array=0-1%8",
        "--partition=\"long\"",
        "--time=\"1:00:00\"",
        "--cpus-per-task=2",
        "--mem=\"4G\"",
        "--requeue",
        "--signal=B:USR1@120",
        "--gres=gpu:1",
        "--account=a",
        &output,
    ] {
        assert!(options.contains(&option), "no {option} in {options:#?}");
    }
    // Options end at the first command.
    let first = array
        .lines()
        .position(|line| !line.starts_with('#'))
        .unwrap();
    assert!(
        !array
            .lines()
            .skip(first)
            .any(|line| line.starts_with("#SBATCH"))
    );
    assert!(!stage.text("merge.sbatch").contains("--array"));

    assert!(
        stage
            .bash("submit.sh")
            .arg("--array=1")
            .status()
            .unwrap()
            .success()
    );
    let called = stage.called("sbatch");
    let calls: Vec<&str> = called.lines().collect();
    let script = |name: &str| format!("<{}>", stage.folder.join(name).display());
    assert_eq!(
        calls[0],
        format!("<--parsable><--array=1>{}", script("array.sbatch"))
    );
    assert_eq!(
        calls[1],
        format!(
            "<--parsable><--dependency=afterany:42>{}",
            script("merge.sbatch")
        )
    );
}

#[test]
fn a_job_with_two_cards_works_on_both() {
    let place = Scratch::new();
    place.write("study.toml", SETTINGS);
    let flags = "slurm --preset smoke --only ocr --config study.toml --run cards --backend cuda --device 0,1";
    place.run(flags).succeeded();
    let array = fs::read_to_string(place.result("cards", "cluster/array.sbatch")).unwrap();
    assert!(array.contains("'--jobs' '2' '--device' '0,1'"), "{array}");
}

#[test]
fn a_task_whose_time_is_up_saves_its_cells_and_asks_to_go_on() {
    let stage = Stage::new();
    let task = |index: &str| {
        let mut command = stage.bash("array.sbatch");
        command
            .env("SLURM_ARRAY_TASK_ID", index)
            .env("SLURM_JOB_ID", "77");
        command
    };
    let mut started = task("0")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lock = stage.folder.join("items/0.lock");
    while fs::read_to_string(&lock).unwrap_or_default().is_empty() {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(1500));
    let sent = Command::new("kill")
        .args(["-USR1", &started.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
    assert_eq!(started.wait().unwrap().code(), Some(130));
    assert_eq!(stage.called("scontrol").trim(), "<requeue><77>");
    let cells = support::names(&stage.place.result(RUN, "cells"));
    assert_eq!(cells.len(), 1, "{cells:?}");
    assert!(cells[0].ends_with(".half-done"), "{cells:?}");

    // A task that has started again often enough does not ask for more.
    let mut started = task("0").env("SLURM_RESTART_COUNT", "100").spawn().unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    let sent = Command::new("kill")
        .args(["-USR1", &started.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
    assert_ne!(started.wait().unwrap().code(), Some(0));
    assert_eq!(stage.called("scontrol").lines().count(), 1);
}
