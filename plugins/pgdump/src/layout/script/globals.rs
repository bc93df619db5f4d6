//! The objects of a script of globals, put together from its statements.

use std::collections::{HashMap, HashSet};

use reinstate_plugin::{Failure, Item, ObjectName, Section};
use serde::Serialize;

use crate::attributes::{Attributes, RoleAttributes};
use crate::kinds::{COMMENT, PRIVILEGES, ROLE, SECURITY_LABEL, TABLESPACE, USER};

use super::super::fault::{damaged, unsupported};
use super::super::sql::Tokens;
use super::role;
use super::statement::{Statement, Statements};

/// Statements that set the session, or that drop what comes after them.
const IGNORED: [&str; 3] = ["set", "select", "drop"];

/// Reads all statements; `encoding` is the script's.
pub(super) fn read(script: &str, encoding: &str) -> Result<Vec<Item>, Failure> {
    let mut globals = Globals { encoding: encoding.to_owned(), ..Globals::default() };
    let mut statements = Statements::of(script);
    while let Some(statement) = statements.next()? {
        globals.add(&statement)?;
    }
    globals.items()
}

#[derive(Debug, Default)]
struct Globals {
    roles: Vec<(String, RoleAttributes)>,
    role_places: HashMap<String, usize>,
    tablespaces: Vec<(String, Attributes)>,
    /// Privileges, comments and labels, each with its kind and the tablespace it hangs on.
    others: Vec<Other>,
    encoding: String,
}

#[derive(Debug)]
struct Other {
    kind: &'static str,
    tag: String,
    definition: String,
    tablespace: Option<String>,
}

impl Globals {
    fn add(&mut self, statement: &Statement<'_>) -> Result<(), Failure> {
        let mut tokens = statement.tokens();
        let first = tokens.next().and_then(|token| token.name()).unwrap_or_default();
        let understood = match first.as_str() {
            "create" if tokens.accept(&["role"]) => self.create_role(tokens),
            "create" if tokens.accept(&["tablespace"]) => self.create_tablespace(tokens, statement),
            "alter" if tokens.accept(&["role"]) => self.alter_role(tokens, statement),
            "alter" if tokens.accept(&["tablespace"]) => self.alter_tablespace(tokens, statement),
            "grant" | "revoke" => self.grant(&first, tokens, statement),
            "comment" if tokens.accept(&["on"]) => self.comment(tokens, statement),
            "security" if tokens.accept(&["label"]) => self.label(tokens, statement),
            word if IGNORED.contains(&word) => Some(()),
            _ => return Err(foreign(statement)),
        };
        understood.ok_or_else(|| statement.wrong())
    }

    fn role(&mut self, name: &str) -> &mut RoleAttributes {
        let place = *self.role_places.entry(name.to_owned()).or_insert_with(|| {
            // What PostgreSQL gives a role whose statement does not say.
            self.roles.push((name.to_owned(), RoleAttributes { inherit: true, ..RoleAttributes::default() }));
            self.roles.len() - 1
        });
        &mut self.roles[place].1
    }

    fn create_role(&mut self, mut tokens: Tokens<'_>) -> Option<()> {
        let name = tokens.next()?.name()?;
        tokens.accept(&["with"]);
        role::options(tokens, self.role(&name))
    }

    fn alter_role(&mut self, mut tokens: Tokens<'_>, statement: &Statement<'_>) -> Option<()> {
        let name = tokens.next()?.name()?;
        let role = self.role(&name);
        if tokens.accept(&["with"]) {
            return role::options(tokens, role);
        }
        role::setting(tokens, statement.text, role)
    }

    fn create_tablespace(&mut self, mut tokens: Tokens<'_>, statement: &Statement<'_>) -> Option<()> {
        let name = tokens.next()?.name()?;
        let owner = if tokens.accept(&["owner"]) { tokens.next()?.name() } else { None };
        let attributes = Attributes {
            desc: "TABLESPACE".to_owned(),
            tag: name.clone(),
            owner,
            definition: statement.whole(),
            encoding: self.encoding.clone(),
            std_strings: true,
            ..Attributes::default()
        };
        self.tablespaces.push((name, attributes));
        Some(())
    }

