//! Archives that clients send: written to disk as they come, visible once they are whole, and gone a week later.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::server::auth::Asker;
use crate::server::config::Role;
use crate::server::identity::Identity;
use crate::server::jobs::{ArchiveAt, Places, RestoreTask, Store, Task};
use crate::server::problem::Answer;
use crate::server::{Server, blocking};

use super::DONE;
use super::asks::{At, Pieces};

/// What files begin with that are not whole yet.
const HALF: &str = ".half-";
/// For how long an upload is kept that no job needs.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// How often what is too old is looked for.
const LOOK: Duration = Duration::from_secs(3600);
/// Pieces that wait for the disk; the client waits for the rest.
const WAITING: usize = 4;

/// An archive that was uploaded.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Upload {
    /// What it is called.
    upload: String,
    /// Its length.
    bytes: u64,
    /// SHA-256 in hexadecimal digits.
    sha256: String,
}

/// What is kept of an upload beside its file.
#[derive(Debug, Serialize, Deserialize)]
struct Owned {
    operator: String,
}

fn kept_as(upload: &str) -> String {
    format!("upload {upload}")
}

/// What the client sends, on its way to the disk.
enum Piece {
    Bytes(Bytes),
    /// That was all: without it what came is no archive.
    End,
}

/// Takes an archive: the request's body, as it comes
#[utoipa::path(
    post,
    path = "/v1/uploads",
    tag = "restores",
    operation_id = "upload",
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The archive"),
    responses((status = 201, description = "It is kept for a week, or as long as a job needs it", body = Upload))
)]
pub(super) async fn receive(
    State(server): State<Arc<Server>>,
    Asker(identity): Asker,
    request: Request,
) -> Answer<(StatusCode, Json<Upload>)> {
    identity.needs(Role::Operator, "upload archives")?;
    let (parts, body) = request.into_parts();
    let limits = &server.config.limits;
    let mut pieces = Pieces::new(&parts.headers, body, limits.archive_bytes, limits.idle_seconds).await?;
    let (send, receive) = mpsc::channel(WAITING);
    let written = {
        let server = Arc::clone(&server);
        tokio::spawn(blocking(move || {
            let upload = write(&server.places.uploads, receive)?;
            server.jobs.store().keep(&kept_as(&upload.upload), &Owned { operator: identity.user })?;
            Ok(upload)
        }))
    };
    // Where the disk fails, the channel is closed, and the other side says why.
    while let Some(piece) = pieces.next().await? {
        if send.send(Piece::Bytes(piece)).await.is_err() {
            break;
        }
    }
    let _ = send.send(Piece::End).await;
    drop(send);
    let fault = |fault| Error::new("host.internal", format!("The host itself failed: {fault}"));
    Ok((StatusCode::CREATED, Json(written.await.map_err(fault)??)))
}

/// Writes what comes; nothing is left of what has no end.
fn write(folder: &Path, mut pieces: mpsc::Receiver<Piece>) -> Result<Upload> {
    let mut file = tempfile::Builder::new().prefix(HALF).tempfile_in(folder).map_err(failed)?;
    let (mut digest, mut bytes) = (Sha256::new(), 0);
    loop {
        match pieces.blocking_recv() {
            Some(Piece::Bytes(piece)) => {
                digest.update(&piece);
                bytes += piece.len() as u64;
                file.write_all(&piece).map_err(failed)?;
            }
            Some(Piece::End) if bytes == 0 => return Err(Error::new("usage", "The body is empty: send an archive")),
            Some(Piece::End) => break,
            None => return Err(Error::new("request.timeout", "The archive ended before its end")),
        }
    }
    file.as_file().sync_all().map_err(failed)?;
    let upload = new_name()?;
    file.persist_noclobber(folder.join(&upload)).map_err(|error| failed(error.error))?;
    // The name, too, must be there after a crash.
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(Upload { upload, bytes, sha256: digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect() })
}

fn failed(error: std::io::Error) -> Error {
    Error::new("host.io", format!("The upload cannot be written: {error}"))
}

/// 128 random bits: whoever was not told it does not find it.
fn new_name() -> Result<String> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits)
        .map_err(|error| Error::new("host.io", format!("The system gives no random bytes: {error}")))?;
    Ok(bits.iter().fold("u-".to_owned(), |name, byte| format!("{name}{byte:02x}")))
}

/// Removes an upload
#[utoipa::path(
    delete,
    path = "/v1/uploads/{upload}",
    tag = "restores",
    operation_id = "remove_upload",
    params(("upload" = String, Path, description = "What the upload is called")),
    responses((status = 204, description = "It is gone"))
)]
pub(super) async fn remove(
    State(server): State<Arc<Server>>,
    Asker(identity): Asker,
    At(upload): At<String>,
) -> Answer<StatusCode> {
    identity.needs(Role::Operator, "remove uploads")?;
    blocking(move || {
        check_owner(&server, &identity, &upload)?;
        if let Some(job) = needed_by(server.jobs.store(), &upload)? {
            return Err(Error::new("job.not_possible", format!("The upload {upload} is needed by job {job}")));
        }
        forget(&server.places, server.jobs.store(), &upload)
    })
    .await?;
    Ok(DONE)
}

