//! One connection that blocks: statements, rows, COPY in both directions.
//!
//! The driver's own task runs on the thread that waits for an answer, so that nothing is handed from thread to thread.

use std::collections::HashMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Poll;

use bytes::Bytes;
use futures_util::{SinkExt, Stream};
use tokio::runtime::Runtime;
use tokio_postgres::types::ToSql;
use tokio_postgres::{CancelToken, Client, CopyInSink, CopyOutStream, Row, SimpleQueryMessage, Statement};

use crate::error::Result;

use super::failure;
use super::settings::Settings;

/// What the driver says went wrong; [`failure`] makes an error of it.
pub(crate) type Fault = tokio_postgres::Error;

/// A connection.
pub(crate) struct Connection {
    client: Client,
    driver: Pin<Box<dyn Future<Output = std::result::Result<(), Fault>> + Send>>,
    /// The driver has ended: the connection is closed.
    closed: bool,
    prepared: HashMap<&'static str, Statement>,
    /// Present until the connection is dropped.
    runtime: Option<Runtime>,
}

/// An open COPY to the server.
pub(crate) struct CopyIn(Pin<Box<CopyInSink<Bytes>>>);

/// An open COPY from the server.
pub(crate) struct CopyOut(Pin<Box<CopyOutStream>>);

impl Connection {
    /// Connects, and takes the role on that the settings name.
    pub(crate) fn open(settings: &Settings) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| crate::error::Error::new("host.io", format!("No runtime for a connection: {error}")))?;
        let (client, driver) = runtime.block_on(settings.dial())?;
        let mut connection = Self { client, driver, closed: false, prepared: HashMap::new(), runtime: Some(runtime) };
        if let Some(role) = &settings.role {
            let role = super::placement::quoted(role);
            connection.batch(&format!("SET ROLE {role}")).map_err(|fault| failure::connecting(&fault, settings))?;
        }
        Ok(connection)
    }

    /// What stops the statement that runs on it, from another thread: see [`Settings::stop`].
    pub(crate) fn token(&self) -> CancelToken {
        self.client.cancel_token()
    }

    /// Runs statements that give no rows; one round trip, one implicit transaction unless they say otherwise.
    pub(crate) fn batch(&mut self, statements: &str) -> std::result::Result<(), Fault> {
        self.wait(async |client: &Client| client.batch_execute(statements).await)
    }

    /// Sends statements and does not wait for their end: they run before whatever is sent next, and with its round trip.
    pub(crate) fn cast(&mut self, statements: &str) {
        let mut request = pin!(self.client.batch_execute(statements));
        // The first poll puts the request into the driver's queue; the answer is thrown away when it comes.
        let _ = request.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    }

    /// Runs one statement with parameters.
    pub(crate) fn rows(
        &mut self,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> std::result::Result<Vec<Row>, Fault> {
        self.wait(async |client: &Client| client.query(statement, parameters).await)
    }

    /// Runs a statement that is run again and again: prepared once, one round trip from then on.
    pub(crate) fn known(
        &mut self,
        statement: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> std::result::Result<Vec<Row>, Fault> {
        let prepared = match self.prepared.get(statement) {
            Some(prepared) => prepared.clone(),
            None => {
                let prepared = self.wait(async |client: &Client| client.prepare(statement).await)?;
                self.prepared.insert(statement, prepared.clone());
                prepared
            }
        };
        self.wait(async |client: &Client| client.query(&prepared, parameters).await)
    }

    /// Runs statements and gives the rows of all of them as text; one round trip.
    pub(crate) fn texts(&mut self, statements: &str) -> std::result::Result<Vec<Vec<Option<String>>>, Fault> {
        let messages = self.wait(async |client: &Client| client.simple_query(statements).await)?;
        let text =
            |row: tokio_postgres::SimpleQueryRow| (0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect();
        Ok(messages
            .into_iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some(text(row)),
                _ => None,
            })
            .collect())
    }

    /// Begins a `COPY … FROM STDIN`.
    pub(crate) fn copy_in(&mut self, statement: &str) -> std::result::Result<CopyIn, Fault> {
        self.wait(async |client: &Client| client.copy_in(statement).await).map(|sink| CopyIn(Box::pin(sink)))
    }

    /// Sends bytes of an open COPY; each call is one message, so give it 64 KiB to 1 MiB.
    pub(crate) fn feed(&mut self, copy: &mut CopyIn, bytes: Bytes) -> std::result::Result<(), Fault> {
        self.wait(async |_: &Client| copy.0.send(bytes).await)
    }

    /// Ends a COPY and gives the server's count of rows. A COPY that is dropped instead is taken back.
    pub(crate) fn finish(&mut self, mut copy: CopyIn) -> std::result::Result<u64, Fault> {
        self.wait(async |_: &Client| copy.0.as_mut().finish().await)
    }

    /// Begins a `COPY … TO STDOUT`.
    pub(crate) fn copy_out(&mut self, statement: &str) -> std::result::Result<CopyOut, Fault> {
        self.wait(async |client: &Client| client.copy_out(statement).await).map(|stream| CopyOut(Box::pin(stream)))
    }

    /// The next message of a COPY from the server; `None` at its end.
    pub(crate) fn next(&mut self, copy: &mut CopyOut) -> std::result::Result<Option<Bytes>, Fault> {
        self.wait(async |_: &Client| {
            std::future::poll_fn(|context| copy.0.as_mut().poll_next(context)).await.transpose()
        })
    }

    /// Whether the server or the network has ended it.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed || self.client.is_closed()
    }

    /// Runs a request to its end and the driver beside it.
    fn wait<T>(
        &mut self,
        request: impl AsyncFnOnce(&Client) -> std::result::Result<T, Fault>,
    ) -> std::result::Result<T, Fault> {
        let Self { client, driver, closed, runtime, .. } = self;
        #[expect(clippy::expect_used, reason = "Only dropping the connection takes the runtime")]
        let runtime = runtime.as_ref().expect("a runtime");
        let mut request = pin!(request(client));
        runtime.block_on(std::future::poll_fn(|context| {
            if let Poll::Ready(answer) = request.as_mut().poll(context) {
                return Poll::Ready(answer);
            }
            if !*closed && let Poll::Ready(ended) = driver.as_mut().poll(context) {
                *closed = true;
                // What the driver says is the reason; the request would only say that the connection is closed.
                if let Err(fault) = ended {
                    return Poll::Ready(Err(fault));
                }
            }
            request.as_mut().poll(context)
        }))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Also where blocking is not allowed.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
