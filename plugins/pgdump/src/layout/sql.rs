//! As much of SQL as it takes to find names in statements that PostgreSQL's own programs wrote.

/// A piece of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) sort: Sort,
    /// As it stands in the statement.
    pub(crate) raw: &'a str,
    /// Where it begins.
    pub(crate) at: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// A keyword, a name without quotes or a number.
    Word,
    /// A name in double quotes.
    Quoted,
    /// A constant in single quotes or between dollar signs.
    Literal,
    /// Any other character.
    Symbol,
    /// A quoted name or constant without an end.
    Unfinished,
}

/// A table, a sequence or the like: its schema, where one is named, and its name.
pub(crate) type Qualified = (Option<String>, String);

/// The statement's pieces; comments and spaces are left out.
pub(crate) fn tokens(text: &str) -> Tokens<'_> {
    Tokens { text, at: 0 }
}

#[derive(Debug, Clone)]
pub(crate) struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Token<'a> {
    /// Whether it is this keyword, given in lower case.
    pub(crate) fn is(&self, keyword: &str) -> bool {
        self.sort == Sort::Word && self.raw.eq_ignore_ascii_case(keyword)
    }

    pub(crate) fn is_symbol(&self, symbol: char) -> bool {
        self.sort == Sort::Symbol && self.raw.starts_with(symbol)
    }

    /// What it names: without quotes, or in lower case.
    pub(crate) fn name(&self) -> Option<String> {
        match self.sort {
            Sort::Word => Some(self.raw.to_lowercase()),
            Sort::Quoted => Some(inner(self.raw, '"')?.replace("\"\"", "\"")),
            _ => None,
        }
    }

    /// The constant's value.
    pub(crate) fn literal(&self) -> Option<String> {
        if self.sort != Sort::Literal {
            return None;
        }
        if self.raw.starts_with('$') {
            let tag = self.raw[1..].find('$')? + 2;
            return self.raw.get(tag..self.raw.len() - tag).map(str::to_owned);
        }
        match self.raw.strip_prefix(['e', 'E']) {
            Some(escaped) => Some(unescape(inner(escaped, '\'')?)),
            None => Some(inner(self.raw, '\'')?.replace("''", "'")),
        }
    }

    /// Where it ends.
    pub(crate) fn end(&self) -> usize {
        self.at + self.raw.len()
    }
}

fn inner(raw: &str, quote: char) -> Option<&str> {
    raw.strip_prefix(quote)?.strip_suffix(quote)
}

/// The escapes that PostgreSQL writes itself: a doubled quote, and a backslash before a character.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => out.extend(letters.next()),
            '\\' => out.extend(letters.next().map(|escaped| match escaped {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'b' => '\u{8}',
                'f' => '\u{c}',
                other => other,
            })),
            other => out.push(other),
        }
    }
    out
}

impl<'a> Tokens<'a> {
    /// Goes on behind the end of the line.
    pub(crate) fn skip_line(&mut self) {
        self.at += self.text[self.at..].find('\n').map_or(self.text.len() - self.at, |line| line + 1);
    }

    /// A name, with its schema where there is one: `"a b".c`.
    pub(crate) fn qualified(&mut self) -> Option<Qualified> {
        let mut names = self.names()?;
        let name = names.pop()?;
        Some((names.pop(), name))
    }

    /// The names of a path `a.b.c`.
    pub(crate) fn names(&mut self) -> Option<Vec<String>> {
        let mut names = vec![self.next()?.name()?];
        let mut ahead = self.clone();
        while ahead.next().is_some_and(|token| token.is_symbol('.')) {
            names.push(ahead.next()?.name()?);
            *self = ahead.clone();
        }
        Some(names)
    }

