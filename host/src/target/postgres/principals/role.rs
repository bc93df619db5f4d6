//! A role's attributes, as statements that make it so.

use serde_json::{Map, Value};

use crate::catalog::ObjectName;
use crate::error::Result;
use crate::target::definition::Principal;

use super::super::failure;
use super::super::placement::literal;
use super::super::work::PostgresWork;
use super::bad_attribute;

/// Words of `CREATE ROLE`, and whether a new role has them.
const FLAGS: [(&str, &str, bool); 6] = [
    ("superuser", "SUPERUSER", false),
    ("createdb", "CREATEDB", false),
    ("createrole", "CREATEROLE", false),
    ("inherit", "INHERIT", true),
    ("replication", "REPLICATION", false),
    ("bypassrls", "BYPASSRLS", false),
];

/// Settings whose value is a list, every item quoted by itself (`GUC_LIST_QUOTE` of the server's source).
const LISTS: [&str; 6] = [
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
];

/// What a role is.
#[derive(Debug, PartialEq)]
pub(super) struct Role {
    login: bool,
    /// As [`FLAGS`].
    flags: [bool; 6],
    connection_limit: i64,
    pub(super) valid_until: Option<String>,
    password: Password,
    settings: Vec<(String, String)>,
}

#[derive(Debug, PartialEq)]
enum Password {
    /// None, or none that PostgreSQL could use.
    None,
    Hash(String),
    /// It may not be read, and stays as it is.
    Unknown,
}

impl Role {
    /// As the archive has it. Attributes that PostgreSQL has no word for are left to the document.
    pub(super) fn of(principal: &Principal, object: &ObjectName) -> Result<Self> {
        let attributes: Map<String, Value> = match principal.attributes.trim() {
            "" => Map::new(),
            json => serde_json::from_str(json).map_err(|_| bad_attribute(object, "attributes"))?,
        };
        let mut flags = [false; 6];
        for (flag, (name, _, usual)) in flags.iter_mut().zip(FLAGS) {
            *flag = match attributes.get(name) {
                None | Some(Value::Null) => usual,
                Some(value) => value.as_bool().ok_or_else(|| bad_attribute(object, name))?,
            };
        }
        let connection_limit = match attributes.get("connection_limit") {
            None | Some(Value::Null) => -1,
            Some(value) => value
                .as_i64()
                .filter(|limit| (-1..=i64::from(i32::MAX)).contains(limit))
                .ok_or_else(|| bad_attribute(object, "connection_limit"))?,
        };
        Ok(Self {
            login: principal.login,
            flags,
            connection_limit,
            valid_until: principal.valid_until.clone(),
            password: principal
                .password_hash
                .clone()
                .filter(|hash| is_hash(hash))
                .map_or(Password::None, Password::Hash),
            settings: settings(&attributes, object)?,
        })
    }

    pub(super) fn create(&self, quoted: &str, name: &str) -> String {
        format!("CREATE ROLE {quoted} WITH {}{}", self.words(), self.sets(quoted, name))
    }

    pub(super) fn alter(&self, quoted: &str, name: &str) -> String {
        let password = if self.password == Password::None { " PASSWORD NULL" } else { "" };
        let until = if self.valid_until.is_none() { " VALID UNTIL 'infinity'" } else { "" };
        let words = self.words();
        format!(
            "ALTER ROLE {quoted} WITH {words}{password}{until}; ALTER ROLE {quoted} RESET ALL{}",
            self.sets(quoted, name)
        )
    }

    fn words(&self) -> String {
        let flag = |(set, (_, word, _)): (&bool, (_, &str, _))| format!("{}{word}", if *set { "" } else { "NO" });
        let mut words: Vec<String> = self.flags.iter().zip(FLAGS).map(flag).collect();
        words.push(if self.login { "LOGIN" } else { "NOLOGIN" }.to_owned());
        words.push(format!("CONNECTION LIMIT {}", self.connection_limit));
        if let Password::Hash(hash) = &self.password {
            words.push(format!("PASSWORD {}", literal(hash)));
        }
        if let Some(until) = &self.valid_until {
            words.push(format!("VALID UNTIL {}", literal(until)));
        }
        words.join(" ")
    }

