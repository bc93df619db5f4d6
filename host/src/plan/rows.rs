//! Which way rows take: through the sandbox as they are, where the target takes the form in which they come, or decoded.

use crate::catalog::Object;
use crate::facts::TargetInfo;

use super::{Options, Share};

/// The form that every target takes.
const INTERCHANGE: &str = "arrow";

/// Forms that some system takes natively.
fn is_native(form: &str) -> bool {
    matches!(form, "postgres-copy-text" | "postgres-copy-binary")
}

impl Options {
    /// The forms of rows that plugins may hand to the target. With `reingest` rows come decoded.
    pub fn forms(&self, target: &TargetInfo) -> Vec<String> {
        let taken = target.forms.iter().filter(|form| !self.reingest || *form == INTERCHANGE);
        taken.cloned().collect()
    }
}

/// What the plan says of an object whose rows come in a form that some system takes natively. A foreign backup's tables are made by their own
/// statements, which say nothing of types that an interchange form has: where the target takes these, their rows go with them.
pub(super) fn way(
    object: &Object,
    share: Share,
    options: &Options,
    target: &TargetInfo,
    is_foreign: bool,
) -> Option<String> {
    let form = object.entries.iter().map(|entry| entry.form.as_str()).find(|form| is_native(form))?;
    if !matches!(share, Share::All | Share::Rows) {
        return None;
    }
    let is_taken = target.forms.iter().any(|taken| taken == form);
    Some(match (is_taken, options.reingest) {
        (true, false) => format!("its rows pass through as {form}"),
        (true, true) if is_foreign => format!(
            "its rows pass through as {form} also with --reingest: the backup's own statements make the table for them"
        ),
        (true, true) => format!("its rows are decoded from {form} and inserted, as --reingest asks for"),
        (false, _) => format!("its rows are decoded from {form}, which the target does not take"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::object;

    #[test]
    fn the_plan_says_which_way_rows_take() {
        let target = |forms: &[&str]| TargetInfo {
            kind: "postgres".to_owned(),
            version: "15".to_owned(),
            dialect: "postgresql".to_owned(),
            forms: forms.iter().map(|form| (*form).to_owned()).collect(),
        };
        let postgres = target(&["arrow", "postgres-copy-text", "postgres-copy-binary"]);
        let sqlite = target(&["arrow"]);
        for (form, share, reingest, target, is_foreign, expected) in [
            ("postgres-copy-binary", Share::All, false, &postgres, false, Some("pass through as postgres-copy-binary")),
            ("postgres-copy-text", Share::Rows, false, &postgres, false, Some("pass through as postgres-copy-text")),
            ("postgres-copy-binary", Share::All, true, &postgres, false, Some("as --reingest asks for")),
            ("postgres-copy-binary", Share::All, false, &sqlite, false, Some("which the target does not take")),
            ("postgres-copy-binary", Share::All, true, &sqlite, false, Some("which the target does not take")),
            ("postgres-copy-binary", Share::Definition, false, &postgres, false, None),
            (
                "postgres-copy-text",
                Share::All,
                true,
                &postgres,
                true,
                Some("pass through as postgres-copy-text also with"),
            ),
            ("postgres-copy-text", Share::All, true, &sqlite, true, Some("which the target does not take")),
            ("csv", Share::All, false, &postgres, false, None),
            ("arrow", Share::All, true, &postgres, false, None),
        ] {
            let mut table = object(0, "table main.a");
            table.entries.iter_mut().for_each(|entry| entry.form = form.to_owned());
            let options = Options { reingest, ..Options::default() };
            let said = way(&table, share, &options, target, is_foreign);
            assert_eq!(said.is_some(), expected.is_some(), "{form} {share:?}");
            assert!(said.unwrap_or_default().contains(expected.unwrap_or_default()));
            let forms = options.forms(target);
            assert_eq!(forms.len(), if reingest { 1 } else { target.forms.len() });
            assert_eq!(forms[0], "arrow");
        }
    }
}
