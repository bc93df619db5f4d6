//! Names that the operator may have meant.

use std::collections::BTreeSet;

/// Patterns longer than this get no suggestions: comparing costs their length times every name's.
const LONGEST: usize = 64;

/// At most three of the candidates that are like `word`, the closest first.
pub(super) fn close<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted: Vec<char> = word.chars().filter(|c| !matches!(c, '*' | '?')).flat_map(char::to_lowercase).collect();
    if wanted.is_empty() || wanted.len() > LONGEST {
        return Vec::new();
    }
    let allowed = wanted.len().div_ceil(3);
    let mut found = BTreeSet::new();
    for candidate in candidates {
        if let Some(distance) = distance(&wanted, candidate, allowed) {
            found.insert((distance, candidate));
            if found.len() > 3 {
                found.pop_last();
            }
        }
    }
    found.into_iter().map(|(_, candidate)| candidate).collect()
}

/// Letters to change, add or remove, at most `allowed` (Levenshtein, one row at a time).
fn distance(wanted: &[char], candidate: &str, allowed: usize) -> Option<usize> {
    let letters: Vec<char> = candidate.chars().take(2 * LONGEST).flat_map(char::to_lowercase).collect();
    if letters.len().abs_diff(wanted.len()) > allowed {
        return None;
    }
    let mut row: Vec<usize> = (0..=wanted.len()).collect();
    for (i, letter) in letters.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, other) in wanted.iter().enumerate() {
            let changed = diagonal + usize::from(letter != other);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().filter(|distance| *distance <= allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_come_first() {
        let names = ["actor", "actors", "film", "factory", "ACTOR_2", "zzz"];
        assert_eq!(close("acter", names.into_iter()), ["actor", "actors"]);
        assert_eq!(close("Film*", names.into_iter()), ["film"]);
        assert!(close("nothing like it", names.into_iter()).is_empty());
        assert!(close("*", names.into_iter()).is_empty());
        assert!(close(&"a".repeat(1000), names.into_iter()).is_empty());
    }
}
