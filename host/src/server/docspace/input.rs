//! What requests say: bodies and queries, in the forms that DocSpace's libraries and samples write.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};

use super::Portal;
use super::envelope::Refusal;
use super::schedule::Cron;

/// A body of JSON. The content type is not looked at, as there.
pub(super) struct Said<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<Portal>> for Said<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, portal: &Arc<Portal>) -> Result<Self, Refusal> {
        let bytes = Bytes::from_request(request, portal).await.map_err(|refused| unread(refused.status()))?;
        if bytes.is_empty() {
            return Err(wrong("The request has no body").into());
        }
        let said = serde_json::from_slice(&bytes);
        Ok(Self(said.map_err(|error| wrong(&format!("The request cannot be understood: {error}")))?))
    }
}

/// The error for a body that could not be read.
pub(super) fn unread(status: StatusCode) -> Error {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => Error::new("request.too_large", "The request's body is too large"),
        StatusCode::BAD_REQUEST => Error::new("request.timeout", "The request's body did not come in time"),
        _ => wrong("The request's body cannot be read"),
    }
}

/// The error for what is not as it must be.
pub(super) fn wrong(message: &str) -> Error {
    Error::new("usage", message)
}

/// `startrestore`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StartRestore {
    /// Which record of the history; where it is no GUID, the parameters say what is restored.
    pub(super) backup_id: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) storage_type: StorageType,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) storage_params: Params,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) notify: bool,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) dump: bool,
}

/// `startbackup`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StartBackup {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) storage_type: StorageType,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) storage_params: Params,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) dump: bool,
}

/// `createbackupschedule`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewSchedule {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) storage_type: StorageType,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) storage_params: Params,
    pub(super) backups_stored: Option<u32>,
    pub(super) cron_params: Option<Cron>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) dump: bool,
}

/// What is null is what is absent.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(value: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(value)?.unwrap_or_default())
}

/// Where backups are: a number, or its name in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(into = "u8")]
pub(crate) enum StorageType {
    /// A folder of the portal.
    #[default]
    Documents,
    /// A folder of somebody else's service, connected with the portal.
    ThirdpartyDocuments,
    /// Known, and never implemented.
    CustomCloud,
    /// A folder of the server.
    Local,
    /// The portal's own store, for a day.
    DataStore,
    /// A store by its module: S3, `GoogleCloud`.
    ThirdPartyConsumer,
}

/// With the vendor's spelling, and the right one.
const NAMES: [(&str, StorageType); 7] = [
    ("Documents", StorageType::Documents),
    ("ThridpartyDocuments", StorageType::ThirdpartyDocuments),
    ("CustomCloud", StorageType::CustomCloud),
    ("Local", StorageType::Local),
    ("DataStore", StorageType::DataStore),
    ("ThirdPartyConsumer", StorageType::ThirdPartyConsumer),
    ("ThirdpartyDocuments", StorageType::ThirdpartyDocuments),
];

impl From<StorageType> for u8 {
    fn from(storage: StorageType) -> Self {
        storage as Self
    }
}

impl StorageType {
    fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(number) = text.parse::<usize>() {
            return NAMES.get(number).map(|(_, storage)| *storage).filter(|_| number < 6);
        }
        NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, storage)| *storage)
    }
}

impl<'de> Deserialize<'de> for StorageType {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        let text = match Value::deserialize(value)? {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        Self::read(&text)
            .ok_or_else(|| D::Error::custom("storageType is a number from 0 to 5, or a name such as Local"))
    }
}

/// A storage's parameters: a list of `{key, value}` as clients write it, or an object as answers have it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Params(BTreeMap<String, String>);

impl Params {
    /// The parameter of that name, unless it is empty.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// Whether the parameter was given, be it empty.
    pub(super) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// The same with another one.
    pub(super) fn with(mut self, key: &str, value: &str) -> Self {
        self.0.insert(key.to_owned(), value.to_owned());
        self
    }
}

impl<'de> Deserialize<'de> for Params {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        let pairs: Vec<(String, Value)> = match Value::deserialize(value)? {
            Value::Object(object) => object.into_iter().collect(),
            Value::Array(list) => list.into_iter().filter_map(pair).collect(),
            _ => return Err(D::Error::custom("storageParams is a list of {key, value}")),
        };
        let mut params = BTreeMap::new();
        for (key, value) in pairs {
            let text = match value {
                Value::Null => continue,
                Value::String(text) => text,
                Value::Array(_) | Value::Object(_) => {
                    return Err(D::Error::custom("A value of storageParams is a text"));
                }
                plain => plain.to_string(),
            };
            params.insert(key, text);
        }
        Ok(Self(params))
    }
}

