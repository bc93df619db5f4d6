//! Databases as a whole: a stage that takes the live one's name, and the live one that is kept.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

use super::connection::Connection;
use super::failure::failed;
use super::placement::{literal, quoted};
use super::pool::{Durable, open};
use super::settings::Settings;
use super::store::{self, Columns, array};

/// The server cuts longer names.
const LONGEST: usize = 63;

/// How often sessions are looked for that have to end.
const LOOK: Duration = Duration::from_millis(20);

/// Databases from which others are created and renamed.
const MAINTENANCE: [&str; 2] = ["postgres", "template1"];

/// What a database of a job is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Name {
    /// The stage of this job.
    Stage(String),
    /// What this job put out of sight.
    Kept(String),
}

impl Name {
    /// The name, for a live database.
    pub(crate) fn beside(&self, live: &str) -> String {
        let ending = match self {
            Self::Stage(job) => format!("_reinstate_{job}"),
            Self::Kept(job) => format!("_reinstate_kept_{job}"),
        };
        let mut end = live.len().min(LONGEST.saturating_sub(ending.len()));
        while !live.is_char_boundary(end) {
            end -= 1;
        }
        format!("{}{ending}", &live[..end])
    }

    /// Which database of a job a name is, if it is one of that live database.
    pub(crate) fn read(name: &str, live: &str) -> Option<Self> {
        let (_, rest) = name.rsplit_once("_reinstate_")?;
        let found = match rest.strip_prefix("kept_") {
            Some(job) => Self::Kept(job.to_owned()),
            None => Self::Stage(rest.to_owned()),
        };
        let is_job = matches!(&found, Self::Stage(job) | Self::Kept(job) if job.starts_with("r-"));
        (is_job && found.beside(live) == name).then_some(found)
    }
}

/// Settings of a database from which the live one can be renamed: the first that can be reached.
pub(crate) fn maintenance(settings: &Settings) -> Result<Settings> {
    let live = settings.name();
    let mut last = None;
    for name in MAINTENANCE.into_iter().filter(|name| *name != live) {
        let candidate = settings.database(name);
        match Connection::open(&candidate) {
            Ok(_) => return Ok(candidate),
            Err(error) => last = Some(error),
        }
    }
    let why = last.map(|error| error.to_string()).unwrap_or_default();
    Err(Error::new("target.no_right", format!("There is no database from which `{live}` can be exchanged: {why}")))
}

/// Names of the jobs' databases beside the live one.
pub(crate) fn beside(connection: &mut Connection, live: &str) -> Result<Vec<(String, Name)>> {
    let names = ask(
        connection,
        "SELECT datname FROM pg_catalog.pg_database WHERE datname LIKE '%\\_reinstate\\_%' ORDER BY 1",
    )?;
    let names = names.into_iter().flatten().flatten();
    Ok(names.filter_map(|name| Name::read(&name, live).map(|read| (name, read))).collect())
}

/// Whether there is such a database.
pub(crate) fn exists(connection: &mut Connection, name: &str) -> Result<bool> {
    let statement = format!("SELECT 1 FROM pg_catalog.pg_database WHERE datname = {}", literal(name));
    ask(connection, &statement).map(|rows| !rows.is_empty())
}

fn ask(connection: &mut Connection, statement: &str) -> Result<store::Rows> {
    connection.texts(statement).map_err(|fault| failed(&fault, "Could not read the server's databases"))
}

/// Creates an empty database as the live one was created; as the server's template is, where there is no live one.
pub(crate) fn create(connection: &mut Connection, name: &str, live: &str) -> Result<()> {
    let statement = format!(
        "SELECT pg_catalog.format(' ENCODING %L LC_COLLATE %L LC_CTYPE %L', pg_catalog.pg_encoding_to_char(d.encoding), \
         coalesce(d.datcollate, 'C'), coalesce(d.datctype, 'C')) \
         || CASE pg_catalog.to_jsonb(d)->>'datlocprovider' \
          WHEN 'i' THEN pg_catalog.format(' LOCALE_PROVIDER icu ICU_LOCALE %L', locale) \
          WHEN 'b' THEN pg_catalog.format(' LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', locale) ELSE '' END \
         || pg_catalog.format(' TABLESPACE %I', t.spcname), pg_catalog.format(' OWNER %I', r.rolname) \
         FROM pg_catalog.pg_database d JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace \
         JOIN pg_catalog.pg_roles r ON r.oid = d.datdba, \
         LATERAL (SELECT coalesce(pg_catalog.to_jsonb(d)->>'datlocale', pg_catalog.to_jsonb(d)->>'daticulocale')) l(locale) \
         WHERE d.datname = {}",
        literal(live)
    );
    let row = ask(connection, &statement)?.into_iter().next().unwrap_or_default();
    let mut row = Columns::of(row);
    let (like, owner) = (row.text(), row.text());
    let statement = format!("CREATE DATABASE {} TEMPLATE template0{like}", quoted(name));
    let with_owner = connection.batch(&format!("{statement}{owner}"));
    let created = match with_owner {
        // Only members of the owning role may give it a database.
        Err(fault) if fault.code().is_some_and(|code| code.code() == "42501") && !owner.is_empty() => {
            connection.batch(&statement)
        }
        created => created,
    };
    created.map_err(|fault| failed(&fault, &format!("Could not create the stage database `{name}`")))
}

/// Drops a database, whoever is connected to it.
pub(crate) fn drop_database(connection: &mut Connection, name: &str) -> Result<()> {
    if !exists(connection, name)? {
        return Ok(());
    }
    let rows = ask(connection, "SELECT pg_catalog.current_setting('server_version_num')::integer >= 130000")?;
    let forced = rows.into_iter().flatten().flatten().any(|text| text == "t");
    if !forced {
        end_sessions(connection, &[name]);
    }
    let force = if forced { " WITH (FORCE)" } else { "" };
    let doing = format!("Could not drop the database `{name}`");
    let dropped = connection.batch(&format!("DROP DATABASE IF EXISTS {}{force}", quoted(name)));
    dropped.map_err(|fault| failed(&fault, &doing))
}

