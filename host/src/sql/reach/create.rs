//! `CREATE`, `ALTER` and `DROP`, by what they make and change.

use super::{Reach, Statement};

/// Languages whose code cannot leave its sandbox.
const TRUSTED_LANGUAGES: [&str; 8] = ["sql", "plpgsql", "plperl", "pltcl", "plv8", "plcoffee", "plls", "pllua"];

/// Extensions that give files, programs or the network to those who may use them.
const UNTRUSTED_EXTENSIONS: [&str; 22] = [
    "adminpack",
    "bool_plperlu",
    "dblink",
    "file_fdw",
    "hstore_plperlu",
    "hstore_plpython3u",
    "http",
    "jsonb_plperlu",
    "jsonb_plpython3u",
    "ltree_plpython3u",
    "pageinspect",
    "pg_background",
    "pg_cron",
    "pg_net",
    "pg_surgery",
    "plperlu",
    "plpython3u",
    "plr",
    "plsh",
    "pltclu",
    "postgres_fdw",
    "sslinfo",
];

/// What may stand between `CREATE` and what is created.
pub(super) const BEFORE_KIND: [&str; 13] = [
    "OR",
    "REPLACE",
    "GLOBAL",
    "LOCAL",
    "TEMP",
    "TEMPORARY",
    "UNLOGGED",
    "TRUSTED",
    "PROCEDURAL",
    "CONSTRAINT",
    "UNIQUE",
    "RECURSIVE",
    "DEFAULT",
];

