//! Scripts for SLURM.

use super::items::Items;
use super::place::Place;
use anyhow::{Result, bail, ensure};
use run_support::atomic;
use std::path::{Path, PathBuf};

/// Names of the scripts in the folder of [`Place`].
const ARRAY: &str = "array.sbatch";
const MERGE: &str = "merge.sbatch";
const SUBMIT: &str = "submit.sh";
/// How long before the end of its time a task saves what it is training, in seconds. SLURM may send
/// the signal a minute early.
const NOTICE_S: u32 = 120;
/// The shortest time limit that leaves a task some minutes to train in.
const SHORTEST_S: u32 = 300;
/// Times a task may ask to be started again because its time was up. One that is never done in that
/// many has too little time to get anywhere.
const RESTARTS: u32 = 100;

/// What a task asks of the cluster.
#[derive(Clone, Debug, Default)]
pub struct Resources {
    /// Partition; the cluster's default if not given.
    pub partition: Option<String>,
    /// Time limit of a task, as SLURM writes it.
    pub time: Option<String>,
    /// Processors of a task.
    pub cpus: usize,
    /// Memory of a task, as SLURM writes it.
    pub memory: Option<String>,
    /// Most tasks at a time.
    pub limit: Option<usize>,
    /// Further options of sbatch, written as they are.
    pub extra: Vec<String>,
}

/// A study as an array of tasks.
#[derive(Clone, Debug)]
pub struct Array {
    /// Name of the jobs.
    pub name: String,
    /// Number of tasks.
    pub tasks: usize,
    /// What each of them asks for.
    pub resources: Resources,
    /// The program.
    pub program: PathBuf,
    /// Where it is started: relative paths in the settings are meant from there.
    pub start: PathBuf,
    /// The results folder.
    pub run: PathBuf,
    /// Arguments of `cell` and `merge` alike.
    pub arguments: Vec<String>,
    /// Arguments of `cell` only.
    pub cell_arguments: Vec<String>,
    /// Arguments of `merge` only.
    pub merge_arguments: Vec<String>,
}

impl Array {
    /// Writes the scripts; returns the one that submits the others.
    ///
    /// # Errors
    /// If a path or an option cannot stand in a script, or a file cannot be written.
    pub fn write(&self, place: &Place, items: &Items) -> Result<PathBuf> {
        // All of it before any of it is written.
        let array = self.array(place)?;
        let merge = self.merge(place)?;
        let submit = submit(place)?;
        write_tasks(&place.file("tasks.csv"), items, self.tasks)?;
        place.set_tasks(self.tasks)?;
        let script = place.file(SUBMIT);
        for (path, text) in [
            (place.file(ARRAY), array),
            (place.file(MERGE), merge),
            (script.clone(), submit),
        ] {
            atomic::write_bytes(&path, text.as_bytes())?;
        }
        Ok(script)
    }

    /// The script of the tasks.
    fn array(&self, place: &Place) -> Result<String> {
        let last = self.tasks - 1;
        let limit = match self.resources.limit {
            Some(limit) => format!("%{limit}"),
            None => String::new(),
        };
        let mut lines = vec![
            "#!/bin/bash".to_owned(),
            "# Written by `experiments slurm`. tasks.csv says what each task trains.".to_owned(),
            directive("job-name", &self.name)?,
            format!("#SBATCH --array=0-{last}{limit}"),
        ];
        lines.extend(self.resources(place, "%A_%a.log")?);
        lines.push(format!("#SBATCH --signal=B:USR1@{NOTICE_S}"));
        lines.extend(self.extra());
        lines.push(self.enter()?);
        let mut command = self.command("cell")?;
        command.push_str(" --index \"$SLURM_ARRAY_TASK_ID\"");
        for argument in &self.cell_arguments {
            command.push_str(&format!(" {}", quoted(argument)?));
        }
        lines.push(format!(
            r#"child=
again=no
# The program saves the cells in training and ends. SLURM starts a preempted task again by itself; one
# whose time is up has to ask for it.
trap '[ -n "$child" ] && kill -TERM "$child"' TERM INT
trap 'again=yes; [ -n "$child" ] && kill -TERM "$child"' USR1
{command} &
child=$!
wait "$child"
status=$?
# A signal ends `wait` before it ends the program.
while kill -0 "$child" 2>/dev/null; do
  wait "$child"
  status=$?
done
if [ "$again" = yes ] && [ "$status" -ge 128 ] && [ "${{SLURM_RESTART_COUNT:-0}}" -lt {RESTARTS} ]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
"#
        ));
        Ok(lines.join("\n"))
    }

