//! What the process itself uses, as the kernel tells.
//!
//! Owns the moment at which the process began to count. Reads `/proc` only; where that is not mounted, nothing is told.
use super::text::Page;
use std::fs;
use std::sync::LazyLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The moment of the first look: `app` looks when it starts.
static STARTED: LazyLock<(Instant, f64)> = LazyLock::new(|| {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |passed| passed.as_secs_f64());
    (Instant::now(), since_1970)
});

/// Begins to count the time that the process is up; how many seconds that is by now.
pub fn uptime_seconds() -> f64 {
    STARTED.0.elapsed().as_secs_f64()
}

/// Resident memory in bytes.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kib: u64 =
        status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib * 1024)
}

/// Open file handles.
#[must_use]
pub fn open_handles() -> Option<u64> {
    // Without the one that reads the folder.
    Some((fs::read_dir("/proc/self/fd").ok()?.count() as u64).saturating_sub(1))
}

/// How many file handles may be open; `None` also when there is no limit.
#[must_use]
pub fn handle_limit() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    limits.lines().find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next())?.parse().ok()
}

/// Processor time used, in seconds.
#[must_use]
pub fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name comes second, in brackets, and may hold anything; what counts comes after the last bracket.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    // Linux tells it in hundredths of a second, whatever the kernel's own clock (proc_pid_stat(5), USER_HZ).
    Some((user + system) / 100.0)
}

/// Writes it all down.
pub fn write(page: &mut Page) {
    page.gauge("sekat_process_start_time_seconds", "When the process started, in seconds since 1970.", STARTED.1);
    page.gauge("sekat_process_uptime_seconds", "How long the process has been up.", uptime_seconds());
    if let Some(bytes) = resident_bytes() {
        page.gauge("sekat_process_resident_memory_bytes", "Resident memory of the process.", bytes);
    }
    if let Some(seconds) = cpu_seconds() {
        page.counter("sekat_process_cpu_seconds_total", "Processor time that the process has used.", seconds);
    }
    if let Some(open) = open_handles() {
        page.gauge("sekat_process_open_fds", "Open file handles.", open);
    }
    if let Some(limit) = handle_limit() {
        page.gauge("sekat_process_max_fds", "How many file handles may be open.", limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_all_of_it() {
        assert!(uptime_seconds() >= 0.0);
        assert!(resident_bytes().unwrap() > 1_000_000);
        assert!(open_handles().unwrap() >= 3);
        assert!(cpu_seconds().unwrap() >= 0.0);
        let mut page = Page::default();
        write(&mut page);
        assert!(page.into_text().contains("\nsekat_process_open_fds "));
    }
}
