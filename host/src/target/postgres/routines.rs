//! Functions, procedures, and what else is made by a definition of its own: types, domains, sequences, aggregates, materialized views,
//! extensions.
//!
//! A definition in PostgreSQL's dialect and in a language that the server has is run in the stage, under the object's name; any other is kept as a
//! document with its dialect, so that nothing is lost. What is run is looked at first: every statement must make, or belong to, the object.

use crate::error::Result;
use crate::sql::{Cursor, Dialect, tokens};
use crate::target::definition::Routine;
use crate::target::{Scope, Unit, Work};

use super::contents::RoutineContents;
use super::fragment::{self, bad, ident};
use super::work::PostgresWork;
use super::{documents, failure, tables};

/// What an object's first statement begins with.
fn begins(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "user_defined_function" => "FUNCTION",
        "stored_procedure" => "PROCEDURE",
        "aggregate" => "AGGREGATE",
        "type" => "TYPE",
        "domain" => "DOMAIN",
        "sequence" => "SEQUENCE",
        "materialized_view" => "MATERIALIZED VIEW",
        "extension" => "EXTENSION",
        _ => return None,
    })
}

pub(super) fn create(work: &mut PostgresWork, routine: Routine) -> Result<()> {
    documents::writes(work)?;
    if !matches!(work.unit, Unit::Begin | Unit::Whole) {
        return Err(bad(format!("{} can only be made when the object begins", work.step.into)));
    }
    let runs = runs(work, &routine)?;
    if runs && work.step.into.kind == "extension" {
        extension(work, &routine)?;
        return keep(work, routine, true);
    }
    let statements = if runs { statements(work, &routine)? } else { Vec::new() };
    let embodied = !statements.is_empty();
    if embodied {
        let off = "SET LOCAL check_function_bodies = off";
        work.batch(off, "Could not prepare to make a routine")?;
    }
    let doing = format!("PostgreSQL does not take {}", work.step.into);
    for statement in &statements {
        tables::run(work, statement, &doing)?;
    }
    keep(work, routine, embodied)
}

fn keep(work: &mut PostgresWork, routine: Routine, embodied: bool) -> Result<()> {
    // An environment has no definition that could be in a dialect.
    let foreign = |dialect: &String| !embodied && !routine.definition.is_empty() && !is_own(dialect);
    let dialect = Some(dialect(work, &routine)).filter(foreign);
    let contents = RoutineContents::new(routine, dialect)?;
    documents::update(work, |kept| {
        kept.embodied = embodied;
        kept.routine = Some(contents);
        Ok(())
    })
}

/// The dialect that the definition is written in: the backup's, or one that an earlier backup has named.
fn dialect(work: &PostgresWork, routine: &Routine) -> String {
    let attributes: serde_json::Value = serde_json::from_str(&routine.attributes).unwrap_or_default();
    let named = attributes.get("dialect").and_then(serde_json::Value::as_str);
    named.unwrap_or_else(|| work.dialect()).to_owned()
}

fn is_own(dialect: &str) -> bool {
    matches!(dialect, "postgresql" | "postgres")
}

/// What others are built on is made at once, and an abort takes it back; one that is there stays.
fn extension(work: &mut PostgresWork, routine: &Routine) -> Result<()> {
    let name = work.step.object.name.clone();
    let quoted = ident(&name)?;
    let refused = |why: String| bad(format!("The definition of extension {name} cannot be used: {why}"));
    let text = fragment::statement(&routine.definition);
    fragment::whole(text).map_err(refused)?;
    let (statement, written) =
        fragment::renamed(text, &quoted, |cursor| creates(cursor, "EXTENSION")).map_err(refused)?;
    if written.name != name {
        return Err(refused(format!("it is about `{}`", written.name.escape_debug())));
    }
    let there = work.connection.rows("SELECT FROM pg_catalog.pg_extension WHERE extname = $1", &[&name]);
    let there = there.map_err(|fault| failure::failed(&fault, "Could not look for the extension"))?;
    if !there.is_empty() {
        return Ok(());
    }
    work.permit(&statement)?;
    work.execute(&statement, &Scope::Foundation, Some(&format!("DROP EXTENSION IF EXISTS {quoted}")))
}

pub(super) fn get(work: &mut PostgresWork) -> Result<Option<Routine>> {
    Ok(documents::load(work)?.and_then(|contents| contents.routine).map(RoutineContents::into_routine))
}

/// Whether the server can run it.
fn runs(work: &mut PostgresWork, routine: &Routine) -> Result<bool> {
    if !is_own(&dialect(work, routine)) || begins(&work.step.into.kind).is_none() {
        return Ok(false);
    }
    let creates = tokens(&routine.definition, Dialect::Postgresql)
        .is_ok_and(|tokens| tokens.first().is_some_and(|token| token.is_word("CREATE")));
    if !creates {
        return Ok(false);
    }
    let language = routine.language.to_lowercase();
    let known = work.connection.rows("SELECT FROM pg_catalog.pg_language WHERE lanname = $1", &[&language]);
    let known = known.map_err(|fault| failure::failed(&fault, "Could not look for the language"))?;
    Ok(!known.is_empty())
}

