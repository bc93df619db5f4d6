//! What to restore and how, as it is written on the command line: our own words, and those that users of pg_restore know.

use std::collections::BTreeMap;

use clap::{ArgAction, Args, ValueEnum};

use crate::catalog::Section;
use crate::error::{Error, Result};
use crate::plan::identity::is_allowance;
use crate::plan::{LeaveOut, Options, PolicyChoice, Selector, StageChoice, Subscriptions, schema_pairs};
use crate::sql::reach::CODES;

const WHAT: &str = "What is restored";
const WHERE: &str = "Where it goes";
const HOW: &str = "How it is done";

/// Kinds of what pg_restore calls a table.
const RELATIONS: &str = "table,view,materialized_view,foreign_table,sequence";
/// Kinds of what it calls a function.
const ROUTINES: &str = "user_defined_function,stored_procedure,aggregate";

/// Kinetica's words for what becomes of subscriptions to data sources.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum SubscriptionsArg {
    /// They go on as they were at the source
    Resume,
    /// All of them come back paused
    Pause,
    /// None of them comes back
    Cancel,
}

/// Parts of a backup, in pg_dump's words.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum SectionArg {
    /// Definitions that rows need
    PreData,
    /// Rows, large objects, values of sequences
    Data,
    /// Indexes, constraints, triggers
    PostData,
}

/// Where the work is done until the switch.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum StageArg {
    /// In a database of its own where the restore brings all that the target holds, else beside the live objects
    Auto,
    /// Beside the live objects, which are exchanged one by one in one transaction
    Beside,
    /// In a database of its own, which takes the live one's name; refused where that would lose something
    Database,
}

