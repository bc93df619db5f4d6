//! One address that gets requests, each signed so that the receiver knows who sends it, and when.

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use reqwest::{Client, StatusCode, Url, redirect};
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};
use crate::repository::choose_tls;
use crate::server::config;
use crate::source::secret;

use super::bad;
use super::delivery::Trouble;

/// What the receiver checks: `t=UNIX,v1=HEX`, the digest being of the time, a point and the body.
const SIGNATURE: &str = "x-reinstate-signature";
/// The delivery's name: the same however often it is tried.
const DELIVERY: &str = "x-reinstate-delivery";
/// How long a receiver may take to let us in, and to answer.
const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(30);

/// An address.
pub(super) struct Webhook {
    /// What deliveries call it: a digest of the address.
    pub(super) name: String,
    /// The address without what may be a secret: no path, no query.
    pub(super) shown: String,
    /// It is told of every job.
    pub(super) always: bool,
    url: Url,
    secret: Vec<u8>,
    client: Client,
}

impl Webhook {
    /// Reads the secret. Fails with `server.bad_config`.
    pub(super) fn new(config: &config::Webhook) -> Result<Self> {
        // What was written is not repeated: addresses of webhooks are often secrets themselves.
        let url = Url::parse(&config.url).map_err(|error| bad(format!("A webhook's address is none: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
            return Err(bad("A webhook's address begins with https:// or http:// and holds no user or password"));
        }
        let shown = url.origin().ascii_serialization();
        let text = secret(&config.secret).map_err(bad)?;
        let secret = text.trim_end_matches(['\r', '\n']).as_bytes().to_vec();
        if secret.is_empty() {
            return Err(bad(format!("The secret of the webhook at {shown} is empty")));
        }
        let digest = Sha256::digest(config.url.as_bytes());
        let name = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { name, shown, always: config.always, url, secret, client: client()? })
    }

    /// Sends it once; answers who was told.
    pub(super) async fn send(&self, delivery: &str, body: &str) -> Result<String, Trouble> {
        let failed = |why: &dyn std::fmt::Display, again| Trouble::new(format!("{} {why}", self.shown), again);
        let signature =
            sign(&self.secret, Timestamp::now().as_second(), body).map_err(|error| failed(&error, false))?;
        let request = self
            .client
            .post(self.url.clone())
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .header(SIGNATURE, signature)
            .header(DELIVERY, delivery)
            .body(body.to_owned());
        let status = match request.send().await {
            Ok(response) => response.status(),
            Err(error) => return Err(failed(&format!("cannot be reached: {}", cause(error)), true)),
        };
        if status.is_success() {
            return Ok(self.shown.clone());
        }
        let busy = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
        Err(failed(&format!("answered {}", status.as_u16()), busy || status.is_server_error()))
    }
}

/// Follows nobody elsewhere: what is signed is for the one who was named.
fn client() -> Result<Client> {
    choose_tls();
    Client::builder()
        .user_agent(concat!("reinstate/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT)
        .timeout(ANSWER)
        .build()
        .map_err(|error| bad(format!("There is no HTTP client: {error}")))
}

/// The deepest reason: those above it only say that a request failed, and where to.
fn cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut deepest: &dyn std::error::Error = &error;
    while let Some(deeper) = deepest.source() {
        deepest = deeper;
    }
    deepest.to_string()
}

/// The signature's header.
pub(super) fn sign(secret: &[u8], time: i64, body: &str) -> Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret)
        .map_err(|error| Error::new("host.internal", format!("cannot be signed for: {error}")))?;
    mac.update(format!("{time}.").as_bytes());
    mac.update(body.as_bytes());
    let digest: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("t={time},v1={digest}"))
}
