//! The kinetica door.

use std::sync::Arc;

use axum::Router;

use super::Server;

/// The door's paths.
pub(crate) fn router() -> Router<Arc<Server>> {
    Router::new()
}
