//! What is there: every object, schema and role of a database, who we are in it, and how the server is.
//!
//! Nothing is written. Three round trips in one snapshot read it all; a server with standbys is asked once more.

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::finding::Finding;
use crate::target::{Existing, Facts, Health, TargetInfo};

use super::connection::Connection;
use super::database;
use super::documents;
use super::failure;
use super::settings::Settings;
use super::store::{self, Bookkeeping};

mod cells;
mod health;
mod jobs;
mod objects;
mod server;
#[cfg(test)]
mod tests;

use jobs::Open;
use objects::Contents;
use server::Server;

/// Reads the facts of the database that the settings name. One that does not exist yet, and that we may create, is empty.
pub(crate) fn inspect(settings: &Settings) -> Result<Facts> {
    match Connection::open(settings) {
        Ok(connection) => of_database(connection, settings),
        Err(error) if error.code() == "target.not_found" => of_missing(settings, error),
        Err(error) => Err(error),
    }
}

fn of_database(mut connection: Connection, settings: &Settings) -> Result<Facts> {
    let server = Server::read(read(&mut connection, server::QUERY)?)?;
    let mut health = health::of_server(&server, settings);
    if health.unsupported_version.is_some() {
        return Ok(facts(settings, &server, Contents::default(), health));
    }
    let mut contents = objects::read(read(&mut connection, &objects::query(server.number))?, &server)?;
    contents.objects.extend(objects::roles(&server));
    let mut open = Open::apart(&server, settings.name());
    open.see_holder(&mut connection)?;
    // Another role's records need not be open to us.
    let records = if server.bookkeeper.is_none() { store::bookkeeping(&mut connection)? } else { Bookkeeping::Absent };
    match records {
        Bookkeeping::Absent => {}
        Bookkeeping::Foreign => health.unsupported_version = Some(store::foreign().to_string()),
        Bookkeeping::Present => {
            open.add_recorded(&mut connection)?;
            for (name, fingerprint) in documents::existing(&mut connection)? {
                // What is there by its own name is what counts.
                contents.objects.entry(name).or_insert(Existing { fingerprint, ..Existing::default() });
            }
        }
    }
    connection.batch("COMMIT").map_err(|fault| failure::failed(&fault, READING))?;
    health.missing_right = missing_right(&server, settings);
    if !server.standbys.is_empty() && !server.is_standby {
        health.uncommitted = health::uncommitted(&mut connection)?;
    }
    if open.any_apart {
        open.see_holder_elsewhere(&mut Connection::open(&database::maintenance(settings)?)?, settings.name())?;
    }
    open.tell(&mut health);
    let mut facts = facts(settings, &server, contents, health);
    facts.encoding = Some(server.database.encoding.clone());
    facts.no_stage_database = no_stage_database(&server, settings);
    Ok(facts)
}

/// The facts of a database that is still to be made.
fn of_missing(settings: &Settings, missing: Error) -> Result<Facts> {
    let Ok(maintenance) = database::maintenance(settings) else { return Err(missing) };
    let mut connection = Connection::open(&maintenance)?;
    let server = Server::read(read(&mut connection, server::QUERY)?)?;
    if !server.may_create_databases {
        let message = format!("{missing}, and {} may not create it", server.user);
        return Err(Error::new("target.not_found", message));
    }
    let contents = Contents {
        objects: objects::roles(&server).collect(),
        // What a new database has.
        schemas: BTreeSet::from(["public".to_owned()]),
        ..Contents::default()
    };
    let mut health = health::of_server(&server, settings);
    let mut open = Open::apart(&server, settings.name());
    open.see_holder_elsewhere(&mut connection, settings.name())?;
    open.tell(&mut health);
    let mut facts = facts(settings, &server, contents, health);
    facts.warnings.push(Finding::warning(
        "target.database_missing",
        format!("There is no database {} yet: the restore makes it", settings.name()),
        "Look whether the name is the right one",
    ));
    Ok(facts)
}

const READING: &str = "Could not read what is in the database";

fn read(connection: &mut Connection, query: &str) -> Result<Vec<Vec<Option<String>>>> {
    connection.texts(query).map_err(|fault| failure::failed(&fault, READING))
}

fn facts(settings: &Settings, server: &Server, contents: Contents, health: Health) -> Facts {
    Facts {
        location: settings.location.clone(),
        info: TargetInfo {
            kind: "postgres".to_owned(),
            version: server.version.clone(),
            dialect: "postgresql".to_owned(),
            forms: ["arrow", "postgres-copy-text", "postgres-copy-binary"].map(str::to_owned).to_vec(),
        },
        objects: contents.objects,
        schemas: contents.schemas,
        closed_schemas: contents.closed,
        principals: server.roles.values().map(|role| role.name.clone()).collect(),
        available: Some(server.available.clone()),
        no_stage_database: None,
        no_fill: None,
        warnings: Vec::new(),
        identity: Some(server.user.clone()),
        plain_roles: server.roles.values().filter(|role| role.is_plain).map(|role| role.name.clone()).collect(),
        memberships: Default::default(),
        grants_access: false,
        real_permissions: true,
        name_bytes: Some(super::fragment::NAME_BYTES),
        encoding: None,
        health,
    }
}

/// A stage beside the live objects is a schema, which has to be created; jobs are recorded in another.
fn missing_right(server: &Server, settings: &Settings) -> Option<String> {
    let (user, database) = (&server.user, settings.name());
    if let Some(owner) = &server.bookkeeper {
        return Some(format!("The schema reinstate, in which jobs are recorded, belongs to {owner}, not to {user}"));
    }
    (!server.database.may_create).then(|| format!("{user} may not create schemas in database {database} (CREATE)"))
}

/// Why no database can be made beside the live one and take its name.
fn no_stage_database(server: &Server, settings: &Settings) -> Option<String> {
    let (user, name) = (&server.user, settings.name());
    if !server.may_create_databases {
        return Some(format!("{user} may not create databases (CREATEDB)"));
    }
    if !server.database.is_ours {
        let owner = &server.database.owner;
        return Some(format!("Database {name} belongs to {owner}, and only its owner can rename it"));
    }
    if server.database.is_template {
        return Some(format!("Database {name} is a template, from which others are made"));
    }
    database::maintenance(settings).err().map(|error| error.to_string())
}
