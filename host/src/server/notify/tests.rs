//! Webhooks and mail against real servers that fail first and take things later.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::server::config;
use crate::server::jobs::{ArchiveAt, Changed, Job, Moment, Progress, RestoreTask, State, Task};

const SECRET: &str = "webhooks-secret";

fn job(id: &str, notify: bool) -> Job {
    Job {
        id: id.to_owned(),
        task: Task::Restore(RestoreTask {
            archive: ArchiveAt::Snapshot { repository: "box".to_owned(), backup: "shop".to_owned(), snapshot: Some(3) },
            target: "live".to_owned(),
            options: Box::default(),
            plan: None,
        }),
        state: State::Succeeded,
        operator: "ana".to_owned(),
        priority: 0,
        notify,
        created: "2026-01-01T00:00:00Z".to_owned(),
        started: Some("2026-01-01T00:00:01Z".to_owned()),
        ended: Some("2026-01-01T00:00:02Z".to_owned()),
        waits_for: None,
        progress: Progress { objects: 2, objects_done: 2, rows_done: 1234, bytes_done: 2048, ..Progress::default() },
        stages: Vec::new(),
        error: None,
    }
}

/// Tries again at once, and for a long time.
fn eager() -> Pace {
    Pace { first: Duration::from_millis(1), longest: Duration::from_millis(5), until: Duration::from_secs(3600) }
}

struct Scene {
    folder: TempDir,
    store: Arc<Store>,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(&folder.path().join("jobs.sqlite")).unwrap());
        Self { folder, store }
    }

    fn secret(&self, text: &str, mode: u32) -> PathBuf {
        let path = self.folder.path().join(format!("secret-{mode:o}-{}", text.len()));
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn webhook(&self, url: &str, always: bool) -> config::Webhook {
        config::Webhook { url: url.to_owned(), secret: self.secret(&format!("{SECRET}\n"), 0o600), always }
    }

    fn mail(server: &str) -> config::Mail {
        config::Mail {
            server: server.to_owned(),
            password: None,
            from: "Reinstate <restores@example.org>".to_owned(),
            to: vec!["ana@example.org".to_owned(), "Ben <ben@example.org>".to_owned()],
            always: false,
        }
    }

    /// Adds the job and tells of its end.
    async fn end(&self, notifier: &Notifier, job: Job) {
        self.store.add(&job, None).unwrap();
        notifier.listener()(&Arc::new(job), Moment::Ended);
        notifier.stop().await;
    }

    fn log(&self, id: &str) -> Vec<String> {
        let changed = self.store.changed(id, 0, 100).unwrap();
        let line = |changed| match changed {
            Changed::Log(_, line) => Some(format!("{}: {}", line.level, line.text)),
            Changed::Object(..) => None,
        };
        changed.into_iter().filter_map(line).collect()
    }

    async fn logged(&self, id: &str, what: &str) -> Vec<String> {
        until(|| self.log(id).iter().any(|line| line.contains(what)).then(|| self.log(id))).await
    }

    fn left(&self) -> usize {
        self.store.all_kept::<Value>("delivery ").unwrap().len()
    }
}

