//! The statements that make one table: `CREATE TABLE` and what is said of it afterwards.

use reinstate_plugin::portable::TableAttributes;
use reinstate_plugin::tables::{Check, ForeignKey, Index, IndexColumn, Key};

use super::column;
use crate::handler::reader::Reader;

/// A table as its statements make it, and what of them has no place in it.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) attributes: TableAttributes,
    /// What is not kept, in words: `its partitions' bounds`.
    pub(super) left_out: Vec<String>,
    /// Whether it has columns that its own definition does not list.
    pub(super) has_other_columns: bool,
}

impl Table {
    /// Reads the definition and the parts; what cannot be read is left out and told.
    pub(super) fn of(definition: &str, parts: &[String]) -> Self {
        let mut table = Self::default();
        let mut statements = Reader::new(definition).statements().into_iter();
        if let Some(create) = statements.next() {
            table.create(create);
        }
        for statement in statements {
            table.part(statement);
        }
        for part in parts {
            for statement in Reader::new(part).statements() {
                table.part(statement);
            }
        }
        table
    }

    fn leave_out(&mut self, what: impl Into<String>) {
        let what = what.into();
        if !self.left_out.contains(&what) {
            self.left_out.push(what);
        }
    }

    fn create(&mut self, mut reader: Reader<'_>) {
        let _ = reader.accept("create");
        let _ = reader.accept("unlogged") || reader.accept("foreign");
        if !reader.accept("table") || reader.qualified().is_none() {
            self.leave_out("a definition that cannot be read");
            return;
        }
        if reader.accept("of") {
            let of = reader.until(|reader| reader.peek().is_some_and(|token| token.is_symbol('(')));
            self.leave_out(format!("the type `{of}` that gives it its columns"));
            self.has_other_columns = true;
        }
        for item in reader.group().map(|group| group.items()).unwrap_or_default() {
            self.item(item);
        }
        if reader.accept("inherits") {
            let parents = reader.group().map(|group| group.rest().to_owned()).unwrap_or_default();
            self.leave_out(format!("its inheritance of {parents}"));
            self.has_other_columns = true;
        }
        if reader.accept("partition by") {
            self.leave_out("its partitioning: it stays empty, and its partitions are tables of their own");
        }
    }

    /// A column or a constraint.
    fn item(&mut self, mut reader: Reader<'_>) {
        let is_constraint = reader.sees("constraint") || reader.sees("check") || reader.sees("like");
        if is_constraint {
            return self.constraint(&mut reader);
        }
        match column::read(reader, &mut self.attributes.checks) {
            Some(column) => self.attributes.columns.push(column),
            None => self.leave_out("a column that cannot be read"),
        }
    }

    fn part(&mut self, mut reader: Reader<'_>) {
        if reader.accept("alter table") {
            let _ = reader.accept("only");
            if reader.qualified().is_some() {
                self.alter(reader);
            }
        } else if reader.sees("create") {
            match index(reader.clone()) {
                Ok(Some(index)) => self.attributes.indexes.push(index),
                Ok(None) => {}
                Err(what) => self.leave_out(what),
            }
        }
    }

    fn alter(&mut self, mut reader: Reader<'_>) {
        if reader.accept("add") {
            self.constraint(&mut reader);
        } else if reader.accept("alter column") || reader.accept("alter") {
            let Some(name) = reader.name() else { return };
            let Some(column) = self.attributes.columns.iter_mut().find(|column| column.name == name) else { return };
            if reader.accept("set default") {
                column.default = Some(reader.rest().to_owned());
            } else if reader.accept("set not null") {
                column.nullable = false;
            } else if reader.sees("add generated") {
                column.default = Some(column::next_of_sequence());
            }
        }
        // How PostgreSQL stores the table, counts it and attaches it changes no row.
    }

    fn constraint(&mut self, reader: &mut Reader<'_>) {
        let name = if reader.accept("constraint") { reader.name() } else { None };
        let what = name.as_ref().map_or_else(|| "a constraint".to_owned(), |name| format!("the constraint `{name}`"));
        if !is_held(reader) {
            return self.leave_out(format!("{what}, which not all of its rows need to fulfil"));
        }
        let read = if reader.accept("primary key") {
            self.key(name, reader).map(|key| self.attributes.primary_key = Some(key))
        } else if reader.accept("unique") {
            let distinct = !reader.accept("nulls not distinct");
            self.key(name, reader).filter(|_| distinct).map(|key| self.attributes.uniques.push(key))
        } else if reader.accept("check") {
            let expression = reader.group().map(|inner| inner.rest().to_owned());
            expression.map(|expression| self.attributes.checks.push(Check { name, expression }))
        } else if reader.accept("foreign key") {
            foreign_key(name, reader).map(|key| self.attributes.foreign_keys.push(key))
        } else if reader.accept("not null") {
            let column = reader.name();
            let column = self.attributes.columns.iter_mut().find(|known| Some(&known.name) == column.as_ref());
            column.map(|column| column.nullable = false)
        } else {
            None
        };
        if read.is_none() {
            self.leave_out(what);
        }
    }

