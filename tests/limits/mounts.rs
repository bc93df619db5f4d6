//! Disks that are full and files that cannot be written, for tests that run as root too: mounts, taken away at the end.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) struct Mount {
    place: PathBuf,
}

#[allow(dead_code, reason = "Each test program uses what it needs")]
impl Mount {
    /// A disk in memory of that size at a new folder; the reason where mounting is not allowed.
    pub(crate) fn tmpfs(place: &Path, size: &str) -> Result<Self, String> {
        std::fs::create_dir(place).expect("a folder");
        mount(&["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"], place)?;
        Ok(Self { place: place.to_owned() })
    }

    /// Makes a file or a folder read-only, for root too.
    pub(crate) fn read_only(place: &Path) -> Result<Self, String> {
        let text = place.to_str().expect("UTF-8");
        mount(&["--bind", text], place)?;
        let made = Self { place: place.to_owned() };
        mount(&["-o", "remount,ro,bind"], place)?;
        Ok(made)
    }

    /// Takes all the space that is left.
    pub(crate) fn fill(&self) {
        let mut file = File::create(self.place.join("filler")).expect("a file");
        for piece in [1 << 20, 4 << 10, 1] {
            let bytes = vec![0; piece];
            while file.write_all(&bytes).is_ok() {}
        }
    }

    /// Takes all but that many bytes.
    pub(crate) fn leave(&self, bytes: u64) {
        self.fill();
        let file = File::options().write(true).open(self.place.join("filler")).expect("a file");
        let taken = file.metadata().expect("a file").len();
        file.set_len(taken.saturating_sub(bytes)).expect("a shorter file");
    }

    /// Gives it back.
    pub(crate) fn make_room(&self) {
        std::fs::remove_file(self.place.join("filler")).expect("removed");
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: what still runs in it must not make the folder's removal fail.
        let _ = Command::new("umount").arg("-l").arg(&self.place).status();
    }
}

fn mount(arguments: &[&str], place: &Path) -> Result<(), String> {
    let output =
        Command::new("mount").args(arguments).arg(place).output().map_err(|error| format!("no mount: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("mounting is not allowed here: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
