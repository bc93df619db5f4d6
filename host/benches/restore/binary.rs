//! Runs the real binary, and others' tools, with a clock and an eye on the memory.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::data;

/// How often a running process is looked at. The peak is the system's own, so only what it grows in its last moment is missed.
const LOOK: Duration = Duration::from_millis(2);

pub(crate) struct Binary {
    folder: PathBuf,
}

pub(crate) struct Run {
    pub(crate) seconds: f64,
    /// The largest resident set.
    pub(crate) peak_bytes: u64,
}

impl Binary {
    /// A binary whose caches and states are in this folder.
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    pub(crate) fn restore(&self, archive: &Path, target: &Path) -> Run {
        self.run(&[Path::new("restore").as_os_str(), archive.as_os_str()], target)
    }

    pub(crate) fn plan(&self, archive: &Path, target: &Path) -> Run {
        let plan = self.folder.join("plan.json");
        let arguments = ["plan".as_ref(), archive.as_os_str(), "-o".as_ref(), plan.as_os_str()];
        self.run(&arguments, target)
    }

    fn run(&self, arguments: &[&std::ffi::OsStr], target: &Path) -> Run {
        let mut into = std::ffi::OsString::from("sqlite:");
        into.push(target);
        let started = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_reinstate"))
            .args(arguments)
            .arg("--into")
            .arg(into)
            .env("HOME", &self.folder)
            .env("XDG_CACHE_HOME", self.folder.join("cache"))
            .env("XDG_STATE_HOME", self.folder.join("state"))
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        watch(child, started)
    }
}

fn watch(mut child: Child, started: Instant) -> Run {
    let status = format!("/proc/{}/status", child.id());
    let mut peak_bytes = 0;
    loop {
        if let Some(ended) = child.try_wait().unwrap() {
            let seconds = started.elapsed().as_secs_f64();
            let said = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
            assert!(ended.success(), "{said}");
            return Run { seconds, peak_bytes };
        }
        peak_bytes = peak_bytes.max(high_water(&status).unwrap_or(0));
        std::thread::sleep(LOOK);
    }
}

fn high_water(status: &str) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// `sqlite3`'s own import into a new file, in seconds; `None` where there is no `sqlite3`.
pub(crate) fn sqlite_import(target: &Path, definition: &str, csv: &Path) -> Option<f64> {
    data::remove(target);
    let started = Instant::now();
    let mut child = Command::new("sqlite3").arg(target).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().ok()?;
    let script = format!("{definition};\n.mode csv\n.import --skip 1 '{}' {}\n", csv.display(), data::TABLE);
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    Some(started.elapsed().as_secs_f64())
}
