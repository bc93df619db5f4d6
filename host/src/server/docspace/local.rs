//! Paths that clients write for storage type Local, and the files that these are here. Nothing outside the configured folders is ever
//! touched, whatever a path or a link says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

use super::input::wrong;

/// What is there under that path, with no link in it any more. Fails with `request.not_found`, and with `usage` for what is no path.
pub(super) fn find(folders: &BTreeMap<String, PathBuf>, path: &str) -> Result<PathBuf> {
    let (folder, rest) = place(folders, path)?;
    let missing = || Error::new("request.not_found", format!("There is nothing at `{}`", shown(path)));
    let real = |path: &Path| path.canonicalize().map_err(|_| missing());
    let (within, found) = (real(folder)?, real(&rest.iter().fold(folder.to_owned(), |path, part| path.join(part)))?);
    // What a link leads out to is not there for clients.
    if found.starts_with(&within) { Ok(found) } else { Err(missing()) }
}

/// The folder that is meant, and the way from there: the configured path that is longest and fits.
fn place<'a, 'p>(folders: &'a BTreeMap<String, PathBuf>, path: &'p str) -> Result<(&'a Path, Vec<&'p str>)> {
    let parts = parts(path).ok_or_else(|| wrong(&format!("`{}` is no path", shown(path))))?;
    let fitting = folders.iter().filter_map(|(prefix, folder)| {
        let prefix = self::parts(prefix)?;
        parts.starts_with(&prefix).then_some((prefix.len(), folder))
    });
    let (length, folder) = fitting.max_by_key(|(length, _)| *length).ok_or_else(|| {
        let message = format!("`{}` is in none of the folders that [docspace.local] allows", shown(path));
        Error::new("request.not_found", message)
    })?;
    Ok((folder, parts.into_iter().skip(length).collect()))
}

/// A path's names; none where it is not absolute, or goes up.
fn parts(path: &str) -> Option<Vec<&str>> {
    let rest = path.strip_prefix('/')?;
    let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    parts.iter().all(|part| *part != ".." && !part.contains('\0')).then_some(parts)
}

fn shown(path: &str) -> String {
    path.escape_debug().take(200).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn paths_stay_below_their_folders() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let at = |name: &str| root.join(name);
        for folder in ["backups/sub", "other", "outside"] {
            std::fs::create_dir_all(at(folder)).unwrap();
        }
        for file in ["backups/a.tar", "backups/sub/b.tar", "other/c.tar", "outside/secret", "backups/sub/deep.tar"] {
            std::fs::write(at(file), "x").unwrap();
        }
        symlink(at("outside"), at("backups/way-out")).unwrap();
        symlink(at("outside/secret"), at("backups/secret.tar")).unwrap();
        symlink(at("backups/a.tar"), at("backups/again.tar")).unwrap();
        let folders = BTreeMap::from([
            ("/backups".to_owned(), at("backups")),
            ("/backups/other/".to_owned(), at("other")),
            ("/gone".to_owned(), at("gone")),
        ]);
        let found = |path: &str| match find(&folders, path) {
            Ok(found) => found.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(),
            Err(error) => error.code().to_owned(),
        };
        for (path, expected) in [
            ("/backups/a.tar", "backups/a.tar"),
            ("/backups", "backups"),
            ("/backups/", "backups"),
            ("//backups//./sub/b.tar", "backups/sub/b.tar"),
            ("/backups/other/c.tar", "other/c.tar"),
            ("/backups/again.tar", "backups/a.tar"),
            ("/backups/way-out/secret", "request.not_found"),
            ("/backups/way-out", "request.not_found"),
            ("/backups/secret.tar", "request.not_found"),
            ("/backups/none.tar", "request.not_found"),
            ("/backups/a.tar/x", "request.not_found"),
            ("/backupsx/a.tar", "request.not_found"),
            ("/gone/a.tar", "request.not_found"),
            ("/etc/passwd", "request.not_found"),
            ("/", "request.not_found"),
            ("/backups/../outside/secret", "usage"),
            ("/backups/sub/../a.tar", "usage"),
            ("/..", "usage"),
            ("backups/a.tar", "usage"),
            ("C:\\backups\\a.tar", "usage"),
            ("/backups/a\0.tar", "usage"),
            ("", "usage"),
        ] {
            assert_eq!(found(path), expected, "{path:?}");
        }
        let absolute = format!("/backups/{}", at("outside/secret").display());
        assert_eq!(found(&absolute), "request.not_found");
    }

    #[test]
    fn everything_may_be_one_folder() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("a.tar"), "x").unwrap();
        let folders = BTreeMap::from([("/".to_owned(), root.path().to_owned())]);
        assert!(find(&folders, "/a.tar").unwrap().ends_with("a.tar"));
        assert!(find(&BTreeMap::new(), "/a.tar").is_err());
    }
}
