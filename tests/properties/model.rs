//! What a restore must do, said a second time and in few words: a map of names to contents, and a rule for each promise.
//!
//! It follows the documents and shares nothing with the planner. A target that is refused or fails is unchanged.

use std::collections::{BTreeMap, BTreeSet};

use reinstate::catalog::ObjectName;
use reinstate::plan::{Options, Policy, Selector, Subscriptions};

use super::database::{Body, Database, Object};
use super::kinds::table::{Table, Value, row_line};
use super::kinds::view::View;
use super::kinds::{physical, places};
use super::reader::Content;
use super::rights::{self, Kept};

/// What a target holds.
#[derive(Debug, Clone, Default)]
pub struct State {
    pub objects: BTreeMap<ObjectName, Body>,
    /// Those that restores brought; `main` is always there.
    pub schemas: BTreeSet<String>,
    /// What tables are subscribed to, by their names in the file. It outlives a table that is dropped by hand, and is seen
    /// where there is a table of that name.
    pub subscriptions: BTreeMap<String, Vec<String>>,
}

/// What must come of a restore.
#[derive(Debug)]
pub enum Expected {
    /// Nothing is started.
    Refused(&'static str),
    /// It is started and fails; nothing is changed.
    Failed(&'static str),
    /// The target holds that then.
    Done(Box<Done>),
}

#[derive(Debug)]
pub struct Done {
    pub state: State,
    /// Names of what is restored.
    pub restored: Vec<ObjectName>,
    /// Names of what was moved, old and new.
    pub renamed: Vec<(ObjectName, ObjectName)>,
    /// Names of tables that are put out of sight because they refer to what gives way.
    pub dropped: Vec<ObjectName>,
    /// How many selected objects stay as they are.
    pub kept: usize,
    /// Who is given access.
    pub granted: Option<ObjectName>,
}

/// A table or view as the file is read: what was restored without a schema is in `main`, whatever dots its name has.
fn listed(name: &ObjectName) -> ObjectName {
    match &name.schema {
        None if is_relation(name) => ObjectName::new(&*name.kind, Some("main"), &*name.name),
        _ => name.clone(),
    }
}

fn is_relation(name: &ObjectName) -> bool {
    matches!(name.kind.as_str(), "table" | "view")
}

fn relation(physical: &str) -> String {
    format!("relation {}", physical.to_ascii_lowercase())
}

/// Restores into a target. `aside` is where the policy `rename` moves things when no schema is named: it is the host's to choose.
pub fn restore(before: &State, archive: &Database, options: &Options, aside: Option<&str>) -> Expected {
    match plan(before, archive, options, aside) {
        Ok(done) => match wrong(&done.state, &done.restored) {
            Some(why) => Expected::Failed(why),
            None => Expected::Done(Box::new(done)),
        },
        Err(why) => Expected::Refused(why),
    }
}

fn plan(before: &State, archive: &Database, options: &Options, aside: Option<&str>) -> Result<Done, &'static str> {
    let selected = select(archive, options)?;
    let schemas: BTreeSet<&str> = archive.objects.iter().filter_map(|object| object.name.schema.as_deref()).collect();
    if options.target_schema_map.keys().any(|schema| !schemas.contains(schema.as_str())) {
        return Err("a schema is mapped that the archive does not have");
    }
    if options.rows_only {
        return Err("a file's tables are replaced whole");
    }
    if options.backup_id.as_ref().is_some_and(|id| *id != archive.id) {
        return Err("another snapshot is asked for");
    }
    let mapped = |name: &ObjectName| {
        if name.kind == "schema" {
            return ObjectName::new(
                "schema",
                None,
                options.target_schema_map.get(&name.name).unwrap_or(&name.name).as_str(),
            );
        }
        let schema =
            name.schema.as_ref().map(|schema| options.target_schema_map.get(schema).unwrap_or(schema).as_str());
        ObjectName::new(&*name.kind, schema, &*name.name)
    };
    let present = before.schemas();
    let brought_schemas: BTreeSet<String> = selected
        .iter()
        .map(|object| mapped(&object.name))
        .filter(|name| name.kind == "schema")
        .map(|name| name.name)
        .collect();
    let held: BTreeMap<String, &ObjectName> =
        before.objects.keys().flat_map(|name| places(name).into_iter().map(move |place| (place, name))).collect();

    for object in &selected {
        let lacks = |needed: &&ObjectName| {
            let there = places(&mapped(needed)).iter().any(|place| held.contains_key(place));
            !selected.iter().any(|other| other.name == **needed) && !there
        };
        if object.needs(options.restore_subscriptions != Subscriptions::Cancel).iter().any(|needed| lacks(&needed)) {
            return Err("what an object needs is neither restored nor there");
        }
    }

    let mut state = before.clone();
    let (mut arriving, mut renamed, mut taken) = (Vec::new(), Vec::new(), BTreeSet::new());
    let kept = Kept::of(before, options);
    let mut replaced = Vec::new();
    for object in &selected {
        let into = mapped(&object.name);
        let stays = into.kind == "schema" && before.objects.contains_key(&into);
        if stays || kept.has(&into) || options.take_access && into.kind == "user" {
            continue;
        }
        if into.kind == "schema" {
            state.schemas.insert(into.name.clone());
        }
        if let Some(schema) = &into.schema {
            let folded: Vec<String> =
                present.iter().chain(&brought_schemas).map(|schema| schema.to_ascii_lowercase()).collect();
            if !options.create_schema_if_not_exist && !folded.contains(&schema.to_ascii_lowercase()) {
                return Err("a schema is missing");
            }
            state.schemas.insert(schema.clone());
        }
        let own = places(&into);
        let holder = before.objects.keys().find(|name| **name == into).or_else(|| held.get(&own[0]).copied());
        match holder {
            Some(holder) if *holder != into => return Err("something else has the name"),
            Some(_) => match *options.restore_policy_by_kind.get(&into.kind).unwrap_or(&options.restore_policy) {
                Policy::None => return Err("the name is taken"),
                Policy::Replace => {
                    state.objects.remove(&into);
                    replaced.push(into.clone());
                }
                Policy::Rename => {
                    if into.schema.is_none() {
                        return Err("only what is in a schema can be moved aside");
                    }
                    let schema = options.renamed_objects_schema.as_deref().or(aside).expect("a schema is chosen");
                    let moved = ObjectName::new(&*into.kind, Some(schema), &*into.name);
                    if places(&moved).iter().any(|place| held.contains_key(place) || !taken.insert(place.clone())) {
                        return Err("the place aside is taken");
                    }
                    state.schemas.insert(schema.to_owned());
                    renamed.push((into.clone(), moved));
                }
            },
            None if own.iter().any(|place| held.contains_key(place)) => return Err("a table of the graph's is taken"),
            None => {}
        }
        if own.iter().any(|place| !taken.insert(place.clone())) {
            return Err("two objects take one name");
        }
        arriving.push((into, *object));
    }
    move_aside(&mut state, &renamed);
    let mut dropped = Vec::new();
    if options.cascade_foreign_keys {
        let held: BTreeSet<String> = archive.objects.iter().flat_map(|object| places(&mapped(&object.name))).collect();
        dropped = put_out_of_sight(before, &mut state, replaced, &held);
    }
    let names: BTreeSet<ObjectName> = selected.iter().map(|object| object.name.clone()).collect();
    let mut restored = Vec::new();
    for (into, object) in arriving {
        let body = match &object.body {
            Body::Document(document) if rights::is_principal(&into.kind) => {
                &Body::Document(rights::limited(document, &names, options))
            }
            body => body,
        };
        if let Body::Table(table) = body {
            let called = physical(into.schema.as_deref(), &into.name);
            state.subscriptions.remove(&called);
            if options.restore_subscriptions != Subscriptions::Cancel {
                let paused = options.restore_subscriptions == Subscriptions::Pause;
                state.subscriptions.insert(called, table.subscribed(paused, &mapped));
            }
        }
        state.objects.insert(listed(&into), brought(body, &into, options.ddl_only, &mapped));
        restored.push(into);
    }
    let mut granted = None;
    if let Some((who, body)) = rights::granted(before, &restored, options) {
        if !taken.insert(places(&who)[0].clone()) {
            return Err("who takes access is restored, too");
        }
        state.objects.insert(who.clone(), body);
        granted = Some(who);
    }
    let stays = selected.len() - restored.len();
    Ok(Done { state, restored, renamed, dropped, kept: stays, granted })
}

fn select<'a>(archive: &'a Database, options: &Options) -> Result<Vec<&'a Object>, &'static str> {
    let fits =
        |selectors: &[Selector], object: &Object| selectors.iter().any(|selector| selects(selector, &object.name));
    let idle = |selector: &Selector| !archive.objects.iter().any(|object| selects(selector, &object.name));
    if options.select.iter().chain(&options.exclude).any(idle) {
        return Err("a selector fits nothing");
    }
    let mut asked: BTreeSet<&ObjectName> =
        archive.objects.iter().filter(|object| fits(&options.select, object)).map(|object| &object.name).collect();
    while let Some(more) =
        archive.objects.iter().find(|object| !asked.contains(&object.name) && comes_along(object, &asked, archive))
    {
        asked.insert(&more.name);
    }
    let chosen = |object: &&Object| {
        (options.select.is_empty() || asked.contains(&object.name)) && !fits(&options.exclude, object)
    };
    let selected: Vec<&Object> = archive.objects.iter().filter(chosen).collect();
    if selected.is_empty() { Err("nothing is left to restore") } else { Ok(selected) }
}

