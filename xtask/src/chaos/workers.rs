//! The processes of a stack's functions, to be killed.

use std::fs;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

/// The processes that run a function of the stack, on the local cloud at `endpoint` and no other. Needs the `/proc` of
/// Linux; elsewhere there are none.
pub fn of(endpoint: &str, stack: &str, function: &str) -> Vec<Pid> {
    let name = format!("AWS_LAMBDA_FUNCTION_NAME={stack}-{function}");
    let cloud = format!("AWS_ENDPOINT_URL={endpoint}");
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    processes
        .flatten()
        .filter_map(|process| process.file_name().to_str()?.parse().ok())
        .filter(|pid: &i32| {
            // A process may end while it is looked at.
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let has = |wanted: &str| environment.split(|byte| *byte == 0).any(|entry| entry == wanted.as_bytes());
            has(&name) && has(&cloud)
        })
        .filter_map(Pid::from_raw)
        .collect()
}

/// Ends a process at once, as a machine that loses its power would.
///
/// # Errors
/// When it is gone already.
pub fn kill(process: Pid) -> Result<()> {
    kill_process(process, Signal::KILL).context("cannot kill a worker")
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Child, Command};

    use super::*;

    fn worker(endpoint: &str, function: &str) -> Child {
        Command::new("sleep")
            .arg("60")
            .env("AWS_ENDPOINT_URL", endpoint)
            .env("AWS_LAMBDA_FUNCTION_NAME", function)
            .spawn()
            .unwrap()
    }

    #[test]
    fn only_the_processes_of_that_function_on_that_cloud_are_killed() {
        let here = format!("http://here.invalid:{}", std::process::id());
        let mut wanted = worker(&here, "chaos-split");
        let mut others = [worker(&here, "chaos-split-2"), worker("http://there.invalid", "chaos-split")];
        // The environment is visible once the program is loaded, a moment after the process exists.
        let found = std::iter::repeat_with(|| of(&here, "chaos", "split"))
            .take(10_000)
            .find(|found| !found.is_empty())
            .unwrap_or_default();
        assert_eq!(found, [Pid::from_child(&wanted)]);
        found.into_iter().for_each(|process| kill(process).unwrap());
        assert_eq!(wanted.wait().unwrap().signal(), Some(9));
        for other in &mut others {
            assert!(other.try_wait().unwrap().is_none(), "another worker was killed");
            other.kill().unwrap();
            other.wait().unwrap();
        }
    }
}
