//! Who asks, and the tokens that they made.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::server::auth::Asker;
use crate::server::config::Role;
use crate::server::identity::IssuedToken;
use crate::server::problem::Answer;
use crate::server::{Server, blocking};

use super::DONE;
use super::asks::{At, Content, Sent};

/// The longest that a token may last: ten years.
const LONGEST: u32 = 315_360_000;

/// Who asks, and what they may do.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Me {
    user: String,
    role: Role,
    /// Repositories they may use; all when null.
    repositories: Option<BTreeSet<String>>,
    /// Targets they may use; all when null.
    targets: Option<BTreeSet<String>>,
    /// Kinds of objects they may restore; all when null.
    kinds: Option<BTreeSet<String>>,
}

/// Who asks, and what they may do
#[utoipa::path(get, path = "/v1/me", tag = "me", responses((status = 200, description = "You", body = Me)))]
pub(super) async fn me(Asker(identity): Asker) -> Json<Me> {
    let crate::server::identity::Identity { user, role, repositories, targets, kinds } = identity;
    Json(Me { user, role, repositories, targets, kinds })
}

/// A token that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    /// What it is for.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// How long it lasts; for ever when absent.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 315_360_000)]
    expires_in_seconds: Option<u32>,
}

impl Content for NewToken {}

impl NewToken {
    fn expires(&self) -> Result<Option<Timestamp>> {
        if self.name.is_empty() || self.name.chars().count() > 100 {
            return Err(Error::new("usage", "A token's name is 1 to 100 characters"));
        }
        let Some(seconds) = self.expires_in_seconds else { return Ok(None) };
        if !(1..=LONGEST).contains(&seconds) {
            return Err(Error::new("usage", format!("expires_in_seconds is 1 to {LONGEST}")));
        }
        Ok(Some(Timestamp::now() + SignedDuration::from_secs(seconds.into())))
    }
}

/// A token that was made: the only time that it is told.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MadeToken {
    /// The token.
    token: String,
    /// What is kept of it.
    #[serde(flatten)]
    issued: IssuedToken,
}

/// Tokens that were made by the API: one's own, or everybody's for an admin
#[utoipa::path(get, path = "/v1/tokens", tag = "me", responses((status = 200, description = "Without the tokens themselves", body = Vec<IssuedToken>)))]
pub(super) async fn tokens(
    State(server): State<Arc<Server>>,
    Asker(identity): Asker,
) -> Answer<Json<Vec<IssuedToken>>> {
    let whose = (identity.role < Role::Admin).then_some(identity.user);
    Ok(Json(server.identities.issued(whose.as_deref())))
}

/// Makes a token for whoever asks
#[utoipa::path(post, path = "/v1/tokens", tag = "me", request_body = NewToken, responses((status = 201, description = "The token, told once", body = MadeToken)))]
pub(super) async fn issue(
    State(server): State<Arc<Server>>,
    Asker(identity): Asker,
    Sent { value, .. }: Sent<NewToken>,
) -> Answer<(StatusCode, Json<MadeToken>)> {
    let expires = value.expires()?;
    let (token, issued) = blocking(move || server.identities.issue(&identity.user, &value.name, expires)).await?;
    Ok((StatusCode::CREATED, Json(MadeToken { token, issued })))
}

/// Ends a token
#[utoipa::path(
    delete,
    path = "/v1/tokens/{hash}",
    tag = "me",
    params(("hash" = String, Path, description = "SHA-256 of the token")),
    responses((status = 204, description = "It is of no use any more"))
)]
pub(super) async fn revoke(
    State(server): State<Arc<Server>>,
    Asker(identity): Asker,
    At(hash): At<String>,
) -> Answer<StatusCode> {
    blocking(move || {
        let missing = || Error::new("request.not_found", "There is no such token among those that the API made");
        let token = server.identities.issued(None).into_iter().find(|token| token.hash == hash).ok_or_else(missing)?;
        if token.user != identity.user {
            identity.needs(Role::Admin, "end a token of somebody else")?;
        }
        server.identities.revoke(&hash)
    })
    .await?;
    Ok(DONE)
}
