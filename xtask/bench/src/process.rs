//! What the system knows of a process (proc_pid_stat(5), proc_pid_status(5)).

use std::{fs, time::Duration};

/// Ticks of `utime` and `stime`: USER_HZ, which Linux keeps at 100 towards programs, whatever the kernel counts in.
const TICKS_PER_SECOND: u32 = 100;

/// The CPU time of all threads of a process, in its own code and in the kernel's.
pub(crate) fn cpu(pid: &str) -> Result<Duration, String> {
    let stat = read(pid, "stat")?;
    parse_cpu(&stat).ok_or_else(|| format!("/proc/{pid}/stat has another shape than expected"))
}

fn parse_cpu(stat: &str) -> Option<Duration> {
    // The second field is the program's name in brackets, and may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let ticks: u32 = fields.next()?.parse::<u32>().ok()? + fields.next()?.parse::<u32>().ok()?;
    Some(Duration::from_secs(1) * ticks / TICKS_PER_SECOND)
}

/// The most memory that a process has had at once, bytes.
pub(crate) fn peak_memory(pid: &str) -> Result<u64, String> {
    let status = read(pid, "status")?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.map(|kib| kib * 1024).ok_or_else(|| format!("/proc/{pid}/status has another shape than expected"))
}

fn read(pid: &str, file: &str) -> Result<String, String> {
    fs::read_to_string(format!("/proc/{pid}/{file}")).map_err(|error| format!("the process {pid} can't be looked at: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_confuse() {
        let stat = "7 (a) b 1) S 1 7 7 0 -1 4194560 100 0 0 0 150 75 0 0 20 0 4 0 1000 1 1 1";
        assert_eq!(parse_cpu(stat), Some(Duration::from_millis(2250)));
        assert_eq!(parse_cpu("7 (a) S 1"), None);
    }

    #[test]
    fn this_process_has_some_memory() {
        assert!(peak_memory("self").expect("readable") > 100_000);
    }
}