    fn sets(&self, quoted: &str, _: &str) -> String {
        let set = |(name, value): &(String, String)| {
            let value = if LISTS.contains(&name.as_str()) { items(value) } else { literal(value) };
            format!("; ALTER ROLE {quoted} SET {name} TO {value}")
        };
        self.settings.iter().map(set).collect()
    }
}

/// The forms that the server keeps; it would take anything else for the password itself.
pub(in super::super) fn is_hash(hash: &str) -> bool {
    let md5 = |digits: &str| digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    hash.strip_prefix("SCRAM-SHA-256$").is_some_and(is_verifier) || hash.strip_prefix("md5").is_some_and(md5)
}

/// `iterations:salt$stored key:server key`, the keys of 32 bytes, as the server reads it: with one letter amiss it is a password.
fn is_verifier(text: &str) -> bool {
    let Some((first, keys)) = text.split_once('$') else { return false };
    let (Some((iterations, salt)), Some((stored, server))) = (first.split_once(':'), keys.split_once(':')) else {
        return false;
    };
    let letters = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'));
    let base64 = |text: &str| {
        text.len().is_multiple_of(4)
            && letters(text.strip_suffix('=').map_or(text, |text| text.strip_suffix('=').unwrap_or(text)))
    };
    let key = |text: &str| text.len() == 44 && !text.ends_with("==") && text.strip_suffix('=').is_some_and(letters);
    let number = iterations.bytes().all(|byte| byte.is_ascii_digit())
        && iterations.parse::<i32>().is_ok_and(|number| number > 0);
    number && !salt.is_empty() && base64(salt) && key(stored) && key(server)
}

fn settings(attributes: &Map<String, Value>, object: &ObjectName) -> Result<Vec<(String, String)>> {
    let wrong = || bad_attribute(object, "settings");
    let Some(given) = attributes.get("settings").filter(|given| !given.is_null()) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for (name, value) in given.as_object().ok_or_else(wrong)? {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
        let starts = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        if !starts || !name.bytes().all(plain) || name.ends_with('.') || name.contains("..") {
            return Err(wrong());
        }
        found.push((name.clone(), value.as_str().ok_or_else(wrong)?.to_owned()));
    }
    Ok(found)
}

/// The items of a list, as texts of their own.
fn items(value: &str) -> String {
    let (mut items, mut item, mut quoted) = (Vec::new(), String::new(), false);
    let mut letters = value.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.next_if_eq(&'"').is_some() => item.push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => items.push(std::mem::take(&mut item)),
            ' ' if !quoted => {}
            letter => item.push(letter),
        }
    }
    items.push(item);
    items.iter().map(|item| literal(item)).collect::<Vec<_>>().join(", ")
}

/// The role as the server has it; `None` when there is none.
pub(super) fn read(work: &mut PostgresWork, name: &str) -> Result<Option<Role>> {
    let doing = format!("Could not read the role {}", name.escape_debug());
    let readable = "SELECT pg_catalog.has_table_privilege('pg_catalog.pg_authid', 'SELECT')";
    let readable = work.connection.rows(readable, &[]).map_err(|fault| failure::failed(&fault, &doing))?;
    let readable = readable.first().is_some_and(|row| row.get(0));
    let (table, password) = if readable { ("pg_authid", "rolpassword") } else { ("pg_roles", "NULL::text") };
    let select = format!(
        "SELECT rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolinherit, rolreplication, rolbypassrls,
                rolconnlimit::bigint, rolvaliduntil::text, {password},
                (SELECT setconfig FROM pg_catalog.pg_db_role_setting WHERE setrole = r.oid AND setdatabase = 0)
         FROM pg_catalog.{table} r WHERE rolname = $1"
    );
    let rows = work.connection.rows(&select, &[&name]).map_err(|fault| failure::failed(&fault, &doing))?;
    let Some(row) = rows.first() else { return Ok(None) };
    let mut flags = [false; 6];
    for (at, flag) in flags.iter_mut().enumerate() {
        *flag = row.get(at + 1);
    }
    let settings: Option<Vec<String>> = row.get(10);
    let split = |setting: &String| setting.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    Ok(Some(Role {
        login: row.get(0),
        flags,
        connection_limit: row.get(7),
        valid_until: row.get(8),
        password: match (readable, row.get(9)) {
            (false, _) => Password::Unknown,
            (true, Some(hash)) => Password::Hash(hash),
            (true, None) => Password::None,
        },
        settings: settings.iter().flatten().filter_map(split).collect(),
    }))
}

