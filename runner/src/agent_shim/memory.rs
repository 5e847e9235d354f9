//! Whether the system has killed a process of this container for memory.

use std::fs;
use std::path::{Path, PathBuf};

/// Where control groups are, by the system's convention (cgroups(7)).
const GROUPS: &str = "/sys/fs/cgroup";
/// The counter of a group: cgroup v2, and v1.
const COUNTERS: [&str; 2] = ["memory.events", "memory.oom_control"];

/// How many processes were killed up to now; none where the system does not tell.
pub(super) fn kills() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    counters(&groups).into_iter().find_map(|path| parse(&fs::read_to_string(path).ok()?))
}

/// Where the counter may be: in our own group, as `/proc/self/cgroup` names it; or, seen from within a container, at the
/// top, which is then its group's.
fn counters(groups: &str) -> Vec<PathBuf> {
    let [v2, v1] = COUNTERS;
    let fields = groups.lines().filter_map(|line| {
        let (_, rest) = line.split_once(':')?;
        rest.split_once(':')
    });
    let own = fields.filter_map(|(controllers, path)| {
        let path = path.trim_start_matches('/');
        match controllers {
            "" => Some(Path::new(GROUPS).join(path).join(v2)),
            _ if controllers.split(',').any(|one| one == "memory") => {
                Some(Path::new(GROUPS).join("memory").join(path).join(v1))
            }
            _ => None,
        }
    });
    own.chain([Path::new(GROUPS).join(v2), Path::new(GROUPS).join("memory").join(v1)]).collect()
}

/// Both files have lines of a name and a number; the name is the same (cgroups(7), memory.txt of the kernel).
fn parse(text: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix("oom_kill "))?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_counters() {
        let cases = [
            ("low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n", Some(2)),
            ("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n", Some(1)),
            ("oom_kill_disable 0\nunder_oom 0\n", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn the_counter_is_that_of_the_own_group() {
        let top = ["/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"];
        let cases: [(&str, &[&str]); 4] = [
            ("", &[]),
            ("0::/\n", &["/sys/fs/cgroup/memory.events"]),
            ("0::/user/a\n", &["/sys/fs/cgroup/user/a/memory.events"]),
            (
                "5:cpu,memory:/pod\n4:name=systemd:/x\n0::/\n",
                &["/sys/fs/cgroup/memory/pod/memory.oom_control", "/sys/fs/cgroup/memory.events"],
            ),
        ];
        for (groups, own) in cases {
            let expected: Vec<_> = own.iter().chain(&top).map(PathBuf::from).collect();
            assert_eq!(counters(groups), expected, "{groups}");
        }
    }
}
