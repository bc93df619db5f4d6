//! Kinetica's words for a restore, `restore_objects_map` and `options` of `/restore/backup`, as our selectors and options.
//!
//! Names, values and defaults are Kinetica's, with one exception: `checksum` is true unless it is said to be false, for whoever restores
//! wants to know. All values are texts; numbers and booleans come as such in these maps.

use std::collections::BTreeMap;

use crate::error::{Error, Result};

use super::{Options, PolicyChoice, Selector, Subscriptions, schema_pairs};

/// Keys of `restore_objects_map`, and the kinds that they stand for.
const KINDS: [(&str, &str); 16] = [
    ("all", "*"),
    ("catalog", "catalog"),
    ("context", "context"),
    ("credential", "credential"),
    ("datasink", "datasink"),
    ("datasource", "datasource"),
    ("directory", "directory"),
    ("function_environment", "function_environment"),
    ("graph", "graph"),
    ("monitor", "monitor"),
    ("resource_group", "resource_group"),
    ("role", "role"),
    ("stored_procedure", "stored_procedure"),
    ("table", "table,view,materialized_view"),
    ("user", "user"),
    ("user_defined_function", "user_defined_function"),
];

/// Options of the request.
const OPTIONS: [&str; 12] = [
    "backup_id",
    "cascade_foreign_keys",
    "checksum",
    "create_schema_if_not_exist",
    "ddl_only",
    "dry_run",
    "reingest",
    "renamed_objects_schema",
    "restore_all_permissions",
    "restore_policy",
    "restore_subscriptions",
    "target_schema_map",
];

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// What to restore, and how.
    pub options: Options,
    /// Say what would be done, and do nothing: the answer is the plan.
    pub dry_run: bool,
}

/// Reads a request. `objects` maps kinds to names, parted by commas, with their schemas where they have one and with the wildcards of
/// [`Selector`]; `all` to schemas, each with all that is in it and itself.
///
/// Fails with `usage` when `objects` is empty or names an unknown kind or nothing of a kind, and when an option is unknown or has a value
/// that it cannot have.
pub fn request(objects: &BTreeMap<String, String>, options: &BTreeMap<String, String>) -> Result<Request> {
    let mut request = Request::default();
    request.options.select = self::objects("restore_objects_map", objects)?;
    for (name, value) in options {
        set(&mut request, name, value.trim()).map_err(|why| wrong(format!("The option {}: {why}", shown(name))))?;
    }
    Ok(request)
}

fn wrong(message: String) -> Error {
    Error::new("usage", message).state("The target is unchanged")
}

fn shown(word: &str) -> String {
    format!("`{}`", word.escape_debug())
}

/// The selectors that a map of objects stands for; `field` is what the request calls it.
pub(crate) fn objects(field: &str, objects: &BTreeMap<String, String>) -> Result<Vec<Selector>> {
    let keys = || list_all(KINDS.iter().map(|(key, _)| *key));
    if objects.is_empty() {
        let message = format!("`{field}` is empty: it names objects, by {}", keys());
        return Err(wrong(message));
    }
    let mut selectors = Vec::new();
    for (key, names) in objects {
        let Some((_, kinds)) = KINDS.iter().find(|(known, _)| known == key) else {
            return Err(wrong(format!("`{field}` knows no {}; its keys are {}", shown(key), keys())));
        };
        let names: Vec<&str> = names.split(',').map(str::trim).collect();
        if names.contains(&"") {
            return Err(wrong(format!("`{field}` names nothing of {}", shown(key))));
        }
        let pattern = |name: &&str| if key == "all" { format!("{name}.*") } else { (*name).to_owned() };
        selectors.extend(names.iter().map(|name| Selector { kind: (*kinds).to_owned(), pattern: pattern(name) }));
    }
    Ok(selectors)
}

/// [`list`] stops early.
fn list_all<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

fn set(request: &mut Request, name: &str, value: &str) -> Result<(), String> {
    let options = &mut request.options;
    match name {
        "backup_id" => options.backup_id = text(value),
        "renamed_objects_schema" => options.renamed_objects_schema = text(value),
        "target_schema_map" => options.target_schema_map = map(value)?,
        "restore_policy" => {
            let choices: Result<Vec<PolicyChoice>, String> = value.split(',').map(str::parse).collect();
            options.choose_policies(choices?);
        }
        "restore_subscriptions" => options.restore_subscriptions = subscriptions(value)?,
        "cascade_foreign_keys" => options.cascade_foreign_keys = truth(value)?,
        "checksum" => options.checksum = truth(value)?,
        "create_schema_if_not_exist" => options.create_schema_if_not_exist = truth(value)?,
        "ddl_only" => options.ddl_only = truth(value)?,
        "dry_run" => request.dry_run = truth(value)?,
        "reingest" => options.reingest = truth(value)?,
        "restore_all_permissions" => options.restore_all_permissions = truth(value)?,
        _ => return Err(format!("there is none of that name; there are {}", list_all(OPTIONS.into_iter()))),
    }
    Ok(())
}

/// An empty text is the default.
fn text(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}

fn map(value: &str) -> Result<BTreeMap<String, String>, String> {
    if value.is_empty() { Ok(BTreeMap::new()) } else { Ok(schema_pairs(value)?.into_iter().collect()) }
}

/// Some clients write Python's words.
pub(crate) fn truth(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("{} is neither true nor false", shown(value))),
    }
}

