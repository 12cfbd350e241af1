//! A process that outlives us: which one it is, whether it still runs, and how it is stopped.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde::{Deserialize, Serialize};

/// How often a process is looked at while it stops.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A process, told apart from a later one with the same number by when it started. It leads a process group of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// The number, which the system gives to another process in time.
    pub pid: i32,
    /// When it started, in the system's own words: compared, never read.
    pub started: String,
}

impl Process {
    /// The running process with this number; `None` when there is none.
    pub fn running(pid: i32) -> Option<Self> {
        start_of(pid).map(|started| Self { pid, started })
    }

    /// What it started and what those started, in whatever groups: its children first. Asked before it ends: whoever has no
    /// parent any more is found by nobody.
    pub fn descendants(&self) -> Vec<Self> {
        let all = parents();
        let mut found = vec![self.pid];
        let mut next = 0;
        while next < found.len() {
            let children = all.iter().filter(|(_, parent)| *parent == found[next]).map(|(pid, _)| *pid);
            let children: Vec<i32> = children.filter(|pid| !found.contains(pid)).collect();
            found.extend(children);
            next += 1;
        }
        found[1..].iter().filter_map(|pid| Self::running(*pid)).collect()
    }

    /// Whether this very process still runs. A zombie does not.
    pub fn is_alive(&self) -> bool {
        start_of(self.pid).is_some_and(|started| started == self.started)
    }

    /// Stops the process and what it started: asks it to end, waits, and forces what is left of its group after
    /// `patience`. Does nothing when it has ended already, even if another process has its number now.
    ///
    /// # Errors
    /// When the process is not ours to stop or survives even being killed.
    pub fn stop(&self, patience: Duration) -> Result<()> {
        if !self.is_alive() {
            return Ok(());
        }
        let pid = Pid::from_raw(self.pid).with_context(|| format!("{} is no process number", self.pid))?;
        // The leader alone at first: it stores its state and ends its children in order.
        gone_is_fine(kill_process(pid, Signal::TERM)).with_context(|| format!("cannot end process {}", self.pid))?;
        if self.ended_within(patience) {
            // A group's number is not given to a new process while a member lives: whoever is left is a child of ours.
            gone_is_fine(kill_process_group(pid, Signal::KILL))?;
            return Ok(());
        }
        gone_is_fine(kill_process_group(pid, Signal::KILL))
            .with_context(|| format!("cannot kill process {}", self.pid))?;
        if self.ended_within(Duration::from_secs(5)) {
            return Ok(());
        }
        bail!("process {} is still there after it was killed", self.pid)
    }

    fn ended_within(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while self.is_alive() {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        true
    }
}

/// A process or group that ended in the meantime is what was wanted. So is one that holds only a zombie, which some
/// systems answer with "not permitted".
fn gone_is_fine(result: Result<(), Errno>) -> io::Result<()> {
    match result {
        Ok(()) | Err(Errno::SRCH | Errno::PERM) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// When the process started; `None` when it does not run.
fn start_of(pid: i32) -> Option<String> {
    if Path::new("/proc/self/stat").exists() { start_in_proc(pid) } else { start_by_ps(pid) }
}

/// Every process with its parent.
fn parents() -> Vec<(i32, i32)> {
    if let Ok(processes) = fs::read_dir("/proc").and_then(|folder| folder.collect::<io::Result<Vec<_>>>())
        && Path::new("/proc/self/stat").exists()
    {
        let pids = processes.iter().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        return pids.filter_map(|pid| Some((pid, parent_in_proc(pid)?))).collect();
    }
    let Ok(output) = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output() else { return Vec::new() };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers = text.lines().filter_map(|line| line.trim().split_once(char::is_whitespace));
    numbers.filter_map(|(pid, parent)| Some((pid.parse().ok()?, parent.trim().parse().ok()?))).collect()
}

fn parent_in_proc(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Linux: clock ticks since boot, with the boot's own id because ticks begin anew.
fn start_in_proc(pid: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything; the fields that matter come after the last one.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let (state, ticks) = (fields.first()?, fields.get(19)?);
    if matches!(*state, "Z" | "X") {
        return None;
    }
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    Some(format!("{ticks} {}", boot.trim()))
}

/// Elsewhere: what `ps` says.
fn start_by_ps(pid: i32) -> Option<String> {
    let output = Command::new("ps").args(["-o", "stat=,lstart=", "-p", &pid.to_string()]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (state, start) = text.trim().split_once(char::is_whitespace)?;
    (!state.starts_with('Z')).then(|| start.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;

    use super::*;

    #[test]
    fn a_process_is_stopped_with_its_children() {
        // The shell ignores the polite signal, so both have to be killed.
        let mut shell = Command::new("sh");
        shell
            .args(["-c", "trap '' TERM; sleep 60 & echo $!; wait"])
            .process_group(0)
            .stdout(std::process::Stdio::piped());
        let mut child = shell.spawn().unwrap();
        let mut line = String::new();
        io::BufRead::read_line(&mut io::BufReader::new(child.stdout.as_mut().unwrap()), &mut line).unwrap();
        let grandchild = Process::running(line.trim().parse().unwrap()).unwrap();
        let process = Process::running(i32::try_from(child.id()).unwrap()).unwrap();
        process.stop(Duration::from_millis(200)).unwrap();
        assert!(!process.is_alive());
        assert!(grandchild.ended_within(Duration::from_secs(2)));
        child.wait().unwrap();
    }

    #[test]
    fn another_process_with_the_same_number_is_left_alone() {
        let mut child = Command::new("sleep").arg("60").process_group(0).spawn().unwrap();
        let process = Process::running(i32::try_from(child.id()).unwrap()).unwrap();
        let recycled = Process { started: "another time".into(), ..process.clone() };
        assert!(!recycled.is_alive());
        recycled.stop(Duration::from_millis(50)).unwrap();
        assert!(process.is_alive());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!process.is_alive());
    }
}
