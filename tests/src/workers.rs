//! The processes of a stack's functions, to be killed.

use std::fs;

use anyhow::Result;
use rustix::process::{Pid, Signal, kill_process};

use crate::Stack;

/// The processes that run a function of the stack, on the cloud that is tested and no other.
pub fn of(stack: &Stack, function: &str) -> Vec<Pid> {
    let name = format!("AWS_LAMBDA_FUNCTION_NAME={}-{function}", stack.name);
    let cloud = format!("AWS_ENDPOINT_URL={}", std::env::var("AWS_ENDPOINT_URL").unwrap_or_default());
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
    Ok(kill_process(process, Signal::KILL)?)
}
