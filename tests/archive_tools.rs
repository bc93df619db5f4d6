//! Archives and everybody's tools: `tar`, `zstd` and `sha256sum` open ours, and we open what they make of them.
#![allow(clippy::unwrap_used, reason = "A test stops where something is not as it should be")]

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use reinstate::archive::{Archive, OpenOptions};
use reinstate::backup::Writer;
use reinstate::cancel::Cancel;
use reinstate::catalog::{self, Backup, Catalog, ObjectName};
use reinstate::source::Location;

/// Runs a shell command in the folder; its output, or `None` where a tool is missing.
fn shell(folder: &Path, command: &str) -> Option<String> {
    let output = Command::new("sh").args(["-c", command]).current_dir(folder).output().unwrap();
    if output.status.code() == Some(127) {
        return None;
    }
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

fn rows(count: u32) -> Vec<u8> {
    (0..count).flat_map(|n| format!("{n},{}\n", n.wrapping_mul(2_654_435_761)).into_bytes()).collect()
}

fn write(path: &Path) {
    let mut writer = Writer::create(path, false).unwrap();
    writer.object(ObjectName::new("table", Some("main"), "actor"), vec![]).unwrap();
    for content in [rows(300_000), rows(3), Vec::new(), vec![b'0'; 20 << 20]] {
        let mut entry = writer.entry("csv").unwrap();
        entry.write_all(&content).unwrap();
        entry.finish(None).unwrap();
    }
    let (name, id, created) = ("b".to_owned(), "1".to_owned(), "2024-01-01T00:00:00Z".to_owned());
    writer.finish(Backup { name, id, created, position: None, source: "x".into(), dialect: String::new() }).unwrap();
}

fn check(path: &Path) {
    let archive = Archive::open(&Location::Path(path.into()), &OpenOptions::default()).unwrap();
    let catalog = Catalog::read(&archive).unwrap();
    let bad = catalog::verify(&archive, &catalog, &mut |_| {}, &Cancel::default()).unwrap();
    assert!(bad.is_empty(), "{bad:?}");
}

#[test]
fn common_tools_open_an_archive() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(&folder.join("a.tar"));
    let Some(_) = shell(folder, "mkdir un && tar xf a.tar -C un") else { return };
    if let Some(told) = shell(&folder.join("un"), "sha256sum -c manifest.json.sha256") {
        assert_eq!(told, "manifest.json: OK\n");
    }
    check(&folder.join("un"));
    let entries = [rows(300_000), rows(3), Vec::new(), vec![b'0'; 20 << 20]];
    for (number, content) in entries.into_iter().enumerate() {
        let path = format!("data/000001-actor/{number:06}.csv");
        let Some(_) = shell(&folder.join("un"), &format!("zstd -q -d {path}.zst -o ../content --force")) else {
            return;
        };
        assert!(std::fs::read(folder.join("content")).unwrap() == content, "{path}");
    }
}

#[test]
fn archives_that_common_tools_packed_again_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(&folder.join("a.tar"));
    let commands = [
        "gzip -k a.tar && cp a.tar.gz again",
        "cat a.tar | gzip -1 > again",
        "(head -c 100000 a.tar | gzip; tail -c +100001 a.tar | gzip) > again",
        "zstd -q -19 a.tar -o again",
        "zstd -q a.tar -o again --check -1",
        "mkdir un && tar xf a.tar -C un && tar cf again -C un .",
        "tar xf a.tar && tar czf again --format=posix manifest.json manifest.json.sha256 data",
        "tar xf a.tar && tar cf again --format=ustar data manifest.json manifest.json.sha256",
        "tar xf a.tar && tar cf again --format=gnu manifest.json manifest.json.sha256 data",
    ];
    for command in commands {
        let Some(_) = shell(folder, &format!("rm -rf un again *.gz && {command}")) else { continue };
        check(&folder.join("again"));
    }
}
