//! Options as the command line takes them: a command that somebody is told to run next must ask for the same.

use super::{LeaveOut, Options, Policy, StageChoice, Subscriptions};
use crate::catalog::Section;
use crate::text::quote;

/// The words behind `reinstate plan ARCHIVE --into TARGET` that ask for these options, each with a space before it; what is usual is not said.
pub(crate) fn flags(options: &Options) -> String {
    let mut words = Words::default();
    // All of them by name: one that is added cannot be forgotten here.
    let Options {
        select,
        exclude,
        backup_id,
        restore_policy,
        restore_policy_by_kind,
        renamed_objects_schema,
        create_schema_if_not_exist,
        target_schema_map,
        ddl_only,
        reingest,
        cascade_foreign_keys,
        restore_all_permissions,
        restore_subscriptions,
        checksum,
        identity,
        take_access,
        keep_going,
        width,
        rows_only,
        sections,
        leave_out,
        allow,
        stage,
        skip_analyze,
        globals,
    } = options;
    select.iter().for_each(|selector| words.value("--select", &selector.to_string()));
    exclude.iter().for_each(|selector| words.value("--exclude", &selector.to_string()));
    sections.iter().for_each(|section| words.value("--section", section_word(*section)));
    words.flag("--ddl-only", *ddl_only);
    words.flag("--data-only", *rows_only);
    for (what, flag) in [
        (LeaveOut::Owners, "--no-owner"),
        (LeaveOut::Privileges, "--no-privileges"),
        (LeaveOut::Comments, "--no-comments"),
    ] {
        words.flag(flag, leave_out.contains(&what));
    }
    words.flag("--restore-all-permissions", *restore_all_permissions);
    words.flag("--take-access", *take_access);
    words.text("--backup-id", backup_id.as_deref());
    words.text("--globals", globals.as_deref());
    let general = (*restore_policy != Policy::None).then(|| restore_policy.word().to_owned());
    let by_kind = restore_policy_by_kind.iter().map(|(kind, policy)| format!("{kind}={}", policy.word()));
    words.list("--restore-policy", general.into_iter().chain(by_kind));
    words.flag("--cascade-foreign-keys", *cascade_foreign_keys);
    words.text("--renamed-objects-schema", renamed_objects_schema.as_deref());
    words.flag("--create-schema-if-not-exist=false", !*create_schema_if_not_exist);
    for (from, to) in target_schema_map {
        words.value("--target-schema-map", &format!("{from}={to}"));
    }
    words.text(
        "--restore-subscriptions",
        match restore_subscriptions {
            Subscriptions::Resume => None,
            Subscriptions::Pause => Some("pause"),
            Subscriptions::Cancel => Some("cancel"),
        },
    );
    words.text(
        "--stage",
        match stage {
            StageChoice::Auto => None,
            StageChoice::Beside => Some("beside"),
            StageChoice::Database => Some("database"),
        },
    );
    words.list("--allow", allow.iter().cloned());
    words.flag("--keep-going", *keep_going);
    words.text("--width", (*width > 0).then(|| width.to_string()).as_deref());
    words.flag("--checksum=false", !*checksum);
    words.flag("--reingest", *reingest);
    words.text("--identity", identity.as_deref());
    words.flag("--no-analyze", *skip_analyze);
    words.0
}

#[derive(Default)]
struct Words(String);

impl Words {
    fn flag(&mut self, flag: &str, said: bool) {
        if said {
            self.0 += &format!(" {flag}");
        }
    }

    fn value(&mut self, flag: &str, value: &str) {
        self.0 += &format!(" {flag} {}", quote(value));
    }

    fn text(&mut self, flag: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.value(flag, value);
        }
    }

    fn list(&mut self, flag: &str, values: impl Iterator<Item = String>) {
        let values: Vec<String> = values.collect();
        if !values.is_empty() {
            self.value(flag, &values.join(","));
        }
    }
}

fn section_word(section: Section) -> &'static str {
    match section {
        Section::PreData => "pre-data",
        Section::Data => "data",
        Section::PostData => "post-data",
    }
}
