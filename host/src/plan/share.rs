//! How much of an object the options ask for: all of it, its definition, or its rows.

use std::collections::BTreeSet;

use crate::catalog::{Entry, Object, Section};
use crate::error::{Error, Result};

use super::{LeaveOut, Options};

/// What of an object is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// Nothing of it.
    Nothing,
    /// Its definition, without rows.
    Definition,
    /// Its rows, into the object that the target has.
    Rows,
    /// All of it.
    All,
}

impl Options {
    /// Whether rows are left out everywhere.
    pub fn without_rows(&self) -> bool {
        !self.wanted().contains(&Section::Data)
    }

    /// What of the object is asked for, once it is selected. An object before the rows holds its own: it belongs to two sections.
    pub fn share(&self, object: &Object) -> Share {
        if self.leaves_out(object) {
            return Share::Nothing;
        }
        if self.asks_for(object) {
            return Share::All;
        }
        let wanted = self.wanted();
        let has = |section| wanted.contains(&section);
        if object.section == Section::PreData && object.entries.iter().any(holds_rows) {
            return match (has(Section::PreData), has(Section::Data)) {
                (true, true) => Share::All,
                (true, false) => Share::Definition,
                (false, true) => Share::Rows,
                (false, false) => Share::Nothing,
            };
        }
        // A dump of rows alone has no definitions.
        if object.section == Section::Data && object.name.kind == "table" {
            return if has(Section::Data) { Share::Rows } else { Share::Nothing };
        }
        if has(object.section) { Share::All } else { Share::Nothing }
    }

    /// Users and roles of a second archive are asked for by naming that, whatever part of the first one is.
    pub(super) fn asks_for(&self, object: &Object) -> bool {
        self.globals.is_some() && matches!(object.name.kind.as_str(), "user" | "role")
    }

    /// Fails with `usage` when options say opposite things.
    pub(super) fn agree(&self) -> Result<()> {
        let twice = match (self.rows_only, self.ddl_only, self.sections.is_empty()) {
            (true, true, _) => "--data-only and --ddl-only leave nothing to restore: give one of them",
            (true, _, false) => "--data-only and --section both say which part is restored: give one of them",
            (_, true, false) => "--ddl-only and --section both say which part is restored: give one of them",
            _ => return Ok(()),
        };
        Err(Error::new("usage", twice).state("The target is unchanged").next("reinstate help plan"))
    }

    fn leaves_out(&self, object: &Object) -> bool {
        match object.name.kind.as_str() {
            "comment" => self.leave_out.contains(&LeaveOut::Comments),
            "privileges" | "default_privileges" => self.take_access || self.leave_out.contains(&LeaveOut::Privileges),
            _ => false,
        }
    }

    /// The sections that are restored, whichever option says so.
    fn wanted(&self) -> BTreeSet<Section> {
        use Section::{Data, PostData, PreData};
        match (self.sections.is_empty(), self.rows_only, self.ddl_only) {
            (false, ..) => self.sections.clone(),
            (_, true, _) => BTreeSet::from([Data]),
            (_, _, true) => BTreeSet::from([PreData, PostData]),
            _ => BTreeSet::from([PreData, Data, PostData]),
        }
    }
}

/// Whether the entry's bytes are rows; other payloads (an environment's packages, say) belong to the definition.
pub(super) fn holds_rows(entry: &Entry) -> bool {
    let form = entry.form.as_str();
    entry.rows.is_some() || matches!(form, "csv" | "arrow" | "postgres-copy-text" | "postgres-copy-binary")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::object;

    fn of(text: &str, section: Section) -> Object {
        Object { section, ..object(0, text) }
    }

    #[test]
    fn sections_part_a_table_from_its_rows() {
        use Section::{Data, PostData, PreData};
        use Share::{All, Definition, Nothing, Rows};
        let table = of("table public.a", PreData);
        let view = of("view public.v", PreData);
        let value = of("sequence_value public.s", Data);
        let index = of("index public.i", PostData);
        for (sections, shares) in [
            (&[][..], [All, All, All, All]),
            (&[PreData], [Definition, All, Nothing, Nothing]),
            (&[Data], [Rows, Nothing, All, Nothing]),
            (&[PostData], [Nothing, Nothing, Nothing, All]),
            (&[PreData, PostData], [Definition, All, Nothing, All]),
            (&[Data, PostData], [Rows, Nothing, All, All]),
            (&[PreData, Data], [All, All, All, Nothing]),
        ] {
            let options = Options { sections: sections.iter().copied().collect(), ..Options::default() };
            let found = [&table, &view, &value, &index].map(|object| options.share(object));
            assert_eq!(found, shares, "{sections:?}");
            assert_eq!(options.without_rows(), !sections.is_empty() && !sections.contains(&Data));
        }
        let rows_only = Options { rows_only: true, ..Options::default() };
        assert_eq!(
            [&table, &view, &value, &index].map(|object| rows_only.share(object)),
            [Rows, Nothing, All, Nothing]
        );
        let definitions = Options { ddl_only: true, ..Options::default() };
        assert_eq!(
            [&table, &view, &value, &index].map(|object| definitions.share(object)),
            [Definition, All, Nothing, All]
        );
    }

    #[test]
    fn every_form_of_rows_is_known() {
        for (form, rows, expected) in [
            ("csv", None, true),
            ("arrow", None, true),
            ("postgres-copy-text", None, true),
            ("postgres-copy-binary", None, true),
            ("bytes", None, false),
            ("bytes", Some(3), true),
        ] {
            let mut entry = object(0, "table public.a").entries.remove(0);
            (entry.form, entry.rows) = (form.to_owned(), rows);
            assert_eq!(holds_rows(&entry), expected, "{form}");
        }
    }

    #[test]
    fn what_is_left_out_is_not_restored() {
        let leave_out = [LeaveOut::Comments, LeaveOut::Privileges, LeaveOut::Owners].into();
        let options = Options { leave_out, ..Options::default() };
        for (kind, share) in [
            ("comment", Share::Nothing),
            ("privileges", Share::Nothing),
            ("default_privileges", Share::Nothing),
            ("security_label", Share::All),
        ] {
            let object = of(&format!("{kind} public.x"), Section::PreData);
            assert_eq!(options.share(&object), share, "{kind}");
            assert_eq!(Options::default().share(&object), Share::All);
        }
    }

    #[test]
    fn options_that_contradict_each_other_are_misuse() {
        let sections: BTreeSet<Section> = [Section::Data].into();
        for (rows_only, ddl_only, sections, fine) in [
            (false, false, BTreeSet::new(), true),
            (true, false, BTreeSet::new(), true),
            (false, true, BTreeSet::new(), true),
            (false, false, sections.clone(), true),
            (true, true, BTreeSet::new(), false),
            (true, false, sections.clone(), false),
            (false, true, sections, false),
        ] {
            let options = Options { rows_only, ddl_only, sections, ..Options::default() };
            match options.agree() {
                Ok(()) => assert!(fine),
                Err(error) => assert!(!fine && error.kind().exit_status() == 2, "{error}"),
            }
        }
    }
}
