//! Users and roles, roles within roles, permissions and tokens.

use reinstate::catalog::ObjectName;
use serde_json::json;

use super::document::Document;
use super::{Kind, finished};
use crate::properties::database::{Body, Database};
use crate::properties::random::Random;

pub const ROLE: Kind = Kind { name: "role", in_schema: false, weight: 3, make, finish: finished };
pub const USER: Kind = Kind { name: "user", in_schema: false, weight: 3, make, finish: finished };

/// A verifier as PostgreSQL makes it.
const HASH: &str = "SCRAM-SHA-256$4096:15DZrHKb5WeYPgne5TET3g==$hXx29LvfT98/afPlsVvMOGuJYQG1fmob3NvMUz76lfw=:avGb4xYu8mR22+8ov9hKT0q8LgpqXPbhnkx2BC51oRE=";

fn make(random: &mut Random, database: &Database, name: &ObjectName) -> Option<(Vec<ObjectName>, Body)> {
    let is_user = name.kind == "user";
    let roles = database.of_kind("role");
    let member_of: Vec<&ObjectName> = random.some(roles.len(), 40).into_iter().map(|at| &roles[at]).collect();
    let memberships: Vec<_> =
        member_of.iter().map(|role| json!({"role": role.name, "admin": random.chance(20)})).collect();
    let things: Vec<&ObjectName> = database
        .objects
        .iter()
        .map(|object| &object.name)
        .filter(|name| matches!(name.kind.as_str(), "table" | "view" | "graph" | "user_defined_function"))
        .collect();
    let on: Vec<&ObjectName> = random.some(things.len(), 25).into_iter().map(|at| things[at]).collect();
    let mut permissions: Vec<_> = on
        .iter()
        .map(|on| {
            let privilege = random.pick(&["SELECT", "INSERT", "read"]);
            let on = json!({"kind": on.kind, "schema": on.schema, "name": on.name});
            json!({"privilege": privilege, "on": on, "grantable": random.chance(10)})
        })
        .collect();
    if random.chance(20) {
        permissions.push(json!({"privilege": "system_admin"}));
    }
    let tokens = if is_user { random.below(3) } else { 0 };
    let tokens: Vec<_> =
        (0..tokens).map(|at| json!({"id": format!("t{at}"), "hash": "ab12", "description": "läptop"})).collect();
    let groups = database.of_kind("resource_group");
    let group = random.any(&groups).filter(|_| is_user).cloned();
    let attributes = json!({
        "login": is_user,
        "password_hash": (is_user && random.chance(70)).then_some(HASH),
        "valid_until": random.chance(10).then_some("2030-01-01T00:00:00Z"),
        "attributes": group.map_or_else(|| if random.chance(20) { json!({"department": "söles"}) } else { json!({}) },
            |group| json!({"resource_group": group.name})),
        "memberships": memberships,
        "permissions": permissions,
        "tokens": tokens,
    });
    // What they may do is no condition of their being.
    Some((Vec::new(), Body::Document(Document::of(attributes))))
}
