//! Replies on their way: envelopes, with the status that tells the client what to make of them, and what happens once one is delivered.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt as _, stream};

use crate::error::{Error, Result};
use crate::server::audit::About;
use crate::server::blocking;

use super::Endpoint;
use super::call::Call;
use super::encoding::{Encoding, Envelope};
use super::message;
use super::record::Record;

/// The reply, which sets free what was kept for another delivery while it is on its way.
pub(super) fn to(call: &Call, encoding: Encoding, endpoint: &Endpoint, outcome: &Result<Record>) -> Response {
    let mut response = match outcome {
        // The client asks again, and finds what it had started.
        Err(error) if error.code() == "server.stopping" => return self::error(encoding, error),
        Err(error) if call.delivery.is_empty() => return self::error(encoding, error),
        Err(error) => {
            let bytes = encoding.write(&Envelope::Error(&message::of(error)));
            reply(encoding, status(error), tracked(bytes, call))
        }
        Ok(record) => {
            let bytes = encoding.write(&Envelope::Ok(&endpoint.data_type(), record));
            reply(encoding, StatusCode::OK, tracked(bytes, call))
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

/// An error, with nothing kept for another delivery.
pub(super) fn error(encoding: Encoding, error: &Error) -> Response {
    let mut response = refusal(encoding, status(error), &message::of(error));
    if response.status() == StatusCode::UNAUTHORIZED {
        let scheme = HeaderValue::from_static("Basic realm=\"reinstate\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
    }
    response
}

/// An error of that status and text.
pub(super) fn refusal(encoding: Encoding, status: StatusCode, message: &str) -> Response {
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