fn subscriptions(value: &str) -> Result<Subscriptions, String> {
    match value {
        "resume" => Ok(Subscriptions::Resume),
        "pause" => Ok(Subscriptions::Pause),
        "cancel" => Ok(Subscriptions::Cancel),
        _ => Err(format!("{} is none of resume, pause, cancel", shown(value))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Policy;

    fn map_of(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn options(pairs: &[(&str, &str)]) -> Result<Request> {
        request(&map_of(&[("all", "main")]), &map_of(pairs))
    }

    #[test]
    fn objects_are_selectors() {
        for (objects, expected) in [
            (&[("table", "main.a")][..], &["table,view,materialized_view:main.a"][..]),
            (&[("table", "a, main.b")], &["table,view,materialized_view:a", "table,view,materialized_view:main.b"]),
            (&[("all", "main,other")], &["*:main.*", "*:other.*"]),
            (&[("role", "r"), ("all", "s")], &["*:s.*", "role:r"]),
            (&[("user", "ana")], &["user:ana"]),
            (&[("monitor", "*")], &["monitor:*"]),
        ] {
            let found = request(&map_of(objects), &BTreeMap::new()).unwrap().options.select;
            assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), expected, "{objects:?}");
        }
        for (key, _) in KINDS {
            assert!(request(&map_of(&[(key, "x")]), &BTreeMap::new()).is_ok(), "{key}");
        }
    }

    #[test]
    fn a_schema_comes_with_what_is_in_it() {
        for (archive, expected) in [
            (&["schema sales", "table sales.a", "table main.b", "schema main"][..], &[0, 1][..]),
            (&["table main.b", "view sales.v"], &[1]),
        ] {
            let sample = crate::plan::fixture::Sample::of(archive);
            let options = request(&map_of(&[("all", "sales")]), &BTreeMap::new()).unwrap().options;
            assert_eq!(crate::plan::select(&sample.catalog, &options).unwrap(), expected);
        }
    }

    #[test]
    fn every_value_of_every_option_is_understood() {
        let base = options(&[]).unwrap();
        assert_eq!(base.options, Options { select: base.options.select.clone(), ..Options::default() });
        assert!(base.options.checksum && base.options.create_schema_if_not_exist && !base.dry_run);
        let flags: [(&str, fn(&Request) -> bool); 7] = [
            ("cascade_foreign_keys", |request| request.options.cascade_foreign_keys),
            ("checksum", |request| request.options.checksum),
            ("create_schema_if_not_exist", |request| request.options.create_schema_if_not_exist),
            ("ddl_only", |request| request.options.ddl_only),
            ("dry_run", |request| request.dry_run),
            ("reingest", |request| request.options.reingest),
            ("restore_all_permissions", |request| request.options.restore_all_permissions),
        ];
        for (name, get) in flags {
            for (value, expected) in [("true", true), ("false", false), ("True", true), (" FALSE ", false)] {
                assert_eq!(get(&options(&[(name, value)]).unwrap()), expected, "{name} {value}");
            }
        }
        for (value, policy) in [("none", Policy::None), ("replace", Policy::Replace), ("rename", Policy::Rename)] {
            assert_eq!(options(&[("restore_policy", value)]).unwrap().options.policy("table"), policy);
        }
        let mixed = options(&[("restore_policy", "replace,user=none")]).unwrap().options;
        assert_eq!([mixed.policy("table"), mixed.policy("user")], [Policy::Replace, Policy::None]);
        for (word, expected) in
            [("resume", Subscriptions::Resume), ("pause", Subscriptions::Pause), ("cancel", Subscriptions::Cancel)]
        {
            assert_eq!(options(&[("restore_subscriptions", word)]).unwrap().options.restore_subscriptions, expected);
        }
        for (value, expected) in [("3", Some("3")), ("", None)] {
            assert_eq!(options(&[("backup_id", value)]).unwrap().options.backup_id.as_deref(), expected);
            let renamed = options(&[("renamed_objects_schema", value)]).unwrap().options.renamed_objects_schema;
            assert_eq!(renamed.as_deref(), expected);
        }
        let mapped = options(&[("target_schema_map", "a: b, C: d")]).unwrap().options.target_schema_map;
        assert_eq!(mapped, map_of(&[("a", "b"), ("C", "d")]));
        assert!(options(&[("target_schema_map", "")]).unwrap().options.target_schema_map.is_empty());
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let none = BTreeMap::new();
        for (objects, said) in [
            (&[][..], "is empty: it names objects, by all, catalog, context"),
            (&[("tabel", "a")], "knows no `tabel`; its keys are all, catalog, context"),
            (&[("table", "")], "names nothing of `table`"),
            (&[("table", "a,,b")], "names nothing of `table`"),
            (&[("\u{1b}", "a")], "\\u{1b}"),
        ] {
            let error = request(&map_of(objects), &none).unwrap_err();
            assert!(error.code() == "usage" && error.to_string().contains(said), "{error}");
        }
        for (name, value, said) in [
            ("restore_polciy", "none", "`restore_polciy`: there is none of that name; there are backup_id"),
            ("checksum", "yes", "`checksum`: `yes` is neither"),
            ("checksum", "", "`` is neither"),
            ("restore_policy", "drop", "`drop` is no policy"),
            ("restore_policy", "", "`` is no policy"),
            ("restore_subscriptions", "stop", "`stop` is none of resume, pause, cancel"),
            ("target_schema_map", "a", "`a` is not SRC: DST"),
        ] {
            let error = options(&[(name, value)]).unwrap_err();
            assert!(error.code() == "usage" && error.to_string().contains(said), "{error}");
        }
        for name in OPTIONS {
            let error = options(&[(name, "\u{1b}")]).err();
            assert!(error.is_none_or(|error| !error.to_string().contains("there is none of that name")), "{name}");
        }
    }
}
