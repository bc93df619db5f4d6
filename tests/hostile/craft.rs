//! Takes an archive apart and puts it together again, changed.

use std::io::Read as _;

use reinstate::catalog::Digest;
use serde_json::{Value, json};

#[path = "../../host/src/archive/build.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "Shared with the unit tests of the reader")]
mod build;

pub(crate) use build::{Build, gzip, zstd};

/// The manifest, and the members that it names.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) manifest: Value,
    pub(crate) members: Vec<(String, Vec<u8>)>,
}

impl Parts {
    pub(crate) fn of(archive: &[u8]) -> Self {
        let mut parts = Self { manifest: Value::Null, members: Vec::new() };
        for member in tar::Archive::new(archive).entries().expect("a tar file") {
            let mut member = member.expect("a member");
            let path = member.path().expect("a path").to_str().expect("UTF-8").to_owned();
            let mut body = Vec::new();
            member.read_to_end(&mut body).expect("a body");
            match path.as_str() {
                "manifest.json" => parts.manifest = serde_json::from_slice(&body).expect("JSON"),
                "manifest.json.sha256" => {}
                _ => parts.members.push((path, body)),
            }
        }
        parts
    }

    /// The object of that kind and name, as the manifest spells it.
    pub(crate) fn object(&mut self, kind: &str, name: &str) -> &mut Value {
        let objects = self.manifest["objects"].as_array_mut().expect("objects");
        objects.iter_mut().find(|object| object["kind"] == kind && object["name"] == name).expect("the object")
    }

    /// The member that holds the object's first entry.
    pub(crate) fn member(&mut self, kind: &str, name: &str) -> &mut (String, Vec<u8>) {
        let path = self.object(kind, name)["entries"][0]["path"].clone();
        self.members.iter_mut().find(|(member, _)| path == *member).expect("the member")
    }

    /// Puts other bytes into the object's first entry, and tells the manifest.
    pub(crate) fn set_entry(&mut self, kind: &str, name: &str, bytes: &[u8], rows: u64) {
        self.member(kind, name).1 = ::zstd::bulk::compress(bytes, 3).expect("compressed");
        let entry = &mut self.object(kind, name)["entries"][0];
        entry["bytes"] = bytes.len().into();
        entry["rows"] = rows.into();
        entry["sha256"] = json!(Digest::of(bytes));
        self.add_up();
    }

    /// Makes the totals fit the entries again.
    pub(crate) fn add_up(&mut self) {
        let objects = self.manifest["objects"].as_array().expect("objects");
        let entries: Vec<&Value> = objects.iter().filter_map(|object| object["entries"].as_array()).flatten().collect();
        let sum = |what: &str| entries.iter().filter_map(|entry| entry[what].as_u64()).sum::<u64>();
        let totals = json!({
            "objects": objects.len(), "entries": entries.len(), "rows": sum("rows"), "bytes": sum("bytes"),
        });
        self.manifest["totals"] = totals;
    }

    /// Everything but the end blocks, with a digest that fits.
    pub(crate) fn open_end(&self) -> Build {
        self.with_manifest(self.manifest.to_string().as_bytes())
    }

    /// As [`Parts::open_end`], with a manifest of these bytes.
    pub(crate) fn with_manifest(&self, manifest: &[u8]) -> Build {
        let sum = format!("{}  manifest.json\n", Digest::of(manifest));
        let build = Build::default().file("manifest.json", manifest).file("manifest.json.sha256", sum.as_bytes());
        self.members.iter().fold(build, |build, (path, body)| build.file(path, body))
    }

    /// The archive.
    pub(crate) fn made(&self) -> Vec<u8> {
        self.open_end().end()
    }
}

/// A zstd frame that asks its reader for 128 MiB of memory.
pub(crate) fn wide(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ::zstd::Encoder::new(Vec::new(), 3).expect("an encoder");
    encoder.window_log(27).expect("a window");
    std::io::Write::write_all(&mut encoder, bytes).expect("compressed");
    encoder.finish().expect("compressed")
}
