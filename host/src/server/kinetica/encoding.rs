//! The three encodings, by what a request says its body is: Avro, Avro compressed by Snappy, JSON. Replies are the same envelope in all of them.

use axum::http::{HeaderMap, header};
use serde_json::json;

use crate::error::{Error, Result};

use super::avro;
use super::record::{Fields, Record, Sort};

/// Bytes of a request, unpacked. Ten thousand long names are less than half of it.
pub(super) const MOST_BYTES: usize = 1 << 20;

/// How a client writes, and wants to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Binary,
    Json,
    /// Requests only: a compressed reply breaks the client.
    Snappy,
}

/// What every reply is.
#[derive(Debug)]
pub(super) enum Envelope<'a> {
    /// The record's name, and the record.
    Ok(&'a str, &'a Record),
    Error(&'a str),
}

impl Encoding {
    /// The request's encoding; none where its body is of another type, or nothing says which.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let said = headers.get(header::CONTENT_TYPE).or_else(|| headers.get(header::ACCEPT))?.to_str().ok()?;
        let kind = said.split(';').next().unwrap_or_default().trim();
        let known = [
            ("application/octet-stream", Self::Binary),
            ("application/json", Self::Json),
            ("application/x-snappy", Self::Snappy),
        ];
        known.into_iter().find(|(name, _)| kind.eq_ignore_ascii_case(name)).map(|(_, encoding)| encoding)
    }

    /// What replies say they are.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Binary | Self::Snappy => "application/octet-stream",
        }
    }

    /// Reads a request of these fields.
    pub(super) fn read(self, fields: &[(&'static str, Sort)], body: &[u8]) -> Result<Fields> {
        match self {
            Self::Binary => avro::read(fields, body),
            Self::Json => super::json::read(fields, body),
            Self::Snappy => avro::read(fields, &unpack(body)?),
        }
    }

    /// Writes a reply.
    pub(super) fn write(self, envelope: &Envelope<'_>) -> Vec<u8> {
        let (status, message, data_type, record) = match envelope {
            Envelope::Ok(name, record) => ("OK", "", *name, Some(*record)),
            Envelope::Error(message) => ("ERROR", *message, "none", None),
        };
        if self == Self::Json {
            let data_str = record.map(Record::to_json).unwrap_or_default();
            let envelope =
                json!({"status": status, "message": message, "data_type": data_type, "data": "", "data_str": data_str});
            return envelope.to_string().into_bytes();
        }
        let mut out = Vec::new();
        for text in [status, message, data_type] {
            avro::write_bytes(&mut out, text.as_bytes());
        }
        avro::write_bytes(&mut out, &record.map(avro::write).unwrap_or_default());
        avro::write_bytes(&mut out, b"");
        out
    }
}

/// Takes a block of Snappy apart. The length that it states is checked before anything is allocated for it.
fn unpack(body: &[u8]) -> Result<Vec<u8>> {
    let wrong = |error: snap::Error| Error::new("usage", format!("The request's body is no block of Snappy: {error}"));
    let length = snap::raw::decompress_len(body).map_err(wrong)?;
    if length > MOST_BYTES {
        let message = format!("The request's body would have {length} bytes and the limit is {MOST_BYTES}");
        return Err(Error::new("request.too_large", message));
    }
    snap::raw::Decoder::new().decompress_vec(body).map_err(wrong)
}