    fn alter_tablespace(&mut self, mut tokens: Tokens<'_>, statement: &Statement<'_>) -> Option<()> {
        let name = tokens.next()?.name()?;
        let (_, attributes) = self.tablespaces.iter_mut().find(|(known, _)| *known == name)?;
        attributes.definition.push('\n');
        attributes.definition.push_str(&statement.whole());
        Some(())
    }

    /// A membership, or privileges on a parameter or a tablespace.
    fn grant(&mut self, verb: &str, tokens: Tokens<'_>, statement: &Statement<'_>) -> Option<()> {
        let mut ahead = tokens.clone();
        if ahead.behind("on").is_none() {
            let (member, membership) = role::membership(tokens).filter(|_| verb == "grant")?;
            self.role(&member).member_of.push(membership);
            return Some(());
        }
        let (tag, tablespace) = if ahead.accept(&["tablespace"]) {
            let name = ahead.next()?.name()?;
            (format!("TABLESPACE {name}"), Some(name))
        } else if ahead.accept(&["parameter"]) {
            (format!("PARAMETER {}", ahead.names()?.join(".")), None)
        } else {
            return None;
        };
        self.other(PRIVILEGES, tag, tablespace, statement);
        Some(())
    }

    fn comment(&mut self, mut tokens: Tokens<'_>, statement: &Statement<'_>) -> Option<()> {
        if tokens.accept(&["role"]) {
            let name = tokens.next()?.name()?;
            tokens.accept(&["is"]).then_some(())?;
            self.role(&name).comment = tokens.next()?.literal();
            return Some(());
        }
        tokens.accept(&["tablespace"]).then_some(())?;
        let name = tokens.next()?.name()?;
        self.other(COMMENT, format!("TABLESPACE {name}"), Some(name), statement);
        Some(())
    }

    fn label(&mut self, mut tokens: Tokens<'_>, statement: &Statement<'_>) -> Option<()> {
        tokens.behind("on")?;
        let is_tablespace = tokens.accept(&["tablespace"]);
        let word = if is_tablespace { "TABLESPACE" } else { "ROLE" };
        if !is_tablespace {
            tokens.accept(&["role"]).then_some(())?;
        }
        let name = tokens.next()?.name()?;
        self.other(SECURITY_LABEL, format!("{word} {name}"), Some(name).filter(|_| is_tablespace), statement);
        Some(())
    }

    /// Statements about the same thing make one object.
    fn other(&mut self, kind: &'static str, tag: String, tablespace: Option<String>, statement: &Statement<'_>) {
        match self.others.iter_mut().find(|other| other.kind == kind && other.tag == tag) {
            Some(other) => {
                other.definition.push('\n');
                other.definition.push_str(&statement.whole());
            }
            None => self.others.push(Other { kind, tag, definition: statement.whole(), tablespace }),
        }
    }

    fn items(self) -> Result<Vec<Item>, Failure> {
        let logins: HashMap<&str, bool> = self.roles.iter().map(|(name, role)| (name.as_str(), role.login)).collect();
        let role_name = |name: &str| logins.get(name).map(|login| global(if *login { USER } else { ROLE }, name));
        let mut items = Vec::new();
        for (name, attributes) in &self.roles {
            let kind = if attributes.login { USER } else { ROLE };
            let roles = attributes.member_of.iter().filter_map(|membership| role_name(&membership.role));
            items.push(item(global(kind, name), attributes, roles.collect(), Section::PreData)?);
        }
        for (name, attributes) in &self.tablespaces {
            let owner = attributes.owner.as_deref().and_then(role_name);
            items.push(item(global(TABLESPACE, name), attributes, owner.into_iter().collect(), Section::PreData)?);
        }
        // Privileges name roles anywhere in their statements: all of them come first.
        let everyone: Vec<ObjectName> = self.roles.iter().filter_map(|(name, _)| role_name(name)).collect();
        for other in &self.others {
            let of = other.tablespace.as_ref().map(|name| global(TABLESPACE, name));
            let depends = of.iter().chain(&everyone).cloned().collect();
            items.push(item(
                global(other.kind, &other.tag),
                &other.attributes(of, &self.encoding),
                depends,
                Section::PostData,
            )?);
        }
        check_twice(&items)?;
        Ok(items)
    }
}

