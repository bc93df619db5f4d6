//! Users and roles of a script of `pg_dumpall --globals-only`.

use std::fmt::Write as _;

use reinstate_plugin::principals::{self, Membership, Principal};
use reinstate_plugin::{Failure, Finding, Object, ObjectName, Outlook, Target};
use serde_json::{Map, Value, json};

use super::is_postgresql;
use super::reader::literal;
use crate::attributes::RoleAttributes;
use crate::kinds;
use crate::layout::sql::quote;

/// Whether the object is a user or a role.
pub(super) fn is_role(object: &Object) -> bool {
    matches!(object.source.kind.as_str(), kinds::USER | kinds::ROLE)
}

fn attributes(object: &Object) -> Result<RoleAttributes, Failure> {
    object.parse_attributes_as("pgdump.bad_attributes")
}

/// What would reach outside is seen in the statement that would make the role.
pub(super) fn plan(
    object: &Object,
    target: &Target,
    examine: impl Fn(&str) -> Vec<Finding>,
) -> Result<Outlook, Failure> {
    let role = attributes(object)?;
    let mut outlook = Outlook { bytes: object.attributes.len() as u64, ..Outlook::new() };
    for membership in &role.member_of {
        let of = ObjectName { kind: kinds::ROLE.to_owned(), schema: None, name: membership.role.clone() };
        if membership.role != object.source.name {
            outlook.principals.push(membership.role.clone());
            outlook.depend_on(of);
        }
    }
    if is_postgresql(target) {
        outlook.findings = examine(&equivalent(&object.source.name, &role));
    }
    if role.password_hash.is_none() && role.login {
        outlook.findings.push(Finding::note(
            "pgdump.no_password",
            format!("{} comes without a password", object.source),
            "Set it by hand where it signs in with one",
        ));
    }
    Ok(outlook)
}

pub(super) fn begin(object: &Object) -> Result<(), Failure> {
    principals::create(&principal(&attributes(object)?))
}

pub(super) fn end(object: &Object) -> Result<(), Failure> {
    let memberships = memberships(&attributes(object)?);
    if memberships.is_empty() { Ok(()) } else { principals::add_memberships(&memberships) }
}

pub(super) fn verify(object: &Object) -> Result<Vec<Finding>, Failure> {
    let expected = memberships(&attributes(object)?).len();
    let refusal = |code: &str, message: String| vec![Finding::refusal(code, message, "Restore it again")];
    Ok(match principals::summarize()? {
        None => refusal("pgdump.role_missing", format!("{} was not staged", object.source)),
        Some(staged) if staged.memberships as usize != expected => {
            let message = format!("The archive has {expected} memberships, {} are staged", staged.memberships);
            refusal("pgdump.memberships_count", message)
        }
        Some(_) => Vec::new(),
    })
}

fn memberships(role: &RoleAttributes) -> Vec<Membership> {
    // A grant by several grantors is one membership.
    let mut all: Vec<Membership> = Vec::new();
    for granted in &role.member_of {
        match all.iter_mut().find(|known| known.role == granted.role) {
            Some(known) => known.admin |= granted.admin,
            None => all.push(Membership { role: granted.role.clone(), admin: granted.admin }),
        }
    }
    all
}

fn principal(role: &RoleAttributes) -> Principal {
    Principal {
        login: role.login,
        password_hash: role.password_hash.clone(),
        valid_until: role.valid_until.as_deref().and_then(rfc_3339),
        attributes: Value::Object(further(role)).to_string(),
    }
}

/// What targets other than PostgreSQL keep without understanding it.
fn further(role: &RoleAttributes) -> Map<String, Value> {
    let mut all = Map::new();
    let flags = [
        ("superuser", role.superuser),
        ("createrole", role.create_role),
        ("createdb", role.create_db),
        ("inherit", role.inherit),
        ("replication", role.replication),
        ("bypassrls", role.bypass_rls),
    ];
    all.extend(flags.map(|(name, value)| (name.to_owned(), Value::Bool(value))));
    if let Some(limit) = role.connection_limit {
        all.insert("connection_limit".to_owned(), json!(limit));
    }
    if !role.settings.is_empty() {
        let everywhere = role.settings.iter().filter(|(database, ..)| database.is_none());
        let settings = everywhere.map(|(_, name, value)| (name.clone(), Value::String(plain(value))));
        all.insert("settings".to_owned(), Value::Object(settings.collect()));
        let in_one = role.settings.iter().filter(|(database, ..)| database.is_some());
        let in_one =
            in_one.map(|(database, name, value)| json!({ "database": database, "name": name, "value": value }));
        all.insert("database_settings".to_owned(), in_one.collect());
    }
    if let Some(comment) = &role.comment {
        all.insert("comment".to_owned(), json!(comment));
    }
    let special: Vec<Value> = role
        .member_of
        .iter()
        .filter(|member| member.inherit.is_some() || member.set.is_some())
        .map(|member| json!({ "role": member.role, "inherit": member.inherit, "set": member.set }))
        .collect();
    if !special.is_empty() {
        all.insert("membership_options".to_owned(), Value::Array(special));
    }
    all
}

