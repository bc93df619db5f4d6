//! What a request brings: bodies, queries, paths and keys, each refused with a stable code where it cannot be understood.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use futures_util::StreamExt as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::server::Server;
use crate::server::config::Limits;
use crate::server::problem::Problem;

/// The header by which a start is recognised when it comes again.
pub(super) const KEY: &str = "Idempotency-Key";
/// Characters of such a key.
const LONGEST_KEY: usize = 255;
/// For how long a body that is too large is read and forgotten.
const LINGER: Duration = Duration::from_secs(2);

/// A body of JSON, and the digest of the whole request.
pub(super) struct Sent<T> {
    pub(super) value: T,
    pub(super) digest: String,
}

/// What a body of JSON may be.
pub(super) trait Content: DeserializeOwned {
    /// Its most bytes.
    fn most(limits: &Limits) -> usize {
        limits.body_bytes
    }
}

/// A body that says nothing: none at all, or `{}`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

impl Content for Nothing {}

impl<T: Content> FromRequest<Arc<Server>> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, server: &Arc<Server>) -> std::result::Result<Self, Problem> {
        let limits = &server.config.limits;
        let (parts, body) = request.into_parts();
        let mut pieces = Pieces::new(&parts.headers, body, T::most(limits) as u64, limits.idle_seconds).await?;
        let mut bytes = Vec::new();
        while let Some(piece) = pieces.next().await? {
            bytes.extend_from_slice(&piece);
        }
        let digest = digest(&parts, &bytes);
        if bytes.is_empty() {
            bytes.extend(b"{}");
        } else {
            check_type(&parts.headers)?;
        }
        let value = serde_json::from_slice(&bytes).map_err(|error| not_understood("body", &error))?;
        Ok(Self { value, digest })
    }
}

/// SHA-256 of the method, the path and the body.
fn digest(parts: &Parts, body: &[u8]) -> String {
    let mut digest = Sha256::new();
    digest.update(format!("{} {}\n", parts.method, parts.uri.path()));
    digest.update(body);
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn check_type(headers: &HeaderMap) -> Result<()> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json")) {
        return Ok(());
    }
    let given: String = given.escape_debug().take(100).collect();
    Err(Error::new("request.bad_media_type", format!("The body is `{given}`; send application/json")))
}

/// Says what is wrong, cut where a client could make it long.
fn not_understood(what: &str, why: &dyn std::fmt::Display) -> Error {
    let why: String = why.to_string().escape_debug().take(300).collect();
    Error::new("usage", format!("The {what} cannot be understood: {why}"))
}

/// A body, piece by piece, each of which must come in time.
pub(super) struct Pieces {
    stream: BodyDataStream,
    idle: Duration,
    left: u64,
    limit: u64,
}

impl Pieces {
    /// Fails with `request.too_large` where the request says itself that it is.
    pub(super) async fn new(headers: &HeaderMap, body: Body, limit: u64, idle_seconds: u64) -> Result<Self> {
        let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        let mut pieces =
            Self { stream: body.into_data_stream(), idle: Duration::from_secs(idle_seconds), left: limit, limit };
        if length.is_some_and(|length| length > limit) {
            // Who waits to be told to send has not begun to.
            if !headers.contains_key(header::EXPECT) {
                pieces.linger().await;
            }
            return Err(too_large(limit));
        }
        Ok(pieces)
    }

    /// The next piece; none at the end. Fails with `request.timeout` and `request.too_large`.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>> {
        let slow = |_| Error::new("request.timeout", "The next piece of the body did not come in time");
        let Some(piece) = tokio::time::timeout(self.idle, self.stream.next()).await.map_err(slow)? else {
            return Ok(None);
        };
        let piece = piece.map_err(|error| not_understood("body", &error))?;
        let Some(left) = self.left.checked_sub(piece.len() as u64) else {
            self.linger().await;
            return Err(too_large(self.limit));
        };
        self.left = left;
        Ok(Some(piece))
    }

    /// Reads on for a moment and forgets it: a client that is cut off while it sends does not read why.
    async fn linger(&mut self) {
        let rest = async { while let Some(Ok(_)) = self.stream.next().await {} };
        let _ = tokio::time::timeout(LINGER, rest).await;
    }
}

