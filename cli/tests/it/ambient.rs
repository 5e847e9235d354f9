//! The binary, run as a user runs it, in a folder of its own.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long anything may take; a loaded machine is slow, a broken one is stuck.
pub(crate) const BOUND: Duration = Duration::from_secs(90);

/// A folder for data and repositories. Whatever still runs in it when a test ends is ended.
pub(crate) struct World {
    folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// `ambient` with a clean environment.
    pub(crate) fn ambient(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ambient"));
        command
            .args(arguments)
            .env_remove("ANTHROPIC_API_KEY")
            .env_remove("GEMINI_API_KEY")
            .env_remove("OPENAI_API_KEY")
            .env("HOME", self.folder.path());
        command.env("USER", "tester").stdin(Stdio::null());
        command
    }

    /// `ambient demo --once -o json` in this world, with more arguments.
    pub(crate) fn demo(&self, more: &[&str]) -> Output {
        let data = self.path("demo");
        let mut arguments = vec!["demo", "--once", "-o", "json", "--listen", "127.0.0.1:0", "--data-dir"];
        arguments.push(data.to_str().unwrap());
        arguments.extend(more);
        self.ambient(&arguments).output().unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for pid in processes_in(self.folder.path()) {
            // One that has ended meanwhile needs no signal.
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

/// A running `ambient up`.
pub(crate) struct Up {
    child: Child,
    lines: mpsc::Receiver<String>,
    seen: Vec<String>,
}

impl Up {
    pub(crate) fn start(world: &World, repository: &Path) -> Self {
        Self::start_with(world, repository, &[])
    }

    /// With arguments before those of `up`.
    pub(crate) fn start_with(world: &World, repository: &Path, first: &[&str]) -> Self {
        Self::start_between(world, repository, first, &[])
    }

    /// With more arguments of `up`.
    pub(crate) fn start_telling(world: &World, repository: &Path, more: &[&str]) -> Self {
        Self::start_between(world, repository, &[], more)
    }

    fn start_between(world: &World, repository: &Path, first: &[&str], more: &[&str]) -> Self {
        let data = world.path("data");
        let usual = ["--repo", repository.to_str().unwrap(), "--listen", "127.0.0.1:0", "--data-dir"];
        let mut command = world.ambient(&[first, &["up"], more, &usual].concat());
        let mut child = command.arg(data).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            stderr.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        let mut up = Self { child, lines, seen: Vec::new() };
        up.wait_for_line("Ctrl-C ends");
        up
    }

    /// Waits until it has said something.
    pub(crate) fn wait_for_line(&mut self, part: &str) -> String {
        loop {
            match self.lines.recv_timeout(BOUND) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(part) {
                        return line;
                    }
                }
                Err(error) => panic!("\"{part}\" was not said ({error}):\n{}", self.seen.join("\n")),
            }
        }
    }

    /// A line that it has said already.
    pub(crate) fn said(&self, part: &str) -> &str {
        self.seen.iter().find(|line| line.contains(part)).unwrap()
    }

    /// Everything it says, to its end.
    pub(crate) fn all_lines(mut self) -> Vec<String> {
        self.seen.extend(self.lines.iter());
        std::mem::take(&mut self.seen)
    }

    pub(crate) fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).unwrap();
    }

    pub(crate) fn wait(mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something is there.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < BOUND, "{what} did not come within {BOUND:?}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Processes whose command line or environment names a folder.
pub(crate) fn processes_in(folder: &Path) -> Vec<i32> {
    let needle = folder.to_str().unwrap().as_bytes().to_vec();
    let holds = |pid: i32, file: &str| {
        let content = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        content.windows(needle.len()).any(|window| window == needle)
    };
    let own = std::process::id().cast_signed();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| *pid != own && (holds(*pid, "cmdline") || holds(*pid, "environ"))).collect()
}

/// Runs git and gives what it says.
pub(crate) fn git(path: &Path, arguments: &[&str]) -> String {
    try_git(path, arguments).unwrap_or_else(|error| panic!("git {arguments:?}: {error}"))
}

/// Runs git; what it complains of is the error.
pub(crate) fn try_git(path: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("git")
        .args(["-c", "user.name=T", "-c", "user.email=t@example.com"])
        .args(arguments)
        .current_dir(path)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout).unwrap().trim_end().to_owned());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}