/// The statements, about the object's own name in the archive's names.
fn statements(work: &PostgresWork, routine: &Routine) -> Result<Vec<String>> {
    let kind = work.step.into.kind.as_str();
    let word = begins(kind).unwrap_or_default();
    let is_routine = matches!(word, "FUNCTION" | "PROCEDURE");
    // The body of a routine may have semicolons of its own; the server takes one statement only.
    let texts =
        if is_routine { vec![fragment::statement(&routine.definition).to_owned()] } else { split(&routine.definition) };
    let own = own_name(work)?;
    let mut made = Vec::with_capacity(texts.len());
    for (number, text) in texts.iter().enumerate() {
        let named = |cursor: &mut Cursor<'_>| {
            if number == 0 { creates(cursor, word) } else { belongs(cursor, word) }
        };
        let refused = |why: String| bad(format!("The definition of {} cannot be used: {why}", work.step.into));
        let (text, written) = fragment::renamed(text, &own.sql, named).map_err(refused)?;
        if written.name != own.name {
            return Err(refused(format!("it is about `{}`", written.name.escape_debug())));
        }
        made.push(text);
    }
    made.extend(unpublic(work, routine, word, &own)?);
    Ok(made)
}

/// The object's name without arguments, and as the archive's statements write it.
struct Own {
    name: String,
    sql: String,
}

fn own_name(work: &PostgresWork) -> Result<Own> {
    let object = &work.step.object;
    let routine = matches!(object.kind.as_str(), "user_defined_function" | "stored_procedure" | "aggregate");
    let name = object.name.split_once('(').filter(|_| routine).map_or(object.name.as_str(), |(name, _)| name);
    let schema = object.schema.as_deref().unwrap_or("public");
    Ok(Own { name: name.to_owned(), sql: format!("{}.{}", ident(schema)?, ident(name)?) })
}

/// Reads up to the name of what is made.
fn creates(cursor: &mut Cursor<'_>, word: &str) -> Result<(), String> {
    cursor.expect("CREATE")?;
    let _ = cursor.accept("OR REPLACE");
    let _ = cursor.accept("UNLOGGED");
    cursor.expect(word)?;
    let _ = cursor.accept("IF NOT EXISTS");
    Ok(())
}

/// Reads up to the name of what a further statement belongs to.
fn belongs(cursor: &mut Cursor<'_>, word: &str) -> Result<(), String> {
    if cursor.accept("ALTER") || cursor.accept("COMMENT ON") {
        return cursor.expect(word);
    }
    cursor.expect("CREATE")?;
    let _ = cursor.accept("UNIQUE");
    cursor.expect("INDEX")?;
    cursor.name()?;
    cursor.expect("ON")
}

/// Cuts at semicolons.
fn split(definition: &str) -> Vec<String> {
    let Ok(tokens) = tokens(definition, Dialect::Postgresql) else { return vec![definition.to_owned()] };
    let mut texts = Vec::new();
    let mut start = 0;
    for token in tokens.iter().filter(|token| token.is_symbol(';')) {
        texts.push(definition[start..token.start].trim().to_owned());
        start = token.start + 1;
    }
    texts.push(definition[start..].trim().to_owned());
    texts.retain(|text| !text.is_empty());
    texts
}

/// `{"public": false}` among the attributes: not everybody may execute it, as everybody else may.
fn unpublic(work: &PostgresWork, routine: &Routine, word: &str, own: &Own) -> Result<Option<String>> {
    let attributes: serde_json::Value = serde_json::from_str(&routine.attributes).unwrap_or_default();
    if !matches!(word, "FUNCTION" | "PROCEDURE" | "AGGREGATE") {
        return Ok(None);
    }
    if attributes.get("public").and_then(serde_json::Value::as_bool) != Some(false) {
        return Ok(None);
    }
    let arguments = work.step.object.name.split_once('(').map(|(_, rest)| format!("({rest}"));
    let arguments = arguments.filter(|arguments| arguments.ends_with(')') && fragment::whole(arguments).is_ok());
    let word = if word == "PROCEDURE" { word } else { "FUNCTION" };
    Ok(Some(format!("REVOKE ALL ON {word} {}{} FROM PUBLIC", own.sql, arguments.unwrap_or_default())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_makes_the_object_is_run() {
        let make =
            |text: &str, word| fragment::renamed(text, "s.f", |cursor| creates(cursor, word)).map(|(text, _)| text);
        assert_eq!(
            make("create or replace function a.f() returns int", "FUNCTION").unwrap(),
            "create or replace function s.f () returns int"
        );
        assert!(make("CREATE MATERIALIZED VIEW IF NOT EXISTS f AS SELECT 1", "MATERIALIZED VIEW").is_ok());
        for other in ["DROP FUNCTION f", "CREATE TABLE f (a int)", "ALTER SYSTEM SET a = 1", "CREATE PROCEDURE f()"] {
            assert!(make(other, "FUNCTION").is_err(), "{other}");
        }
        let more = |text: &str| fragment::renamed(text, "s.f", |cursor| belongs(cursor, "SEQUENCE"));
        assert!(more("ALTER SEQUENCE a.f RESTART WITH 5").is_ok() && more("CREATE UNIQUE INDEX i ON f (a)").is_ok());
        assert!(more("ALTER TABLE f ADD a int").is_err() && more("SELECT 1").is_err());
    }

    #[test]
    fn definitions_are_cut_at_semicolons_that_are_no_text() {
        assert_eq!(
            split("CREATE SEQUENCE a; ALTER SEQUENCE a RESTART;"),
            ["CREATE SEQUENCE a", "ALTER SEQUENCE a RESTART"]
        );
        assert_eq!(split("COMMENT ON TYPE a IS 'x;y'"), ["COMMENT ON TYPE a IS 'x;y'"]);
    }
}
