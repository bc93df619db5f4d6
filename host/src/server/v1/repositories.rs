//! Where backups are, and which there are.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::repository::BackupDocument;
use crate::server::auth::Asker;
use crate::server::problem::Answer;
use crate::server::{Server, blocking};

use super::asks::{Asks, At};

/// A place with backups.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RepositoryAt {
    /// What the configuration calls it.
    name: String,
    /// Where it is, without secrets.
    url: String,
}

/// Repositories that whoever asks may use
#[utoipa::path(get, path = "/v1/repositories", tag = "places", responses((status = 200, description = "By name", body = Vec<RepositoryAt>)))]
pub(super) async fn list(State(server): State<Arc<Server>>, Asker(identity): Asker) -> Json<Vec<RepositoryAt>> {
    let seen = server.places.repositories.values().filter(|place| identity.sees_repository(&place.name));
    Json(seen.map(|place| RepositoryAt { name: place.name.clone(), url: place.url.clone() }).collect())
}

/// Which backups are listed.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Named {
    /// A name, or `text*` for those that begin so; all when absent.
    name: String,
}

/// Backups of a repository, with their snapshots
#[utoipa::path(
    get,
    path = "/v1/repositories/{repository}/backups",
    tag = "backups",
    params(("repository" = String, Path, description = "The repository's name"), Named),
    responses((status = 200, description = "By name", body = Vec<BackupDocument>))
)]
pub(super) async fn backups(
    State(server): State<Arc<Server>>,
    Asker(identity): Asker,
    At(repository): At<String>,
    Asks(named): Asks<Named>,
) -> Answer<Json<Vec<BackupDocument>>> {
    identity.repository(&repository)?;
    Ok(Json(blocking(move || server.places.repository(&repository)?.backups(&named.name)).await?))
}
