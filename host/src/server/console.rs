//! The console: pages in the binary, which use the API like any other client.

use std::sync::Arc;

use axum::Router;

use super::Server;

/// The pages.
pub(crate) fn router() -> Router<Arc<Server>> {
    Router::new()
}
