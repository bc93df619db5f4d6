//! One request: who asks, for what, and what becomes of it when the same request is delivered again.
//!
//! Clients deliver a request up to six times when the connection drops. The same request of the same user, byte by byte, joins the job that an
//! earlier delivery has started, or gets the answer that was made for it, until somebody has got that answer.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::server::identity::Identity;
use crate::server::jobs::{Asked, Job, StartKey, Task};
use crate::server::{Server, blocking};

use super::Door;
use super::record::{Fields, Map, Record};

/// For how long an answer that nobody has got is kept for the next delivery. Somebody who asks the same a day later wants it done.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

/// A request that was understood.
pub(super) struct Call {
    pub(super) server: Arc<Server>,
    pub(super) door: Arc<Door>,
    pub(super) identity: Identity,
    pub(super) fields: Fields,
    /// The host by which the client reached us.
    pub(super) host: Option<String>,
    /// The digest of the path and the body.
    pub(super) digest: String,
    /// What a delivered answer sets free.
    pub(super) delivery: Delivery,
    /// The jobs that it was about.
    pub(super) about: Vec<String>,
}

/// What is kept for the next delivery until the answer has been delivered.
#[derive(Debug, Clone, Default)]
pub(super) struct Delivery {
    keys: Vec<String>,
    replies: Vec<String>,
}

/// The answer to a change that is no job.
#[derive(Serialize, Deserialize)]
struct Reply {
    /// When, RFC 3339.
    made: String,
    record: Record,
}

impl Call {
    /// The options.
    pub(super) fn options(&self) -> &Map {
        self.fields.map("options")
    }

    /// The repository that a data source or data sink is, if it is one that the user has a right to.
    pub(super) fn repository(&self, field: &str) -> Result<String> {
        let name = self.fields.text(field);
        let Some(repository) = self.door.stores.get(name) else {
            let what = field.trim_end_matches("_name");
            let message = match name {
                "" => format!("The request names no {what}"),
                name => format!("There is no {what} called `{}`", shown(name)),
            };
            return Err(Error::new("request.not_found", message));
        };
        self.identity.repository(repository)?;
        Ok(repository.clone())
    }

    /// The target that stands for the database, if it is one that the user has a right to.
    pub(super) fn target(&self) -> Result<String> {
        self.identity.target(&self.door.target)?;
        Ok(self.door.target.clone())
    }

    /// The job of this request and `part` of it: the one that an earlier delivery has started, else a new one of what `task` gives.
    pub(super) async fn start(
        &mut self,
        part: &str,
        task: impl FnOnce(&Server) -> Result<Task> + Send + 'static,
    ) -> Result<Arc<Job>> {
        let key = StartKey { key: format!("kinetica {} {part}", self.digest), request: self.digest.clone() };
        let (server, user, name) = (Arc::clone(&self.server), self.identity.user.clone(), key.key.clone());
        let found = blocking(move || match joined(&server, &user, &name)? {
            Some(job) => Ok(Err(job)),
            None => task(&server).map(Ok),
        });
        let job = match found.await? {
            Err(job) => job,
            Ok(task) => {
                let operator = self.identity.user.clone();
                let asked = Asked { operator, key: Some(key.clone()), ..Asked::default() };
                self.server.jobs.submit(task, asked).await?.job
            }
        };
        self.delivery.keys.push(key.key);
        self.about.push(job.id.clone());
        Ok(job)
    }

    /// Waits for the end of a job, and gives it with its report. The job goes on if nobody waits any more.
    ///
    /// Fails with `server.stopping` where the server ends first: the client asks again, and the next server knows the job.
    pub(super) async fn end(&self, job: &Job) -> Result<(Arc<Job>, serde_json::Value)> {
        let mut stopping = self.server.readiness.stopping();
        let job = tokio::select! {
            ended = self.server.jobs.wait(&job.id) => ended?,
            _ = stopping.wait_for(|stopping| *stopping) => {
                let message = format!("The server is being stopped; job {} goes on when it is back", job.id);
                return Err(Error::new("server.stopping", message));
            }
        };
        let (jobs, id) = (Arc::clone(&self.server.jobs), job.id.clone());
        let report = blocking(move || jobs.report(&id)).await?;
        Ok((job, report.unwrap_or_default()))
    }

    /// Does what is no job, once: another delivery gets the first one's answer. It is done even if nobody waits any more.
    pub(super) async fn once(
        &mut self,
        work: impl FnOnce(&Server) -> Result<Record> + Send + 'static,
    ) -> Result<Record> {
        // One after another, so that a second delivery waits for the first one's end.
        let turn = Arc::clone(&self.door.changing).lock_owned().await;
        let name = format!("kinetica {} {}", self.identity.user, self.digest);
        self.delivery.replies.push(name.clone());
        let server = Arc::clone(&self.server);
        blocking(move || {
            let _turn = turn;
            let store = server.jobs.store();
            forget_old_replies(&server)?;
            if let Some(Reply { record, .. }) = store.kept(&name)? {
                return Ok(record);
            }
            let record = work(&server)?;
            // What is done is done, whether that can be kept or not.
            let _ = store.keep(&name, &Reply { made: Timestamp::now().to_string(), record: record.clone() });
            Ok(record)
        })
        .await
    }
}

/// The job that an earlier delivery has started, unless its answer was delivered or is too old.
fn joined(server: &Server, user: &str, key: &str) -> Result<Option<Arc<Job>>> {
    let store = server.jobs.store();
    let Some(known) = store.known(user, key)? else { return Ok(None) };
    let job = server.jobs.find(&known.job)?;
    if !known.answered && !job.ended.as_deref().is_some_and(is_old) {
        return Ok(Some(job));
    }
    store.forget_key(user, key, &known.job)?;
    Ok(None)
}

fn is_old(time: &str) -> bool {
    time.parse::<Timestamp>().map_or(true, |time| Timestamp::now().duration_since(time) > KEPT)
}

fn forget_old_replies(server: &Server) -> Result<()> {
    let store = server.jobs.store();
    let all = store.all_kept::<Reply>("kinetica ")?;
    let old = all.iter().filter(|(_, reply)| is_old(&reply.made));
    old.map(|(name, _)| store.forget(name).map(drop)).collect()
}

impl Delivery {
    /// Nothing is kept for another delivery.
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.replies.is_empty()
    }

    /// The answer is on its way: the same request asks for another job from now on.
    pub(super) fn done(&self, server: &Server, user: &str) -> Result<()> {
        let store = server.jobs.store();
        self.keys.iter().try_for_each(|key| store.answered(user, key))?;
        self.replies.iter().try_for_each(|name| store.forget(name).map(drop))
    }
}

/// A name of the client's as messages show it.
pub(super) fn shown(name: &str) -> String {
    name.escape_debug().take(200).collect()
}
