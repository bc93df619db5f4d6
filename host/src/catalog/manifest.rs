//! `manifest.json`: its records, how it is written and how it is understood.

use std::io::Write;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::{Error, Result};

use super::{Backup, Digest, Entry, Object, ObjectName, Section};

/// The first member of an archive.
pub(crate) use crate::archive::MANIFEST as NAME;
/// The second: the first one's digest, as `sha256sum` prints it.
pub(crate) const SUM_NAME: &str = "manifest.json.sha256";

const FORMAT: &str = "reinstate-archive";
const VERSION: u32 = 1;

/// What the objects of an archive add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Objects.
    pub objects: u64,
    /// Entries.
    pub entries: u64,
    /// Rows of all entries that have rows.
    pub rows: u64,
    /// Bytes of all entries, uncompressed.
    pub bytes: u64,
}

/// What a manifest says, its numbers and names checked.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) backup: Backup,
    pub(crate) objects: Vec<Object>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    version: u32,
    backup: Backup,
    objects: Vec<ObjectRecord>,
    totals: Totals,
}

/// What every version of the manifest has.
#[derive(Deserialize)]
struct Head {
    format: String,
    version: u64,
}

/// [`Object`] as the manifest spells it: the name's parts beside the rest (raw JSON does not survive `flatten`).
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ObjectRecord {
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schema: Option<String>,
    name: String,
    #[serde(default = "no_attributes")]
    attributes: Box<RawValue>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    depends: Vec<ObjectName>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    entries: Vec<Entry>,
}

impl From<ObjectRecord> for Object {
    fn from(record: ObjectRecord) -> Self {
        let ObjectRecord { kind, schema, name, attributes, depends, entries } = record;
        Self { name: ObjectName { kind, schema, name }, attributes, depends, entries, section: Section::PreData }
    }
}

impl From<Object> for ObjectRecord {
    fn from(object: Object) -> Self {
        let Object { name: ObjectName { kind, schema, name }, attributes, depends, entries, section: _ } = object;
        Self { kind, schema, name, attributes, depends, entries }
    }
}

impl Serialize for Object {
    /// As the manifest spells it.
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        ObjectRecord::from(self.clone()).serialize(out)
    }
}

/// The attributes of an object that has none: `{}`.
pub(crate) fn no_attributes() -> Box<RawValue> {
    #[expect(clippy::expect_used, reason = "`{}` is JSON")]
    RawValue::from_string("{}".into()).expect("an empty JSON object")
}

/// The manifest's bytes: one line an object, so that text tools can work on it.
pub(crate) fn write(backup: &Backup, objects: Vec<Object>, totals: Totals) -> serde_json::Result<Vec<u8>> {
    let mut out = Vec::new();
    let io = serde_json::Error::io;
    write!(out, "{{\"format\":\"{FORMAT}\",\"version\":{VERSION},\n\"backup\":").map_err(io)?;
    serde_json::to_writer(&mut out, backup)?;
    out.extend_from_slice(b",\n\"objects\":[");
    for (at, object) in objects.into_iter().enumerate() {
        out.extend_from_slice(if at == 0 { b"\n" } else { b",\n" });
        serde_json::to_writer(&mut out, &ObjectRecord::from(object))?;
    }
    out.extend_from_slice(b"\n],\n\"totals\":");
    serde_json::to_writer(&mut out, &totals)?;
    out.extend_from_slice(b"}\n");
    Ok(out)
}

/// What [`SUM_NAME`] holds.
pub(crate) fn sum(digest: Digest) -> String {
    format!("{digest}  {NAME}\n")
}

/// Understands a manifest, and refuses names and totals that cannot be.
pub(crate) fn parse(bytes: &[u8]) -> Result<Manifest> {
    let document: Document = serde_json::from_slice(bytes).map_err(|error| explain(bytes, &error))?;
    check_head(&document.format, document.version.into())?;
    let objects: Vec<Object> = document.objects.into_iter().map(Object::from).collect();
    for object in &objects {
        check_object(object)?;
    }
    check_totals(&objects, document.totals)?;
    Ok(Manifest { backup: document.backup, objects })
}

fn bad(message: impl Into<String>) -> Error {
    Error::new("catalog.bad_manifest", message)
}

