//! Where the objects of a job are until its switch: in which schemas, and under which names.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::catalog::ObjectName;
use crate::error::{Error, Result};
use crate::plan::{Action, Step};
use crate::sql::place::{self, Resolver};

/// A name as SQL writes it, always in quotes.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL writes it.
pub(crate) fn literal(text: &str) -> String {
    let quotes = text.replace('\'', "''");
    if quotes.contains('\\') { format!("E'{}'", quotes.replace('\\', "\\\\")) } else { format!("'{quotes}'") }
}

/// Kinds whose names are those of other objects, or are in no namespace: they are where the object they hang on is.
const HANGING: [&str; 24] = [
    "check_constraint",
    "comment",
    "constraint",
    "default",
    "default_privileges",
    "foreign_key",
    "index",
    "index_attach",
    "large_object",
    "materialized_view_rows",
    "policy",
    "privileges",
    "publication_table",
    "publication_tables_in_schema",
    "row_security",
    "rule",
    "security_label",
    "sequence_owned_by",
    "sequence_value",
    "statistics_data",
    "subscription_table",
    "table_attach",
    "table_rows",
    "trigger",
];

/// Kinds that make an index of their table.
const INDEXES: [&str; 2] = ["index", "constraint"];

/// A schema and a name in it.
type Place = (String, String);

/// Knows for every name of the archive where this job has it.
#[derive(Debug)]
pub(crate) struct Placement {
    job: String,
    /// The archive's names of schemas, with the target's.
    schemas: BTreeMap<String, String>,
    /// Schemas of the target that objects are staged for, numbered; `None` where the job has a database of its own.
    stages: Option<RwLock<BTreeMap<String, u32>>>,
    /// Objects that this job stages, by their names in the target.
    staged: RwLock<HashSet<Place>>,
}

impl Placement {
    /// The placement of a job with these steps and map of schemas. `stages` are the numbers of its stage schemas.
    pub(crate) fn new(
        job: &str,
        steps: &[Step],
        map: &BTreeMap<String, String>,
        stages: Option<BTreeMap<String, u32>>,
    ) -> Self {
        let mut schemas = map.clone();
        for step in steps {
            if let (Some(from), Some(to)) = (&step.object.schema, &step.into.schema) {
                schemas.insert(from.clone(), to.clone());
            }
            if step.object.kind == "schema" {
                schemas.entry(step.object.name.clone()).or_insert_with(|| step.into.name.clone());
            }
        }
        let placement =
            Self { job: job.to_owned(), schemas, stages: stages.map(RwLock::new), staged: RwLock::default() };
        placement.stage(steps);
        placement
    }

    /// Knows that the steps' objects are staged.
    pub(crate) fn stage(&self, steps: &[Step]) {
        let own = steps.iter().filter(|step| step.action != Action::Skip);
        let tables: HashMap<u32, Vec<Place>> = own.clone().map(|step| (step.id, places(step))).collect();
        let mut staged = write(&self.staged);
        for step in own {
            let hosts = || step.needs.iter().filter_map(|id| tables.get(id)).flatten();
            match (step.into.kind.as_str(), &step.into.schema) {
                (kind, Some(schema)) if INDEXES.contains(&kind) => {
                    staged.extend(hosts().filter(|host| host.0 == *schema).map(|host| {
                        // A constraint is called `table name`, its index `name`.
                        let name = step.into.name.strip_prefix(&format!("{} ", host.1)).unwrap_or(&step.into.name);
                        (schema.clone(), name.to_owned())
                    }));
                }
                _ => staged.extend(tables.get(&step.id).into_iter().flatten().cloned()),
            }
        }
    }

    /// Knows that something else is in the stage: what a resumed job finds there, what comes along with another object.
    pub(crate) fn add(&self, schema: &str, name: &str) {
        write(&self.staged).insert((schema.to_owned(), name.to_owned()));
    }

    /// The number of the stage schema for a schema of the target, and whether it is new. `None` in a database of its own.
    pub(crate) fn number(&self, schema: &str) -> Option<(u32, bool)> {
        let mut stages = write(self.stages.as_ref()?);
        if let Some(number) = stages.get(schema) {
            return Some((*number, false));
        }
        let number = stages.values().max().map_or(1, |last| last + 1);
        stages.insert(schema.to_owned(), number);
        Some((number, true))
    }

    /// The target's schemas that have a stage, with their numbers.
    pub(crate) fn stages(&self) -> BTreeMap<String, u32> {
        self.stages.as_ref().map(|stages| read(stages).clone()).unwrap_or_default()
    }

    /// Whether the job works in a database of its own, where every object has its own name.
    pub(crate) fn is_apart(&self) -> bool {
        self.stages.is_none()
    }