    /// The script that comes after the tasks.
    fn merge(&self, place: &Place) -> Result<String> {
        let mut lines = vec![
            "#!/bin/bash".to_owned(),
            "# Written by `experiments slurm`: makes tables, figures and report of what was trained."
                .to_owned(),
            directive("job-name", &format!("{}-merge", self.name))?,
        ];
        lines.extend(self.resources(place, "merge-%j.log")?);
        lines.extend(self.extra());
        lines.push(self.enter()?);
        let mut command = self.command("merge")?;
        for argument in &self.merge_arguments {
            command.push_str(&format!(" {}", quoted(argument)?));
        }
        lines.push(format!("exec {command}\n"));
        Ok(lines.join("\n"))
    }

    fn resources(&self, place: &Place, log: &str) -> Result<Vec<String>> {
        let resources = &self.resources;
        let mut lines = Vec::new();
        for (name, value) in [
            ("partition", &resources.partition),
            ("time", &resources.time),
            ("mem", &resources.memory),
        ] {
            if let Some(value) = value {
                lines.push(directive(name, value)?);
            }
        }
        // `%` begins a placeholder there.
        let logs = text(&place.logs())?.replace('%', "%%");
        lines.extend([
            "#SBATCH --nodes=1".to_owned(),
            "#SBATCH --ntasks=1".to_owned(),
            format!("#SBATCH --cpus-per-task={}", resources.cpus),
            "#SBATCH --requeue".to_owned(),
            "#SBATCH --open-mode=append".to_owned(),
            directive("output", &format!("{logs}/{log}"))?,
        ]);
        Ok(lines)
    }

    /// The user's options, after ours, so that they win.
    fn extra(&self) -> impl Iterator<Item = String> {
        let extra = self.resources.extra.iter();
        extra.map(|option| format!("#SBATCH {option}"))
    }

    fn enter(&self) -> Result<String> {
        Ok(format!("\ncd {} || exit 1", quoted(text(&self.start)?)?))
    }

    fn command(&self, verb: &str) -> Result<String> {
        let mut words = vec![quoted(text(&self.program)?)?, verb.to_owned()];
        words.push(quoted(text(&self.run)?)?);
        for argument in &self.arguments {
            words.push(quoted(argument)?);
        }
        Ok(words.join(" "))
    }
}

/// The script that submits the others.
fn submit(place: &Place) -> Result<String> {
    let [array, merge] = [ARRAY, MERGE].map(|name| place.file(name));
    let [array, merge] = [quoted(text(&array)?)?, quoted(text(&merge)?)?];
    Ok(format!(
        r#"#!/bin/bash
# Written by `experiments slurm`: submits the tasks, and the merge for when all of them have ended.
# Options are passed on to the array: `submit.sh --array=3,7` runs two tasks again.
set -eu
array=$(sbatch --parsable "$@" {array})
array=${{array%%;*}}
merge=$(sbatch --parsable --dependency="afterany:$array" {merge})
echo "tasks: job $array; merge: job ${{merge%%;*}}"
"#
    ))
}

