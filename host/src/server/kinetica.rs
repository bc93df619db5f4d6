//! The Kinetica door: its clients connect to us as to their database, and restore, show, verify, create, alter and drop backups.
//!
//! A request is Avro, Avro in Snappy, or JSON; the reply is an envelope in the same encoding. Refusals are envelopes, too, with status 400: clients
//! take 404 and 500 for a server that is gone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::{StreamExt as _, stream};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use crate::error::{Error, Result};

use super::audit::About;
use super::config::Config;
use super::{Server, auth, blocking};

mod avro;
mod backups;
mod call;
mod encoding;
mod json;
mod message;
mod options;
mod record;
mod restore;
mod show;
mod system;
#[cfg(test)]
mod tests;

use call::{Call, Delivery};
use encoding::{Encoding, Envelope, MOST_BYTES};
use record::{Record, Sort};

/// How long an answer took: the client reads it.
const SECONDS: HeaderName = HeaderName::from_static("x-request-time-secs");
/// What somebody who pings wants to read.
const RUNNING: &str = "Kinetica is running!";

/// What the door is told.
struct Door {
    /// The target that stands for the database.
    target: String,
    /// Data sources and data sinks, and the repositories that these are.
    stores: BTreeMap<String, String>,
    public_url: Option<String>,
    tls: bool,
    /// Held while something is changed that is no job.
    changing: Arc<Mutex<()>>,
}

/// A path, and the fields of its requests in order.
struct Endpoint {
    path: &'static str,
    fields: &'static [(&'static str, Sort)],
}

const NAME: (&str, Sort) = ("backup_name", Sort::Text);
const SOURCE: (&str, Sort) = ("datasource_name", Sort::Text);
const SINK: (&str, Sort) = ("datasink_name", Sort::Text);
const OPTIONS: (&str, Sort) = ("options", Sort::Map);

static ENDPOINTS: [Endpoint; 10] = [
    Endpoint { path: "/show/system/status", fields: &[OPTIONS] },
    Endpoint { path: "/show/system/properties", fields: &[OPTIONS] },
    Endpoint { path: "/restore/backup", fields: &[NAME, ("restore_objects_map", Sort::Map), SOURCE, OPTIONS] },
    Endpoint { path: "/show/backup", fields: &[NAME, SOURCE, OPTIONS] },
    Endpoint { path: "/verify/backup", fields: &[NAME, SOURCE, OPTIONS] },
    Endpoint {
        path: "/create/backup",
        fields: &[NAME, ("backup_type", Sort::Text), ("backup_objects_map", Sort::Map), SINK, OPTIONS],
    },
    Endpoint { path: "/alter/backup", fields: &[NAME, ("action", Sort::Text), ("value", Sort::Text), SINK, OPTIONS] },
    Endpoint { path: "/drop/backup", fields: &[NAME, SINK, OPTIONS] },
    Endpoint { path: "/admin/backup/begin", fields: &[OPTIONS] },
    Endpoint { path: "/admin/backup/end", fields: &[OPTIONS] },
];

impl Endpoint {
    /// The name of its replies' records.
    fn data_type(&self) -> String {
        format!("{}_response", self.path.trim_start_matches('/').replace('/', "_"))
    }
}

/// Opens the door where the configuration says so: adds its paths, and answers the client's ping on a page that is for people.
pub(crate) fn open(mut router: Router<Arc<Server>>, config: &Config) -> Router<Arc<Server>> {
    let Some(told) = &config.kinetica else { return router };
    let door = Arc::new(Door {
        target: told.target.clone(),
        stores: told.stores.clone(),
        public_url: config.public_url.clone(),
        tls: config.tls.is_some(),
        changing: Arc::default(),
    });
    for endpoint in &ENDPOINTS {
        let door = Arc::clone(&door);
        let handler = move |State(server): State<Arc<Server>>, request: Request| serve(server, door, endpoint, request);
        router = router.route(endpoint.path, post(handler));
    }
    router.layer(from_fn(greet))
}

/// Answers a ping, which is a GET of the root, and says in the client's words that there is no such endpoint.
async fn greet(request: Request, next: Next) -> Response {
    let (headers, method) = (request.headers(), request.method());
    if method == Method::GET && request.uri().path() == "/" && pings(headers) {
        return RUNNING.into_response();
    }
    let asked = (method == Method::POST && is_client(headers))
        .then(|| (Encoding::of(headers).unwrap_or(Encoding::Json), request.uri().path().to_owned()));
    let response = next.run(request).await;
    match asked {
        Some((encoding, path)) if response.status() == StatusCode::NOT_FOUND => {
            let path: String = path.escape_debug().take(200).collect();
            let message = format!("request.not_found: There is no endpoint {path} here: only those of backups");
            refusal(encoding, StatusCode::BAD_REQUEST, &message)
        }
        _ => response,
    }
}

fn is_client(headers: &HeaderMap) -> bool {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    agent.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("kinetica"))
}

/// Browsers want a page; clients say who they are, or what they understand.
fn pings(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok()).unwrap_or_default();
    let theirs = ["application/json", "application/octet-stream", "application/x-snappy"];
    is_client(headers) || (theirs.iter().any(|kind| accepted.contains(kind)) && !accepted.contains("text/html"))
}

async fn serve(server: Arc<Server>, door: Arc<Door>, endpoint: &'static Endpoint, request: Request) -> Response {
    let since = Instant::now();
    let encoding = Encoding::of(request.headers());
    let mut response = match understood(&server, door, endpoint, encoding, request).await {
        Ok(mut call) => {
            let outcome = answer(&mut call, endpoint).await;
            delivered(encoding.unwrap_or(Encoding::Json), endpoint, &outcome, call)
        }
        Err(error) => error_reply(encoding.unwrap_or(Encoding::Json), &error),
    };
    if let Ok(seconds) = HeaderValue::from_str(&format!("{:.6}", since.elapsed().as_secs_f64())) {
        response.headers_mut().insert(SECONDS, seconds);
    }
    response
}