    /// Whether this job stages the object (by its name in the target).
    pub(crate) fn is_staged(&self, object: &ObjectName) -> bool {
        let Some(schema) = &object.schema else { return false };
        self.is_apart() || self.has(schema, &bare(&object.kind, &object.name))
    }

    fn has(&self, schema: &str, name: &str) -> bool {
        read(&self.staged).contains(&(schema.to_owned(), name.to_owned()))
    }

    /// The schema that the object (by its name in the target) is in until the switch: a stage schema when this job stages
    /// it, else its own.
    pub(crate) fn schema_of(&self, object: &ObjectName) -> String {
        let schema = object.schema.clone().unwrap_or_default();
        if self.is_staged(object) { self.hidden(&schema) } else { schema }
    }

    /// The schema in which objects for this schema of the target are staged.
    pub(crate) fn hidden(&self, schema: &str) -> String {
        let number = self.stages.as_ref().and_then(|stages| read(stages).get(schema).copied());
        number.map_or_else(|| schema.to_owned(), |number| stage_schema(&self.job, number))
    }

    /// A statement in the archive's names with the names that hold now.
    pub(crate) fn place(&self, statement: &str) -> Result<String> {
        placed(statement, &Now(self))
    }

    /// A statement in the archive's names with the names that hold from the switch on.
    pub(crate) fn map(&self, statement: &str) -> Result<String> {
        placed(statement, &Then(self))
    }

    /// The target's name of a schema of the archive.
    fn mapped(&self, schema: &str) -> String {
        self.schemas.get(schema).cloned().unwrap_or_else(|| schema.to_owned())
    }

    /// Whether the object, by the archive's name of its schema, is live and stays as it is until the switch.
    pub(crate) fn is_live(&self, schema: &str, name: &str) -> bool {
        !self.is_apart() && !self.has(&self.mapped(schema), name)
    }
}

/// Names that hold now.
struct Now<'a>(&'a Placement);

/// Names that hold from the switch on.
struct Then<'a>(&'a Placement);

impl Resolver for Now<'_> {
    fn knows(&self, schema: &str) -> bool {
        self.0.schemas.contains_key(schema)
    }

    fn object(&self, schema: &str, name: &str) -> String {
        let schema = self.0.mapped(schema);
        if self.0.has(&schema, name) { self.0.hidden(&schema) } else { schema }
    }

    fn schema(&self, schema: &str) -> String {
        self.0.mapped(schema)
    }
}

impl Resolver for Then<'_> {
    fn knows(&self, schema: &str) -> bool {
        self.0.schemas.contains_key(schema)
    }

    fn object(&self, schema: &str, _: &str) -> String {
        self.0.mapped(schema)
    }

    fn schema(&self, schema: &str) -> String {
        self.0.mapped(schema)
    }
}

fn placed(statement: &str, resolver: &dyn Resolver) -> Result<String> {
    place::place(statement, resolver)
        .map_err(|why| Error::new("target.bad_definition", format!("A statement cannot be read: {why}")))
}

/// Whether the object's name is that of what it hangs on.
pub(crate) fn hangs(object: &ObjectName) -> bool {
    HANGING.contains(&object.kind.as_str())
}

/// The names that a step's object takes.
pub(crate) fn places(step: &Step) -> Vec<Place> {
    let Some(schema) = step.into.schema.as_ref().filter(|_| !hangs(&step.into)) else {
        return Vec::new();
    };
    let further = step.tables.iter().filter(|suffix| !suffix.is_empty());
    let tables = further.map(|suffix| format!("{}_{suffix}", step.into.name));
    [bare(&step.into.kind, &step.into.name)].into_iter().chain(tables).map(|name| (schema.clone(), name)).collect()
}

/// The name without a routine's arguments, and without the number that tells objects of one name apart.
pub(crate) fn bare(kind: &str, name: &str) -> String {
    let numbered = name.rsplit_once(" #").filter(|(_, number)| number.bytes().all(|byte| byte.is_ascii_digit()));
    let name = numbered.map_or(name, |(name, _)| name);
    let routine = matches!(kind, "user_defined_function" | "stored_procedure" | "aggregate" | "function" | "procedure");
    let name = if routine { name.split_once('(').map_or(name, |(name, _)| name) } else { name };
    name.to_owned()
}

/// What the stage schema of a job is called; its number counts the schemas of the target.
pub(crate) fn stage_schema(job: &str, number: u32) -> String {
    format!("reinstate_stage_{job}_{number}")
}

/// What the schema is called in which the job keeps what it replaces.
pub(crate) fn kept_schema(job: &str, number: u32) -> String {
    format!("reinstate_kept_{job}_{number}")
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
