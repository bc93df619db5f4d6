//! Storage types and their parameters, and the repositories and folders that they are here.

use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::repository::check_name;
use crate::server::config::Docspace;
use crate::server::jobs::ArchiveAt;

use super::input::{Params, StorageType, wrong};
use super::local;

/// What a backup of a module is called where nothing is said.
const SUBFOLDER: &str = "backup";

/// Where backups go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Destination {
    /// As files into a folder.
    Folder(PathBuf),
    /// As snapshots into a backup of a repository.
    Backup { repository: String, backup: String },
}

/// Where a backup goes. Fails with `usage` where the parameters do not say so, and with `request.not_found` for a folder that is not there.
pub(super) fn destination(settings: &Docspace, storage: StorageType, params: &Params) -> Result<Destination> {
    if storage == StorageType::Local {
        let path = params.get("filePath").or_else(|| params.get("folderId"));
        let path = path.ok_or_else(|| wrong("storageParams has no filePath: name a folder of the server"))?;
        let folder = local::find(&settings.local, path)?;
        return if folder.is_dir() { Ok(Destination::Folder(folder)) } else { Err(wrong("filePath is no folder")) };
    }
    let repository = repository(settings, storage, params)?.to_owned();
    let backup = match storage {
        StorageType::ThirdPartyConsumer => params.get("subdir").unwrap_or(SUBFOLDER),
        StorageType::DataStore => &settings.alias,
        _ => params.get("folderId").unwrap_or(&settings.alias),
    };
    check_name(backup)?;
    Ok(Destination::Backup { repository, backup: backup.to_owned() })
}

/// Which archive is meant by a path: a file of the server, or `BACKUP` or `BACKUP@ID` of the storage's repository.
pub(super) fn archive(settings: &Docspace, storage: StorageType, params: &Params, dump: bool) -> Result<ArchiveAt> {
    let path = params.get("filePath").ok_or_else(no_path)?;
    if storage == StorageType::Local {
        let file = local::find(&settings.local, path)?;
        if !file.is_file() {
            return Err(wrong("filePath is no file"));
        }
        let file = file.into_os_string().into_string().map_err(|_| wrong("filePath is no text"))?;
        return Ok(ArchiveAt::File { file, dump: Some(dump) });
    }
    let (backup, snapshot) = match path.rsplit_once('@') {
        None => (path, None),
        Some((backup, id)) => {
            let id = id.parse().map_err(|_| wrong("filePath is BACKUP, or BACKUP@ID with a snapshot's number"))?;
            (backup, Some(id))
        }
    };
    check_name(backup)?;
    let repository = repository(settings, storage, params)?.to_owned();
    Ok(ArchiveAt::Snapshot { repository, backup: backup.to_owned(), snapshot })
}

/// The error for a restore of which nothing says what it restores.
pub(super) fn no_path() -> Error {
    wrong("Neither backupId nor filePath in storageParams says what is to be restored")
}

