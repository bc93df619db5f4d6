//! A database as a value: what it holds, how it is generated, and how it becomes an archive.

use std::path::Path;

use reinstate::backup::Writer;
use reinstate::catalog::{Backup, ObjectName};

use super::kinds::{self, document::Document, graph::Graph, table::Table, view::View};
use super::names;
use super::random::Random;

/// What an object consists of.
#[derive(Debug, Clone)]
pub enum Body {
    Table(Table),
    View(View),
    Graph(Graph),
    Document(Document),
}

/// An object of a database, with what must be there before it.
#[derive(Debug, Clone)]
pub struct Object {
    pub name: ObjectName,
    pub depends: Vec<ObjectName>,
    pub body: Body,
}

impl Object {
    /// All that must be there before it; without what it is subscribed to where subscriptions are cancelled.
    pub fn needs(&self, subscribes: bool) -> Vec<ObjectName> {
        let mut needs = self.depends.clone();
        if let Body::Table(table) = &self.body
            && subscribes
        {
            needs.extend(table.subscriptions.iter().map(|subscription| subscription.datasource.clone()));
        }
        needs
    }

    /// What the archive says that it depends on: the rest is in what it consists of.
    fn said(&self) -> Vec<ObjectName> {
        let is_definition = kinds::is_definition(&self.name.kind);
        if is_definition { Vec::new() } else { self.depends.clone() }
    }
}

/// All that is backed up at once.
#[derive(Debug, Clone)]
pub struct Database {
    pub id: String,
    pub objects: Vec<Object>,
}

impl Database {
    /// A database of about `size` objects.
    pub fn generate(random: &mut Random, size: usize) -> Self {
        let mut database = Self { id: format!("{:016x}", random.next()), objects: Vec::new() };
        for kind in kinds::ALL {
            let number = random.below((kind.weight * size).div_ceil(10) + 1);
            for _ in 0..number {
                let schema = kind.in_schema.then(|| names::schema(random));
                let draw = kinds::definition::name(kind.name);
                let name = names::fresh_of(random, draw, |name| database.is_taken(kind.name, schema, name));
                let name = ObjectName::new(kind.name, schema, name);
                if let Some((depends, body)) = (kind.make)(random, &database, &name) {
                    database.objects.push(Object { name, depends, body });
                }
            }
            (kind.finish)(random, &mut database);
        }
        database
    }

    /// Whether an object of the archive stands in the way of that name: relations share names, whatever their case, and a
    /// file takes `a.b` of the schema `main` for `b` of the schema `a`.
    fn is_taken(&self, kind: &str, schema: Option<&str>, name: &str) -> bool {
        let wanted = ObjectName::new(kind, schema, name);
        let keys = kinds::places(&wanted);
        self.objects.iter().flat_map(|object| kinds::places(&object.name)).any(|key| keys.contains(&key))
    }

    pub fn get(&self, name: &ObjectName) -> Option<&Object> {
        self.objects.iter().find(|object| object.name == *name)
    }

    /// The names of all objects of a kind.
    pub fn of_kind(&self, kind: &str) -> Vec<ObjectName> {
        self.objects.iter().map(|object| &object.name).filter(|name| name.kind == kind).cloned().collect()
    }

    /// Without that object and all that need it.
    pub fn without(&self, at: usize) -> Self {
        let mut gone = vec![self.objects[at].name.clone()];
        loop {
            let needs = |object: &&Object| {
                !gone.contains(&object.name) && object.needs(true).iter().any(|name| gone.contains(name))
            };
            match self.objects.iter().find(needs) {
                Some(object) => gone.push(object.name.clone()),
                None => break,
            }
        }
        let objects = self.objects.iter().filter(|object| !gone.contains(&object.name)).cloned().collect();
        Self { id: self.id.clone(), objects }
    }

    /// Without what not every system can be given: views are queries in one system's words, and names are not as long everywhere.
    pub fn for_every_target(&self) -> Self {
        let mut smaller = self.clone();
        let long = |name: &str| name.len() > 40;
        let odd = |object: &Object| match &object.body {
            Body::View(_) => true,
            Body::Table(table) => {
                let names = table.columns.iter().map(|column| &column.name);
                long(&object.name.name)
                    || names.chain(table.indexes.iter().map(|index| &index.name)).any(|name| long(name))
            }
            _ => long(&object.name.name),
        };
        while let Some(at) = smaller.objects.iter().position(odd) {
            smaller = smaller.without(at);
        }
        let there: Vec<ObjectName> = smaller.objects.iter().map(|object| object.name.clone()).collect();
        for object in &mut smaller.objects {
            if let Body::Document(document) = &mut object.body {
                document.forget_others(&there);
            }
        }
        smaller
    }

    /// Writes the archive.
    pub fn write(&self, path: &Path) {
        let mut writer = Writer::create(path, true).expect("an archive");
        for object in &self.objects {
            writer.object(object.name.clone(), object.said()).expect("an object");
            let attributes = match &object.body {
                Body::Table(table) => table.write(&mut writer),
                Body::View(view) => view.attributes(),
                Body::Graph(graph) => graph.write(&mut writer),
                Body::Document(document) => document.write(&mut writer),
            };
            let attributes = serde_json::value::to_raw_value(&attributes).expect("JSON");
            writer.attributes(attributes).expect("attributes");
        }
        let backup = Backup {
            name: "generated".to_owned(),
            id: self.id.clone(),
            created: "2026-01-01T00:00:00Z".to_owned(),
            position: None,
            source: "sqlite".to_owned(),
            dialect: "sqlite".to_owned(),
        };
        writer.finish(backup).expect("an archive");
    }
}
