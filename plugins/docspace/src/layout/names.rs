//! Names that every target takes, each given once.

use std::collections::HashSet;

/// Bytes of a name: PostgreSQL cuts longer ones.
pub(super) const LONGEST: usize = 63;

/// Names that are taken.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<String>);

impl Names {
    /// Takes a name that is surely free.
    pub(super) fn reserve(&mut self, name: &str) {
        self.0.insert(name.to_lowercase());
    }

    /// `name` where it is free, whatever its case; else with a number.
    pub(super) fn numbered(&mut self, name: &str) -> String {
        let mut number = 1;
        let mut free = cut(name, LONGEST).to_owned();
        while !self.0.insert(free.to_lowercase()) {
            number += 1;
            let suffix = format!("_{number}");
            free = format!("{}{suffix}", cut(name, LONGEST - suffix.len()));
        }
        free
    }

    /// The first of these that can be the name of a principal and is free; else the last one, with a number.
    pub(super) fn first_free(&mut self, candidates: &[String]) -> String {
        let fits = |name: &&String| can_be_principal(name) && !self.0.contains(&name.to_lowercase());
        match candidates.iter().find(fits).cloned() {
            Some(name) => {
                self.reserve(&name);
                name
            }
            None => self.numbered(candidates.last().map_or("unnamed", String::as_str)),
        }
    }
}

/// Systems keep some names for themselves, and a name that cannot be shown helps nobody.
fn can_be_principal(name: &str) -> bool {
    let is_kept = name.starts_with("pg_") || ["public", "none", "postgres"].contains(&name.to_lowercase().as_str());
    let is_plain = !name.trim().is_empty() && name.len() <= LONGEST && !name.chars().any(char::is_control);
    is_plain && !is_kept
}

fn cut(name: &str, most: usize) -> &str {
    &name[..name.floor_char_boundary(most)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_short() {
        let mut names = Names::default();
        names.reserve("a");
        assert_eq!([names.numbered("A"), names.numbered("a"), names.numbered("b")], ["A_2", "a_3", "b"]);
        let long = "ü".repeat(40);
        let (first, second) = (names.numbered(&long), names.numbered(&long));
        assert!(first.len() <= LONGEST && second.len() <= LONGEST && first != second && second.ends_with("_2"));
    }

    #[test]
    fn principals_have_names_that_can_be() {
        let mut names = Names::default();
        let mut first = |candidates: &[&str]| {
            names.first_free(&candidates.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(first(&["ann", "1"]), "ann");
        assert_eq!(first(&["Ann", "Ann (2)", "2"]), "Ann (2)");
        for name in ["", " ", "pg_monitor", "Public", "postgres", "a\nb", &"x".repeat(64)] {
            assert_eq!(first(&[name, &format!("id of {}", name.len())]), format!("id of {}", name.len()), "{name}");
        }
        assert_eq!([first(&["ann"]), first(&[])], ["ann_2", "unnamed"]);
    }
}
