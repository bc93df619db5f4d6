//! Reads an expression and writes it again in words that every dialect has.

use crate::tables::{Column, ValueType};

use super::tokens::Token;

/// What a term's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Number,
    Text,
    Boolean,
    Null,
    /// Something that dialects keep in different ways: dates, bytes, documents.
    Other,
}

/// A translated piece.
#[derive(Debug, Clone)]
pub(super) struct Term {
    pub(super) sql: String,
    pub(super) of: Of,
    /// For literals: the text, or the number's digits.
    literal: Option<String>,
}

/// Parentheses and `NOT`s within each other: an expression is not trusted.
const DEEPEST: u32 = 50;

pub(super) struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    columns: &'a [Column],
    folds_all: bool,
    depth: u32,
}

type Parsed = Result<Term, String>;

impl<'a> Parser<'a> {
    pub(super) fn new(tokens: &'a [Token], columns: &'a [Column], folds_all: bool) -> Self {
        Self { tokens, at: 0, columns, folds_all, depth: 0 }
    }

    /// The whole expression.
    pub(super) fn whole(mut self) -> Parsed {
        let term = self.any_of()?;
        match self.peek() {
            None => Ok(term),
            Some(token) => Err(format!("{} is not portable", shown(token))),
        }
    }

    fn any_of(&mut self) -> Parsed {
        self.joined("OR", Self::all_of)
    }

    fn all_of(&mut self) -> Parsed {
        self.joined("AND", Self::not)
    }

    fn joined(&mut self, word: &str, next: fn(&mut Self) -> Parsed) -> Parsed {
        let first = next(self)?;
        let mut terms = vec![first.sql.clone()];
        while self.takes_word(word) {
            let term = next(self)?;
            require(&term, Of::Boolean)?;
            terms.push(term.sql);
        }
        if terms.len() == 1 {
            return Ok(first);
        }
        require(&first, Of::Boolean)?;
        Ok(Term::new(format!("({})", terms.join(&format!(" {word} "))), Of::Boolean))
    }

    fn not(&mut self) -> Parsed {
        if !self.takes_word("NOT") {
            return self.comparison();
        }
        let term = self.deeper(Self::not)?;
        require(&term, Of::Boolean)?;
        Ok(Term::new(format!("(NOT {})", term.sql), Of::Boolean))
    }

    fn comparison(&mut self) -> Parsed {
        let left = self.sum()?;
        if self.takes_word("IS") {
            return self.is(left);
        }
        let not = if self.takes_word("NOT") { "NOT " } else { "" };
        if self.takes_word("IN") {
            return self.within(left, not);
        }
        if self.takes_word("BETWEEN") {
            return self.between(left, not);
        }
        if !not.is_empty() {
            return Err("NOT is followed by something that is not portable".to_owned());
        }
        let Some(operator) = self.takes_one(&["=", "==", "<>", "!=", "<=", ">=", "<", ">"]) else {
            return Ok(left);
        };
        let operator = match operator {
            "==" => "=",
            "!=" => "<>",
            other => other,
        };
        match operator {
            "=" if self.takes_word("ANY") => self.of_array(left, ""),
            "<>" if self.takes_word("ALL") => self.of_array(left, "NOT "),
            _ => {
                let right = self.sum()?;
                compared(left, operator, right)
            }
        }
    }

    fn is(&mut self, left: Term) -> Parsed {
        let not = if self.takes_word("NOT") { "NOT " } else { "" };
        for word in ["NULL", "TRUE", "FALSE"] {
            if self.takes_word(word) {
                if word != "NULL" {
                    require(&left, Of::Boolean)?;
                }
                return Ok(Term::new(format!("({} IS {not}{word})", left.sql), Of::Boolean));
            }
        }
        Err("IS is followed by something that is not portable".to_owned())
    }

    fn within(&mut self, left: Term, not: &str) -> Parsed {
        self.expects("(")?;
        let list = self.list(")")?;
        one_of(left, not, list)
    }