impl Other {
    fn attributes(&self, of: Option<ObjectName>, encoding: &str) -> Attributes {
        let desc = match self.kind {
            PRIVILEGES => "ACL",
            COMMENT => "COMMENT",
            _ => "SECURITY LABEL",
        };
        Attributes {
            desc: desc.to_owned(),
            tag: self.tag.clone(),
            definition: self.definition.clone(),
            of,
            encoding: encoding.to_owned(),
            std_strings: true,
            ..Attributes::default()
        }
    }
}

/// A tablespace that is made twice.
fn check_twice(items: &[Item]) -> Result<(), Failure> {
    let mut seen = HashSet::new();
    match items.iter().find(|item| !seen.insert((&item.name.kind, &item.name.name))) {
        Some(item) => Err(damaged(format!("The script makes {} twice", item.name))),
        None => Ok(()),
    }
}

fn global(kind: &str, name: &str) -> ObjectName {
    ObjectName { kind: kind.to_owned(), schema: None, name: name.to_owned() }
}

fn item(
    name: ObjectName,
    attributes: &impl Serialize,
    depends: Vec<ObjectName>,
    section: Section,
) -> Result<Item, Failure> {
    let attributes = serde_json::to_string(attributes)
        .map_err(|error| damaged(format!("The attributes of {name} cannot be written: {error}")))?;
    Ok(Item { name, attributes, section, depends, payloads: Vec::new() })
}