/// Members come with their role, tables with the graph that is made of them.
fn comes_along(object: &Object, asked: &BTreeSet<&ObjectName>, archive: &Database) -> bool {
    let member = || {
        rights::memberships(&object.body)
            .iter()
            .any(|role| asked.contains(&ObjectName::new("role", None, role.as_str())))
    };
    let source = |other: &Object| matches!(&other.body, Body::Graph(graph) if graph.sources.contains(&object.name));
    match object.name.kind.as_str() {
        "user" | "role" => member(),
        "table" => archive.objects.iter().any(|other| asked.contains(&other.name) && source(other)),
        _ => false,
    }
}

/// Tables that are not in the backup and refer to one that gives way, and those that refer to these.
fn put_out_of_sight(
    before: &State,
    state: &mut State,
    replaced: Vec<ObjectName>,
    held: &BTreeSet<String>,
) -> Vec<ObjectName> {
    let mut dropped = Vec::new();
    let place = |name: &ObjectName| relation(&physical(name.schema.as_deref(), &name.name));
    let mut gone: BTreeSet<String> = replaced.iter().filter(|name| name.kind == "table").map(place).collect();
    loop {
        let refers = |(name, body): &(&ObjectName, &Body)| {
            let free = !gone.contains(&place(name)) && !held.contains(&place(name));
            free && matches!(body, Body::Table(table) if table.foreign_keys.iter().any(|key| gone.contains(&place(&key.parent))))
        };
        let Some((name, _)) = before.objects.iter().find(refers) else { return dropped };
        dropped.push(name.clone());
        gone.insert(place(name));
        state.objects.remove(name);
        state.subscriptions.remove(&physical(name.schema.as_deref(), &name.name));
    }
}

