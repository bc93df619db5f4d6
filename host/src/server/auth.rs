//! Who asks, taken from a request's headers: the argument by which a handler says that it wants to know.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::{Error, Result};

use super::Server;
use super::audit::Who;
use super::identity::{Credentials, Identity};
use super::problem::Problem;

/// Somebody who was recognised by `Authorization: Bearer TOKEN` or `Authorization: Basic …`. A handler without it answers everybody.
pub(crate) struct Asker(pub(crate) Identity);

impl FromRequestParts<Arc<Server>> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> std::result::Result<Self, Problem> {
        let credentials = standard(&parts.headers).ok_or_else(missing)?;
        Ok(Self(recognise(server, credentials, parts).await?))
    }
}

/// Who has these credentials. Front doors whose clients put them elsewhere than [`standard`] says begin here.
pub(crate) async fn recognise(server: &Arc<Server>, credentials: Credentials, parts: &Parts) -> Result<Identity> {
    let from = address(parts);
    // Hashing a password is kept off the threads that answer, and waits its turn.
    let identity = match server.identities.known(&credentials) {
        Some(identity) => identity?,
        None => {
            let _turn = match credentials {
                Credentials::Password(..) => server.identities.turn().await,
                Credentials::Token(_) => None,
            };
            let server = Arc::clone(server);
            super::blocking(move || server.identities.recognise(&credentials, from)).await?
        }
    };
    if let Some(who) = parts.extensions.get::<Who>() {
        // Set once: a request is one person's.
        let _ = who.0.set(identity.user.clone());
    }
    Ok(identity)
}

/// What the header `Authorization` says, in one of the two standard schemes.
pub(crate) fn standard(headers: &HeaderMap) -> Option<Credentials> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Credentials::Token(rest.trim().to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some(Credentials::Password(user.to_owned(), password.to_owned()))
}

/// Where the request comes from.
pub(crate) fn address(parts: &Parts) -> IpAddr {
    let known = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    known.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip())
}

/// The error for a request that says nothing of who asks.
pub(crate) fn missing() -> Error {
    Error::new("request.unauthorized", "Say who you are: a token as Bearer, or a name and a password as Basic")
}
