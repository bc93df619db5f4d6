//! The objects of a database: named as `pg_dump` names them, each with a fingerprint, with what keeps it in its place and with who
//! depends on it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sha2::{Digest, Sha256};

use crate::catalog::ObjectName;
use crate::error::Result;
use crate::target::Existing;

use super::cells::{Cells, unexpected};
use super::server::{Oid, Server};

pub(super) const QUERY: &str = include_str!("objects.sql");

/// What older versions do not have.
const SINCE_14: &str = "
SELECT 'component', 'pg_proc'::regclass::oid, oid, hashtextextended(prosqlbody::text, 0) FROM pg_proc
WHERE prosqlbody IS NOT NULL AND oid >= 16384;
SELECT 'component', 'pg_class'::regclass::oid, attrelid, sum(hashtextextended(ROW(attnum, attcompression)::text, 0)) FROM pg_attribute
WHERE attcompression <> '' AND attrelid >= 16384 GROUP BY attrelid;";
const SINCE_15: &str = "
SELECT 'object', p.tableoid, p.oid, 'publication_tables_in_schema', n.oid, u.pubname || ' ' || n.nspname, u.pubowner,
       hashtextextended(u.pubname, 0), NULL, NULL
FROM pg_publication_namespace p JOIN pg_publication u ON u.oid = p.pnpubid JOIN pg_namespace n ON n.oid = p.pnnspid;";

/// A catalogue, and a row of it.
type Key = (Oid, Oid);

/// The catalogue of schemas.
const SCHEMAS: Oid = 2615;

/// An object as the catalogue has it.
struct Raw {
    key: Key,
    name: ObjectName,
    owner: Option<Oid>,
    /// The object that it is a part of, an index's table, say.
    of: Option<Key>,
    mark: String,
}

/// Tables whose foreign keys refer to an object, by its place.
type Referrers = HashMap<usize, BTreeSet<ObjectName>>;

/// The answer to the query, before anything is made of it.
#[derive(Default)]
struct Reading {
    schemas: HashMap<Oid, String>,
    closed: BTreeSet<String>,
    extended: HashSet<Key>,
    objects: Vec<Raw>,
    components: HashMap<Key, Vec<String>>,
    dependencies: Vec<(Key, Key)>,
}

/// What is in a database.
#[derive(Default)]
pub(super) struct Contents {
    pub(super) objects: BTreeMap<ObjectName, Existing>,
    pub(super) schemas: BTreeSet<String>,
    /// Schemas in which we may not create anything.
    pub(super) closed: BTreeSet<String>,
}

/// The statements for a server of that version.
pub(super) fn query(number: u32) -> String {
    let newer = [(140_000, SINCE_14), (150_000, SINCE_15)];
    let newer = newer.iter().filter(|(since, _)| number >= *since).map(|(_, statements)| *statements);
    std::iter::once(QUERY).chain(newer).collect()
}

/// Makes objects of the answer to [`query`].
pub(super) fn read(rows: Vec<Vec<Option<String>>>, server: &Server) -> Result<Contents> {
    let mut reading = Reading::default();
    for row in rows {
        reading.take(Cells::of(row))?;
    }
    Ok(reading.finish(server))
}

/// The roles of a server as objects: `user` where they may log in. Those of the system are none.
pub(super) fn roles(server: &Server) -> impl Iterator<Item = (ObjectName, Existing)> {
    server.roles.values().filter(|role| !role.name.starts_with("pg_")).map(|role| {
        let name = ObjectName::new(if role.can_login { "user" } else { "role" }, None, &role.name);
        let fixed = if role.may_alter { None } else { Some(format!("{} may not alter it", server.user)) };
        (name, Existing { fingerprint: digest([role.mark.as_str()]), fixed, ..Existing::default() })
    })
}

impl Reading {
    fn take(&mut self, mut cells: Cells) -> Result<()> {
        match cells.text()?.as_str() {
            "schema" => self.take_schema(cells)?,
            "extended" => drop(self.extended.insert((cells.number()?, cells.number()?))),
            "object" => self.take_object(cells)?,
            "component" => {
                let key = (cells.number()?, cells.number()?);
                self.components.entry(key).or_default().push(cells.text()?);
            }
            "dependency" => {
                self.dependencies.push(((cells.number()?, cells.number()?), (cells.number()?, cells.number()?)));
            }
            other => return Err(unexpected(&format!("nobody asked for `{other}`"))),
        }
        Ok(())
    }

    /// Schemas come first, so that objects find theirs.
    fn take_schema(&mut self, mut cells: Cells) -> Result<()> {
        let (oid, name, owner): (Oid, _, Oid) = (cells.number()?, cells.text()?, cells.number()?);
        if !cells.flag()? {
            self.closed.insert(name.clone());
        }
        let object = ObjectName::new("schema", None, &name);
        self.objects.push(Raw { key: (SCHEMAS, oid), name: object, owner: Some(owner), of: None, mark: cells.text()? });
        self.schemas.insert(oid, name);
        Ok(())
    }

