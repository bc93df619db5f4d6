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

/// What the plan says of an object whose rows come in a form that some system takes natively.
pub(super) fn way(object: &Object, share: Share, options: &Options, target: &TargetInfo) -> Option<String> {
    let form = object.entries.iter().map(|entry| entry.form.as_str()).find(|form| is_native(form))?;
    if !matches!(share, Share::All | Share::Rows) {
        return None;
    }
    let is_taken = target.forms.iter().any(|taken| taken == form);
    Some(match (is_taken, options.reingest) {
        (true, false) => format!("its rows pass through as {form}"),
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
        for (form, share, reingest, target, expected) in [
            ("postgres-copy-binary", Share::All, false, &postgres, Some("pass through as postgres-copy-binary")),
            ("postgres-copy-text", Share::Rows, false, &postgres, Some("pass through as postgres-copy-text")),
            ("postgres-copy-binary", Share::All, true, &postgres, Some("as --reingest asks for")),
            ("postgres-copy-binary", Share::All, false, &sqlite, Some("which the target does not take")),
            ("postgres-copy-binary", Share::All, true, &sqlite, Some("which the target does not take")),
            ("postgres-copy-binary", Share::Definition, false, &postgres, None),
            ("csv", Share::All, false, &postgres, None),
            ("arrow", Share::All, true, &postgres, None),
        ] {
            let mut table = object(0, "table main.a");
            table.entries.iter_mut().for_each(|entry| entry.form = form.to_owned());
            let options = Options { reingest, ..Options::default() };
            let said = way(&table, share, &options, target);
            assert_eq!(said.is_some(), expected.is_some(), "{form} {share:?}");
            assert!(said.unwrap_or_default().contains(expected.unwrap_or_default()));
            let forms = options.forms(target);
            assert_eq!(forms.len(), if reingest { 1 } else { target.forms.len() });
            assert_eq!(forms[0], "arrow");
        }
    }
}
