//! The codec against what the real client sent, against another implementation of Avro, and against hostile bytes.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use super::encoding::{Encoding, Envelope, MOST_BYTES};
use super::record::{Fields, Map, Record, Sort, Value};
use super::{ENDPOINTS, Endpoint, avro, message};

/// Conversations of the real client with a server that noted them down.
const BINARY: &str = include_str!("../../../../tests/data/kinetica/workflow_binary.json");
const JSON: &str = include_str!("../../../../tests/data/kinetica/workflow_json.json");
const SNAPPY: &str = include_str!("../../../../tests/data/kinetica/workflow_snappy.json");
const UNICODE: &str = include_str!("../../../../tests/data/kinetica/restore_unicode.json");
const NUMBERS: &str = include_str!("../../../../tests/data/kinetica/restore_backup_id_int_json.json");

/// Fields of replies, in order.
const REPLIES: [(&str, &[&str]); 8] = [
    ("/show/system/status", &["status_map", "info"]),
    ("/show/system/properties", &["property_map", "info"]),
    (
        "/restore/backup",
        &[
            "backup_name",
            "backup_id",
            "restored_bytes",
            "restored_files",
            "restored_records",
            "restored_objects",
            "renamed_objects",
            "failed_objects",
            "info",
        ],
    ),
    (
        "/show/backup",
        &["backup_name", "backup_description", "backup_ids", "backup_contents", "deleted_backup_ids", "info"],
    ),
    ("/verify/backup", &["backup_name", "backup_names", "backup_ids", "errors", "info"]),
    (
        "/create/backup",
        &[
            "backup_name",
            "backup_id",
            "copied_bytes",
            "copied_files",
            "copied_records",
            "total_number_of_records",
            "info",
        ],
    ),
    ("/alter/backup", &["backup_name", "backup_id", "total_bytes", "total_files", "total_number_of_records", "info"]),
    ("/drop/backup", &["backup_name", "backup_names", "info"]),
];

fn calls(text: &str) -> Vec<Json> {
    let conversation: Json = serde_json::from_str(text).unwrap();
    conversation["calls"].as_array().unwrap().clone()
}

fn endpoint(path: &str) -> &'static Endpoint {
    ENDPOINTS.iter().find(|endpoint| endpoint.path == path).unwrap()
}

fn bytes(call: &Json, name: &str) -> Vec<u8> {
    STANDARD.decode(call[name].as_str().unwrap()).unwrap()
}

fn map_of(json: &Json) -> Map {
    let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    json.as_object().unwrap().iter().map(|(key, value)| (key.clone(), text(value))).collect()
}

fn value(json: &Json) -> Value {
    match json {
        Json::Number(number) => Value::Number(number.as_i64().unwrap()),
        Json::Object(_) => Value::Map(map_of(json)),
        Json::Array(list) => Value::List(list.iter().map(value).collect()),
        other => Value::Text(other.as_str().unwrap().to_owned()),
    }
}

fn fields(endpoint: &Endpoint, json: &Json) -> Fields {
    let mut fields = Fields::default();
    for (name, sort) in endpoint.fields {
        match sort {
            Sort::Text => fields.set_text(name, json[name].as_str().unwrap().to_owned()),
            Sort::Map => fields.set_map(name, map_of(&json[name])),
        }
    }
    fields
}

fn record(names: &[&'static str], json: &Json) -> Record {
    Record(names.iter().map(|name| ((*name).into(), value(&json[name]))).collect())
}

fn reply_fields(path: &str) -> &'static [&'static str] {
    REPLIES.iter().find(|(known, _)| *known == path).unwrap().1
}

/// Maps have no order of their own: the same bytes in any.
fn sorted(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.sort_unstable();
    bytes
}

