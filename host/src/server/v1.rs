//! The API of our own: `/v1`, with a description that is made from the handlers themselves.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::{Error, Result};

use super::Server;
use super::problem::Problem;

mod asks;
mod backups;
mod described;
mod events;
mod health;
mod jobs;
mod me;
mod plans;
mod plugins;
mod repositories;
mod restores;
mod starting;
mod targets;
mod uploads;

pub(crate) use health::Readiness;

/// Everything under `/v1`.
pub(crate) fn router() -> Router<Arc<Server>> {
    Router::from(api())
        .method_not_allowed_fallback(bad_method)
        .route("/v1", any(unknown))
        .route("/v1/", any(unknown))
        .route("/v1/{*rest}", any(unknown))
}

/// Takes away what an earlier process left half done, and tidies now and then from here on.
pub(crate) fn begin(server: &Arc<Server>) -> Result<()> {
    uploads::remove_halves(&server.places)?;
    tokio::spawn(uploads::keep_tidy(Arc::clone(server)));
    Ok(())
}

fn api() -> OpenApiRouter<Arc<Server>> {
    let router = OpenApiRouter::with_openapi(described::empty())
        .routes(routes!(health::health))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
        .routes(routes!(openapi))
        .routes(routes!(me::me))
        .routes(routes!(me::tokens, me::issue))
        .routes(routes!(me::revoke))
        .routes(routes!(targets::list))
        .routes(routes!(repositories::list))
        .routes(routes!(repositories::backups))
        .routes(routes!(backups::show, backups::alter, backups::remove))
        .routes(routes!(backups::snapshot, backups::purge))
        .routes(routes!(backups::verify))
        .routes(routes!(backups::merge))
        .routes(routes!(backups::create))
        .routes(routes!(plugins::list))
        .routes(routes!(uploads::receive))
        .routes(routes!(uploads::remove))
        .routes(routes!(plans::plan))
        .routes(routes!(restores::start))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::show))
        .routes(routes!(jobs::objects))
        .routes(routes!(jobs::log))
        .routes(routes!(jobs::report))
        .routes(routes!(events::events))
        .routes(routes!(jobs::cancel))
        .routes(routes!(jobs::pause))
        .routes(routes!(jobs::resume))
        .routes(routes!(jobs::retry))
        .routes(routes!(jobs::undo))
        .routes(routes!(jobs::discard));
    described::completed(router)
}

/// This description
#[utoipa::path(get, path = "/v1/openapi.json", tag = "server", responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
async fn openapi() -> Response {
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    let document = DOCUMENT.get_or_init(|| api().into_openapi().to_json().unwrap_or_default());
    ([(axum::http::header::CONTENT_TYPE, "application/json")], document.as_str()).into_response()
}

async fn unknown(uri: Uri) -> Problem {
    let path: String = uri.path().escape_debug().take(200).collect();
    Error::new("request.not_found", format!("There is nothing at {path}")).next("GET /v1/openapi.json").into()
}

async fn bad_method() -> Problem {
    Error::new("request.bad_method", "This path knows no such method; the header Allow names those that it knows")
        .into()
}

/// What has no body to tell.
const DONE: StatusCode = StatusCode::NO_CONTENT;
