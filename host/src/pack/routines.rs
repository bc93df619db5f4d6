//! Functions, procedures and their environments, from `functions.json` and `environments/`.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::backup::Writer;
use crate::backup::attributes::raw;
use crate::catalog::ObjectName;
use crate::error::Result;
use crate::sql::{Cursor, tokens};

use super::input::{bad, io, join};
use super::{Source, documents};

const FUNCTIONS: &str = "functions.json";
const FUNCTION: &str = "user_defined_function";
const PROCEDURE: &str = "stored_procedure";
const ENVIRONMENT: &str = "function_environment";

/// A routine's attributes.
#[derive(Serialize)]
struct Routine<'a> {
    language: &'a str,
    definition: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<&'a str>,
    attributes: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    packages: &'a [String],
}

/// Writes every routine.
pub(crate) fn pack(writer: &mut Writer, source: &Source<'_>, notes: &mut Vec<String>) -> Result<()> {
    let functions = &source.contents.documents.functions;
    let of_kind = |function: &&documents::Function| function.kind.as_deref() == Some(ENVIRONMENT);
    let environments: BTreeSet<&str> =
        functions.iter().filter(of_kind).map(|function| function.name.as_str()).collect();
    let mut seen = BTreeSet::new();
    for function in functions {
        let name = object(source, function)?;
        if !seen.insert(name.clone()) {
            let fix = "give each a name of its own, such as `name(argument types)`";
            return Err(bad(FUNCTIONS, format!("There are two of {name}; {fix}")));
        }
        let environment = function.environment.iter().filter(|needed| environments.contains(needed.as_str()));
        let depends = environment.map(|needed| ObjectName::new(ENVIRONMENT, None, needed)).collect();
        writer.object(name, depends)?;
        writer.attributes(raw(&attributes(function))?)?;
        packages(writer, source, function)?;
    }
    unlisted(source, &environments, notes);
    Ok(())
}

fn object(source: &Source<'_>, function: &documents::Function) -> Result<ObjectName> {
    let kind = match function.kind.as_deref() {
        Some(kind @ (FUNCTION | PROCEDURE | ENVIRONMENT)) => kind,
        Some(kind) => return Err(bad(FUNCTIONS, format!("{}: There is no kind {kind}", function.name))),
        None if creates_procedure(source, &function.definition) => PROCEDURE,
        None => FUNCTION,
    };
    if kind != ENVIRONMENT && !function.packages.is_empty() {
        return Err(bad(FUNCTIONS, format!("{}: Only a {ENVIRONMENT} has packages", function.name)));
    }
    match kind {
        ENVIRONMENT => Ok(ObjectName::new(kind, None, &function.name)),
        _ => Ok(source.object(kind, &function.name)),
    }
}

fn creates_procedure(source: &Source<'_>, definition: &str) -> bool {
    // What cannot be cut is in a language that is not SQL, and no statement.
    let Ok(tokens) = tokens(definition, source.settings.sql()) else { return false };
    let mut cursor = Cursor::new(&tokens, source.settings.sql());
    let creates = cursor.accept("CREATE");
    let _ = cursor.accept("OR REPLACE");
    creates && cursor.accept("PROCEDURE")
}

fn attributes(function: &documents::Function) -> Routine<'_> {
    Routine {
        language: &function.language,
        definition: &function.definition,
        environment: function.environment.as_deref(),
        attributes: &function.attributes,
        packages: &function.packages,
    }
}

fn packages(writer: &mut Writer, source: &Source<'_>, function: &documents::Function) -> Result<()> {
    for package in &function.packages {
        let folder = join("environments", &function.name);
        let listed = source.contents.packages.get(&function.name).is_some_and(|files| files.contains(package));
        if !listed {
            return Err(bad(FUNCTIONS, format!("{}: The package {package} is not in {folder}", function.name)));
        }
        let path = join(&folder, package);
        let mut file = source.input.open(&path)?;
        let mut entry = writer.entry("bytes")?;
        std::io::copy(&mut file, &mut entry).map_err(|error| io(&path, &error))?;
        entry.finish(None)?;
    }
    Ok(())
}

/// Notes files of `environments/` that no environment lists.
fn unlisted(source: &Source<'_>, environments: &BTreeSet<&str>, notes: &mut Vec<String>) {
    for (name, files) in &source.contents.packages {
        if !environments.contains(name.as_str()) {
            notes.push(format!("environments/{name}/"));
            continue;
        }
        let functions = &source.contents.documents.functions;
        let listed: BTreeSet<&String> = functions
            .iter()
            .filter(|function| function.name == *name)
            .flat_map(|function| &function.packages)
            .collect();
        let left = files.iter().filter(|file| !listed.contains(file));
        notes.extend(left.map(|file| format!("environments/{name}/{file}")));
    }
}
