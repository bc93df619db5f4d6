//! Which tables and views a query reads: the names in its FROM clauses.

use super::{BEHIND_TABLES, Cursor, Dialect, Token, TokenKind};

/// Where in a FROM clause the reader is, in one pair of parentheses.
#[derive(Clone, Copy, Default)]
struct Place {
    in_from: bool,
    expects_table: bool,
}

/// Names, with their schema where it is written, that stand where a table stands. The names of common table expressions are among
/// them; what a caller does not know, it leaves out.
pub(crate) fn reads(query: &[Token<'_>], dialect: Dialect) -> Vec<(Option<String>, String)> {
    let mut cursor = Cursor::new(query, dialect);
    let mut names = Vec::new();
    let mut outer: Vec<Place> = Vec::new();
    let mut place = Place::default();
    while let Some(token) = cursor.peek(0) {
        if place.expects_table && is_table(token) {
            place.expects_table = false;
            names.extend(cursor.qualified());
            continue;
        }
        cursor.next();
        if token.is_symbol('(') {
            let inner = Place { in_from: place.expects_table, ..place };
            place.expects_table = false;
            outer.push(place);
            place = inner;
        } else if token.is_symbol(')') {
            place = outer.pop().unwrap_or_default();
        } else {
            // `IN (1, 2)` lists values, `IN name` reads a table.
            let lists = token.is_word("IN") && cursor.peek(0).is_some_and(|next| next.is_symbol('('));
            place = if lists { place } else { after(token, place) };
        }
    }
    names
}

fn is_table(token: &Token<'_>) -> bool {
    match token.kind {
        TokenKind::Quoted => true,
        TokenKind::Word => !ends(token) && !["LATERAL", "ONLY", "ROWS", "WITH"].iter().any(|word| token.is_word(word)),
        // A string can name a table in SQLite; nobody writes that, and `IN ('a', 'b')` looks the same.
        TokenKind::Literal | TokenKind::Number | TokenKind::Symbol => false,
    }
}

/// Whether a FROM clause has ended, or none has begun.
fn ends(token: &Token<'_>) -> bool {
    token.is_word("SELECT") || BEHIND_TABLES.iter().any(|word| token.is_word(word))
}

fn after(token: &Token<'_>, place: Place) -> Place {
    let starts = ["FROM", "JOIN", "IN"].iter().any(|word| token.is_word(word));
    if starts || (place.in_from && token.is_symbol(',')) {
        return Place { in_from: place.in_from || !token.is_word("IN"), expects_table: true };
    }
    if ends(token) {
        return Place::default();
    }
    let still = ["LATERAL", "ONLY"].iter().any(|word| token.is_word(word));
    Place { expects_table: place.expects_table && still, ..place }
}

#[cfg(test)]
mod tests {
    use super::super::tokens;
    use super::*;

    #[test]
    fn tables_are_found_and_columns_are_not() {
        let cases: &[(&str, &[&str])] = &[
            (
                "SELECT a.b AS city, c FROM actor a, main.film JOIN \"X\" ON (x.y = city.z), w",
                &["actor", "main.film", "X", "w"],
            ),
            (
                "SELECT (SELECT max(n) FROM inner_one i WHERE i.a IN (1, other)) FROM ((a JOIN b USING (k)) LEFT JOIN c ON f(a, b))",
                &["inner_one", "a", "b", "c"],
            ),
            ("SELECT 1 FROM a WHERE x IN t UNION SELECT 2 FROM b ORDER BY c, d", &["a", "t", "b"]),
            ("SELECT 1 FROM (SELECT q, r FROM deep) s, LATERAL (SELECT 1 FROM late) l", &["deep", "late"]),
            ("WITH w AS (SELECT * FROM base) SELECT * FROM w", &["base", "w"]),
            ("VALUES (1, 2), (3, 4)", &[]),
            ("SELECT 1 FROM a GROUP BY b, c", &["a"]),
            (")) FROM", &[]),
        ];
        for (query, expected) in cases {
            let tokens = tokens(query, Dialect::Sqlite).unwrap();
            let found: Vec<String> = reads(&tokens, Dialect::Sqlite)
                .into_iter()
                .map(|(schema, name)| schema.map_or(name.clone(), |schema| format!("{schema}.{name}")))
                .collect();
            assert_eq!(found, *expected, "{query}");
        }
    }
}
