//! A table's definition as the target takes it: as it is in the target's own dialect, else what is surely portable.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::dialect::{self, Passage, Translator};
use crate::rows::{Field, Presence};
use crate::tables::{Check, Column, Definition, ForeignKey, Index, IndexColumn, Key};
use crate::{Finding, Object, Target};

/// The attributes of a table. Its expressions are in the archive's dialect.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TableAttributes {
    /// In the table's order.
    pub columns: Vec<Column>,
    /// At most one.
    pub primary_key: Option<Key>,
    /// Unique constraints.
    #[serde(default)]
    pub uniques: Vec<Key>,
    /// Conditions of its rows.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// References to other tables.
    #[serde(default)]
    pub foreign_keys: Vec<ForeignKey>,
    /// Indexes that no constraint makes.
    #[serde(default)]
    pub indexes: Vec<Index>,
    /// In the archive's dialect.
    #[serde(default)]
    pub triggers: Vec<Trigger>,
    /// The largest number given so far where the primary key is automatic.
    pub last_number: Option<i64>,
    /// Words of the dialect: `strict`.
    #[serde(default)]
    pub options: Vec<String>,
    /// Data sources that the table gets rows from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subscriptions: Vec<Subscription>,
}

/// A subscription to a data source.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// The data source.
    pub datasource: DataSource,
    /// How it was when the backup was taken: `running`, `paused`, or another word of the source's.
    pub state: String,
    /// The source system's further options, as it writes them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

/// A data source, by its name in the table's schema, or by schema and name.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum DataSource {
    /// One of the table's own schema.
    Near(String),
    /// One of any schema.
    Far {
        /// Its schema.
        schema: String,
        /// Its name.
        name: String,
    },
}

/// A trigger.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// What it is called.
    pub name: String,
    /// The whole statement.
    pub statement: String,
}

/// What a target can be given, and what it cannot.
#[derive(Debug)]
pub struct Portable {
    /// The table itself.
    pub definition: Definition,
    /// Indexes, made after the rows.
    pub indexes: Vec<Index>,
    /// Triggers, in the target's own dialect.
    pub triggers: Vec<Trigger>,
    /// What entries hold.
    pub fields: Vec<Field>,
    /// What the target is not given.
    pub left_out: Vec<LeftOut>,
    from: String,
    to: String,
}

/// A piece of the definition that the target does not get.
#[derive(Debug, PartialEq)]
pub struct LeftOut {
    code: &'static str,
    /// What it is: `The default of column `a``.
    pub what: String,
    /// As the archive has it.
    text: String,
    /// Why, where there is more to say.
    pub why: String,
}

impl Portable {
    /// What the target can be given of `attributes`, whose expressions are in `object.dialect`.
    pub fn of(attributes: TableAttributes, object: &Object, target: &Target) -> Self {
        let passage = dialect::passage(&object.dialect, &target.dialect);
        let fields = attributes.columns.iter().map(Field::from).collect();
        let foreign_keys = attributes.foreign_keys.into_iter().map(|key| in_target(key, object, target)).collect();
        let mut table = Self {
            definition: Definition {
                columns: attributes.columns,
                primary_key: attributes.primary_key,
                uniques: attributes.uniques,
                checks: attributes.checks,
                foreign_keys,
                last_number: attributes.last_number,
                options: attributes.options,
            },
            indexes: attributes.indexes,
            triggers: attributes.triggers,
            fields,
            left_out: Vec::new(),
            from: dialect::named(&object.dialect).to_owned(),
            to: dialect::named(&target.dialect).to_owned(),
        };
        if passage == Passage::AsIs {
            return table;
        }
        let columns = table.definition.columns.clone();
        let translator = Translator::new(&object.dialect, passage, &columns);
        table.translate_columns(&translator);
        table.translate_checks(&translator);
        table.translate_indexes(&translator);
        table.drop_foreign_words();
        table
    }

    /// What the operator should know before anything is written.
    pub fn findings(&self) -> Vec<Finding> {
        self.left_out.iter().map(|left_out| left_out.finding(&self.from, &self.to)).collect()
    }

    /// A refusal where names of what the target is given are too long for it.
    pub fn long_names(&self, object: &Object, target: &Target) -> Option<Finding> {
        let table = &self.definition;
        let keys = table.primary_key.iter().chain(&table.uniques).map(|key| &key.name);
        let checks = table.checks.iter().map(|check| &check.name);
        let constraints = keys.chain(checks).chain(table.foreign_keys.iter().map(|key| &key.name)).flatten();
        let columns = table.columns.iter().map(|column| ("column", column.name.as_str()));
        let names = columns
            .chain(constraints.map(|name| ("constraint", name.as_str())))
            .chain(self.indexes.iter().map(|index| ("index", index.name.as_str())))
            .chain(self.triggers.iter().map(|trigger| ("trigger", trigger.name.as_str())));
        dialect::long_names(object, target, names)
    }

