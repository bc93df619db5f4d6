//! The API of our own: `/v1`.

use std::sync::Arc;

use axum::Router;

use super::Server;

/// Everything under `/v1`.
pub(crate) fn router() -> Router<Arc<Server>> {
    Router::new()
}