/// That the upload is there, and this somebody's. Fails with `request.not_found` and `request.forbidden`.
pub(super) fn check_owner(server: &Server, identity: &Identity, upload: &str) -> Result<()> {
    server.places.upload(upload)?;
    let owned: Option<Owned> = server.jobs.store().kept(&kept_as(upload))?;
    if owned.is_some_and(|owned| owned.operator == identity.user) {
        return Ok(());
    }
    identity.needs(Role::Admin, "use an upload of somebody else")
}

/// The open job that reads it.
fn needed_by(store: &Store, upload: &str) -> Result<Option<String>> {
    let reads = |task: &Task| matches!(task, Task::Restore(RestoreTask { archive: ArchiveAt::Upload { upload: read }, .. }) if read == upload);
    Ok(store.open_jobs()?.into_iter().find(|job| reads(&job.task)).map(|job| job.id))
}

fn forget(places: &Places, store: &Store, upload: &str) -> Result<()> {
    let removed = std::fs::remove_file(places.upload(upload)?);
    removed.map_err(|error| Error::new("host.io", format!("The upload {upload} cannot be removed: {error}")))?;
    store.forget(&kept_as(upload)).map(drop)
}

/// Removes what an earlier process was writing when it ended.
pub(super) fn remove_halves(places: &Places) -> Result<()> {
    for (name, _) in files(&places.uploads).into_iter().filter(|(name, _)| name.starts_with(HALF)) {
        std::fs::remove_file(places.uploads.join(&name))
            .map_err(|error| Error::new("host.io", format!("{name} cannot be removed: {error}")))?;
    }
    Ok(())
}

/// Removes uploads that are too old, again and again, and what else nobody asks for any more.
pub(super) async fn keep_tidy(server: Arc<Server>) {
    loop {
        let tidied = Arc::clone(&server);
        // What cannot be removed now is tried again.
        let _ = blocking(move || {
            tidied.identities.tidy();
            // Before there was time nothing has ended.
            let ago = |days: u32| Timestamp::now().checked_sub(SignedDuration::from_hours(24 * i64::from(days))).ok();
            if let Some(since) = tidied.config.jobs.keep_days.and_then(ago) {
                tidied.jobs.store().forget_jobs(&since.to_string())?;
            }
            tidy(&tidied.places, tidied.jobs.store())
        })
        .await;
        tokio::time::sleep(LOOK).await;
    }
}

fn tidy(places: &Places, store: &Store) -> Result<()> {
    for (name, changed) in files(&places.uploads) {
        let old = changed.elapsed().is_ok_and(|age| age > KEPT);
        if old && places.upload(&name).is_ok() && needed_by(store, &name)?.is_none() {
            forget(places, store, &name)?;
        }
    }
    Ok(())
}

/// Names, and when they were written last.
fn files(folder: &Path) -> Vec<(String, SystemTime)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.metadata().ok()?.modified().ok()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(pieces: Vec<Piece>) -> (tempfile::TempDir, Result<Upload>) {
        let folder = tempfile::tempdir().unwrap();
        let (send, receive) = mpsc::channel(pieces.len().max(1));
        for piece in pieces {
            assert!(send.try_send(piece).is_ok());
        }
        drop(send);
        let upload = write(folder.path(), receive);
        (folder, upload)
    }

    #[test]
    fn what_has_an_end_is_kept() {
        let (folder, upload) = sent(vec![Piece::Bytes(Bytes::from("ab")), Piece::Bytes(Bytes::from("c")), Piece::End]);
        let upload = upload.unwrap();
        assert_eq!(upload.bytes, 3);
        assert_eq!(upload.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(std::fs::read(folder.path().join(&upload.upload)).unwrap(), b"abc");
        assert_eq!(files(folder.path()).len(), 1);
    }

    #[test]
    fn what_has_none_is_gone() {
        for (pieces, code) in [
            (vec![], "request.timeout"),
            (vec![Piece::Bytes(Bytes::from("ab"))], "request.timeout"),
            (vec![Piece::End], "usage"),
        ] {
            let (folder, upload) = sent(pieces);
            assert_eq!(upload.unwrap_err().code(), code);
            assert!(files(folder.path()).is_empty());
        }
    }

    #[test]
    fn names_are_long_and_plain() {
        let (one, other) = (new_name().unwrap(), new_name().unwrap());
        assert!(one != other && one.len() == 34 && one[2..].bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}
