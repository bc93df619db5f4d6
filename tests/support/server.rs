//! The real server as a process: with the demonstration or a configuration of the test's own, killed and started again where a test wants it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdout};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::Sandbox;

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// What stands for the end of a stream that was cut off.
pub const BROKEN: &str = "broken";

/// The token of the demonstration's administrator.
pub const DEMO_TOKEN: &str = "sk-secret";

/// A server of one's own, which ends with the value.
pub struct Server {
    /// Its folder: the configuration is `server.toml`, its state is in `state`.
    pub sandbox: Sandbox,
    arguments: Vec<String>,
    surroundings: BTreeMap<String, String>,
    child: Option<Child>,
    address: String,
    url: String,
    said: Arc<Mutex<String>>,
    runtime: Arc<Runtime>,
}

impl Server {
    /// `reinstate serve --demo`.
    pub fn demo() -> Self {
        let mut server = Self::prepared(Sandbox::new(), &["--demo"]);
        server.start();
        server
    }

    /// With a configuration; `{dir}` in it is the sandbox's folder.
    pub fn with_config(config: &str) -> Self {
        Self::in_sandbox(Sandbox::new(), config)
    }

    /// The same in a sandbox that a test has prepared.
    pub fn in_sandbox(sandbox: Sandbox, config: &str) -> Self {
        let mut server = Self::configured(sandbox, config);
        server.start();
        server
    }

    /// The same, not started yet.
    pub fn configured(sandbox: Sandbox, config: &str) -> Self {
        let config = config.replace("{dir}", &sandbox.text("."));
        std::fs::write(sandbox.path("server.toml"), config).expect("a configuration");
        Self::prepared(sandbox, &["server.toml"])
    }

    /// A server with these arguments of `reinstate serve`, not started yet.
    pub fn prepared(sandbox: Sandbox, arguments: &[&str]) -> Self {
        // The first of a process wins; they are all the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let mut arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        arguments.extend(["--state".to_owned(), sandbox.text("state")]);
        Self {
            sandbox,
            arguments,
            surroundings: BTreeMap::new(),
            child: None,
            address: "127.0.0.1:0".to_owned(),
            url: String::new(),
            said: Arc::default(),
            runtime: Arc::new(runtime.expect("a runtime")),
        }
    }

    /// A variable of the environment, from the next start on.
    pub fn variable(&mut self, name: &str, value: &str) {
        self.surroundings.insert(name.to_owned(), value.to_owned());
    }

    /// Starts it, and waits until it listens. A server that was stopped comes back at the same address.
    pub fn start(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let fixed = ["serve", "--listen", &self.address];
        let arguments: Vec<&str> = fixed.into_iter().chain(self.arguments.iter().map(String::as_str)).collect();
        let mut command = self.sandbox.command(&arguments);
        let mut child = command.envs(&self.surroundings).spawn().expect("the binary starts");
        let (out, errors) = (child.stdout.take().expect("standard output"), child.stderr.take().expect("errors"));
        collect(errors, &self.said);
        let url = listening(out, &self.said);
        self.child = Some(child);
        let url = url.unwrap_or_else(|| panic!("it does not listen: {}", self.said()));
        self.address = url.trim_end_matches('/').split("://").nth(1).expect("a URL").to_owned();
        self.url = url.trim_end_matches('/').to_owned();
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("killed");
            child.wait().expect("the process ends");
        }
    }

    /// SIGTERM; gives the exit status.
    pub fn terminate(&mut self) -> Option<i32> {
        let mut child = self.child.take()?;
        let id = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("signalled");
        child.wait().expect("the process ends").code()
    }

    /// Whether the process is there still; a fail point may have ended it.
    pub fn runs(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().expect("a status").is_none())
    }

    /// Waits for a process that ends by itself.
    pub fn ended(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.wait().expect("the process ends");
        }
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("a process").id()
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// `http://127.0.0.1:PORT`, without a slash.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Everything it has said so far, on both outputs.
    pub fn said(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A file of the server's own folder: `state/NAME`.
    pub fn state(&self, name: &str) -> PathBuf {
        self.sandbox.path("state").join(name)
    }

    /// A figure of `/proc/PID/status` in bytes: `VmHWM` is the most memory that the process ever had.
    pub fn memory(&self, figure: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("a process");
        let line = status.lines().find(|line| line.starts_with(figure)).expect("the figure");
        let kilobytes = line.split_whitespace().nth(1).expect("a number");
        kilobytes.parse::<u64>().expect("a number") << 10
    }

    /// Somebody who asks without saying who.
    pub fn nobody(&self) -> Client {
        self.client(None)
    }

    /// Somebody with a token.
    pub fn bearer(&self, token: &str) -> Client {
        self.client(Some(format!("Bearer {token}")))
    }

    /// Somebody with a name and a password.
    pub fn basic(&self, user: &str, password: &str) -> Client {
        use base64::Engine as _;
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        self.client(Some(format!("Basic {pair}")))
    }

    /// The demonstration's administrator.
    pub fn admin(&self) -> Client {
        self.bearer(DEMO_TOKEN)
    }

    fn client(&self, authorization: Option<String>) -> Client {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            // Certificates of tests are signed by nobody.
            .tls_danger_accept_invalid_certs(true)
            .timeout(PATIENCE)
            .build()
            .expect("a client");
        Client { http, url: self.url(), authorization, runtime: Arc::clone(&self.runtime) }
    }
}