async fn until<T>(mut found: impl FnMut() -> Option<T>) -> T {
    for _ in 0..6000 {
        if let Some(found) = found() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not come to that within a minute");
}

type Requests = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

/// A web server that answers with these statuses in turn, the last one for ever.
async fn receiver(statuses: &'static [u16]) -> (String, Requests) {
    let requests = Requests::default();
    let known = Arc::clone(&requests);
    let answer = move |headers: HeaderMap, body: Bytes| async move {
        let mut known = known.lock().unwrap();
        let status = statuses[known.len().min(statuses.len() - 1)];
        known.push((headers, body));
        (StatusCode::from_u16(status).unwrap(), [("location", "http://127.0.0.1:1/elsewhere")])
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks/token-in-the-path", listener.local_addr().unwrap());
    let router = Router::new().route("/hooks/{token}", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, requests)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).unwrap().to_str().unwrap()
}

#[tokio::test]
async fn a_webhook_gets_what_it_can_check_until_it_takes_it() {
    let scene = Scene::new();
    let (url, requests) = receiver(&[500, 429, 503, 204]).await;
    let config = config::Notify { webhooks: vec![scene.webhook(&url, false)], mail: None };
    let notifier = Notifier::with_pace(&config, &scene.store, eager()).unwrap();
    scene.end(&notifier, job("r-quiet", false)).await;
    scene.end(&notifier, job("r-asked", true)).await;
    let log = scene.logged("r-asked", "Told").await;
    let shown = url.split("/hooks").next().unwrap();
    let expected = [
        format!("warning: job.ended: {shown} answered 500, tried again later"),
        format!("info: Told {shown} of job.ended"),
    ];
    assert_eq!(log, expected);
    assert_eq!((scene.log("r-quiet"), scene.left()), (Vec::<String>::new(), 0));
    let requests = requests.lock().unwrap();
    assert_eq!(requests.len(), 4);
    for (headers, body) in requests.iter() {
        assert_eq!(header(headers, "x-reinstate-delivery"), header(&requests[0].0, "x-reinstate-delivery"));
        assert_eq!((header(headers, "content-type"), body), ("application/json", &requests[0].1));
        let signature = header(headers, "x-reinstate-signature");
        let time = signature.strip_prefix("t=").unwrap().split_once(',').unwrap().0.parse().unwrap();
        let text = std::str::from_utf8(body).unwrap();
        assert_eq!(signature, webhook::sign(SECRET.as_bytes(), time, text).unwrap());
        let told: Value = serde_json::from_str(text).unwrap();
        assert_eq!((&told["event"], &told["job"]["id"]), (&"job.ended".into(), &"r-asked".into()));
        assert_eq!(told["job"]["state"], "succeeded");
    }
}

#[test]
fn signatures_are_what_others_compute() {
    // printf '1700000000.{"event":"job.ended"}' | openssl dgst -sha256 -hmac key
    let signed = webhook::sign(b"key", 1_700_000_000, r#"{"event":"job.ended"}"#).unwrap();
    assert_eq!(signed, "t=1700000000,v1=f791cf222247783fd2dee3fb1867ca31e5ac34359fbc1492539fbaae61328edc");
}

#[test]
fn pauses_grow_up_to_a_quarter_of_an_hour() {
    let pauses: Vec<u64> = [1, 2, 3, 8, 9, 40, u32::MAX].map(|tries| Pace::default().pause(tries).as_secs()).into();
    assert_eq!(pauses, [5, 10, 20, 640, 900, 900, 900]);
}

#[tokio::test]
async fn a_webhook_that_says_no_is_not_asked_again() {
    for (status, said) in [(404, "answered 404"), (302, "answered 302"), (401, "answered 401")] {
        let scene = Scene::new();
        let statuses: &'static [u16] = Box::leak(Box::new([status]));
        let (url, requests) = receiver(statuses).await;
        let config = config::Notify { webhooks: vec![scene.webhook(&url, true)], mail: None };
        let notifier = Notifier::with_pace(&config, &scene.store, eager()).unwrap();
        scene.end(&notifier, job("r-1", false)).await;
        let log = scene.logged("r-1", said).await;
        assert!(log[0].starts_with("error: ") && log[0].ends_with("given up after 1 attempt"), "{log:?}");
        assert!(!log[0].contains("token-in-the-path") && !log[0].contains(SECRET), "{log:?}");
        assert_eq!((requests.lock().unwrap().len(), scene.left()), (1, 0));
    }
}

#[tokio::test]
async fn what_was_not_told_is_told_by_the_next_process() {
    let scene = Scene::new();
    let place = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let closed = format!("http://{place}/hooks/a");
    let slow = Pace { first: Duration::from_secs(3600), ..Pace::default() };
    let webhooks = vec![scene.webhook(&closed, true)];
    let config = config::Notify { webhooks, mail: None };
    let first = Notifier::with_pace(&config, &scene.store, slow).unwrap();
    scene.end(&first, job("r-1", false)).await;
    let log = scene.logged("r-1", "tried again later").await;
    assert!(log[0].contains("cannot be reached"), "{log:?}");
    let kept = until(|| {
        let kept = scene.store.all_kept::<Value>("delivery ").unwrap();
        (kept[0].1["tries"] == 1).then_some(kept)
    })
    .await;
    let whole = kept[0].1.to_string();
    assert!(!whole.contains(SECRET) && !whole.contains("/hooks/a"), "{whole}");
    // The receiver is back, and so is the server.
    let requests = Requests::default();
    let known = Arc::clone(&requests);
    let take = move |headers: HeaderMap, body: Bytes| async move { known.lock().unwrap().push((headers, body)) };
    let listener = tokio::net::TcpListener::bind(place).await.unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/hooks/a", post(take))).await });
    let _second = Notifier::with_pace(&config, &scene.store, slow).unwrap();
    scene.logged("r-1", "Told").await;
    assert_eq!(kept[0].1["id"], header(&requests.lock().unwrap()[0].0, "x-reinstate-delivery"));
    until(|| (scene.left() == 0).then_some(())).await;
}

#[tokio::test]
async fn what_is_too_late_or_for_nobody_is_given_up() {
    for (pace, named, said) in [
        (Pace { until: Duration::ZERO, ..eager() }, true, "answered 500"),
        (eager(), false, "does not name the receiver any more"),
    ] {
        let scene = Scene::new();
        let (url, _) = receiver(&[500]).await;
        let config = config::Notify { webhooks: vec![scene.webhook(&url, true)], mail: None };
        let slow = Pace { first: Duration::from_secs(3600), ..Pace::default() };
        let first = Notifier::with_pace(&config, &scene.store, slow).unwrap();
        scene.end(&first, job("r-1", false)).await;
        scene.logged("r-1", "tried again later").await;
        let config = if named { config } else { config::Notify::default() };
        let _second = Notifier::with_pace(&config, &scene.store, pace).unwrap();
        let log = scene.logged("r-1", "given up").await;
        assert!(log[1].starts_with("error: ") && log[1].contains(said), "{log:?}");
        until(|| (scene.left() == 0).then_some(())).await;
    }
}

/// A mail server: refuses as many letters as it is told to, then takes them.
fn post_office(refusals: &'static [&'static str]) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let taken: Arc<Mutex<Vec<String>>> = Arc::default();
    let box_ = Arc::clone(&taken);
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            if let Some(letter) = take(stream.unwrap(), refusals.get(number).copied()) {
                box_.lock().unwrap().push(letter);
            }
        }
    });
    (url, taken)
}

