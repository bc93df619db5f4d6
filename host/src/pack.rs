//! Makes an archive from a plain directory of CSV, Parquet, Arrow and JSON files, as `pack/CONVENTIONS.md` lays it down.

use std::path::Path;

use crate::backup::{Writer, Written};
use crate::catalog::ObjectName;
use crate::error::Result;

mod columnar;
mod constraints;
mod csv;
mod definitions;
mod documents;
mod graphs;
mod input;
mod principals;
mod routines;
mod rows;
/// What is a secret is said once, beside the plugin that refuses it in archives.
#[path = "../../plugins/definitions/src/secrets.rs"]
mod secrets;
mod settings;
mod survey;
mod tables;
mod types;
mod values;
mod views;

use input::Input;
use settings::Settings;
use survey::Contents;

/// How a directory is packed.
#[derive(Debug, Clone, Default)]
pub struct PackOptions {
    /// The backup's name; the folder's when absent.
    pub name: Option<String>,
    /// The snapshot's id; the time when absent.
    pub id: Option<String>,
    /// The schema of tables, views, functions and graphs; `main` when absent.
    pub schema: Option<String>,
    /// Replace an existing file.
    pub overwrite: bool,
}

/// What packing did.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Packed {
    /// The archive.
    #[serde(flatten)]
    pub written: Written,
    /// Files that no convention knows, and parts of documents that an archive has no words for: left out.
    pub ignored: Vec<String>,
}

/// What every kind of object is made from.
struct Source<'a> {
    input: &'a Input,
    contents: &'a Contents,
    settings: &'a Settings,
}

impl Source<'_> {
    /// An object of the backup's schema.
    fn object(&self, kind: &str, name: &str) -> ObjectName {
        ObjectName::new(kind, Some(&self.settings.schema), name)
    }

    /// Whether a name that is written with that schema means a table or view of this folder. PostgreSQL writes `public` where the
    /// folder's own schema is meant.
    fn is_own_schema(&self, schema: &str, name: &str) -> bool {
        let packed = self.contents.tables.contains_key(name)
            || self.contents.documents.views.iter().any(|view| view.name == name);
        packed && (schema == self.settings.schema || schema == "public")
    }
}

/// Packs `folder` into an archive at `out`. The same folder gives the same bytes when name and id are given.
pub fn pack(folder: &Path, out: &Path, options: &PackOptions) -> Result<Packed> {
    let input = Input::new(folder)?;
    let mut contents = survey::survey(&input)?;
    let mut ignored = std::mem::take(&mut contents.ignored);
    let settings = settings::settings(folder, &contents.documents, options)?;
    let source = Source { input: &input, contents: &contents, settings: &settings };
    let mut writer = Writer::create(out, options.overwrite)?;
    tables::pack(&mut writer, &source, &mut ignored)?;
    views::pack(&mut writer, &source)?;
    routines::pack(&mut writer, &source, &mut ignored)?;
    principals::pack(&mut writer, &source)?;
    graphs::pack(&mut writer, &source)?;
    definitions::pack(&mut writer, &source)?;
    ignored.sort();
    Ok(Packed { written: writer.finish(settings.backup())?, ignored })
}

#[cfg(test)]
mod tests;
