//! People who look how far a restore is: two thousand times a second, and what the restore pays for it.
//!
//! The requests are made by one thread of this program over a few connections, each of which waits for its answer. It stands for clients
//! that are elsewhere, so that it gives way to the server; what its own work takes of this machine is paid by the restore all the same,
//! which is why the server's processor time is shown beside.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reinstate::server::token_hash;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use super::Bench;
use super::figure::{Goal, line, median, note, seconds};

const RATE: u64 = 2000;
const CONNECTIONS: u64 = 8;
const TOKEN: &str = "rst_bench";

pub(crate) fn status(bench: &Bench) {
    let table = bench.table();
    let server = Server::start(bench);
    let upload = server.upload(&std::fs::read(&table.archive).unwrap());
    // The first one compiles plugins.
    server.restore(&upload, 0);
    let (mut alone, mut watched, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    let (mut work_alone, mut work_watched) = (Vec::new(), Vec::new());
    for round in 0..bench.rounds {
        let before = server.work();
        alone.push(server.restore(&upload, 2 * round + 1));
        let between = server.work();
        let (time, rate) = server.watched(&upload, 2 * round + 2);
        watched.push(time);
        rates.push(rate);
        work_alone.push(between - before);
        work_watched.push(server.work() - between);
    }
    let rate = median(rates);
    let (alone, watched) = (median(alone), median(watched));
    let cost = (watched / alone - 1.0) * 100.0;
    let what = format!("a restore alone {}, while its job is asked for {}", seconds(alone), seconds(watched));
    line("status", &what, format!("{cost:+.1} %"), Goal::AtMost(5.0).of(cost, " %"));
    let (alone, watched) = (seconds(median(work_alone)), seconds(median(work_watched)));
    note("status", &format!("the server's processor time: alone {alone}, while the job is asked for {watched}"));
    // What is asked for is what is measured: a little less is reached.
    let goal = RATE as f64 * 0.99;
    let what = "answers of the job while the restore ran";
    line("status", what, format!("{rate:.0}/s"), Goal::AtLeast(goal).of(rate, "/s"));
}

/// The real server with a target for each restore.
struct Server {
    child: Child,
    address: String,
    runtime: Runtime,
    client: reqwest::Client,
}

impl Server {
    fn start(bench: &Bench) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut config = format!("[users.ana]\nrole = 'admin'\ntokens = ['{}']\n", token_hash(TOKEN));
        for number in 0..=2 * bench.rounds {
            let path = bench.path(&format!("status{number}.sqlite"));
            super::data::remove(&path);
            config += &format!("[targets.t{number}]\nurl = 'sqlite:{}'\n", path.display());
        }
        let (path, state) = (bench.path("server.toml"), bench.path("server"));
        std::fs::write(&path, config).unwrap();
        let _ = std::fs::remove_dir_all(&state);
        let mut child = Command::new(env!("CARGO_BIN_EXE_reinstate"))
            .args(["serve", "--json", "--listen", "127.0.0.1:0", "--state"])
            .arg(state)
            .arg(path)
            .env("HOME", bench.path("."))
            .env("XDG_CACHE_HOME", bench.path("cache"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = serde_json::Deserializer::from_reader(child.stdout.take().unwrap());
        let said: Value = said.into_iter().next().unwrap().unwrap();
        let address = said["listen"].as_str().unwrap().to_owned();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { child, address, runtime, client }
    }

    /// Seconds of processor time that it has used.
    fn work(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // After the name, which may hold anything: the 14th and 15th field of all, in hundredths of a second.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
    }

    fn ask(&self, request: reqwest::RequestBuilder) -> Value {
        self.runtime.block_on(async {
            let answer = request.bearer_auth(TOKEN).send().await.unwrap();
            let (status, text) = (answer.status(), answer.text().await.unwrap());
            assert!(status.is_success(), "{status}: {text}");
            serde_json::from_str(&text).unwrap()
        })
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn upload(&self, bytes: &[u8]) -> String {
        let answer = self.ask(self.client.post(self.url("/v1/uploads")).body(bytes.to_vec()));
        answer["upload"].as_str().unwrap().to_owned()
    }

    fn begin(&self, upload: &str, target: usize) -> String {
        let wanted = json!({"archive": {"upload": upload}, "target": format!("t{target}")});
        let request = self.client.post(self.url("/v1/restores")).header("content-type", "application/json");
        self.ask(request.body(wanted.to_string()))["id"].as_str().unwrap().to_owned()
    }

    /// Restores, and is not looked at more than a few times a second; gives the seconds from the job's start to its end.
    fn restore(&self, upload: &str, target: usize) -> f64 {
        let job = self.begin(upload, target);
        self.end(&job)
    }

    /// The same while the job is asked for all the time; also gives the answers a second.
    fn watched(&self, upload: &str, target: usize) -> (f64, f64) {
        let job = self.begin(upload, target);
        let (address, stop, answers) =
            (self.address.clone(), Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let asking = {
            let (job, stop, answers) = (job.clone(), Arc::clone(&stop), Arc::clone(&answers));
            std::thread::spawn(move || ask_again_and_again(&address, &job, stop, answers))
        };
        let since = Instant::now();
        let time = self.end(&job);
        let rate = answers.load(Ordering::Relaxed) as f64 / since.elapsed().as_secs_f64();
        stop.store(true, Ordering::Relaxed);
        asking.join().unwrap();
        (time, rate)
    }

    fn end(&self, job: &str) -> f64 {
        loop {
            let job = self.ask(self.client.get(self.url(&format!("/v1/jobs/{job}"))));
            match job["state"].as_str().unwrap() {
                "queued" | "running" => std::thread::sleep(Duration::from_millis(100)),
                state => {
                    assert_eq!(state, "succeeded", "{job:#}");
                    let time = |name: &str| job[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
                    return time("ended").duration_since(time("started")).as_secs_f64();
                }
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ask_again_and_again(address: &str, job: &str, stop: Arc<AtomicBool>, answers: Arc<AtomicU64>) {
    let request = format!("GET /v1/jobs/{job} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
    // Of this thread alone.
    let _ = rustix::process::setpriority_process(None, 19);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut asking = tokio::task::JoinSet::new();
        for _ in 0..CONNECTIONS {
            let stream = TcpStream::connect(address).await.unwrap();
            asking.spawn(asker(stream, request.clone(), Arc::clone(&stop), Arc::clone(&answers)));
        }
        asking.join_all().await;
    });
}

/// One connection: its share of the rate, late answers made up for.
async fn asker(mut stream: TcpStream, request: String, stop: Arc<AtomicBool>, answers: Arc<AtomicU64>) {
    stream.set_nodelay(true).unwrap();
    let mut pace = tokio::time::interval(Duration::from_micros(1_000_000 * CONNECTIONS / RATE));
    let mut bytes = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        pace.tick().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        answer(&mut stream, &mut bytes).await;
        answers.fetch_add(1, Ordering::Relaxed);
    }
}

/// Reads one answer to its end.
async fn answer(stream: &mut TcpStream, bytes: &mut Vec<u8>) {
    bytes.clear();
    loop {
        assert!(stream.read_buf(bytes).await.unwrap() > 0, "the server closed the connection");
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = std::str::from_utf8(&bytes[..end]).unwrap().to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if bytes.len() >= end + 4 + length.parse::<usize>().unwrap() {
            return;
        }
    }
}
