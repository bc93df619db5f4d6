//! Values for the tests of planning and checking: catalogs, facts and plugins from a few words.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::value::RawValue;

use crate::catalog::{Backup, Catalog, Digest, Entry, Object, ObjectName};
use crate::check::{self, CheckedPlan};
use crate::facts::{Existing, Facts, Health, TargetInfo};

use super::{
    Input, KindDescription, Options, Outlook, Plan, PlannedArchive, PluginDescription, PluginIdentity, Selector, build,
    select,
};

/// `kind schema.name`, or `kind name` for kinds that live outside schemas.
pub(crate) fn name(text: &str) -> ObjectName {
    let (kind, rest) = text.split_once(' ').unwrap();
    match rest.split_once('.') {
        Some((schema, name)) => ObjectName::new(kind, Some(schema), name),
        None => ObjectName::new(kind, None, rest),
    }
}

pub(crate) fn selectors(texts: &[&str]) -> Vec<Selector> {
    texts.iter().map(|text| Selector::try_from((*text).to_owned()).unwrap()).collect()
}

pub(crate) fn existing(fingerprint: &str) -> Existing {
    Existing { fingerprint: fingerprint.to_owned(), ..Existing::default() }
}

/// A change to a value that was right.
pub(crate) type Edit<T> = fn(&mut T);

/// Everything a plan is made of.
pub(crate) struct Sample {
    pub(crate) catalog: Catalog,
    pub(crate) facts: Facts,
    pub(crate) options: Options,
    pub(crate) plugins: Vec<PluginDescription>,
    /// What plugins say; one row and 100 bytes for every object that is not here.
    pub(crate) outlooks: HashMap<ObjectName, Outlook>,
}

impl Sample {
    /// An archive of these objects, `kind name` or `kind name > needed, needed`, and an empty target with a schema `main`.
    pub(crate) fn of(objects: &[&str]) -> Self {
        let objects: Vec<Object> = objects.iter().enumerate().map(|(at, text)| object(at, text)).collect();
        Self::from_objects(objects)
    }

    pub(crate) fn from_objects(objects: Vec<Object>) -> Self {
        let backup = Backup {
            name: "shop".to_owned(),
            id: "s1".to_owned(),
            created: "2026-01-02T03:04:05Z".to_owned(),
            position: None,
            source: "sqlite".to_owned(),
            dialect: "sqlite".to_owned(),
        };
        Self {
            catalog: Catalog { backup, objects, digest: Digest([0xab; 32]), layout: None },
            facts: facts(),
            options: Options::default(),
            plugins: vec![
                plugin("tables", &[("table", true), ("view", true)]),
                plugin("graphs", &[("graph", true)]),
                plugin("users", &[("user", false), ("role", false)]),
            ],
            outlooks: HashMap::new(),
        }
    }

    /// Adds a plugin that restores kinds of a dump.
    pub(crate) fn knows_dumps(&mut self) {
        let kinds =
            ["sequence", "index", "constraint", "foreign_key", "comment", "privileges", "sequence_value", "trigger"]
                .map(|kind| (kind, true));
        let mut plugin = plugin("pgdump", &kinds);
        plugin.kinds.extend(
            ["schema", "extension", "procedural_language", "publication"]
                .map(|kind| KindDescription { name: kind.to_owned(), in_schema: false }),
        );
        self.plugins.push(plugin);
    }

    /// Puts objects into the target.
    pub(crate) fn exists(&mut self, names: &[&str]) {
        self.facts.objects.extend(names.iter().map(|text| (name(text), existing("f1"))));
    }

    /// What the plugin says of an object.
    pub(crate) fn outlook(&mut self, object: &str) -> &mut Outlook {
        self.outlooks.entry(name(object)).or_insert_with(usual_outlook)
    }

    pub(crate) fn plan(&self) -> Plan {
        let selected = select(&self.catalog, &self.options).unwrap();
        let known: BTreeSet<&str> =
            self.plugins.iter().flat_map(|plugin| &plugin.kinds).map(|kind| kind.name.as_str()).collect();
        let outlook = |at: &usize| {
            let name = &self.catalog.objects[*at].name;
            known.contains(&*name.kind).then(|| self.outlooks.get(name).cloned().unwrap_or_else(usual_outlook))
        };
        let outlooks: Vec<Option<Outlook>> = selected.iter().map(outlook).collect();
        build(Input {
            archive: PlannedArchive {
                location: "/backups/shop.tar".to_owned(),
                digest: self.catalog.digest,
                backup: self.catalog.backup.clone(),
            },
            catalog: &self.catalog,
            selected: &selected,
            outlooks: &outlooks,
            facts: &self.facts,
            plugins: &self.plugins,
            options: &self.options,
            findings: &[],
        })
    }

