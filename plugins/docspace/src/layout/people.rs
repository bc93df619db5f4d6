//! Users and groups, as users and roles: what they are called, whether they may sign in, who is in which group.
//!
//! A user is called by his address, else by his user name, else by his number; a group by its name. What is taken, or cannot be a name, gets its
//! number. Password hashes stay in their table: no other system could use them, and one could mistake them for passwords.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use reinstate_plugin::{ArchiveReader, Failure, Item, ObjectName, Section};
use serde_json::{Value, json};

use crate::fault::too_large;

use super::contents::Contents;
use super::names::Names;
use super::stored::{self, Record};

/// Groups that the server knows of itself, and has no rows for.
const BUILT_IN: [(&str, &str); 5] = [
    ("cd84e66b-b803-40fc-99f9-b2969a54a1de", "DocSpace administrators"),
    ("abef62db-11a8-4673-9d32-ef1d8af19dc0", "Room administrators"),
    ("88f11e7c-7407-4bea-b4cb-070010cdbb6b", "Users"),
    ("aced04fa-dd96-4b35-af3e-346bf1eb972d", "Guests"),
    ("c5cc67d1-c3e8-43c0-a3ad-3928ae3e5b5e", "Everyone"),
];
/// Users, groups, memberships and rights.
const MOST: usize = 2_000_000;
/// Bytes of a text about somebody.
const LONGEST: usize = 1024;
/// The state of users who may sign in.
const ACTIVE: i64 = 1;
/// How a manager belongs to a group.
const MANAGER: i64 = 1;
/// A right that is given, not taken.
const ALLOWED: i64 = 0;

/// A portal's number and that of one of its users or groups.
type Id = (i64, String);

/// Everybody.
#[derive(Debug, Default)]
struct People {
    users: Vec<User>,
    /// Names of groups.
    groups: BTreeMap<Id, String>,
    /// By user: groups, and whether he manages them.
    memberships: HashMap<Id, BTreeMap<Id, bool>>,
    /// By user or group: rights.
    rights: HashMap<Id, BTreeSet<String>>,
    entries: usize,
}

#[derive(Debug)]
struct User {
    id: Id,
    login: bool,
    is_removed: bool,
    /// Best first.
    names: Vec<String>,
    attributes: Value,
}

/// The alias of the one portal.
pub(super) fn alias(archive: &dyn ArchiveReader, contents: &Contents) -> Result<Option<String>, Failure> {
    let mut alias = None;
    stored::each(archive, contents, "tenants_tenants", |row| {
        alias = alias.take().or_else(|| text(&row, "alias"));
        Ok(())
    })?;
    Ok(alias)
}

/// All users and roles.
pub(super) fn items(archive: &dyn ArchiveReader, contents: &Contents) -> Result<Vec<Item>, Failure> {
    let mut people = People::default();
    people.read(archive, contents)?;
    Ok(people.items())
}

impl People {
    fn read(&mut self, archive: &dyn ArchiveReader, contents: &Contents) -> Result<(), Failure> {
        stored::each(archive, contents, "core_user", |row| self.user(&row))?;
        stored::each(archive, contents, "core_group", |row| self.group(&row))?;
        stored::each(archive, contents, "core_usergroup", |row| self.membership(&row))?;
        stored::each(archive, contents, "core_acl", |row| self.right(&row))
    }

    fn count(&mut self) -> Result<(), Failure> {
        self.entries += 1;
        if self.entries > MOST {
            Err(too_large(format!("There are more than {MOST} users, groups and rights")))
        } else {
            Ok(())
        }
    }

    fn user(&mut self, row: &Record<'_>) -> Result<(), Failure> {
        self.count()?;
        let Some(id) = id(row, "id") else { return Ok(()) };
        let is_removed = row.is("removed");
        let mut kept = serde_json::Map::new();
        for name in ["id", "tenant", "username", "email", "firstname", "lastname", "title", "status"] {
            kept.extend(text(row, name).map(|text| (name.to_owned(), Value::String(text))));
        }
        kept.insert("removed".to_owned(), Value::Bool(is_removed));
        let names = [text(row, "email"), text(row, "username")].into_iter().flatten();
        let mut names: Vec<String> = names.collect();
        let numbered = names.first().map(|name| format!("{name} ({})", id.1));
        names.truncate(1);
        names.extend(numbered);
        names.push(id.1.clone());
        let login = !is_removed && row.number("status") == Some(ACTIVE);
        self.users.push(User { id, login, is_removed, names, attributes: Value::Object(kept) });
        Ok(())
    }

