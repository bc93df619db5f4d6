//! The logical content of a target, as one number that is the same whatever system keeps it.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::kinds::document::plain;
use super::reader::{self, Content};

/// Attributes of documents that the format says one system adds: what a definition was written for, and what PostgreSQL's roles have.
const WORDS: [&str; 2] = ["dialect", "inherit"];

/// What every target keeps of a database, as lines: columns and their keys, references, uniques, rows, documents. Types and
/// expressions are in the words of each system, and so are left out, and views with them.
///
/// The target is first backed up, and that backup restored into an SQLite file, which is read here.
pub fn logical(path: &Path) -> Vec<String> {
    lines(&reader::read(path))
}

fn lines(content: &Content) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, own) in content.iter().filter(|(name, _)| !name.starts_with("view ")) {
        lines.push(name.clone());
        let mut kept: Vec<String> = own.iter().filter_map(|line| common(line)).collect();
        kept.sort();
        lines.extend(kept);
    }
    lines
}

/// The line without what is a system's own.
fn common(line: &str) -> Option<String> {
    let own = ["check ", "index ", "strict ", "last number "];
    if own.iter().any(|start| line.starts_with(start)) {
        return None;
    }
    if let Ok(mut document) = serde_json::from_str::<Value>(line) {
        if let Some(attributes) = document.get_mut("attributes").and_then(Value::as_object_mut) {
            WORDS.iter().for_each(|word| _ = attributes.remove(*word));
        }
        let mut document = plain(&document);
        for (member, value) in document.as_object_mut().into_iter().flatten() {
            match value {
                // Sets of memberships, permissions and tokens.
                Value::Array(values) => values.sort_by_key(ToString::to_string),
                Value::String(time) if member == "valid_until" => *time = time.replace(".000000", ""),
                _ => {}
            }
        }
        return Some(document.to_string());
    }
    if !line.starts_with("column ") {
        return Some(line.to_owned());
    }
    let (name, _) = line.rsplit_once("\" \"")?;
    let (_, key) = line.rsplit_once(" key ")?;
    let (key, _) = key.split_once(' ')?;
    Some(format!("{name}\" key {key}"))
}

/// The hash of these lines.
pub fn hash(lines: &[String]) -> String {
    let digest = Sha256::digest(lines.join("\n"));
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Lines that only one of them has.
pub fn difference(one: &[String], other: &[String]) -> String {
    let only = |these: &[String], those: &[String], sign: char| {
        let lines = these.iter().filter(|line| !those.contains(line)).take(10);
        lines.map(|line| format!("{sign} {line}\n")).collect::<String>()
    };
    only(one, other, '-') + &only(other, one, '+')
}
