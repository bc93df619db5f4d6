//! A repository's store as the rest of the host sees it: blocking calls from any thread, over a small runtime of its own.

use std::future::Future;
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{
    Error as StoreError, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions,
    UpdateVersion,
};
use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;

use crate::error::{Error, Result};
use crate::source::Place;

use super::address::{self, Opened};

/// How often a read that broke in the middle goes on where it stopped.
const TRIES: u32 = 5;
/// Reads, writes or removals at once where there are many.
const WIDTH: usize = 16;

/// What a file was like when it was read; what is written in its place may demand that it still is.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen(Option<UpdateVersion>);

/// Files below the repository's root, by their paths from there. Clones share one client.
#[derive(Clone)]
pub(super) struct Store {
    client: Arc<dyn ObjectStore>,
    root: Path,
    runtime: Arc<Own>,
    /// What the operator calls the repository.
    pub(super) name: String,
    folder: Option<PathBuf>,
    read_only: bool,
    /// Changes that are still done; then it is as if the process had died.
    #[cfg(test)]
    pub(super) left: Arc<std::sync::atomic::AtomicI64>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.name)
    }
}

/// A runtime that may be dropped anywhere, also inside another one.
struct Own(Option<Runtime>);

impl Drop for Own {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// The answer of something that was started and goes on by itself.
pub(super) struct Pending<T>(Receiver<Result<T>>);

impl<T> Pending<T> {
    /// Waits for the answer.
    pub(super) fn wait(self) -> Result<T> {
        self.0.recv().unwrap_or_else(|_| Err(Error::new("host.internal", "The repository's client has stopped")))
    }
}

impl Store {
    pub(super) fn open(place: &Place, create: bool) -> Result<Self> {
        let Opened { client, root, folder, read_only } = address::open(place, create)?;
        Self::over(client, root, &place.name, folder, read_only)
    }

    /// Over any client.
    pub(super) fn over(
        client: Arc<dyn ObjectStore>,
        root: Path,
        name: &str,
        folder: Option<PathBuf>,
        read_only: bool,
    ) -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(WIDTH)
            .thread_name("repository")
            .enable_all()
            .build()
            .map_err(|error| Error::new("host.io", format!("The repository's client cannot start: {error}")))?;
        Ok(Self {
            client,
            root,
            runtime: Arc::new(Own(Some(runtime))),
            name: name.to_owned(),
            folder,
            read_only,
            #[cfg(test)]
            left: Arc::new(i64::MAX.into()),
        })
    }

    /// Starts something; its answer can be waited for on any thread.
    pub(super) fn start<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Pending<T> {
        let (sender, receiver) = sync_channel(1);
        if let Some(runtime) = &self.runtime.0 {
            // Nobody waits any more where sending fails.
            runtime.spawn(async move { sender.send(work.await) });
        }
        Pending(receiver)
    }

    /// Does something beside everything else, until it is aborted.
    pub(super) fn beside(&self, work: impl Future<Output = ()> + Send + 'static) -> Option<AbortHandle> {
        self.runtime.0.as_ref().map(|runtime| runtime.spawn(work).abort_handle())
    }

    /// Writes a file again, so that its time is new.
    pub(super) async fn refresh(&self, path: &str, text: &str) -> bool {
        self.client.put(&self.path(path), text.to_owned().into()).await.is_ok()
    }

    fn path(&self, path: &str) -> Path {
        path.split('/').filter(|part| !part.is_empty()).fold(self.root.clone(), |path, part| path.join(part))
    }

    /// The whole file, and what it was like; nothing where there is none. Refuses more than `limit` bytes.
    pub(super) fn get(&self, path: &str, limit: u64) -> Result<Option<(Bytes, Seen)>> {
        self.start(self.clone().fetch(path.to_owned(), limit)).wait()
    }

    /// Whole files, several at once, in the order of the paths.
    pub(super) fn get_all(&self, paths: Vec<String>, limit: u64) -> Result<Vec<Option<Bytes>>> {
        let store = self.clone();
        let work = async move {
            let fetches = paths.into_iter().map(|path| store.clone().fetch(path, limit));
            let found: Vec<_> = futures_util::stream::iter(fetches).buffered(WIDTH).try_collect().await?;
            Ok(found.into_iter().map(|found| found.map(|(bytes, _)| bytes)).collect())
        };
        self.start(work).wait()
    }

