//! Errors as problem+json (RFC 9457): the same value that the command line prints, with the status that its code stands for.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{Details, Error, Kind};

/// An error on its way to a client.
#[derive(Debug, Clone)]
pub(crate) struct Problem(pub(crate) Error);

/// What a client reads.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// `urn:reinstate:` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// What the code means, in a sentence.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What happened.
    detail: String,
    /// The stable code.
    code: String,
    /// The object that it is about.
    object: Option<String>,
    /// The archive's entry.
    entry: Option<String>,
    /// The row in that entry, counted from 1.
    row: Option<u64>,
    /// What the target holds now.
    state: String,
    /// One command that is safe to run next.
    next: String,
}

/// What handlers return.
pub(crate) type Answer<T> = std::result::Result<T, Problem>;

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl Problem {
    /// The HTTP status that the code stands for.
    pub(crate) fn status(&self) -> StatusCode {
        status(&self.0)
    }

    fn body(&self) -> ProblemBody {
        let Details { code, object, entry, row, message, state, next, .. } = self.0.details();
        ProblemBody {
            kind: format!("urn:reinstate:{code}"),
            title: crate::error::codes::meaning(code),
            status: self.status().as_u16(),
            detail: message.clone(),
            code: code.to_string(),
            object: object.as_ref().map(ToString::to_string),
            entry: entry.clone(),
            row: *row,
            state: state.clone(),
            next: next.clone(),
        }
    }
}

/// The HTTP status of an error: by its code where that is about the request itself, else by how bad it is.
pub(crate) fn status(error: &Error) -> StatusCode {
    match error.code() {
        "request.unauthorized" => StatusCode::UNAUTHORIZED,
        "request.forbidden" => StatusCode::FORBIDDEN,
        "request.not_found" | "job.not_found" | "repository.not_found" | "archive.not_found" => StatusCode::NOT_FOUND,
        "request.bad_method" => StatusCode::METHOD_NOT_ALLOWED,
        // A document that came with the request, as any other that cannot be understood.
        "plan.invalid" => StatusCode::BAD_REQUEST,
        "request.too_large" => StatusCode::PAYLOAD_TOO_LARGE,
        "request.bad_media_type" => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "request.key_reused" => StatusCode::UNPROCESSABLE_ENTITY,
        "request.throttled" => StatusCode::TOO_MANY_REQUESTS,
        "request.timeout" => StatusCode::REQUEST_TIMEOUT,
        "server.stopping" | "server.store" => StatusCode::SERVICE_UNAVAILABLE,
        "job.not_possible" | "job.superseded" | "target.busy" | "repository.busy" | "repository.backup_exists" => {
            StatusCode::CONFLICT
        }
        _ => match error.kind() {
            Kind::Usage => StatusCode::BAD_REQUEST,
            Kind::Refused => StatusCode::CONFLICT,
            Kind::Failed | Kind::Stopped | Kind::Interrupted => StatusCode::INTERNAL_SERVER_ERROR,
        },
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = (status, Json(self.body())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            let schemes = HeaderValue::from_static("Bearer realm=\"reinstate\", Basic realm=\"reinstate\"");
            headers.insert(header::WWW_AUTHENTICATE, schemes);
        }
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
