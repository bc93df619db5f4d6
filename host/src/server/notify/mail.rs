//! Mail about a job: what it says, and the server that sends it.

use std::fmt::Write as _;
use std::time::Duration;

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Result;
use crate::repository::choose_tls;
use crate::server::config;
use crate::server::jobs::{ArchiveAt, BackupAt, Job, Moment, State, Task};
use crate::source::secret;
use crate::text::{bytes, counted, escape};

use super::bad;
use super::delivery::Trouble;

/// How long the server may take for one step, and for all of them.
const STEP: Duration = Duration::from_secs(30);
const WHOLE: Duration = Duration::from_secs(120);
/// Letters of a subject.
const SUBJECT: usize = 150;

/// What a mail says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Letter {
    pub(super) subject: String,
    pub(super) text: String,
}

impl Letter {
    /// What is to be said of a job.
    pub(super) fn about(job: &Job, moment: Moment) -> Self {
        let what = what(&job.task);
        let how = match (moment, job.state) {
            (Moment::Started, _) => "has begun".to_owned(),
            (_, State::Interrupted) => "has stopped and waits for you".to_owned(),
            (_, state) => format!("has {}", past(state)),
        };
        // Names come from requests and from archives: what could end a line is written out.
        let subject: String = escape(&format!("{what} {how}")).chars().take(SUBJECT).collect();
        Self { text: text(job, moment, &format!("{what} {how}.")), subject }
    }
}

fn past(state: State) -> &'static str {
    match state {
        State::Failed => "failed",
        State::Refused => "been refused",
        State::Cancelled => "been cancelled",
        State::Undone => "been undone",
        State::Discarded => "been discarded",
        State::Succeeded => "succeeded",
        State::Queued | State::Running | State::Paused | State::Interrupted => "not ended",
    }
}

/// The job in a few words.
fn what(task: &Task) -> String {
    match task {
        Task::Restore(restore) => {
            let archive = match &restore.archive {
                ArchiveAt::Snapshot { repository, backup, snapshot: Some(id) } => format!("{repository}/{backup}@{id}"),
                ArchiveAt::Snapshot { repository, backup, snapshot: None } => format!("{repository}/{backup}"),
                ArchiveAt::Upload { .. } => "an uploaded archive".to_owned(),
                ArchiveAt::File { file, .. } => file.clone(),
            };
            format!("The restore of {archive} into {}", restore.target)
        }
        Task::Backup(backup) => match &backup.to {
            BackupAt::Snapshot { repository, backup: name, .. } => {
                format!("The backup of {} to {repository}/{name}", backup.target)
            }
            BackupAt::File { file } => format!("The backup of {} to {file}", backup.target),
        },
        Task::Verify { repository, backup, .. } => format!("The check of {repository}/{backup}"),
        Task::Merge { repository, backup, .. } => format!("The merge of {repository}/{backup}"),
    }
}

fn text(job: &Job, moment: Moment, first: &str) -> String {
    let mut text = format!("{}\n\n", escape(first));
    let mut say = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<10} {}", escape(value));
    };
    say("Job", &job.id);
    say("Asked by", &job.operator);
    say("Asked at", &job.created);
    for (name, time) in [("Begun", &job.started), ("Ended", &job.ended)] {
        if let Some(time) = time {
            say(name, time);
        }
    }
    if moment == Moment::Ended {
        let progress = &job.progress;
        if progress.objects > 0 {
            say("Objects", &format!("{} of {}", progress.objects_done, progress.objects));
        }
        if progress.objects_failed > 0 {
            say("Failed", &counted(progress.objects_failed, "object"));
        }
        say("Rows", &crate::text::count(progress.rows_done));
        say("Bytes", &bytes(progress.bytes_done));
    }
    if let Some(error) = &job.error {
        let member = |name: &str| error.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        for (name, key) in
            [("Error", "code"), ("Why", "message"), ("Object", "object"), ("State", "state"), ("Next", "next")]
        {
            if let Some(value) = member(key) {
                say(name, value);
            }
        }
    }
    text
}

