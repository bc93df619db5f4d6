//! What is to be told to one receiver: kept until it is told, tried again with growing pauses, given up at last.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::Semaphore;

use crate::error::{Error, Result};
use crate::server::blocking;
use crate::server::jobs::{Job, LogEntry, Moment, Store};

use super::mail::{Letter, Mailer};
use super::webhook::Webhook;
use super::{bad, body, event};

/// What kept deliveries are called.
const KEPT: &str = "delivery ";
/// Receivers that are told at the same time.
const WIDTH: usize = 8;
/// To whom mail goes.
const MAIL: &str = "mail";

/// How often, and for how long, it is tried again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// The first pause; each is twice the one before,
    pub(super) first: Duration,
    /// up to this one.
    pub(super) longest: Duration,
    /// After that time nobody cares any more.
    pub(super) until: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let minutes = |number: u64| Duration::from_secs(60 * number);
        Self { first: Duration::from_secs(5), longest: minutes(15), until: minutes(240) }
    }
}

impl Pace {
    /// The pause after so many tries.
    pub(super) fn pause(self, tries: u32) -> Duration {
        let doubled = 1_u32.checked_shl(tries.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first.saturating_mul(doubled).min(self.longest)
    }
}

/// Something to be told to one receiver.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Delivery {
    /// Its name: the same however often it is tried.
    pub(super) id: String,
    /// To whom: `mail`, or a webhook by the digest of its address, which may be a secret.
    pub(super) to: String,
    /// The job's name.
    pub(super) job: String,
    /// `job.started` or `job.ended`.
    pub(super) event: String,
    /// When that was, RFC 3339.
    pub(super) since: String,
    /// How often it was tried.
    pub(super) tries: u32,
    /// What is sent.
    pub(super) content: Content,
}

/// What is sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Content {
    /// JSON, byte for byte.
    Body(Box<RawValue>),
    /// A mail.
    Letter(Letter),
}

/// Why somebody could not be told.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) error: Error,
    /// Another try may do better.
    pub(super) again: bool,
}

impl Trouble {
    pub(super) fn new(message: String, again: bool) -> Self {
        Self { error: Error::new("server.notify", message), again }
    }
}

/// All who are told.
pub(super) struct Receivers {
    webhooks: Vec<Webhook>,
    mail: Option<Mailer>,
    store: Arc<Store>,
    pace: Pace,
    width: Semaphore,
}

impl Receivers {
    pub(super) fn new(webhooks: Vec<Webhook>, mail: Option<Mailer>, store: Arc<Store>, pace: Pace) -> Result<Self> {
        let mut names = BTreeSet::new();
        if let Some(twice) = webhooks.iter().find(|webhook| !names.insert(&webhook.name)) {
            return Err(bad(format!("names a webhook at {} twice", twice.shown)));
        }
        Ok(Self { webhooks, mail, store, pace, width: Semaphore::new(WIDTH) })
    }

    /// Goes on with what an earlier process had not told.
    pub(super) async fn go_on(self: &Arc<Self>) {
        let store = Arc::clone(&self.store);
        let Ok(left) = blocking(move || store.all_kept::<Delivery>(KEPT)).await else { return };
        for (_, delivery) in left {
            tokio::spawn(Arc::clone(self).deliver(delivery));
        }
    }

    /// Keeps what is to be told of a job, and begins to tell it.
    pub(super) async fn tell(self: &Arc<Self>, job: &Arc<Job>, moment: Moment) {
        for delivery in self.deliveries(job, moment) {
            let (store, kept) = (Arc::clone(&self.store), delivery.clone());
            // What cannot be kept is told all the same, by this process.
            let _ = blocking(move || store.keep(&name(&kept.id), &kept)).await;
            tokio::spawn(Arc::clone(self).deliver(delivery));
        }
    }

    fn deliveries(&self, job: &Job, moment: Moment) -> Vec<Delivery> {
        let delivery = |to: &str, content| Delivery {
            id: uuid::Uuid::new_v4().to_string(),
            to: to.to_owned(),
            job: job.id.clone(),
            event: event(moment).to_owned(),
            since: Timestamp::now().to_string(),
            tries: 0,
            content,
        };
        let mut all = Vec::new();
        for webhook in self.webhooks.iter().filter(|webhook| job.notify || webhook.always) {
            all.extend(body(job, moment).map(|body| delivery(&webhook.name, Content::Body(body))).ok());
        }
        if self.mail.as_ref().is_some_and(|mail| job.notify || mail.always) {
            all.push(delivery(MAIL, Content::Letter(Letter::about(job, moment))));
        }
        all
    }

    /// Tries until it is told, or nobody can be told.
    async fn deliver(self: Arc<Self>, mut delivery: Delivery) {
        loop {
            let tried = {
                // Never closed.
                let _place = self.width.acquire().await;
                self.send(&delivery).await
            };
            delivery.tries = delivery.tries.saturating_add(1);
            let (level, text) = match tried {
                Ok(who) => ("info", format!("Told {who} of {}", delivery.event)),
                Err(trouble) if trouble.again && !self.is_late(&delivery) => {
                    self.later(&delivery, &trouble).await;
                    tokio::time::sleep(self.pace.pause(delivery.tries)).await;
                    continue;
                }
                Err(trouble) => {
                    let attempts = crate::text::counted(u64::from(delivery.tries), "attempt");
                    ("error", format!("{}: {}, given up after {attempts}", delivery.event, trouble.error))
                }
            };
            return self.done(&delivery, level, text).await;
        }
    }

    async fn send(&self, delivery: &Delivery) -> Result<String, Trouble> {
        let gone = || Trouble::new("The configuration does not name the receiver any more".to_owned(), false);
        match &delivery.content {
            Content::Body(body) => {
                let webhook = self.webhooks.iter().find(|webhook| webhook.name == delivery.to).ok_or_else(gone)?;
                webhook.send(&delivery.id, body.get()).await
            }
            Content::Letter(letter) => self.mail.as_ref().ok_or_else(gone)?.send(&delivery.id, letter).await,
        }
    }

    fn is_late(&self, delivery: &Delivery) -> bool {
        // A time that cannot be understood is long ago.
        let Ok(since) = delivery.since.parse::<Timestamp>() else { return true };
        let age = Timestamp::now().duration_since(since);
        Duration::try_from(age).is_ok_and(|age| age >= self.pace.until)
    }

    /// Keeps that it was tried; the job's log says so once.
    async fn later(&self, delivery: &Delivery, trouble: &Trouble) {
        let (store, kept) = (Arc::clone(&self.store), delivery.clone());
        let text = format!("{}: {}, tried again later", delivery.event, trouble.error);
        let _ = blocking(move || {
            if kept.tries == 1 {
                // The job may be forgotten by now.
                let _ = store.log(&kept.job, &[log("warning", text)]);
            }
            store.keep(&name(&kept.id), &kept)
        })
        .await;
    }

    async fn done(&self, delivery: &Delivery, level: &'static str, text: String) {
        let (store, id, job) = (Arc::clone(&self.store), delivery.id.clone(), delivery.job.clone());
        let _ = blocking(move || {
            let _ = store.log(&job, &[log(level, text)]);
            store.forget(&name(&id))
        })
        .await;
    }
}

fn name(id: &str) -> String {
    format!("{KEPT}{id}")
}

fn log(level: &str, text: String) -> LogEntry {
    LogEntry {
        time: Timestamp::now().to_string(),
        level: level.to_owned(),
        source: "notify".to_owned(),
        object: None,
        text,
    }
}