/// Another version is the likeliest reason why a manifest is not understood: said first.
fn explain(bytes: &[u8], error: &serde_json::Error) -> Error {
    if let Ok(head) = serde_json::from_slice::<Head>(bytes)
        && let Err(error) = check_head(&head.format, head.version)
    {
        return error;
    }
    // The parser quotes what it found, which is the archive's word.
    let reason: String = error.to_string().escape_debug().take(300).collect();
    bad(format!("{NAME} cannot be understood: {reason}"))
}

fn check_head(format: &str, version: u64) -> Result<()> {
    if format != FORMAT {
        let format: String = format.escape_debug().take(100).collect();
        return Err(bad(format!("{NAME} is of the format `{format}`, not `{FORMAT}`")));
    }
    if version != u64::from(VERSION) {
        return Err(bad(format!(
            "The archive is of version {version} of its format and this program reads version {VERSION}; \
             use a program that knows version {version}"
        )));
    }
    Ok(())
}

fn check_object(object: &Object) -> Result<()> {
    let fault = |reason: String| bad(reason).object(&object.name);
    check_name(&object.name).map_err(fault)?;
    object.depends.iter().try_for_each(check_name).map_err(fault)?;
    object.entries.iter().try_for_each(|entry| check_word("form", &entry.form)).map_err(fault)?;
    if let Some(entry) = object.entries.iter().find(|entry| entry.sha256.is_none()) {
        return Err(fault(format!("The entry `{}` has no `sha256`", entry.path.escape_debug())));
    }
    if !is_object(&object.attributes) {
        return Err(fault(format!("The attributes of {} are not a JSON object", shown(&object.name))));
    }
    Ok(())
}

/// Whether the value is a JSON object.
pub(crate) fn is_object(value: &RawValue) -> bool {
    value.get().trim_start().starts_with('{')
}

/// The object's name for a message: escaped and cut.
pub(crate) fn shown(name: &ObjectName) -> String {
    name.to_string().escape_debug().take(300).collect()
}

/// Names that a manifest may hold; the reason why not otherwise.
pub(crate) fn check_name(name: &ObjectName) -> Result<(), String> {
    check_word("kind", &name.kind)?;
    let texts = [Some(&name.name), name.schema.as_ref()];
    if texts.into_iter().flatten().any(|text| text.len() > 1024 || text.contains('\0')) {
        return Err(format!("The name of {} is longer than 1024 bytes or contains NUL", shown(name)));
    }
    if name.schema.as_deref() == Some("") {
        return Err(format!("The schema of {} is empty; leave it out where there is none", shown(name)));
    }
    Ok(())
}

/// Kinds and forms are plain words: they become part of member names and of commands.
pub(crate) fn check_word(what: &str, word: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if word.is_empty() || word.len() > 64 || !word.bytes().all(plain) {
        let word: String = word.escape_debug().take(100).collect();
        return Err(format!("The {what} `{word}` is not 1 to 64 letters, digits, `_`, `-` and `.`"));
    }
    Ok(())
}

/// What the objects add up to; `None` where that is beyond every number.
pub(crate) fn add_up(objects: &[Object]) -> Option<Totals> {
    let mut totals = Totals { objects: objects.len() as u64, ..Totals::default() };
    for entry in objects.iter().flat_map(|object| &object.entries) {
        totals.entries += 1;
        totals.rows = totals.rows.checked_add(entry.rows.unwrap_or(0))?;
        totals.bytes = totals.bytes.checked_add(entry.bytes)?;
    }
    Some(totals)
}

