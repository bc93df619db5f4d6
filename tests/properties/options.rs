//! Random sets of options. A further option is a line in `generate`, one in `smaller`, and its rule in the model.

use std::collections::BTreeMap;

use reinstate::plan::{Options, Policy, Selector};

use super::database::Database;
use super::random::Random;

pub fn generate(random: &mut Random, archive: &Database) -> Options {
    let map = if random.chance(20) { schema_map(random, archive) } else { BTreeMap::new() };
    Options {
        select: if random.chance(25) { selectors(random, archive) } else { Vec::new() },
        exclude: if random.chance(15) { selectors(random, archive) } else { Vec::new() },
        restore_policy: *random.pick(&[Policy::None, Policy::Replace, Policy::Replace, Policy::Rename, Policy::Rename]),
        renamed_objects_schema: random.chance(30).then(|| (*random.pick(&["old", "Aside $", "main"])).to_owned()),
        create_schema_if_not_exist: random.chance(90),
        target_schema_map: map,
        ddl_only: random.chance(15),
        rows_only: random.chance(3),
        keep_going: random.chance(15),
        width: *random.pick(&[0, 0, 1, 2, 5]),
        checksum: !random.chance(10),
        skip_analyze: random.chance(10),
        ..Options::default()
    }
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
        Options { keep_going: false, ..options.clone() },
        Options { width: 1, ..options.clone() },
        Options { checksum: true, skip_analyze: false, ..options.clone() },
        Options { restore_policy: Policy::None, ..options.clone() },
    ];
    smaller.retain(|one| one != options);
    smaller
}