    /// `= ANY (ARRAY[…])`, which is how PostgreSQL writes `IN (…)` back.
    fn of_array(&mut self, left: Term, not: &str) -> Parsed {
        self.expects("(")?;
        let inner = self.takes("(");
        if !self.takes_word("ARRAY") {
            return Err("ANY is not over an array of literals".to_owned());
        }
        self.expects("[")?;
        let list = self.list("]")?;
        if inner {
            self.expects(")")?;
        }
        if self.takes("::") {
            self.type_name()?;
        }
        self.expects(")")?;
        one_of(left, not, list)
    }

    fn between(&mut self, left: Term, not: &str) -> Parsed {
        let low = self.sum()?;
        if !self.takes_word("AND") {
            return Err("BETWEEN has no AND".to_owned());
        }
        let high = self.sum()?;
        for term in [&left, &low, &high] {
            require(term, Of::Number)?;
        }
        Ok(Term::new(format!("({} {not}BETWEEN {} AND {})", left.sql, low.sql, high.sql), Of::Boolean))
    }

    fn list(&mut self, close: &str) -> Result<Vec<Term>, String> {
        let mut list = vec![self.deeper(Self::sum)?];
        while self.takes(",") {
            list.push(self.deeper(Self::sum)?);
        }
        self.expects(close)?;
        Ok(list)
    }

    fn sum(&mut self) -> Parsed {
        let mut left = self.product()?;
        while let Some(operator) = self.takes_one(&["+", "-", "||"]) {
            let right = self.product()?;
            let of = if operator == "||" { Of::Text } else { Of::Number };
            left = combined(left, operator, right, of)?;
        }
        Ok(left)
    }

    fn product(&mut self) -> Parsed {
        let mut left = self.signed()?;
        while self.takes("*") {
            let right = self.signed()?;
            left = combined(left, "*", right, Of::Number)?;
        }
        Ok(left)
    }

    fn signed(&mut self) -> Parsed {
        if !self.takes("-") {
            return self.cast();
        }
        let term = self.deeper(Self::signed)?;
        require(&term, Of::Number)?;
        Ok(match term.literal {
            Some(digits) if !digits.starts_with('-') => Term::number(format!("-{digits}")),
            _ => Term::new(format!("(-{})", term.sql), Of::Number),
        })
    }

    /// An operand and the casts behind it, which only go where they change nothing.
    fn cast(&mut self) -> Parsed {
        let mut term = self.operand()?;
        while self.takes("::") {
            let to = self.type_name()?;
            term = cast(term, &to)?;
        }
        Ok(term)
    }

    fn operand(&mut self) -> Parsed {
        let token = self.peek().ok_or("it ends early")?.clone();
        self.at += 1;
        match token {
            Token::Number(digits) => Ok(Term::number(digits)),
            Token::Text(text) => Ok(Term::text(text)),
            Token::Name(name) => self.column(&name, true),
            Token::Symbol("(") => {
                let term = self.deeper(Self::any_of)?;
                self.expects(")")?;
                Ok(term)
            }
            Token::Word(word) => self.word(&word),
            Token::Symbol(symbol) => Err(format!("`{symbol}` is where a value should be")),
        }
    }

    fn word(&mut self, word: &str) -> Parsed {
        let known = word.to_ascii_uppercase();
        if self.takes("(") {
            return self.call(&known);
        }
        Ok(match known.as_str() {
            "TRUE" | "FALSE" => Term { literal: Some(known.clone()), ..Term::new(known, Of::Boolean) },
            "NULL" => Term { literal: Some(known.clone()), ..Term::new(known, Of::Null) },
            _ => return self.column(word, false),
        })
    }