/// What to restore, and how.
#[derive(Debug, Default, Args)]
pub(super) struct PlanArgs {
    /// Restore only these: kinds, or kinds:pattern with * and ?
    #[arg(long, value_name = "KIND[,KIND…][:PATTERN]", value_parser = selector, help_heading = WHAT)]
    select: Vec<Selector>,
    /// Leave these out
    #[arg(long, value_name = "KIND[,KIND…][:PATTERN]", value_parser = selector, help_heading = WHAT)]
    exclude: Vec<Selector>,
    /// Restore only this table, view, sequence or foreign table; indexes and constraints are selected themselves
    #[arg(short = 't', long, value_name = "NAME", value_parser = name, help_heading = WHAT)]
    table: Vec<String>,
    /// Restore only this index
    #[arg(short = 'I', long, value_name = "NAME", value_parser = name, help_heading = WHAT)]
    index: Vec<String>,
    /// Restore only this function, procedure or aggregate, with or without its argument types
    #[arg(short = 'P', long, value_name = "NAME[(TYPE, …)]", value_parser = name, help_heading = WHAT)]
    function: Vec<String>,
    /// Restore only this trigger
    #[arg(short = 'T', long, value_name = "NAME", value_parser = name, help_heading = WHAT)]
    trigger: Vec<String>,
    /// Restore only what is in this schema; with --table and the like, only those in it
    #[arg(short = 'n', long, value_name = "SCHEMA", value_parser = name, help_heading = WHAT)]
    in_schema: Vec<String>,
    /// Leave out what is in this schema
    #[arg(short = 'N', long, value_name = "SCHEMA", value_parser = name, help_heading = WHAT)]
    exclude_schema: Vec<String>,
    /// Restore definitions and leave rows out
    #[arg(short = 's', long, visible_alias = "schema-only", conflicts_with_all = ["data_only", "section"], help_heading = WHAT)]
    ddl_only: bool,
    /// Add rows to what the target has, and restore no definitions
    #[arg(short = 'a', long, conflicts_with = "section", help_heading = WHAT)]
    data_only: bool,
    /// Restore only this section; may be given more than once
    #[arg(long, value_enum, value_name = "SECTION", help_heading = WHAT)]
    section: Vec<SectionArg>,
    /// Leave owners out: everything belongs to the role that restores
    #[arg(short = 'O', long, help_heading = WHAT)]
    no_owner: bool,
    /// Leave privileges out
    #[arg(short = 'x', long, visible_alias = "no-acl", help_heading = WHAT)]
    no_privileges: bool,
    /// Leave comments out
    #[arg(long, help_heading = WHAT)]
    no_comments: bool,
    /// Give users and roles all their permissions, also on objects that this job does not restore
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = ArgAction::Set, help_heading = WHAT)]
    restore_all_permissions: bool,
    /// Restore no users, members of roles or tokens, and give who runs the restore full access to what is restored
    #[arg(long, help_heading = WHAT)]
    take_access: bool,
    /// Refuse an archive that holds another snapshot than this one; empty for whatever it holds
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true, help_heading = WHAT)]
    backup_id: String,
    /// Restore the roles of this `pg_dumpall --globals-only` script first; the role that restores is never changed
    #[arg(long, value_name = "FILE", help_heading = WHAT)]
    globals: Option<String>,

    /// What happens to names that are taken: `none` refuses; `replace` lets the restored object take the place, which is what --clean
    /// --if-exists is elsewhere, and can be undone; `rename` moves the existing object to another schema. KIND=POLICY is for that kind alone
    #[arg(long, value_name = "POLICY|KIND=POLICY,…", value_delimiter = ',', default_value = "none", help_heading = WHERE)]
    restore_policy: Vec<PolicyChoice>,
    /// With the policy `replace`: put tables out of sight that are not in the backup and refer to tables that give way, instead of
    /// failing where their rows do not find theirs
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = ArgAction::Set, help_heading = WHERE)]
    cascade_foreign_keys: bool,
    /// Where the policy `rename` moves existing objects
    #[arg(long, value_name = "SCHEMA", help_heading = WHERE)]
    renamed_objects_schema: Option<String>,
    /// Create schemas that the target lacks; with `=false` they are refused
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = ArgAction::Set, help_heading = WHERE)]
    create_schema_if_not_exist: bool,
    /// Restore schemas under other names; may be given more than once
    #[arg(long, value_name = "SRC=DST|SRC: DST,…", value_parser = mapping, help_heading = WHERE)]
    target_schema_map: Vec<Pairs>,
    /// What becomes of tables' subscriptions to data sources
    #[arg(long, value_enum, default_value = "resume", help_heading = WHERE)]
    restore_subscriptions: Option<SubscriptionsArg>,
    /// Where the work is done until the switch
    #[arg(long, value_enum, default_value = "auto", help_heading = WHERE)]
    stage: Option<StageArg>,

    /// Let statements of the backup that reach outside the stage run, by the codes that the plan names; `all` for every one.
    /// identity:NAME lets the user or role be changed that runs the restore
    #[arg(long, value_name = "CODE,…|all|identity:NAME", value_delimiter = ',', value_parser = code, help_heading = HOW)]
    allow: Vec<String>,
    /// Go on when an object fails, and switch the others
    #[arg(long, help_heading = HOW)]
    keep_going: bool,
    /// End at the first object that fails, and switch nothing; this is the default
    #[arg(short = 'e', long, conflicts_with = "keep_going", help_heading = HOW)]
    exit_on_error: bool,
    /// Objects and parts at once; 0 for a number that is found while restoring
    #[arg(short = 'j', long, value_name = "N", visible_alias = "jobs", default_value_t = 0, help_heading = HOW)]
    width: u32,
    /// Compare the digests of what is read
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = ArgAction::Set, help_heading = HOW)]
    checksum: bool,
    /// Decode rows and insert them, also where the target takes them in the form in which they come
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = ArgAction::Set, help_heading = HOW)]
    reingest: bool,
    /// Who runs the restore, where the target does not know: a user that it keeps, who is never changed
    #[arg(long, value_name = "NAME", value_parser = name, help_heading = HOW)]
    identity: Option<String>,
    /// Leave the statistics of what is restored to the target's own housekeeping
    #[arg(long, help_heading = HOW)]
    no_analyze: bool,

    #[arg(long, hide = true)]
    clean: bool,
    #[arg(long, hide = true)]
    if_exists: bool,
}

