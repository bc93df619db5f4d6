//! Statements of real dumps, for tests: of a collection beside the checkout, where there is one.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Every archive that the system's `pg_restore` reads, with its definitions as one text.
pub(super) fn scripts() -> Vec<(String, String)> {
    let named = |archive: PathBuf| Some((archive.display().to_string(), script(&archive)?));
    archives().into_iter().filter_map(named).collect()
}

fn archives() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/pg/archives");
    let folders = std::fs::read_dir(root).into_iter().flatten().flatten();
    let archives = folders.flat_map(|folder| std::fs::read_dir(folder.path()).into_iter().flatten().flatten());
    archives.map(|archive| archive.path()).filter(|path| path.extension().is_none_or(|end| end != "sql")).collect()
}

fn script(archive: &Path) -> Option<String> {
    let output = Command::new("pg_restore").args(["--schema-only", "-f", "-"]).arg(archive).output().ok()?;
    let script = output.status.success().then(|| String::from_utf8(output.stdout).ok()).flatten()?;
    Some(without_commands(&script))
}

/// A script without its lines for psql.
pub(super) fn without_commands(script: &str) -> String {
    script.lines().filter(|line| !line.starts_with('\\')).map(|line| format!("{line}\n")).collect()
}