    fn take_object(&mut self, mut cells: Cells) -> Result<()> {
        let key = (cells.number()?, cells.number()?);
        let kind = cells.text()?;
        let schema = match cells.optional_number::<Oid>()? {
            Some(oid) => match self.schemas.get(&oid) {
                Some(name) => Some(name.as_str()),
                // One of the system's or of our own.
                None => return Ok(()),
            },
            None => None,
        };
        let name = ObjectName::new(kind, schema, cells.text()?);
        let (owner, mark) = (cells.optional_number()?, cells.text()?);
        let of = cells.optional_number()?.zip(cells.optional_number()?);
        self.objects.push(Raw { key, name, owner, of, mark });
        Ok(())
    }

    fn finish(mut self, server: &Server) -> Contents {
        self.leave_out_extensions();
        let places: HashMap<Key, usize> =
            self.objects.iter().enumerate().map(|(place, object)| (object.key, place)).collect();
        let (dependents, mut referrers) = self.dependents(&places);
        let mut parts: Vec<Vec<(&str, &str)>> = vec![Vec::new(); self.objects.len()];
        for part in &self.objects {
            if let Some(whole) = part.of.and_then(|of| places.get(&of)) {
                parts[*whole].push((&part.name.name, &part.mark));
            }
        }
        let mut objects = BTreeMap::new();
        for (place, ((object, mut parts), dependents)) in self.objects.iter().zip(parts).zip(dependents).enumerate() {
            parts.sort_unstable();
            let parts = parts.into_iter().flat_map(|(name, mark)| [name, mark]);
            let components = self.components.get(&object.key).into_iter().flatten().map(String::as_str);
            let marks = std::iter::once(object.mark.as_str()).chain(components).chain(parts);
            let referrers = referrers.remove(&place).into_iter().flatten().collect();
            let existing = Existing { fingerprint: digest(marks), fixed: fixed(object, server), dependents, referrers };
            add(&mut objects, object.name.clone(), existing);
        }
        Contents { objects, schemas: self.schemas.into_values().collect(), closed: self.closed }
    }

    /// What an extension brought comes and goes with it, and so do its parts.
    fn leave_out_extensions(&mut self) {
        let extended = std::mem::take(&mut self.extended);
        self.objects.retain(|object| {
            !extended.contains(&object.key) && !object.of.is_some_and(|whole| extended.contains(&whole))
        });
    }

    /// For every object the others that depend on it; its own parts and what it is a part of are none. Foreign keys are told by their
    /// tables, and apart: they can be tied to what comes.
    fn dependents(&self, places: &HashMap<Key, usize>) -> (Vec<Vec<ObjectName>>, Referrers) {
        let mut referrers = Referrers::new();
        let mut dependents: Vec<BTreeSet<&ObjectName>> = vec![BTreeSet::new(); self.objects.len()];
        for (one, other) in &self.dependencies {
            let (Some(one), Some(other)) = (places.get(one), places.get(other)) else { continue };
            let (dependent, object) = (&self.objects[*one], &self.objects[*other]);
            if one != other && dependent.of != Some(object.key) && object.of != Some(dependent.key) {
                match dependent.of.and_then(|table| places.get(&table)).filter(|_| dependent.name.kind == "foreign_key")
                {
                    Some(table) => drop(referrers.entry(*other).or_default().insert(self.objects[*table].name.clone())),
                    None if is_rebound(&object.name, &dependent.name) => {}
                    None => drop(dependents[*other].insert(&dependent.name)),
                }
            }
        }
        (dependents.into_iter().map(|names| names.into_iter().cloned().collect()).collect(), referrers)
    }
}

/// Whether the switch itself ties what stays to what comes in the place of a table or view: see `ties.rs`.
fn is_rebound(object: &ObjectName, dependent: &ObjectName) -> bool {
    matches!(&*object.kind, "table" | "view") && matches!(&*dependent.kind, "view" | "foreign_key")
}

/// Some kinds let several objects have one name (operators of different types, say): they count as one.
fn add(objects: &mut BTreeMap<ObjectName, Existing>, name: ObjectName, existing: Existing) {
    use std::collections::btree_map::Entry;
    match objects.entry(name) {
        Entry::Vacant(entry) => drop(entry.insert(existing)),
        Entry::Occupied(mut entry) => {
            let earlier = entry.get_mut();
            let mut fingerprints = [earlier.fingerprint.as_str(), &existing.fingerprint];
            fingerprints.sort_unstable();
            earlier.fingerprint = digest(fingerprints);
            earlier.fixed = earlier.fixed.take().or(existing.fixed);
            earlier.dependents.extend(existing.dependents);
            earlier.referrers.extend(existing.referrers);
        }
    }
}

/// Kinds of which a database has one of a name, and whose objects can neither be renamed nor moved.
const ALONE: [&str; 10] = [
    "access_method",
    "cast",
    "default_privileges",
    "extension",
    "large_object",
    "procedural_language",
    "publication_table",
    "publication_tables_in_schema",
    "transform",
    "user_mapping",
];

/// Why an object must stay where it is.
fn fixed(object: &Raw, server: &Server) -> Option<String> {
    if ALONE.contains(&object.name.kind.as_str()) {
        return Some("a database has one of it at a time, which cannot be kept under another name".to_owned());
    }
    let owner = object.owner.filter(|owner| !server.owns(*owner))?;
    let name = server.roles.get(&owner).map_or("a role that is gone", |role| role.name.as_str());
    Some(format!("it belongs to {name}, and {} may not alter it", server.user))
}

fn digest<'a>(marks: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for mark in marks {
        hash.update(mark.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
