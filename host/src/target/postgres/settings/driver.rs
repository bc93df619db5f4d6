//! What the driver takes of the parameters: who connects, to which database, and for how long it tries.

use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, TargetSessionAttrs};

use crate::error::{Error, Result};

use super::parameters::Parameters;

const APPLICATION: &str = "reinstate";

/// A configuration that lacks hosts and passwords.
pub(super) fn config(parameters: &Parameters) -> Result<Config> {
    let mut config = Config::new();
    config.user(parameters.get("user").unwrap_or_default()).dbname(parameters.get("dbname").unwrap_or_default());
    let application = parameters.get("application_name").or(parameters.get("fallback_application_name"));
    config.application_name(application.unwrap_or(APPLICATION));
    if let Some(options) = parameters.get("options") {
        config.options(options);
    }
    config.target_session_attrs(session(parameters)?).channel_binding(channel_binding(parameters)?);
    keep_alive(&mut config, parameters)?;
    check_what_cannot_be_chosen(parameters)?;
    Ok(config)
}

/// Seconds after which an attempt is given up; libpq takes 0 and less for no limit.
pub(super) fn patience(parameters: &Parameters) -> Result<Option<Duration>> {
    let seconds = parameters.number::<i64>("connect_timeout")?.and_then(|seconds| u64::try_from(seconds).ok());
    Ok(seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs))
}

/// Whether a server may be one that only reads. A server that is promoted but reads only by default is of no use to a
/// restore, so that `primary` asks for one that can be written.
fn session(parameters: &Parameters) -> Result<TargetSessionAttrs> {
    let choices = ["any", "read-write", "read-only", "primary", "standby", "prefer-standby"];
    Ok(match parameters.choice("target_session_attrs", &choices)? {
        "read-write" | "primary" => TargetSessionAttrs::ReadWrite,
        "read-only" | "standby" => TargetSessionAttrs::ReadOnly,
        _ => TargetSessionAttrs::Any,
    })
}

fn channel_binding(parameters: &Parameters) -> Result<ChannelBinding> {
    Ok(match parameters.choice("channel_binding", &["prefer", "disable", "require"])? {
        "disable" => ChannelBinding::Disable,
        "require" => ChannelBinding::Require,
        _ => ChannelBinding::Prefer,
    })
}

fn keep_alive(config: &mut Config, parameters: &Parameters) -> Result<()> {
    if let Some(on) = parameters.number::<i64>("keepalives")? {
        config.keepalives(on != 0);
    }
    let seconds =
        |name| Ok::<_, Error>(parameters.number::<u64>(name)?.filter(|value| *value > 0).map(Duration::from_secs));
    if let Some(idle) = seconds("keepalives_idle")? {
        config.keepalives_idle(idle);
    }
    if let Some(interval) = seconds("keepalives_interval")? {
        config.keepalives_interval(interval);
    }
    if let Some(count) = parameters.number::<u32>("keepalives_count")?.filter(|count| *count > 0) {
        config.keepalives_retries(count);
    }
    if let Some(limit) = parameters.number::<u64>("tcp_user_timeout")?.filter(|limit| *limit > 0) {
        config.tcp_user_timeout(Duration::from_millis(limit));
    }
    Ok(())
}

/// Connections speak UTF-8 and are not encrypted by GSSAPI; whoever asks for something else must know.
fn check_what_cannot_be_chosen(parameters: &Parameters) -> Result<()> {
    parameters.choice("gssencmode", &["prefer", "disable"])?;
    let encoding = parameters.get("client_encoding").unwrap_or("auto");
    if !["auto", "utf8", "utf-8", "unicode"].contains(&encoding.to_lowercase().as_str()) {
        let message = format!("Connections use UTF-8; leave the client encoding {encoding} out (PGCLIENTENCODING)");
        return Err(Error::new("usage", message));
    }
    Ok(())
}