impl PlanArgs {
    /// What was asked for. Fails with `usage` for words of pg_restore that we have others for.
    pub(super) fn options(self) -> Result<Options> {
        if self.clean || self.if_exists {
            let word = if self.clean { "--clean" } else { "--if-exists" };
            let message = format!(
                "{word} drops what exists; here --restore-policy replace puts what is restored in its place in one switch, and keeps \
                 what was there until `discard`"
            );
            return Err(Error::new("usage", message).state("The target is unchanged").next("reinstate help restore"));
        }
        let mut options = Options {
            select: self.selected(),
            exclude: self.excluded(),
            sections: self.section.iter().map(|section| Section::from(*section)).collect(),
            leave_out: [
                (self.no_owner, LeaveOut::Owners),
                (self.no_privileges, LeaveOut::Privileges),
                (self.no_comments, LeaveOut::Comments),
            ]
            .into_iter()
            .filter_map(|(asked, what)| asked.then_some(what))
            .collect(),
            stage: match self.stage {
                Some(StageArg::Auto) | None => StageChoice::Auto,
                Some(StageArg::Beside) => StageChoice::Beside,
                Some(StageArg::Database) => StageChoice::Database,
            },
            restore_subscriptions: match self.restore_subscriptions {
                Some(SubscriptionsArg::Resume) | None => Subscriptions::Resume,
                Some(SubscriptionsArg::Pause) => Subscriptions::Pause,
                Some(SubscriptionsArg::Cancel) => Subscriptions::Cancel,
            },
            renamed_objects_schema: self.renamed_objects_schema,
            create_schema_if_not_exist: self.create_schema_if_not_exist,
            target_schema_map: schema_map(self.target_schema_map)?,
            backup_id: Some(self.backup_id).filter(|id| !id.is_empty()),
            reingest: self.reingest,
            cascade_foreign_keys: self.cascade_foreign_keys,
            restore_all_permissions: self.restore_all_permissions,
            identity: self.identity,
            take_access: self.take_access,
            ddl_only: self.ddl_only,
            rows_only: self.data_only,
            keep_going: self.keep_going,
            width: self.width,
            checksum: self.checksum,
            skip_analyze: self.no_analyze,
            allow: self.allow.into_iter().collect(),
            globals: self.globals,
            ..Options::default()
        };
        options.choose_policies(self.restore_policy);
        Ok(options)
    }

    /// pg_restore's words as selectors: names within the schemas that were named, and where none was, whole schemas.
    fn selected(&self) -> Vec<Selector> {
        let named =
            [(RELATIONS, &self.table), ("index", &self.index), (ROUTINES, &self.function), ("trigger", &self.trigger)];
        let names = named.into_iter().flat_map(|(kinds, names)| names.iter().map(move |name| (kinds, name.as_str())));
        let mut selected = self.select.clone();
        for (kinds, name) in names {
            if self.in_schema.is_empty() || has_schema(name) {
                selected.push(pattern(kinds, name.to_owned()));
            } else {
                selected.extend(self.in_schema.iter().map(|schema| pattern(kinds, format!("{schema}.{name}"))));
            }
        }
        if selected.len() == self.select.len() {
            selected.extend(self.in_schema.iter().map(|schema| pattern("*", format!("{schema}.*"))));
        }
        selected
    }

    fn excluded(&self) -> Vec<Selector> {
        let schemas = self.exclude_schema.iter().map(|schema| pattern("*", format!("{schema}.*")));
        self.exclude.iter().cloned().chain(schemas).collect()
    }
}

/// Dots in argument types are none of the name's.
fn has_schema(name: &str) -> bool {
    name.split('(').next().is_some_and(|name| name.contains('.'))
}

fn pattern(kinds: &str, pattern: String) -> Selector {
    Selector { kind: kinds.to_owned(), pattern }
}

impl From<SectionArg> for Section {
    fn from(section: SectionArg) -> Self {
        match section {
            SectionArg::PreData => Section::PreData,
            SectionArg::Data => Section::Data,
            SectionArg::PostData => Section::PostData,
        }
    }
}

fn selector(text: &str) -> Result<Selector, String> {
    Selector::try_from(text.to_owned())
}

fn name(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("expected a name".to_owned()) } else { Ok(text.to_owned()) }
}

/// Schemas of one flag.
type Pairs = Vec<(String, String)>;

fn mapping(text: &str) -> Result<Pairs, String> {
    schema_pairs(text)
}

