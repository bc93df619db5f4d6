//! A table in a target that is not PostgreSQL: made of all its statements at once, its rows decoded.

use reinstate_plugin::portable::{Portable, TableAttributes};
use reinstate_plugin::rows::copy_text::{self, Ending};
use reinstate_plugin::rows::{Field, Presence};
use reinstate_plugin::tables::ForeignKey;
use reinstate_plugin::{Counts, Failure, Finding, Object, Outlook, Target, declared_rows, entries, tables};
use serde_json::json;

use super::statement::Table;
use super::{column, inserts};
use crate::attributes::{Attributes, COPY_TEXT, STATEMENTS};
use crate::handler::reader::copied_columns;
use crate::handler::rows::{columns, of_dump};

/// What the target is given, and what it is not.
struct Plan {
    /// As the archive has it.
    attributes: TableAttributes,
    portable: Portable,
    left_out: Vec<String>,
    has_other_columns: bool,
}

impl Plan {
    fn of(object: &Object, entry: &Attributes, target: &Target) -> Self {
        let mut table = Table::of(&entry.definition, &entry.parts_of_it);
        add_inherited(&mut table, entry);
        leave_out_keys_to_partitioned(&mut table, object, entry);
        let object = Object { dialect: "postgresql".to_owned(), ..object.clone() };
        let portable = Portable::of(table.attributes.clone(), &object, target);
        let mut left_out = table.left_out;
        left_out.extend(portable.left_out.iter().map(|left_out| {
            let mut what = left_out.what.clone();
            if let Some(first) = what.get_mut(..1) {
                first.make_ascii_lowercase();
            }
            what
        }));
        let has_other_columns = table.has_other_columns;
        Self { attributes: table.attributes, portable, left_out, has_other_columns }
    }

    /// PostgreSQL has tables without columns, others have not.
    fn has_no_columns(&self) -> bool {
        self.attributes.columns.is_empty()
    }
}

/// Columns that only the rows know: those of a type, or of a table that it inherits from. Their types are not in the definition.
fn add_inherited(table: &mut Table, entry: &Attributes) {
    let names = entry.copy.as_deref().and_then(copied_columns).unwrap_or_default();
    for name in names {
        if !table.attributes.columns.iter().any(|column| column.name == name) {
            table.left_out.push(format!("the type of column `{name}`, which is kept as text"));
            table.attributes.columns.push(column::plain(name, ""));
        }
    }
}

/// A partitioned table stays empty where its partitions are tables of their own: no key can refer to it.
fn leave_out_keys_to_partitioned(table: &mut Table, object: &Object, entry: &Attributes) {
    let is_partitioned = |key: &ForeignKey| {
        let schema = key.schema.as_ref().or(object.source.schema.as_ref());
        entry.refers_to_partitioned.iter().any(|name| (name.schema.as_ref(), &name.name) == (schema, &key.table))
    };
    let (left_out, kept) = std::mem::take(&mut table.attributes.foreign_keys).into_iter().partition(is_partitioned);
    table.attributes.foreign_keys = kept;
    let left_out: Vec<ForeignKey> = left_out;
    table.left_out.extend(left_out.into_iter().map(|key| {
        let name = key.name.map_or_else(String::new, |name| format!(" `{name}`"));
        format!("the foreign key{name} to the partitioned table {}", key.table)
    }));
}