#[test]
fn what_the_real_client_sends_is_read_in_all_encodings() {
    let mut seen = 0;
    for (text, encoding) in [(BINARY, Encoding::Binary), (SNAPPY, Encoding::Snappy), (UNICODE, Encoding::Binary)] {
        for call in calls(text) {
            let endpoint = endpoint(call["path"].as_str().unwrap());
            let (body, expected) =
                (bytes(&call, "request_body_base64"), fields(endpoint, &call["request_body_decoded"]));
            assert_eq!(encoding.read(endpoint.fields, &body).unwrap(), expected, "{}", endpoint.path);
            if encoding == Encoding::Binary {
                let names: Vec<&str> = endpoint.fields.iter().map(|(name, _)| *name).collect();
                let written = avro::write(&record(&names, &call["request_body_decoded"]));
                assert_eq!(sorted(written), sorted(body), "{}", endpoint.path);
            }
            seen += 1;
        }
    }
    for call in calls(JSON).into_iter().chain(calls(NUMBERS)) {
        let endpoint = endpoint(call["path"].as_str().unwrap());
        let body = call["request_body"].to_string();
        let expected = fields(endpoint, &call["request_body"]);
        assert_eq!(Encoding::Json.read(endpoint.fields, body.as_bytes()).unwrap(), expected, "{}", endpoint.path);
        seen += 1;
    }
    assert!(seen > 25, "{seen}");
}

#[test]
fn replies_are_those_that_the_real_client_read() {
    for call in calls(BINARY).into_iter().chain(calls(SNAPPY)).chain(calls(UNICODE)) {
        let endpoint = endpoint(call["path"].as_str().unwrap());
        let data = &call["response_body_decoded"]["data(decoded)"];
        let reply = record(reply_fields(endpoint.path), data);
        for encoding in [Encoding::Binary, Encoding::Snappy] {
            let written = encoding.write(&Envelope::Ok(&endpoint.data_type(), &reply));
            assert_eq!(sorted(written), sorted(bytes(&call, "response_body_base64")), "{}", endpoint.path);
        }
    }
    for call in calls(JSON) {
        let endpoint = endpoint(call["path"].as_str().unwrap());
        let data: Json = serde_json::from_str(call["response_body"]["data_str"].as_str().unwrap()).unwrap();
        let reply = record(reply_fields(endpoint.path), &data);
        let written = Encoding::Json.write(&Envelope::Ok(&endpoint.data_type(), &reply));
        let mut written: Json = serde_json::from_slice(&written).unwrap();
        let inner: Json = serde_json::from_str(written["data_str"].as_str().unwrap()).unwrap();
        assert_eq!(inner, data);
        written["data_str"] = call["response_body"]["data_str"].clone();
        assert_eq!(written, call["response_body"]);
    }
}

#[test]
fn an_error_is_an_envelope_of_the_same_five_fields() {
    let envelope = Envelope::Error("Backup 'nightly' does not exist");
    let json: Json = serde_json::from_slice(&Encoding::Json.write(&envelope)).unwrap();
    let expected = serde_json::json!({"status": "ERROR", "message": "Backup 'nightly' does not exist", "data_type": "none", "data": "", "data_str": ""});
    assert_eq!(json, expected);
    let binary = Encoding::Binary.write(&envelope);
    let mut reader = avro::Reader::new(&binary);
    let texts: Vec<&str> = (0..5).map(|_| reader.text().unwrap()).collect();
    assert_eq!(texts, ["ERROR", "Backup 'nightly' does not exist", "none", "", ""]);
}

#[test]
fn another_implementation_of_avro_reads_and_writes_the_same() {
    let schema = apache_avro::Schema::parse_str(
        r#"{"type":"record","name":"r","fields":[{"name":"t","type":"string"},{"name":"n","type":"long"},
            {"name":"m","type":{"type":"map","values":"string"}},
            {"name":"l","type":{"type":"array","items":{"type":"array","items":"long"}}},
            {"name":"e","type":{"type":"array","items":{"type":"map","values":"string"}}}]}"#,
    )
    .unwrap();
    let numbers = [0, 1, -1, 63, 64, -64, -65, 8191, 8192, i64::from(i32::MAX), i64::MIN, i64::MAX];
    for number in numbers {
        let text = "n\u{e4}ch\u{2603}".repeat(40);
        let map = Map::from([("k".to_owned(), text.clone())]);
        let ours = Record::of([
            ("t", Value::Text(text.clone())),
            ("n", Value::Number(number)),
            ("m", Value::Map(map.clone())),
            (
                "l",
                Value::List(vec![
                    Value::List(numbers.iter().copied().map(Value::Number).collect()),
                    Value::List(vec![]),
                ]),
            ),
            ("e", Value::maps(vec![Map::new(), map])),
        ]);
        let written = avro::write(&ours);
        let theirs = apache_avro::from_avro_datum(&schema, &mut written.as_slice(), None).unwrap();
        assert_eq!(apache_avro::to_avro_datum(&schema, theirs).unwrap(), written);
        let mut reader = avro::Reader::new(&written);
        assert_eq!((reader.text().unwrap(), reader.number().unwrap()), (text.as_str(), number));
    }
}