/// The whole of a cluster was dumped, say.
fn foreign(statement: &Statement<'_>) -> Failure {
    let text: String = statement.text.chars().take(60).collect();
    unsupported(format!(
        "Line {} of the script makes neither roles nor tablespaces: `{}`; write it with pg_dumpall --globals-only, and each \
         database with pg_dump",
        statement.line,
        text.escape_debug()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(script: &str) -> Vec<Item> {
        read(script, "UTF8").unwrap()
    }

    fn role(items: &[Item], name: &str) -> RoleAttributes {
        let item = items.iter().find(|item| item.name.name == name).unwrap();
        serde_json::from_str(&item.attributes).unwrap()
    }

    #[test]
    fn roles_are_put_together() {
        let items = read_all(
            "\\restrict x\nSET client_encoding = 'UTF8';\nCREATE ROLE \"T Weird \"\"Role\"\"\";\n\
             ALTER ROLE \"T Weird \"\"Role\"\"\" WITH NOSUPERUSER INHERIT NOCREATEROLE CREATEDB LOGIN NOREPLICATION NOBYPASSRLS \
             CONNECTION LIMIT 3 PASSWORD 'SCRAM-SHA-256$4096:a''b' VALID UNTIL '2099-12-31 00:00:00+00';\n\
             CREATE ROLE t_owner;\nALTER ROLE t_owner WITH NOINHERIT NOLOGIN CONNECTION LIMIT -1;\n\
             ALTER ROLE t_owner SET search_path TO 'a', E'b\\\\c;';\n\
             ALTER ROLE t_owner IN DATABASE \"d b\" SET \"my.setting\" TO 'x';\n\
             ALTER ROLE t_owner SET plpgsql.extra = 'y';\n\
             COMMENT ON ROLE t_owner IS 'owns''s';\n\
             GRANT t_owner TO \"T Weird \"\"Role\"\"\" WITH ADMIN OPTION, INHERIT FALSE, SET TRUE GRANTED BY postgres;\n\
             GRANT pg_read_all_data TO t_owner;\n",
        );
        let weird = role(&items, "T Weird \"Role\"");
        assert!(weird.login && weird.create_db && weird.inherit && !weird.superuser);
        assert_eq!(weird.connection_limit, Some(3));
        assert_eq!(weird.password_hash.as_deref(), Some("SCRAM-SHA-256$4096:a'b"));
        assert_eq!(weird.valid_until.as_deref(), Some("2099-12-31 00:00:00+00"));
        let membership = &weird.member_of[0];
        assert_eq!((membership.role.as_str(), membership.admin), ("t_owner", true));
        assert_eq!((membership.inherit, membership.set), (Some(false), Some(true)));
        assert_eq!(membership.granted_by.as_deref(), Some("postgres"));
        let owner = role(&items, "t_owner");
        assert!(!owner.login && !owner.inherit);
        assert_eq!(owner.connection_limit, None);
        assert_eq!(owner.comment.as_deref(), Some("owns's"));
        let setting = |database: Option<&str>, name: &str, value: &str| {
            (database.map(str::to_owned), name.to_owned(), value.to_owned())
        };
        assert_eq!(
            owner.settings,
            [
                setting(None, "search_path", "'a', E'b\\\\c;'"),
                setting(Some("d b"), "my.setting", "'x'"),
                setting(None, "plpgsql.extra", "'y'"),
            ]
        );
        assert_eq!((items[0].name.kind.as_str(), items[1].name.kind.as_str()), ("user", "role"));
        assert_eq!(items[0].depends, [global("role", "t_owner")]);
        assert!(items[1].depends.is_empty());
    }

    #[test]
    fn tablespaces_and_privileges_are_objects_of_their_own() {
        let items = read_all(
            "CREATE ROLE a;\nCREATE TABLESPACE \"fast one\" OWNER a LOCATION '/x';\nALTER TABLESPACE \"fast one\" SET (seq_page_cost='2');\n\
             GRANT ALL ON TABLESPACE \"fast one\" TO a;\nREVOKE ALL ON TABLESPACE \"fast one\" FROM PUBLIC;\n\
             GRANT SET ON PARAMETER work_mem TO a;\nCOMMENT ON TABLESPACE \"fast one\" IS 'c';\n\
             SECURITY LABEL FOR dummy ON ROLE a IS 'x';\n",
        );
        let names: Vec<_> = items.iter().map(|item| item.name.to_string()).collect();
        assert_eq!(
            names,
            [
                "role a",
                "tablespace fast one",
                "privileges TABLESPACE fast one",
                "privileges PARAMETER work_mem",
                "comment TABLESPACE fast one",
                "security_label ROLE a"
            ]
        );
        let attributes: Attributes = serde_json::from_str(&items[1].attributes).unwrap();
        assert_eq!(attributes.definition.lines().count(), 2);
        let attributes: Attributes = serde_json::from_str(&items[2].attributes).unwrap();
        assert_eq!((attributes.definition.lines().count(), attributes.of), (2, Some(items[1].name.clone())));
        assert_eq!(items[1].depends, [items[0].name.clone()]);
    }

    #[test]
    fn other_scripts_are_refused() {
        for (script, code) in [
            ("CREATE DATABASE a;", "pgdump.unsupported"),
            ("COPY t FROM stdin;", "pgdump.unsupported"),
            ("CREATE TABLE t (a int);", "pgdump.unsupported"),
            ("ALTER ROLE a WITH FLYING;", "pgdump.damaged"),
            ("ALTER ROLE a WITH CONNECTION LIMIT x;", "pgdump.damaged"),
            ("GRANT a b;", "pgdump.damaged"),
            ("REVOKE a FROM b;", "pgdump.damaged"),
            ("ALTER TABLESPACE a SET (x=1);", "pgdump.damaged"),
            ("CREATE TABLESPACE a LOCATION ''; CREATE TABLESPACE a LOCATION '';", "pgdump.damaged"),
            ("CREATE ROLE", "pgdump.damaged"),
        ] {
            assert_eq!(read(script, "UTF8").unwrap_err().code, code, "{script}");
        }
    }
}