pub(super) fn plan(object: &Object, entry: &Attributes, target: &Target) -> Result<Outlook, Failure> {
    let plan = Plan::of(object, entry, target);
    let mut outlook = Outlook::new();
    if plan.has_no_columns() {
        outlook.findings.push(without_columns(object, target));
        return Ok(outlook);
    }
    for key in &plan.attributes.foreign_keys {
        let mut name = object.sibling("table", &key.table);
        if key.schema.is_some() {
            name.schema.clone_from(&key.schema);
        }
        if name != object.source {
            outlook.depend_on(name);
        }
    }
    if !object.definitions_only {
        outlook.rows = declared_rows(&object.entries).unwrap_or(0);
        outlook.bytes = object.entry_bytes().saturating_add(object.entry_bytes() / 5);
    }
    if !object.rows_only {
        outlook.findings.extend(not_kept(object, target, &plan.left_out));
    }
    let statements = object.entries.iter().any(|entry| entry.form == STATEMENTS);
    if statements && plan.has_other_columns && !object.definitions_only {
        outlook.findings.push(Finding::refusal(
            "pgdump.unknown_columns",
            format!("{} has columns that neither its definition nor its rows, INSERT statements, name", object.source),
            "Take the dump without --inserts, or restore definitions only",
        ));
    }
    Ok(outlook)
}

pub(super) fn begin(object: &Object, entry: &Attributes, target: &Target) -> Result<(), Failure> {
    let plan = Plan::of(object, entry, target);
    if plan.has_no_columns() {
        return super::keep(&document(object, &plan.attributes)?);
    }
    tables::create("", &plan.portable.definition)?;
    if plan.left_out.is_empty() { Ok(()) } else { super::keep(&document(object, &plan.attributes)?) }
}

pub(super) fn restore(object: &Object, entry: &Attributes, target: &Target, part: u32) -> Result<Counts, Failure> {
    let read = |max| entries::read(part, max);
    decode(object, entry, target, part, read, |batch, rows| {
        let taken = tables::append("", &[], "arrow", batch)?;
        if taken == rows {
            return Ok(());
        }
        Err(Failure::new("table.rows_not_taken", format!("The target took {taken} of {rows} rows")))
    })
}

/// Decodes an entry, whatever its form.
pub(in crate::handler) fn decode(
    object: &Object,
    entry: &Attributes,
    target: &Target,
    part: u32,
    read: impl FnMut(u32) -> Result<Vec<u8>, Failure>,
    append: impl FnMut(&[u8], u64) -> Result<(), Failure>,
) -> Result<Counts, Failure> {
    let plan = Plan::of(object, entry, target);
    if plan.has_no_columns() {
        return Ok(Counts { rows: 0, bytes: 0 });
    }
    let fields = |columns| in_order(columns, plan.portable.fields.clone());
    match object.part(part)?.form.as_str() {
        COPY_TEXT => {
            let fields = fields(columns(object, entry, part)?)?;
            copy_text::decode(&fields, Ending::Marked, read, append).map_err(of_dump)
        }
        STATEMENTS => {
            let all: Vec<String> = plan.attributes.columns.iter().map(|column| column.name.clone()).collect();
            inserts::decode(&all, fields, read, append)
        }
        other => Err(Failure::new("pgdump.unknown_form", format!("Rows in the form `{other}` cannot be read"))),
    }
}

/// The fields as the rows hold them, then the others.
fn in_order(columns: Vec<String>, mut fields: Vec<Field>) -> Result<Vec<Field>, Failure> {
    let mut ordered = Vec::with_capacity(fields.len());
    for name in columns {
        let Some(at) = fields.iter().position(|field| field.name == name) else {
            let message = format!("The rows hold the column `{name}`, which the table does not have, or twice");
            return Err(Failure::new("pgdump.bad_copy", message).column(name));
        };
        ordered.push(Field { presence: Presence::Required, ..fields.remove(at) });
    }
    let rest = fields.into_iter().filter(|field| field.presence != Presence::Computed);
    ordered.extend(rest.map(|field| Field { presence: Presence::Optional, ..field }));
    Ok(ordered)
}

pub(super) fn end(object: &Object, entry: &Attributes, target: &Target) -> Result<(), Failure> {
    let indexes = Plan::of(object, entry, target).portable.indexes;
    if indexes.is_empty() { Ok(()) } else { tables::create_indexes("", &indexes) }
}

