//! Makes a connection: every address in its turn, encrypted or plain in the order that `sslmode` gives.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio_postgres::config::{SslMode, SslNegotiation};
use tokio_postgres::{CancelToken, Client, Config, NoTls};

use crate::error::Error;
use crate::text::capital;

use super::super::connection::Fault;
use super::super::failure;
use super::super::tls::Attempt;
use super::Settings;
use super::address::Address;

/// How long the server may take to hear that statements are to stop.
const STOPPING: Duration = Duration::from_secs(2);

/// What moves a connection's bytes; ends with the connection.
pub(crate) type Driver = Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>>;

/// Why one attempt failed.
enum Refusal {
    Fault(Fault),
    TooLong(Duration),
}

impl Settings {
    /// Connects to the first address that lets us in.
    pub(crate) async fn dial(&self) -> Result<(Client, Driver), Error> {
        let mut refusals = Vec::new();
        for address in &self.addresses {
            match self.dial_address(address).await {
                Ok(connected) => return Ok(connected),
                Err(refusal) => refusals.push((address, refusal)),
            }
        }
        Err(self.explain(refusals))
    }

    /// Stops the statements that run on these connections, each by a connection of its own, encrypted as the first one is. A server that
    /// cannot be reached now says nothing to it: the statements go on.
    pub(crate) fn stop(&self, tokens: Vec<CancelToken>) {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        let stop = async |token: CancelToken| match self.security.connector() {
            Some(connector) => token.cancel_query(connector).await,
            None => token.cancel_query(NoTls).await,
        };
        let all = futures_util::future::join_all(tokens.into_iter().map(stop));
        let _ = runtime.block_on(async { tokio::time::timeout(STOPPING, all).await });
    }

    async fn dial_address(&self, address: &Address) -> Result<(Client, Driver), Refusal> {
        let attempts = self.security.attempts(address.folder().is_some());
        let mut first = None;
        for attempt in attempts {
            let refusal = match self.attempt(address, *attempt).await {
                Ok(connected) => return Ok(connected),
                Err(refusal) => refusal,
            };
            if !refusal.may_be_of_encryption() {
                return Err(first.unwrap_or(refusal));
            }
            // What the server says of an attempt tells more than a handshake that failed.
            let tells = refusal.is_said();
            if first.is_none() || tells && !first.as_ref().is_some_and(Refusal::is_said) {
                first = Some(refusal);
            }
        }
        // There is always an attempt.
        Err(first.unwrap_or(Refusal::TooLong(Duration::ZERO)))
    }

    async fn attempt(&self, address: &Address, attempt: Attempt) -> Result<(Client, Driver), Refusal> {
        let config = self.config_for(address, attempt);
        let connecting = async {
            match self.security.connector().filter(|_| attempt != Attempt::Plain) {
                Some(connector) => {
                    let (client, driver) = config.connect(connector).await?;
                    Ok((client, Box::pin(driver) as Driver))
                }
                None => {
                    let (client, driver) = config.connect(NoTls).await?;
                    Ok((client, Box::pin(driver) as Driver))
                }
            }
        };
        match self.patience {
            Some(patience) => tokio::time::timeout(patience, connecting)
                .await
                .map_err(|_| Refusal::TooLong(patience))?
                .map_err(Refusal::Fault),
            None => connecting.await.map_err(Refusal::Fault),
        }
    }

    fn config_for(&self, address: &Address, attempt: Attempt) -> Config {
        let mut config = self.config.clone();
        match address.folder() {
            Some(folder) => config.host_path(folder),
            None => config.host(&address.host),
        };
        if let Some(at) = address.at {
            config.hostaddr(at);
        }
        if let Some(password) = &address.password {
            config.password(password.reveal());
        }
        config.port(address.port).ssl_mode(match attempt {
            Attempt::Plain => SslMode::Disable,
            Attempt::Offered => SslMode::Prefer,
            Attempt::Encrypted => SslMode::Require,
        });
        if attempt == Attempt::Encrypted && self.security.is_direct() {
            config.ssl_negotiation(SslNegotiation::Direct);
        }
        config
    }

    /// One error of all refusals: the first that a server said, else the last. The others are named behind it.
    fn explain(&self, mut refusals: Vec<(&Address, Refusal)>) -> Error {
        let telling = refusals.iter().position(|(_, refusal)| refusal.is_said());
        let at = telling.unwrap_or(refusals.len().saturating_sub(1));
        let others: Vec<String> = refusals
            .iter()
            .enumerate()
            .filter(|(place, _)| *place != at)
            .map(|(_, (address, refusal))| format!("{address}: {}", refusal.words()))
            .collect();
        if refusals.is_empty() {
            return Error::new("target.not_reached", format!("{} names no address", self.location));
        }
        let (_, refusal) = refusals.swap_remove(at);
        let error = self.error(&refusal);
        if others.is_empty() {
            return error;
        }
        Error::new(error.details().code.clone(), format!("{error}; {}", others.join("; ")))
    }

    fn error(&self, refusal: &Refusal) -> Error {
        let location = &self.location;
        let fault = match refusal {
            Refusal::TooLong(_) => {
                return Error::new("target.not_reached", format!("{location} cannot be reached: {}", refusal.words()));
            }
            Refusal::Fault(fault) => fault,
        };
        if refusal.words() == "password missing" {
            let why = self.unread.clone().unwrap_or_else(|| "set PGPASSWORD or write it into ~/.pgpass".to_owned());
            return Error::new("target.no_right", format!("{location} asks for a password, and none was given; {why}"));
        }
        let error = failure::connecting(fault, self);
        match &self.unread {
            Some(why) if error.code() == "target.no_right" => {
                Error::new("target.no_right", format!("{error}. {}", capital(why)))
            }
            _ => error,
        }
    }
}

impl Refusal {
    /// Whether the server itself refused.
    fn is_said(&self) -> bool {
        matches!(self, Self::Fault(fault) if fault.as_db_error().is_some())
    }

    /// Whether another attempt, encrypted otherwise, may get through: the handshake failed, or the server's rules have
    /// no line for such a connection.
    fn may_be_of_encryption(&self) -> bool {
        match self {
            Self::TooLong(_) => false,
            Self::Fault(fault) => fault.as_db_error().is_none_or(|said| said.code().code() == "28000"),
        }
    }

    fn words(&self) -> String {
        match self {
            Self::TooLong(patience) => format!("no answer within {} s", patience.as_secs()),
            Self::Fault(fault) => match fault.as_db_error() {
                Some(said) => said.message().to_owned(),
                None => std::error::Error::source(fault).map_or_else(|| fault.to_string(), ToString::to_string),
            },
        }
    }
}