/// One connection; answers the envelope and the letter as they came.
fn take(mut stream: TcpStream, refusal: Option<&str>) -> Option<String> {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let mut all = String::new();
    let mut say = |text: &str| stream.write_all(format!("{text}\r\n").as_bytes()).unwrap();
    say("220 mail.test");
    while let Some(line) = lines.next() {
        let command = line.split([' ', ':']).next().unwrap().to_ascii_uppercase();
        match command.as_str() {
            "EHLO" => say("250 mail.test"),
            "MAIL" if refusal.is_some() => say(refusal.unwrap()),
            "MAIL" | "RCPT" => {
                all.push_str(&format!("{line}\n"));
                say("250 fine");
            }
            "DATA" => {
                say("354 go on");
                lines.by_ref().take_while(|line| line != ".").for_each(|line| all.push_str(&format!("{line}\n")));
                say("250 taken");
            }
            "QUIT" => break,
            _ => say("250 fine"),
        }
    }
    all.contains("Subject").then_some(all)
}

#[tokio::test]
async fn mail_is_sent_until_it_is_taken() {
    let scene = Scene::new();
    let (server, taken) = post_office(&["451 not now", "421 busy"]);
    let config = config::Notify { webhooks: Vec::new(), mail: Some(Scene::mail(&server)) };
    let notifier = Notifier::with_pace(&config, &scene.store, eager()).unwrap();
    scene.end(&notifier, job("r-quiet", false)).await;
    let mut failed = job("r-asked", true);
    failed.state = State::Failed;
    failed.error = Some(serde_json::json!({
        "code": "archive.checksum_mismatch", "message": "Entry data/1 is damaged", "object": "table main.city",
        "state": "The target is unchanged", "next": "reinstate verify shop.tar",
    }));
    scene.end(&notifier, failed).await;
    let log = scene.logged("r-asked", "Told").await;
    assert!(log[0].contains("Mail was not sent") && log[0].contains("not now"), "{log:?}");
    assert_eq!(log[1], "info: Told 2 recipients by mail of job.ended");
    let taken = taken.lock().unwrap();
    assert_eq!(taken.len(), 1, "{taken:?}");
    for said in [
        "MAIL FROM:<restores@example.org>",
        "RCPT TO:<ana@example.org>",
        "RCPT TO:<ben@example.org>",
        "From: Reinstate <restores@example.org>",
        "Subject: The restore of box/shop@3 into live has failed",
        "Auto-Submitted: auto-generated",
        "Asked by   ana",
        "Objects    2 of 2",
        "Rows       1,234",
        "Error      archive.checksum_mismatch",
        "Why        Entry data/1 is damaged",
        "Next       reinstate verify shop.tar",
    ] {
        assert!(taken[0].contains(said), "{said}: {}", taken[0]);
    }
}

