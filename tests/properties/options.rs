//! Random sets of options. A further option is a line in `generate`, one in `smaller`, and its rule in the model.

use std::collections::{BTreeMap, BTreeSet};

use reinstate::plan::{Options, Policy, Selector, Subscriptions};

use super::database::Database;
use super::random::Random;

pub fn generate(random: &mut Random, archive: &Database) -> Options {
    let identity = random.chance(25).then(|| principal(random, archive));
    let allow = if random.chance(25) { allowances(random, archive, identity.as_deref()) } else { BTreeSet::new() };
    let map = if random.chance(20) { schema_map(random, archive) } else { BTreeMap::new() };
    Options {
        select: if random.chance(25) { selectors(random, archive) } else { Vec::new() },
        exclude: if random.chance(15) { selectors(random, archive) } else { Vec::new() },
        restore_policy: *random.pick(&[Policy::None, Policy::Replace, Policy::Replace, Policy::Rename, Policy::Rename]),
        renamed_objects_schema: random.chance(30).then(|| (*random.pick(&["old", "Aside $", "main"])).to_owned()),
        create_schema_if_not_exist: random.chance(80),
        target_schema_map: map,
        ddl_only: random.chance(15),
        rows_only: random.chance(3),
        keep_going: random.chance(15),
        width: *random.pick(&[0, 0, 1, 2, 5]),
        checksum: !random.chance(10),
        skip_analyze: random.chance(10),
        backup_id: match random.below(20) {
            0..=3 => Some(archive.id.clone()),
            4 => Some("another snapshot".to_owned()),
            _ => None,
        },
        restore_policy_by_kind: if random.chance(25) { policies(random, archive) } else { BTreeMap::new() },
        reingest: random.chance(15),
        cascade_foreign_keys: random.chance(40),
        restore_all_permissions: random.chance(40),
        restore_subscriptions: *random.pick(&[Subscriptions::Resume, Subscriptions::Pause, Subscriptions::Cancel]),
        take_access: random.chance(if identity.is_some() { 50 } else { 5 }),
        identity,
        allow,
        ..Options::default()
    }
}

/// A user or role of the archive, or one that nobody knows.
fn principal(random: &mut Random, archive: &Database) -> String {
    let known = [archive.of_kind("user"), archive.of_kind("user"), archive.of_kind("role")].concat();
    random
        .any(&known)
        .filter(|_| random.clone().chance(85))
        .map_or_else(|| "stranger".to_owned(), |name| name.name.clone())
}

fn allowances(random: &mut Random, archive: &Database, identity: Option<&str>) -> BTreeSet<String> {
    match (random.below(4), identity) {
        (0, _) => BTreeSet::from(["all".to_owned()]),
        (1 | 2, Some(name)) => BTreeSet::from([format!("identity:{name}")]),
        _ => BTreeSet::from([format!("identity:{}", principal(random, archive))]),
    }
}

fn policies(random: &mut Random, archive: &Database) -> BTreeMap<String, Policy> {
    let kinds: Vec<String> = archive.objects.iter().map(|object| object.name.kind.clone()).collect();
    let mut policies = BTreeMap::new();
    for _ in 0..1 + random.below(4) {
        let policy = *random.pick(&[Policy::None, Policy::Replace, Policy::Replace, Policy::Rename]);
        policies.extend(random.any(&kinds).map(|kind| (kind.clone(), policy)));
    }
    policies
}

fn schema_map(random: &mut Random, archive: &Database) -> BTreeMap<String, String> {
    let schemas: Vec<&str> = archive.objects.iter().filter_map(|object| object.name.schema.as_deref()).collect();
    let mut map = BTreeMap::new();
    for _ in 0..1 + random.below(2) {
        if let Some(schema) = random.any(&schemas) {
            map.insert((*schema).to_owned(), (*random.pick(&["main", "copy", "sales", "größe"])).to_owned());
        }
    }
    if random.chance(4) {
        map.insert("nowhere".to_owned(), "main".to_owned());
    }
    map
}

fn selectors(random: &mut Random, archive: &Database) -> Vec<Selector> {
    let mut selectors = Vec::new();
    for _ in 0..1 + random.below(3) {
        let Some(object) = random.any(&archive.objects) else { continue };
        let name = &object.name;
        let start: String = name.name.chars().take(1).collect();
        let plain = |text: &str| !text.contains(['*', '?', '.', '(']);
        let selector = match random.below(6) {
            0 => (name.kind.clone(), "*".to_owned()),
            1 => ("table,view".to_owned(), "*".to_owned()),
            2 if plain(&name.name) => (name.kind.clone(), name.name.clone()),
            3 if plain(&start) => ("*".to_owned(), format!("{start}*")),
            4 => match &name.schema {
                Some(schema) => ("*".to_owned(), format!("{schema}.*")),
                None => (name.kind.clone(), "*".to_owned()),
            },
            _ if random.chance(5) => ("table".to_owned(), "nobody has this name".to_owned()),
            _ => (name.kind.clone(), "*".to_owned()),
        };
        selectors.push(Selector { kind: selector.0, pattern: selector.1 });
    }
    selectors
}

/// The same with one option less, for every one that is set.
pub fn smaller(options: &Options) -> Vec<Options> {
    let base = Options::default();
    let mut smaller = vec![
        Options { select: base.select.clone(), ..options.clone() },
        Options { exclude: base.exclude.clone(), ..options.clone() },
        Options { renamed_objects_schema: None, ..options.clone() },
        Options { target_schema_map: BTreeMap::new(), ..options.clone() },
        Options { create_schema_if_not_exist: true, ..options.clone() },
        Options { ddl_only: false, ..options.clone() },
        Options { rows_only: false, ..options.clone() },
        Options { backup_id: None, ..options.clone() },
        Options { restore_policy_by_kind: BTreeMap::new(), ..options.clone() },
        Options { reingest: false, ..options.clone() },
        Options { cascade_foreign_keys: false, ..options.clone() },
        Options { restore_all_permissions: false, ..options.clone() },
        Options { restore_subscriptions: Subscriptions::Resume, ..options.clone() },
        Options { take_access: false, ..options.clone() },
        Options { identity: None, ..options.clone() },
        Options { allow: BTreeSet::new(), ..options.clone() },
        Options { keep_going: false, ..options.clone() },
        Options { width: 1, ..options.clone() },
        Options { checksum: true, skip_analyze: false, ..options.clone() },
        Options { restore_policy: Policy::None, ..options.clone() },
    ];
    smaller.retain(|one| one != options);
    smaller
}
