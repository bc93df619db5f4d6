//! Makes an archive from a plain directory of CSV, Parquet, Arrow and JSON files.

use std::path::Path;

use crate::backup::Written;
use crate::error::Result;

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
    /// Files that no convention knows, left out.
    pub ignored: Vec<String>,
}

/// Packs `folder` into an archive at `out`.
pub fn pack(folder: &Path, out: &Path, options: &PackOptions) -> Result<Packed> {
    let _ = (folder, out, options);
    unimplemented!()
}