impl Drop for Server {
    #[allow(clippy::print_stdout, reason = "Shown where a test has failed")]
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            println!("The server said:\n{}", self.said());
        }
    }
}

fn collect(errors: ChildStderr, said: &Arc<Mutex<String>>) {
    let said = Arc::clone(said);
    std::thread::spawn(move || {
        BufReader::new(errors).lines().map_while(Result::ok).for_each(|line| keep(&said, &line));
    });
}

fn keep(said: &Mutex<String>, line: &str) {
    let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
    said.push_str(line);
    said.push('\n');
}

/// Reads until the line that says where it listens; the rest is read on the side, so that it never waits for us.
fn listening(out: ChildStdout, said: &Arc<Mutex<String>>) -> Option<String> {
    let mut lines = BufReader::new(out).lines().map_while(Result::ok);
    let said = Arc::clone(said);
    let url = lines.by_ref().find_map(|line| {
        keep(&said, &line);
        line.strip_prefix("Listening on ").map(str::to_owned)
    });
    std::thread::spawn(move || lines.for_each(|line| keep(&said, &line)));
    url
}

/// Makes requests, and waits for their answers; threads may share it.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    authorization: Option<String>,
    runtime: Arc<Runtime>,
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// The status must be that; gives the answer back.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:?}: {}", self.headers, self.text());
        self
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.text()))
    }

    /// A header; empty where it is absent.
    pub fn header(&self, name: &str) -> String {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    }

    /// An error of that status and code, as problem+json; gives the problem.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text());
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!((&problem["status"], &problem["type"]), (&status.into(), &format!("urn:reinstate:{code}").into()));
        assert!(["title", "detail"].iter().all(|field| problem[field].as_str().is_some_and(|text| !text.is_empty())));
        problem
    }
}

