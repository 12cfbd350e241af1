//! A run of the built `filas` under a bound of its memory, with its time and its peak.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a run may take before it counts as hanging.
const HANG: Duration = Duration::from_secs(10);

/// What became of a run.
#[derive(Debug)]
pub struct Measured {
    /// The exit code; none after a signal.
    pub code: Option<i32>,
    pub stdout_bytes: u64,
    pub stderr: String,
    pub time: Duration,
    /// The most memory that it, or a process that it started, ever had at once.
    pub peak_bytes: u64,
}

/// Runs `filas cat` on a file, with memory for data of at most `megabytes`: for itself, and for each process it starts.
#[expect(clippy::zombie_processes, reason = "it is reaped by `ended`, which clippy does not see")]
pub fn cat(path: &Path, megabytes: u64) -> Measured {
    let [stdout, mut stderr] = [(); 2].map(|()| tempfile::tempfile().unwrap());
    forget_peak();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &format!("ulimit -d {} && exec \"$0\" cat \"$1\"", megabytes << 10)]);
    command.arg(env!("CARGO_BIN_EXE_filas")).arg(path);
    command.stdin(Stdio::null()).stdout(stdout.try_clone().unwrap()).stderr(stderr.try_clone().unwrap());
    let begun = Instant::now();
    let mut child = command.spawn().unwrap();
    loop {
        if let Some((status, peak_bytes)) = ended(child.id()) {
            let time = begun.elapsed();
            let mut said = String::new();
            stderr.rewind().unwrap();
            stderr.read_to_string(&mut said).unwrap();
            let code = libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status));
            return Measured { code, stdout_bytes: stdout.metadata().unwrap().len(), stderr: said, time, peak_bytes };
        }
        if begun.elapsed() > HANG {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{} still runs after {HANG:?}", path.display());
        }
        sleep(Duration::from_millis(1));
    }
}

/// Status and peak of a child once it has ended; it is then reaped.
#[expect(unsafe_code, reason = "no safe interface to wait4 is among our dependencies")]
fn ended(id: u32) -> Option<(i32, u64)> {
    let id = libc::pid_t::try_from(id).unwrap();
    let mut status = 0;
    // SAFETY: all zeros is a valid value of this structure of numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live variables of the right types, and the call keeps neither.
    let found = unsafe { libc::wait4(id, &raw mut status, libc::WNOHANG, &raw mut usage) };
    assert!(found >= 0, "{}", std::io::Error::last_os_error());
    // Linux counts kilobytes.
    (found == id).then(|| (status, u64::try_from(usage.ru_maxrss).unwrap() << 10))
}

/// A child begins in the memory of its parent, whose peak counts as its own: what is not needed is given back, and the
/// peak forgotten. Where that cannot be done the numbers are larger, never smaller.
fn forget_peak() {
    #[cfg(target_env = "gnu")]
    #[expect(unsafe_code, reason = "there is no safe interface to malloc_trim")]
    // SAFETY: it has no condition; what is in use stays.
    unsafe {
        libc::malloc_trim(0);
    }
    let reset = File::options().write(true).open("/proc/self/clear_refs").and_then(|mut file| file.write_all(b"5"));
    reset.ok();
}
