//! Dependencies: which step needs which, and what none of them brings.

use std::collections::HashMap;

use crate::catalog::{Object, ObjectName};

use super::build::Input;
use super::names::{Key, Naming, Present, mapped};
use super::{Finding, Severity, Share};
use crate::text::{capital, list, selector};

/// What the objects of a plan need of each other.
pub(super) struct Links {
    /// For each selected object, in order, the selected ones it needs: positions among them, ascending, never its own.
    pub(super) needs: Vec<Vec<usize>>,
    /// What is missing.
    pub(super) findings: Vec<Finding>,
}

/// Resolves what the catalog and the plugins say each object depends on.
pub(super) fn links(input: &Input<'_>, present: &Present<'_>) -> Links {
    let index = Index::new(input);
    let mut links = Links { needs: Vec::with_capacity(input.selected.len()), findings: Vec::new() };
    for (at, object, outlook) in input.objects() {
        let mut names: Vec<&ObjectName> = object.depends.iter().collect();
        names.extend(outlook.into_iter().flat_map(|outlook| &outlook.dependencies));
        names.sort_unstable();
        names.dedup();
        let mut needs = Vec::new();
        let mut missing = Missing::default();
        for name in names {
            match index.find(name) {
                Some(Place::Step(other)) => needs.push(other),
                _ if is_there(&mapped(name, &input.options.target_schema_map), input, present) => {}
                Some(Place::Left(object)) => missing.left.push(object),
                None => missing.unknown.push(name),
            }
        }
        // Where the schema it lives in is restored, too, that comes first.
        let schema = object.name.schema.as_ref().map(|schema| ObjectName::new("schema", None, schema));
        if let Some(Place::Step(schema)) = schema.as_ref().and_then(|schema| index.find(schema)) {
            needs.push(schema);
        }
        needs.sort_unstable();
        needs.dedup();
        needs.retain(|other| *other != at);
        links.needs.push(needs);
        // Rows need the object that they are added to and nothing else.
        if input.options.share(object) != Share::Rows {
            links.findings.extend(missing.findings(input, object));
        }
    }
    links
}

/// Whether the target has it, or is given it.
fn is_there(name: &ObjectName, input: &Input<'_>, present: &Present<'_>) -> bool {
    let is_schema = name.kind == "schema" && name.schema.is_none();
    present.holder(name).is_some()
        || is_schema && (present.has_schema(&name.name) || input.options.create_schema_if_not_exist)
}

/// Where a dependency was found.
#[derive(Clone, Copy)]
enum Place<'a> {
    /// It is restored: a position among the selected objects.
    Step(usize),
    /// The archive holds it, but it was not selected.
    Left(&'a ObjectName),
}

/// The archive's objects by what the archive's own system takes for the same name.
struct Index<'a> {
    naming: Naming,
    places: HashMap<Key<'a>, Place<'a>>,
}

impl<'a> Index<'a> {
    fn new(input: &Input<'a>) -> Self {
        let naming = Naming::of(&input.catalog.backup.dialect);
        let mut steps = vec![None; input.catalog.objects.len()];
        for (at, object) in input.selected.iter().enumerate() {
            steps[*object] = Some(at);
        }
        let place = |(object, step): (&'a Object, Option<usize>)| {
            (naming.key(&object.name), step.map_or(Place::Left(&object.name), Place::Step))
        };
        let mut places: HashMap<_, _> = input.catalog.objects.iter().zip(steps).map(place).collect();
        for (at, object, outlook) in input.objects() {
            for suffix in outlook.into_iter().flat_map(|outlook| &outlook.tables) {
                places.entry(naming.table(&object.name, suffix)).or_insert(Place::Step(at));
            }
        }
        Self { naming, places }
    }

    fn find(&self, name: &ObjectName) -> Option<Place<'a>> {
        self.places.get(&self.naming.key(name)).copied()
    }
}

/// What one object needs and does not get.
#[derive(Default)]
struct Missing<'a> {
    left: Vec<&'a ObjectName>,
    unknown: Vec<&'a ObjectName>,
}

impl Missing<'_> {
    fn findings(&self, input: &Input<'_>, object: &Object) -> impl Iterator<Item = Finding> {
        let (severity, needs) = need(&object.name.kind);
        let subject = capital(&object.name.to_string());
        let left = (!self.left.is_empty()).then(|| {
            let message = format!("{subject} {needs} {}, neither selected nor in the target", list(&self.left));
            Finding::new(severity, "plan.dependency_missing", message, self.fix(input)).about(&object.name)
        });
        let unknown = (!self.unknown.is_empty()).then(|| {
            let message =
                format!("{subject} {needs} {}, neither in the archive nor in the target", list(&self.unknown));
            let fix = format!("--exclude {}", selector(&object.name));
            Finding::new(severity, "plan.dependency_missing", message, fix).about(&object.name)
        });
        left.into_iter().chain(unknown)
    }

    /// Selecting does not help against `--exclude`, which wins.
    fn fix(&self, input: &Input<'_>) -> String {
        let excluding = input.options.exclude.iter().find(|exclude| self.left.iter().any(|name| exclude.selects(name)));
        match excluding {
            Some(exclude) => format!("Leave out --exclude {}", crate::text::quote(&exclude.to_string())),
            None => self
                .left
                .iter()
                .take(5)
                .map(|name| format!("--select {}", selector(name)))
                .collect::<Vec<_>>()
                .join(" "),
        }
    }
}

/// A principal can stand without what it has permissions on; everything else is defined by what it names.
fn need(kind: &str) -> (Severity, &'static str) {
    match kind {
        "user" | "role" => (Severity::Warning, "refers to"),
        _ => (Severity::Refusal, "needs"),
    }
}
