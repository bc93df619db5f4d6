//! What the archive says of views: the format's attributes of this kind. Those of tables are the SDK's.

use serde::Deserialize;

/// The attributes of a view.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ViewAttributes {
    #[serde(default)]
    pub(crate) columns: Vec<String>,
    pub(crate) query: String,
    /// The query's own, where it is not the backup's.
    pub(crate) dialect: Option<String>,
}

impl ViewAttributes {
    /// The dialect that the query is written in.
    pub(crate) fn dialect<'a>(&'a self, object: &'a reinstate_plugin::Object) -> &'a str {
        self.dialect.as_deref().unwrap_or(&object.dialect)
    }
}

#[cfg(test)]
mod tests {
    use reinstate_plugin::portable::TableAttributes;
    use reinstate_plugin::tables::ValueType;
    use reinstate_plugin::{Failure, Object, ObjectName};

    fn table(attributes: &str) -> Result<TableAttributes, Failure> {
        let name = ObjectName { kind: "table".into(), schema: Some("main".into()), name: "t".into() };
        Object::new(name, attributes).parse_attributes()
    }

    #[test]
    fn the_formats_example_is_understood_and_absent_members_are_empty() {
        let full = table(
            r#"{"columns": [{"name": "id", "values": "integer", "declared": "INTEGER", "nullable": false, "default": null,
                  "generated": {"expression": "a + b", "stored": true}, "collation": "NOCASE"}],
                "primary_key": {"name": null, "columns": ["id"], "automatic": false},
                "uniques": [{"name": null, "columns": ["a", "b"]}],
                "checks": [{"name": null, "expression": "a > 0"}],
                "foreign_keys": [{"name": null, "columns": ["a"], "schema": null, "table": "other", "references": ["id"],
                  "on_update": "CASCADE", "on_delete": "NO ACTION", "deferred": false}],
                "indexes": [{"name": "by_a", "columns": [{"term": "a", "expression": false, "descending": false,
                  "collation": null}], "unique": false, "condition": null}],
                "triggers": [{"name": "t", "statement": "CREATE TRIGGER ..."}],
                "options": ["strict", "without-rowid"]}"#,
        )
        .unwrap();
        assert_eq!(full.columns[0].values, ValueType::Integer);
        assert!(full.columns[0].generated.as_ref().unwrap().stored);
        assert_eq!(full.foreign_keys[0].on_update, "CASCADE");
        assert_eq!(full.options.len(), 2);

        let brief = table(
            r#"{"columns": [{"name": "a", "values": "any"}], "foreign_keys": [{"columns": ["a"], "table": "o"}],
                "indexes": [{"name": "i", "columns": [{"term": "a"}]}]}"#,
        )
        .unwrap();
        assert!(!brief.columns[0].nullable && brief.primary_key.is_none() && brief.triggers.is_empty());
        assert_eq!(brief.foreign_keys[0].on_delete, "NO ACTION");
        assert_eq!(brief.foreign_keys[0].references.len(), 0);
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (attributes, part) in [
            ("{}", "missing field `columns`"),
            (r#"{"columns": [{"name": "a"}]}"#, "missing field `values`"),
            (r#"{"columns": [{"name": "a", "values": "date"}]}"#, "unknown variant `date`"),
            (r#"{"columns": [], "index": []}"#, "unknown field `index`"),
            (r#"{"columns": [{"name": "a", "values": "text", "nulable": true}]}"#, "unknown field `nulable`"),
        ] {
            let failure = table(attributes).unwrap_err();
            assert_eq!(failure.code, "table.bad_attributes");
            assert!(failure.message.contains(part), "{failure:?}");
        }
    }
}
