//! The server: jobs that can be watched and steered, an API of our own, a console, and the APIs that clients of other systems talk to.
//!
//! One port; every front door has paths of its own, and whatever it starts is a job.

use std::fs::{File, TryLockError};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;

use crate::archive::{self, OpenOptions};
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::plugin::PluginOptions;
use crate::restore::Host;
use crate::source::{Credentials, Place};
use crate::target;

mod audit;
mod auth;
mod config;
mod console;
mod demo;
mod docspace;
mod identity;
mod jobs;
mod kinetica;
mod listen;
mod metrics;
mod notify;
mod problem;
mod v1;

pub use config::Config;
pub use demo::prepare as prepare_demo;
pub use identity::{hash_password, new_token, token_hash};

use audit::Audit;
use identity::Identities;
use jobs::{Jobs, Places, Store};
use metrics::Metrics;
use notify::Notifier;

/// What the server takes from the process's surroundings; it reads none of them itself.
#[derive(Clone, Default)]
pub struct Surroundings {
    /// What PostgreSQL targets are connected with, beside their URLs.
    pub postgres: target::postgres::Environment,
    /// What opens repositories that have no file of their own.
    pub credentials: Credentials,
    /// Where compiled plugins are kept.
    pub cache: Option<PathBuf>,
    /// The program that compiles plugins in a process of its own.
    pub compiler: Option<PathBuf>,
}

/// What every request is answered from.
pub(crate) struct Server {
    pub(crate) config: Config,
    pub(crate) places: Arc<Places>,
    pub(crate) jobs: Arc<Jobs>,
    pub(crate) identities: Arc<Identities>,
    pub(crate) audit: Audit,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) readiness: v1::Readiness,
    notifier: Notifier,
    /// Held as long as the process lives: no other one uses the folder.
    _held: File,
}

/// Serves until `stop` is done; then takes no more requests, stops every job at its next safe place, and returns. The next server goes on with them.
///
/// `ready` gets the address once it listens. Fails with `server.*` when it cannot start.
pub async fn serve(
    config: Config,
    surroundings: Surroundings,
    ready: impl FnOnce(std::net::SocketAddr) + Send,
    stop: impl Future<Output = ()> + Send,
) -> Result<()> {
    // Before anything of the folder is touched: whoever cannot serve must not disturb one that does.
    let listener = listen::Listener::bind(&config).await?;
    let server = open(config, surroundings).await?;
    if server.config.demo {
        demo::seed(&server).await?;
    }
    v1::begin(&server)?;
    ready(listener.address());
    let router = router(Arc::clone(&server));
    let stop = async {
        stop.await;
        server.readiness.stop();
    };
    listener.run(router, stop).await;
    server.jobs.stop().await;
    server.notifier.stop().await;
    Ok(())
}

async fn open(config: Config, surroundings: Surroundings) -> Result<Arc<Server>> {
    let state = config.state.clone();
    let uploads = state.join("uploads");
    // Nobody else's business: backups, and who may do what.
    let made =
        std::os::unix::fs::DirBuilderExt::mode(std::fs::DirBuilder::new().recursive(true), 0o700).create(&uploads);
    made.map_err(|error| {
        Error::new("server.bad_config", format!("The folder {} cannot be made: {error}", uploads.display()))
    })?;
    let held = hold(&state)?;
    let store = Arc::new(Store::open(&state.join("jobs.sqlite"))?);
    let identities = Arc::new(Identities::new(config.users.clone(), &config.limits, Arc::clone(&store))?);
    let metrics = Arc::new(Metrics::new());
    let notifier = Notifier::start(&config.notify, &store)?;
    let places = Arc::new(places(&config, surroundings, uploads, Arc::clone(&identities)).await?);
    let listeners: Vec<jobs::Listener> = vec![notifier.listener(), metrics.listener()];
    let (width, short) = (config.jobs.width, config.jobs.short_bytes);
    let jobs = {
        let (store, places) = (Arc::clone(&store), Arc::clone(&places));
        blocking(move || Jobs::start(store, places, width, short, listeners)).await?
    };
    let audit = Audit::open(&state.join("audit.jsonl"))?;
    let readiness = v1::Readiness::default();
    Ok(Arc::new(Server { config, places, jobs, identities, audit, metrics, readiness, notifier, _held: held }))
}

/// Keeps other servers out of the folder. Fails with `server.in_use`.
fn hold(state: &Path) -> Result<File> {
    let path = state.join("lock");
    let failed = |error| Error::new("server.bad_config", format!("{} cannot be locked: {error}", path.display()));
    let file = File::create(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let message = format!("Another server uses the folder {}: give each its own", state.display());
            Err(Error::new("server.in_use", message))
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

async fn places(
    config: &Config,
    surroundings: Surroundings,
    uploads: PathBuf,
    identities: Arc<Identities>,
) -> Result<Places> {
    let mut targets = std::collections::BTreeMap::new();
    for (name, at) in &config.targets {
        targets.insert(name.clone(), target::open(&at.url, &surroundings.postgres)?);
    }
    let mut repositories = std::collections::BTreeMap::new();
    for (name, at) in &config.repositories {
        let credentials = match &at.credentials {
            Some(path) => Credentials::read(path)?,
            None => surroundings.credentials.clone(),
        };
        repositories.insert(name.clone(), Place { name: name.clone(), url: at.url.clone(), credentials });
    }
    let options = PluginOptions {
        folder: config.plugins.folder.clone(),
        grants: config.plugins.grants.clone(),
        cache: surroundings.cache,
        compiler: surroundings.compiler,
        ..PluginOptions::default()
    };
    let host = blocking(move || Host::new(&options)).await?;
    let spool_bytes = config.limits.archive_bytes;
    let open =
        OpenOptions { limits: archive::Limits { spool_bytes, ..archive::Limits::default() }, ..OpenOptions::default() };
    let may_restore = Box::new(move |operator: &str, plan: &Plan| {
        let gone = || Error::new("request.forbidden", format!("{operator} is no user any more"));
        let identity = identities.identity(operator).ok_or_else(gone)?;
        let mut restored = plan.steps.iter().filter(|step| step.action.restores());
        restored.try_for_each(|step| identity.kind(&step.into.kind).map_err(|error| error.object(&step.into)))
    });
    Ok(Places { host: Arc::new(host), targets, repositories, uploads, open, may_restore })
}

fn router(server: Arc<Server>) -> Router {
    let mut router = v1::router().merge(console::router());
    if let Some(settings) = &server.config.docspace {
        router = router.merge(docspace::open(&server, settings));
    }
    // The last one: it answers pings at the root, which is a page of the console's.
    router = kinetica::open(router, &server.config);
    metrics::counted(router, &server).with_state(server)
}

/// Runs blocking work on a thread that may block; a panic there becomes an error.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(fault) => Err(Error::new("host.internal", format!("The host itself failed: {fault}"))),
    }
}
