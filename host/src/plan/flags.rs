//! Options as the command line takes them: a command that somebody is told to run next must ask for the same.

use super::{LeaveOut, Options, Policy, StageChoice, Subscriptions};
use crate::catalog::Section;
use crate::text::quote;

/// The words behind `reinstate plan ARCHIVE --into TARGET` that ask for these options, each with a space before it; what is usual is not said.
pub(crate) fn flags(options: &Options) -> String {
    let mut words = Words::default();
    let Options { select, exclude, .. } = options;
    select.iter().for_each(|selector| words.value("--select", &selector.to_string()));
    exclude.iter().for_each(|selector| words.value("--exclude", &selector.to_string()));
    options.sections.iter().for_each(|section| words.value("--section", section_word(*section)));
    words.flag("--ddl-only", options.ddl_only);
    words.flag("--data-only", options.rows_only);
    for (what, flag) in [
        (LeaveOut::Owners, "--no-owner"),
        (LeaveOut::Privileges, "--no-privileges"),
        (LeaveOut::Comments, "--no-comments"),
    ] {
        words.flag(flag, options.leave_out.contains(&what));
    }
    words.flag("--restore-all-permissions", options.restore_all_permissions);
    words.flag("--take-access", options.take_access);
    words.text("--backup-id", options.backup_id.as_deref());
    words.text("--globals", options.globals.as_deref());
    let general = (options.restore_policy != Policy::None).then(|| options.restore_policy.word().to_owned());
    let by_kind = options.restore_policy_by_kind.iter().map(|(kind, policy)| format!("{kind}={}", policy.word()));
    words.list("--restore-policy", general.into_iter().chain(by_kind));
    words.flag("--cascade-foreign-keys", options.cascade_foreign_keys);
    words.text("--renamed-objects-schema", options.renamed_objects_schema.as_deref());
    words.flag("--create-schema-if-not-exist=false", !options.create_schema_if_not_exist);
    for (from, to) in &options.target_schema_map {
        words.value("--target-schema-map", &format!("{from}={to}"));
    }
    words.text(
        "--restore-subscriptions",
        match options.restore_subscriptions {
            Subscriptions::Resume => None,
            Subscriptions::Pause => Some("pause"),
            Subscriptions::Cancel => Some("cancel"),
        },
    );
    words.text(
        "--stage",
        match options.stage {
            StageChoice::Auto => None,
            StageChoice::Beside => Some("beside"),
            StageChoice::Database => Some("database"),
        },
    );
    words.list("--allow", options.allow.iter().cloned());
    words.flag("--keep-going", options.keep_going);
    words.text("--width", (options.width > 0).then(|| options.width.to_string()).as_deref());
    words.flag("--checksum=false", !options.checksum);
    words.flag("--reingest", options.reingest);
    words.text("--identity", options.identity.as_deref());
    words.flag("--no-analyze", options.skip_analyze);
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
