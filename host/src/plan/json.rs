//! A plan as a JSON document that people read, compare and edit: one line a step.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

use super::Plan;
use crate::text::{escape, escape_json};

/// The document's version.
pub(super) const VERSION: u32 = 1;

#[derive(Deserialize)]
struct Version {
    version: u32,
}

impl Plan {
    /// Reads a saved plan. Fails with `plan.invalid` and the place of the fault.
    pub fn from_json(text: &str) -> Result<Self> {
        // First of all, for a later version may have members that this one would call mistakes.
        let Version { version } = serde_json::from_str(text).map_err(|fault| invalid(&fault))?;
        if version != VERSION {
            let message = format!("The plan is of version {version}; this program reads version {VERSION}");
            return Err(Error::new("plan.invalid", message).state("The target is unchanged"));
        }
        serde_json::from_str(text).map_err(|fault| invalid(&fault))
    }

    /// The plan as JSON, one line for each step, plugin and finding.
    pub fn to_json(&self) -> String {
        let mut out = String::with_capacity(1024 + 320 * (self.steps.len() + self.findings.len()));
        let _ = writeln!(out, "{{\n  \"version\": {},", self.version);
        member(&mut out, "archive", &self.archive);
        member(&mut out, "target", &self.target);
        members(&mut out, "plugins", &self.plugins);
        member(&mut out, "options", &self.options);
        member(&mut out, "stage", &self.stage);
        member(&mut out, "schemas", &self.schemas);
        members(&mut out, "steps", &self.steps);
        member(&mut out, "totals", &self.totals);
        members(&mut out, "findings", &self.findings);
        out.truncate(out.trim_end_matches([',', '\n']).len());
        out.push_str("\n}\n");
        out
    }
}

fn member<T: Serialize>(out: &mut String, name: &str, value: &T) {
    let _ = write!(out, "  \"{name}\": ");
    append(out, value);
    out.push_str(",\n");
}

fn members<T: Serialize>(out: &mut String, name: &str, values: &[T]) {
    let _ = write!(out, "  \"{name}\": [");
    for (at, value) in values.iter().enumerate() {
        out.push_str(if at == 0 { "\n    " } else { ",\n    " });
        append(out, value);
    }
    out.push_str(if values.is_empty() { "],\n" } else { "\n  ],\n" });
}

fn append<T: Serialize>(out: &mut String, value: &T) {
    let json = serde_json::to_string(value).expect("a plan is made of texts, numbers and maps with text keys");
    escape_json(&json, out);
}

fn invalid(fault: &serde_json::Error) -> Error {
    let text = fault.to_string();
    let place = format!(" at line {} column {}", fault.line(), fault.column());
    let what: String = text.strip_suffix(&place).unwrap_or(&text).chars().take(300).collect();
    let message =
        format!("The plan cannot be understood at line {}, column {}: {}", fault.line(), fault.column(), escape(&what));
    Error::new("plan.invalid", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::Sample;
    use crate::plan::{Finding, Options, Policy, StageKind};

    fn plan() -> Plan {
        let mut sample = Sample::of(&["user ana", "table main.b > table main.a", "table main.a", "graph main.g"]);
        sample.exists(&["table main.a"]);
        sample.options = Options { restore_policy: Policy::Rename, ..Options::default() };
        let mut plan = sample.plan();
        plan.stage = StageKind::Database;
        plan.findings.push(Finding::warning("odd.name", "\u{1b}[31m \u{202e} \u{e0041} \"é\"", "none"));
        plan
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut empty = plan();
        empty.steps.clear();
        empty.findings.clear();
        empty.plugins.clear();
        for plan in [plan(), empty] {
            assert_eq!(Plan::from_json(&plan.to_json()).unwrap(), plan);
        }
    }

    #[test]
    fn a_step_is_a_line_and_nothing_in_it_moves_a_terminal() {
        let json = plan().to_json();
        let lines: Vec<&str> = json.lines().collect();
        let step = lines.iter().position(|line| *line == r#"  "steps": ["#).unwrap() + 1;
        assert!(lines[step].starts_with(r#"    {"id":1,"action":"create","object":{"kind":"user","name":"ana"}"#));
        assert_eq!(lines[step + 4], "  ],");
        assert!(json.contains(r"\u001b[31m \u202e \udb40\udc41"));
        assert!(json.chars().all(|c| c == '\n' || !c.is_control()));
    }

    #[test]
    fn faults_name_their_place() {
        let good = plan().to_json();
        for (text, said) in [
            (String::new(), "line 1, column 0: EOF"),
            ("{".to_owned(), "line 1, column 1: EOF"),
            ("[]".to_owned(), "line 1"),
            (good.replace("\"version\": 1", "\"version\": 2"), "of version 2; this program reads version 1"),
            (good.replace("\"steps\"", "\"stepz\""), "unknown field `stepz`"),
            (good.replacen("\"id\":2", "\"id\":\"two\"", 1), "invalid type: string \"two\", expected u32"),
            (good.replacen("\"action\":\"create\"", "\"action\":\"burn\"", 1), "unknown variant `burn`"),
            (good.replacen("\"id\":1,", "\"id\":1,\"x\\u001b\":1,", 1), r"unknown field `x\u{1b}`"),
            (good.clone() + "x", "trailing characters"),
            ("[".repeat(100_000), "line 1"),
        ] {
            let error = Plan::from_json(&text).unwrap_err();
            assert_eq!(error.code(), "plan.invalid");
            assert!(error.to_string().contains(said), "{error}");
        }
        let broken = good.replacen("\"parts\":", "\"partz\":", 1);
        let line = 1 + good.lines().position(|line| line.contains("\"id\":1")).unwrap();
        assert!(Plan::from_json(&broken).unwrap_err().to_string().contains(&format!("line {line}, column ")));
    }
}
