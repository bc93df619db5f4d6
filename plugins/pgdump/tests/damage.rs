//! Damaged dumps: nothing panics, and no length that an archive states makes memory be taken for it.

use std::path::{Path, PathBuf};

use reinstate_pgdump::PgDump;
use reinstate_plugin::{Layout, MemoryArchive};

/// What reading a small archive may take, whatever it says.
const MOST_MEMORY: u64 = 64 << 20;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/pg").join(name)
}

fn read_all(bytes: Vec<u8>) {
    let archive = MemoryArchive(vec![("x.dump".to_owned(), bytes)]);
    let _ = PgDump::recognise(&archive);
    if let Ok((mut dump, _)) = PgDump::open(&archive) {
        while dump.objects(&archive).is_ok_and(|page| !page.is_empty()) {}
    }
}

/// The most memory that this process had at any time; nothing where the system does not tell.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}

/// One test, because it watches the memory of the whole process.
#[test]
fn damage_is_survived_in_little_memory() {
    let archive = std::fs::read(data("torture.pg18.schema-only.dump")).unwrap();
    let script = std::fs::read(data("globals.pg18.sql")).unwrap();
    read_all(archive.clone());
    let before = peak();
    // A prime step meets every sort of field; the smaller archives of the unit tests are damaged at every byte.
    for at in (0..archive.len()).step_by(31) {
        let mut bad = archive.clone();
        bad[at] ^= 0xff;
        read_all(bad);
    }
    for at in (0..archive.len()).step_by(257) {
        read_all(archive[..at].to_vec());
    }
    for at in 0..script.len() {
        read_all(script[..at].to_vec());
        let mut bad = script.clone();
        bad[at] ^= 0x15;
        read_all(bad);
    }
    if let (Some(before), Some(after)) = (before, peak()) {
        assert!(after - before < MOST_MEMORY, "{} MiB more", (after - before) >> 20);
    }
}
