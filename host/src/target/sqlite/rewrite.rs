//! Gives tables, indexes, views and triggers other names inside their stored `CREATE` statements.
//!
//! Statements come from `sqlite_schema`, where SQLite keeps them from the name on as their author wrote them, so any
//! quoting and any comment may occur in them.

use std::collections::HashMap;
use std::ops::Range;

use super::name::{fold, quote};
use super::token::{Kind, Token, tokens};

/// What happens to the foreign keys of a table that gets another name.
pub(crate) enum References<'a> {
    /// They are left out. A table that nobody sees must not take part in cascades of the live ones.
    Drop,
    /// They follow tables that move as well: folded old name to new name.
    Follow(&'a HashMap<String, String>),
}

/// Why a statement was not understood.
pub(crate) type Failure = String;

/// The `CREATE TABLE` statement for the same table called `new`.
pub(crate) fn table(sql: &str, new: &str, references: &References<'_>) -> Result<String, Failure> {
    let tokens = tokens(sql)?;
    let (at, name) = created(&tokens, "TABLE")?;
    let mut edits = vec![(at.clone(), quote(new))];
    edits.extend(self_references(&tokens, at.end, &name, new));
    edits.extend(foreign_keys(&tokens, references)?);
    Ok(splice(sql, edits))
}

/// The `CREATE INDEX` statement for the same index called `new` on the table called `on`.
pub(crate) fn index(sql: &str, new: &str, on: &str) -> Result<String, Failure> {
    let tokens = tokens(sql)?;
    let (at, _) = created(&tokens, "INDEX")?;
    let (table, old) = after_on(&tokens, at.end)?;
    let mut edits = vec![(at, quote(new)), (table.clone(), quote(on))];
    edits.extend(self_references(&tokens, table.end, &old, on));
    Ok(splice(sql, edits))
}

/// The `CREATE VIEW` statement for the same view called `new`.
pub(crate) fn view(sql: &str, new: &str) -> Result<String, Failure> {
    let (at, _) = created(&tokens(sql)?, "VIEW")?;
    Ok(splice(sql, vec![(at, quote(new))]))
}

/// A trigger's whole statement, called `new` and on the table called `on`, as `sqlite_schema` keeps it. `name` and `tables`
/// are what it must be called and be on now.
pub(crate) fn trigger(sql: &str, name: &str, tables: &[&str], new: &str, on: &str) -> Result<String, Failure> {
    let sql = sql.trim_end_matches(|c: char| c.is_ascii_whitespace() || c == ';');
    let tokens = tokens(sql)?;
    if tokens.iter().take(3).any(|token| token.is("TEMP") || token.is("TEMPORARY")) {
        return Err("a temporary trigger cannot be restored".to_owned());
    }
    let (at, own) = created(&tokens, "TRIGGER")?;
    if !own.eq_ignore_ascii_case(name) {
        return Err(format!("the statement creates trigger `{own}`"));
    }
    let (table, old) = after_on(&tokens, at.end)?;
    if !tables.iter().any(|known| known.eq_ignore_ascii_case(&old)) {
        return Err(format!("the statement is for `{old}`"));
    }
    let body = splice(&sql[at.end..], vec![(table.start - at.end..table.end - at.end, quote(on))]);
    Ok(format!("CREATE TRIGGER {}{body}", quote(new)))
}

/// What fires a trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// Rows go.
    Delete,
    /// Rows come.
    Insert,
    /// Rows change.
    Update,
}

/// What fires the trigger of that statement.
pub(crate) fn event(sql: &str) -> Option<Event> {
    let tokens = tokens(sql).ok()?;
    let (at, _) = created(&tokens, "TRIGGER").ok()?;
    let event = |token: &Token<'_>| match () {
        () if token.is("DELETE") => Some(Event::Delete),
        () if token.is("INSERT") => Some(Event::Insert),
        () if token.is("UPDATE") => Some(Event::Update),
        () => None,
    };
    tokens.iter().filter(|token| token.at.start >= at.end).find_map(event)
}

/// Names that qualify columns in a fragment, changed from one of `old` to `new`.
pub(crate) fn fragment(text: &str, old: &[&str], new: &str) -> Result<String, Failure> {
    let tokens = tokens(text)?;
    let edits = old.iter().flat_map(|old| self_references(&tokens, 0, old, new)).collect();
    Ok(splice(text, edits))
}

