//! Tells people of a job's start and end: signed requests to webhooks, tried again where they fail, and mail.
//!
//! Jobs are handed over to one task, which keeps what is to be told in the store before it begins to tell it: what was not told when
//! the process ended is told by the next one. A receiver may hear something twice, by the same name, but does not miss it.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::{mpsc, oneshot};

use crate::error::{Error, Result};

use super::config::Notify;
use super::jobs::{Job, Listener, Moment, Store};

mod delivery;
mod mail;
#[cfg(test)]
mod tests;
mod webhook;

use delivery::{Pace, Receivers};
use mail::Mailer;
use webhook::Webhook;

/// For how long a stop waits until what was handed over is kept.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Who is told, and how.
pub(crate) struct Notifier {
    queue: mpsc::UnboundedSender<Message>,
}

enum Message {
    /// Tell of this job.
    Tell(Arc<Job>, Moment),
    /// Say when all before is kept.
    Kept(oneshot::Sender<()>),
}

/// What webhooks get.
#[derive(Serialize)]
struct Body<'a> {
    event: &'static str,
    job: &'a Job,
}

impl Notifier {
    /// Who the configuration names; reads secrets from their files, and goes on with what an earlier process had not told.
    ///
    /// Fails with `server.bad_config`.
    pub(crate) fn start(config: &Notify, store: &Arc<Store>) -> Result<Self> {
        Self::with_pace(config, store, Pace::default())
    }

    fn with_pace(config: &Notify, store: &Arc<Store>, pace: Pace) -> Result<Self> {
        let webhooks = config.webhooks.iter().map(Webhook::new).collect::<Result<Vec<_>>>()?;
        let mail = config.mail.as_ref().map(Mailer::new).transpose()?;
        let receivers = Arc::new(Receivers::new(webhooks, mail, Arc::clone(store), pace)?);
        let (queue, messages) = mpsc::unbounded_channel();
        tokio::spawn(listen(receivers, messages));
        Ok(Self { queue })
    }

    /// Gets every job.
    pub(crate) fn listener(&self) -> Listener {
        let queue = self.queue.clone();
        // The task ends with the process only.
        Arc::new(move |job, moment| drop(queue.send(Message::Tell(Arc::clone(job), moment))))
    }

    /// Returns when all that was handed over is kept; what is not told yet is told by the next process.
    pub(crate) async fn stop(&self) {
        let (kept, all) = oneshot::channel();
        if self.queue.send(Message::Kept(kept)).is_ok() {
            let _ = tokio::time::timeout(LAST_WORDS, all).await;
        }
    }
}

async fn listen(receivers: Arc<Receivers>, mut messages: mpsc::UnboundedReceiver<Message>) {
    receivers.go_on().await;
    while let Some(message) = messages.recv().await {
        match message {
            Message::Tell(job, moment) => receivers.tell(&job, moment).await,
            // Who does not wait any more need not be told.
            Message::Kept(kept) => drop(kept.send(())),
        }
    }
}

fn event(moment: Moment) -> &'static str {
    match moment {
        Moment::Started => "job.started",
        Moment::Ended => "job.ended",
    }
}

fn body(job: &Job, moment: Moment) -> Result<Box<RawValue>> {
    to_raw_value(&Body { event: event(moment), job })
        .map_err(|error| Error::new("host.internal", format!("A job cannot be written: {error}")))
}

fn bad(message: impl std::fmt::Display) -> Error {
    Error::new("server.bad_config", format!("[notify] {message}"))
}
