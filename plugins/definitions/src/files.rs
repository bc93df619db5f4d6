//! Files of a directory: file `i` of its list is entry `i`, kept as bytes beside the document.

use reinstate_plugin::{Counts, EntryReader, Failure, Finding, Object, blobs};
use serde_json::Value;

/// The attribute with the files' names.
pub(crate) const FILES: &str = "files";
/// The attribute with the names of files that the source knew of and did not have.
const MISSING: &str = "missing_files";
/// Names in a message.
const SHOWN: usize = 5;

/// The names under an attribute.
fn names<'a>(attributes: &'a Value, list: &str) -> Vec<&'a str> {
    attributes.get(list).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// What the plan says of files: entries that are not those of the list, and files that are not in the backup.
pub(crate) fn findings(object: &Object, attributes: &Value) -> Vec<Finding> {
    let (named, entries) = (names(attributes, FILES).len(), object.entries.len());
    let mut findings = Vec::new();
    if named != entries {
        let (code, message) = match named {
            0 => ("unexpected_entry", format!("{} comes with {entries} entries; it has no files", object.source)),
            _ => ("files", format!("{} names {named} files and comes with {entries} entries", object.source)),
        };
        let fix = "Exclude the object, or take the backup again";
        findings.push(Finding::refusal(format!("definition.{code}"), message, fix));
    }
    let missing = names(attributes, MISSING);
    if !missing.is_empty() {
        let more = missing.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let list = missing[..missing.len().min(SHOWN)].join(", ");
        findings.push(Finding::warning(
            "definition.file_missing",
            format!("Files of {} are not in the backup, although its source lists them: {list}{more}", object.source),
            "Look for them in an earlier backup, if they are needed",
        ));
    }
    findings
}

/// Keeps the bytes of a file.
pub(crate) fn restore(object: &Object, attributes: &Value, part: u32) -> Result<Counts, Failure> {
    let Some(name) = names(attributes, FILES).get(part as usize).copied() else {
        let message = format!("{} has an entry, part {part}, which is none of its files", object.source);
        return Err(Failure::new("definition.no_such_part", message).in_part(object, part));
    };
    let mut entry = EntryReader::open(part);
    // An empty file is there, too: append at least once.
    loop {
        let chunk = entry.next_chunk()?;
        if chunk.is_empty() && entry.bytes_read() > 0 {
            return Ok(Counts { rows: 0, bytes: entry.bytes_read() });
        }
        blobs::append(name, &chunk)?;
        if chunk.is_empty() {
            return Ok(Counts { rows: 0, bytes: 0 });
        }
    }
}

/// Files that are not as long as their entries; `size` tells what is staged.
pub(crate) fn differences(
    object: &Object,
    attributes: &Value,
    size: impl Fn(&str) -> Result<Option<u64>, Failure>,
) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    if object.definitions_only {
        return Ok(findings);
    }
    for (name, entry) in names(attributes, FILES).into_iter().zip(&object.entries) {
        let message = match size(name)? {
            Some(staged) if staged == entry.bytes || !entry.exact => continue,
            Some(staged) => format!("The file {name} has {staged} bytes, the archive says {}", entry.bytes),
            None => format!("The file {name} was not staged"),
        };
        findings.push(Finding::refusal("definition.file_size", message, "Restore the object again"));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use reinstate_plugin::{Entry, ObjectName};
    use serde_json::json;

    use super::*;

    fn directory(sizes: &[u64]) -> Object {
        let entry =
            |bytes: &u64| Entry { path: "p".into(), form: "bytes".into(), bytes: *bytes, exact: true, rows: None };
        let name = ObjectName { kind: "directory".into(), schema: None, name: "d".into() };
        Object { entries: sizes.iter().map(entry).collect(), ..Object::new(name, "{}") }
    }

    #[test]
    fn the_list_and_the_entries_must_agree_and_what_is_missing_is_told() {
        let codes = |sizes: &[u64], attributes: Value| -> Vec<String> {
            findings(&directory(sizes), &attributes).into_iter().map(|finding| finding.code).collect()
        };
        assert!(codes(&[], json!({})).is_empty());
        assert!(codes(&[1, 0], json!({"files": ["a", "b"]})).is_empty());
        assert_eq!(codes(&[1], json!({})), ["definition.unexpected_entry"]);
        assert_eq!(codes(&[1], json!({"files": ["a", "b"]})), ["definition.files"]);
        assert_eq!(codes(&[], json!({"missing_files": ["a"]})), ["definition.file_missing"]);
        let many: Vec<String> = (0..9).map(|number| number.to_string()).collect();
        let told = findings(&directory(&[]), &json!({ "missing_files": many })).remove(0).message;
        assert!(told.ends_with("0, 1, 2, 3, 4 and 4 more"), "{told}");
    }

    #[test]
    fn the_size_of_every_file_is_compared() {
        let (mut object, attributes) = (directory(&[1, 0, 5]), json!({"files": ["a", "b", "c"]}));
        let size = |name: &str| {
            Ok(match name {
                "a" => Some(1),
                "b" => None,
                _ => Some(4),
            })
        };
        let messages: Vec<_> =
            differences(&object, &attributes, size).unwrap().into_iter().map(|finding| finding.message).collect();
        assert_eq!(messages, ["The file b was not staged", "The file c has 4 bytes, the archive says 5"]);
        object.definitions_only = true;
        assert!(differences(&object, &attributes, size).unwrap().is_empty());
    }
}