pub(super) fn verify(object: &Object, entry: &Attributes, target: &Target) -> Result<Vec<Finding>, Failure> {
    if object.rows_only {
        return Ok(Vec::new());
    }
    let plan = Plan::of(object, entry, target);
    if plan.has_no_columns() {
        return Ok(Vec::new());
    }
    let columns = plan.portable.definition.columns;
    let expected: Vec<String> = columns.into_iter().map(|column| column.name).collect();
    let staged = tables::summarize("")?.columns;
    if staged == expected {
        return Ok(Vec::new());
    }
    let message = format!("The columns {} are staged, they should be {}", staged.join(", "), expected.join(", "));
    Ok(vec![Finding::refusal("table.columns", message, "Restore the table again; if it stays, report it")])
}

fn without_columns(object: &Object, target: &Target) -> Finding {
    Finding::warning(
        "pgdump.not_kept",
        format!(
            "{} is not kept as a table: it has no columns of its own, and {} has no such tables; its definition is kept as a document",
            object.source, target.kind
        ),
        "Exclude it, or restore into PostgreSQL where it is needed",
    )
}

/// One finding for all that a table loses.
fn not_kept(object: &Object, target: &Target, left_out: &[String]) -> Option<Finding> {
    const MOST: usize = 20;
    if left_out.is_empty() {
        return None;
    }
    let more = left_out.len().saturating_sub(MOST);
    let mut list = left_out[..left_out.len().min(MOST)].join("; ");
    if more > 0 {
        list.push_str(&format!("; and {more} more"));
    }
    Some(Finding::warning(
        "pgdump.not_kept",
        format!("Of {} {} does not keep: {list}", object.source, target.kind),
        "Look whether the table is of use without it; its definition is kept as a document",
    ))
}

/// The table's definition in the words of our own archives.
fn document(object: &Object, attributes: &TableAttributes) -> Result<String, Failure> {
    let attributes = serde_json::to_value(attributes)
        .map_err(|error| Failure::new("pgdump.bad_attributes", format!("The definition cannot be written: {error}")))?;
    Ok(json!({ "kind": object.source.kind, "dialect": "postgresql", "attributes": attributes }).to_string())
}

#[cfg(test)]
mod tests {
    use reinstate_plugin::tables::ValueType;
    use reinstate_plugin::{ObjectName, Severity};

    use super::*;

    fn object() -> Object {
        let name = ObjectName { kind: "table".into(), schema: Some("public".into()), name: "t".into() };
        Object::new(name, "{}")
    }

    fn entry(definition: &str, copy: &str) -> Attributes {
        Attributes {
            desc: "TABLE".into(),
            definition: definition.into(),
            copy: Some(copy.into()),
            std_strings: true,
            encoding: "UTF8".into(),
            ..Attributes::default()
        }
    }

    #[test]
    fn rows_are_matched_by_the_names_that_copy_lists() {
        let entry = entry(
            "CREATE TABLE public.t (a integer, g integer GENERATED ALWAYS AS ((a * 2)) STORED, b text, \
             w tsvector GENERATED ALWAYS AS (to_tsvector('x'::regconfig, b)) STORED);",
            "COPY public.t (b, a) FROM stdin;\n",
        );
        let plan = Plan::of(&object(), &entry, &Target::named("sqlite", "sqlite"));
        let fields = in_order(columns(&object(), &entry, 0).unwrap(), plan.portable.fields).unwrap();
        let shape: Vec<_> = fields.iter().map(|field| (field.name.as_str(), field.values, field.presence)).collect();
        assert_eq!(
            shape,
            [
                ("b", ValueType::Text, Presence::Required),
                ("a", ValueType::Integer, Presence::Required),
                ("w", ValueType::Text, Presence::Optional)
            ]
        );
        let twice = in_order(vec!["a".into(), "a".into()], fields);
        assert_eq!(twice.unwrap_err().code, "pgdump.bad_copy");
    }

