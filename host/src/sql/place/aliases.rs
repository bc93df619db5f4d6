//! Which names in two parts are columns or parameters although a schema is called like their first part: in
//! `SELECT t.a FROM s.x t`, `t` is a table.

use std::collections::BTreeSet;

use super::{Chain, Reader};
use crate::sql::BEHIND_TABLES;

/// Statements in which no column has a table in front of it.
const WITHOUT_COLUMNS: [&str; 6] = ["GRANT", "REVOKE", "COMMENT", "SECURITY", "COPY", "REFRESH"];

/// Words behind which a table stands.
const BEFORE_TABLES: [&str; 4] = ["JOIN", "INTO", "UPDATE", "USING"];

/// Words that stand in front of a table, behind those.
const WITH_TABLES: [&str; 3] = ["ONLY", "LATERAL", "TABLE"];

/// Words that end a list of tables where a query is a part of another statement, beside those that end it anywhere.
const ENDS: [&str; 3] = ["SET", "WHEN", "DO"];

/// Words in front of a value: behind any other word a name is a type, an operator class or the like.
const BEFORE_VALUES: [&str; 40] = [
    "SELECT",
    "DISTINCT",
    "ALL",
    "ANY",
    "SOME",
    "WHERE",
    "AND",
    "OR",
    "NOT",
    "ON",
    "BY",
    "HAVING",
    "WHEN",
    "THEN",
    "ELSE",
    "CASE",
    "IN",
    "BETWEEN",
    "SYMMETRIC",
    "LIKE",
    "ILIKE",
    "TO",
    "SIMILAR",
    "ESCAPE",
    "FROM",
    "RETURNING",
    "RETURN",
    "SET",
    "VALUES",
    "DEFAULT",
    "LIMIT",
    "OFFSET",
    "FOR",
    "ZONE",
    "USING",
    "VARIADIC",
    "OVERLAPS",
    "PASSING",
    "KEY",
    "VALUE",
];

/// What of a statement's names in parts is no object.
#[derive(Default)]
pub(super) struct Aliases {
    /// Names that tables have in the statement, those of them that a schema has too.
    names: BTreeSet<String>,
    /// Tokens at which a table stands.
    tables: BTreeSet<usize>,
    /// Tokens at which a storage parameter stands: `WITH (toast.fillfactor=70)`.
    parameters: BTreeSet<usize>,
}

/// Where the reader is, in one pair of parentheses.
#[derive(Clone, Copy, Default)]
struct Place {
    in_tables: bool,
    expects_table: bool,
    /// `FROM` begins a list of tables: it does not in `EXTRACT(year FROM t.a)`.
    in_query: bool,
    in_parameters: bool,
}

impl Aliases {
    pub(super) fn of(reader: &Reader<'_>) -> Self {
        let mut found = Self::default();
        if is_one_of(reader, 0, &WITHOUT_COLUMNS) {
            return found;
        }
        found.names.insert("excluded".to_owned());
        found.subject(reader);
        found.read(reader);
        found.names.retain(|name| reader.knows(name));
        found
    }

    /// The table that a policy, an index, a trigger or a rule is created on.
    fn subject(&mut self, reader: &Reader<'_>) {
        let creates = |kind: &str| reader.is_word(0, "CREATE") && (1..5).any(|at| reader.is_word(at, kind));
        let word = if creates("RULE") {
            "TO"
        } else if ["POLICY", "INDEX", "TRIGGER"].into_iter().any(creates) {
            "ON"
        } else {
            return;
        };
        self.names.extend(["new", "old"].map(str::to_owned));
        if let Some(at) = (0..reader.tokens.len()).find(|at| reader.is_word(*at, word)) {
            self.table(reader, at + 1 + usize::from(reader.is_word(at + 1, "ONLY")), true);
        }
    }