    fn group(&mut self, row: &Record<'_>) -> Result<(), Failure> {
        self.count()?;
        if let Some(id) = id(row, "id").filter(|_| !row.is("removed")) {
            self.groups.insert(id, text(row, "name").unwrap_or_default());
        }
        Ok(())
    }

    fn membership(&mut self, row: &Record<'_>) -> Result<(), Failure> {
        self.count()?;
        let (Some(user), Some(group)) = (id(row, "userid"), id(row, "groupid")) else { return Ok(()) };
        if row.is("removed") {
            return Ok(());
        }
        if let Some((_, name)) = BUILT_IN.iter().find(|(known, _)| *known == group.1) {
            self.groups.entry(group.clone()).or_insert_with(|| (*name).to_owned());
        }
        let manages = row.number("ref_type") == Some(MANAGER);
        *self.memberships.entry(user).or_default().entry(group).or_default() |= manages;
        Ok(())
    }

    fn right(&mut self, row: &Record<'_>) -> Result<(), Failure> {
        self.count()?;
        let (Some(subject), Some(action)) = (id(row, "subject"), text(row, "action")) else { return Ok(()) };
        if row.number("acetype") == Some(ALLOWED) {
            let on = text(row, "object").map(|object| format!(" {object}")).unwrap_or_default();
            self.rights.entry(subject).or_default().insert(format!("{action}{on}"));
        }
        Ok(())
    }

    fn items(mut self) -> Vec<Item> {
        // Who is there has his name before who was.
        self.users.sort_by_key(|user| user.is_removed);
        let mut names = Names::default();
        let users: Vec<String> = self.users.iter().map(|user| names.first_free(&user.names)).collect();
        let groups: BTreeMap<&Id, String> =
            self.groups.iter().map(|(id, name)| (id, names.first_free(&group_names(id, name)))).collect();
        let mut items: Vec<Item> = groups.iter().map(|(id, name)| self.role(id, name)).collect();
        items.extend(self.users.iter().zip(users).map(|(user, name)| self.item(user, name, &groups)));
        items
    }

    fn role(&self, id: &Id, name: &str) -> Item {
        let attributes = json!({
            "login": false,
            "attributes": {"docspace": {"tenant": id.0, "id": id.1}},
            "permissions": self.permissions(id),
        });
        principal("role", name, &attributes, Vec::new())
    }

    fn item(&self, user: &User, name: String, groups: &BTreeMap<&Id, String>) -> Item {
        let of = self.memberships.get(&user.id).into_iter().flatten();
        let of: Vec<(&str, bool)> =
            of.filter_map(|(group, manages)| Some((groups.get(group)?.as_str(), *manages))).collect();
        let memberships: Vec<Value> =
            of.iter().map(|(role, manages)| json!({"role": role, "admin": manages})).collect();
        let attributes = json!({
            "login": user.login,
            "attributes": {"docspace": user.attributes},
            "memberships": memberships,
            "permissions": self.permissions(&user.id),
        });
        principal("user", &name, &attributes, of.iter().map(|(role, _)| name_of("role", role)).collect())
    }

    /// In the source's own words: what they are good for, DocSpace alone knows.
    fn permissions(&self, id: &Id) -> Vec<Value> {
        let rights = self.rights.get(id).into_iter().flatten();
        rights.map(|right| json!({"privilege": format!("docspace {right}"), "grantable": false})).collect()
    }
}

fn group_names(id: &Id, name: &str) -> Vec<String> {
    let is_built_in = BUILT_IN.iter().any(|(known, _)| *known == id.1);
    let second = if is_built_in { format!("{name} (portal {})", id.0) } else { format!("{name} ({})", id.1) };
    vec![name.to_owned(), second, id.1.clone()]
}

fn principal(kind: &str, name: &str, attributes: &Value, depends: Vec<ObjectName>) -> Item {
    Item {
        name: name_of(kind, name),
        attributes: attributes.to_string(),
        section: Section::PreData,
        depends,
        payloads: Vec::new(),
    }
}

fn name_of(kind: &str, name: &str) -> ObjectName {
    ObjectName { kind: kind.to_owned(), schema: None, name: name.to_owned() }
}

fn id(row: &Record<'_>, column: &str) -> Option<Id> {
    Some((row.number("tenant").unwrap_or_default(), text(row, column)?.to_ascii_lowercase()))
}

fn text(row: &Record<'_>, column: &str) -> Option<String> {
    let text = row.text(column)?;
    Some(text[..text.floor_char_boundary(LONGEST)].to_owned())
}
