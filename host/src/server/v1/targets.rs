//! What can be restored into and backed up.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::server::Server;
use crate::server::auth::Asker;

/// A live system.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TargetAt {
    /// What the configuration calls it.
    name: String,
    /// Where it is, without secrets.
    location: String,
}

/// Targets that whoever asks may use
#[utoipa::path(get, path = "/v1/targets", tag = "places", responses((status = 200, description = "By name", body = Vec<TargetAt>)))]
pub(super) async fn list(State(server): State<Arc<Server>>, Asker(identity): Asker) -> Json<Vec<TargetAt>> {
    let seen = server.places.targets.iter().filter(|(name, _)| identity.sees_target(name));
    Json(seen.map(|(name, target)| TargetAt { name: name.clone(), location: target.location() }).collect())
}