    /// Goes behind the next such keyword outside parentheses.
    pub(crate) fn behind(&mut self, keyword: &str) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            let token = self.next()?;
            match token.sort {
                Sort::Symbol if token.is_symbol('(') => depth += 1,
                Sort::Symbol if token.is_symbol(')') => depth = depth.saturating_sub(1),
                Sort::Word if depth == 0 && token.is(keyword) => return Some(()),
                _ => {}
            }
        }
    }

    /// Goes behind these keywords where they come next; says whether they did.
    pub(crate) fn accept(&mut self, keywords: &[&str]) -> bool {
        let mut ahead = self.clone();
        let all = keywords.iter().all(|keyword| ahead.next().is_some_and(|token| token.is(keyword)));
        if all {
            *self = ahead;
        }
        all
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if trimmed.starts_with("--") {
                self.skip_line();
            } else if trimmed.starts_with("/*") {
                self.at += trimmed.find("*/").map_or(trimmed.len(), |end| end + 2);
            } else {
                return;
            }
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.skip_blanks();
        let rest = &self.text[self.at..];
        let first = rest.chars().next()?;
        let (sort, length) = match first {
            '"' => quoted(rest, 0, b'"', false).map_or((Sort::Unfinished, rest.len()), |end| (Sort::Quoted, end)),
            '\'' => constant(rest, 0, false),
            'e' | 'E' if rest[1..].starts_with('\'') => constant(rest, 1, true),
            '$' => match dollars(rest) {
                Some(end) => (Sort::Literal, end),
                None => (Sort::Symbol, 1),
            },
            letter if is_word(letter) => {
                (Sort::Word, rest.find(|letter| !is_word(letter) && letter != '$').unwrap_or(rest.len()))
            }
            other => (Sort::Symbol, other.len_utf8()),
        };
        let token = Token { sort, raw: &rest[..length], at: self.at };
        self.at += length;
        Some(token)
    }
}

fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || !letter.is_ascii()
}

fn constant(rest: &str, from: usize, escapes: bool) -> (Sort, usize) {
    quoted(rest, from, b'\'', escapes).map_or((Sort::Unfinished, rest.len()), |end| (Sort::Literal, end))
}

/// The end of what is quoted from `from` on; a doubled quote does not end it, nor an escaped one where there are escapes.
fn quoted(rest: &str, from: usize, quote: u8, escapes: bool) -> Option<usize> {
    let bytes = rest.as_bytes();
    let mut at = from + 1;
    loop {
        match *bytes.get(at)? {
            b'\\' if escapes => at += 2,
            byte if byte != quote => at += 1,
            _ if bytes.get(at + 1) == Some(&quote) => at += 2,
            _ => return Some(at + 1),
        }
    }
}

/// The end of a constant between dollar signs; nothing where it is none.
fn dollars(rest: &str) -> Option<usize> {
    let tag = rest[1..].find(|letter| !is_word(letter))? + 1;
    let tag = rest.get(..=tag).filter(|tag| tag.len() >= 2 && tag.ends_with('$'))?;
    if tag[1..].starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    Some(rest[tag.len()..].find(tag)? + 2 * tag.len())
}

/// The table (or view) that a statement about a part of it names: `CREATE INDEX i ON ONLY s.t …`.
pub(crate) fn subject(desc: &str, definition: &str) -> Option<Qualified> {
    let mut tokens = tokens(definition);
    match desc {
        "INDEX" | "POLICY" | "TRIGGER" => tokens.behind("on")?,
        "RULE" => tokens.behind("to")?,
        "STATISTICS" => tokens.behind("from")?,
        _ if tokens.accept(&["alter", "table"]) || tokens.accept(&["alter", "foreign", "table"]) => {}
        _ => return None,
    }
    tokens.accept(&["if", "exists"]);
    tokens.accept(&["only"]);
    tokens.qualified()
}

/// The table whose column owns a sequence: `ALTER SEQUENCE s OWNED BY t.gen.big`.
pub(crate) fn owner_of_sequence(definition: &str) -> Option<Qualified> {
    let mut tokens = tokens(definition);
    tokens.behind("owned")?;
    tokens.accept(&["by"]).then_some(())?;
    let mut names = tokens.names()?;
    let _column = names.pop()?;
    let table = names.pop()?;
    Some((names.pop(), table))
}

/// The table that another is attached to as a partition, and that other one.
pub(crate) fn attached(definition: &str) -> Option<(Qualified, Qualified)> {
    // Old dumps attach in the statements that make the partition, the last one.
    let from = definition.rfind(" ATTACH PARTITION ")?;
    let from = definition[..from].rfind("ALTER TABLE ")?;
    let mut tokens = tokens(&definition[from..]);
    tokens.accept(&["alter", "table"]);
    tokens.accept(&["only"]);
    let parent = tokens.qualified()?;
    tokens.accept(&["attach", "partition"]).then_some(())?;
    Some((parent, tokens.qualified()?))
}

