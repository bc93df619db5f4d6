//! What restores the kinds of objects.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use crate::plugin::Inspection;
use crate::server::Server;
use crate::server::auth::Asker;

/// Plugins: what each restores, and what it may use
#[utoipa::path(get, path = "/v1/plugins", tag = "places", responses((status = 200, description = "By name", body = Vec<Inspection>)))]
pub(super) async fn list(State(server): State<Arc<Server>>, _: Asker) -> Json<Vec<Inspection>> {
    Json(server.places.host.plugins.inspections())
}
