//! What a server can be watched by: figures in Prometheus' text form, and the one place through which every request goes.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::audit::{About, Entry, Who};
use super::jobs::{self, Listener, Moment, Task};
use super::{Server, auth};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    path: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JobLabels {
    state: String,
}

/// All figures.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    seconds: Histogram,
    started: Counter,
    ended: Family<JobLabels, Counter>,
    restored_rows: Counter,
    restored_bytes: Counter,
    waiting: Gauge,
    running: Gauge,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("reinstate");
        let requests = Family::default();
        let seconds = Histogram::new(exponential_buckets(0.0005, 2.0, 16));
        let (started, ended) = (Counter::default(), Family::default());
        let (restored_rows, restored_bytes) = (Counter::default(), Counter::default());
        let (waiting, running) = (Gauge::default(), Gauge::default());
        registry.register("requests", "Requests by method, path and status", requests.clone());
        registry.register_with_unit("request", "How long answers took", Unit::Seconds, seconds.clone());
        registry.register("jobs_started", "Jobs that ran for the first time", started.clone());
        registry.register("jobs_ended", "Jobs that ended or were interrupted, by how", ended.clone());
        registry.register("restored_rows", "Rows of restores that succeeded", restored_rows.clone());
        registry.register_with_unit(
            "restored",
            "Bytes of restores that succeeded",
            Unit::Bytes,
            restored_bytes.clone(),
        );
        registry.register("jobs_waiting", "Jobs that wait for their turn", waiting.clone());
        registry.register("jobs_running", "Jobs that run", running.clone());
        Self { registry, requests, seconds, started, ended, restored_rows, restored_bytes, waiting, running }
    }

    /// What counts jobs.
    pub(super) fn listener(self: &Arc<Self>) -> Listener {
        let metrics = Arc::clone(self);
        Arc::new(move |job, moment| match moment {
            Moment::Started => drop(metrics.started.inc()),
            Moment::Ended => {
                metrics.ended.get_or_create(&JobLabels { state: job.state.word().to_owned() }).inc();
                // What only stopped ends again later, and what failed has restored nothing.
                if job.state == jobs::State::Succeeded && matches!(job.task, Task::Restore(_)) {
                    metrics.restored_rows.inc_by(job.progress.rows_done);
                    metrics.restored_bytes.inc_by(job.progress.bytes_done);
                }
            }
        })
    }

    /// The figures as text, in the `OpenMetrics` form.
    pub(crate) fn text(&self, (waiting, running): (usize, usize)) -> String {
        self.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        self.running.set(i64::try_from(running).unwrap_or(i64::MAX));
        let mut text = String::new();
        // Writing into a text cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// Counts every request, and writes down those that change something or were refused.
pub(super) fn counted(router: Router<Arc<Server>>, server: &Arc<Server>) -> Router<Arc<Server>> {
    router.layer(from_fn_with_state(Arc::clone(server), count))
}

async fn count(State(server): State<Arc<Server>>, mut request: Request, next: Next) -> Response {
    let who = Who::default();
    request.extensions_mut().insert(who.clone());
    // The pattern, not the path: there are as many paths as jobs.
    let matched =
        request.extensions().get::<MatchedPath>().map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
    let method = METHODS.into_iter().find(|known| request.method() == known).unwrap_or("OTHER");
    let path = request.uri().path().chars().take(MOST_OF_A_PATH).collect();
    let (parts, body) = request.into_parts();
    let address = auth::address(&parts);
    let mut seen =
        Seen { server, who, since: Instant::now(), method, path, matched, address, status: UNHEARD, about: None };
    let response = next.run(Request::from_parts(parts, body)).await;
    seen.status = response.status().as_u16();
    seen.about = response.extensions().get::<About>().map(|about| about.0.clone());
    response
}

/// Clients may make up others, and figures are kept for each.
const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];
/// Characters of a path that are written down.
const MOST_OF_A_PATH: usize = 200;
/// Nobody was there any more to hear the answer.
const UNHEARD: u16 = 499;

/// A request that was answered, or whose client has gone: what it asked for may be done all the same. Counted and written down when it is
/// dropped, which is then in either case.
struct Seen {
    server: Arc<Server>,
    who: Who,
    since: Instant,
    method: &'static str,
    path: String,
    matched: String,
    address: IpAddr,
    status: u16,
    about: Option<String>,
}

impl Drop for Seen {
    fn drop(&mut self) {
        let metrics = &self.server.metrics;
        let (method, path, status) = (self.method.to_owned(), std::mem::take(&mut self.matched), self.status);
        metrics.seconds.observe(self.since.elapsed().as_secs_f64());
        metrics.requests.get_or_create(&RequestLabels { method, path, status }).inc();
        let reads = matches!(self.method, "GET" | "HEAD" | "OPTIONS");
        if !reads || status == 401 || status == 403 {
            let (time, user) = (Timestamp::now().to_string(), self.who.0.get().map(String::as_str));
            let (request, about) = (format!("{} {}", self.method, self.path), self.about.take());
            self.server.audit.write(&Entry { time, user, address: self.address, request, status, about });
        }
    }
}