#[tokio::test]
async fn a_mail_server_that_says_no_is_not_asked_again() {
    let scene = Scene::new();
    let (server, taken) = post_office(&["550 not from you"]);
    let mail = config::Mail { always: true, ..Scene::mail(&server) };
    let config = config::Notify { webhooks: Vec::new(), mail: Some(mail) };
    let notifier = Notifier::with_pace(&config, &scene.store, eager()).unwrap();
    scene.end(&notifier, job("r-1", false)).await;
    let log = scene.logged("r-1", "given up").await;
    assert!(log.len() == 1 && log[0].contains("not from you"), "{log:?}");
    assert!(taken.lock().unwrap().is_empty());
}

#[tokio::test]
async fn names_cannot_write_headers() {
    let scene = Scene::new();
    let (server, taken) = post_office(&[]);
    let config = config::Notify { webhooks: Vec::new(), mail: Some(Scene::mail(&server)) };
    let notifier = Notifier::with_pace(&config, &scene.store, eager()).unwrap();
    let mut hostile = job("r-1", true);
    let evil = "x\r\nBcc: eve@example.org\r\n\r\nevil\u{2028}\u{0}";
    hostile.operator = evil.to_owned();
    hostile.error =
        Some(serde_json::json!({"code": "a.b", "message": format!("{evil}\r\n.\r\nMAIL FROM:<eve@example.org>")}));
    hostile.task = Task::Verify { repository: "box".to_owned(), backup: evil.to_owned(), snapshot: None };
    scene.end(&notifier, hostile).await;
    scene.logged("r-1", "Told").await;
    let taken = taken.lock().unwrap();
    let head = taken[0].split("\n\n").next().unwrap();
    let names: Vec<&str> = head.lines().filter(|line| !line.starts_with([' ', '\t'])).collect();
    assert!(names.iter().all(|line| !line.starts_with("Bcc")), "{head}");
    assert!(taken.len() == 1 && !taken[0].contains("\nBcc") && !taken[0].contains("RCPT TO:<eve"), "{}", taken[0]);
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused() {
    let scene = Scene::new();
    let password = scene.secret("letmein", 0o600);
    let (open, empty) = (scene.secret("readable by all", 0o644), scene.secret("\n", 0o600));
    let webhook = |url: &str, secret: &Path| {
        let webhook = config::Webhook { url: url.to_owned(), secret: secret.to_owned(), always: false };
        config::Notify { webhooks: vec![webhook], mail: None }
    };
    let mail = |server: &str, password: Option<&Path>, to: &[&str]| {
        let to = to.iter().map(|&to| to.to_owned()).collect();
        let mail = config::Mail { password: password.map(Path::to_owned), to, ..Scene::mail(server) };
        config::Notify { webhooks: Vec::new(), mail: Some(mail) }
    };
    let to = &["ana@example.org"][..];
    let twice = [webhook("https://a/x", &password), webhook("https://a/x", &password)];
    let [mut first, second] = twice;
    first.webhooks.extend(second.webhooks);
    for (config, said) in [
        (first, "https://a twice"),
        (webhook("no address", &password), "address is none"),
        (webhook("ftp://a/token-in-the-path", &password), "begins with https://"),
        (webhook("https://ana:letmein@a/", &password), "holds no user or password"),
        (webhook("https://a/", &open), "can be read by others"),
        (webhook("https://a/", &empty), "secret of the webhook at https://a is empty"),
        (webhook("https://a/", Path::new("/nowhere")), "/nowhere cannot be read"),
        (mail("smtp://localhost:25", None, &[]), "nobody"),
        (mail("smtp://localhost:25", None, &["ana@example.org\r\nBcc: eve@example.org"]), "no mail address"),
        (mail("smtp://localhost:25", None, &["ana"]), "no mail address"),
        (mail("http://localhost", None, to), "not understood"),
        (mail("smtp://a?tls=opportunistic", None, to), "not understood"),
        (mail("smtp://ana:letmein@a?tls=required", Some(&password), to), "holds a password"),
        (mail("smtps://ana@a", None, to), "there is no password"),
        (mail("smtps://a", Some(&password), to), "no user"),
        (mail("smtp://ana@a:587", Some(&password), to), "in the clear"),
        (mail("smtps://ana@a", Some(&open), to), "can be read by others"),
    ] {
        let error = Notifier::start(&config, &scene.store).err().unwrap_or_else(|| panic!("{said}"));
        assert_eq!(error.code(), "server.bad_config", "{error}");
        let text = error.to_string();
        assert!(text.contains(said) && !text.contains("letmein") && !text.contains("token-in-the-path"), "{text}");
    }
    for good in
        ["smtps://ana@a", "smtps://ana%40example.org@a:465", "smtp://ana@a:587?tls=required", "smtp://ana@localhost"]
    {
        Notifier::start(&mail(good, Some(&password), to), &scene.store).unwrap();
    }
}