/// Which task does what.
fn write_tasks(path: &Path, items: &Items, tasks: usize) -> Result<()> {
    atomic::write(path, |out| {
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record([
            "task",
            "item",
            "runs",
            "arm",
            "cells_at_most",
            "steps_of_a_cell",
        ])?;
        for (index, item) in items.items.iter().enumerate() {
            writer.write_record([
                items.task_of(index, tasks).to_string(),
                index.to_string(),
                items.runs_of(index),
                item.arm.to_string(),
                items.most_cells(index).to_string(),
                items.steps(index).to_string(),
            ])?;
        }
        Ok(writer.flush()?)
    })
}

/// Checks an option of sbatch that the user gives.
///
/// # Errors
/// If it is not one option on one line, or one that the scripts set themselves.
pub fn check_option(option: &str) -> Result<(), String> {
    if !option.starts_with('-') || option.contains(['\n', '\r']) {
        return Err(
            "an option of sbatch begins with `-` and is one line, for example `--gres=gpu:1`"
                .to_owned(),
        );
    }
    let name = option.split(['=', ' ']).next().unwrap_or(option);
    // The value of a short option may follow at once.
    let name = match name.starts_with("--") {
        true => name,
        false => name.get(..2).unwrap_or(name),
    };
    match name {
        "--array" | "-a" | "--signal" => {
            Err("the scripts set it themselves; --tasks and --limit change the array".to_owned())
        }
        "--time" | "-t" => Err("give it as --time".to_owned()),
        "--mem" => Err("give it as --mem".to_owned()),
        "--partition" | "-p" => Err("give it as --partition".to_owned()),
        "--cpus-per-task" | "-c" => Err("give it as --cpus-per-task".to_owned()),
        _ => Ok(()),
    }
}

/// Checks the name of a partition, or several with commas between them.
///
/// # Errors
/// If it is empty or has a space in it.
pub fn check_partition(names: &str) -> Result<(), String> {
    if names.split(',').all(|name| !name.is_empty()) && !names.contains(char::is_whitespace) {
        Ok(())
    } else {
        Err("give the name of a partition; `sinfo` lists them".to_owned())
    }
}

/// Checks a time limit: that SLURM reads it, and that a task has time to work before it is told to stop.
///
/// # Errors
/// If it is of another form, or too short.
pub fn check_time(limit: &str) -> Result<(), String> {
    if ["unlimited", "infinite"].contains(&limit.to_lowercase().as_str()) {
        return Ok(());
    }
    let seconds = seconds(limit).ok_or(
        "SLURM takes minutes, `minutes:seconds`, `hours:minutes:seconds`, `days-hours`, `days-hours:minutes` and \
         `days-hours:minutes:seconds`, for example `2:00:00` or `1-12`",
    )?;
    if seconds < u64::from(SHORTEST_S) {
        return Err(format!(
            "a task is told to save {NOTICE_S} s before its end and would get nowhere; give at least {} minutes",
            SHORTEST_S / 60
        ));
    }
    Ok(())
}

/// A time limit in seconds.
fn seconds(limit: &str) -> Option<u64> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u32>().ok().map(u64::from))?
    };
    let (days, rest) = match limit.split_once('-') {
        Some((days, rest)) => (Some(number(days)?), rest),
        None => (None, limit),
    };
    let parts: Vec<u64> = rest.split(':').map(number).collect::<Option<_>>()?;
    let (hours, minutes, seconds) = match (days, parts.as_slice()) {
        (Some(_), [hours]) => (*hours, 0, 0),
        (Some(_), [hours, minutes]) => (*hours, *minutes, 0),
        (None, [minutes]) => (0, *minutes, 0),
        (None, [minutes, seconds]) => (0, *minutes, *seconds),
        (_, [hours, minutes, seconds]) => (*hours, *minutes, *seconds),
        _ => return None,
    };
    Some(days.unwrap_or(0) * 86_400 + hours * 3600 + minutes * 60 + seconds)
}

