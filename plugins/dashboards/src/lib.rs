//! Restores dashboards: a kind that reinstate does not know, kept by the target as a document.
//!
//! A dashboard's attributes are its title, its owner and the table it shows. Its layout is among them, or is the
//! object's one entry. The document that is staged has the same members, with the layout in its place.

use reinstate_plugin::{
    Counts, Description, EntryReader, Failure, Finding, Handler, Kind, Object, ObjectName, Outlook, Target,
    definitions, description, export,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A layout is drawn by a browser; a larger one is no layout.
const LAYOUT_BYTES: usize = 1 << 20;

/// What the archive says of a dashboard, and what the target keeps of it.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Dashboard {
    title: String,
    /// The user it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    /// The table it shows, in the dashboard's own schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    table: Option<String>,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    layout: Value,
}

/// The plugin.
pub struct Dashboards;

impl Handler for Dashboards {
    fn describe() -> Description {
        description!(Kind::in_schema("dashboard"))
    }

    /// Looks at the attributes only: entries cannot be read while nothing is decided yet.
    fn plan(object: &Object, _: &Target) -> Result<Outlook, Failure> {
        let dashboard: Dashboard = object.parse_attributes()?;
        let mut outlook = Outlook { bytes: object.entry_bytes(), ..Outlook::new() };
        if let Some(owner) = dashboard.owner {
            outlook.depend_on(ObjectName { kind: "user".to_owned(), schema: None, name: owner });
        }
        if let Some(table) = &dashboard.table {
            outlook.depend_on(object.sibling("table", table));
        }
        if dashboard.title.is_empty() {
            outlook.findings.push(Finding::note("dashboard.no_title", "It has no title", "Give it one afterwards"));
        }
        if object.entries.len() > 1 || dashboard.layout.is_null() == object.entries.is_empty() {
            outlook.findings.push(Finding::refusal(
                "dashboard.layouts",
                "It does not have exactly one layout, as an entry or among its attributes",
                "Exclude the object, or take the backup again",
            ));
        }
        Ok(outlook)
    }

    fn begin(object: &Object, _: &Target) -> Result<(), Failure> {
        if object.entries.is_empty() {
            definitions::put(&document(object, None)?.to_string())?;
        }
        // Else its one part brings the layout.
        Ok(())
    }

    fn restore(object: &Object, _: &Target, part: u32) -> Result<Counts, Failure> {
        let layout = EntryReader::open(part).read_all(LAYOUT_BYTES)?;
        definitions::put(&document(object, Some(&layout))?.to_string())?;
        Ok(Counts { rows: 0, bytes: layout.len() as u64 })
    }

    /// Reads the archive once more and compares it with what the target has.
    fn verify(object: &Object, _: &Target) -> Result<Vec<Finding>, Failure> {
        let layout = if object.entries.is_empty() { None } else { Some(EntryReader::open(0).read_all(LAYOUT_BYTES)?) };
        let expected = document(object, layout.as_deref())?;
        Ok(difference(&expected, definitions::get()?.as_deref()).into_iter().collect())
    }
}

export!(Dashboards);

/// The document to stage. Fails with `dashboard.bad_layout` when the entry is not JSON.
fn document(object: &Object, layout: Option<&[u8]>) -> Result<Value, Failure> {
    let mut dashboard: Dashboard = object.parse_attributes()?;
    if let Some(layout) = layout {
        dashboard.layout = serde_json::from_slice(layout).map_err(|error| {
            Failure::new("dashboard.bad_layout", format!("The layout is not JSON: {error}")).in_part(object, 0)
        })?;
    }
    serde_json::to_value(&dashboard).map_err(|error| Failure::new("dashboard.bad_layout", error.to_string()))
}

fn difference(expected: &Value, staged: Option<&str>) -> Option<Finding> {
    let fix = "Restore it again; if it stays, report it";
    let Some(staged) = staged else {
        return Some(Finding::refusal("dashboard.missing", "It was not staged", fix));
    };
    let same = serde_json::from_str::<Value>(staged).is_ok_and(|staged| staged == *expected);
    (!same).then(|| Finding::refusal("dashboard.differs", "The target keeps something else than the archive has", fix))
}

#[cfg(test)]
mod tests {
    use reinstate_plugin::Entry;

    use super::*;

    fn object(attributes: &str, entries: usize) -> Object {
        let name = ObjectName { kind: "dashboard".into(), schema: Some("main".into()), name: "sales".into() };
        let entry = Entry { path: "layout.json".into(), form: "json".into(), bytes: 20, exact: true, rows: None };
        Object { entries: vec![entry; entries], ..Object::new(name, attributes) }
    }

    fn plan(attributes: &str, entries: usize) -> Result<Outlook, Failure> {
        Dashboards::plan(&object(attributes, entries), &Target::named("sqlite", "sqlite"))
    }

    #[test]
    fn its_owner_and_its_table_come_first() {
        let outlook = plan(r#"{"title": "Sales", "owner": "ann", "table": "orders"}"#, 1).unwrap();
        let names: Vec<_> = outlook.dependencies.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["user ann", "table main.orders"]);
        assert_eq!((outlook.bytes, outlook.findings.len()), (20, 0));
    }

    #[test]
    fn what_is_wrong_is_known_before_anything_is_written() {
        let cases = [
            (r#"{"title": ""}"#, 1, "dashboard.no_title"),
            (r#"{"title": "a"}"#, 0, "dashboard.layouts"),
            (r#"{"title": "a"}"#, 2, "dashboard.layouts"),
            (r#"{"title": "a", "layout": {}}"#, 1, "dashboard.layouts"),
        ];
        for (attributes, entries, code) in cases {
            assert_eq!(plan(attributes, entries).unwrap().findings[0].code, code, "{attributes}");
        }
        assert_eq!(plan(r#"{"titel": "a"}"#, 1).unwrap_err().code, "dashboard.bad_attributes");
    }

    #[test]
    fn the_document_is_the_same_wherever_the_layout_came_from() {
        let entry = document(&object(r#"{"title": "a", "owner": "ann"}"#, 1), Some(br#"{"rows": [1, 2]}"#)).unwrap();
        let inline = document(&object(&entry.to_string(), 0), None).unwrap();
        assert_eq!(entry, inline);
        let bad = document(&object(r#"{"title": "a"}"#, 1), Some(b"{")).unwrap_err();
        assert_eq!((bad.code.as_str(), bad.entry.as_deref()), ("dashboard.bad_layout", Some("layout.json")));
    }

    #[test]
    fn what_is_staged_is_compared() {
        let expected = serde_json::json!({"title": "a"});
        assert!(difference(&expected, Some(r#"{ "title":"a" }"#)).is_none());
        assert_eq!(difference(&expected, Some("{}")).unwrap().code, "dashboard.differs");
        assert_eq!(difference(&expected, None).unwrap().code, "dashboard.missing");
    }
}