/// `KIND[,KIND…][:PATTERN]`; a pattern with a dot is held against `schema.name`, and `schema.*` against schemas.
fn selects(selector: &Selector, name: &ObjectName) -> bool {
    let full =
        name.schema.as_ref().filter(|_| selector.pattern.contains('.')).map(|schema| format!("{schema}.{}", name.name));
    let kind = selector.kind.split(',').any(|kind| like(kind.as_bytes(), name.kind.as_bytes()));
    // Everything in a schema is the schema itself, too.
    let whole = selector.pattern.strip_suffix(".*").filter(|_| name.kind == "schema");
    let fits = |pattern: &str, text: &str| like(pattern.as_bytes(), text.as_bytes());
    kind && (fits(&selector.pattern, full.as_deref().unwrap_or(&name.name))
        || whole.is_some_and(|schema| fits(schema, &name.name)))
}

/// `*` and `?`, the latter only ever used for one byte here.
fn like(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => like(rest, text) || !text.is_empty() && like(pattern, &text[1..]),
        (Some((b'?', rest)), Some((_, tail))) => like(rest, tail),
        (Some((one, rest)), Some((other, tail))) => one == other && like(rest, tail),
        _ => false,
    }
}

/// What an archive's object is in the target.
fn brought(body: &Body, into: &ObjectName, ddl_only: bool, mapped: &dyn Fn(&ObjectName) -> ObjectName) -> Body {
    match body {
        Body::Table(table) => {
            let mut table = if ddl_only { table.emptied() } else { table.clone() };
            table.foreign_keys.iter_mut().for_each(|key| key.parent = mapped(&key.parent));
            let schema = into.schema.as_deref();
            table.indexes.iter_mut().for_each(|index| index.name = physical(schema, &index.name));
            Body::Table(table)
        }
        // Its query is what it is.
        Body::View(view) => Body::View(view.clone()),
        Body::Graph(graph) => {
            let mut graph = if ddl_only { graph.emptied() } else { graph.clone() };
            graph.sources.iter_mut().for_each(|source| *source = mapped(source));
            Body::Graph(graph)
        }
        Body::Document(document) => Body::Document(document.mapped(mapped)),
    }
}