/// Checks an amount of memory.
///
/// # Errors
/// If SLURM would not read it.
pub fn check_memory(amount: &str) -> Result<(), String> {
    let digits = amount.trim_end_matches(['K', 'M', 'G', 'T', 'k', 'm', 'g', 't']);
    let is_number = digits.parse::<u64>().is_ok() && !digits.starts_with('+');
    if is_number && amount.len() - digits.len() <= 1 {
        Ok(())
    } else {
        Err(
            "SLURM takes a whole number of megabytes, or one with K, M, G or T behind it, for example `8G`"
                .to_owned(),
        )
    }
}

/// `#SBATCH --name="value"`.
fn directive(name: &str, value: &str) -> Result<String> {
    one_line(value)?;
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    Ok(format!("#SBATCH --{name}=\"{value}\""))
}

/// A word of the shell.
///
/// # Errors
/// If it has a line break.
pub fn quoted(word: &str) -> Result<String> {
    one_line(word)?;
    Ok(format!("'{}'", word.replace('\'', r"'\''")))
}

fn one_line(value: &str) -> Result<()> {
    ensure!(
        !value.contains(['\n', '\r', '\0']),
        "`{}` has a line break, which cannot stand in a script for SLURM",
        value.escape_debug()
    );
    Ok(())
}

fn text(path: &Path) -> Result<&str> {
    match path.to_str() {
        Some(text) => Ok(text),
        None => bail!(
            "{}: this name is not UTF-8, and a script for SLURM cannot hold it",
            path.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_options_are_quoted_and_line_breaks_refused() {
        assert_eq!(quoted("a b's").unwrap(), r"'a b'\''s'");
        assert_eq!(
            directive("output", r#"/a "b"\c"#).unwrap(),
            r#"#SBATCH --output="/a \"b\"\\c""#
        );
        for bad in ["a\nb", "a\rb"] {
            assert!(quoted(bad).is_err() && directive("time", bad).is_err());
        }
        assert!(check_option("--gres=gpu:1").is_ok());
        assert!(check_option("-A mine").is_ok());
        assert!(check_option("gpu").is_err());
        assert!(check_option("--a\n#SBATCH --b").is_err());
    }

    #[test]
    fn options_that_the_scripts_set_are_refused_with_the_flag_to_use() {
        for (option, told) in [
            ("--array=1-3", "--tasks"),
            ("-a1-3", "--tasks"),
            ("--signal=USR2", "--tasks"),
            ("--time=1", "--time"),
            ("-t 1", "--time"),
            ("-t1", "--time"),
            ("--mem=1G", "--mem"),
            ("-p long", "--partition"),
        ] {
            let message = check_option(option).unwrap_err();
            assert!(message.contains(told), "{option}: {message}");
        }
        assert!(check_option("--mem-per-gpu=1G").is_ok() && check_option("-").is_ok());
    }

    #[test]
    fn a_partition_has_a_name() {
        assert!(check_partition("long").is_ok() && check_partition("long,short").is_ok());
        for bad in ["", "a b", "a,", "a,,b"] {
            assert!(check_partition(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn time_limits_are_read_as_slurm_reads_them() {
        for (limit, expected) in [
            ("90", 5400),
            ("90:30", 5430),
            ("2:00:05", 7205),
            ("1-12", 129_600),
            ("1-2:30", 95_400),
            ("0-0:30:10", 1810),
        ] {
            assert_eq!(seconds(limit), Some(expected), "{limit}");
            assert!(check_time(limit).is_ok(), "{limit}");
        }
        assert!(check_time("UNLIMITED").is_ok());
        for bad in [
            "",
            "2h",
            "1:2:3:4",
            "1-",
            "-5",
            "+5",
            "1.5",
            "1-1-1",
            "2:00:00\n",
            "4",
            "4:59",
        ] {
            assert!(check_time(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn memory_is_a_number_and_a_unit() {
        for good in ["0", "4096", "8G", "512m", "1T"] {
            assert!(check_memory(good).is_ok(), "{good}");
        }
        for bad in ["", "G", "8GB", "8GG", "8 G", "1.5G", "+8G", "-1", "viel"] {
            assert!(check_memory(bad).is_err(), "{bad}");
        }
    }
}