/// A setting's value without the quotes of SQL: one text, or the items of a list, each in double quotes.
fn plain(value: &str) -> String {
    let (mut items, mut item, mut quoted) = (Vec::new(), String::new(), false);
    let mut letters = value.trim().chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' if quoted && letters.next_if_eq(&'\'').is_some() => item.push('\''),
            '\'' => quoted = !quoted,
            ',' if !quoted => items.push(std::mem::take(&mut item)),
            ' ' if !quoted => {}
            letter => item.push(letter),
        }
    }
    if items.is_empty() {
        return item;
    }
    items.push(item);
    let in_quotes = |item: &String| format!("\"{}\"", item.replace('"', "\"\""));
    items.iter().map(in_quotes).collect::<Vec<_>>().join(", ")
}

/// `2099-12-31 00:00:00+00` as RFC 3339; `None` for what never comes.
fn rfc_3339(time: &str) -> Option<String> {
    let (day, clock) = time.trim().split_once(' ')?;
    let zone = clock.rfind(['+', '-']).map_or("", |at| &clock[at..]);
    let clock = &clock[..clock.len() - zone.len()];
    let zone = match zone.len() {
        0 => "Z".to_owned(),
        3 => format!("{zone}:00"),
        _ => zone.to_owned(),
    };
    Some(format!("{day}T{clock}{zone}"))
}

/// The statements that would make the role.
fn equivalent(name: &str, role: &RoleAttributes) -> String {
    let name = quote(name);
    let mut text = format!("CREATE ROLE {name} WITH");
    for (word, on) in [
        ("SUPERUSER", role.superuser),
        ("CREATEROLE", role.create_role),
        ("CREATEDB", role.create_db),
        ("INHERIT", role.inherit),
        ("LOGIN", role.login),
        ("REPLICATION", role.replication),
        ("BYPASSRLS", role.bypass_rls),
    ] {
        let _ = write!(text, " {}{word}", if on { "" } else { "NO" });
    }
    text.push_str(";\n");
    for (database, setting, value) in &role.settings {
        let database = database.as_deref().map(|name| format!(" IN DATABASE {}", quote(name))).unwrap_or_default();
        let _ = writeln!(text, "ALTER ROLE {name}{database} SET {} TO {value};", quote(setting));
    }
    for member in &role.member_of {
        let admin = if member.admin { " WITH ADMIN OPTION" } else { "" };
        let _ = writeln!(text, "GRANT {} TO {name}{admin};", quote(&member.role));
    }
    if let Some(comment) = &role.comment {
        let _ = writeln!(text, "COMMENT ON ROLE {name} IS {};", literal(comment));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(attributes: &str) -> Object {
        Object::new(ObjectName { kind: "user".into(), schema: None, name: "T Weird \"Role\"".into() }, attributes)
    }

    const FULL: &str = r#"{"login": true, "superuser": true, "inherit": true, "connection_limit": 3,
        "password_hash": "SCRAM-SHA-256$x", "valid_until": "2099-12-31 00:00:00+00",
        "settings": [["db", "statement_timeout", "'5min'"]],
        "member_of": [{"role": "r", "inherit": true}, {"role": "r", "admin": true}], "comment": "it's"}"#;

    #[test]
    fn what_a_role_may_is_examined() {
        let said = std::cell::RefCell::new(String::new());
        let examine = |text: &str| {
            said.borrow_mut().push_str(text);
            vec![Finding::refusal("sql.superuser", "No", "Allow it")]
        };
        let outlook = plan(&role(FULL), &Target::named("postgres", "postgresql"), examine).unwrap();
        assert_eq!(outlook.findings[0].code, "sql.superuser");
        assert_eq!(outlook.dependencies.len(), 1);
        assert_eq!(
            said.into_inner(),
            "CREATE ROLE \"T Weird \"\"Role\"\"\" WITH SUPERUSER NOCREATEROLE NOCREATEDB INHERIT LOGIN NOREPLICATION \
             NOBYPASSRLS;\nALTER ROLE \"T Weird \"\"Role\"\"\" IN DATABASE \"db\" SET \"statement_timeout\" TO '5min';\n\
             GRANT \"r\" TO \"T Weird \"\"Role\"\"\";\nGRANT \"r\" TO \"T Weird \"\"Role\"\"\" WITH ADMIN OPTION;\n\
             COMMENT ON ROLE \"T Weird \"\"Role\"\"\" IS 'it''s';\n"
        );
    }

    #[test]
    fn everything_that_is_said_is_handed_on() {
        let attributes = attributes(&role(FULL)).unwrap();
        let principal = principal(&attributes);
        assert!(principal.login);
        assert_eq!(principal.valid_until.as_deref(), Some("2099-12-31T00:00:00+00:00"));
        let further: Value = serde_json::from_str(&principal.attributes).unwrap();
        assert_eq!(further["superuser"], true);
        assert_eq!(further["database_settings"][0]["value"], "'5min'");
        for (written, meant) in
            [("'5min'", "5min"), ("'it''s'", "it's"), ("'a', 'B c'", "\"a\", \"B c\""), ("64", "64")]
        {
            assert_eq!(plain(written), meant);
        }
        let memberships = memberships(&attributes);
        assert_eq!((memberships.len(), memberships[0].admin), (1, true));
    }

    #[test]
    fn times_become_those_of_rfc_3339() {
        for (time, expected) in [
            ("2099-12-31 00:00:00+00", Some("2099-12-31T00:00:00+00:00")),
            ("2099-12-31 00:00:00.5+05:30", Some("2099-12-31T00:00:00.5+05:30")),
            ("2099-12-31 00:00:00", Some("2099-12-31T00:00:00Z")),
            ("infinity", None),
            ("", None),
        ] {
            assert_eq!(rfc_3339(time).as_deref(), expected, "{time}");
        }
    }
}
