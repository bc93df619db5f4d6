//! Functions, procedures, and the environments they run in.

use reinstate::catalog::ObjectName;
use serde_json::json;

use super::document::Document;
use super::{Kind, finished};
use crate::properties::database::{Body, Database};
use crate::properties::random::Random;

pub const ENVIRONMENT: Kind =
    Kind { name: "function_environment", in_schema: false, weight: 2, make: environment, finish: finished };
pub const FUNCTION: Kind =
    Kind { name: "user_defined_function", in_schema: true, weight: 2, make: routine, finish: finished };
pub const PROCEDURE: Kind =
    Kind { name: "stored_procedure", in_schema: true, weight: 2, make: routine, finish: finished };

fn environment(random: &mut Random, _: &Database, _: &ObjectName) -> Option<(Vec<ObjectName>, Body)> {
    let number = random.below(4);
    let package = |at: usize| {
        let length = *random.pick(&[0, 1, 10, 1000, 70_000]);
        let bytes = (0..length).map(|_| (random.next() & 0xff) as u8).collect();
        (format!("package {at}.whl"), bytes)
    };
    let packages: Vec<(String, Vec<u8>)> = (0..number).map(package).collect();
    let names: Vec<&String> = packages.iter().map(|(name, _)| name).collect();
    let attributes = json!({"language": "python", "definition": "", "packages": names});
    Some((Vec::new(), Body::Document(Document { attributes, packages })))
}

fn routine(random: &mut Random, database: &Database, _: &ObjectName) -> Option<(Vec<ObjectName>, Body)> {
    let environments = database.of_kind(ENVIRONMENT.name);
    let environment = random.any(&environments).cloned();
    let environment = environment.filter(|_| random.chance(60));
    let attributes = json!({
        "language": random.pick(&["sql", "python", "c"]),
        "definition": format!("-- {}\nSELECT {} 'ö'", random.next(), random.below(9)),
        "environment": environment.as_ref().map(|name| &name.name),
        "attributes": if random.chance(30) { json!({"volatile": true, "nested": {"a": [1, 2.5, "x"]}}) } else { json!({}) },
    });
    Some((environment.into_iter().collect(), Body::Document(Document::of(attributes))))
}
