//! The API that DocSpace's clients talk to: backups and restores of a portal, which is a target here.
//!
//! Paths, fields and answers are the vendor's (DocSpace 3.7, `/api/2.0/backup/`); whatever is started is a job like any other. Only
//! administrators get in, as there: a restore replaces the portal for everybody. How far a restore is, everybody may ask: the clients send no
//! credentials with that.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{any, delete, get, post};
use tokio::sync::Mutex;
use tower_http::timeout::RequestBodyTimeoutLayer;

use crate::error::Result;

use super::config::Docspace;
use super::{Server, blocking};

mod calls;
mod caller;
mod envelope;
mod history;
mod input;
mod local;
mod progress;
mod schedule;
mod scheduler;
mod storage;
mod tasks;
mod times;
mod upload;

pub(super) use history::{Record, keep as keep_record};

/// The target, as a portal.
struct Portal {
    server: Arc<Server>,
    settings: Docspace,
    /// Held while something is started or a schedule is changed, so that there is one restore and one backup at a time.
    starting: Mutex<()>,
    /// Held while a chunk of an upload is added.
    uploading: Mutex<()>,
}

impl Portal {
    /// Work that may block.
    async fn work<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let portal = Arc::clone(self);
        blocking(move || work(&portal)).await
    }
}

/// The door's paths. What is scheduled is done from now on, as long as these are served.
pub(super) fn open(server: &Arc<Server>, settings: &Docspace) -> Router<Arc<Server>> {
    let portal = Arc::new(Portal {
        server: Arc::clone(server),
        settings: settings.clone(),
        starting: Mutex::default(),
        uploading: Mutex::default(),
    });
    tokio::spawn(scheduler::run(Arc::downgrade(&portal)));
    let limits = &server.config.limits;
    let slow = RequestBodyTimeoutLayer::new(Duration::from_secs(limits.idle_seconds));
    let upload = post(upload::take).layer(DefaultBodyLimit::max(upload::MOST_OF_A_REQUEST));
    let calls = [
        ("startrestore", post(calls::start_restore)),
        ("getrestoreprogress", get(calls::restore_progress)),
        ("getbackuphistory", get(calls::history)),
        ("startbackup", post(calls::start_backup)),
        ("getbackupprogress", get(calls::backup_progress)),
        ("cancelbackup", post(calls::cancel_backup)),
        ("deletebackup/{id}", delete(calls::delete_backup)),
        ("deletebackuphistory", delete(calls::delete_history)),
        ("getbackupschedule", get(calls::schedule)),
        ("createbackupschedule", post(calls::create_schedule)),
        ("deletebackupschedule", delete(calls::delete_schedule)),
        ("getbackupscount", get(calls::count)),
        ("getservicestate", get(calls::service_state)),
        ("backuptmp", get(calls::temporary_folder)),
    ];
    let calls = calls
        .into_iter()
        .fold(Router::new(), |router, (call, answer)| router.route(&format!("/api/2.0/backup/{call}"), answer));
    calls
        .route("/api/2.0/backup/backupFileUpload.ashx", upload.clone())
        // Where the vendor's own pages send it.
        .route("/backupFileUpload.ashx", upload)
        .route("/api/2.0/{*path}", any(calls::not_found))
        .method_not_allowed_fallback(calls::bad_method)
        .layer(DefaultBodyLimit::max(limits.body_bytes))
        .layer(slow)
        .with_state(portal)
}