fn pair(item: Value) -> Option<(String, Value)> {
    let Value::Object(mut item) = item else { return None };
    let value = item.remove("value").unwrap_or_default();
    Some((item.get("key")?.as_str()?.to_owned(), value))
}

/// A request's query. Names are read in any case, as there.
pub(super) struct Query(Vec<(String, String)>);

impl FromRequestParts<Arc<Portal>> for Query {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Portal>) -> Result<Self, Refusal> {
        let read = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        Ok(Self(read.map_err(|_| wrong("The request's query cannot be understood"))?.0))
    }
}

impl Query {
    /// The value of that name, unless it is empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// True or false, or neither where it is absent.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>> {
        match self.get(name) {
            None => Ok(None),
            Some(value) if value.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(value) if value.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => Err(wrong(&format!("{name} is true or false"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_types_are_numbers_or_names() {
        for (json, expected) in [
            ("0", Some(StorageType::Documents)),
            ("3", Some(StorageType::Local)),
            ("5", Some(StorageType::ThirdPartyConsumer)),
            ("\"3\"", Some(StorageType::Local)),
            ("\"Local\"", Some(StorageType::Local)),
            ("\"local\"", Some(StorageType::Local)),
            ("\"THRIDPARTYDOCUMENTS\"", Some(StorageType::ThirdpartyDocuments)),
            ("\"ThirdpartyDocuments\"", Some(StorageType::ThirdpartyDocuments)),
            ("\"dataStore\"", Some(StorageType::DataStore)),
            ("6", None),
            ("-1", None),
            ("3.5", None),
            ("\"\"", None),
            ("\"Cloud\"", None),
            ("true", None),
            ("[3]", None),
        ] {
            assert_eq!(serde_json::from_str::<StorageType>(json).ok(), expected, "{json}");
        }
        assert_eq!(serde_json::to_string(&StorageType::ThirdPartyConsumer).unwrap(), "5");
    }

    #[test]
    fn parameters_are_pairs_or_an_object() {
        let read = |json: &str| serde_json::from_str::<Params>(json).ok();
        let path = Params::default().with("filePath", "/b");
        for (json, expected) in [
            (r#"[{"key": "filePath", "value": "/b"}]"#, Some(path.clone())),
            (r#"[{"key": "filePath", "value": "/a"}, {"key": "filePath", "value": "/b"}]"#, Some(path.clone())),
            (r#"{"filePath": "/b"}"#, Some(path.clone())),
            (r#"[{"key": "filePath", "value": 7}]"#, Some(Params::default().with("filePath", "7"))),
            (r#"[{"key": "filePath", "value": null}, {"key": "filePath"}]"#, Some(Params::default())),
            (r#"[{"value": "/b"}, 3, null, {"key": 4, "value": "x"}]"#, Some(Params::default())),
            ("[]", Some(Params::default())),
            (r#"[{"key": "filePath", "value": ["/b"]}]"#, None),
            ("7", None),
        ] {
            assert_eq!(read(json), expected, "{json}");
        }
        let empty = read(r#"[{"key": "filePath", "value": " "}]"#).unwrap();
        assert!(empty.has("filePath") && empty.get("filePath").is_none() && !empty.has("folderId"));
    }

    #[test]
    fn bodies_may_leave_out_and_add() {
        let read = |json: &str| serde_json::from_str::<StartRestore>(json);
        let least = read(r#"{"backupId": ""}"#).unwrap();
        assert_eq!((least.storage_type, least.notify, least.dump), (StorageType::Documents, false, false));
        let nulls =
            r#"{"backupId": null, "storageType": null, "storageParams": null, "notify": null, "dump": null, "x": 1}"#;
        assert!(read(nulls).unwrap().backup_id.is_none());
        let sample = read(r#"{"backupId": "b", "storageType": "Local", "notify": true, "dump": false}"#).unwrap();
        assert_eq!((sample.storage_type, sample.notify), (StorageType::Local, true));
        for bad in ["[]", "1", "{", r#"{"notify": "yes"}"#, r#"{"storageType": 9}"#, r#"{"backupId": 5}"#] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn queries_are_read_in_any_case() {
        let query = |text: &str| {
            let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
            Query(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
        };
        for (text, expected) in [
            ("Dump=true", Ok(Some(true))),
            ("dump=False", Ok(Some(false))),
            ("Dump=", Ok(None)),
            ("Other=true", Ok(None)),
            ("Dump=1", Err(())),
        ] {
            assert_eq!(query(text).flag("Dump").map_err(|_| ()), expected, "{text}");
        }
    }
}
