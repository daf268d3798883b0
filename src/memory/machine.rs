//! What the system says of memory, on Linux; elsewhere nobody asks.

/// What this process has in memory, in bytes.
pub fn resident() -> Option<u64> {
    kilobytes(&std::fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")
}

/// What this process may have: the least of the machine's memory and the limits of its control groups, in bytes.
pub(super) fn total() -> Option<u64> {
    total_of(|path| std::fs::read_to_string(path).ok())
}

fn total_of(read: impl Fn(&str) -> Option<String>) -> Option<u64> {
    let machine = read("/proc/meminfo").and_then(|text| kilobytes(&text, "MemTotal:"));
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    let limits = groups.lines().filter_map(|line| {
        // `0::/a/b` for the second version of control groups, `7:memory:/a/b` for the first.
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            _ => return None,
        };
        // A group has no more than those around it. In a container the path may be that of the host, of which only the root is seen.
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        let of_group = |end| read(&format!("{root}{}/{file}", path[..end].trim_end_matches('/')));
        // Who has no limit says `max`, or a number that is beyond every machine.
        ends.filter_map(|end| of_group(end)?.trim().parse::<u64>().ok()).min()
    });
    limits.chain(machine).min()
}

/// The value of a line such as `VmRSS:   1024 kB`.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn machine(files: &[(&str, &str)]) -> Option<u64> {
        total_of(|path| files.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned()))
    }

    #[test]
    fn the_least_limit_counts() {
        let memory = ("/proc/meminfo", "MemTotal:       16777216 kB\nMemFree: 1 kB\n");
        let second = ("/proc/self/cgroup", "0::/user/app\n");
        let first = ("/proc/self/cgroup", "12:cpu:/app\n7:memory:/app\n");
        for (files, total) in [
            (&[][..], None),
            (&[memory], Some(16 * GIB)),
            (&[memory, second, ("/sys/fs/cgroup/user/app/memory.max", "max\n")], Some(16 * GIB)),
            (&[memory, second, ("/sys/fs/cgroup/user/app/memory.max", "1073741824\n")], Some(GIB)),
            (&[memory, second, ("/sys/fs/cgroup/user/memory.max", "1073741824\n")], Some(GIB)),
            // In a container the root is the container's own group.
            (&[memory, second, ("/sys/fs/cgroup/memory.max", "1073741824\n")], Some(GIB)),
            (&[memory, first, ("/sys/fs/cgroup/memory/app/memory.limit_in_bytes", "1073741824")], Some(GIB)),
            (
                &[memory, first, ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712")],
                Some(16 * GIB),
            ),
        ] {
            assert_eq!(machine(files), total, "{files:?}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_some() {
        let (resident, total) = (resident().unwrap(), total().unwrap());
        assert!(resident > 1 << 20 && resident < total, "{resident} of {total}");
    }
}