    async fn fetch(self, path: String, limit: u64) -> Result<Option<(Bytes, Seen)>> {
        let location = self.path(&path);
        let found = match self.client.get(&location).await {
            Err(StoreError::NotFound { source, .. }) if !is_missing_bucket(&source.to_string()) => return Ok(None),
            other => other.map_err(|error| self.explain("read", &path, &error))?,
        };
        let meta = found.meta.clone();
        if meta.size > limit {
            let message = format!("{} has {} bytes and the limit is {limit}", self.shown(&path), meta.size);
            return Err(Error::new("repository.damaged", message));
        }
        let mut out = BytesMut::with_capacity(usize::try_from(meta.size).unwrap_or(0));
        // A body that breaks is read on where it broke, not from its beginning.
        let _ = append(found.into_stream(), meta.size, &mut out).await;
        if (out.len() as u64) < meta.size {
            out.extend_from_slice(&self.read_range(&path, out.len() as u64..meta.size, meta.e_tag.clone()).await?);
        }
        let bytes = out.freeze();
        let seen = Seen(meta.e_tag.map(|e_tag| UpdateVersion { e_tag: Some(e_tag), version: meta.version }));
        Ok(Some((bytes, seen)))
    }

    /// Starts to read part of a file.
    pub(super) fn range(&self, path: &str, range: Range<u64>) -> Pending<Bytes> {
        let (store, path) = (self.clone(), path.to_owned());
        self.start(async move { store.read_range(&path, range, None).await })
    }

    /// All of the range, over as many requests as it takes; of the same version where that is known.
    async fn read_range(&self, path: &str, range: Range<u64>, version: Option<String>) -> Result<Bytes> {
        let location = self.path(path);
        let wanted = range.end.saturating_sub(range.start);
        let mut out = BytesMut::new();
        let mut tries = 0;
        while (out.len() as u64) < wanted {
            let rest = range.start + out.len() as u64..range.end;
            let options =
                GetOptions { range: Some(GetRange::Bounded(rest)), if_match: version.clone(), ..GetOptions::default() };
            let had = out.len();
            let failed = match self.client.get_opts(&location, options).await {
                Ok(found) => append(found.into_stream(), wanted, &mut out).await.err(),
                Err(error) => return Err(self.explain("read", path, &error)),
            };
            // As long as bytes arrive it goes on; without any, not for ever.
            tries = if out.len() > had { 0 } else { tries + 1 };
            if (out.len() as u64) < wanted && tries >= TRIES {
                return Err(match failed {
                    Some(error) => self.explain("read", path, &error),
                    None => Error::new("repository.damaged", format!("{} ends early", self.shown(path))),
                });
            }
        }
        Ok(out.freeze())
    }

    /// Writes a file, all at once.
    pub(super) fn put(&self, path: &str, bytes: impl Into<Bytes>) -> Result<()> {
        self.start_put(path, bytes)?.wait()
    }

    /// Starts to write a file.
    pub(super) fn start_put(&self, path: &str, bytes: impl Into<Bytes>) -> Result<Pending<()>> {
        self.check_writable()?;
        let (store, path, bytes) = (self.clone(), path.to_owned(), bytes.into());
        Ok(self.start(async move {
            let done = store.client.put(&store.path(&path), bytes.into()).await;
            done.map(drop).map_err(|error| store.explain("written", &path, &error))
        }))
    }

    /// Writes a file in the place of what was seen there, where the store can tell whether it still is that.
    pub(super) fn replace(&self, path: &str, bytes: impl Into<Bytes>, seen: &Seen) -> Result<()> {
        self.check_writable()?;
        let (store, path, bytes) = (self.clone(), path.to_owned(), bytes.into());
        let seen = seen.0.clone();
        let work = async move {
            let place = store.path(&path);
            if let Some(version) = seen {
                let options = PutOptions::from(PutMode::Update(version));
                match store.client.put_opts(&place, bytes.clone().into(), options).await {
                    Ok(_) => return Ok(()),
                    Err(StoreError::Precondition { .. }) => {
                        let message = format!("{} was changed by someone else meanwhile", store.shown(&path));
                        return Err(Error::new("repository.busy", message));
                    }
                    // The lock is all there is, then.
                    Err(StoreError::NotImplemented { .. } | StoreError::NotSupported { .. }) => {}
                    Err(error) => return Err(store.explain("written", &path, &error)),
                }
            }
            let done = store.client.put(&place, bytes.into()).await;
            done.map(drop).map_err(|error| store.explain("written", &path, &error))
        };
        self.start(work).wait()
    }