/// Whether a role is a member of another already.
pub(super) fn is_member(work: &mut PostgresWork, name: &str, of: &str) -> Result<bool> {
    let select = "SELECT FROM pg_catalog.pg_auth_members m
        JOIN pg_catalog.pg_roles r ON r.oid = m.roleid JOIN pg_catalog.pg_roles u ON u.oid = m.member
        WHERE u.rolname = $1 AND r.rolname = $2";
    let rows = work.connection.rows(select, &[&name, &of]);
    let rows = rows.map_err(|fault| failure::failed(&fault, "Could not read who is a member of what"))?;
    Ok(!rows.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(attributes: &str, hash: Option<&str>) -> Result<Role> {
        let principal = Principal {
            login: true,
            password_hash: hash.map(Into::into),
            valid_until: None,
            attributes: attributes.into(),
        };
        Role::of(&principal, &ObjectName::new("user", None, "u"))
    }

    const HASH: &str = "SCRAM-SHA-256$4096:c2FsdA==$hXx29LvfT98/afPlsVvMOGuJYQG1fmob3NvMUz76lfw=:avGb4xYu8mR22+8ov9hKT0q8LgpqXPbhnkx2BC51oRE=";

    #[test]
    fn attributes_become_words() {
        let made = role(
            r#"{"createdb": true, "inherit": false, "connection_limit": 3, "email": "x", "settings": {"search_path": "\"$user\", Pub", "work_mem": "4'MB"}}"#,
            Some(HASH),
        )
        .unwrap();
        assert_eq!(
            made.create("\"u\"", "u"),
            format!(
                "CREATE ROLE \"u\" WITH NOSUPERUSER CREATEDB NOCREATEROLE NOINHERIT NOREPLICATION NOBYPASSRLS LOGIN CONNECTION LIMIT 3 PASSWORD '{HASH}'; \
                 ALTER ROLE \"u\" SET search_path TO '$user', 'Pub'; ALTER ROLE \"u\" SET work_mem TO '4''MB'"
            )
        );
    }

    #[test]
    fn a_hash_of_another_kind_is_never_taken_for_a_password() {
        for hash in [
            "sha1$8cb2237d0679ca88db6464eac60da96345513964",
            "secret",
            "md5abc",
            "SCRAM-SHA-256$x",
            "SCRAM-SHA-256$4096:c2FsdA==$a:b",
            "",
        ] {
            assert_eq!(role("{}", Some(hash)).unwrap().password, Password::None, "{hash}");
        }
        assert!(is_hash(HASH) && is_hash("md50123456789abcdef0123456789ABCDEF"));
    }

    #[test]
    fn attributes_of_another_shape_are_refused() {
        for attributes in [
            r#"{"superuser": "yes"}"#,
            r#"{"connection_limit": 1.5}"#,
            r#"{"connection_limit": 99999999999}"#,
            r#"{"settings": []}"#,
            r#"{"settings": {"a; DROP ROLE b": "1"}}"#,
            r#"{"settings": {"a": 1}}"#,
            "[]",
        ] {
            assert_eq!(role(attributes, None).unwrap_err().code(), "target.bad_definition", "{attributes}");
        }
    }
}