/// Those of all flags. Fails with `usage` when one schema is mapped to two.
fn schema_map(flags: Vec<Pairs>) -> Result<BTreeMap<String, String>> {
    let mut map = BTreeMap::new();
    for (from, to) in flags.into_iter().flatten() {
        let earlier = map.insert(from.clone(), to.clone());
        if earlier.is_some_and(|earlier| earlier != to) {
            let message = format!("--target-schema-map maps the schema `{}` to two others", from.escape_debug());
            return Err(Error::new("usage", message).state("The target is unchanged").next("reinstate help restore"));
        }
    }
    Ok(map)
}

fn code(text: &str) -> Result<String, String> {
    if text == "all" || is_allowance(text) || CODES.iter().any(|(code, _)| *code == text) {
        return Ok(text.to_owned());
    }
    let known: Vec<&str> = CODES.iter().map(|(code, _)| *code).collect();
    Err(format!("expected codes as the plan names them, all, or identity:NAME; there are {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::plan::Policy;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: PlanArgs,
    }

    fn parsed(words: &[&str]) -> Result<Options, String> {
        let line = Line::try_parse_from(std::iter::once(&"x").chain(words)).map_err(|error| error.to_string())?;
        line.args.options().map_err(|error| error.to_string())
    }

    fn selectors(words: &[&str]) -> Vec<String> {
        parsed(words).unwrap().select.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn names_of_pg_restore_are_selectors() {
        let relations = |pattern: &str| format!("{RELATIONS}:{pattern}");
        let routines = |pattern: &str| format!("{ROUTINES}:{pattern}");
        for (words, expected) in [
            (&["--table", "a", "-t", "app.b"][..], vec![relations("a"), relations("app.b")]),
            (&["-n", "app"], vec!["*:app.*".to_owned()]),
            (&["-n", "app", "-n", "old", "-t", "a"], vec![relations("app.a"), relations("old.a")]),
            (&["-n", "app", "-t", "x.a"], vec![relations("x.a")]),
            (&["-P", "f(integer, public.t)"], vec![routines("f(integer, public.t)")]),
            (&["-n", "app", "--function", "f(public.t)"], vec![routines("app.f(public.t)")]),
            (
                &["-I", "i", "-T", "t", "--select", "role"],
                vec!["role:*".to_owned(), "index:i".to_owned(), "trigger:t".to_owned()],
            ),
            (&["-n", "app", "--select", "role"], vec!["role:*".to_owned(), "*:app.*".to_owned()]),
        ] {
            assert_eq!(selectors(words), expected, "{words:?}");
        }
        let excluded = parsed(&["-N", "old", "--exclude", "view"]).unwrap().exclude;
        assert_eq!(excluded.iter().map(ToString::to_string).collect::<Vec<_>>(), ["view:*", "*:old.*"]);
    }

    fn policies(pairs: &[(&str, Policy)]) -> BTreeMap<String, Policy> {
        pairs.iter().map(|(kind, policy)| ((*kind).to_owned(), *policy)).collect()
    }

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect()
    }

    #[test]
    fn every_flag_is_an_option() {
        let base = Options::default;
        for (words, expected) in [
            (&[][..], base()),
            (&["--data-only"], Options { rows_only: true, ..base() }),
            (&["-s"], Options { ddl_only: true, ..base() }),
            (&["--schema-only"], Options { ddl_only: true, ..base() }),
            (
                &["--section", "data", "--section=post-data"],
                Options { sections: [Section::Data, Section::PostData].into(), ..base() },
            ),
            (
                &["--no-owner", "--no-acl", "--no-comments"],
                Options { leave_out: [LeaveOut::Owners, LeaveOut::Privileges, LeaveOut::Comments].into(), ..base() },
            ),
            (&["-Ox"], Options { leave_out: [LeaveOut::Owners, LeaveOut::Privileges].into(), ..base() }),
            (
                &["--allow", "sql.program,sql.session", "--allow", "all"],
                Options { allow: ["sql.program", "sql.session", "all"].map(str::to_owned).into(), ..base() },
            ),
            (&["--globals", "g.sql"], Options { globals: Some("g.sql".to_owned()), ..base() }),
            (&["--stage", "database"], Options { stage: StageChoice::Database, ..base() }),
            (&["--no-analyze"], Options { skip_analyze: true, ..base() }),
            (&["--restore-subscriptions", "resume"], base()),
            (&["--restore-subscriptions", "pause"], Options { restore_subscriptions: Subscriptions::Pause, ..base() }),
            (
                &["--restore-subscriptions", "cancel"],
                Options { restore_subscriptions: Subscriptions::Cancel, ..base() },
            ),
            (&["-j", "4"], Options { width: 4, ..base() }),
            (&["--jobs=4", "--exit-on-error"], Options { width: 4, ..base() }),
            (
                &["--restore-policy", "replace", "--restore-policy", "user=none,role=rename"],
                Options {
                    restore_policy: Policy::Replace,
                    restore_policy_by_kind: policies(&[("user", Policy::None), ("role", Policy::Rename)]),
                    ..base()
                },
            ),
            (
                &["--restore-policy", "user=replace"],
                Options { restore_policy_by_kind: policies(&[("user", Policy::Replace)]), ..base() },
            ),
            (&["--create-schema-if-not-exist"], base()),
            (&["--create-schema-if-not-exist=true"], base()),
            (&["--create-schema-if-not-exist=false"], Options { create_schema_if_not_exist: false, ..base() }),
            (&["--checksum"], base()),
            (&["--checksum=false"], Options { checksum: false, ..base() }),
            (&["--reingest"], Options { reingest: true, ..base() }),
            (&["--reingest=false"], base()),
            (&["--cascade-foreign-keys=true"], Options { cascade_foreign_keys: true, ..base() }),
            (&["--restore-all-permissions"], Options { restore_all_permissions: true, ..base() }),
            (&["--backup-id", "s1"], Options { backup_id: Some("s1".to_owned()), ..base() }),
            (&["--backup-id", ""], base()),
            (
                &["--identity", "ana", "--take-access"],
                Options { identity: Some("ana".to_owned()), take_access: true, ..base() },
            ),
            (&["--allow", "identity:ana"], Options { allow: ["identity:ana".to_owned()].into(), ..base() }),
            (
                &["--target-schema-map", "a=b", "--target-schema-map", "c: d, e:f"],
                Options { target_schema_map: map(&[("a", "b"), ("c", "d"), ("e", "f")]), ..base() },
            ),
            (
                &["--restore-policy", "rename", "--keep-going"],
                Options { restore_policy: Policy::Rename, keep_going: true, ..base() },
            ),
        ] {
            assert_eq!(parsed(words).unwrap(), expected, "{words:?}");
            // And the other way round, for commands that somebody is told to run next.
            let flags = crate::plan::flags(&expected);
            assert_eq!(parsed(&flags.split_whitespace().collect::<Vec<_>>()).unwrap(), expected, "{flags}");
        }
        let odd = Options { select: vec![selector("table,view:my 'odd' *").unwrap()], ..base() };
        assert_eq!(crate::plan::flags(&odd), r#" --select 'table,view:my '\''odd'\'' *'"#);
    }

    #[test]
    fn what_cannot_be_meant_is_misuse() {
        for (words, said) in [
            (&["--data-only", "--ddl-only"][..], "cannot be used with"),
            (&["--data-only", "--section", "data"], "cannot be used with"),
            (&["--schema-only", "--section", "data"], "cannot be used with"),
            (&["--exit-on-error", "--keep-going"], "cannot be used with"),
            (&["--clean"], "--restore-policy replace puts"),
            (&["--if-exists"], "--if-exists drops what exists"),
            (&["--allow", "sql-x"], "expected codes"),
            (&["--allow", ""], "expected codes"),
            (&["--table", ""], "expected a name"),
            (&["--section", "all"], "post-data"),
            (&["--target-schema-map", "a="], "`a=` is not SRC: DST or SRC=DST"),
            (&["--target-schema-map", "a=b", "--target-schema-map", "a: c"], "maps the schema `a` to two"),
            (&["--restore-policy", "drop"], "`drop` is no policy"),
            (&["--restore-policy", "user="], "is no policy"),
            (&["--checksum=maybe"], "true, false"),
            (&["--identity", ""], "expected a name"),
            (&["--allow", "identity:"], "or identity:NAME"),
        ] {
            let error = parsed(words).unwrap_err();
            assert!(error.contains(said), "{words:?}: {error}");
        }
    }
}