/// Who asks, and for what.
async fn understood(
    server: &Arc<Server>,
    door: Arc<Door>,
    endpoint: &'static Endpoint,
    encoding: Option<Encoding>,
    request: Request,
) -> Result<Call> {
    let (parts, body) = request.into_parts();
    let credentials = auth::standard(&parts.headers).ok_or_else(auth::missing)?;
    let identity = auth::recognise(server, credentials, &parts).await?;
    let encoding = encoding.ok_or_else(|| {
        let message = "The request's body is of a type that is not understood: application/octet-stream, application/json and \
                       application/x-snappy are";
        Error::new("request.bad_media_type", message)
    })?;
    if parts.headers.contains_key(header::CONTENT_ENCODING) {
        let message = "The request's body is compressed in a way that is not understood: application/x-snappy is";
        return Err(Error::new("request.bad_media_type", message));
    }
    let limit = MOST_BYTES.min(server.config.limits.body_bytes);
    let body = axum::body::to_bytes(body, limit).await.map_err(|error| unread(&error, limit))?;
    let fields = encoding.read(endpoint.fields, &body)?;
    let digest = Sha256::new().chain_update(endpoint.path).chain_update([0]).chain_update(&body).finalize();
    Ok(Call {
        server: Arc::clone(server),
        door,
        identity,
        fields,
        host: host(&parts),
        digest: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        delivery: Delivery::default(),
        about: Vec::new(),
    })
}

fn unread(error: &axum::Error, limit: usize) -> Error {
    let too_long = std::error::Error::source(error).is_some_and(|source| source.to_string().contains("length limit"));
    if too_long {
        return Error::new("request.too_large", format!("The request's body has more than {limit} bytes"));
    }
    Error::new("request.timeout", "The request's body did not come to its end")
}

fn host(parts: &Parts) -> Option<String> {
    let said = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    said.or_else(|| parts.uri.authority().map(axum::http::uri::Authority::as_str)).map(str::to_owned)
}

async fn answer(call: &mut Call, endpoint: &Endpoint) -> Result<Record> {
    match endpoint.path {
        "/show/system/status" => Ok(system::status()),
        "/show/system/properties" => Ok(system::properties(call)),
        "/restore/backup" => restore::restore(call).await,
        "/show/backup" => show::show(call).await,
        "/verify/backup" => show::verify(call).await,
        "/create/backup" => backups::create(call).await,
        "/alter/backup" => backups::alter(call).await,
        "/drop/backup" => backups::drop_backups(call).await,
        _ => system::files(),
    }
}

/// The reply, which sets free what was kept for another delivery while it is on its way.
fn delivered(encoding: Encoding, endpoint: &Endpoint, outcome: &Result<Record>, call: Call) -> Response {
    let mut response = match outcome {
        // The client asks again, and finds what it had started.
        Err(error) if error.code() == "server.stopping" => return error_reply(encoding, error),
        Err(error) if call.delivery.is_empty() => return error_reply(encoding, error),
        Err(error) => {
            let bytes = encoding.write(&Envelope::Error(&message::of(error)));
            reply(encoding, status(error), tracked(bytes, &call))
        }
        Ok(record) => {
            let bytes = encoding.write(&Envelope::Ok(&endpoint.data_type(), record));
            reply(encoding, StatusCode::OK, tracked(bytes, &call))
        }
    };
    if !call.about.is_empty() {
        response.extensions_mut().insert(About(call.about.join(",")));
    }
    response
}

/// A body and its length.
struct Tracked {
    body: Body,
    length: usize,
}

/// All but the last byte goes out before the answer counts as delivered, and the last byte after that: a client that is gone by then gets it
/// when it asks again, and one that has it all can ask for the same anew.
fn tracked(mut bytes: Vec<u8>, call: &Call) -> Tracked {
    let length = bytes.len();
    if call.delivery.is_empty() {
        return Tracked { body: Body::from(bytes), length };
    }
    let last = bytes.split_off(length.saturating_sub(1));
    let (server, user, delivery) = (Arc::clone(&call.server), call.identity.user.clone(), call.delivery.clone());
    let rest = async move {
        // Lets the connection write what it has, and notice that nobody is there.
        tokio::task::yield_now().await;
        let done = blocking(move || delivery.done(&server, &user)).await;
        done.map(|()| Bytes::from(last))
    };
    let first = stream::iter([Ok::<_, Error>(Bytes::from(bytes))]);
    Tracked { body: Body::from_stream(first.chain(stream::once(rest))), length }
}

fn reply(encoding: Encoding, status: StatusCode, Tracked { body, length }: Tracked) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(encoding.media_type())),
        (header::CONTENT_LENGTH, HeaderValue::from(length)),
    ];
    (status, headers, body).into_response()
}

fn error_reply(encoding: Encoding, error: &Error) -> Response {
    let mut response = refusal(encoding, status(error), &message::of(error));
    if response.status() == StatusCode::UNAUTHORIZED {
        let scheme = HeaderValue::from_static("Basic realm=\"reinstate\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
    }
    response
}

fn refusal(encoding: Encoding, status: StatusCode, message: &str) -> Response {
    let bytes = encoding.write(&Envelope::Error(message));
    let length = bytes.len();
    reply(encoding, status, Tracked { body: Body::from(bytes), length })
}

/// Only what is true of the server itself may look like it to a client.
fn status(error: &Error) -> StatusCode {
    match error.code() {
        "request.unauthorized" => StatusCode::UNAUTHORIZED,
        "server.stopping" => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    }
}
