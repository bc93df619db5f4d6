//! What is there: every object, schema and role of a database, who we are in it, and how the server is.
//!
//! Nothing is written. Three round trips in one snapshot read it all; a server with standbys is asked once more.

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::target::{Existing, Facts, Health, TargetInfo};

use super::connection::Connection;
use super::documents;
use super::failure;
use super::settings::Settings;

mod cells;
mod health;
mod jobs;
mod objects;
mod server;
#[cfg(test)]
mod tests;

use objects::Contents;
use server::Server;

/// Databases that every server has, from which others are made and renamed.
const MAINTENANCE: [&str; 2] = ["postgres", "template1"];

/// Reads the facts of the database that the settings name. One that does not exist yet, and that we may create, is empty.
pub(crate) fn inspect(settings: &Settings) -> Result<Facts> {
    match Connection::open(settings) {
        Ok(connection) => of_database(connection, settings),
        Err(error) if error.code() == "target.not_found" => of_missing(settings, error),
        Err(error) => Err(error),
    }
}

/// A connection to a database of the same server from which the one that the settings name can be made and renamed.
pub(crate) fn maintenance(settings: &Settings) -> Result<Connection> {
    let mut failed = None;
    for name in MAINTENANCE.iter().filter(|name| **name != settings.name()) {
        match Connection::open(&settings.database(name)) {
            Ok(connection) => return Ok(connection),
            Err(error) => failed = Some(failed.unwrap_or(error)),
        }
    }
    Err(failed.unwrap_or_else(|| Error::new("target.not_reached", "There is no database to work from")))
}

fn of_database(mut connection: Connection, settings: &Settings) -> Result<Facts> {
    let server = Server::read(read(&mut connection, server::QUERY)?)?;
    let mut health = health::of_server(&server, settings);
    if health.unsupported_version.is_some() {
        return Ok(facts(settings, &server, Contents::default(), health));
    }
    let mut contents = objects::read(read(&mut connection, &objects::query(server.number))?, &server)?;
    contents.objects.extend(objects::roles(&server));
    if server.has_documents {
        for (name, fingerprint) in documents::existing(&mut connection)? {
            // What is there by its own name is what counts.
            contents.objects.entry(name).or_insert(Existing { fingerprint, ..Existing::default() });
        }
    }
    let jobs = jobs::read(&mut connection, &server, settings.name())?;
    connection.batch("COMMIT").map_err(|fault| failure::failed(&fault, READING))?;
    (health.busy, health.interrupted) = (jobs.busy, jobs.interrupted);
    health.missing_right = missing_right(&server, settings);
    if !server.standbys.is_empty() && !server.is_standby {
        health.uncommitted = health::uncommitted(&mut connection)?;
    }
    drop(connection);
    let mut facts = facts(settings, &server, contents, health);
    facts.encoding = Some(server.database.encoding.clone());
    facts.no_stage_database = no_stage_database(&server, settings);
    Ok(facts)
}

/// The facts of a database that is still to be made.
fn of_missing(settings: &Settings, missing: Error) -> Result<Facts> {
    let Ok(mut connection) = maintenance(settings) else { return Err(missing) };
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
    let health = health::of_server(&server, settings);
    Ok(facts(settings, &server, contents, health))
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
    maintenance(settings).err().map(|error| format!("No other database can be worked from: {error}"))
}
