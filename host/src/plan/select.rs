//! Which of an archive's objects the operator asked for.

use std::collections::BTreeSet;

use crate::catalog::{Catalog, Object, ObjectName};
use crate::error::{Error, Result};

use super::glob::fits;
use super::suggest::close;
use super::{Options, Selector};
use crate::text::{escape, list};

/// Positions in `catalog.objects`, ascending, of the objects that the options select.
///
/// Fails with `plan.no_match` when a selector, also one that excludes, fits nothing (most likely a slip that would
/// restore other objects than were meant), or when nothing is left.
pub fn select(catalog: &Catalog, options: &Options) -> Result<Vec<usize>> {
    let mut chosen = vec![options.select.is_empty(); catalog.objects.len()];
    mark(catalog, &options.select, "--select", &mut chosen, true)?;
    mark(catalog, &options.exclude, "--exclude", &mut chosen, false)?;
    let selected: Vec<usize> = (0..chosen.len()).filter(|at| chosen[*at]).collect();
    if selected.is_empty() && !catalog.objects.is_empty() {
        return Err(Error::new(
            "plan.no_match",
            "Nothing is left to restore: --exclude leaves out all that was selected",
        ));
    }
    Ok(selected)
}

impl Selector {
    /// Whether it selects the object. A pattern with a dot is held against `schema.name`, else against the name.
    pub fn selects(&self, name: &ObjectName) -> bool {
        if !fits(&self.kind, &name.kind) {
            return false;
        }
        if self.pattern.contains('.') {
            fits(&self.pattern, &name.qualified())
        } else {
            fits(&self.pattern, &name.name)
        }
    }
}

fn mark(catalog: &Catalog, selectors: &[Selector], flag: &str, chosen: &mut [bool], value: bool) -> Result<()> {
    for selector in selectors {
        let mut fitting = 0;
        for (object, chosen) in catalog.objects.iter().zip(chosen.iter_mut()) {
            if selector.selects(&object.name) {
                *chosen = value;
                fitting += 1;
            }
        }
        if fitting == 0 {
            return Err(no_match(&catalog.objects, selector, flag));
        }
    }
    Ok(())
}

fn no_match(objects: &[Object], selector: &Selector, flag: &str) -> Error {
    let kinds: BTreeSet<&str> = objects.iter().map(|object| object.name.kind.as_str()).collect();
    let message = if kinds.iter().any(|kind| fits(&selector.kind, kind)) {
        let names = close_names(objects, selector);
        let hint = if names.is_empty() { String::new() } else { format!("; close to it: {}", list(&names)) };
        format!("{flag} {selector}: no {} of the archive has such a name{hint}", kind_noun(&selector.kind))
    } else {
        let near = close(&selector.kind, kinds.iter().copied());
        let hint = if near.is_empty() { String::new() } else { format!("; close to it: {}", list(&near)) };
        let kinds: Vec<&str> = kinds.into_iter().collect();
        format!("{flag} {selector}: the archive holds no such kind{hint}; it holds {}", list(&kinds))
    };
    Error::new("plan.no_match", escape(&message)).state("The target is unchanged")
}

fn kind_noun(kind: &str) -> &str {
    if kind.contains(['*', '?']) { "object" } else { kind }
}

fn close_names(objects: &[Object], selector: &Selector) -> Vec<String> {
    let of_kind: Vec<&ObjectName> =
        objects.iter().map(|object| &object.name).filter(|name| fits(&selector.kind, &name.kind)).collect();
    let as_written: Vec<String> = if selector.pattern.contains('.') {
        of_kind.iter().map(|name| name.qualified()).collect()
    } else {
        of_kind.iter().map(|name| name.name.clone()).collect()
    };
    close(&selector.pattern, as_written.iter().map(String::as_str)).into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::{Sample, selectors};

    const OBJECTS: [&str; 6] =
        ["table main.actor", "table main.film", "table old.film", "view main.films", "user ana", "table main.a.b"];

    fn chosen(select: &[&str], exclude: &[&str]) -> Result<Vec<usize>> {
        let options = Options { select: selectors(select), exclude: selectors(exclude), ..Options::default() };
        select_from(&options)
    }

    fn select_from(options: &Options) -> Result<Vec<usize>> {
        let sample = Sample::of(&OBJECTS);
        super::select(&sample.catalog, options)
    }

    #[test]
    fn selectors_choose_in_the_archives_order() {
        for (select, exclude, expected) in [
            (&[][..], &[][..], &[0, 1, 2, 3, 4, 5][..]),
            (&["table"], &[], &[0, 1, 2, 5]),
            (&["table:film"], &[], &[1, 2]),
            (&["table:main.film"], &[], &[1]),
            (&["table:*.film"], &[], &[1, 2]),
            (&["*:fil*"], &[], &[1, 2, 3]),
            (&["user", "view"], &[], &[3, 4]),
            (&["*:ana"], &[], &[4]),
            (&["table:main.a.b"], &[], &[5]),
            (&["table:????"], &[], &[1, 2]),
            (&[], &["table"], &[3, 4]),
            (&["table"], &["*:old.*"], &[0, 1, 5]),
        ] {
            assert_eq!(chosen(select, exclude).unwrap(), expected, "{select:?} {exclude:?}");
        }
    }

    #[test]
    fn what_fits_nothing_is_a_slip() {
        for (select, exclude, said) in [
            (&["tabel"][..], &[][..], "close to it: table"),
            (&["table:acter"], &[], "close to it: actor"),
            (&["table:main.acter"], &[], "close to it: main.actor"),
            (&["graph"], &[], "it holds table, user, view"),
            (&[], &["table:flim"], "--exclude table:flim"),
            (&["table"], &["table"], "Nothing is left"),
            (&["tab\u{1b}[2Jle"], &[], r"\u{1b}"),
        ] {
            let error = chosen(select, exclude).unwrap_err();
            assert_eq!(error.code(), "plan.no_match");
            assert_eq!(error.kind().exit_status(), 2);
            assert!(error.to_string().contains(said), "{error}");
        }
    }

    #[test]
    fn an_empty_archive_is_for_the_check_to_judge() {
        assert!(super::select(&Sample::of(&[]).catalog, &Options::default()).unwrap().is_empty());
    }
}