#[test]
fn maps_come_in_any_blocks_and_what_follows_is_ignored() {
    // Two blocks, the second with its length in bytes, then the end, then what a later version may add.
    let body = [&[2, 2, b'a', 2, b'1', 1, 8, 2, b'b', 2, b'2', 0][..], &[7, 7, 7]].concat();
    let fields: &[(&str, Sort)] = &[("options", Sort::Map)];
    let read = avro::read(fields, &body).unwrap();
    let expected = [("a", "1"), ("b", "2")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(read.map("options"), &Map::from(expected));
}

#[test]
fn hostile_avro_is_refused_before_anything_is_allocated_for_it() {
    let text: &[(&str, Sort)] = &[("backup_name", Sort::Text)];
    let map: &[(&str, Sort)] = &[("options", Sort::Map)];
    let huge = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    let many = {
        let entries: Map = (0..=avro::MOST_ENTRIES).map(|at| (at.to_string(), String::new())).collect();
        avro::write(&Record::of([("options", Value::Map(entries))]))
    };
    for (fields, body, said) in [
        (text, vec![], "1 more are announced and 0 are there"),
        (text, huge.to_vec(), "more are announced"),
        (text, vec![1], "a length that none can have"),
        (text, vec![4, b'a'], "2 more are announced and 1 are there"),
        (text, vec![2, 0xff], "not UTF-8"),
        (text, vec![0xff; 11], "larger than 64 bits"),
        (text, vec![0x80; 9], "1 more are announced"),
        (map, huge.to_vec(), "1 more are announced and 0 are there"),
        (map, [&huge[..], &[0, 0]].concat(), "1 more are announced"),
        (map, vec![3, 0], "1 more are announced"),
        (map, vec![2, 2, b'a', 0], "1 more are announced"),
        (map, vec![4, 2, b'a', 0, 2, b'a', 0, 0], "a key twice"),
        (map, [&huge[..], &[0; 4096]].concat(), "a key twice"),
        (map, many, "more than 1000 entries"),
    ] {
        let error = Encoding::Binary.read(fields, &body).unwrap_err();
        assert!(error.code() == "usage" && error.to_string().contains(said), "{body:?}: {error}");
    }
    // Whatever comes: an answer, and no fault.
    let mut seed = 7u64;
    for _ in 0..20_000 {
        let body: Vec<u8> = (0..24)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (seed >> 56) as u8 % 9
            })
            .collect();
        for endpoint in &ENDPOINTS {
            let _ = Encoding::Binary.read(endpoint.fields, &body);
            let _ = Encoding::Snappy.read(endpoint.fields, &body);
        }
    }
}

#[test]
fn hostile_snappy_is_refused_before_anything_is_allocated_for_it() {
    let fields: &[(&str, Sort)] = &[("options", Sort::Map)];
    let bomb = snap::raw::Encoder::new().compress_vec(&vec![0; MOST_BYTES + 1]).unwrap();
    for (body, code) in [
        (vec![], "usage"),
        (bomb, "request.too_large"),
        (vec![0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0], "request.too_large"),
        (vec![0xff; 16], "usage"),
        (vec![5, 0, 0], "usage"),
        (vec![1, 0], "usage"),
    ] {
        assert_eq!(Encoding::Snappy.read(fields, &body).unwrap_err().code(), code, "{body:?}");
    }
}