/// A server that sends mail.
pub(super) struct Mailer {
    /// It tells of every job.
    pub(super) always: bool,
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl Mailer {
    /// Reads the password. Fails with `server.bad_config`.
    pub(super) fn new(config: &config::Mail) -> Result<Self> {
        choose_tls();
        let mailbox = |text: &String| {
            let parsed = text.parse::<Mailbox>();
            parsed.map_err(|error| bad(format!("`{}` is no mail address: {error}", escape(text))))
        };
        let to = config.to.iter().map(mailbox).collect::<Result<Vec<_>>>()?;
        if to.is_empty() {
            return Err(bad("mail names nobody to write to"));
        }
        let password = config.password.as_deref().map(secret).transpose().map_err(bad)?;
        let server = server(&config.server, password.as_deref().map(|text| text.trim_end_matches(['\r', '\n'])))?;
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(server.as_str())
            .map_err(|error| bad(format!("The mail server cannot be used: {error}")))?
            .timeout(Some(STEP))
            .build();
        Ok(Self { always: config.always, transport, from: mailbox(&config.from)?, to })
    }

    /// Sends it once; answers who was told.
    pub(super) async fn send(&self, delivery: &str, letter: &Letter) -> Result<String, Trouble> {
        let failed = |why: &dyn std::fmt::Display, again| Trouble::new(format!("Mail was not sent: {why}"), again);
        let message = self.message(delivery, letter).map_err(|error| failed(&error, false))?;
        match tokio::time::timeout(WHOLE, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(format!("{} by mail", counted(self.to.len() as u64, "recipient"))),
            // The server's no is for good; that there is no answer is not.
            Ok(Err(error)) => Err(failed(&error, !error.is_permanent())),
            Err(_) => Err(failed(&"the server takes too long", true)),
        }
    }

    fn message(&self, delivery: &str, letter: &Letter) -> Result<Message, lettre::error::Error> {
        let automatic = HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
        let mut message = Message::builder()
            .from(self.from.clone())
            .subject(letter.subject.clone())
            // The same however often it is tried.
            .message_id(Some(format!("<{delivery}@{}>", self.from.email.domain())))
            .raw_header(automatic)
            .header(ContentType::TEXT_PLAIN);
        for mailbox in &self.to {
            message = message.to(mailbox.clone());
        }
        message.body(letter.text.clone())
    }
}

/// The server's URL with the password in it: what the client wants, and nobody else sees.
fn server(text: &str, password: Option<&str>) -> Result<Url> {
    // What was written is not repeated: it may hold a password, which is what is wrong with it.
    let forms = "smtps://USER@HOST:465, smtp://USER@HOST:587?tls=required or smtp://localhost:25";
    let mut url = Url::parse(text).map_err(|error| bad(format!("mail's server is no URL ({error}): {forms}")))?;
    if url.password().is_some() {
        return Err(bad("mail's server holds a password, which belongs into a file of its own: password = \"FILE\""));
    }
    let encrypted = match (url.scheme(), url.query()) {
        ("smtps", None) | ("smtp", Some("tls=required")) => true,
        ("smtp", None) => false,
        _ => return Err(bad(format!("mail's server is not understood: {forms}"))),
    };
    let Some(host) = url.host_str().map(str::to_owned) else {
        return Err(bad(format!("mail's server has no host: {forms}")));
    };
    match (url.username().is_empty(), password) {
        (true, None) => {}
        (true, Some(_)) => return Err(bad("mail has a password, and its server no user: smtps://USER@HOST")),
        (false, None) => return Err(bad("mail's server names a user, and there is no password: password = \"FILE\"")),
        (false, Some("")) => return Err(bad("mail's password is empty")),
        (false, Some(password)) => {
            let local = ["localhost", "127.0.0.1", "[::1]"].contains(&host.as_str());
            if !encrypted && !local {
                return Err(bad("mail's password would go over the network in the clear: add ?tls=required"));
            }
            url.set_password(Some(password)).map_err(|()| bad(format!("mail's server is not understood: {forms}")))?;
        }
    }
    Ok(url)
}
