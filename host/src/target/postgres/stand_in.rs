//! Until the real one is here.
use crate::error::{Error, Result};
use crate::sql::{Dialect, TokenKind, tokens};

use super::placement::quoted;

pub(crate) trait Resolver {
    fn knows(&self, schema: &str) -> bool;
    fn object(&self, schema: &str, name: &str) -> String;
    fn schema(&self, schema: &str) -> String;
}

pub(crate) fn place(statement: &str, resolver: &dyn Resolver) -> Result<String> {
    let dialect = Dialect::Postgresql;
    let tokens = tokens(statement, dialect).map_err(|why| Error::new("target.bad_definition", why))?;
    let (mut out, mut at) = (String::new(), 0);
    for (nth, token) in tokens.iter().enumerate() {
        let name = |nth: usize| {
            tokens
                .get(nth)
                .filter(|token| matches!(token.kind, TokenKind::Word | TokenKind::Quoted))
                .and_then(|token| token.name(dialect))
        };
        let Some(schema) = name(nth).filter(|name| resolver.knows(name)) else { continue };
        let dotted = nth > 0 && tokens[nth - 1].text == ".";
        if dotted {
            continue;
        }
        let to = match tokens.get(nth + 1).map(|token| token.text) {
            Some(".") => name(nth + 2).map(|name| resolver.object(&schema, &name)),
            _ if nth > 0 && tokens[nth - 1].text.eq_ignore_ascii_case("schema") => Some(resolver.schema(&schema)),
            _ => None,
        };
        if let Some(to) = to {
            out.push_str(&statement[at..token.start]);
            out.push_str(&quoted(&to));
            at = token.start + token.text.len();
        }
    }
    out.push_str(&statement[at..]);
    Ok(out)
}