fn too_large(limit: u64) -> Error {
    Error::new("request.too_large", format!("The body is larger than {} allows", crate::text::bytes(limit)))
}

/// What stands behind the question mark.
pub(super) struct Asks<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Arc<Server>> for Asks<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Server>) -> std::result::Result<Self, Problem> {
        let query = Query::<T>::try_from_uri(&parts.uri);
        Ok(Self(query.map_err(|error| not_understood("query", &error.body_text()))?.0))
    }
}

/// The names in a path.
pub(super) struct At<T>(pub(super) T);

impl<T: DeserializeOwned + Send + 'static> FromRequestParts<Arc<Server>> for At<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> std::result::Result<Self, Problem> {
        let found = Path::<T>::from_request_parts(parts, server).await;
        Ok(Self(found.map_err(|error| not_understood("path", &error.body_text()))?.0))
    }
}

/// What a start is recognised by when it comes again, where the client says something.
pub(super) struct Key(pub(super) Option<String>);

impl FromRequestParts<Arc<Server>> for Key {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Server>) -> std::result::Result<Self, Problem> {
        let Some(value) = parts.headers.get(KEY) else { return Ok(Self(None)) };
        let key = value.to_str().unwrap_or_default().trim();
        if key.is_empty() || key.len() > LONGEST_KEY {
            return Err(Error::new("usage", format!("{KEY} is 1 to {LONGEST_KEY} characters of ASCII")).into());
        }
        Ok(Self(Some(key.to_owned())))
    }
}

/// How many of a list are given: 1 to 1000.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "u32")]
pub(super) struct Limit(pub(super) u32);

impl Default for Limit {
    fn default() -> Self {
        Self(100)
    }
}

impl TryFrom<u32> for Limit {
    type Error = &'static str;

    fn try_from(limit: u32) -> std::result::Result<Self, Self::Error> {
        if (1..=1000).contains(&limit) { Ok(Self(limit)) } else { Err("limit is 1 to 1000") }
    }
}

/// A flag of a query that is about what would be done.
#[derive(Debug, Clone, Copy, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Dry {
    /// Say what would be done, and do nothing.
    pub(super) dry_run: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_json() {
        for (given, good) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/vnd.x+json", true),
            ("text/json", false),
            ("application/jsonp", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, given.parse().unwrap())]);
            assert_eq!(check_type(&headers).is_ok(), good, "{given}");
        }
        assert_eq!(check_type(&HeaderMap::new()).unwrap_err().code(), "request.bad_media_type");
    }

    #[test]
    fn a_fault_is_told_in_short() {
        let error = not_understood("body", &"\u{1b}".repeat(10_000));
        assert!(error.to_string().len() < 400 && !error.to_string().contains('\u{1b}'));
    }

    #[tokio::test]
    async fn a_body_ends_at_its_limit() {
        let headers = HeaderMap::new();
        let pieces = async |limit| Pieces::new(&headers, Body::from("12345"), limit, 1).await.unwrap();
        assert_eq!(pieces(5).await.next().await.unwrap().unwrap(), "12345");
        assert_eq!(pieces(4).await.next().await.unwrap_err().code(), "request.too_large");
        let told = HeaderMap::from_iter([(header::CONTENT_LENGTH, "6".parse().unwrap())]);
        assert_eq!(Pieces::new(&told, Body::empty(), 5, 1).await.err().unwrap().code(), "request.too_large");
    }

    #[tokio::test]
    async fn a_body_must_come_in_time() {
        let never = Body::from_stream(futures_util::stream::pending::<std::io::Result<Bytes>>());
        let mut pieces = Pieces::new(&HeaderMap::new(), never, 5, 0).await.unwrap();
        assert_eq!(pieces.next().await.unwrap_err().code(), "request.timeout");
    }
}