    fn key(&self, name: Option<String>, reader: &mut Reader<'_>) -> Option<Key> {
        Some(Key { name, columns: reader.names()?, automatic: false })
    }
}

/// Whether all rows fulfil the constraint: `NOT VALID` says that earlier ones need not, `NOT ENFORCED` that none does.
fn is_held(reader: &Reader<'_>) -> bool {
    let mut ahead = reader.clone();
    ahead.until(|reader| reader.sees("not valid") || reader.sees("not enforced"));
    ahead.is_empty()
}

fn foreign_key(name: Option<String>, reader: &mut Reader<'_>) -> Option<ForeignKey> {
    let columns = reader.names()?;
    reader.accept("references").then_some(())?;
    let (schema, table) = reader.qualified()?;
    let references = if reader.peek().is_some_and(|token| token.is_symbol('(')) { reader.names()? } else { Vec::new() };
    let mut key = ForeignKey {
        name,
        columns,
        schema,
        table,
        references,
        on_update: "NO ACTION".to_owned(),
        on_delete: "NO ACTION".to_owned(),
        deferred: false,
    };
    while !reader.is_empty() {
        if reader.accept("on update") {
            key.on_update = action(reader)?;
        } else if reader.accept("on delete") {
            key.on_delete = action(reader)?;
        } else if reader.accept("match full") || reader.peek().is_some_and(|token| token.is_symbol('(')) {
            // A key that is matched in full, or sets only some of its columns, would be another one elsewhere.
            return None;
        } else if reader.accept("initially deferred") {
            key.deferred = true;
        } else {
            reader.next();
        }
    }
    Some(key)
}

fn action(reader: &mut Reader<'_>) -> Option<String> {
    let actions = ["no action", "restrict", "cascade", "set null", "set default"];
    actions.into_iter().find(|action| reader.accept(action)).map(str::to_ascii_uppercase)
}

/// Reads `CREATE INDEX`; nothing for other statements. Fails with what is left out.
fn index(mut reader: Reader<'_>) -> Result<Option<Index>, String> {
    let _ = reader.accept("create");
    let unique = reader.accept("unique");
    if !reader.accept("index") {
        return Ok(None);
    }
    let name = reader.name().ok_or("an index that cannot be read")?;
    read_index(&mut reader, unique, &name).map(Some).ok_or_else(|| format!("the index `{name}`"))
}

fn read_index(reader: &mut Reader<'_>, unique: bool, name: &str) -> Option<Index> {
    reader.accept("on").then_some(())?;
    let _ = reader.accept("only");
    reader.qualified()?;
    if reader.accept("using") && reader.name()? != "btree" {
        return None;
    }
    let columns = reader.group()?.items().into_iter().map(term).collect::<Option<Vec<_>>>()?;
    let mut index = Index { name: name.to_owned(), columns, unique, condition: None };
    while !reader.is_empty() {
        if reader.accept("where") {
            index.condition = Some(reader.rest().to_owned());
            break;
        } else if reader.accept("nulls not distinct") {
            return None;
        }
        reader.next();
    }
    Some(index)
}

fn term(mut reader: Reader<'_>) -> Option<IndexColumn> {
    let expression = reader.peek()?.is_symbol('(') || is_call(&reader);
    let term = if expression {
        let ends = |reader: &Reader<'_>| ["collate", "asc", "desc", "nulls"].iter().any(|word| reader.sees(word));
        reader.until(ends).to_owned()
    } else {
        reader.name()?
    };
    let mut column = IndexColumn { term, expression, descending: false, collation: None };
    while !reader.is_empty() {
        if reader.accept("collate") {
            column.collation = Some(reader.qualified()?.1);
        } else if reader.accept("desc") {
            column.descending = true;
        } else if reader.accept("asc") || reader.accept("nulls first") || reader.accept("nulls last") {
            // Where NULL stands changes no result.
        } else {
            // An operator class.
            return None;
        }
    }
    Some(column)
}