/// Where the name of what is created stands (with a schema before it, where there is one), and the name.
fn created(tokens: &[Token<'_>], what: &str) -> Result<(Range<usize>, String), Failure> {
    let wrong = || format!("it is not a CREATE {what} statement");
    let keyword = tokens.iter().take(3).position(|token| token.is(what)).ok_or_else(wrong)?;
    if !tokens[0].is("CREATE") || keyword == 0 {
        return Err(wrong());
    }
    let mut at = keyword + 1;
    if tokens.get(at..at + 3).is_some_and(|words| words[0].is("IF") && words[1].is("NOT") && words[2].is("EXISTS")) {
        at += 3;
    }
    let first = tokens.get(at).ok_or_else(wrong)?;
    let last = match tokens.get(at + 1) {
        Some(dot) if dot.is_mark(".") => tokens.get(at + 2).ok_or_else(wrong)?,
        _ => first,
    };
    let name = last.name().ok_or_else(wrong)?.into_owned();
    Ok((first.at.start..last.at.end, name))
}

/// The name after the first `ON` behind `from`: no expression may stand before it.
fn after_on(tokens: &[Token<'_>], from: usize) -> Result<(Range<usize>, String), Failure> {
    let on = tokens.iter().position(|token| token.at.start >= from && token.is("ON"));
    let table = on.and_then(|on| tokens.get(on + 1)).ok_or("it names no table")?;
    let name = table.name().ok_or("it names no table")?.into_owned();
    Ok((table.at.clone(), name))
}

/// Where a column is written as `old.column` behind `from`: in checks, computed columns and conditions of indexes, where
/// no other table can be meant.
fn self_references<'a>(
    tokens: &'a [Token<'a>],
    from: usize,
    old: &'a str,
    new: &'a str,
) -> impl Iterator<Item = (Range<usize>, String)> {
    let qualifies = move |pair: &&[Token<'_>]| {
        pair[0].at.start >= from && pair[1].is_mark(".") && pair[0].kind != Kind::Text && pair[0].names(old)
    };
    tokens.windows(2).filter(qualifies).map(|pair| (pair[0].at.clone(), quote(new)))
}

