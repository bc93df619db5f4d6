//! Makes the platform's backups: reinstate's own archives, written as the objects come.

use std::io::Write;
use std::path::Path;

use reinstate::backup::{Writer, Written};
use reinstate::catalog::{Backup, ObjectName};
use reinstate::error::{Error, Result};
use serde_json::{Value, json, value::to_raw_value};

/// Last Monday's backup: a role, a user, and two dashboards that belong to them.
pub fn write(path: &Path) -> Result<Written> {
    let mut writer = Writer::create(path, false)?;
    add(&mut writer, ObjectName::new("role", None, "analysts"), &json!({}), None)?;
    let ann = json!({
        "login": true,
        "password_hash": "SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy",
        "memberships": [{ "role": "analysts" }],
    });
    add(&mut writer, ObjectName::new("user", None, "ann"), &ann, None)?;
    for (name, title) in [("sales", "Sales by region"), ("stock", "Stock")] {
        let attributes = json!({ "title": title, "owner": "ann" });
        let layout = json!({ "rows": [["map", "trend"], ["table"]] });
        add(&mut writer, ObjectName::new("dashboard", Some("main"), name), &attributes, Some(&layout))?;
    }
    writer.finish(Backup {
        name: "platform".to_owned(),
        id: "monday".to_owned(),
        created: "2026-11-16T03:00:00Z".to_owned(),
        position: None,
        source: "platform".to_owned(),
        dialect: String::new(),
    })
}

/// One object: attributes, and a layout as its entry where it has one. What it depends on, its plugin finds out.
fn add(writer: &mut Writer, name: ObjectName, attributes: &Value, layout: Option<&Value>) -> Result<()> {
    writer.object(name, Vec::new())?;
    writer.attributes(to_raw_value(attributes).map_err(internal)?)?;
    if let Some(layout) = layout {
        let mut entry = writer.entry("json")?;
        entry.write_all(layout.to_string().as_bytes()).map_err(internal)?;
        entry.finish(None)?;
    }
    Ok(())
}

fn internal(error: impl std::fmt::Display) -> Error {
    Error::new("host.io", format!("The backup cannot be written: {error}"))
}
