//! What every answer is put into, and what errors look like to DocSpace's clients.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::error::Error;
use crate::server::problem;

use super::Portal;

/// What handlers return.
pub(super) type Answer = Result<Response, Refusal>;

/// The request as answers name it.
pub(super) struct Here {
    href: String,
    action: String,
}

impl FromRequestParts<Arc<Portal>> for Here {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, portal: &Arc<Portal>) -> Result<Self, Infallible> {
        let config = &portal.server.config;
        let base = config.public_url.clone().unwrap_or_else(|| {
            let named = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
            let host = named.or_else(|| parts.uri.authority().map(|authority| authority.as_str()));
            let scheme = if config.tls.is_some() { "https" } else { "http" };
            format!("{scheme}://{}", host.unwrap_or_default())
        });
        let href = format!("{}{}", base.trim_end_matches('/'), parts.uri.path());
        Ok(Self { href, action: parts.method.to_string() })
    }
}

impl Here {
    /// The answer to a call that succeeded.
    pub(super) fn answer(&self, response: &Value) -> Response {
        let count = match response {
            Value::Null => 0,
            Value::Array(list) => list.len(),
            _ => 1,
        };
        sent(
            StatusCode::OK,
            &json!({
                "response": response,
                "count": count,
                "links": [{"href": self.href, "action": self.action}],
                "status": 0,
                "statusCode": 200,
            }),
        )
    }
}

/// An error on its way to a client.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) Error);

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = problem::status(&self.0);
        let (sort, hresult) = exception(status);
        let error = json!({"message": self.0.to_string(), "type": sort, "stack": "", "hresult": hresult});
        let body = json!({"status": 1, "statusCode": status.as_u16(), "error": error});
        let mut response = sent(status, &body);
        if status == StatusCode::UNAUTHORIZED {
            let schemes = HeaderValue::from_static("Bearer realm=\"reinstate\", Basic realm=\"reinstate\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, schemes);
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// What the vendor's server would have thrown, and its number.
fn exception(status: StatusCode) -> (&'static str, i32) {
    match status.as_u16() {
        400 => ("System.ArgumentException", -2_147_024_809),
        401 => ("System.Security.Authentication.AuthenticationException", -2_146_233_087),
        403 => ("System.Security.SecurityException", -2_146_233_078),
        404 => ("System.Collections.Generic.KeyNotFoundException", -2_146_232_969),
        409 => ("System.InvalidOperationException", -2_146_233_079),
        _ => ("System.Exception", -2_146_233_088),
    }
}

/// JSON, in the type that clients insist on.
pub(super) fn sent(status: StatusCode, body: &Value) -> Response {
    let mut response = (status, Json(body)).into_response();
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(response: Response) -> (u16, String, Value) {
        let status = response.status().as_u16();
        let sort = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, sort, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn answers_are_counted() {
        let here = Here { href: "http://server/x".to_owned(), action: "GET".to_owned() };
        for (response, count) in [
            (json!(null), 0),
            (json!([]), 0),
            (json!([1, 2, 3]), 3),
            (json!(true), 1),
            (json!(false), 1),
            (json!(0), 1),
            (json!({"enabled": true}), 1),
        ] {
            let (status, sort, body) = read(here.answer(&response)).await;
            let links = json!([{"href": "http://server/x", "action": "GET"}]);
            let expected =
                json!({"response": response, "count": count, "links": links, "status": 0, "statusCode": 200});
            assert_eq!((status, sort.as_str(), body), (200, "application/json; charset=utf-8", expected));
        }
    }

    #[tokio::test]
    async fn errors_are_told_in_the_vendors_form() {
        for (code, status, sort) in [
            ("usage", 400, "System.ArgumentException"),
            ("repository.bad_name", 400, "System.ArgumentException"),
            ("request.unauthorized", 401, "System.Security.Authentication.AuthenticationException"),
            ("request.forbidden", 403, "System.Security.SecurityException"),
            ("request.not_found", 404, "System.Collections.Generic.KeyNotFoundException"),
            ("job.not_possible", 409, "System.InvalidOperationException"),
            ("request.throttled", 429, "System.Exception"),
            ("host.io", 500, "System.Exception"),
            ("server.stopping", 503, "System.Exception"),
        ] {
            let (found, content, body) = read(Refusal(Error::new(code, "Why")).into_response()).await;
            assert_eq!((found, content.as_str()), (status, "application/json; charset=utf-8"), "{code}");
            assert_eq!(body["status"], 1);
            assert_eq!(body["statusCode"], status, "{code}");
            assert_eq!((&body["error"]["message"], &body["error"]["type"]), (&json!("Why"), &json!(sort)));
            assert!(body["error"]["hresult"].is_i64() && body["error"]["stack"].is_string());
        }
    }
}
