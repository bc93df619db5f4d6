//! A small real repository and an embedded target, so that a newcomer sees the server work with one command.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use crate::archive::Archive;
use crate::backup::Watch;
use crate::error::{Error, Result};
use crate::plan::{Options, Policy};
use crate::repository::{NewSnapshot, Repository};
use crate::restore::{self, Restore};
use crate::snapshot::{self, FileOptions};
use crate::source::Location;
use crate::target::sqlite::SqliteTarget;

use super::config::{Config, Docspace, Kinetica, RepositoryAt, Role, TargetAt, User};
use super::docspace::{Record, keep_record};
use super::identity::{hash_password, token_hash};
use super::{Server, blocking};

/// What the demonstration's database holds.
const SOURCE: &str = include_str!("demo/sales.sql");
/// Backups that a DocSpace portal has made, in the folder that its clients call `/backups`: a good one,
const GOOD: (&str, &[u8]) = ("good.tar.gz", include_bytes!("demo/good.tar.gz"));
/// a damaged one,
const BAD: (&str, &[u8]) = ("bad.tar.gz", include_bytes!("demo/bad.tar.gz"));
/// and one of a whole server.
const DUMP: (&str, &[u8]) = ("dump.tar.gz", include_bytes!("demo/dump.tar.gz"));
/// The good one in the portal's history.
const RECORD: &str = "6d9a4f0e-5b0c-4d7e-9a51-2f8c1b7e3d40";
/// The administrator,
const USER: &str = "admin";
/// with a password
const PASSWORD: &str = "secret";
/// and a token, which everybody knows: a demonstration is for one's own machine.
const TOKEN: &str = "sk-secret";
const BACKUP: &str = "nightly";
const SCHEMA: &str = "sales";
const REPOSITORY: &str = "demo";
const TARGET: &str = "live";

/// Makes what is missing of the demonstration in the folder, and the configuration for it.
pub fn prepare(state: &Path) -> Result<Config> {
    let folder = |name: &str| {
        let path = state.join(name);
        std::fs::create_dir_all(&path).map_err(|error| {
            Error::new("server.bad_config", format!("The folder {} cannot be made: {error}", path.display()))
        })?;
        Ok::<_, Error>(path)
    };
    let (repository, backups) = (folder("repository")?, folder("backups")?);
    let url = |path: &Path| path.to_string_lossy().into_owned();
    let user = User {
        password: Some(hash_password(PASSWORD)?),
        tokens: vec![token_hash(TOKEN)],
        role: Role::Admin,
        repositories: None,
        targets: None,
        kinds: None,
    };
    let stores = ["backup_src", "backup_sink"].map(|name| (name.to_owned(), REPOSITORY.to_owned()));
    Ok(Config {
        state: state.to_owned(),
        targets: BTreeMap::from([(
            TARGET.to_owned(),
            TargetAt { url: format!("sqlite:{}", state.join("live.sqlite").display()) },
        )]),
        repositories: BTreeMap::from([(
            REPOSITORY.to_owned(),
            RepositoryAt { url: url(&repository), credentials: None },
        )]),
        users: BTreeMap::from([(USER.to_owned(), user)]),
        kinetica: Some(Kinetica { target: TARGET.to_owned(), stores: stores.into() }),
        docspace: Some(Docspace {
            target: TARGET.to_owned(),
            tenant: 1,
            alias: "demo".to_owned(),
            local: BTreeMap::from([("/backups".to_owned(), backups)]),
            documents: Some(REPOSITORY.to_owned()),
            data_store: Some(REPOSITORY.to_owned()),
            consumers: BTreeMap::new(),
            options: Options { restore_policy: Policy::Replace, ..Options::default() },
        }),
        demo: true,
        ..Config::default()
    })
}

/// Makes what is missing of the data.
pub(super) async fn seed(server: &Arc<Server>) -> Result<()> {
    let portal = Arc::clone(server);
    blocking(move || seed_portal(&portal)).await?;
    seed_repository(server).await
}

/// Writes the portal's backups, and makes the good one the first of the history.
fn seed_portal(server: &Server) -> Result<()> {
    let folders = server.config.docspace.iter().flat_map(|door| door.local.values());
    for folder in folders {
        for (name, bytes) in [GOOD, BAD, DUMP] {
            let path = folder.join(name);
            if !path.exists() {
                std::fs::write(path, bytes).map_err(|error| failed(&error))?;
            }
        }
        let good = std::path::absolute(folder.join(GOOD.0)).map_err(|error| failed(&error))?;
        keep_record(server.jobs.store(), &Record::of_file(RECORD, good.to_string_lossy().into_owned(), USER))?;
    }
    Ok(())
}

/// Makes the backup, where it is missing: a database, its archive, restored into a schema of its own, and from there the snapshot. A crash in
/// between leaves nothing that the next start would not make anew.
async fn seed_repository(server: &Server) -> Result<()> {
    let repository = Repository::create(&server.places.place(REPOSITORY)?)?;
    if !repository.backups(BACKUP)?.is_empty() {
        return Ok(());
    }
    let work = tempfile::tempdir_in(&server.config.state).map_err(|error| failed(&error))?;
    let (source, archive) = (work.path().join("source.sqlite"), work.path().join("sales.tar"));
    let database = Connection::open(&source).map_err(|error| failed(&error))?;
    database.execute_batch(SOURCE).map_err(|error| failed(&error))?;
    drop(database);
    let options = FileOptions { name: BACKUP.to_owned(), ..FileOptions::default() };
    snapshot::create_file(&SqliteTarget::new(&source)?, &archive, &options, &Watch::default())?;
    let target = Arc::new(SqliteTarget::new(&work.path().join("sales.sqlite"))?);
    let restore = Restore {
        host: Arc::clone(&server.places.host),
        archive: Arc::new(Archive::open(&Location::Path(archive), &server.places.open)?),
        globals: None,
        target: Arc::<SqliteTarget>::clone(&target),
    };
    let target_schema_map = BTreeMap::from([("main".to_owned(), SCHEMA.to_owned())]);
    let plan = restore::plan(&restore, &Options { target_schema_map, ..Options::default() }).await?;
    let report = restore::apply(&restore, &plan, &restore::Watch::default()).await;
    if let Some(error) = report.error {
        return Err(error);
    }
    let wanted = NewSnapshot { comment: "A shop's database".to_owned(), ..NewSnapshot::default() };
    snapshot::create(target.as_ref(), &repository, BACKUP, &wanted, &Watch::default())?;
    Ok(())
}

fn failed(why: &dyn std::fmt::Display) -> Error {
    Error::new("host.io", format!("The demonstration's database cannot be made: {why}"))
}