fn repository<'a>(settings: &'a Docspace, storage: StorageType, params: &Params) -> Result<&'a str> {
    let (found, what) = match storage {
        StorageType::Documents | StorageType::ThirdpartyDocuments => (settings.documents.as_deref(), "documents"),
        StorageType::DataStore => (settings.data_store.as_deref(), "data_store"),
        StorageType::ThirdPartyConsumer => {
            let module = params.get("module").ok_or_else(|| wrong("storageParams has no module"))?;
            let named = settings.consumers.iter().find(|(name, _)| name.eq_ignore_ascii_case(module));
            (named.map(|(_, repository)| repository.as_str()), "a module of that name in [docspace.consumers]")
        }
        StorageType::CustomCloud => return Err(wrong("CustomCloud is a storage type that no server has")),
        StorageType::Local => (None, "a repository for files of the server"),
    };
    found.ok_or_else(|| wrong(&format!("The storage type is not set up: [docspace] has not {what}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(folder: &std::path::Path) -> Docspace {
        let folder = folder.display();
        let text = format!(
            "target = 'live'\nalias = 'shop'\ndocuments = 'docs'\nconsumers = {{S3 = 'bucket'}}\nlocal = {{'/backups' = '{folder}'}}"
        );
        toml::from_str(&text).unwrap()
    }

    fn params(pairs: &[(&str, &str)]) -> Params {
        pairs.iter().fold(Params::default(), |params, (key, value)| params.with(key, value))
    }

    #[test]
    fn backups_go_where_the_parameters_say() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().canonicalize().unwrap();
        std::fs::write(folder.join("a.tar"), "x").unwrap();
        let settings = settings(&folder);
        let into = |repository: &str, backup: &str| {
            Ok(Destination::Backup { repository: repository.to_owned(), backup: backup.to_owned() })
        };
        for (storage, given, expected) in [
            (StorageType::Documents, &[("folderId", "42")][..], into("docs", "42")),
            (StorageType::Documents, &[], into("docs", "shop")),
            (StorageType::ThirdpartyDocuments, &[("folderId", "sbox-1")], into("docs", "sbox-1")),
            (StorageType::ThirdpartyDocuments, &[("folderId", "../x")], Err("repository.bad_name")),
            (StorageType::ThirdPartyConsumer, &[("module", "s3"), ("subdir", "night")], into("bucket", "night")),
            (StorageType::ThirdPartyConsumer, &[("module", "S3")], into("bucket", "backup")),
            (StorageType::ThirdPartyConsumer, &[("module", "GoogleCloud")], Err("usage")),
            (StorageType::ThirdPartyConsumer, &[], Err("usage")),
            (StorageType::DataStore, &[], Err("usage")),
            (StorageType::CustomCloud, &[], Err("usage")),
            (StorageType::Local, &[("filePath", "/backups")], Ok(Destination::Folder(folder.clone()))),
            (StorageType::Local, &[("filePath", "/backups/a.tar")], Err("usage")),
            (StorageType::Local, &[("filePath", "/b")], Err("request.not_found")),
            (StorageType::Local, &[], Err("usage")),
        ] {
            let found = destination(&settings, storage, &params(given)).map_err(|error| error.code().to_owned());
            assert_eq!(found, expected.map_err(str::to_owned), "{storage:?} {given:?}");
        }
    }

    #[test]
    fn archives_are_files_or_snapshots() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().canonicalize().unwrap();
        std::fs::write(folder.join("a.tar"), "x").unwrap();
        let settings = settings(&folder);
        let snapshot = |repository: &str, backup: &str, snapshot| {
            Ok(ArchiveAt::Snapshot { repository: repository.to_owned(), backup: backup.to_owned(), snapshot })
        };
        let file = ArchiveAt::File { file: folder.join("a.tar").to_str().unwrap().to_owned(), dump: Some(true) };
        for (storage, given, expected) in [
            (StorageType::Documents, &[("filePath", "shop")][..], snapshot("docs", "shop", None)),
            (StorageType::Documents, &[("filePath", "shop@7")], snapshot("docs", "shop", Some(7))),
            (StorageType::Documents, &[("filePath", "shop@x")], Err("usage")),
            (StorageType::Documents, &[("filePath", "@7")], Err("repository.bad_name")),
            (StorageType::Documents, &[("filePath", "../shop")], Err("repository.bad_name")),
            (StorageType::Documents, &[("filePath", "")], Err("usage")),
            (StorageType::Documents, &[], Err("usage")),
            (
                StorageType::ThirdPartyConsumer,
                &[("module", "S3"), ("filePath", "b@1")],
                snapshot("bucket", "b", Some(1)),
            ),
            (StorageType::CustomCloud, &[("filePath", "shop")], Err("usage")),
            (StorageType::Local, &[("filePath", "/backups/a.tar")], Ok(file)),
            (StorageType::Local, &[("filePath", "/backups")], Err("usage")),
            (StorageType::Local, &[("filePath", "/backups/none.tar")], Err("request.not_found")),
            (StorageType::Local, &[("filePath", "/backups/../etc/passwd")], Err("usage")),
        ] {
            let found = archive(&settings, storage, &params(given), true).map_err(|error| error.code().to_owned());
            assert_eq!(found, expected.map_err(str::to_owned), "{storage:?} {given:?}");
        }
    }
}
