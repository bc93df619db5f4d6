//! An object's attributes, parsed into a type of the plugin's.

use serde::de::DeserializeOwned;

use crate::{Failure, Object};

impl Object {
    /// The attributes as `T`. Fails with `KIND.bad_attributes` and says what is wrong with them.
    pub fn parse_attributes<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        self.parse_attributes_as(&format!("{}.bad_attributes", self.source.kind))
    }

    /// As [`Object::parse_attributes`], with a code of your own for failures.
    pub fn parse_attributes_as<T: DeserializeOwned>(&self, code: &str) -> Result<T, Failure> {
        serde_json::from_str(&self.attributes).map_err(|error| {
            Failure::new(code, format!("The attributes of {} cannot be understood: {error}", self.source))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::ObjectName;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Attributes {
        size: u32,
    }

    #[test]
    fn a_failure_names_the_object_and_the_member() {
        let name = ObjectName { kind: "thing".into(), schema: Some("main".into()), name: "a".into() };
        for (attributes, part) in [
            (r#"{"size": -1}"#, "integer `-1`"),
            (r#"{"size": 1, "sise": 2}"#, "unknown field `sise`"),
            ("{}", "missing field `size`"),
            ("", "EOF"),
            (r#"{"size": 1} x"#, "trailing"),
        ] {
            let failure = Object::new(name.clone(), attributes).parse_attributes::<Attributes>().unwrap_err();
            assert_eq!(failure.code, "thing.bad_attributes");
            assert!(failure.message.contains("thing main.a"), "{failure:?}");
            assert!(failure.message.contains(part), "{failure:?}");
        }
        assert_eq!(Object::new(name, r#"{"size": 3}"#).parse_attributes::<Attributes>().unwrap().size, 3);
    }
}
