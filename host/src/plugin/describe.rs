//! Asks a plugin what it is and what it restores, and believes only what can be true.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::bindings::exports::reinstate::plugin::handler::Description;
use super::component::invalid;
use super::convert;
use super::guest::{Guest, Rest};
use super::state::{Phase, State};
use super::text::{harmless, is_word};
use crate::cancel::Cancel;
use crate::catalog::Digest;
use crate::error::{Error, Result};
use crate::plan::KindDescription;

const KINDS: usize = 64;
const VERSION_BYTES: usize = 64;

/// What a plugin says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Described {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) kinds: Vec<KindDescription>,
    /// It understands foreign backups.
    #[serde(default)]
    pub(super) layout: bool,
}

impl Described {
    /// How messages name it.
    pub(super) fn who(&self) -> Arc<str> {
        format!("Plugin {} {}", self.name, self.version).into()
    }
}

/// What is said of a component that exports a layout only, which cannot be asked: it is called like its file.
pub(super) fn layout_only(called: &str, digest: &Digest) -> Described {
    let name = if is_word(called) { called.to_owned() } else { "layout".to_owned() };
    let version = digest.to_string()[..12].to_owned();
    Described { name, version, kinds: Vec::new(), layout: true }
}

/// Calls `describe` in an instance that can reach nothing.
pub(super) fn describe(guest: &Guest) -> Result<Described> {
    let state = State::new(Arc::clone(&guest.who), Arc::clone(&guest.limits), Cancel::default(), None);
    let instance = guest.start(state).map_err(silent)?;
    let (_, answer) = instance
        .call(Phase::Describe, &mut Rest::default(), |exports, store| exports.handler()?.call_describe(store).map(Ok));
    let described = answer.and_then(believe).map_err(silent)?;
    Ok(Described { layout: guest.linked.layout.is_some(), ..described })
}

/// Nothing was started yet: whatever went wrong, the file is no plugin that can run here.
fn silent(error: Error) -> Error {
    match error.code() {
        "plugin.invalid" | "plugin.not_granted" => error,
        _ => invalid(&format!("It cannot say what it restores: {error}")),
    }
}

fn believe(description: Description) -> Result<Described> {
    let Description { name, version, kinds } = description;
    if !is_word(&name) {
        return Err(invalid(&format!("It calls itself `{}`, which is no name for a plugin", harmless(&name, 100))));
    }
    if version.is_empty() || version.len() > VERSION_BYTES || harmless(&version, VERSION_BYTES) != version {
        return Err(invalid(&format!("Its version is `{}`, which is no version", harmless(&version, 100))));
    }
    if kinds.is_empty() || kinds.len() > KINDS {
        return Err(invalid(&format!("It restores {} kinds of objects; a plugin has 1 to {KINDS}", kinds.len())));
    }
    let names: BTreeSet<_> = kinds.iter().map(|kind| kind.name.as_str()).collect();
    if let Some(wrong) = kinds.iter().find(|kind| !is_word(&kind.name)) {
        return Err(invalid(&format!("It restores `{}`, which is no name for a kind", harmless(&wrong.name, 100))));
    }
    if names.len() < kinds.len() {
        return Err(invalid("It names a kind twice"));
    }
    Ok(Described { name, version, kinds: kinds.into_iter().map(convert::kind).collect(), layout: false })
}

#[cfg(test)]
mod tests {
    use super::super::bindings::exports::reinstate::plugin::handler::Kind;
    use super::*;

    #[test]
    fn only_what_can_be_true_is_believed() {
        let says = |name: &str, version: &str, kinds: &[&str]| {
            let kinds = kinds.iter().map(|name| Kind { name: (*name).to_owned(), in_schema: true }).collect();
            believe(Description { name: name.to_owned(), version: version.to_owned(), kinds })
        };
        assert!(says("tables", "0.1.0", &["table", "view"]).is_ok());
        let many: Vec<String> = (0..65).map(|number| format!("kind{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for (name, version, kinds) in [
            ("", "1", &["a"][..]),
            ("../tables", "1", &["a"]),
            ("tables\u{1b}[2J", "1", &["a"]),
            ("tables", "", &["a"]),
            ("tables", "1\n2", &["a"]),
            ("tables", "1", &[]),
            ("tables", "1", &["a", "a"]),
            ("tables", "1", &["a b"]),
            ("tables", "1", &many),
        ] {
            assert_eq!(says(name, version, kinds).unwrap_err().code(), "plugin.invalid", "{name} {version} {kinds:?}");
        }
    }
}
