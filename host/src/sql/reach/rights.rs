//! Roles, and who is given what.

use std::collections::BTreeSet;

use super::{Reach, Statement};

/// Options of a role that give rights over the whole server. They are no keywords: they may be written in quotes.
const POWERS: [&str; 4] = ["superuser", "bypassrls", "replication", "createrole"];

/// The server's own roles whose members only look.
const HARMLESS_ROLES: [&str; 4] = ["pg_monitor", "pg_read_all_settings", "pg_read_all_stats", "pg_stat_scan_tables"];

/// Settings of a role that change what its next session runs or how it reads statements.
const DANGEROUS_SETTINGS: [&str; 7] = [
    "session_preload_libraries",
    "local_preload_libraries",
    "dynamic_library_path",
    "role",
    "session_authorization",
    "standard_conforming_strings",
    "backslash_quote",
];

impl Statement<'_> {
    /// `CREATE` or `ALTER` of a role.
    pub(super) fn role(&self) -> Vec<Reach> {
        let mut found: Vec<Reach> = self
            .names()
            .filter(|name| POWERS.contains(&name.as_str()))
            .map(|name| self.reach("sql.superuser_role", &format!("gives a role the right `{name}`")))
            .collect();
        found.extend(self.powerful_members());
        if let Some(at) = self.find("SET") {
            let setting = self.name(at + 1).unwrap_or_default().to_lowercase();
            let dangerous = DANGEROUS_SETTINGS.contains(&setting.as_str());
            found.extend(
                dangerous.then(|| self.reach("sql.superuser_role", &format!("sets `{setting}` for a role's sessions"))),
            );
        }
        found
    }

    /// `GRANT` and `REVOKE`, of roles and of rights on objects.
    pub(super) fn grant(&self) -> Vec<Reach> {
        let Some(on) = self.find("ON") else { return self.powerful_members() };
        if self.is_word(on + 1, "PARAMETER") {
            let system = self.find("ALTER SYSTEM").is_some_and(|at| at < on);
            let code = if system { "sql.alter_system" } else { "sql.superuser_role" };
            return vec![self.reach(code, "lets a role change settings that are kept from it")];
        }
        if self.is_word(on + 1, "TABLESPACE") {
            return vec![self.reach("sql.server_file", "gives away a folder of the server")];
        }
        self.about_database()
    }

    /// What is said about a whole database.
    pub(super) fn about_database(&self) -> Vec<Reach> {
        let database = self.find("ON DATABASE").map(|_| self.reach("sql.other_database", "is about a whole database"));
        database.into_iter().collect()
    }

    /// Memberships in roles that are over the whole server.
    fn powerful_members(&self) -> Vec<Reach> {
        let powerful =
            |name: &String| (name.starts_with("pg_") && !HARMLESS_ROLES.contains(&name.as_str())) || name == "postgres";
        let of_grant = self.is_word(0, "GRANT");
        let last = if of_grant { self.find("TO") } else { None }.unwrap_or(self.tokens.len());
        let behind = ["ROLE", "ADMIN", "GROUP", "USER", ","];
        // `CREATE ROLE postgres` makes no member; `IN ROLE postgres` does.
        let lists = |at: usize| at > 2 && behind.iter().any(|word| self.tokens[at - 1].text.eq_ignore_ascii_case(word));
        let members = (0..last).filter(|at| of_grant || lists(*at)).filter_map(|at| self.name(at)).filter(powerful);
        let members: BTreeSet<String> = members.collect();
        members.iter().map(|name| self.reach("sql.superuser_role", &format!("makes a member of `{name}`"))).collect()
    }
}
