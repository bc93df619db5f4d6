//! A lock that is a file: one writer at a time, also over stores that know no locks.
//!
//! Whoever wants to write puts a file of a random name into the folder and then lists it. Who sees another one that is not
//! stale takes the own one back and leaves. Two that come at once may both leave, but never both stay, since each lists after it
//! has put. A file is stale when the store's clock gave it an age of [`STALE`] when the newest was put; the holder puts it again
//! every [`REFRESH`].

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

use crate::error::{Error, Result};
use crate::text::counted;

use super::store::Store;

/// What the file says to people.
const TEXT: &str = "Someone is writing to this backup\n";
const STALE: Duration = Duration::from_secs(120);
const REFRESH: Duration = Duration::from_secs(20);
/// A holder that could not refresh for so long must take its lock for lost: others will soon.
const LOST: Duration = Duration::from_secs(90);

/// Held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    store: Store,
    path: String,
    refreshed: Arc<Mutex<Instant>>,
    keeper: Option<AbortHandle>,
}

impl Lock {
    /// Takes the lock of a folder (empty for the root's), or fails with `repository.busy`.
    pub(super) fn take(store: &Store, folder: &str) -> Result<Self> {
        let folder = if folder.is_empty() { "locks".to_owned() } else { format!("{folder}/locks") };
        let path = format!("{folder}/{}", random()?);
        let refreshed = Arc::new(Mutex::new(Instant::now()));
        store.put(&path, TEXT)?;
        let mut lock = Self { store: store.clone(), path, refreshed, keeper: None };
        lock.look(&folder)?;
        lock.keep();
        Ok(lock)
    }

    /// Fails when the lock may be taken for stale by others: whoever was stopped for minutes must not write any more.
    pub(super) fn check(&self) -> Result<()> {
        let refreshed = *self.refreshed.lock().unwrap_or_else(PoisonError::into_inner);
        if refreshed.elapsed() < LOST {
            return Ok(());
        }
        let message = format!("The lock {} could not be refreshed in time; start again", self.store.shown(&self.path));
        Err(Error::new("repository.lock_lost", message))
    }

    /// Looks for others; removes those that are stale.
    fn look(&self, folder: &str) -> Result<()> {
        let found = self.store.list(folder)?;
        let Some(now) = found.iter().find(|(path, _)| *path == self.path).map(|(_, meta)| meta.last_modified) else {
            let message = format!("The lock {} has vanished; try again", self.store.shown(&self.path));
            return Err(Error::new("repository.busy", message));
        };
        let mut stale = Vec::new();
        for (path, meta) in found.iter().filter(|(path, _)| *path != self.path) {
            let age = u64::try_from((now - meta.last_modified).num_seconds()).unwrap_or(0);
            if age < STALE.as_secs() {
                let message = format!(
                    "Someone else is writing to {folder} of the repository {}; wait until that is done, or, if it was \
                     killed, {}",
                    self.store.name,
                    counted(STALE.as_secs() - age, "second")
                );
                return Err(Error::new("repository.busy", message));
            }
            stale.push(path.clone());
        }
        if stale.is_empty() { Ok(()) } else { self.store.remove(stale) }
    }

    /// Refreshes the file while the lock is held.
    fn keep(&mut self) {
        let (store, path, refreshed) = (self.store.clone(), self.path.clone(), Arc::clone(&self.refreshed));
        self.keeper = self.store.beside(async move {
            loop {
                tokio::time::sleep(REFRESH).await;
                let before = Instant::now();
                if store.refresh(&path, TEXT).await {
                    *refreshed.lock().unwrap_or_else(PoisonError::into_inner) = before;
                }
            }
        });
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(keeper) = &self.keeper {
            keeper.abort();
        }
        // A file that stays is stale in two minutes.
        let _ = self.store.remove(vec![self.path.clone()]);
    }
}

fn random() -> Result<String> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new("host.io", format!("The system gives no random numbers: {error}")))?;
    Ok(super::hex(&bytes))
}
