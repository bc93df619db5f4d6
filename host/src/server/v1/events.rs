//! A job as it moves: server-sent events, made from what is kept, so that whoever comes back goes on where they were.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde::Serialize;
use serde_json::json;
use tokio::sync::watch;
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::server::auth::Asker;
use crate::server::jobs::{Changed, Job};
use crate::server::problem::Answer;
use crate::server::{Server, blocking};

use super::asks::At;
use super::jobs::visible;

/// How often changes are told.
const PACE: Duration = Duration::from_millis(250);
/// How often a word is said that means nothing, so that nobody thinks the connection dead.
const SIGN: Duration = Duration::from_secs(15);
/// Changes of each sort that are read at once.
const AT_ONCE: u32 = 500;

/// An event of the stream.
#[derive(ToSchema)]
#[allow(dead_code, reason = "It describes what is written piece by piece")]
pub(super) struct SentEvent {
    /// `job`, `object`, `log` or `end`.
    event: String,
    /// The number of an object's change or of a line; absent for others.
    id: Option<String>,
    /// JSON: a job, an object, a line; at the end the job's name and state.
    data: String,
}

/// A job as it moves: `job` at once and whenever it changes, `object` and `log` with their numbers as ids, `end` when it has ended
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/events",
    tag = "jobs",
    operation_id = "watch_job",
    params(
        ("id" = String, Path, description = "The job's name"),
        ("Last-Event-ID" = Option<u64>, Header, description = "The last number that was seen; everything is told without"),
    ),
    responses((status = 200, description = "Server-sent events", body = SentEvent, content_type = "text/event-stream"))
)]
pub(super) async fn events(
    State(server): State<Arc<Server>>,
    Asker(identity): Asker,
    At(id): At<String>,
    headers: HeaderMap,
) -> Answer<Response> {
    let after = last_seen(&headers)?;
    visible(&server, &identity, &id).await?;
    let stopping = server.readiness.stopping();
    let feed = Feed { server, id, after, told: None, ready: VecDeque::new(), paced: None, stopping, done: false };
    let events = stream::unfold(feed, |mut feed| async {
        let event = feed.next().await?;
        Some((Ok::<_, Infallible>(event), feed))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(SIGN)).into_response())
}

fn last_seen(headers: &HeaderMap) -> Result<u64> {
    let Some(value) = headers.get("last-event-id") else { return Ok(0) };
    let number = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    number.ok_or_else(|| Error::new("usage", "Last-Event-ID is the number of an event of this job"))
}

/// What is told to one listener.
struct Feed {
    server: Arc<Server>,
    id: String,
    /// The last number that was told.
    after: u64,
    /// The job as it was told last.
    told: Option<Arc<Job>>,
    ready: VecDeque<Event>,
    /// When changes were looked for last.
    paced: Option<Instant>,
    stopping: watch::Receiver<bool>,
    done: bool,
}

impl Feed {
    /// The next event; none at the end. Who cannot be told any more (the store fails, the server stops) comes back with the last number.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.done {
                return None;
            }
            let mut stopping = self.stopping.clone();
            tokio::select! {
                looked = self.look() => looked.ok()?,
                _ = stopping.wait_for(|stopping| *stopping) => return None,
            }
        }
    }

    /// Waits for the pace, looks for changes, and waits for some where there are none.
    async fn look(&mut self) -> Result<()> {
        if let Some(paced) = self.paced {
            tokio::time::sleep(PACE.saturating_sub(paced.elapsed())).await;
        }
        // Before anything is read: what changes from here on wakes us.
        let watch = self.server.jobs.watch(&self.id);
        self.paced = Some(Instant::now());
        let job = self.server.jobs.get(&self.id).await?;
        let changes = self.changes().await?;
        let more = changes.len() >= AT_ONCE as usize;
        if self.told.as_ref() != Some(&job) {
            self.ready.extend(event("job", job.as_ref()));
            self.told = Some(Arc::clone(&job));
        }
        for change in changes {
            self.after = change.seq();
            self.ready.extend(told(&change));
        }
        match watch {
            _ if more => self.paced = None,
            Some(mut watch) if self.ready.is_empty() => drop(watch.changed().await),
            Some(_) => (),
            // It was not among the open ones before it was read: that was the last of it.
            None => {
                self.done = true;
                self.ready.extend(event("end", &json!({"id": job.id, "state": job.state})));
            }
        }
        Ok(())
    }

    async fn changes(&self) -> Result<Vec<Changed>> {
        let (server, id, after) = (Arc::clone(&self.server), self.id.clone(), self.after);
        blocking(move || server.jobs.store().changed(&id, after, AT_ONCE)).await
    }
}

fn told(change: &Changed) -> Option<Event> {
    let event = match change {
        Changed::Object(_, object) => event("object", object.as_ref()),
        Changed::Log(_, entry) => event("log", entry),
    };
    Some(event?.id(change.seq().to_string()))
}

fn event(name: &str, value: &impl Serialize) -> Option<Event> {
    Event::default().event(name).json_data(value).ok()
}