impl Statement<'_> {
    pub(super) fn create(&self) -> Vec<Reach> {
        let mut kind = 1;
        while BEFORE_KIND.iter().any(|word| self.is_word(kind, word)) {
            kind += 1;
        }
        match self.kind(kind).as_str() {
            "AGGREGATE" | "CAST" | "COLLATION" | "CONVERSION" | "DOMAIN" | "INDEX" | "MATERIALIZED" | "OPERATOR"
            | "POLICY" | "PUBLICATION" | "RULE" | "SEQUENCE" | "STATISTICS" | "TEXT" | "TRANSFORM" | "TRIGGER"
            | "TYPE" | "VIEW" => Vec::new(),
            "ACCESS" if self.is_word(kind + 1, "METHOD") => Vec::new(),
            "TABLE" => self.table(),
            "SCHEMA" => self.schema(),
            "FUNCTION" | "PROCEDURE" => self.routine(),
            "LANGUAGE" => self.language(kind + 1),
            "EXTENSION" => self.extension(kind + 1),
            _ => self.shared(kind),
        }
    }

    pub(super) fn alter(&self) -> Vec<Reach> {
        if self.find("ALL IN TABLESPACE").is_some() {
            return vec![self.reach("sql.server_file", "moves everything of a tablespace")];
        }
        match self.kind(1).as_str() {
            "AGGREGATE" | "COLLATION" | "CONVERSION" | "DEFAULT" | "DOMAIN" | "INDEX" | "LANGUAGE" | "LARGE"
            | "MATERIALIZED" | "OPERATOR" | "POLICY" | "PUBLICATION" | "RULE" | "SCHEMA" | "SEQUENCE"
            | "STATISTICS" | "TABLE" | "TEXT" | "TRIGGER" | "TYPE" | "VIEW" => Vec::new(),
            "FUNCTION" | "PROCEDURE" | "ROUTINE" => self.definer(),
            "SYSTEM" => vec![self.reach("sql.alter_system", "changes the server's settings")],
            _ => self.shared(1),
        }
    }

    /// Archives drop nothing; what a name stands for at the target is another's.
    pub(super) fn removal(&self) -> Vec<Reach> {
        match self.kind(1).as_str() {
            "DATABASE" => vec![self.reach("sql.other_database", "drops a database")],
            _ => vec![self.unknown()],
        }
    }

    /// What is the whole database's or the whole server's, whether it is created or altered.
    fn shared(&self, kind: usize) -> Vec<Reach> {
        match self.kind(kind).as_str() {
            "ROLE" | "GROUP" => self.role(),
            "USER" if self.is_word(kind + 1, "MAPPING") => {
                vec![self.reach("sql.foreign_server", "keeps a login to another system")]
            }
            "USER" => self.role(),
            "DATABASE" => vec![self.reach("sql.other_database", "makes or changes a whole database")],
            "TABLESPACE" => vec![self.reach("sql.server_file", "makes or changes a folder of the server")],
            "EVENT" => vec![self.reach("sql.event_trigger", "makes or changes an event trigger")],
            "SERVER" => vec![self.reach("sql.foreign_server", "names another system")],
            "SUBSCRIPTION" => vec![self.reach("sql.foreign_server", "subscribes to another system")],
            "FOREIGN" if self.is_word(kind + 1, "TABLE") => self.foreign_table(),
            "FOREIGN" => vec![self.reach("sql.foreign_server", "makes or changes a way to other systems")],
            _ => vec![self.unknown()],
        }
    }

    fn kind(&self, at: usize) -> String {
        let word = self.tokens.get(at).filter(|token| token.kind == crate::sql::TokenKind::Word);
        word.map(|token| token.text.to_ascii_uppercase()).unwrap_or_default()
    }

    /// A table is created empty.
    fn table(&self) -> Vec<Reach> {
        let queries = ["SELECT", "WITH", "VALUES", "TABLE", "EXECUTE"];
        let filled = self
            .find("AS")
            .is_some_and(|at| queries.iter().any(|word| self.is_word(at + 1, word)) || self.is_symbol(at + 1, '('));
        if filled { vec![self.unknown()] } else { Vec::new() }
    }

    /// A schema is created without what is in it.
    fn schema(&self) -> Vec<Reach> {
        let holds = |word: &str| (1..self.tokens.len()).any(|at| self.is_word(at, word));
        if ["CREATE", "GRANT"].into_iter().any(holds) { vec![self.unknown()] } else { Vec::new() }
    }

    fn routine(&self) -> Vec<Reach> {
        let mut found = self.definer();
        found.extend(self.language_of_code());
        found
    }

    pub(super) fn definer(&self) -> Vec<Reach> {
        let what = "runs with its owner's rights, which matters when that is a more powerful role";
        self.find("SECURITY DEFINER").map(|_| self.reach("sql.security_definer", what)).into_iter().collect()
    }

    /// The language that follows `LANGUAGE`: a name or a text.
    fn language_of_code(&self) -> Option<Reach> {
        let at = self.find("LANGUAGE")?;
        let language = self.name_or_text(at + 1).unwrap_or_default();
        // Servers once looked names up without their case.
        let trusted = TRUSTED_LANGUAGES.contains(&language.to_lowercase().as_str());
        let what = format!("is code in `{language}`, a language without a sandbox");
        (!trusted).then(|| self.reach("sql.untrusted_language", &what))
    }

    fn language(&self, at: usize) -> Vec<Reach> {
        let trusted =
            self.name_or_text(at).is_some_and(|name| TRUSTED_LANGUAGES.contains(&name.to_lowercase().as_str()));
        // `TRUSTED` is a claim of the archive where it brings the handler itself.
        let harmless = trusted && self.find("HANDLER").is_none();
        if harmless { Vec::new() } else { vec![self.reach("sql.untrusted_language", "makes a language")] }
    }

    fn extension(&self, at: usize) -> Vec<Reach> {
        let at = if self.at(at, "IF NOT EXISTS") { at + 3 } else { at };
        let name = self.name_or_text(at).unwrap_or_default().to_lowercase();
        let untrusted = UNTRUSTED_EXTENSIONS.contains(&name.as_str()) || name.starts_with("plpython");
        let what = format!("installs `{name}`, which opens files, programs or the network");
        if untrusted { vec![self.reach("sql.extension_untrusted", &what)] } else { Vec::new() }
    }

    /// A foreign table may name a file or a program.
    fn foreign_table(&self) -> Vec<Reach> {
        let mut found = Vec::new();
        for at in 0..self.tokens.len().saturating_sub(1) {
            let followed = self.tokens[at + 1].kind == crate::sql::TokenKind::Literal;
            match self.name(at).filter(|_| followed).unwrap_or_default().to_lowercase().as_str() {
                "filename" => found.push(self.reach("sql.server_file", "names a file of the server")),
                "program" => found.push(self.reach("sql.program", "names a program on the server")),
                _ => {}
            }
        }
        found
    }

    pub(super) fn anonymous(&self) -> Vec<Reach> {
        let mut found = vec![self.reach("sql.anonymous_code", "runs code at once")];
        found.extend(self.language_of_code());
        found
    }
}
