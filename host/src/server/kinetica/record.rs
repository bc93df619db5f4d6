//! What requests and replies hold: named fields in the order that the interface gives them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};

/// A map of texts to texts, which most of the interface is made of.
pub(super) type Map = BTreeMap<String, String>;

static EMPTY: Map = Map::new();

/// What a field of a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Text,
    Map,
}

/// The fields of a request; what the client did not send is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields {
    texts: BTreeMap<&'static str, String>,
    maps: BTreeMap<&'static str, Map>,
}

impl Fields {
    pub(super) fn set_text(&mut self, name: &'static str, text: String) {
        self.texts.insert(name, text);
    }

    pub(super) fn set_map(&mut self, name: &'static str, map: Map) {
        self.maps.insert(name, map);
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", String::as_str)
    }

    pub(super) fn map(&self, name: &str) -> &Map {
        self.maps.get(name).unwrap_or(&EMPTY)
    }
}

/// What a field of a reply is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Value {
    Text(String),
    Number(i64),
    Map(Map),
    List(Vec<Value>),
}

impl Value {
    /// Figures that are too large for the interface's numbers are the largest of these.
    pub(super) fn number(figure: u64) -> Self {
        Self::Number(i64::try_from(figure).unwrap_or(i64::MAX))
    }

    pub(super) fn maps(maps: Vec<Map>) -> Self {
        Self::List(maps.into_iter().map(Self::Map).collect())
    }

    pub(super) fn texts(texts: impl IntoIterator<Item = String>) -> Self {
        Self::List(texts.into_iter().map(Self::Text).collect())
    }

    pub(super) fn numbers(figures: impl IntoIterator<Item = u64>) -> Self {
        Self::List(figures.into_iter().map(Self::number).collect())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// A reply: its fields in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record(pub(super) Vec<(Cow<'static, str>, Value)>);

impl Record {
    pub(super) fn of<const N: usize>(fields: [(&'static str, Value); N]) -> Self {
        Self(fields.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect())
    }

    /// The record as JSON, its fields in order.
    pub(super) fn to_json(&self) -> String {
        // Texts and numbers can always be written.
        serde_json::to_string(&InOrder(self)).unwrap_or_default()
    }
}

struct InOrder<'a>(&'a Record);

impl Serialize for InOrder<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(Some(self.0.0.len()))?;
        for (name, value) in &self.0.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// A map of what is not empty.
pub(super) fn map<const N: usize>(pairs: [(&str, String); N]) -> Map {
    pairs.into_iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| (name.to_owned(), text)).collect()
}