/// Ends the sessions in these databases that we may end; those that we may not keep their databases from being renamed.
fn end_sessions(connection: &mut Connection, databases: &[&str]) {
    let statement = format!(
        "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity \
         WHERE datname = ANY({}) AND pid <> pg_catalog.pg_backend_pid()",
        array(databases.iter().copied())
    );
    let _ = connection.batch(&statement);
}

/// Gives the stage what the live database has as a whole: privileges, settings of roles in it, the limit on connections, the comment.
pub(crate) fn copy_properties(connection: &mut Connection, live: &str, stage: &str) -> Result<()> {
    let (from, to) = (literal(live), literal(stage));
    let statement = format!(
        "WITH d AS (SELECT d.*, {to}::text AS stage FROM pg_catalog.pg_database d WHERE d.datname = {from}) \
         SELECT pg_catalog.format('ALTER DATABASE %I CONNECTION LIMIT %s', stage, datconnlimit) FROM d \
         UNION ALL SELECT pg_catalog.format('COMMENT ON DATABASE %I IS %L', stage, pg_catalog.shobj_description(oid, 'pg_database')) \
          FROM d WHERE pg_catalog.shobj_description(oid, 'pg_database') IS NOT NULL \
         UNION ALL SELECT pg_catalog.format('REVOKE ALL ON DATABASE %I FROM PUBLIC', stage) FROM d WHERE datacl IS NOT NULL \
         UNION ALL SELECT pg_catalog.format('GRANT %s ON DATABASE %I TO %s%s', a.privilege_type, stage, \
          CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END, \
          CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) FROM d, LATERAL pg_catalog.aclexplode(d.datacl) a"
    );
    let statements: Vec<String> = ask(connection, &statement)?.into_iter().flatten().flatten().collect();
    let doing = format!("Could not give the stage what database `{live}` has as a whole");
    connection.batch(&statements.join(";\n")).map_err(|fault| failed(&fault, &doing))?;
    copy_settings(connection, live, stage)
}

/// Copies settings of roles in the database. Their values are set and taken from the session: only so lists stay lists.
fn copy_settings(connection: &mut Connection, live: &str, stage: &str) -> Result<()> {
    let statement = format!(
        "SELECT coalesce(pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(NULLIF(s.setrole, 0))), ''), \
         pg_catalog.split_part(c, '=', 1), pg_catalog.substr(c, pg_catalog.strpos(c, '=') + 1) \
         FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase, \
         LATERAL pg_catalog.unnest(s.setconfig) c WHERE d.datname = {}",
        literal(live)
    );
    for row in ask(connection, &statement)? {
        let mut row = Columns::of(row);
        let (role, name, value) = (row.text(), row.text(), row.text());
        let stage = quoted(stage);
        let subject =
            if role.is_empty() { format!("DATABASE {stage}") } else { format!("ROLE {role} IN DATABASE {stage}") };
        let setting: Vec<String> = name.split('.').map(quoted).collect();
        let statements = format!(
            "BEGIN; SELECT pg_catalog.set_config({}, {}, true); ALTER {subject} SET {} FROM CURRENT; COMMIT",
            literal(&name),
            literal(&value),
            setting.join(".")
        );
        if let Err(fault) = connection.batch(&statements) {
            store::run(connection, "ROLLBACK")?;
            return Err(failed(&fault, &format!("Could not copy the setting `{name}` of the live database")));
        }
    }
    Ok(())
}

/// Renames databases in one transaction, in this order, and ends the sessions in them meanwhile: nobody can connect to a database that
/// is being renamed. Returns how long that was so.
pub(crate) fn rename(
    connection: &mut Connection,
    maintenance: &Settings,
    job: &str,
    renames: &[(String, String)],
) -> Result<Duration> {
    let mut second = open(maintenance, job, Durable::Soon)?;
    let databases: Vec<&str> = renames.iter().map(|(from, _)| from.as_str()).collect();
    let over = AtomicBool::new(false);
    let pause = Instant::now();
    let renamed = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                end_sessions(&mut second, &databases);
                std::thread::sleep(LOOK);
            }
        });
        let statements =
            renames.iter().map(|(from, to)| format!("ALTER DATABASE {} RENAME TO {}", quoted(from), quoted(to)));
        let statements: Vec<String> = statements.collect();
        let renamed = connection.batch(&format!("BEGIN; {}", statements.join("; ")));
        over.store(true, Ordering::Relaxed);
        renamed
    });
    let doing = "The databases cannot be exchanged";
    let done = renamed.and_then(|()| {
        crate::failpoint::hit("postgres.switch.renamed");
        connection.batch("COMMIT")
    });
    done.map_err(|fault| {
        let _ = connection.batch("ROLLBACK");
        failed(&fault, doing)
    })?;
    Ok(pause.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_databases_say_what_they_are() {
        let long = "é".repeat(31);
        for live in ["shop", "a_reinstate_b", long.as_str()] {
            for name in [Name::Stage("r-abc".to_owned()), Name::Kept("r-abc".to_owned())] {
                let text = name.beside(live);
                assert!(text.len() <= LONGEST, "{text}");
                assert_eq!(Name::read(&text, live), Some(name));
            }
        }
        for other in ["shop", "shop_reinstate_x", "shop2_reinstate_r-abc", "shop_reinstate_kept_x"] {
            assert_eq!(Name::read(other, "shop"), None, "{other}");
        }
    }
}