    #[test]
    fn one_finding_names_all_that_is_lost() {
        let mut entry = entry(
            "CREATE TABLE public.t (a integer, s text DEFAULT random_text()) INHERITS (public.p);",
            "COPY public.t (a, s, of_p) FROM stdin;\n",
        );
        entry.parts_of_it = vec!["CREATE INDEX g ON public.t USING gin (s);".to_owned()];
        let outlook = plan(&object(), &entry, &Target::named("sqlite", "sqlite")).unwrap();
        assert_eq!(outlook.findings.len(), 1, "{:?}", outlook.findings);
        let finding = &outlook.findings[0];
        assert_eq!((finding.code.as_str(), finding.severity), ("pgdump.not_kept", Severity::Warning));
        for part in ["inheritance of public.p", "index `g`", "type of column `of_p`", "the default of column `s`"] {
            assert!(finding.message.contains(part), "{part}: {}", finding.message);
        }
    }

    #[test]
    fn a_table_without_columns_is_told_of_and_not_made() {
        let entry = entry("CREATE TABLE public.t (\n);", "COPY public.t  FROM stdin;\n");
        let (object, target) = (object(), Target::named("sqlite", "sqlite"));
        let outlook = plan(&object, &entry, &target).unwrap();
        let [finding] = &outlook.findings[..] else { panic!("{:?}", outlook.findings) };
        assert_eq!((finding.code.as_str(), finding.severity), ("pgdump.not_kept", Severity::Warning));
        assert!(finding.message.contains("no columns"), "{}", finding.message);
        end(&object, &entry, &target).unwrap();
        assert!(verify(&object, &entry, &target).unwrap().is_empty());
    }

    #[test]
    fn a_key_to_a_partitioned_table_is_left_out() {
        let mut entry = entry("CREATE TABLE public.t (a integer);", "COPY public.t (a) FROM stdin;\n");
        let key = |name: &str, to: &str| {
            format!("ALTER TABLE ONLY public.t ADD CONSTRAINT {name} FOREIGN KEY (a) REFERENCES {to}(a);")
        };
        entry.parts_of_it = vec![key("far", "s.part"), key("near", "public.part"), key("plain", "public.p")];
        let named =
            |schema: &str| ObjectName { kind: "table".into(), schema: Some(schema.into()), name: "part".into() };
        entry.refers_to_partitioned = vec![named("public"), named("other")];
        let plan = Plan::of(&object(), &entry, &Target::named("sqlite", "sqlite"));
        let kept: Vec<_> = plan.attributes.foreign_keys.iter().map(|key| key.name.as_deref()).collect();
        assert_eq!(kept, [Some("far"), Some("plain")]);
        assert_eq!(plan.left_out, ["the foreign key `near` to the partitioned table part"]);
    }

    #[test]
    fn a_key_that_counts_is_automatic_and_a_document_is_our_own() {
        let mut entry =
            entry("CREATE TABLE public.t (id integer NOT NULL, a mood);", "COPY public.t (id, a) FROM stdin;\n");
        entry.parts_of_it = vec![
            "ALTER TABLE ONLY public.t ALTER COLUMN id SET DEFAULT nextval('public.s'::regclass);".to_owned(),
            "ALTER TABLE ONLY public.t ADD CONSTRAINT k PRIMARY KEY (id);".to_owned(),
        ];
        let plan = Plan::of(&object(), &entry, &Target::named("sqlite", "sqlite"));
        assert!(plan.portable.definition.primary_key.as_ref().unwrap().automatic && plan.left_out.is_empty());
        let document: serde_json::Value =
            serde_json::from_str(&document(&object(), &plan.attributes).unwrap()).unwrap();
        let read: TableAttributes = serde_json::from_value(document["attributes"].clone()).unwrap();
        assert_eq!(read.columns, plan.attributes.columns);
    }
}