    /// Removes files, several at once; those that are gone already count as removed.
    pub(super) fn remove(&self, paths: Vec<String>) -> Result<()> {
        self.check_writable()?;
        let store = self.clone();
        let work = async move {
            let removals = paths.into_iter().map(|path| {
                let store = store.clone();
                async move {
                    match store.client.delete(&store.path(&path)).await {
                        Ok(()) | Err(StoreError::NotFound { .. }) => Ok(()),
                        Err(error) => Err(store.explain("removed", &path, &error)),
                    }
                }
            });
            futures_util::stream::iter(removals).buffer_unordered(WIDTH).try_collect::<Vec<()>>().await.map(drop)
        };
        self.start(work).wait()
    }

    /// Every file below a folder, with its path from the repository's root.
    pub(super) fn list(&self, folder: &str) -> Result<Vec<(String, ObjectMeta)>> {
        let (store, folder) = (self.clone(), folder.to_owned());
        let work = async move {
            let place = store.path(&folder);
            let found: Vec<ObjectMeta> = store
                .client
                .list(Some(&place))
                .try_collect()
                .await
                .map_err(|error| store.explain("listed", &folder, &error))?;
            let root = store.root.as_ref().len();
            let own = |meta: ObjectMeta| (meta.location.as_ref()[root..].trim_start_matches('/').to_owned(), meta);
            Ok(found.into_iter().map(own).collect())
        };
        self.start(work).wait()
    }

    /// Removes what killed writes left below a folder, which listings do not show, and folders that are empty. Only
    /// folders of the local system have such.
    pub(super) fn tidy(&self, folder: &str) {
        if let Some(root) = &self.folder {
            tidy(&root.join(folder));
        }
    }

    /// What of the repository an error is about.
    pub(super) fn shown(&self, path: &str) -> String {
        format!("{path} of the repository {}", self.name)
    }

    fn check_writable(&self) -> Result<()> {
        #[cfg(test)]
        if self.left.fetch_sub(1, std::sync::atomic::Ordering::SeqCst) <= 0 {
            return Err(Error::new("repository.io", "The process has died"));
        }
        if self.read_only {
            let message = format!("The repository {} is on a web server, where it can only be read", self.name);
            return Err(Error::new("repository.read_only", message));
        }
        Ok(())
    }

    fn explain(&self, done: &str, path: &str, error: &StoreError) -> Error {
        let text = safe_text(error);
        let shown = self.shown(path);
        if is_missing_bucket(&text) {
            let message =
                format!("The bucket of the repository {} is not there; make it, or correct its URL", self.name);
            return Error::new("repository.not_found", message);
        }
        let (code, hint) = match error {
            StoreError::NotFound { .. } => ("repository.damaged", "it is not there"),
            StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => {
                ("repository.denied", "the store refuses the credentials; correct them in the environment or the file")
            }
            StoreError::Precondition { .. } => ("repository.busy", "it was changed meanwhile"),
            StoreError::NotSupported { .. } | StoreError::NotImplemented { .. } => ("repository.io", text.as_str()),
            _ => ("repository.io", text.as_str()),
        };
        Error::new(code, format!("{shown} cannot be {done}: {hint}"))
    }
}

async fn append(
    mut stream: futures_util::stream::BoxStream<'static, object_store::Result<Bytes>>,
    wanted: u64,
    out: &mut BytesMut,
) -> object_store::Result<()> {
    while let Some(bytes) = stream.next().await {
        let bytes = bytes?;
        let room = usize::try_from(wanted).unwrap_or(usize::MAX).saturating_sub(out.len());
        out.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
    Ok(())
}

fn is_missing_bucket(text: &str) -> bool {
    ["NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist"].iter().any(|word| text.contains(word))
}

/// What a client says, on one line, without what follows the `?` of a URL, where a signature may be.
pub(super) fn safe_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = inner.source();
    }
    let words = text.split_whitespace().map(|word| word.split('?').next().unwrap_or_default());
    words.collect::<Vec<_>>().join(" ").escape_debug().take(400).collect()
}

/// Best effort: what stays takes space and nothing else.
fn tidy(folder: &FilePath) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|sort| sort.is_dir()) {
            tidy(&path);
        } else if is_leftover(&entry.file_name().to_string_lossy()) {
            let _ = std::fs::remove_file(&path);
        }
    }
    // Fails unless it is empty.
    let _ = std::fs::remove_dir(folder);
}

/// `pack-000001#1`: how a file is called while it is written.
fn is_leftover(name: &str) -> bool {
    name.split_once('#').is_some_and(|(_, number)| number.bytes().all(|byte| byte.is_ascii_digit()))
}