impl Client {
    /// A GET.
    pub fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path, &[], Vec::new())
    }

    /// A POST of JSON.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.request(Method::POST, path, &[("content-type", "application/json")], body.to_string().into_bytes())
    }

    /// A POST of nothing.
    pub fn poke(&self, path: &str) -> Answer {
        self.request(Method::POST, path, &[], Vec::new())
    }

    /// A PATCH of JSON.
    pub fn patch(&self, path: &str, body: &Value) -> Answer {
        self.request(Method::PATCH, path, &[("content-type", "application/json")], body.to_string().into_bytes())
    }

    /// A DELETE.
    pub fn delete(&self, path: &str) -> Answer {
        self.request(Method::DELETE, path, &[], Vec::new())
    }

    /// Any request.
    pub fn request(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let request = format!("{method} {path}");
        self.try_request(method, path, headers, body).unwrap_or_else(|error| panic!("{request}: {error:?}"))
    }

    /// Any request, also to a server that may be gone.
    pub fn try_request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> reqwest::Result<Answer> {
        let mut request = self.http.request(method, format!("{}{path}", self.url)).body(body);
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.runtime.block_on(async {
            let response = request.send().await?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Ok(Answer { status, headers, body: response.bytes().await?.to_vec() })
        })
    }

    /// A POST whose body comes piece by piece over a connection of its own; without a length it is sent in chunks.
    pub fn stream(&self, path: &str, length: Option<u64>, pieces: impl Iterator<Item = Vec<u8>>) -> Answer {
        let address = self.url.strip_prefix("http://").expect("plain HTTP");
        let mut stream = TcpStream::connect(address).expect("a connection");
        let _ = stream.set_read_timeout(Some(PATIENCE));
        let authorization = self.authorization.as_ref().map(|value| format!("Authorization: {value}\r\n"));
        let size = length.map_or("Transfer-Encoding: chunked".to_owned(), |length| format!("Content-Length: {length}"));
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{}{size}\r\n\r\n",
            authorization.unwrap_or_default()
        );
        stream.write_all(head.as_bytes()).expect("sent");
        let mut send = |bytes: &[u8]| stream.write_all(bytes).is_ok();
        for piece in pieces {
            let sent = match length {
                Some(_) => send(&piece),
                None => send(format!("{:x}\r\n", piece.len()).as_bytes()) && send(&piece) && send(b"\r\n"),
            };
            // A server that has heard enough answers and closes.
            if !sent {
                break;
            }
        }
        if length.is_none() {
            send(b"0\r\n\r\n");
        }
        answer(stream)
    }

    /// Reads a stream of server-sent events until `enough` says so, or it ends; one that is cut off ends with [`BROKEN`].
    pub fn events(&self, path: &str, last: Option<&str>, mut enough: impl FnMut(&Sent) -> bool) -> Vec<Sent> {
        let mut request = self.http.get(format!("{}{path}", self.url)).header("accept", "text/event-stream");
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        self.runtime.block_on(async {
            let mut response = request.send().await.expect("an answer");
            assert_eq!(response.status().as_u16(), 200);
            let (mut text, mut sent) = (Vec::new(), Vec::new());
            loop {
                let bytes = match response.chunk().await {
                    Ok(Some(bytes)) => bytes,
                    Ok(None) => return sent,
                    Err(_) => {
                        sent.push(Sent { event: BROKEN.to_owned(), id: String::new(), data: Value::Null });
                        return sent;
                    }
                };
                text.extend_from_slice(&bytes);
                while let Some(end) = text.windows(2).position(|two| two == b"\n\n") {
                    let event: Vec<u8> = text.drain(..end + 2).collect();
                    let event = Sent::parse(std::str::from_utf8(&event).expect("UTF-8"));
                    // Comments keep the connection open and say nothing.
                    let Some(event) = event else { continue };
                    let done = enough(&event);
                    sent.push(event);
                    if done {
                        return sent;
                    }
                }
            }
        })
    }

    /// Waits until a job is as `is` wants it.
    #[track_caller]
    pub fn wait(&self, job: &str, is: impl Fn(&Value) -> bool) -> Value {
        let since = Instant::now();
        loop {
            let job = self.get(&format!("/v1/jobs/{job}")).expect(200).json();
            if is(&job) {
                return job;
            }
            assert!(since.elapsed() < PATIENCE, "it never came to that: {job:#}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until a job has ended, in whatever way.
    #[track_caller]
    pub fn wait_for_end(&self, job: &str) -> Value {
        let open = ["queued", "running", "paused"];
        self.wait(job, |job| !open.contains(&job["state"].as_str().unwrap_or_default()))
    }
}

fn answer(stream: TcpStream) -> Answer {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).expect("a status");
    let status = line.split(' ').nth(1).expect("a status").parse().expect("a number");
    let mut headers = HeaderMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).expect("a header");
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        headers.insert(name, value.trim().parse().expect("a value"));
    }
    let mut body = Vec::new();
    let length = headers.get("content-length").and_then(|length| length.to_str().ok()?.parse().ok());
    let _ = reader.take(length.unwrap_or(u64::MAX)).read_to_end(&mut body);
    Answer { status, headers, body }
}

/// An event of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    pub event: String,
    pub id: String,
    pub data: Value,
}

impl Sent {
    fn parse(text: &str) -> Option<Self> {
        let field = |name: &str| -> Vec<&str> {
            let values = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            values.map(|value| value.strip_prefix(' ').unwrap_or(value)).collect()
        };
        let data = field("data").join("\n");
        if data.is_empty() {
            return None;
        }
        let first = |name| field(name).first().copied().unwrap_or_default().to_owned();
        Some(Self { event: first("event"), id: first("id"), data: serde_json::from_str(&data).expect("JSON") })
    }
}
