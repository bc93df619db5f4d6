//! Where the work is done until the switch: beside the live objects, or in a database of its own.

use std::collections::HashSet;

use crate::catalog::ObjectName;

use super::build::Input;
use super::decide::is_shared;
use super::kinds::Kinds;
use super::names::mapped;
use super::{Finding, Policy, Severity, StageChoice, StageKind};
use crate::text::counted;

/// The decision, and what the operator should know of it.
pub(super) struct Staging {
    pub(super) kind: StageKind,
    pub(super) findings: Vec<Finding>,
}

/// Decides. A database of its own is cheaper and exact, and drops everything that the restore does not bring: it is taken only where
/// nothing would be lost.
pub(super) fn stage(input: &Input<'_>, kinds: &Kinds<'_>) -> Staging {
    let hindrance = hindrance(input, kinds);
    match (input.options.stage, hindrance) {
        (StageChoice::Beside, _) => beside(input, "--stage beside asks for it"),
        (StageChoice::Auto | StageChoice::Database, None) => database(),
        (StageChoice::Auto, Some(why)) => beside(input, &why),
        (StageChoice::Database, Some(why)) => {
            let message = format!("The restore cannot be staged in a database of its own: {why}");
            let fix = "--stage auto or --stage beside";
            Staging {
                kind: StageKind::Beside,
                findings: vec![Finding::refusal("plan.no_stage_database", message, fix)],
            }
        }
    }
}

fn database() -> Staging {
    let note = |code, message, fix: &str| Finding::new(Severity::Note, code, message, fix);
    let how = "Everything is staged in a database of its own, which takes the live one's name in the switch; sessions \
               in the live one end then";
    let undo =
        "Undo gives the former database its name back; what is written after the switch stays in the restored one";
    Staging {
        kind: StageKind::Database,
        findings: vec![
            note("plan.stage", how, "--stage beside ends no sessions and exchanges the objects in one transaction"),
            note("plan.not_undone", undo, ""),
        ],
    }
}

/// A note where there was something to choose.
fn beside(input: &Input<'_>, why: &str) -> Staging {
    let chosen = input.facts.no_stage_database.is_none() || input.facts.info.kind == "postgres";
    let message = format!("Everything is staged beside the live objects and exchanged with them in the switch: {why}");
    let note = Finding::new(Severity::Note, "plan.stage", message, "");
    Staging { kind: StageKind::Beside, findings: chosen.then_some(note).into_iter().collect() }
}

/// Why the work cannot be done in a database of its own.
fn hindrance(input: &Input<'_>, kinds: &Kinds<'_>) -> Option<String> {
    let options = input.options;
    if let Some(why) = &input.facts.no_stage_database {
        return Some(why.clone());
    }
    let is_part =
        !options.select.is_empty() || !options.exclude.is_empty() || !options.sections.is_empty() || options.rows_only;
    if is_part {
        return Some("only a part of the backup is restored".to_owned());
    }
    if !options.target_schema_map.is_empty() {
        return Some("schemas are restored under other names".to_owned());
    }
    if options.uses(Policy::Rename) {
        return Some("existing objects are moved aside and stay in the database".to_owned());
    }
    if options.keep_going && live(input).next().is_some() {
        return Some("an object that fails with --keep-going leaves what the target holds under its name".to_owned());
    }
    staying(input, kinds)
}

/// What the target holds. Users and roles belong to no database, and every new one has a few things of its own.
fn live<'a>(input: &'a Input<'_>) -> impl Iterator<Item = &'a ObjectName> {
    let is_principal = |name: &ObjectName| matches!(name.kind.as_str(), "user" | "role");
    let is_born =
        |name: &ObjectName| matches!((&*name.kind, &*name.name), ("schema", "public") | ("extension", "plpgsql"));
    input.facts.objects.keys().filter(move |name| !is_principal(name) && !is_born(name))
}

/// What the target holds and the restore would not put back.
fn staying(input: &Input<'_>, kinds: &Kinds<'_>) -> Option<String> {
    let options = input.options;
    let brought: HashSet<ObjectName> = input
        .objects()
        .filter(|(_, object, outlook)| outlook.is_some() && kinds.plugin(&object.name.kind).is_some())
        .map(|(_, object, _)| mapped(&object.name, &options.target_schema_map))
        .collect();
    let gives_way = |name: &ObjectName| {
        brought.contains(name) && (options.policy(&name.kind) == Policy::Replace || is_shared(&name.kind))
    };
    let mut staying = live(input).filter(|name| !gives_way(name));
    let first = staying.next()?;
    let more = match staying.count() {
        0 => String::new(),
        more => format!(" and {}", counted(more as u64, "more object")),
    };
    Some(format!("the target holds {first}{more}, which the restore does not replace"))
}