    fn read(&mut self, reader: &Reader<'_>) {
        let mut outer: Vec<Place> = Vec::new();
        let mut place = Place { in_query: true, ..Place::default() };
        let mut at = 0;
        while at < reader.tokens.len() {
            if place.in_parameters && reader.is_name(at) {
                self.parameters.insert(at);
            }
            if reader.is_symbol(at, '(') {
                outer.push(Place { expects_table: false, ..place });
                place = inside(reader, at, place);
            } else if reader.is_symbol(at, ')') {
                place = outer.pop().unwrap_or_default();
            } else if reader.is_word(at, "SELECT") || reader.is_word(at, "DELETE") {
                place = Place { in_query: true, ..Place::default() };
            } else if is_one_of(reader, at, &BEHIND_TABLES) || is_one_of(reader, at, &ENDS) {
                place = Place { in_query: place.in_query, ..Place::default() };
            } else if begins_tables(reader, at, place) {
                place = Place { in_tables: true, expects_table: true, ..place };
            } else if reader.is_symbol(at, ',') && place.in_tables {
                place.expects_table = true;
            } else if reader.is_name(at) && place.in_tables && !is_one_of(reader, at, &WITH_TABLES) {
                at = self.table(reader, at, place.expects_table);
                place.expects_table = false;
                continue;
            }
            at += 1;
        }
    }

    /// Takes a table's name, or its alias, and says where it ends.
    fn table(&mut self, reader: &Reader<'_>, at: usize, is_table: bool) -> usize {
        let chain = if reader.follows_point(at) { None } else { reader.chain(at) };
        let end = chain.map_or(at + 1, |chain| chain.end);
        if is_table {
            self.tables.insert(at);
        }
        // A name in parts elsewhere is a column; one alone is an alias, or a word that no schema is called like.
        if is_table || end == at + 1 {
            self.names.extend(reader.name(end - 1));
        }
        end
    }

    /// Whether the chain is a column of a table of the statement, or a parameter.
    pub(super) fn mean(&self, reader: &Reader<'_>, chain: &Chain) -> bool {
        if self.parameters.contains(&chain.start) && reader.is_symbol(chain.end, '=') {
            return true;
        }
        if chain.parts > 2 || !self.names.contains(&chain.schema) || self.tables.contains(&chain.start) {
            return false;
        }
        // A call is no column.
        !reader.is_symbol(chain.end, '(') && stands_as_value(reader, chain.start)
    }
}

/// The place behind a parenthesis that opens.
fn inside(reader: &Reader<'_>, at: usize, place: Place) -> Place {
    let behind = |word| at > 0 && reader.is_word(at - 1, word);
    Place {
        in_tables: place.expects_table,
        expects_table: place.expects_table,
        in_query: false,
        in_parameters: behind("WITH") || behind("SET") || behind("RESET"),
    }
}

fn begins_tables(reader: &Reader<'_>, at: usize, place: Place) -> bool {
    let behind_distinct = at > 0 && reader.is_word(at - 1, "DISTINCT");
    let from = reader.is_word(at, "FROM") && place.in_query && !behind_distinct;
    // `JOIN t USING (a)` lists columns, and a policy's `USING (…)` holds a condition.
    let lists_columns = reader.is_word(at, "USING") && reader.is_symbol(at + 1, '(');
    from || (is_one_of(reader, at, &BEFORE_TABLES) && !lists_columns)
}

/// Whether a value can stand there: not behind a cast or another name.
fn stands_as_value(reader: &Reader<'_>, start: usize) -> bool {
    let Some(before) = start.checked_sub(1) else { return false };
    if reader.is_symbol(before, ':') || reader.is_symbol(before, ')') {
        return false;
    }
    !reader.is_name(before) || is_one_of(reader, before, &BEFORE_VALUES)
}

fn is_one_of(reader: &Reader<'_>, at: usize, words: &[&str]) -> bool {
    words.iter().any(|word| reader.is_word(at, word))
}
