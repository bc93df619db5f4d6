//! Which of an archive's objects the operator asked for.

use std::collections::BTreeSet;

use crate::catalog::{Catalog, Object, ObjectName};
use crate::error::{Error, Result};

use super::closure;
use super::left::bring_along;
use super::suggest::close;
use super::{Options, Selector, Share};
use crate::text::{escape, list};

/// Positions in `catalog.objects`, ascending, of the objects that the options select.
///
/// Comments and privileges come along with what is selected by name, and so do members of roles and tables of graphs; indexes and
/// constraints are selected themselves. Sections and what is to be left out are then taken away.
///
/// Fails with `usage` when options contradict each other, and with `plan.no_match` when a selector, also one that excludes, fits nothing (most likely a slip that would
/// restore other objects than were meant), or when nothing is left.
pub fn select(catalog: &Catalog, options: &Options) -> Result<Vec<usize>> {
    options.agree()?;
    let mut chosen = vec![options.select.is_empty(); catalog.objects.len()];
    mark(catalog, &options.select, "--select", &mut chosen, true)?;
    if !options.select.is_empty() {
        closure::bring(catalog, &mut chosen);
        bring_along(catalog, &mut chosen);
        let asked = catalog.objects.iter().map(|object| options.asks_for(object));
        chosen.iter_mut().zip(asked).for_each(|(chosen, asked)| *chosen |= asked);
    }
    mark(catalog, &options.exclude, "--exclude", &mut chosen, false)?;
    let selected: Vec<usize> = (0..chosen.len()).filter(|at| chosen[*at]).collect();
    let wanted: Vec<usize> =
        selected.iter().copied().filter(|at| options.share(&catalog.objects[*at]) != Share::Nothing).collect();
    let why = match (selected.is_empty(), wanted.is_empty()) {
        _ if catalog.objects.is_empty() => return Ok(wanted),
        (_, false) => return Ok(wanted),
        (true, _) => "--exclude leaves out all that was selected",
        (false, _) => "what was selected has nothing in the sections that were asked for",
    };
    Err(Error::new("plan.no_match", format!("Nothing is left to restore: {why}")))
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
    let message = if kinds.iter().any(|kind| selector.takes(kind)) {
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
    if kind.contains(['*', '?', ',']) { "object" } else { kind }
}

fn close_names(objects: &[Object], selector: &Selector) -> Vec<String> {
    let of_kind: Vec<&ObjectName> =
        objects.iter().map(|object| &object.name).filter(|name| selector.takes(&name.kind)).collect();
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
    use crate::catalog::Section;
    use crate::plan::fixture::{Sample, selectors};
    use crate::plan::{LeaveOut, Policy};

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

    /// A dump of one table with what hangs on it, and of a routine.
    fn dump() -> Sample {
        let mut sample = Sample::of(&[
            "schema app",
            "table app.a > schema app",
            "comment app.TABLE a > table app.a",
            "privileges app.TABLE a > table app.a",
            "privileges app.COLUMN a.x > table app.a, privileges app.TABLE a",
            "table app.b > schema app",
            "comment app.TABLE b > table app.b",
            "index app.a_x > table app.a",
            "trigger app.a watch > table app.a",
            "foreign_key app.a a_b > table app.a, table app.b",
            "user_defined_function app.f(integer, public.money)",
            "user_defined_function app.f()",
            "aggregate app.f2(text)",
            "sequence_value app.s",
        ]);
        sample.knows_dumps();
        for object in &mut sample.catalog.objects {
            object.section = match object.name.kind.as_str() {
                "index" | "trigger" | "foreign_key" => Section::PostData,
                "sequence_value" => Section::Data,
                _ => Section::PreData,
            };
        }
        sample
    }

    #[test]
    fn names_are_found_as_pg_restore_finds_them() {
        for (select, expected) in [
            ("table,view,sequence:a", &[1, 2, 3, 4][..]),
            ("table:app.b", &[5, 6]),
            ("index:a_x", &[7]),
            ("trigger:watch", &[8]),
            ("trigger:app.watch", &[8]),
            ("trigger:a watch", &[8]),
            ("user_defined_function,stored_procedure,aggregate:f", &[10, 11]),
            ("user_defined_function:app.f", &[10, 11]),
            ("user_defined_function:f(integer, public.money)", &[10]),
            ("user_defined_function:app.f()", &[11]),
            ("*:app.f*", &[10, 11, 12]),
        ] {
            let options = Options { select: selectors(&[select]), ..Options::default() };
            assert_eq!(super::select(&dump().catalog, &options).unwrap(), expected, "{select}");
        }
    }

    #[test]
    fn sections_and_what_is_left_out_are_taken_away() {
        let options = |change: fn(&mut Options)| {
            let mut options = Options::default();
            change(&mut options);
            options
        };
        for (options, expected) in [
            (options(|o| o.rows_only = true), &[1, 5, 13][..]),
            (options(|o| o.sections = [Section::PostData].into()), &[7, 8, 9]),
            (options(|o| o.ddl_only = true), &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
            (
                options(|o| o.leave_out = [LeaveOut::Comments, LeaveOut::Privileges].into()),
                &[0, 1, 5, 7, 8, 9, 10, 11, 12, 13],
            ),
            (options(|o| (o.rows_only, o.select) = (true, selectors(&["table:a"]))), &[1]),
        ] {
            assert_eq!(super::select(&dump().catalog, &options).unwrap(), expected, "{options:?}");
        }
        let nothing = options(|o| (o.rows_only, o.select) = (true, selectors(&["index"])));
        let error = super::select(&dump().catalog, &nothing).unwrap_err();
        assert!(error.code() == "plan.no_match" && error.to_string().contains("sections"), "{error}");
        let both = options(|o| (o.rows_only, o.ddl_only) = (true, true));
        assert_eq!(super::select(&dump().catalog, &both).unwrap_err().code(), "usage");
    }

    #[test]
    fn roles_of_a_second_archive_come_with_every_part() {
        let mut sample = Sample::of(&["role app", "user ana", "table app.a"]);
        sample.options.globals = Some("globals.sql".to_owned());
        for (select, exclude, section, expected) in [
            (&["table"][..], &[][..], None, &[0, 1, 2][..]),
            (&["table"], &["user"], None, &[0, 2]),
            (&[], &[], Some(Section::PostData), &[0, 1]),
        ] {
            let options = Options {
                select: selectors(select),
                exclude: selectors(exclude),
                sections: section.into_iter().collect(),
                ..sample.options.clone()
            };
            assert_eq!(super::select(&sample.catalog, &options).unwrap(), expected, "{options:?}");
        }
    }

    #[test]
    fn what_is_left_behind_is_noted() {
        // A foreign key is its table's, whatever else it needs.
        let note = "Note plan.left_out table app.a: Table app.a is restored without index app.a_x, trigger app.a watch, \
                    foreign_key app.a a_b, which is not selected [--select index:app.a_x --select 'trigger:app.a watch' \
                    --select 'foreign_key:app.a a_b']";
        for (select, exclude, left) in [
            (&["table:a"][..], &[][..], &[note][..]),
            (&["table:a"], &["trigger"], &["without index app.a_x, foreign_key app.a a_b, which"]),
            (&["table:a", "index", "trigger"], &[], &["without foreign_key app.a a_b, which"]),
            (&["table:a", "index", "trigger", "foreign_key"], &[], &[]),
            (&["table", "index", "trigger"], &[], &["without foreign_key app.a a_b, which"]),
            (&[], &["index"], &[]),
        ] {
            let mut sample = dump();
            sample.options = Options { select: selectors(select), exclude: selectors(exclude), ..Options::default() };
            sample.facts.schemas.insert("app".to_owned());
            let found: Vec<String> =
                sample.findings().into_iter().filter(|finding| finding.contains("plan.left_out")).collect();
            crate::plan::fixture::assert_findings(&found, left);
        }
        let mut sample = dump();
        sample.options = Options { select: selectors(&["table:a"]), ..Options::default() };
        sample.exists(&["table app.a"]);
        for (policy, severity) in [(Policy::Replace, "Warning"), (Policy::Rename, "Note")] {
            sample.options.restore_policy = policy;
            let found = sample.findings().into_iter().find(|finding| finding.contains("plan.left_out")).unwrap();
            assert!(found.starts_with(severity), "{found}");
            assert_eq!(found.contains("what it replaces loses it"), policy == Policy::Replace, "{found}");
        }
    }

    #[test]
    fn an_empty_archive_is_for_the_check_to_judge() {
        assert!(super::select(&Sample::of(&[]).catalog, &Options::default()).unwrap().is_empty());
    }
}
