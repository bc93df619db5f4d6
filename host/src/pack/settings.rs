//! What the backup is called and when it was made: from the options, else from `pack.json`, else from the folder and the clock.

use std::path::Path;

use jiff::Timestamp;

use crate::catalog::Backup;
use crate::error::Result;
use crate::sql::Dialect;

use super::PackOptions;
use super::documents::Documents;
use super::input::bad;

const PACK: &str = "pack.json";

/// What is said of the whole backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) created: String,
    pub(crate) dialect: String,
    pub(crate) schema: String,
}

/// Decides every setting.
pub(crate) fn settings(folder: &Path, documents: &Documents, options: &PackOptions) -> Result<Settings> {
    let given = &documents.pack;
    let id = options.id.clone().or_else(|| given.id.clone());
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let created = created(given.created.as_deref(), id.as_deref(), &now)?;
    let name = options.name.clone().or_else(|| given.name.clone()).unwrap_or_else(|| folder_name(folder));
    let schema = options.schema.clone().or_else(|| given.schema.clone()).unwrap_or_else(|| "main".to_owned());
    let dialect = given.dialect.clone().unwrap_or_else(|| dialect(documents).to_owned());
    for (what, value) in [("name", &name), ("schema", &schema)] {
        if value.is_empty() {
            return Err(bad(PACK, format!("The {what} is empty")));
        }
    }
    Ok(Settings { name, id: id.unwrap_or(now), created, dialect, schema })
}

/// An id that is given asks for the same bytes every time, so the clock is not looked at.
fn created(given: Option<&str>, id: Option<&str>, now: &str) -> Result<String> {
    let time = |text: &str| text.parse::<Timestamp>().map(|time| time.to_string());
    match (given, id) {
        (Some(given), _) => {
            time(given).map_err(|error| bad(PACK, format!("`created` is no time of RFC 3339: {error}")))
        }
        (None, Some(id)) => Ok(time(id).unwrap_or_else(|_| Timestamp::UNIX_EPOCH.to_string())),
        (None, None) => Ok(now.to_owned()),
    }
}

fn folder_name(folder: &Path) -> String {
    let resolved = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    resolved.file_name().map_or_else(|| "backup".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// The conventions' expressions are PostgreSQL's; without expressions there is no dialect.
fn dialect(documents: &Documents) -> &'static str {
    let expressions = !documents.columns.is_empty()
        || !documents.constraints.is_empty()
        || !documents.indexes.is_empty()
        || !documents.views.is_empty()
        || !documents.functions.is_empty();
    if expressions { "postgresql" } else { "" }
}

impl Settings {
    /// How statements of the folder are read.
    pub(crate) fn sql(&self) -> Dialect {
        if self.dialect == "sqlite" { Dialect::Sqlite } else { Dialect::Postgresql }
    }

    /// The manifest's words.
    pub(crate) fn backup(&self) -> Backup {
        Backup {
            name: self.name.clone(),
            id: self.id.clone(),
            created: self.created.clone(),
            position: None,
            source: "directory".to_owned(),
            dialect: self.dialect.clone(),
        }
    }
}
