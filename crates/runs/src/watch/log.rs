//! The event log: a file that lines are added to.

use super::event::{Event, Line};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Takes events of one run.
#[derive(Debug)]
pub struct EventLog {
    path: PathBuf,
    run: String,
    /// None once it could not be written.
    file: Mutex<Option<File>>,
}

impl EventLog {
    /// Goes on with the file at `path`, or begins it. One that cannot be written is told of once, and
    /// then done without.
    #[must_use]
    pub fn open(path: &Path, run: &str) -> Self {
        let file = opened(path);
        Self {
            path: path.to_owned(),
            run: run.to_owned(),
            file: Mutex::new(file.map_err(|error| complain(path, &error)).ok()),
        }
    }

    /// Adds an event, with the time.
    pub fn write(&self, event: Event) {
        let line = Line {
            unix_s: now(),
            run: self.run.clone(),
            event,
        };
        let Ok(mut text) = serde_json::to_string(&line) else {
            return;
        };
        text.push('\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // In one piece, so that lines of several processes do not mix.
        let written = file.as_mut().map(|file| file.write_all(text.as_bytes()));
        if let Some(Err(error)) = written {
            complain(&self.path, &error);
            *file = None;
        }
    }
}

/// The file, to be added to, behind a line end: a full disk may have left half a line.
fn opened(path: &Path) -> std::io::Result<File> {
    let mut file = File::options()
        .create(true)
        .append(true)
        .read(true)
        .open(path)?;
    let mut end = [b'\n'];
    if file.metadata()?.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut end)?;
    }
    if end != [b'\n'] {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

fn complain(path: &Path, error: &std::io::Error) {
    eprintln!(
        "note: {}: {error}; the run goes on without its event log",
        path.display()
    );
}

/// Seconds since 1970.
pub(super) fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}

/// What stands in an event log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Events {
    /// The events.
    pub lines: Vec<Line>,
    /// Lines that are no events of this version: the last one of a process that was killed may be cut off.
    pub unreadable: usize,
}

/// The events in a file. Lines that are none are passed over and counted.
///
/// # Errors
/// If the file cannot be read.
pub fn read_events(path: &Path) -> std::io::Result<Events> {
    let text = std::fs::read(path)?;
    let mut events = Events::default();
    let lines = text.split(|byte| *byte == b'\n');
    for line in lines.filter(|line| !line.trim_ascii().is_empty()) {
        match serde_json::from_slice(line) {
            Ok(line) => events.lines.push(line),
            Err(_) => events.unreadable += 1,
        }
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;
    use probe::CellSpec;

    #[test]
    fn events_come_back_and_half_lines_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let cell = CellSpec {
            arm: "vet-softmax@64".parse().unwrap(),
            seed: 3,
            learning_rate: 0.008,
        };
        let events = [
            Event::Started {
                pid: 7,
                lanes: 2,
                arms: 1,
            },
            Event::CellFailed {
                lane: 1,
                cell,
                step: 40,
                reason: "loss is \"NaN\"\n".to_owned(),
            },
        ];
        EventLog::open(&path, "a").write(events[0].clone());
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(b"{\"unix_s\": 3, \"run\n").unwrap();
        EventLog::open(&path, "b").write(events[1].clone());
        let Events {
            lines: found,
            unreadable,
        } = read_events(&path).unwrap();
        assert_eq!(unreadable, 1);
        let told: Vec<&Event> = found.iter().map(|line| &line.event).collect();
        assert_eq!(told, events.iter().collect::<Vec<_>>());
        assert_eq!((found[0].run.as_str(), found[1].run.as_str()), ("a", "b"));
        assert!(found[0].unix_s > 1.7e9 && found[0].unix_s <= found[1].unix_s);
    }

    #[test]
    fn of_a_file_that_is_no_log_the_lines_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        for (content, unreadable) in [
            (&b""[..], 0),
            (&b"\n \n"[..], 0),
            (&b"\x00\xff\n{}\n"[..], 2),
        ] {
            std::fs::write(&path, content).unwrap();
            let found = read_events(&path).unwrap();
            assert_eq!((found.lines.len(), found.unreadable), (0, unreadable));
        }
    }

    #[test]
    fn what_follows_half_a_line_begins_on_a_line_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        std::fs::write(&path, "{\"unix_s\": 3, \"run").unwrap();
        EventLog::open(&path, "a").write(Event::Finished { seconds: 1.0 });
        EventLog::open(&path, "a").write(Event::Finished { seconds: 2.0 });
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(
            text.lines()
                .skip(1)
                .all(|line| line.starts_with("{\"unix_s\"") && line.ends_with('}'))
        );
    }

    #[test]
    fn a_log_that_cannot_be_written_stops_nothing() {
        let log = EventLog::open(Path::new("/nowhere/events.jsonl"), "a");
        log.write(Event::Finished { seconds: 1.0 });
    }
}