/// Moves objects; references between those that move go with them.
fn move_aside(state: &mut State, renamed: &[(ObjectName, ObjectName)]) {
    let place = |name: &ObjectName| relation(&physical(name.schema.as_deref(), &name.name));
    let follow = |parent: &ObjectName| {
        let moved = renamed.iter().find(|(old, _)| old.kind == "table" && place(old) == place(parent));
        moved.map_or_else(|| parent.clone(), |(_, new)| new.clone())
    };
    let mut moved = Vec::new();
    for (old, new) in renamed {
        let called = |name: &ObjectName| physical(name.schema.as_deref(), &name.name);
        if let Some(subscriptions) = state.subscriptions.remove(&called(old)) {
            state.subscriptions.insert(called(new), subscriptions);
        }
        let mut body = state.objects.remove(old).expect("it is there");
        if let Body::Table(table) = &mut body {
            table.foreign_keys.iter_mut().for_each(|key| key.parent = follow(&key.parent));
            let prefix = old.schema.as_deref().filter(|schema| *schema != "main").map(|schema| format!("{schema}."));
            for index in &mut table.indexes {
                // An index is called as its table is, unless somebody named it otherwise.
                let bare = prefix.as_deref().and_then(|prefix| index.name.strip_prefix(prefix)).unwrap_or(&index.name);
                index.name = physical(new.schema.as_deref(), bare);
            }
        }
        moved.push((listed(new), body));
    }
    state.objects.extend(moved);
}

impl State {
    /// All that anything could be restored into.
    fn schemas(&self) -> BTreeSet<String> {
        let of_objects = self.objects.keys().filter_map(|name| name.schema.clone());
        let all = of_objects.chain(self.schemas.iter().cloned());
        all.chain(["main".to_owned()]).filter(|schema| !schema.is_empty()).collect()
    }

    /// Every table of the file, those of graphs among them, by its name there, with its schema.
    pub fn tables(&self) -> BTreeMap<String, (Option<String>, Table)> {
        let mut tables = BTreeMap::new();
        for (name, body) in &self.objects {
            let schema = name.schema.as_deref();
            match body {
                Body::Table(table) => {
                    tables.insert(physical(schema, &name.name), (name.schema.clone(), table.clone()));
                }
                Body::Graph(graph) => {
                    for (suffix, table) in graph.tables(name) {
                        let name = physical(schema, &format!("{}{suffix}", name.name));
                        tables.insert(name, (schema.map(str::to_owned), table));
                    }
                }
                _ => {}
            }
        }
        tables
    }

    /// What a reader of the file sees.
    pub fn content(&self) -> Content {
        let tables = self.tables();
        let mut content: Content =
            tables.iter().map(|(name, (_, table))| (format!("table {name}"), table.lines())).collect();
        let subscribed =
            self.subscriptions.iter().filter(|(name, lines)| !lines.is_empty() && tables.contains_key(*name));
        content.extend(subscribed.map(|(name, lines)| (format!("subscriptions {name}"), lines.clone())));
        for (name, body) in &self.objects {
            let called = physical(name.schema.as_deref(), &name.name);
            match body {
                Body::Table(_) => {}
                Body::View(_) => {
                    let lines = match self.look(&called, 0) {
                        None => vec!["broken".to_owned()],
                        Some((columns, rows)) => {
                            let mut lines: Vec<String> = rows.iter().map(|row| row_line(row)).collect();
                            lines.push(format!("columns {columns:?}"));
                            lines.sort();
                            lines
                        }
                    };
                    content.insert(format!("view {called}"), lines);
                }
                Body::Graph(graph) => {
                    content.insert(format!("graph {}", name.qualified()), graph.lines());
                }
                Body::Document(document) => {
                    content.insert(format!("{} {}", name.kind, name.qualified()), document.lines());
                }
            }
        }
        content
    }

