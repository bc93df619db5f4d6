//! Backs a live system up, into a file or as a snapshot into a repository.

use std::path::Path;

use crate::backup::{Filter, Watch, Writer, Written};
use crate::catalog::Backup;
use crate::error::{Error, Result};
use crate::repository::{NewSnapshot, Repository};
use crate::selector::Selector;
use crate::target::Target;

/// What goes into an archive file, and how it is called.
#[derive(Debug, Clone, Default)]
pub struct FileOptions {
    /// The backup's name.
    pub name: String,
    /// The snapshot's id; the time when absent.
    pub id: Option<String>,
    /// Replace an existing file.
    pub overwrite: bool,
    /// The objects; all when empty.
    pub select: Vec<Selector>,
    /// Definitions without rows.
    pub ddl_only: bool,
    /// Write nothing: only say what would be written.
    pub dry_run: bool,
}

/// Makes a snapshot of the target in a backup of the repository, by the rules of [`NewSnapshot`].
///
/// Fails when the target does not exist or holds something that cannot be carried, with `repository.*` when the rules or the store refuse it. Until
/// it has succeeded nobody sees anything of it.
pub fn create(
    target: &dyn Target,
    repository: &Repository,
    name: &str,
    wanted: &NewSnapshot,
    watch: &Watch,
) -> Result<Written> {
    // Before the lock: a target that is not there is the likelier mistake.
    target.inspect()?;
    let writer = repository.begin(name, wanted)?;
    let (id, options) = (writer.id(), writer.backup().options.clone());
    let select: Result<Vec<Selector>, String> = options.objects.into_iter().map(Selector::try_from).collect();
    let select = select.map_err(|reason| Error::new("repository.damaged", reason))?;
    let writer = Writer::into_snapshot(writer).filtered(Filter::new(select, options.ddl_only)).watched(watch.clone());
    let (writer, backup) = export(target, writer, name, Some(id.to_string()))?;
    writer.finish(backup)
}

/// Makes an archive file of what is selected of the target, all at once.
pub fn create_file(target: &dyn Target, path: &Path, options: &FileOptions, watch: &Watch) -> Result<Written> {
    let filter = Filter::new(options.select.clone(), options.ddl_only);
    let writer = Writer::create(path, options.overwrite)?.filtered(filter).watched(watch.clone());
    let (writer, backup) = export(target, writer, &options.name, options.id.clone())?;
    if options.dry_run { writer.measure(backup) } else { writer.finish(backup) }
}

fn export(target: &dyn Target, mut writer: Writer, name: &str, id: Option<String>) -> Result<(Writer, Backup)> {
    let info = target.inspect()?.info;
    // A stop is what went wrong, whatever a source makes of it.
    let position = target.export(&mut writer).map_err(|error| writer.stopped().unwrap_or(error))?;
    let created = jiff::Timestamp::now().to_string();
    let id = id.unwrap_or_else(|| created.clone());
    let backup = Backup { name: name.to_owned(), id, created, position, source: info.kind, dialect: info.dialect };
    Ok((writer, backup))
}
