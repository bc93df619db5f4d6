//! `backupFileUpload.ashx`: an archive in chunks, for a restore from Local whose path says nothing. One at a time; a new one takes the place of
//! the one before.

use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{FromRequest as _, FromRequestParts as _, Multipart, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::error::{Error, Result};
use crate::server::jobs::ArchiveAt;
use crate::server::problem;

use super::Portal;
use super::caller::Administrator;
use super::envelope::{Refusal, sent};
use super::history::remove_file;
use super::input::{Query, wrong};
use super::tasks::{Sort, new_id};
use super::times;

/// Bytes of a chunk.
const CHUNK: usize = 5 << 20;
/// Bytes of a request with a chunk: there is something around it.
pub(super) const MOST_OF_A_REQUEST: usize = CHUNK + (64 << 10);
/// How long an archive waits to be restored.
const WAITS: SignedDuration = SignedDuration::from_hours(24);
/// What the upload is kept under.
const KEPT_AS: &str = "docspace upload";

/// An upload.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Upload {
    /// In the folder of uploads.
    name: String,
    size: u64,
    received: u64,
    begun: String,
}

/// Begins an upload, or adds to it. Answers as the vendor's page expects: with 200, and what is wrong in the message.
pub(super) async fn take(State(portal): State<Arc<Portal>>, request: Request) -> Response {
    let (status, body) = match taken(&portal, request).await {
        Ok(ended) => (StatusCode::OK, json!({"Success": true, "ChunkSize": CHUNK, "EndUpload": ended})),
        Err(error) => {
            let body = json!({"Success": false, "Message": error.to_string(), "ChunkSize": 0, "EndUpload": false});
            (status(&error), body)
        }
    };
    sent(status, &body)
}

/// Who has no right is told so by the status, too.
fn status(error: &Error) -> StatusCode {
    match problem::status(error) {
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS) => status,
        _ => StatusCode::OK,
    }
}

async fn taken(portal: &Arc<Portal>, request: Request) -> Result<bool> {
    let (mut parts, body) = request.into_parts();
    let refused = |Refusal(error): Refusal| error;
    Administrator::from_request_parts(&mut parts, portal).await.map_err(refused)?;
    let query = Query::from_request_parts(&mut parts, portal).await.map_err(refused)?;
    if query.flag("Init")? == Some(true) {
        let size = query.get("totalSize").and_then(|size| size.parse().ok()).unwrap_or_default();
        let extension = if query.get("extension") == Some("tar") { "tar" } else { "tar.gz" };
        let _held = portal.uploading.lock().await;
        return portal.work(move |portal| portal.begin_upload(size, extension)).await.map(|()| false);
    }
    let request = Request::from_parts(parts, body);
    let multipart = Multipart::from_request(request, portal).await;
    let chunk = chunk(multipart.map_err(|_| wrong("A chunk comes as multipart/form-data"))?).await?;
    let _held = portal.uploading.lock().await;
    portal.work(move |portal| portal.add_chunk(&chunk)).await
}

async fn chunk(mut multipart: Multipart) -> Result<Vec<u8>> {
    let broken = |_| wrong("The chunk did not come whole");
    let mut field = multipart.next_field().await.map_err(broken)?.ok_or_else(|| wrong("The request has no file"))?;
    let mut bytes = Vec::new();
    while let Some(piece) = field.chunk().await.map_err(broken)? {
        if bytes.len() + piece.len() > CHUNK {
            return Err(wrong(&format!("A chunk has at most {CHUNK} bytes")));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

impl Portal {
    /// Where uploads are. Blocks.
    pub(super) fn temporary(&self) -> Result<PathBuf> {
        let folder = self.server.config.state.join("docspace");
        std::fs::create_dir_all(&folder).map_err(|error| failed(&error))?;
        Ok(folder)
    }

    fn begin_upload(&self, size: u64, extension: &str) -> Result<()> {
        let most = self.server.config.limits.archive_bytes;
        if size == 0 {
            return Err(wrong("totalSize is the archive's length in bytes, and more than 0"));
        }
        if size > most {
            return Err(Error::new("request.too_large", format!("An archive has at most {most} bytes")));
        }
        let upload = Upload {
            name: format!("{}.{extension}", new_id()),
            size,
            received: 0,
            begun: Timestamp::now().to_string(),
        };
        let path = self.temporary()?.join(&upload.name);
        std::fs::File::create_new(path).map_err(|error| failed(&error))?;
        self.store().keep(KEPT_AS, &upload)?;
        self.remove_other_uploads(Some(&upload.name))
    }

    /// Answers whether that was the last one.
    fn add_chunk(&self, chunk: &[u8]) -> Result<bool> {
        let open = self.store().kept::<Upload>(KEPT_AS)?.filter(|upload| upload.received < upload.size);
        let mut upload = open.ok_or_else(|| wrong("No upload was begun: ask with Init=true first"))?;
        if chunk.len() as u64 > upload.size - upload.received {
            return Err(wrong("There is more than totalSize said"));
        }
        let path = self.temporary()?.join(&upload.name);
        let file = std::fs::File::options().write(true).open(path).map_err(|error| failed(&error))?;
        // At its place: what a request that broke off may have left behind is written over.
        file.write_all_at(chunk, upload.received).map_err(|error| failed(&error))?;
        upload.received += chunk.len() as u64;
        let ended = upload.received == upload.size;
        if ended {
            file.sync_all().map_err(|error| failed(&error))?;
        }
        self.store().keep(KEPT_AS, &upload)?;
        Ok(ended)
    }

    /// The archive that was uploaded last, once it is whole. Blocks.
    pub(super) fn uploaded(&self, dump: bool) -> Result<Option<ArchiveAt>> {
        let whole = self.store().kept::<Upload>(KEPT_AS)?.filter(|upload| upload.received == upload.size);
        let Some(upload) = whole else { return Ok(None) };
        let path = self.temporary()?.join(upload.name);
        let file = path.is_file().then(|| path.into_os_string().into_string().ok()).flatten();
        Ok(file.map(|file| ArchiveAt::File { file, dump: Some(dump) }))
    }

    /// Removes archives that nobody came for.
    pub(super) async fn tidy_uploads(self: &Arc<Self>) -> Result<()> {
        let _held = self.uploading.lock().await;
        self.work(|portal| {
            let now = Timestamp::now();
            let upload = portal.store().kept::<Upload>(KEPT_AS)?;
            let fresh = upload.filter(|upload| now.duration_since(times::kept(&upload.begun)) < WAITS);
            portal.remove_other_uploads(fresh.as_ref().map(|upload| upload.name.as_str()))
        })
        .await
    }

    /// Removes all but that one. A restore that has not ended may need an older one.
    fn remove_other_uploads(&self, stays: Option<&str>) -> Result<()> {
        let restoring = self.newest(Sort::Restore, None)?.is_some_and(|(_, job)| !job.state.is_ended());
        if restoring {
            return Ok(());
        }
        for entry in std::fs::read_dir(self.temporary()?).map_err(|error| failed(&error))?.flatten() {
            if stays.is_none_or(|name| entry.file_name() != *name) {
                remove_file(&entry.path())?;
            }
        }
        Ok(())
    }
}

fn failed(error: &std::io::Error) -> Error {
    Error::new("host.io", format!("The upload cannot be written: {error}"))
}
