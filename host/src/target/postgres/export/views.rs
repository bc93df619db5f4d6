//! Views.

use crate::backup::Writer;
use crate::backup::attributes::{View, raw};
use crate::error::Result;

use super::Source;
use super::catalog::Catalog;

/// Writes all views.
pub(super) fn write(source: &mut Source, writer: &mut Writer, catalog: &Catalog) -> Result<()> {
    let query = "SELECT c.oid, rtrim(pg_get_viewdef(c.oid), ';'), ARRAY(SELECT a.attname::text FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)
        FROM pg_class c WHERE c.relkind = 'v'";
    for row in source.ask(query, &[])? {
        let key = (catalog.relations, row.get(0));
        let Some(item) = catalog.get(key).filter(|item| item.key == key) else { continue };
        writer.object(item.name.clone(), catalog.depends(key))?;
        writer.attributes(raw(&View { columns: row.get(2), query: row.get(1) })?)?;
    }
    Ok(())
}
