//! The port: connections with or without TLS, each with limits on how long a client may take.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;
use tower_http::timeout::TimeoutBody;

use crate::error::{Error, Result};

use super::config::{Config, Tls};

/// How long answers that are under way may take once the server stops.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// How much longer than a handler the port waits for the next piece of a body: handlers have better words for it.
const GRACE: Duration = Duration::from_secs(1);

/// The open port.
pub(super) struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    connections: Arc<Semaphore>,
    idle: Duration,
}

impl Listener {
    /// Opens the port. Fails with `server.bad_config`, and with `server.no_port` where it is taken.
    pub(super) async fn bind(config: &Config) -> Result<Self> {
        let tls = config.tls.as_ref().map(acceptor).transpose()?;
        let failed = |error| Error::new("server.no_port", format!("{} cannot be listened on: {error}", config.listen));
        let socket = TcpListener::bind(config.listen).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let connections = Arc::new(Semaphore::new(config.limits.connections));
        Ok(Self { socket, address, tls, connections, idle: Duration::from_secs(config.limits.idle_seconds) })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` is done, and then what is under way.
    pub(super) async fn run(self, router: Router, stop: impl Future<Output = ()>) {
        let graceful = GracefulShutdown::new();
        let mut stop = pin!(stop);
        loop {
            // Who comes when all places are taken waits in the system's queue.
            let place = tokio::select! {
                place = Arc::clone(&self.connections).acquire_owned() => place,
                () = &mut stop => break,
            };
            let (Ok(place), accepted) = (
                place,
                tokio::select! {
                    accepted = self.socket.accept() => accepted,
                    () = &mut stop => break,
                },
            ) else {
                break;
            };
            match accepted {
                Ok((stream, peer)) => self.answer(stream, peer, &router, &graceful, place),
                // Too many open files, say: others will be closed.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
        drop(self.socket);
        let _ = tokio::time::timeout(LAST_ANSWERS, graceful.shutdown()).await;
    }

    fn answer(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        router: &Router,
        graceful: &GracefulShutdown,
        place: OwnedSemaphorePermit,
    ) {
        // Small answers must not wait for more to come.
        let _ = stream.set_nodelay(true);
        let (router, idle, watcher) = (router.clone(), self.idle, graceful.watcher());
        // A client that reads nothing of its answers must not hold its place for ever.
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(idle));
        let stream = Box::pin(stream);
        match self.tls.clone() {
            None => drop(tokio::spawn(async move {
                converse(stream, peer, router, idle, watcher).await;
                drop(place);
            })),
            Some(acceptor) => drop(tokio::spawn(async move {
                // A client that never ends its handshake holds a place no longer than one that never ends its request.
                if let Ok(Ok(stream)) = tokio::time::timeout(idle, acceptor.accept(stream)).await {
                    converse(stream, peer, router, idle, watcher).await;
                }
                drop(place);
            })),
        }
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    router: Router,
    idle: Duration,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let heard = Arc::new(AtomicBool::new(false));
    let hears = Arc::clone(&heard);
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        hears.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(ConnectInfo(peer));
        let request: Request = request.map(|body| Body::new(TimeoutBody::new(idle + GRACE, body)));
        let router = router.clone();
        async move { Ok::<_, Infallible>(router.oneshot(request).await.unwrap_or_else(|never| match never {})) }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    // A head that comes a byte at a time, and a connection that says nothing.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(idle).max_headers(100);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(idle)
        .keep_alive_timeout(idle)
        .max_concurrent_streams(100);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
    // Who does not even say which HTTP it is to be has no head that could be waited for.
    let silent = async {
        tokio::time::sleep(idle).await;
        if heard.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        // What goes wrong on a connection is the client's to notice.
        _ = watcher.watch(connection) => (),
        () = silent => (),
    }
}

fn acceptor(tls: &Tls) -> Result<TlsAcceptor> {
    let bad = |path: &Path, why: &dyn std::fmt::Display| {
        Error::new("server.bad_config", format!("{} cannot be used for TLS: {why}", path.display()))
    };
    let certificates = CertificateDer::pem_file_iter(&tls.certificate)
        .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
        .map_err(|error| bad(&tls.certificate, &error))?;
    if certificates.is_empty() {
        return Err(bad(&tls.certificate, &"it holds no certificate"));
    }
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|error| bad(&tls.key, &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, key))
        .map_err(|error| bad(&tls.certificate, &error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