    fn translate_columns(&mut self, translator: &Translator<'_>) {
        let mut left_out = Vec::new();
        let key = self.definition.primary_key.as_mut();
        let mut own_key = key.filter(|key| key.columns.len() == 1);
        for (column, field) in self.definition.columns.iter_mut().zip(&mut self.fields) {
            translate_default(column, translator, &mut left_out, |column| match &mut own_key {
                Some(key) if key.columns[0] == *column => {
                    key.automatic = true;
                    true
                }
                _ => false,
            });
            if let Some(generated) = &mut column.generated {
                match translator.expression(&generated.expression) {
                    Ok(expression) => generated.expression = expression,
                    Err(why) => {
                        let what = format!("The computation of column `{}`, now an ordinary one,", column.name);
                        left_out.push(LeftOut::expression(what, &generated.expression, why));
                        column.generated = None;
                        column.nullable = true;
                        field.presence = Presence::Optional;
                    }
                }
            }
            if let Some(collation) = column.collation.take() {
                left_out.push(LeftOut::collation(format!("The collation of column `{}`", column.name), collation));
            }
        }
        self.left_out.extend(left_out);
    }

    fn translate_checks(&mut self, translator: &Translator<'_>) {
        let left_out = &mut self.left_out;
        self.definition.checks.retain_mut(|check| match translator.condition(&check.expression) {
            Ok(expression) => {
                check.expression = expression;
                true
            }
            Err(why) => {
                let what = check.name.as_ref().map_or("A check".to_owned(), |name| format!("The check `{name}`"));
                left_out.push(LeftOut::expression(what, &check.expression, why));
                false
            }
        });
    }

    /// An index is kept whole or not at all: without its condition, or one of its columns, a unique one would say
    /// something else.
    fn translate_indexes(&mut self, translator: &Translator<'_>) {
        let left_out = &mut self.left_out;
        self.indexes.retain_mut(|index| match translate_index(index, translator) {
            Ok(()) => true,
            Err((text, why)) => {
                left_out.push(LeftOut::expression(format!("The index `{}`", index.name), &text, why));
                false
            }
        });
    }

    /// Triggers, and words of a dialect that the target does not speak.
    fn drop_foreign_words(&mut self) {
        for trigger in self.triggers.drain(..) {
            let (what, text) = (format!("The trigger `{}`", trigger.name), trigger.statement);
            self.left_out.push(LeftOut { code: "table.trigger_not_portable", what, text, why: String::new() });
        }
        for word in self.definition.options.drain(..) {
            let what = format!("The option `{word}`");
            let (text, why) = (String::new(), String::new());
            self.left_out.push(LeftOut { code: "table.option_not_portable", what, text, why });
        }
    }
}

/// Translates a column's default; `automatic` makes its key automatic where the default takes numbers from a sequence.
fn translate_default(
    column: &mut Column,
    translator: &Translator<'_>,
    left_out: &mut Vec<LeftOut>,
    automatic: impl FnOnce(&String) -> bool,
) {
    let Some(default) = column.default.take() else {
        return;
    };
    let why = match translator.default(&default, column) {
        Ok(dialect::Default::Value(expression)) => {
            column.default = Some(expression);
            return;
        }
        Ok(dialect::Default::Null) => return,
        Ok(dialect::Default::Sequence) if automatic(&column.name) => return,
        Ok(dialect::Default::Sequence) => {
            "it takes numbers from a sequence, and the column alone is not the primary key".to_owned()
        }
        Err(why) => why,
    };
    left_out.push(LeftOut::expression(format!("The default of column `{}`", column.name), &default, why));
}

/// Fails with the expression and the reason.
fn translate_index(index: &mut Index, translator: &Translator<'_>) -> Result<(), (String, String)> {
    for IndexColumn { term, expression, collation, .. } in &mut index.columns {
        if let Some(collation) = collation {
            return Err((collation.clone(), "its collation is the source's".to_owned()));
        }
        if *expression {
            *term = translator.expression(term).map_err(|why| (term.clone(), why))?;
        }
    }
    if let Some(condition) = &mut index.condition {
        *condition = translator.condition(condition).map_err(|why| (condition.clone(), why))?;
    }
    Ok(())
}

