//! A target with something to lose, and what must hold after whatever was done to it.

use std::path::PathBuf;

use serde_json::Value;

use super::support::{Outcome, Sandbox, logical_content, small_folder};

pub(crate) struct Scene {
    pub(crate) sandbox: Sandbox,
    pub(crate) into: String,
}

/// How a restore must fail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    #[expect(dead_code, reason = "Shown when a case fails")]
    pub(crate) what: &'a str,
    pub(crate) status: i32,
    pub(crate) code: &'a str,
    /// Part of the object that the error must name.
    pub(crate) object: Option<&'a str>,
    /// Part of the entry that the error must name.
    pub(crate) entry: Option<&'a str>,
}

impl<'a> Expected<'a> {
    /// Nothing is started.
    pub(crate) fn refused(what: &'a str, code: &'a str) -> Self {
        Self { what, status: 3, code, object: None, entry: None }
    }

    /// It fails on its way.
    pub(crate) fn failed(what: &'a str, code: &'a str) -> Self {
        Self { status: 1, ..Self::refused(what, code) }
    }

    pub(crate) fn object(self, object: &'a str) -> Self {
        Self { object: Some(object), ..self }
    }

    pub(crate) fn entry(self, entry: &'a str) -> Self {
        Self { entry: Some(entry), ..self }
    }
}

impl Scene {
    /// A target that holds a table the archives bring too, and one they do not.
    pub(crate) fn new() -> Self {
        let sandbox = Sandbox::new();
        sandbox.sql(
            "target.sqlite",
            "CREATE TABLE people(old TEXT); INSERT INTO people VALUES ('kept');
             CREATE INDEX by_old ON people(old);
             CREATE TABLE bystander(x); INSERT INTO bystander VALUES (1), (2);",
        );
        let into = sandbox.target("target.sqlite");
        Self { sandbox, into }
    }

    /// The bytes of an archive of ours.
    pub(crate) fn honest(&self) -> Vec<u8> {
        let folder = self.sandbox.path("folder");
        small_folder(&folder, 50);
        let archive = self.sandbox.pack(&folder, "honest.tar");
        std::fs::read(archive).expect("the archive")
    }

    /// Writes an archive.
    pub(crate) fn archive(&self, bytes: &[u8]) -> String {
        let path = self.sandbox.text("archive.tar");
        std::fs::write(&path, bytes).expect("written");
        path
    }

    fn target(&self) -> PathBuf {
        self.sandbox.path("target.sqlite")
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.target()).expect("the target")
    }

    pub(crate) fn content(&self) -> String {
        logical_content(&self.target())
    }

    /// Restores, replacing what is there.
    pub(crate) fn restore(&self, archive: &str, options: &[&str]) -> Outcome {
        self.sandbox
            .json(&[&["restore", archive, "--into", &self.into, "--restore-policy", "replace"], options].concat())
    }

    /// Restores; it must fail as expected and harm nothing. Returns the report.
    #[track_caller]
    pub(crate) fn fails(&self, archive: &str, options: &[&str], expected: Expected<'_>) -> Value {
        let (content, bytes) = (self.content(), self.bytes());
        let outcome = self.restore(archive, options);
        assert_eq!(outcome.status, Some(expected.status), "{expected:?}: {outcome:#?}");
        let report = outcome.json();
        let status = if expected.status == 3 { "refused" } else { "failed" };
        assert_eq!(report["status"], status, "{expected:?}: {report:#}");
        assert!(report["restored_objects"].as_object().expect("objects").is_empty(), "{expected:?}: {report:#}");
        assert_eq!(self.content(), content, "{expected:?}");
        if expected.status == 3 {
            assert!(self.bytes() == bytes, "{expected:?}: the target was written");
        }
        self.told(&report["error"], expected);
        self.next_command_works(&report["error"], expected);
        self.nothing_is_left(expected);
        report
    }

    fn told(&self, error: &Value, expected: Expected<'_>) {
        assert_eq!(error["code"], expected.code, "{expected:?}: {error:#}");
        let text = |member: &str| error[member].as_str().unwrap_or_default();
        for (member, part) in [("object", expected.object), ("entry", expected.entry)] {
            assert!(text(member).contains(part.unwrap_or_default()), "{expected:?}: {error:#}");
        }
        // The object's name is given by the letter; the command line escapes it when it prints it.
        for member in ["message", "state", "next", "entry"] {
            let steers = |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c);
            assert!(!text(member).contains(steers), "{expected:?}: {error:#}");
            assert!(text(member).len() < 8192, "{expected:?}: {error:#}");
        }
        assert!(!text("message").is_empty() && !text("message").ends_with('.'), "{expected:?}: {error:#}");
        assert!(text("state").starts_with("The target is unchanged"), "{expected:?}: {error:#}");
    }

    fn next_command_works(&self, error: &Value, expected: Expected<'_>) {
        let next = error["next"].as_str().unwrap_or_default();
        assert!(next.starts_with("reinstate "), "{expected:?}: {error:#}");
        let (content, bytes) = (self.content(), self.bytes());
        let answer = self.sandbox.shell(next);
        assert!(matches!(answer.status, Some(0 | 1 | 3)), "{expected:?}: {next}: {answer:#?}");
        assert!(!answer.stdout.is_empty() || !answer.stderr.is_empty(), "{expected:?}: {next} says nothing");
        assert!(!answer.stderr.contains("panicked"), "{expected:?}: {next}: {answer:#?}");
        assert!(self.bytes() == bytes && self.content() == content, "{expected:?}: {next} wrote");
    }

    /// No stage and no lock stays behind.
    fn nothing_is_left(&self, expected: Expected<'_>) {
        assert_eq!(self.sandbox.interrupted_job("target.sqlite"), None, "{expected:?}");
        let bookkeeping = "('jobs', 'journal', 'objects', 'blobs', 'exchanges', 'schemas')";
        let tables = format!(
            "SELECT coalesce(group_concat(name), '') FROM sqlite_schema
             WHERE type = 'table' AND name GLOB 'reinstate_*' AND substr(name, 11) NOT IN {bookkeeping}"
        );
        assert_eq!(self.sandbox.query("target.sqlite", &tables), "Text(\"\")", "{expected:?}");
        assert_eq!(self.sandbox.query("target.sqlite", "PRAGMA integrity_check"), "Text(\"ok\")", "{expected:?}");
        let beside: Vec<String> = std::fs::read_dir(self.sandbox.path("."))
            .expect("the folder")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
            .filter(|name| name.starts_with("target.sqlite-"))
            .collect();
        assert!(beside.is_empty(), "{expected:?}: {beside:?}");
    }
}
