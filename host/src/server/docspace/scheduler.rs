//! Makes the backups that are scheduled, and takes away those that nobody is to keep.

use std::sync::{Arc, Weak};
use std::time::Duration;

use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::server::audit::Entry;

use super::Portal;
use super::history::Wanted;
use super::schedule::Schedule;
use super::tasks::{Sort, new_id};

/// How often it looks.
const LOOK: Duration = Duration::from_secs(20);

/// What the schedule is kept under.
pub(super) fn kept_as(dump: bool) -> &'static str {
    if dump { "docspace schedule dump" } else { "docspace schedule" }
}

/// Looks again and again, as long as the portal is served.
pub(super) async fn run(portal: Weak<Portal>) {
    let mut said = String::new();
    while let Some(portal) = portal.upgrade() {
        let wrong = portal.look().await.err().map(|error| error.to_string()).unwrap_or_default();
        // What goes wrong goes wrong again until somebody mends it; it is said once.
        if !wrong.is_empty() && wrong != said {
            portal.say(&wrong);
        }
        said = wrong;
        drop(portal);
        tokio::time::sleep(LOOK).await;
    }
}

impl Portal {
    /// Starts what is due, and tidies up.
    async fn look(self: &Arc<Self>) -> Result<()> {
        let due = self.start_what_is_due(false).await;
        let dumps = self.start_what_is_due(true).await;
        let _held = self.starting.lock().await;
        let history = self.work(|portal| {
            portal.tenant()?;
            let copies = |dump| portal.schedule(dump).ok().flatten().map(|schedule| schedule.backups_stored);
            portal.tidy_history(copies)
        });
        let history = history.await;
        let uploads = self.tidy_uploads().await;
        due.and(dumps).and(history).and(uploads)
    }

    /// The schedule. Blocks.
    pub(super) fn schedule(&self, dump: bool) -> Result<Option<Schedule>> {
        self.store().kept(kept_as(dump))
    }

    async fn start_what_is_due(self: &Arc<Self>, dump: bool) -> Result<()> {
        let _held = self.starting.lock().await;
        let found = self.work(move |portal| portal.schedule(dump)).await?;
        let Some(mut schedule) = found.filter(|schedule| schedule.is_due(Timestamp::now())) else { return Ok(()) };
        self.may_still(&schedule).await?;
        let id = schedule.pending.get_or_insert_with(new_id).clone();
        // One that was started before the server was killed, and not crossed off.
        let known = {
            let (operator, id) = (schedule.operator.clone(), id.clone());
            self.work(move |portal| portal.job(&operator, &id)).await?.is_some()
        };
        if !known {
            if self.make_way(Sort::Backup, &schedule.operator).await?.is_some() {
                return Ok(());
            }
            self.keep_schedule(schedule.clone()).await?;
            self.back_up(Wanted {
                id,
                storage_type: schedule.storage_type,
                storage_params: schedule.storage_params.clone(),
                dump,
                scheduled: true,
                operator: schedule.operator.clone(),
            })
            .await?;
        }
        schedule.last = Some(Timestamp::now().to_string());
        schedule.pending = None;
        self.keep_schedule(schedule).await
    }

    async fn keep_schedule(self: &Arc<Self>, schedule: Schedule) -> Result<()> {
        self.work(move |portal| portal.store().keep(kept_as(schedule.dump), &schedule)).await
    }

    /// Whether who made the schedule still has the right to.
    async fn may_still(self: &Arc<Self>, schedule: &Schedule) -> Result<()> {
        let operator = &schedule.operator;
        let gone = || Error::new("request.forbidden", format!("{operator} is no user any more"));
        let identity = self.server.identities.identity(operator).ok_or_else(gone)?;
        self.admit(&identity)?;
        self.admit_to_storage(&identity, schedule.storage_type, &schedule.storage_params).await
    }

    fn say(&self, wrong: &str) {
        self.server.audit.write(&Entry {
            time: Timestamp::now().to_string(),
            user: None,
            address: std::net::Ipv4Addr::UNSPECIFIED.into(),
            request: "scheduled backups".to_owned(),
            status: 500,
            about: Some(wrong.to_owned()),
        });
    }
}
