//! Who asks, in all the ways in which DocSpace's clients say so.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use crate::error::Result;
use crate::server::auth;
use crate::server::config::Role;
use crate::server::identity::{Credentials, Identity};

use super::Portal;
use super::envelope::Refusal;

/// The cookie that portals set.
const COOKIE: &str = "asc_auth_key";

/// An administrator. DocSpace knows no lesser role for backups: they hold everybody's data, and a restore replaces it.
pub(super) struct Administrator(pub(super) Identity);

impl FromRequestParts<Arc<Portal>> for Administrator {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, portal: &Arc<Portal>) -> Result<Self, Refusal> {
        let credentials = credentials(&parts.headers).ok_or_else(auth::missing)?;
        let identity = auth::recognise(&portal.server, credentials, parts).await?;
        portal.admit(&identity)?;
        Ok(Self(identity))
    }
}

impl Portal {
    /// Fails with `request.forbidden` for who may not do everything with the portal.
    pub(super) fn admit(&self, identity: &Identity) -> Result<()> {
        identity.needs(Role::Admin, "back up or restore the portal")?;
        identity.target(&self.settings.target)
    }
}

/// What a request brings: the header `Authorization` with a scheme or with nothing but a token, the header `ApiKeyBearer`, or the cookie, which
/// the vendor's library sends without its name.
fn credentials(headers: &HeaderMap) -> Option<Credentials> {
    if headers.contains_key(header::AUTHORIZATION) {
        return auth::standard(headers).or_else(|| {
            let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim();
            let bare = !value.is_empty() && !value.contains(' ');
            bare.then(|| Credentials::Token(value.to_owned()))
        });
    }
    let token = match headers.get("ApiKeyBearer") {
        Some(value) => value.to_str().ok()?.trim(),
        None => cookie(headers)?,
    };
    let token = token.strip_prefix("Bearer ").unwrap_or(token).trim();
    (!token.is_empty()).then(|| Credentials::Token(token.to_owned()))
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = values.flat_map(|value| value.split(';')).map(|pair| pair.split_once('=').ok_or(pair.trim()));
    let ours = pairs.filter_map(|pair| match pair {
        Ok((name, value)) => (name.trim() == COOKIE || name.trim().is_empty()).then_some(value.trim()),
        Err(nameless) => Some(nameless),
    });
    ours.into_iter().find(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn credentials_come_in_many_forms() {
        let given = |pairs: &[(&'static str, &'static str)]| {
            let pair = |&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
            match credentials(&pairs.iter().map(pair).collect()) {
                Some(Credentials::Token(token)) => format!("token {token}"),
                Some(Credentials::Password(user, password)) => format!("{user}/{password}"),
                None => String::new(),
            }
        };
        for (headers, expected) in [
            (&[("authorization", "Bearer sk-secret")][..], "token sk-secret"),
            (&[("authorization", "bearer  sk-secret ")], "token sk-secret"),
            (&[("authorization", "sk-secret")], "token sk-secret"),
            (&[("authorization", "Basic YWRtaW46cHc=")], "admin/pw"),
            (&[("authorization", "Basic !")], ""),
            (&[("authorization", "Digest x")], ""),
            (&[("authorization", "")], ""),
            (&[("apikeybearer", "sk-secret")], "token sk-secret"),
            (&[("apikeybearer", "Bearer sk-secret")], "token sk-secret"),
            (&[("apikeybearer", "")], ""),
            (&[("cookie", "value")], "token value"),
            (&[("cookie", "theme=dark; asc_auth_key=value; x=y")], "token value"),
            (&[("cookie", "=value")], "token value"),
            (&[("cookie", "theme=dark")], ""),
            (&[("cookie", "theme=dark"), ("cookie", "asc_auth_key=value")], "token value"),
            (&[("cookie", "")], ""),
            (&[("authorization", "Bearer a"), ("apikeybearer", "b"), ("cookie", "c")], "token a"),
            (&[("apikeybearer", "b"), ("cookie", "c")], "token b"),
            // Who says something wrong is not asked twice.
            (&[("authorization", "Digest x"), ("apikeybearer", "b")], ""),
            (&[], ""),
        ] {
            assert_eq!(given(headers), expected, "{headers:?}");
        }
    }
}