    pub(crate) fn check_plan(&self, plan: Plan) -> Result<CheckedPlan, Box<Plan>> {
        check::run(plan, &self.catalog, &self.facts, &self.plugins, &[])
    }

    pub(crate) fn check(&self) -> Result<CheckedPlan, Box<Plan>> {
        self.check_plan(self.plan())
    }

    /// `severity code object: message [fix]` of everything that was found.
    pub(crate) fn findings(&self) -> Vec<String> {
        findings(&self.check())
    }

    /// Whether each of the findings begins as one of these, in order.
    pub(crate) fn finds(&self, expected: &[&str]) {
        assert_findings(&self.findings(), expected);
    }
}

pub(crate) fn findings(checked: &Result<CheckedPlan, Box<Plan>>) -> Vec<String> {
    let plan = match checked {
        Ok(checked) => checked.plan(),
        Err(plan) => plan,
    };
    let line = |finding: &super::Finding| {
        let object = finding.object.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        format!("{:?} {} {object}: {} [{}]", finding.severity, finding.code, finding.message, finding.fix)
    };
    plan.findings.iter().map(line).collect()
}

/// Each expectation is a list of pieces between ` … ` that the finding holds.
pub(crate) fn assert_findings(found: &[String], expected: &[&str]) {
    let fits = |found: &String, expected: &&str| expected.split(" … ").all(|piece| found.contains(piece));
    let same =
        found.len() == expected.len() && found.iter().zip(expected).all(|(found, expected)| fits(found, expected));
    assert!(same, "found {found:#?}\nexpected {expected:#?}");
}

pub(crate) fn object(at: usize, text: &str) -> Object {
    let (own, needed) = text.split_once(" > ").unwrap_or((text, ""));
    let own = name(own);
    let entry = |number| Entry {
        path: format!("{at}/{number}.csv.zst"),
        form: "csv".to_owned(),
        bytes: 50,
        rows: Some(5),
        sha256: Some(Digest([1; 32])),
        stored: None,
    };
    Object {
        entries: if own.kind == "table" { vec![entry(0), entry(1)] } else { Vec::new() },
        name: own,
        attributes: RawValue::from_string("{}".to_owned()).unwrap(),
        depends: needed.split(", ").filter(|text| !text.is_empty()).map(name).collect(),
        section: crate::catalog::Section::PreData,
    }
}

pub(crate) fn plugin(name: &str, kinds: &[(&str, bool)]) -> PluginDescription {
    let kind = |(name, in_schema): &(&str, bool)| KindDescription { name: (*name).to_owned(), in_schema: *in_schema };
    PluginDescription {
        identity: PluginIdentity { name: name.to_owned(), version: "0.1.0".to_owned(), digest: Digest([7; 32]) },
        kinds: kinds.iter().map(kind).collect(),
        missing_grants: Vec::new(),
        layout: false,
    }
}

fn usual_outlook() -> Outlook {
    Outlook { rows: 10, bytes: 100, ..Outlook::default() }
}

fn facts() -> Facts {
    Facts {
        location: "sqlite:/db/live.db".to_owned(),
        info: TargetInfo {
            kind: "sqlite".to_owned(),
            version: "3.51.0".to_owned(),
            dialect: "sqlite".to_owned(),
            forms: vec!["arrow".to_owned()],
        },
        objects: BTreeMap::new(),
        schemas: BTreeSet::from(["main".to_owned()]),
        principals: BTreeSet::new(),
        available: None,
        identity: None,
        memberships: BTreeMap::new(),
        grants_access: true,
        real_permissions: false,
        name_bytes: None,
        encoding: None,
        closed_schemas: Default::default(),
        no_stage_database: Some("SQLite has none".to_owned()),
        no_fill: None,
        plain_roles: Default::default(),
        warnings: Vec::new(),
        health: Health {
            not_writable: None,
            missing_right: None,
            free_bytes: None,
            nodes_not_ready: Vec::new(),
            uncommitted: None,
            busy: None,
            interrupted: Vec::new(),
            unsupported_version: None,
            free_connections: None,
        },
    }
}
