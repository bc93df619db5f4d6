//! Requests as JSON: an object whose members are texts and maps of texts, where numbers, booleans and nulls stand for texts, too.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

use crate::error::{Error, Result};

use super::avro::MOST_ENTRIES;
use super::record::{Fields, Map, Sort};

/// Reads a request of these fields. What is missing is empty; what is not of the interface is refused, because it would not be obeyed.
pub(super) fn read(fields: &[(&'static str, Sort)], bytes: &[u8]) -> Result<Fields> {
    let found: Members =
        serde_json::from_slice(bytes).map_err(|error| wrong(&format!("it cannot be understood: {error}")))?;
    let mut request = Fields::default();
    for (name, member) in found.0 {
        let shown = || name.escape_debug().take(100).collect::<String>();
        match (fields.iter().find(|(known, _)| *known == name), member) {
            (Some((name, Sort::Text)), Member::Text(text)) => request.set_text(name, text),
            (Some((name, Sort::Map)), Member::Map(map)) => request.set_map(name, map),
            (Some((_, Sort::Map)), Member::Text(text)) if text.is_empty() => (),
            (Some((_, Sort::Map)), _) => return Err(wrong(&format!("`{}` wants an object", shown()))),
            (Some((_, Sort::Text)), _) => return Err(wrong(&format!("`{}` wants a text", shown()))),
            (None, _) => {
                let known: Vec<&str> = fields.iter().map(|(known, _)| *known).collect();
                return Err(wrong(&format!("it has no `{}`, but {}", shown(), known.join(", "))));
            }
        }
    }
    Ok(request)
}

fn wrong(why: &str) -> Error {
    Error::new("usage", format!("The request's body is no JSON of this endpoint: {why}"))
}

/// A request's members, each once.
struct Members(BTreeMap<String, Member>);

enum Member {
    Text(String),
    Map(Map),
}

/// What stands where a text is wanted.
struct Scalar(String);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> std::result::Result<Members, A::Error> {
                Ok(Members(entries(map, |member: Member| member)?))
            }
        }
        from.deserialize_map(Reader)
    }
}

/// Entries up to a limit, no key twice: which of the two was meant cannot be said.
fn entries<'de, A: MapAccess<'de>, T: Deserialize<'de>, V>(
    mut map: A,
    value: impl Fn(T) -> V,
) -> std::result::Result<BTreeMap<String, V>, A::Error> {
    let mut found = BTreeMap::new();
    while let Some((key, entry)) = map.next_entry::<String, T>()? {
        if found.len() >= MOST_ENTRIES {
            return Err(de::Error::custom(format!("an object has more than {MOST_ENTRIES} members")));
        }
        if found.insert(key, value(entry)).is_some() {
            return Err(de::Error::custom("an object has a member twice"));
        }
    }
    Ok(found)
}

/// Reads texts and what stands for them; a map where `maps` is set. Lists, and anything deeper, are refused at their first byte.
struct Reader {
    maps: bool,
}

impl<'de> Visitor<'de> for Reader {
    type Value = Member;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.maps {
            "a text, a number, a truth value or an object"
        } else {
            "a text, a number or a truth value"
        })
    }

    fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<Member, E> {
        Ok(Member::Text(text.to_owned()))
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> std::result::Result<Member, E> {
        Ok(Member::Text(truth.to_string()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> std::result::Result<Member, E> {
        Ok(Member::Text(number.to_string()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> std::result::Result<Member, E> {
        Ok(Member::Text(number.to_string()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> std::result::Result<Member, E> {
        Ok(Member::Text(number.to_string()))
    }

    fn visit_unit<E: de::Error>(self) -> std::result::Result<Member, E> {
        Ok(Member::Text(String::new()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> std::result::Result<Member, A::Error> {
        if !self.maps {
            return Err(de::Error::invalid_type(de::Unexpected::Map, &self));
        }
        Ok(Member::Map(entries(map, |Scalar(text)| text)?))
    }
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        from.deserialize_any(Reader { maps: true })
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        match from.deserialize_any(Reader { maps: false })? {
            Member::Text(text) => Ok(Self(text)),
            Member::Map(_) => Err(de::Error::custom("a map is no text")),
        }
    }
}
