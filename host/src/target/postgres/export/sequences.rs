//! Sequences: as the numbering of a table's primary key where they are just that, else as objects of their own.

use std::collections::HashMap;

use crate::error::Result;

use super::Source;
use super::catalog::Catalog;

/// A sequence.
pub(super) struct Sequence {
    pub(super) oid: u32,
    sql: String,
    kind: String,
    start: i64,
    increment: i64,
    least: i64,
    most: i64,
    cache: i64,
    cycles: bool,
    /// The table and the column's number, where a column owns it.
    owner: Option<(u32, i16)>,
    /// `a` always, `d` by default; empty for columns that are none.
    identity: String,
    /// The column is the whole primary key, takes its numbers from here, and nobody else does.
    is_key: bool,
    last: i64,
    called: bool,
}

/// What numbers a column.
pub(super) struct Numbering<'a> {
    pub(super) sequence: &'a Sequence,
    /// It is no more than the numbering of the primary key.
    pub(super) plain: bool,
}

/// Reads all sequences, and marks those that are part of a table.
pub(super) fn read(source: &mut Source, catalog: &mut Catalog) -> Result<Vec<Sequence>> {
    let query = "
        SELECT s.seqrelid, format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle,
            d.refobjid, d.refobjsubid::int2, coalesce(a.attidentity::text, ''),
            coalesce(k.conkey = ARRAY[a.attnum] AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
                AND (a.attidentity <> '' OR (
                    pg_get_expr(f.adbin, f.adrelid) ~ '^nextval\\(''.*''::regclass\\)$'
                    AND EXISTS (SELECT FROM pg_depend u WHERE u.classid = 'pg_attrdef'::regclass AND u.objid = f.oid
                                AND u.refclassid = 'pg_class'::regclass AND u.refobjid = s.seqrelid)
                    AND 1 = (SELECT count(*) FROM pg_depend u WHERE u.refclassid = 'pg_class'::regclass
                             AND u.refobjid = s.seqrelid AND u.deptype = 'n'))), false)
        FROM pg_sequence s
        LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid
            AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
        LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        LEFT JOIN pg_constraint k ON k.conrelid = d.refobjid AND k.contype = 'p'
        LEFT JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
        ORDER BY s.seqrelid";
    let mut sequences = Vec::new();
    for row in source.ask(query, &[])? {
        let oid: u32 = row.get(0);
        let Some(item) = catalog.get((catalog.relations, oid)).filter(|item| item.name.kind == "sequence") else {
            continue;
        };
        let owner: Option<u32> = row.get(8);
        sequences.push(Sequence {
            oid,
            sql: item.sql.clone(),
            kind: row.get(1),
            start: row.get(2),
            increment: row.get(3),
            least: row.get(4),
            most: row.get(5),
            cache: row.get(6),
            cycles: row.get(7),
            owner: owner.zip(row.get::<_, Option<i16>>(9)),
            identity: row.get(10),
            is_key: row.get(11),
            last: 0,
            called: false,
        });
    }
    values(source, &mut sequences)?;
    for sequence in sequences.iter().filter(|sequence| sequence.is_part()) {
        catalog.absorbed.insert((catalog.relations, sequence.oid));
    }
    Ok(sequences)
}

/// Where they stand, some hundred in one query.
fn values(source: &mut Source, sequences: &mut [Sequence]) -> Result<()> {
    for some in sequences.chunks_mut(300) {
        let one =
            |sequence: &Sequence| format!("SELECT {}::oid, last_value, is_called FROM {}", sequence.oid, sequence.sql);
        let query = some.iter().map(one).collect::<Vec<_>>().join(" UNION ALL ");
        let mut found: HashMap<u32, (i64, bool)> = HashMap::new();
        for row in source.ask(&query, &[])? {
            found.insert(row.get(0), (row.get(1), row.get(2)));
        }
        for sequence in some {
            (sequence.last, sequence.called) = found.get(&sequence.oid).copied().unwrap_or((sequence.start, false));
        }
    }
    Ok(())
}

/// What numbers which column: by table and the column's number.
pub(super) fn numberings(sequences: &[Sequence]) -> HashMap<(u32, i16), Numbering<'_>> {
    let parts = sequences.iter().filter(|sequence| sequence.is_part());
    let one = |sequence| Numbering { sequence, plain: sequence.is_key && sequence.is_simple() };
    parts.filter_map(|sequence: &Sequence| Some((sequence.owner?, one(sequence)))).collect()
}

impl Sequence {
    fn is_simple(&self) -> bool {
        self.increment == 1 && self.least == 1 && self.start == 1 && !self.cycles
    }

    /// Whether it comes with its table.
    fn is_part(&self) -> bool {
        self.owner.is_some() && (!self.identity.is_empty() || (self.is_key && self.is_simple()))
    }

    /// The largest number that was given; 0 when none was.
    pub(super) fn last_number(&self) -> Option<i64> {
        Some(if self.called { self.last } else { self.last - 1 })
    }

    /// Only its own numbers are taken: `GENERATED ALWAYS`.
    pub(super) fn always(&self) -> bool {
        self.identity == "a"
    }

    /// The number that comes next, as `RESTART` takes it. One behind the end cannot be said, and the last one is given once more.
    fn next(&self) -> i64 {
        let next = if self.called { self.last.saturating_add(self.increment) } else { self.last };
        next.clamp(self.least, self.most)
    }

    /// `START WITH …`, as it is written behind a sequence's name and in an identity column.
    pub(super) fn words(&self) -> String {
        format!(
            "START WITH {} INCREMENT BY {} MINVALUE {} MAXVALUE {} CACHE {}{}",
            self.start,
            self.increment,
            self.least,
            self.most,
            self.cache,
            if self.cycles { " CYCLE" } else { "" }
        )
    }

    /// `RESTART WITH …`.
    pub(super) fn restart(&self) -> String {
        format!("RESTART WITH {}", self.next())
    }

    /// The statements that make it.
    pub(super) fn definition(&self) -> String {
        format!(
            "CREATE SEQUENCE {0} AS {1} {2};\nALTER SEQUENCE {0} {3}",
            self.sql,
            self.kind,
            self.words(),
            self.restart()
        )
    }
}
