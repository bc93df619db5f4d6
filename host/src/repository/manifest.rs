//! What a repository must know of a manifest: the payloads that it names, and which snapshot it says it is.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::{Error, Result};

use super::Contents;

/// Bytes that a manifest may have where nobody says otherwise.
pub(super) const LIMIT: u64 = 1 << 30;
/// Smaller and slower than payloads: a manifest is read whole, and often.
const LEVEL: i32 = 6;

#[derive(Deserialize)]
struct Manifest {
    objects: Vec<Object>,
}

#[derive(Deserialize)]
struct Object {
    kind: String,
    schema: Option<String>,
    name: String,
    #[serde(default)]
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    path: String,
    bytes: u64,
    #[serde(default)]
    rows: Option<u64>,
}

#[derive(Deserialize)]
struct Entries {
    objects: Vec<EntriesOf>,
}

#[derive(Deserialize)]
struct EntriesOf {
    #[serde(default)]
    entries: Vec<Entry>,
}

/// The manifest with everything but the backup left as it is.
#[derive(Serialize, Deserialize)]
struct Identified {
    format: String,
    version: u32,
    backup: serde_json::Map<String, serde_json::Value>,
    objects: Box<RawValue>,
    totals: Box<RawValue>,
}

/// The payloads' paths and lengths, in order.
pub(super) fn payloads(manifest: &[u8]) -> Result<Vec<(String, u64)>> {
    let manifest: Entries = parse(manifest)?;
    let entries = manifest.objects.into_iter().flat_map(|object| object.entries);
    Ok(entries.map(|entry| (entry.path, entry.bytes)).collect())
}

pub(super) fn contents(manifest: &[u8]) -> Result<Vec<Contents>> {
    let manifest: Manifest = parse(manifest)?;
    let contents = |Object { kind, schema, name, entries }: Object| Contents {
        kind,
        name: schema.map_or_else(|| name.clone(), |schema| format!("{schema}.{name}")),
        rows: entries.iter().filter_map(|entry| entry.rows).reduce(u64::saturating_add),
        bytes: entries.iter().fold(0, |sum, entry| sum.saturating_add(entry.bytes)),
        files: entries.into_iter().map(|entry| entry.path).collect(),
    };
    Ok(manifest.objects.into_iter().map(contents).collect())
}

/// The same manifest for a snapshot of another id.
pub(super) fn with_id(manifest: &[u8], id: u64) -> Result<Vec<u8>> {
    let mut manifest: Identified = parse(manifest)?;
    manifest.backup.insert("id".to_owned(), id.to_string().into());
    super::document::write(&manifest)
}

fn parse<'a, T: Deserialize<'a>>(manifest: &'a [u8]) -> Result<T> {
    serde_json::from_slice(manifest).map_err(|error| {
        let reason: String = error.to_string().escape_debug().take(200).collect();
        Error::new("catalog.bad_manifest", format!("The snapshot's manifest cannot be understood: {reason}"))
    })
}

/// One of a snapshot's files, as it is stored.
pub(super) fn compress(bytes: &[u8]) -> Result<Vec<u8>> {
    let compress = || {
        let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
        compressor.include_checksum(true)?;
        compressor.compress(bytes)
    };
    compress().map_err(|error| Error::new("host.internal", format!("A manifest cannot be compressed: {error}")))
}

/// Takes such a file apart, up to `limit` bytes.
pub(super) fn decompress(bytes: &[u8], limit: u64, shown: &str) -> Result<Vec<u8>> {
    let bad = |reason: String| Error::new("repository.damaged", format!("{shown} is damaged: {reason}"));
    let size = zstd::zstd_safe::get_frame_content_size(bytes).ok().flatten();
    let size = size.ok_or_else(|| bad("it is no zstd frame that states its length".to_owned()))?;
    if size > limit {
        return Err(bad(format!("it would have {size} bytes and the limit is {limit}")));
    }
    // What is stated is not believed before it is there: memory grows with the content.
    let mut out = Vec::new();
    let mut decoder = zstd::Decoder::with_buffer(bytes).map_err(|error| bad(error.to_string()))?;
    std::io::Read::read_to_end(&mut std::io::Read::take(&mut decoder, size.saturating_add(1)), &mut out)
        .map_err(|error| bad(error.to_string()))?;
    if out.len() as u64 != size {
        return Err(bad("its length is not the one it states".to_owned()));
    }
    Ok(out)
}
