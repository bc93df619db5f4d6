//! Names: ordinary ones, and all that people and programs have come up with.

use super::random::Random;

const PLAIN: [&str; 14] =
    ["a", "b", "orders", "customer", "film", "item", "t1", "t2", "log", "person", "city", "note", "stock", "price"];
const ODD: [&str; 18] = [
    "with space",
    "quo\"te",
    "it's",
    "select",
    "Table",
    "naïve",
    "表",
    "🦀",
    "a-b",
    "[x]",
    "back`tick",
    "semi;colon",
    "-- no",
    "100%",
    "under_score",
    "e\u{301}",
    "\\",
    "$1",
];
const SCHEMAS: [&str; 6] = ["main", "main", "main", "sales", "Old Stock", "größe"];

/// The schema of an object.
pub fn schema(random: &mut Random) -> &'static str {
    SCHEMAS[random.below(SCHEMAS.len())]
}

/// A name, which may be taken already.
pub fn name(random: &mut Random) -> String {
    match random.below(20) {
        0..=11 => (*random.pick(&PLAIN)).to_owned(),
        12..=16 => (*random.pick(&ODD)).to_owned(),
        17 => format!("{}.{}", random.pick(&PLAIN), random.pick(&ODD)),
        18 => random.pick(&PLAIN).to_uppercase(),
        _ => format!("{}{}", random.pick(&ODD), "long ".repeat(20 + random.below(20))),
    }
}

/// A name that nothing of `taken` has, whatever its case.
pub fn fresh(random: &mut Random, taken: impl Fn(&str) -> bool) -> String {
    fresh_of(random, name, taken)
}

/// The same of names that are drawn by `draw`.
pub fn fresh_of(random: &mut Random, draw: fn(&mut Random) -> String, taken: impl Fn(&str) -> bool) -> String {
    let first = draw(random);
    if !taken(&first) {
        return first;
    }
    let numbered = (2..).map(|number| format!("{first} {number}"));
    numbered.into_iter().find(|name| !taken(name)).expect("there are names enough")
}