fn check_totals(objects: &[Object], stated: Totals) -> Result<()> {
    let found = add_up(objects).ok_or_else(|| bad("The sizes in manifest.json add up to more than 2^64"))?;
    let pairs = [
        ("objects", stated.objects, found.objects),
        ("entries", stated.entries, found.entries),
        ("rows", stated.rows, found.rows),
        ("bytes", stated.bytes, found.bytes),
    ];
    match pairs.into_iter().find(|(_, stated, found)| stated != found) {
        None => Ok(()),
        Some((what, stated, found)) => {
            Err(bad(format!("{NAME} states {stated} {what} in total, but its objects add up to {found}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"format":"reinstate-archive","version":1,
        "backup":{"name":"b","id":"1","created":"2024-01-01T00:00:00Z","source":"sqlite","dialect":"sqlite"},
        "objects":[{"kind":"table","schema":"main","name":"actor","attributes":{"columns":[]},
          "depends":[{"kind":"user","name":"u"}],
          "entries":[{"path":"data/000001-actor/000000.csv.zst","form":"csv","bytes":3,"rows":1,
            "sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}]},
          {"kind":"user","name":"u"}],
        "totals":{"objects":2,"entries":1,"rows":1,"bytes":3}}"#;

    #[test]
    fn what_is_written_is_read_again() {
        let manifest = parse(GOOD.as_bytes()).unwrap();
        assert_eq!(manifest.objects[0].name, ObjectName::new("table", Some("main"), "actor"));
        assert_eq!(manifest.objects[0].attributes.get(), r#"{"columns":[]}"#);
        assert_eq!(manifest.objects[1].attributes.get(), "{}");
        let totals = add_up(&manifest.objects).unwrap();
        let written = write(&manifest.backup, manifest.objects, totals).unwrap();
        let again = parse(&written).unwrap();
        assert_eq!(again.backup, manifest.backup);
        assert_eq!(write(&again.backup, again.objects, totals).unwrap(), written);
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_reason() {
        let cases = [
            ("\"version\":1", "\"version\":2", "version 2"),
            ("\"version\":1", "\"version\":99999999999999", "version 99999999999999"),
            ("reinstate-archive", "other\u{202e}", "other\\u{202e}"),
            ("\"rows\":1,\"bytes\":3}}", "\"rows\":2,\"bytes\":3}}", "2 rows"),
            ("\"bytes\":3,\"rows\"", "\"bytes\":-3,\"rows\"", "invalid value"),
            ("\"bytes\":3,\"rows\"", "\"bytes\":18446744073709551616,\"rows\"", "cannot be understood"),
            ("\"kind\":\"table\"", "\"kind\":\"ta ble\"", "kind"),
            ("\"kind\":\"user\",\"name\":\"u\"}]", "\"kind\":\"\",\"name\":\"u\"}]", "kind"),
            ("\"form\":\"csv\"", "\"form\":\"../csv\"", "form"),
            ("\"name\":\"actor\"", "\"name\":\"a\\u0000b\"", "NUL"),
            ("\"schema\":\"main\"", "\"schema\":\"\"", "schema"),
            ("{\"columns\":[]}", "[]", "JSON object"),
            ("e3b0c4", "zzb0c4", "64 hexadecimal"),
            ("\"attributes\"", "\"extra\\u001b[31m\":1,\"attributes\"", "unknown field"),
            ("\"totals\"", "\"total\"", "total"),
        ];
        for (from, to, reason) in cases {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD, "{from}");
            let error = parse(text.as_bytes()).unwrap_err();
            assert_eq!(error.code(), "catalog.bad_manifest", "{to}");
            assert!(error.to_string().contains(reason), "{to}: {error}");
            assert!(!error.to_string().contains(['\u{1b}', '\u{202e}', '\0']), "{error:?}");
        }
    }

    #[test]
    fn sizes_beyond_every_number_are_refused() {
        let entry = r#"{"path":"a","form":"csv","bytes":18446744073709551615,
            "sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}"#;
        let text = format!(
            r#"{{"format":"reinstate-archive","version":1,
            "backup":{{"name":"b","id":"1","created":"","source":"x"}},
            "objects":[{{"kind":"a","name":"a","entries":[{entry},{entry}]}}],
            "totals":{{"objects":1,"entries":2,"rows":0,"bytes":18446744073709551614}}}}"#
        );
        assert!(parse(text.as_bytes()).unwrap_err().to_string().contains("2^64"));
    }

    #[test]
    fn deep_nesting_is_refused_and_does_not_overflow_the_stack() {
        let deep = format!("{}{}", "[".repeat(1 << 20), "]".repeat(1 << 20));
        let text = GOOD.replace("{\"columns\":[]}", &format!("{{\"columns\":{deep}}}"));
        // Raw JSON is skipped without recursion; whoever looks inside has a depth limit of their own.
        let _ = parse(text.as_bytes());
        assert!(parse(deep.as_bytes()).is_err());
    }
}