#[test]
fn json_takes_what_stands_for_texts_and_nothing_deeper() {
    let fields: &[(&str, Sort)] = &[("backup_name", Sort::Text), ("options", Sort::Map)];
    let read = |body: &str| Encoding::Json.read(fields, body.as_bytes());
    let good =
        read(r#"{"backup_name": 7, "options": {"a": 3, "b": true, "c": null, "d": -1, "e": 1.5, "f": "\u2603"}}"#)
            .unwrap();
    let expected = [("a", "3"), ("b", "true"), ("c", ""), ("d", "-1"), ("e", "1.5"), ("f", "\u{2603}")];
    assert_eq!(good.text("backup_name"), "7");
    assert_eq!(
        good.map("options"),
        &expected.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    );
    assert!(read("{}").unwrap().map("options").is_empty() && read(r#"{"options": null}"#).is_ok());
    let deep = format!("{{\"options\": {{\"a\": {}", "[".repeat(500_000));
    let objects = "{\"options\":".repeat(100_000);
    let many: BTreeMap<String, u32> = (0..2000).map(|at| (at.to_string(), at)).collect();
    for (body, said) in [
        ("", "cannot be understood"),
        ("[]", "an object"),
        ("7", "an object"),
        (r#"{"options": []}"#, "invalid type"),
        (r#"{"options": "x"}"#, "`options` wants an object"),
        (r#"{"backup_name": {}}"#, "`backup_name` wants a text"),
        (r#"{"options": {"a": {}}}"#, "invalid type"),
        (r#"{"options": {"a": [1]}}"#, "invalid type"),
        (r#"{"options": {"a": 1, "a": 2}}"#, "twice"),
        (r#"{"options": {}, "options": {}}"#, "twice"),
        (r#"{"dry_run": "true"}"#, "no `dry_run`, but backup_name, options"),
        (r#"{"options": {}} x"#, "trailing"),
        (&deep, "invalid type"),
        (&objects, "invalid type"),
        (&serde_json::json!({ "options": many }).to_string(), "more than 1000 members"),
    ] {
        let error = read(body).unwrap_err();
        let shown: String = body.chars().take(60).collect();
        assert!(error.code() == "usage" && error.to_string().contains(said), "{shown}: {error}");
    }
    assert!(Encoding::Json.read(fields, b"{\"backup_name\": \"\xff\"}").is_err());
}

#[test]
fn no_message_makes_the_client_give_the_server_up() {
    // The phrases, as the client's source has them.
    for phrase in [
        "Kinetica is exiting",
        "Kinetica is offline",
        "System is offline",
        "Connection refused",
        "Connection reset",
        "system-limited-fatal",
        "System shutting down",
        "Unavailable: Draining HA queue",
        "Query planner is not running",
        "Unexpected end of file from server",
    ] {
        let error = crate::error::Error::new("target.not_reached", format!("db:5432: {phrase} (os error 111)"));
        let text = message::of(&error.state(format!("{phrase}{phrase}")));
        assert!(!text.contains(phrase) && text.starts_with("target.not_reached: db:5432: "), "{text}");
    }
}

#[test]
fn an_encoding_is_known_by_what_the_body_says_it_is() {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};
    let of = |pairs: &[(&'static str, &'static str)]| {
        let pairs = pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        Encoding::of(&pairs.collect::<HeaderMap>())
    };
    assert_eq!(of(&[("content-type", "application/json; charset=utf-8")]), Some(Encoding::Json));
    assert_eq!(of(&[("content-type", "Application/Octet-Stream")]), Some(Encoding::Binary));
    assert_eq!(of(&[("content-type", "application/x-snappy"), ("accept", "application/json")]), Some(Encoding::Snappy));
    assert_eq!(of(&[("accept", "application/json")]), Some(Encoding::Json));
    assert_eq!(of(&[("content-type", "text/plain"), ("accept", "application/json")]), None);
    assert_eq!(of(&[]), None);
}
