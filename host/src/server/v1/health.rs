//! Whether the server lives, whether it can take requests, and what it counts.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::Serialize;
use tokio::sync::watch;
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::server::auth::Asker;
use crate::server::jobs::Store;
use crate::server::problem::Answer;
use crate::server::{Server, blocking};

/// For how long it is believed that the store can be written: everybody may ask, and each look waits for the disk.
const BELIEVED: Duration = Duration::from_secs(1);

/// Whether the server can take requests.
pub(crate) struct Readiness {
    stopping: watch::Sender<bool>,
    written: Mutex<Option<Instant>>,
}

impl Default for Readiness {
    fn default() -> Self {
        Self { stopping: watch::Sender::new(false), written: Mutex::new(None) }
    }
}

impl Readiness {
    /// The server is being stopped.
    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Becomes true once the server is being stopped.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Fails with `server.stopping`, and with `server.store` where nothing can be kept. Blocks.
    fn check(&self, store: &Store) -> Result<()> {
        if *self.stopping.borrow() {
            return Err(Error::new("server.stopping", "The server is being stopped"));
        }
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.is_none_or(|at| at.elapsed() > BELIEVED) {
            *written = None;
            store.keep("ready", &jiff::Timestamp::now().to_string())?;
            *written = Some(Instant::now());
        }
        Ok(())
    }
}

/// That it lives.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`
    status: &'static str,
    /// The program's version.
    version: &'static str,
}

impl Health {
    fn ok() -> Json<Self> {
        Json(Self { status: "ok", version: env!("CARGO_PKG_VERSION") })
    }
}

/// Whether the server lives
#[utoipa::path(get, path = "/v1/health", tag = "server", responses((status = 200, description = "It does", body = Health)))]
pub(super) async fn health() -> Json<Health> {
    Health::ok()
}

/// Whether the server takes requests, and can keep jobs
#[utoipa::path(
    get,
    path = "/v1/ready",
    tag = "server",
    responses(
        (status = 200, description = "It does", body = Health),
        (status = 503, description = "It does not", body = crate::server::problem::ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn ready(State(server): State<Arc<Server>>) -> Answer<Json<Health>> {
    blocking(move || server.readiness.check(server.jobs.store())).await?;
    Ok(Health::ok())
}

/// Figures for Prometheus
#[utoipa::path(
    get,
    path = "/v1/metrics",
    tag = "server",
    responses((status = 200, description = "In the OpenMetrics form", body = String, content_type = "application/openmetrics-text"))
)]
pub(super) async fn metrics(State(server): State<Arc<Server>>, _: Asker) -> impl IntoResponse {
    let text = server.metrics.text(server.jobs.load());
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
}
