//! How much memory this process has had.

/// The most resident memory that this process ever had, in KiB, as Linux counts it; `None` elsewhere.
///
/// Unlike what `wait4` tells a parent, it does not count what the parent had before the program was started.
pub fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