    /// Functions that are the same everywhere.
    fn call(&mut self, name: &str) -> Parsed {
        let arguments = if self.takes(")") { Vec::new() } else { self.list(")")? };
        let (name, of) = match (name, arguments.as_slice()) {
            ("ABS", [one]) => ("abs", require(one, Of::Number)?),
            ("LENGTH" | "CHAR_LENGTH" | "CHARACTER_LENGTH", [one]) => {
                require(one, Of::Text)?;
                ("length", Of::Number)
            }
            ("COALESCE", [first, rest @ ..]) if !rest.is_empty() => {
                rest.iter().try_for_each(|term| require(term, first.of).map(|_| ()))?;
                ("coalesce", first.of)
            }
            _ => return Err(format!("the function {} is not portable", name.to_ascii_lowercase())),
        };
        let arguments: Vec<_> = arguments.into_iter().map(|term| term.sql).collect();
        Ok(Term::new(format!("{name}({})", arguments.join(", ")), of))
    }

    fn column(&self, name: &str, quoted: bool) -> Parsed {
        let column = self.columns.iter().find(|column| {
            let folded = if self.folds_all { column.name.eq_ignore_ascii_case(name) } else { false };
            folded || if quoted { column.name == name } else { column.name == name.to_lowercase() }
        });
        let column = column.ok_or_else(|| format!("`{name}` is not portable"))?;
        Ok(Term::new(format!("\"{}\"", column.name.replace('"', "\"\"")), kept_as(column)))
    }

    /// `character varying(10)[]`, `timestamp without time zone`, ….
    fn type_name(&mut self) -> Result<String, String> {
        const FURTHER: [&str; 6] = ["varying", "precision", "without", "with", "time", "zone"];
        let mut name = match self.peek() {
            Some(Token::Word(word)) => word.to_lowercase(),
            Some(Token::Name(name)) => name.clone(),
            _ => return Err("a cast names no type".to_owned()),
        };
        self.at += 1;
        while let Some(Token::Word(word)) = self.peek() {
            let word = word.to_lowercase();
            if !FURTHER.contains(&word.as_str()) {
                break;
            }
            name = format!("{name} {word}");
            self.at += 1;
        }
        if self.takes("(") {
            return Err(format!("a cast to {name} of a certain length may change the value"));
        }
        if self.takes("[") {
            self.expects("]")?;
            name.push_str("[]");
        }
        Ok(name)
    }

    fn deeper(&mut self, parse: fn(&mut Self) -> Parsed) -> Parsed {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("it is nested too deeply".to_owned());
        }
        let term = parse(self);
        self.depth -= 1;
        term
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn takes(&mut self, symbol: &str) -> bool {
        let taken = matches!(self.peek(), Some(Token::Symbol(found)) if *found == symbol);
        self.at += usize::from(taken);
        taken
    }