#[cfg(test)]
mod tests {
    use crate::plan::fixture::{Sample, assert_findings, selectors};
    use crate::plan::{Action, LeaveOut, Options, Policy, StageChoice, StageKind};

    fn dump(exists: &[&str], options: Options) -> Sample {
        let mut sample = Sample::of(&["schema app", "table app.a > schema app", "extension hstore"]);
        sample.knows_dumps();
        sample.catalog.layout = Some("pgdump".to_owned());
        sample.facts.no_stage_database = None;
        sample.options = options;
        sample.exists(exists);
        sample
    }

    fn with(policy: Policy) -> Options {
        Options { restore_policy: policy, ..Options::default() }
    }

    #[test]
    fn a_database_of_its_own_is_taken_where_nothing_would_be_lost() {
        use Policy::{None, Rename, Replace};
        for (exists, options, kind, why) in [
            (&[][..], with(None), StageKind::Database, "ends no sessions"),
            (&["user ana", "role r"], with(None), StageKind::Database, ""),
            (&["schema app", "extension hstore"], with(None), StageKind::Database, ""),
            (&["table app.a"], with(Replace), StageKind::Database, ""),
            (&["table app.a"], with(None), StageKind::Beside, "holds table app.a, which"),
            (
                &["table app.a", "view app.v", "view app.w"],
                with(Replace),
                StageKind::Beside,
                "view app.v and 1 more object",
            ),
            (&["table app.a"], Options { keep_going: true, ..with(Replace) }, StageKind::Beside, "--keep-going"),
            (&["role r"], Options { keep_going: true, ..with(Replace) }, StageKind::Database, ""),
            (&["extension pg_trgm"], with(Replace), StageKind::Beside, "extension pg_trgm"),
            (&[], with(Rename), StageKind::Beside, "moved aside"),
            (&[], Options { stage: StageChoice::Beside, ..with(None) }, StageKind::Beside, "--stage beside"),
            (&[], Options { leave_out: [LeaveOut::Owners].into(), ..with(None) }, StageKind::Database, ""),
            (&[], Options { select: selectors(&["*"]), ..with(None) }, StageKind::Beside, "only a part"),
            (&[], Options { exclude: selectors(&["extension"]), ..with(None) }, StageKind::Beside, "only a part"),
            (&[], Options { rows_only: true, ..with(None) }, StageKind::Beside, "only a part"),
            (
                &[],
                Options { target_schema_map: [("app".to_owned(), "b".to_owned())].into(), ..with(None) },
                StageKind::Beside,
                "other names",
            ),
        ] {
            let plan = dump(exists, options).plan();
            assert_eq!(plan.stage, kind, "{exists:?} {:?}", plan.options);
            let note = plan.findings.iter().find(|finding| finding.code == "plan.stage").unwrap();
            assert!(format!("{} {}", note.message, note.fix).contains(why), "{note:?}");
        }
    }

    #[test]
    fn a_database_that_cannot_be_had_is_refused() {
        let mut sample = dump(&[], Options { stage: StageChoice::Database, ..Options::default() });
        assert_eq!(sample.plan().stage, StageKind::Database);
        sample.facts.no_stage_database = Some("the role may not create databases".to_owned());
        let found = sample.findings();
        let refusal =
            "Refusal plan.no_stage_database … the role may not create databases [--stage auto or --stage beside]";
        assert_findings(&found[..1], &[refusal]);
    }

    #[test]
    fn what_others_are_built_on_stays_or_is_made_anew() {
        let actions = |sample: &Sample| sample.plan().steps.iter().map(|step| step.action).collect::<Vec<_>>();
        let exists = ["schema app", "extension hstore"];
        use Action::{Create, Replace, Skip};
        assert_eq!(actions(&dump(&exists, with(Policy::None))), [Replace, Create, Replace]);
        let beside = dump(&exists, Options { stage: StageChoice::Beside, ..with(Policy::Replace) });
        assert_eq!(actions(&beside), [Skip, Create, Skip]);
        assert!(beside.check().is_ok());
    }

    #[test]
    fn a_target_without_a_choice_needs_no_note() {
        let plan = Sample::of(&["table main.a"]).plan();
        assert!(plan.stage == StageKind::Beside && plan.findings.is_empty());
    }
}
