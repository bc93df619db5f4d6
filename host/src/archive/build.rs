//! Builds tar files for tests, byte by byte where need be.

use std::io::Write as _;

use tar::{EntryType, Header};

/// A tar file that is being built; what is asked for is written, however wrong.
#[derive(Default, Clone)]
pub(crate) struct Build(pub(crate) Vec<u8>);

impl Build {
    /// A regular file.
    pub(crate) fn file(self, name: &str, body: &[u8]) -> Self {
        self.raw(name.as_bytes(), EntryType::Regular, body, |_| {})
    }

    /// A member of any type; `change` has the last word on its header, before the checksum.
    pub(crate) fn raw(self, name: &[u8], sort: EntryType, body: &[u8], change: impl Fn(&mut Header)) -> Self {
        self.unsummed(name, sort, body, |header| {
            change(header);
            header.set_cksum();
        })
    }

    /// As [`Build::raw`], without a checksum.
    pub(crate) fn unsummed(mut self, name: &[u8], sort: EntryType, body: &[u8], change: impl Fn(&mut Header)) -> Self {
        let mut header = Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_entry_type(sort);
        header.set_size(body.len() as u64);
        header.set_mode(0o644);
        change(&mut header);
        self.0.extend_from_slice(header.as_bytes());
        self.body(body)
    }

    /// A body and its padding.
    pub(crate) fn body(mut self, body: &[u8]) -> Self {
        self.0.extend_from_slice(body);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    /// A PAX header with these records.
    pub(crate) fn pax(self, records: &[(&str, &str)]) -> Self {
        let body: String = records.iter().map(|(key, value)| record(key, value)).collect();
        self.raw(b"PaxHeaders/x", EntryType::XHeader, body.as_bytes(), |_| {})
    }

    /// The end blocks.
    pub(crate) fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&[0; 1024]);
        self.0
    }
}

fn record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let length = (rest..).find(|length| length - rest == length.to_string().len()).unwrap();
    format!("{length} {key}={value}\n")
}

/// Compressed with gzip, as several members.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let (first, second) = bytes.split_at(bytes.len() / 2);
    for part in [first, second] {
        let mut encoder = flate2::write::GzEncoder::new(&mut out, flate2::Compression::fast());
        encoder.write_all(part).unwrap();
        encoder.finish().unwrap();
    }
    out
}

/// Compressed with zstd, as several frames with checksums.
pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let (first, second) = bytes.split_at(bytes.len() / 2);
    for part in [first, second] {
        let mut encoder = zstd::Encoder::new(&mut out, 1).unwrap();
        encoder.include_checksum(true).unwrap();
        encoder.write_all(part).unwrap();
        encoder.finish().unwrap();
    }
    out
}