/// `lower(title)`.
fn is_call(reader: &Reader<'_>) -> bool {
    let mut ahead = reader.clone();
    ahead.qualified().is_some() && ahead.peek().is_some_and(|token| token.is_symbol('('))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(parts: &[&str]) -> Vec<String> {
        parts.iter().map(|part| (*part).to_owned()).collect()
    }

    #[test]
    fn a_table_is_put_together_from_its_statements() {
        let table = Table::of(
            "CREATE TABLE public.film (\n    film_id integer NOT NULL,\n    title text NOT NULL,\n    rate numeric(4,2) DEFAULT 4.99,\n    \
             CONSTRAINT rate_check CHECK ((rate >= (0)::numeric))\n)\nWITH (fillfactor='70');\nALTER TABLE ONLY public.film ALTER COLUMN title SET STATISTICS 5;",
            &parts(&[
                "ALTER TABLE ONLY public.film ALTER COLUMN film_id SET DEFAULT nextval('public.film_film_id_seq'::regclass);",
                "ALTER TABLE ONLY public.film\n    ADD CONSTRAINT film_pkey PRIMARY KEY (film_id);",
                "ALTER TABLE ONLY public.film\n    ADD CONSTRAINT u UNIQUE (title, rate);",
                "ALTER TABLE ONLY public.film\n    ADD CONSTRAINT fk FOREIGN KEY (rate) REFERENCES far.rates(id) ON UPDATE CASCADE ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED;",
                "CREATE INDEX i ON public.film USING btree (title DESC, lower(title)) WHERE (rate > (1)::numeric);",
                "CREATE INDEX g ON public.film USING gist (fulltext);",
                "CREATE UNIQUE INDEX o ON public.film USING btree (title text_pattern_ops);",
                "ALTER TABLE ONLY public.film\n    ADD CONSTRAINT ex EXCLUDE USING gist (a WITH &&);",
            ]),
        );
        let TableAttributes { columns, primary_key, uniques, checks, foreign_keys, indexes, .. } = table.attributes;
        assert_eq!(columns.len(), 3);
        assert_eq!(columns[0].default.as_deref(), Some("nextval('public.film_film_id_seq'::regclass)"));
        assert_eq!(primary_key.unwrap().columns, ["film_id"]);
        assert_eq!(uniques[0].columns, ["title", "rate"]);
        assert_eq!(checks[0].expression, "(rate >= (0)::numeric)");
        let key = &foreign_keys[0];
        assert_eq!((key.schema.as_deref(), key.table.as_str(), key.deferred), (Some("far"), "rates", true));
        assert_eq!((key.on_update.as_str(), key.on_delete.as_str()), ("CASCADE", "RESTRICT"));
        assert_eq!(indexes.len(), 1);
        assert!(indexes[0].columns[0].descending && indexes[0].columns[1].expression);
        assert_eq!(indexes[0].condition.as_deref(), Some("(rate > (1)::numeric)"));
        assert_eq!(table.left_out, ["the index `g`", "the index `o`", "the constraint `ex`"]);
    }

    #[test]
    fn constraints_that_rows_may_break_are_left_out() {
        let table = Table::of(
            "CREATE TABLE t.n (a integer, c integer, CONSTRAINT e CHECK ((a > 0)) NOT ENFORCED, CONSTRAINT valid CHECK ((c > 0)));",
            &parts(&[
                "ALTER TABLE t.n\n    ADD CONSTRAINT nv CHECK ((a > 0)) NOT VALID;",
                "ALTER TABLE t.n\n    ADD CONSTRAINT nn NOT NULL c NOT VALID;",
                "ALTER TABLE ONLY t.n\n    ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES t.a(id) NOT VALID;",
                "ALTER TABLE ONLY t.n\n    ADD CONSTRAINT said CHECK ((a <> 'not valid'::text));",
            ]),
        );
        let TableAttributes { columns, checks, foreign_keys, .. } = table.attributes;
        let kept: Vec<_> = checks.iter().map(|check| check.name.as_deref()).collect();
        assert_eq!((kept, foreign_keys.len(), columns[1].nullable), (vec![Some("valid"), Some("said")], 0, true));
        let names = |what: &String| what.split('`').nth(1).map(str::to_owned);
        let left_out: Vec<_> = table.left_out.iter().filter_map(names).collect();
        assert_eq!(left_out, ["e", "nv", "nn", "fk"]);
    }

    #[test]
    fn what_has_no_place_in_a_table_is_told() {
        for (definition, part) in [
            ("CREATE TABLE t.p (\n    a integer\n)\nPARTITION BY RANGE (a);", "partitioning"),
            ("CREATE TABLE t.c (\n    b integer\n)\nINHERITS (t.p);", "its inheritance of t.p"),
            ("CREATE TABLE t.typed OF t.addr;", "the type `t.addr`"),
            ("DROP TABLE x;", "cannot be read"),
            ("CREATE TABLE t (a integer, 'x');", "a column"),
        ] {
            let table = Table::of(definition, &[]);
            assert!(table.left_out.iter().any(|what| what.contains(part)), "{definition}: {:?}", table.left_out);
        }
        assert!(Table::of("", &[]).attributes.columns.is_empty());
        let unlogged = Table::of("CREATE UNLOGGED TABLE t (a integer, CONSTRAINT n NOT NULL a);", &[]);
        assert!(!unlogged.attributes.columns[0].nullable);
        assert!(Table::of("CREATE TABLE e (\n);", &[]).left_out.is_empty());
    }
}
