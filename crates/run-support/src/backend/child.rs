//! This program again, in a process that may crash.

use crate::stop::Stop;
use anyhow::{Context, Result};
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How often the user's wish to stop is looked at.
const POLL: Duration = Duration::from_millis(100);
/// Starts a line on standard error that tells a parent what went wrong.
const COMPLAINT: &str = "child: ";

/// How a child ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// With success.
    Finished,
    /// By itself, with what it said last.
    Failed(String),
    /// By a signal.
    Crashed(i32),
    /// Not within this many seconds; it was ended.
    Silent(u64),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished => f.write_str("finished"),
            Self::Failed(message) => f.write_str(message),
            Self::Crashed(signal) => {
                write!(f, "crashed: signal {signal}")?;
                match signal_name(*signal) {
                    Some(name) => write!(f, " ({name})"),
                    None => Ok(()),
                }
            }
            Self::Silent(seconds) => write!(f, "no answer within {seconds} s"),
        }
    }
}

/// Signals with which drivers die, by their numbers on Linux.
fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        4 => "SIGILL",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        _ => return None,
    })
}

/// A running child.
#[derive(Debug)]
pub struct Child(std::process::Child);

impl Child {
    /// Starts this program with other arguments.
    ///
    /// # Errors
    /// If the program does not know where it is, or cannot be started.
    pub fn start(arguments: &[&str]) -> Result<Self> {
        let program = std::env::current_exe().context("cannot tell where this program is")?;
        Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map(Self)
            .context("cannot start this program a second time, to try a backend out")
    }

    /// Hands every line that the child writes to `line`, and waits for its end, no longer than
    /// `limit`.
    ///
    /// # Errors
    /// If `stop` is raised or the system loses the child.
    pub fn lines(
        mut self,
        limit: Duration,
        stop: &Stop,
        mut line: impl FnMut(&str),
    ) -> Result<End> {
        let deadline = Instant::now().checked_add(limit);
        let (sender, receiver) = channel();
        let output = self.0.stdout.take().context("no standard output")?;
        let errors = self.0.stderr.take().context("no standard error")?;
        let reader = std::thread::spawn(move || {
            for text in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(text).is_err() {
                    break;
                }
            }
        });
        let complaints = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            // What could be read before an error is worth telling.
            let _ = BufReader::new(errors).read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        loop {
            match receiver.recv_timeout(POLL) {
                Ok(text) => line(&text),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    let late = deadline.is_some_and(|end| Instant::now() >= end);
                    if late || stop.is_raised() {
                        self.0.kill().context("cannot end a child that hangs")?;
                        self.0.wait()?;
                        stop.check()?;
                        return Ok(End::Silent(limit.as_secs()));
                    }
                }
            }
        }
        let status = self.0.wait().context("lost a child")?;
        let said = complaints.join().unwrap_or_default();
        let _ = reader.join();
        Ok(end_of(status, &said))
    }
}

fn end_of(status: ExitStatus, said: &str) -> End {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return End::Crashed(signal);
    }
    if status.success() {
        return End::Finished;
    }
    let complaint = said.lines().find_map(|line| line.strip_prefix(COMPLAINT));
    let last = said.lines().rev().find(|line| !line.trim().is_empty());
    let message = complaint.or(last).unwrap_or("it gave no reason");
    End::Failed(message.trim().to_owned())
}

/// In the child: tells the parent in one line what went wrong.
pub fn complain(message: &str) {
    let line: Vec<&str> = message.lines().map(str::trim).collect();
    eprintln!("{COMPLAINT}{}", line.join(" "));
}

/// In the child: makes panics speak to the parent.
pub fn complain_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        complain(panic.payload_as_str().unwrap_or("unknown panic"));
    }));
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn run(script: &str, limit: Duration) -> (Vec<String>, End) {
        let child = Command::new("sh")
            .args(["-c", script])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = Vec::new();
        let end = Child(child).lines(limit, &Stop::default(), |line| lines.push(line.to_owned()));
        (lines, end.unwrap())
    }

    #[test]
    fn what_a_child_said_before_it_crashed_is_kept() {
        let (lines, end) = run("echo one; kill -s SEGV $$", Duration::from_secs(20));
        assert_eq!(lines, ["one"]);
        assert_eq!(end, End::Crashed(11));
        assert_eq!(end.to_string(), "crashed: signal 11 (SIGSEGV)");
    }

    #[test]
    fn the_complaint_of_a_child_is_found_among_other_lines() {
        let script = "echo noise >&2; echo 'child: no card' >&2; echo more >&2; exit 3";
        let (_, end) = run(script, Duration::from_secs(20));
        assert_eq!(end, End::Failed("no card".to_owned()));
        let (_, end) = run(
            "echo 'first' >&2; echo last >&2; exit 3",
            Duration::from_secs(20),
        );
        assert_eq!(end, End::Failed("last".to_owned()));
    }

    #[test]
    fn a_child_that_hangs_is_ended() {
        let (lines, end) = run("echo one; exec sleep 60", Duration::from_secs(1));
        assert_eq!(lines, ["one"]);
        assert_eq!(end.to_string(), "no answer within 1 s");
    }

    #[test]
    fn a_child_is_ended_when_the_user_stops() {
        let child = Command::new("sleep")
            .arg("60")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stop = Stop::default();
        stop.raise();
        let started = Instant::now();
        let end = Child(child).lines(Duration::from_secs(60), &stop, |_| {});
        assert!(end.unwrap_err().is::<crate::stop::Stopped>());
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_child_that_does_its_work_finishes() {
        let (lines, end) = run("echo one; echo two", Duration::from_secs(20));
        assert_eq!(lines, ["one", "two"]);
        assert_eq!(end, End::Finished);
    }
}
