//! `sql`: statements of the target's dialect, as far as they stay in the stage or were allowed to reach outside.

use std::collections::BTreeSet;
use std::sync::Arc;

use wasmtime::component::{HasSelf, Linker};

use crate::error::{Error, Result};
use crate::plugin::bindings::reinstate::plugin::sql::{self, Host, Scope};
use crate::plugin::bindings::reinstate::plugin::types::{Failure, Finding, Severity};
use crate::plugin::state::{Phase, State, WRITE_COST};
use crate::plugin::{convert, text::harmless};
use crate::sql::reach::{self, Reach};
use crate::target::Work;

/// Allows every code.
const ALL: &str = "all";
/// Letters of a statement that a message shows.
const SHOWN: usize = 100;

impl Host for State {
    fn examine(&mut self, statements: String) -> wasmtime::Result<Vec<Finding>> {
        self.call_or_stop(|state| {
            // Examining takes time in proportion to what is examined: charged like a write, or it would cost nothing.
            state.retain(statements.len().saturating_add(WRITE_COST))?;
            let reaches = reach::examine_owned(&statements, &state.owners);
            Ok(reaches.into_iter().map(|reach| finding(reach, &state.allow)).collect())
        })
    }

    fn execute(&mut self, statements: String, scope: Scope, undo: Option<String>) -> Result<(), Failure> {
        let scope = convert::scope(scope);
        let bytes = statements.len() + undo.as_ref().map_or(0, String::len);
        let (allow, owners) = (Arc::clone(&self.allow), Arc::clone(&self.owners));
        let execute = |work: &mut dyn Work| {
            check(&statements, reach::examine_owned(&statements, &owners), &allow)?;
            if let Some(undo) = undo.as_deref() {
                check(undo, reach::examine_undo(undo, &statements), &allow)?;
            }
            work.execute(&statements, &scope, undo.as_deref())
        };
        self.used.executed = true;
        // A part's statements carry its rows or bytes: they are bounded by what was read, as rows are.
        match self.phase {
            Phase::Restore(_) => self.call(|state| state.append("sql.execute", bytes, execute)),
            _ => self.write("sql.execute", bytes, execute),
        }
    }
}

fn is_allowed(code: &str, allow: &BTreeSet<String>) -> bool {
    allow.contains(code) || allow.contains(ALL)
}

fn finding(Reach { code, message }: Reach, allow: &BTreeSet<String>) -> Finding {
    let (severity, fix) = match is_allowed(code, allow) {
        true => (Severity::Note, String::new()),
        false => (Severity::Refusal, format!("Allow it with --allow {code}, or leave the object out")),
    };
    Finding { severity, code: code.to_owned(), message, fix }
}

/// A plan that was refused has said this before; this stops a plugin that did not ask.
fn check(statements: &str, reaches: Vec<Reach>, allow: &BTreeSet<String>) -> Result<()> {
    let Some(Reach { code, message }) = reaches.into_iter().find(|one| !is_allowed(one.code, allow)) else {
        return Ok(());
    };
    let start = harmless(statements.trim_start(), SHOWN);
    let message = format!("{message}, which --allow {code} does not allow; the statement begins: {start}");
    Err(Error::new("sql.not_allowed", message))
}

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    sql::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}