    fn takes_one(&mut self, symbols: &[&'static str]) -> Option<&'static str> {
        symbols.iter().copied().find(|symbol| self.takes(symbol))
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let taken = matches!(self.peek(), Some(Token::Word(found)) if found.eq_ignore_ascii_case(word));
        self.at += usize::from(taken);
        taken
    }

    fn expects(&mut self, symbol: &str) -> Result<(), String> {
        if self.takes(symbol) { Ok(()) } else { Err(format!("`{symbol}` is missing")) }
    }
}

impl Term {
    fn new(sql: String, of: Of) -> Self {
        Self { sql, of, literal: None }
    }

    fn number(digits: String) -> Self {
        Self { sql: digits.clone(), of: Of::Number, literal: Some(digits) }
    }

    fn text(text: String) -> Self {
        Self { sql: format!("'{}'", text.replace('\'', "''")), of: Of::Text, literal: Some(text) }
    }
}

/// Texts that are compared as texts everywhere: not those that hold dates, documents or decimals.
fn kept_as(column: &Column) -> Of {
    const TEXTS: [&str; 9] =
        ["", "text", "varchar", "character varying", "nvarchar", "clob", "uuid", "name", "tinytext"];
    let declared = column.declared.split('(').next().unwrap_or_default().trim().to_lowercase();
    match column.values {
        ValueType::Integer | ValueType::Real => Of::Number,
        ValueType::Boolean => Of::Boolean,
        ValueType::Text if TEXTS.contains(&declared.as_str()) => Of::Text,
        _ => Of::Other,
    }
}

fn require(term: &Term, of: Of) -> Result<Of, String> {
    let name = match of {
        _ if term.of == of && of != Of::Other => return Ok(of),
        Of::Number => "a number",
        Of::Text => "a text",
        Of::Boolean => "a condition",
        Of::Null | Of::Other => "of a type that all dialects share",
    };
    Err(format!("{} is not {name}", term.sql))
}

fn compared(left: Term, operator: &str, right: Term) -> Parsed {
    require(&right, left.of)?;
    if left.of != Of::Number && !matches!(operator, "=" | "<>") {
        return Err(format!("`{operator}` orders texts, which depends on collations"));
    }
    if left.of == Of::Null {
        return Err("it compares with NULL".to_owned());
    }
    Ok(Term::new(format!("({} {operator} {})", left.sql, right.sql), Of::Boolean))
}

fn one_of(left: Term, not: &str, list: Vec<Term>) -> Parsed {
    list.iter().try_for_each(|term| require(term, left.of).map(|_| ()))?;
    let list: Vec<_> = list.into_iter().map(|term| term.sql).collect();
    Ok(Term::new(format!("({} {not}IN ({}))", left.sql, list.join(", ")), Of::Boolean))
}

fn combined(left: Term, operator: &str, right: Term, of: Of) -> Parsed {
    require(&left, of)?;
    require(&right, of)?;
    Ok(Term::new(format!("({} {operator} {})", left.sql, right.sql), of))
}

/// What is left of a cast: nothing where it changes nothing, the value where it is a literal.
fn cast(term: Term, to: &str) -> Parsed {
    const EXACT: [&str; 8] =
        ["numeric", "decimal", "bigint", "int8", "double precision", "float8", "integer", "smallint"];
    const TEXTS: [&str; 5] = ["text", "character varying", "varchar", "bpchar", "name"];
    const TIMES: [&str; 3] = ["date", "time", "interval"];
    let refused = || Err(format!("a cast of {} to {to} is not portable", term.sql));
    let is_whole = |digits: &str| digits.parse::<i64>().is_ok();
    match (term.of, &term.literal) {
        (Of::Null, _) => Ok(term),
        (Of::Number, Some(digits)) if EXACT.contains(&to) && (is_whole(digits) || EXACT[..6].contains(&to)) => Ok(term),
        (Of::Number, None) if ["numeric", "decimal", "double precision", "float8"].contains(&to) => Ok(term),
        (Of::Text, Some(text)) if EXACT.contains(&to) && is_whole(text) => Ok(Term::number(text.clone())),
        (Of::Text, _) if TEXTS.contains(&to) => Ok(term),
        (Of::Boolean, _) if to == "boolean" => Ok(term),
        (Of::Text, Some(text)) if to == "boolean" => match text.as_str() {
            "t" | "true" => Ok(Term::new("TRUE".to_owned(), Of::Boolean)),
            "f" | "false" => Ok(Term::new("FALSE".to_owned(), Of::Boolean)),
            _ => refused(),
        },
        // `'now'::date` is no constant.
        (Of::Text, Some(text)) if TIMES.iter().any(|time| to.starts_with(time)) => {
            if text.starts_with(|first: char| first.is_ascii_digit()) { Ok(term) } else { refused() }
        }
        (Of::Text, Some(_)) if !["bytea", "regclass", "real", "float4", "int2", "int4"].contains(&to) => Ok(term),
        _ => refused(),
    }
}

fn shown(token: &Token) -> String {
    match token {
        Token::Number(text) | Token::Word(text) => format!("`{text}`"),
        Token::Text(text) => format!("`'{text}'`"),
        Token::Name(text) => format!("`\"{text}\"`"),
        Token::Symbol(symbol) => format!("`{symbol}`"),
    }
}