fn foreign_keys(tokens: &[Token<'_>], references: &References<'_>) -> Result<Vec<(Range<usize>, String)>, Failure> {
    let mut edits = Vec::new();
    for (at, _) in tokens.iter().enumerate().filter(|(_, token)| token.is("REFERENCES")) {
        let parent = tokens.get(at + 1).ok_or("a reference names no table")?;
        match references {
            References::Follow(moved) => {
                let name = parent.name().ok_or("a reference names no table")?;
                edits.extend(moved.get(&fold(&name)).map(|new| (parent.at.clone(), quote(new))));
            }
            References::Drop => edits.push(dropped(tokens, at)),
        }
    }
    Ok(edits)
}

/// The whole clause of the `REFERENCES` at `at`. A constraint of the table becomes one that always holds, so that no comma
/// is left over; one of a column just goes.
fn dropped(tokens: &[Token<'_>], at: usize) -> (Range<usize>, String) {
    let end = tokens[reference_end(tokens, at) - 1].at.end;
    match foreign_key_start(tokens, at) {
        Some(start) => (tokens[start].at.start..end, "CHECK(1)".to_owned()),
        None => (tokens[at].at.start..end, String::new()),
    }
}

/// The `FOREIGN` of `FOREIGN KEY (…) REFERENCES`, when the reference at `at` is one.
fn foreign_key_start(tokens: &[Token<'_>], at: usize) -> Option<usize> {
    let close = at.checked_sub(1)?;
    if !tokens[close].is_mark(")") {
        return None;
    }
    let open = tokens[..close].iter().rposition(|token| token.is_mark("("))?;
    let start = open.checked_sub(2)?;
    (tokens[start].is("FOREIGN") && tokens[start + 1].is("KEY")).then_some(start)
}

/// One past the last token of the reference: `REFERENCES name (columns) ON … MATCH … [NOT] DEFERRABLE …`.
fn reference_end(tokens: &[Token<'_>], at: usize) -> usize {
    let word = |at: usize, keyword: &str| tokens.get(at).is_some_and(|token| token.is(keyword));
    let mut end = at + 2;
    if tokens.get(end).is_some_and(|token| token.is_mark("(")) {
        end = tokens[end..].iter().position(|token| token.is_mark(")")).map_or(tokens.len(), |length| end + length + 1);
    }
    loop {
        end += if word(end, "ON") {
            if word(end + 2, "SET") || word(end + 2, "NO") { 4 } else { 3 }
        } else if word(end, "MATCH") || word(end, "INITIALLY") || (word(end, "NOT") && word(end + 1, "DEFERRABLE")) {
            2
        } else if word(end, "DEFERRABLE") {
            1
        } else {
            return end.min(tokens.len());
        };
    }
}

fn splice(sql: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(range, _)| range.start);
    let mut out = String::with_capacity(sql.len());
    let mut done = 0;
    for (range, text) in edits.into_iter().filter(|(range, _)| range.end <= sql.len()) {
        if range.start >= done {
            out.push_str(&sql[done..range.start]);
            out.push_str(&text);
            done = range.end;
        }
    }
    out.push_str(&sql[done..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_get_another_name_however_they_are_written() {
        for (sql, renamed) in [
            ("CREATE TABLE t(a)", "CREATE TABLE \"n\"(a)"),
            ("CREATE TABLE [a b] (a)", "CREATE TABLE \"n\" (a)"),
            ("CREATE TABLE 'it''s'(a)", "CREATE TABLE \"n\"(a)"),
            ("CREATE TABLE/*x*/\"a\"\"b\"(a)", "CREATE TABLE/*x*/\"n\"(a)"),
            ("create table if not exists main.t(a)", "create table if not exists \"n\"(a)"),
            (
                "CREATE TABLE t(a CHECK(t.a > 't.a'), b AS (\"T\".a))",
                "CREATE TABLE \"n\"(a CHECK(\"n\".a > 't.a'), b AS (\"n\".a))",
            ),
            ("CREATE TABLE t(t)", "CREATE TABLE \"n\"(t)"),
        ] {
            assert_eq!(table(sql, "n", &References::Drop).unwrap(), renamed);
        }
    }

    #[test]
    fn hidden_tables_lose_their_references() {
        for (sql, renamed) in [
            ("CREATE TABLE t(a REFERENCES p, b)", "CREATE TABLE \"n\"(a , b)"),
            (
                "CREATE TABLE t(a INT REFERENCES p(x) ON DELETE SET NULL ON UPDATE CASCADE NOT NULL)",
                "CREATE TABLE \"n\"(a INT  NOT NULL)",
            ),
            (
                "CREATE TABLE t(a REFERENCES p NOT DEFERRABLE INITIALLY DEFERRED UNIQUE)",
                "CREATE TABLE \"n\"(a  UNIQUE)",
            ),
            (
                "CREATE TABLE t(a, CONSTRAINT c FOREIGN KEY (a) REFERENCES p(x, y) MATCH FULL ON DELETE NO ACTION, CHECK(a))",
                "CREATE TABLE \"n\"(a, CONSTRAINT c CHECK(1), CHECK(a))",
            ),
            ("CREATE TABLE t(a, FOREIGN KEY(a) REFERENCES t UNIQUE(a))", "CREATE TABLE \"n\"(a, CHECK(1) UNIQUE(a))"),
            ("CREATE TABLE t(a DEFAULT 'REFERENCES p')", "CREATE TABLE \"n\"(a DEFAULT 'REFERENCES p')"),
        ] {
            assert_eq!(table(sql, "n", &References::Drop).unwrap(), renamed);
        }
    }

    #[test]
    fn references_follow_what_moves_along() {
        let moved = HashMap::from([("t".to_owned(), "s.t".to_owned())]);
        let sql =
            table("CREATE TABLE t(a REFERENCES T(a), b REFERENCES other)", "s.t", &References::Follow(&moved)).unwrap();
        assert_eq!(sql, "CREATE TABLE \"s.t\"(a REFERENCES \"s.t\"(a), b REFERENCES other)");
    }

    #[test]
    fn indexes_views_and_triggers_get_another_name() {
        assert_eq!(
            index("CREATE UNIQUE INDEX i ON t(a COLLATE NOCASE) WHERE t.a > 0", "j", "u").unwrap(),
            "CREATE UNIQUE INDEX \"j\" ON \"u\"(a COLLATE NOCASE) WHERE \"u\".a > 0"
        );
        assert_eq!(view("CREATE VIEW v AS SELECT v.a FROM v", "w").unwrap(), "CREATE VIEW \"w\" AS SELECT v.a FROM v");
        assert_eq!(
            trigger(
                "create trigger if not exists main.[x] after update of on_, b on t begin select 1; end;",
                "X",
                &["t"],
                "y",
                "u"
            )
            .unwrap(),
            "CREATE TRIGGER \"y\" after update of on_, b on \"u\" begin select 1; end"
        );
        for (sql, name) in [
            ("CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END", "other"),
            ("CREATE TRIGGER x AFTER INSERT ON other BEGIN SELECT 1; END", "x"),
            ("CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END", "x"),
            ("CREATE TABLE x(a)", "x"),
            ("CREATE TRIGGER", "x"),
            ("", "x"),
        ] {
            assert!(trigger(sql, name, &["t"], "y", "u").is_err(), "{sql}");
        }
    }
}