    /// Columns and rows of whatever has that name in the file; nothing when it cannot be read.
    fn look(&self, called: &str, depth: usize) -> Option<(Vec<String>, Vec<Vec<Value>>)> {
        let find = |name: &&ObjectName| places(name).contains(&relation(called));
        let name = self.objects.keys().filter(|_| depth < 50).find(find)?;
        match &self.objects[name] {
            Body::Table(table) => {
                Some((table.columns.iter().map(|column| column.name.clone()).collect(), table.rows.clone()))
            }
            Body::View(view) => self.evaluate(view, depth),
            Body::Graph(graph) => {
                let table = graph.tables(name).into_iter().find(|(suffix, _)| {
                    let own = physical(name.schema.as_deref(), &format!("{}{suffix}", name.name));
                    relation(&own) == relation(called)
                });
                let (_, table) = table?;
                Some((table.columns.iter().map(|column| column.name.clone()).collect(), table.rows))
            }
            Body::Document(_) => None,
        }
    }

    fn evaluate(&self, view: &View, depth: usize) -> Option<(Vec<String>, Vec<Vec<Value>>)> {
        let (columns, rows) = self.look(&view.reads, depth + 1)?;
        let at = |name: &String| columns.iter().position(|column| column.eq_ignore_ascii_case(name));
        let shown = view.columns.iter().map(|(from, _)| at(from)).collect::<Option<Vec<_>>>()?;
        let condition = match &view.condition {
            None => None,
            Some(column) => Some(at(column)?),
        };
        let kept = rows.iter().filter(|row| condition.is_none_or(|at| row[at] != Value::Null));
        let rows = kept.map(|row| shown.iter().map(|at| row[*at].clone()).collect()).collect();
        Some((view.columns.iter().map(|(_, name)| name.clone()).collect(), rows))
    }
}

/// What makes a state impossible: two things of one name, a restored view that cannot be read, rows that refer to nothing.
fn wrong(state: &State, restored: &[ObjectName]) -> Option<&'static str> {
    let tables = state.tables();
    let mut names: BTreeSet<String> = BTreeSet::new();
    let views = state.objects.keys().filter(|name| name.kind == "view");
    let views = views.map(|name| physical(name.schema.as_deref(), &name.name));
    let indexes = tables.values().flat_map(|(_, table)| table.indexes.iter().map(|index| index.name.clone()));
    for name in tables.keys().cloned().chain(views).chain(indexes) {
        if !names.insert(name.to_ascii_lowercase()) {
            return Some("an index has the name of another");
        }
    }
    let broken = |name: &&ObjectName| {
        name.kind == "view" && state.look(&physical(name.schema.as_deref(), &name.name), 0).is_none()
    };
    if restored.iter().any(|name| broken(&name)) {
        return Some("a restored view cannot be read");
    }
    let folded: BTreeMap<String, &Table> =
        tables.iter().map(|(name, (_, table))| (name.to_ascii_lowercase(), table)).collect();
    for (_, table) in tables.values() {
        for key in &table.foreign_keys {
            let called = physical(key.parent.schema.as_deref(), &key.parent.name).to_ascii_lowercase();
            let refers = |row: &&Vec<Value>| key.columns.iter().all(|at| row[*at] != Value::Null);
            let mut referring = table.rows.iter().filter(refers);
            let Some(parent) = folded.get(&called) else {
                if referring.next().is_some() {
                    return Some("rows refer to a table that is not there");
                }
                continue;
            };
            let columns: Option<Vec<usize>> = key.references.iter().map(|name| parent.position(name)).collect();
            let Some(columns) = columns.filter(|columns| parent.is_key(columns)) else {
                return Some("a reference is to no key");
            };
            let keys: BTreeSet<String> = parent.rows.iter().map(|row| row_of(row, &columns)).collect();
            if referring.any(|row| !keys.contains(&row_of(row, &key.columns))) {
                return Some("rows refer to rows that are not there");
            }
        }
    }
    None
}

fn row_of(row: &[Value], columns: &[usize]) -> String {
    columns.iter().map(|at| format!("{:?}|", row[*at])).collect()
}