/// Whether it makes a table that only its partitions hold rows of.
pub(crate) fn is_partitioned(definition: &str) -> bool {
    let tokens: Vec<Token<'_>> = tokens(definition).collect();
    tokens.windows(2).any(|pair| pair[0].is("partition") && pair[1].is("by"))
}

/// The root of the partitioned table through which rows are put in.
pub(crate) fn root(definition: &str) -> Option<Qualified> {
    tokens(definition.trim_start().strip_prefix("-- load via partition root ")?).qualified()
}

/// A name as SQL writes it.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(schema: Option<&str>, name: &str) -> Option<Qualified> {
        Some((schema.map(str::to_owned), name.to_owned()))
    }

    #[test]
    fn statements_fall_into_pieces() {
        let text = "SELECT 'it''s', E'a\\'b', $x$ ' ; $x$, \"a\"\"b\", $1 -- end\n/* no */ from T.t$1;";
        let values: Vec<_> = tokens(text).filter_map(|token| token.literal()).collect();
        assert_eq!(values, ["it's", "a'b", " ' ; "]);
        let names: Vec<_> = tokens(text).filter_map(|token| token.name()).collect();
        assert_eq!(names, ["select", "a\"b", "1", "from", "t", "t$1"]);
    }

    #[test]
    fn what_has_no_end_is_said_to_have_none() {
        for text in ["'abc", "\"abc", "E'a\\", "E'a\\'", "'a''"] {
            assert_eq!(tokens(text).last().unwrap().sort, Sort::Unfinished, "{text}");
        }
        for text in ["$", "$a", "$a$ b", "/* a", "--", "é'", "$é$", "e"] {
            assert!(tokens(text).count() < 9);
        }
    }

    #[test]
    fn parts_name_their_tables() {
        for (desc, definition, expected) in [
            ("INDEX", "CREATE UNIQUE INDEX \"on\" ON ONLY t.part USING btree (v);", pair(Some("t"), "part")),
            ("INDEX", "CREATE INDEX i ON t USING btree (v);", pair(None, "t")),
            (
                "CONSTRAINT",
                "ALTER TABLE ONLY \"W S\".\"Ta.ble \"\"q\"\"\"\n    ADD CONSTRAINT c",
                pair(Some("W S"), "Ta.ble \"q\""),
            ),
            ("TRIGGER", "CREATE TRIGGER t AFTER UPDATE OF a ON t.dropped FOR EACH ROW", pair(Some("t"), "dropped")),
            ("RULE", "CREATE RULE ru AS\n    ON DELETE TO t.v2 DO INSTEAD NOTHING;", pair(Some("t"), "v2")),
            ("STATISTICS", "CREATE STATISTICS t.exst ON (a % 3), (c / 2) FROM t.dropped;", pair(Some("t"), "dropped")),
            ("POLICY", "CREATE POLICY p ON t.rls", pair(Some("t"), "rls")),
            ("DEFAULT", "ALTER FOREIGN TABLE ONLY t.f ALTER COLUMN a SET DEFAULT 1;", pair(Some("t"), "f")),
            ("DEFAULT", "SELECT 1", None),
            ("INDEX", "", None),
        ] {
            assert_eq!(subject(desc, definition), expected, "{definition}");
        }
    }

    #[test]
    fn owners_partitions_and_roots_are_found() {
        assert_eq!(owner_of_sequence("ALTER SEQUENCE t.s OWNED BY t.gen.big;"), pair(Some("t"), "gen"));
        assert_eq!(owner_of_sequence("ALTER SEQUENCE s OWNED BY gen.big;"), pair(None, "gen"));
        assert_eq!(owner_of_sequence("ALTER SEQUENCE s OWNED BY NONE;"), None);
        let old =
            "CREATE TABLE t.p (\n a integer\n);\nALTER TABLE ONLY t.\"r o\" ATTACH PARTITION t.p FOR VALUES IN (1);\n";
        let (parent, child) = attached(old).unwrap();
        assert_eq!((Some(parent), Some(child)), (pair(Some("t"), "r o"), pair(Some("t"), "p")));
        assert_eq!(attached("CREATE TABLE t.p ();"), None);
        assert_eq!(root("-- load via partition root t.part\n"), pair(Some("t"), "part"));
        assert_eq!(root("COPY"), None);
    }
}
