//! What a process uses, as Linux tells it under /proc.
use anyhow::Context as _;
use std::time::Duration;

/// Linux counts processor time for user space in hundredths of a second on every architecture (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// What a process uses at a moment.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// Resident memory, KiB.
    pub resident_kib: f64,
    /// Open file handles.
    pub handles: f64,
    /// Threads.
    pub threads: f64,
    /// Processor time since its start, all threads.
    pub cpu: Duration,
}

/// Looks at a process.
///
/// # Errors
/// When it is gone.
pub fn of(pid: u32) -> anyhow::Result<Usage> {
    let status = read(pid, "status")?;
    let stat = read(pid, "stat")?;
    // The name in brackets may hold anything; what follows it does not.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|f| f.parse::<u32>().ok()).context("read the processor time");
    let handles = std::fs::read_dir(format!("/proc/{pid}/fd")).context("count open handles")?.count();
    Ok(Usage {
        resident_kib: line(&status, "VmRSS:")?,
        threads: line(&status, "Threads:")?,
        handles: f64::from(u32::try_from(handles)?),
        // Fields 14 and 15 of proc_pid_stat(5), counted from the third.
        cpu: TICK * (ticks(11)? + ticks(12)?),
    })
}

fn read(pid: u32, file: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(format!("/proc/{pid}/{file}")).context("look at the daemon's process")
}

fn line(status: &str, name: &str) -> anyhow::Result<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).context("read the process's status")?;
    line.split_whitespace().next().and_then(|n| n.parse().ok()).context("read the process's status")
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_process_uses_something() {
        let usage = super::of(std::process::id()).unwrap();
        assert!(usage.resident_kib > 1_000.0 && usage.handles >= 3.0 && usage.threads >= 1.0);
        assert!(super::of(u32::MAX).is_err());
    }
}