/// The key with its table's schema as the target calls it; absent stays the table's own.
fn in_target(mut key: ForeignKey, object: &Object, target: &Target) -> ForeignKey {
    key.schema = key.schema.and_then(|schema| {
        let own = object.source.schema.as_ref() == Some(&schema);
        if own { object.into.schema.clone() } else { Some(target.schema(&schema).to_owned()) }
    });
    key
}

impl LeftOut {
    fn expression(what: String, text: &str, why: String) -> Self {
        Self { code: "table.expression_not_portable", what, text: text.to_owned(), why }
    }

    fn collation(what: String, collation: String) -> Self {
        Self { code: "table.collation_not_portable", what, text: collation, why: String::new() }
    }

    fn finding(&self, from: &str, to: &str) -> Finding {
        const MOST: usize = 120;
        let mut text: String = self.text.chars().take(MOST).collect();
        if text.len() < self.text.len() {
            text.push('…');
        }
        let text = if text.is_empty() { text } else { format!(": {text}") };
        let why = if self.why.is_empty() { String::new() } else { format!(" ({})", self.why) };
        let what = &self.what;
        Finding::warning(
            self.code,
            format!(
                "{what} cannot go from {from} to {to} and is left out{why}; it is kept in the object's definition document{text}"
            ),
            "Create it by hand after the restore, in the target's dialect",
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::{ObjectName, Severity};

    use super::*;

    const PAGILA: &str = r#"{
        "columns": [
            {"name": "film_id", "values": "integer", "declared": "integer", "default": "nextval('film_film_id_seq'::regclass)"},
            {"name": "title", "values": "text", "declared": "text"},
            {"name": "language_id", "values": "integer", "declared": "smallint", "default": "nextval('other'::regclass)"},
            {"name": "rental_rate", "values": "real", "declared": "numeric(4,2)", "default": "4.99"},
            {"name": "rating", "values": "text", "declared": "mpaa_rating", "default": "'G'::mpaa_rating"},
            {"name": "last_update", "values": "text", "declared": "timestamp with time zone", "default": "now()"},
            {"name": "tags", "values": "text", "declared": "text[]", "default": "random_tags()", "collation": "de_DE"},
            {"name": "twice", "values": "real", "generated": {"expression": "(rental_rate * (2)::numeric)", "stored": true}},
            {"name": "words", "values": "text", "generated": {"expression": "to_tsvector('english', title)"}}
        ],
        "primary_key": {"name": "film_pkey", "columns": ["film_id"]},
        "checks": [{"name": "rate", "expression": "(rental_rate >= (0)::numeric)"}, {"expression": "title ~ '^A'"}],
        "foreign_keys": [{"columns": ["language_id"], "table": "language"},
                         {"columns": ["language_id"], "schema": "public", "table": "language"},
                         {"columns": ["language_id"], "schema": "far", "table": "language"},
                         {"columns": ["language_id"], "schema": "other", "table": "language"}],
        "indexes": [{"name": "by_title", "columns": [{"term": "title"}]},
                    {"name": "lower_title", "unique": true, "columns": [{"term": "lower(title)", "expression": true}]},
                    {"name": "rated", "columns": [{"term": "title"}], "condition": "(rating IS NOT NULL)"},
                    {"name": "german", "columns": [{"term": "title", "collation": "de_DE"}]}],
        "triggers": [{"name": "last_updated", "statement": "CREATE TRIGGER ..."}],
        "options": ["unlogged"]}"#;

    fn film(dialect: &str) -> Object {
        let name = ObjectName { kind: "table".into(), schema: Some("public".into()), name: "film".into() };
        let mut object = Object { dialect: dialect.into(), ..Object::new(name, PAGILA) };
        object.into.schema = Some("main".into());
        object
    }

    fn target() -> Target {
        Target { schema_map: vec![("far".into(), "near".into())], ..Target::named("sqlite", "sqlite") }
    }

    fn portable(dialect: &str) -> Portable {
        let object = film(dialect);
        Portable::of(object.parse_attributes().unwrap(), &object, &target())
    }

    #[test]
    fn the_targets_own_dialect_passes_as_it_is() {
        let table = portable("sqlite");
        assert!(table.findings().is_empty());
        assert_eq!(table.definition.columns[0].default.as_deref(), Some("nextval('film_film_id_seq'::regclass)"));
        assert_eq!((table.indexes.len(), table.triggers.len(), table.definition.options.len()), (4, 1, 1));
        assert_eq!(table.fields[7].presence, Presence::Computed);
    }

    #[test]
    fn another_dialect_brings_what_is_portable() {
        let table = portable("postgresql");
        let defaults: Vec<_> = table.definition.columns.iter().map(|column| column.default.as_deref()).collect();
        let expected = [None, None, None, Some("4.99"), Some("'G'"), Some("CURRENT_TIMESTAMP"), None, None, None];
        assert_eq!(defaults, expected);
        assert!(table.definition.primary_key.as_ref().unwrap().automatic);
        assert_eq!(table.definition.columns[7].generated.as_ref().unwrap().expression, "(\"rental_rate\" * 2)");
        assert_eq!(table.definition.checks.len(), 1);
        assert_eq!(table.definition.checks[0].expression, "(\"rental_rate\" >= 0)");
        let indexes: Vec<_> = table.indexes.iter().map(|index| index.name.as_str()).collect();
        assert_eq!(indexes, ["by_title", "rated"]);
        assert_eq!(table.indexes[1].condition.as_deref(), Some("(\"rating\" IS NOT NULL)"));
        assert!(table.triggers.is_empty() && table.definition.options.is_empty());
    }

    #[test]
    fn what_is_left_out_is_named() {
        let findings = portable("postgresql").findings();
        assert!(findings.iter().all(|finding| finding.severity == Severity::Warning));
        let told: Vec<_> = findings.iter().map(|finding| (finding.code.as_str(), finding.message.as_str())).collect();
        for (code, part) in [
            ("table.expression_not_portable", "column `language_id`"),
            ("table.expression_not_portable", "column `tags`"),
            ("table.collation_not_portable", "column `tags`"),
            ("table.expression_not_portable", "column `words`"),
            ("table.expression_not_portable", "title ~ '^A'"),
            ("table.expression_not_portable", "index `lower_title`"),
            ("table.expression_not_portable", "index `german`"),
            ("table.trigger_not_portable", "trigger `last_updated`"),
            ("table.option_not_portable", "option `unlogged`"),
        ] {
            assert!(told.iter().any(|(told, message)| *told == code && message.contains(part)), "{part}: {told:#?}");
        }
        assert_eq!(told.len(), 9, "{told:#?}");
    }

    #[test]
    fn a_column_that_can_no_longer_be_computed_takes_values_where_there_are_some() {
        let table = portable("postgresql");
        assert!(table.definition.columns[8].generated.is_none() && table.definition.columns[8].nullable);
        assert_eq!(table.fields[8].presence, Presence::Optional);
        assert_eq!(table.fields[7].presence, Presence::Computed);
    }

    #[test]
    fn names_that_would_be_cut_off_are_refused_where_they_are_given() {
        let long = "é".repeat(32);
        let attributes = format!(
            r#"{{"columns": [{{"name": "{long}", "values": "integer"}}, {{"name": "{}", "values": "integer"}}],
                "primary_key": {{"name": "{long}p", "columns": ["a"]}}, "uniques": [{{"columns": ["a"]}}],
                "checks": [{{"name": "{long}c", "expression": "a > 0"}}],
                "foreign_keys": [{{"name": "{long}f", "columns": ["a"], "table": "t"}}],
                "indexes": [{{"name": "{long}i", "columns": [{{"term": "a"}}]}}],
                "triggers": [{{"name": "{long}t", "statement": "CREATE TRIGGER"}}]}}"#,
            "n".repeat(63)
        );
        let object = Object { attributes, ..film("sqlite") };
        let found = |target: &Target| {
            let attributes = object.parse_attributes().unwrap();
            Portable::of(attributes, &object, target).long_names(&object, target)
        };
        assert!(found(&self::target()).is_none());
        let finding = found(&Target::named("postgres", "postgresql")).unwrap();
        assert_eq!((finding.code.as_str(), finding.severity), ("name.too_long", Severity::Refusal));
        // What is left out, as the check on another column and the trigger are, needs no name.
        let expected = format!(
            "Names of table public.film are longer than the 63 bytes that postgres keeps of a name: column `{long}`, \
             constraint `{long}p`, constraint `{long}f`, index `{long}i`"
        );
        assert_eq!(finding.message, expected);
    }

    #[test]
    fn foreign_keys_follow_mapped_schemas() {
        let schemas: Vec<_> = portable("sqlite").definition.foreign_keys.into_iter().map(|key| key.schema).collect();
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(schemas, [None, some("main"), some("near"), some("other")]);
    }
}
