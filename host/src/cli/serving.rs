//! The commands of the server.

use std::io::{IsTerminal as _, Read as _};
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::error::{Error, Result};
use crate::server::{self, Config, Surroundings};

use super::environment;
use super::output::{line, value};

/// `reinstate serve`
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// The configuration
    #[arg(
        value_name = "CONFIG",
        env = "REINSTATE_SERVER_CONFIG",
        required_unless_present = "demo",
        conflicts_with = "demo"
    )]
    config: Option<PathBuf>,
    /// Serve a small real repository and an embedded target, for everybody on this machine to try
    #[arg(long)]
    demo: bool,
    /// Address and port, in place of the configuration's
    #[arg(long, value_name = "ADDR", env = "REINSTATE_LISTEN")]
    listen: Option<SocketAddr>,
    /// The server's own folder, in place of the configuration's; one that is removed at the end for --demo
    #[arg(long, value_name = "DIR", env = "REINSTATE_STATE")]
    state: Option<PathBuf>,
}

/// Serves until it is told to stop.
pub(super) async fn serve(args: ServeArgs, json: bool) -> Result<u8> {
    let mut passing = None;
    let mut config = if args.demo {
        let state = match &args.state {
            Some(state) => state.clone(),
            None => {
                let failed = |error| Error::new("host.io", format!("There is no place for temporary files: {error}"));
                passing.insert(tempfile::tempdir().map_err(failed)?).path().to_owned()
            }
        };
        server::prepare_demo(&state)?
    } else {
        Config::read(&args.config.unwrap_or_default())?
    };
    if let Some(listen) = args.listen {
        config.listen = listen;
    }
    if let Some(state) = args.state {
        config.state = state;
    }
    let surroundings = Surroundings {
        postgres: environment::postgres(),
        credentials: environment::credentials(),
        cache: environment::cache(),
        compiler: std::env::current_exe().ok(),
    };
    let (demo, scheme) = (args.demo, if config.tls.is_some() { "https" } else { "http" });
    let ready = move |address: SocketAddr| {
        if json {
            return value(&json!({"listen": address.to_string()}));
        }
        line(&format!("Listening on {scheme}://{address}/"));
        if demo {
            line("Sign in as admin with the password secret, or with the token sk-secret; do not let others reach it");
        }
    };
    server::serve(config, surroundings, ready, stopped()?).await?;
    Ok(0)
}

/// Done once a signal says that the process is to end.
fn stopped() -> Result<impl Future<Output = ()> + Send> {
    let failed = |error| Error::new("host.io", format!("Signals cannot be caught: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    Ok(async move {
        tokio::select! { _ = interrupt.recv() => (), _ = terminate.recv() => () }
    })
}

/// `reinstate hash-password`: from standard input, where no list of commands shows it.
pub(super) fn hash(token: bool, json: bool) -> Result<u8> {
    if token {
        let token = server::new_token()?;
        let hash = server::token_hash(&token);
        if json {
            value(&json!({"token": token, "hash": hash}));
        } else {
            line(&format!("token {token}"));
            line(&format!("hash  {hash}"));
        }
        return Ok(0);
    }
    let mut password = String::new();
    if std::io::stdin().is_terminal() {
        return Err(Error::new("usage", "The password is read from standard input: reinstate hash-password < FILE"));
    }
    let failed = |error| Error::new("usage", format!("The password cannot be read: {error}"));
    std::io::stdin().take(4096).read_to_string(&mut password).map_err(failed)?;
    let password = password.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(Error::new("usage", "The password is empty"));
    }
    let hash = server::hash_password(password)?;
    if json {
        value(&json!({"hash": hash}))
    } else {
        line(&hash)
    }
    Ok(0)
}
