//! What the operator asked for: one value for flags, saved plans and the library. Names, values and defaults are Kinetica's where it has the
//! option; `checksum` alone differs, which is true here.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::catalog::Section;

use super::{LeaveOut, Policy, Selector, StageChoice, Subscriptions};

/// What the operator asked for; part of the plan, because other options make another plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Objects to restore; all when empty.
    #[schema(value_type = Vec<String>)]
    pub select: Vec<Selector>,
    /// Objects to leave out of these.
    #[schema(value_type = Vec<String>)]
    pub exclude: Vec<Selector>,
    /// The snapshot that the archive must hold; whatever it holds when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup_id: Option<String>,
    /// What to do with names that are taken, for kinds that [`Options::restore_policy_by_kind`] does not name.
    pub restore_policy: Policy,
    /// The same for objects of a kind.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub restore_policy_by_kind: BTreeMap<String, Policy>,
    /// Where the policy `rename` moves existing objects; a schema named after the archive when absent.
    pub renamed_objects_schema: Option<String>,
    /// Create schemas that the target lacks.
    pub create_schema_if_not_exist: bool,
    /// Restore into another schema: archive's name to target's name.
    pub target_schema_map: BTreeMap<String, String>,
    /// Restore definitions and leave rows out.
    pub ddl_only: bool,
    /// Decode rows and insert them, also where the target would take them in the form in which they come.
    pub reingest: bool,
    /// Put tables out of sight that are not in the backup and refer to tables that give way.
    pub cascade_foreign_keys: bool,
    /// Give users and roles their permissions on objects, too, that this job does not restore.
    pub restore_all_permissions: bool,
    /// What becomes of tables' subscriptions to data sources.
    pub restore_subscriptions: Subscriptions,
    /// Compare the digests of what is read.
    pub checksum: bool,
    /// Who runs the restore, where the target does not know: a user that it keeps, who is never changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// Restore no users, members of roles or tokens, and give who runs the restore full access to what is restored.
    pub take_access: bool,
    /// Go on when an object fails, and switch the others.
    pub keep_going: bool,
    /// Objects and parts at once; 0 for a number that is found while restoring.
    pub width: u32,
    /// Restore rows into the objects that the target has, and no definitions.
    pub rows_only: bool,
    /// Restore only what belongs to these sections; all when empty.
    pub sections: BTreeSet<Section>,
    /// What of the objects is left out.
    pub leave_out: BTreeSet<LeaveOut>,
    /// Codes of statements that may reach outside the stage, `all` for every one; and `identity:NAME` where the user or role of that name
    /// may be changed although it runs the restore.
    pub allow: BTreeSet<String>,
    /// How the work is kept from others' sight until the switch.
    pub stage: StageChoice,
    /// Leave the statistics of what was restored to the target's own housekeeping.
    pub skip_analyze: bool,
    /// Where a second archive is, whose users and roles are restored, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub globals: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            select: Vec::new(),
            exclude: Vec::new(),
            backup_id: None,
            restore_policy: Policy::None,
            restore_policy_by_kind: BTreeMap::new(),
            renamed_objects_schema: None,
            create_schema_if_not_exist: true,
            target_schema_map: BTreeMap::new(),
            ddl_only: false,
            reingest: false,
            cascade_foreign_keys: false,
            restore_all_permissions: false,
            restore_subscriptions: Subscriptions::Resume,
            checksum: true,
            identity: None,
            take_access: false,
            keep_going: false,
            width: 0,
            rows_only: false,
            sections: BTreeSet::new(),
            leave_out: BTreeSet::new(),
            allow: BTreeSet::new(),
            stage: StageChoice::Auto,
            skip_analyze: false,
            globals: None,
        }
    }
}

impl Options {
    /// The policy for objects of the kind.
    pub fn policy(&self, kind: &str) -> Policy {
        self.restore_policy_by_kind.get(kind).copied().unwrap_or(self.restore_policy)
    }

    /// Whether some kind has the policy.
    pub fn uses(&self, policy: Policy) -> bool {
        self.restore_policy == policy || self.restore_policy_by_kind.values().any(|other| *other == policy)
    }

    /// What is left out of objects. Who takes all access owns what is restored and gives nobody else privileges.
    pub fn left_out(&self) -> BTreeSet<LeaveOut> {
        let taken = if self.take_access { &[LeaveOut::Owners, LeaveOut::Privileges][..] } else { &[] };
        self.leave_out.iter().chain(taken).copied().collect()
    }

    /// Takes what was said of policies in: later words win.
    pub fn choose_policies(&mut self, choices: impl IntoIterator<Item = PolicyChoice>) {
        for choice in choices {
            match choice.kind {
                None => self.restore_policy = choice.policy,
                Some(kind) => drop(self.restore_policy_by_kind.insert(kind, choice.policy)),
            }
        }
    }
}

/// `POLICY`, or `KIND=POLICY` for the objects of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyChoice {
    /// The kind; `None` for all others.
    pub kind: Option<String>,
    /// Its policy.
    pub policy: Policy,
}

impl FromStr for PolicyChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().split_once('=') {
            None => Ok(Self { kind: None, policy: text.trim().parse()? }),
            Some((kind, _)) if kind.trim().is_empty() => Err("expected POLICY or KIND=POLICY".to_owned()),
            Some((kind, policy)) => Ok(Self { kind: Some(kind.trim().to_owned()), policy: policy.trim().parse()? }),
        }
    }
}

/// Pairs of schemas, archive's name and target's name, in Kinetica's spelling, `src: dst, src: dst`, or as `SRC=DST`; blanks around names
/// do not count, upper and lower case do.
///
/// Fails when a pair has not two names, or one schema is mapped to two.
pub fn schema_pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for pair in text.split(',') {
        let halves = pair.split_once([':', '=']).map(|(from, to)| (from.trim(), to.trim()));
        let Some((from, to)) =
            halves.filter(|(from, to)| !from.is_empty() && !to.is_empty() && !to.contains([':', '=']))
        else {
            return Err(format!("`{}` is not SRC: DST or SRC=DST", pair.trim().escape_debug()));
        };
        if pairs.iter().any(|(known, other)| known == from && other != to) {
            return Err(format!("The schema `{}` is mapped to two others", from.escape_debug()));
        }
        pairs.push((from.to_owned(), to.to_owned()));
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_a_map_are_one() {
        let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        for (text, expected) in [
            ("a=b", Ok(vec![pair("a", "b")])),
            ("a: b", Ok(vec![pair("a", "b")])),
            (" a : b ,c:d", Ok(vec![pair("a", "b"), pair("c", "d")])),
            ("a=b, c: D", Ok(vec![pair("a", "b"), pair("c", "D")])),
            ("A:b, a:c", Ok(vec![pair("A", "b"), pair("a", "c")])),
            ("a:b,a:b", Ok(vec![pair("a", "b"), pair("a", "b")])),
            ("a b: c d", Ok(vec![pair("a b", "c d")])),
            ("", Err("`` is not SRC")),
            ("a", Err("`a` is not SRC")),
            ("a:", Err("`a:` is not")),
            (":b", Err("`:b` is not")),
            ("a:b,", Err("`` is not")),
            ("a:b:c", Err("`a:b:c` is not")),
            ("a:b,a:c", Err("`a` is mapped to two")),
            ("a\u{1b}", Err("`a\\u{1b}` is not")),
        ] {
            match (schema_pairs(text), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{text}"),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{text}: {found}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }

    #[test]
    fn a_kind_may_have_a_policy_of_its_own() {
        let mut options = Options::default();
        let choices = ["rename", "user=none", "role = replace", "replace", "role=none"];
        options.choose_policies(choices.map(|choice| choice.parse().unwrap()));
        let found = ["table", "user", "role"].map(|kind| options.policy(kind));
        assert_eq!(found, [Policy::Replace, Policy::None, Policy::None]);
        assert!(options.uses(Policy::Replace) && options.uses(Policy::None) && !options.uses(Policy::Rename));
        for text in ["", "Replace", "user=", "=none", "user=drop", "user=none=x"] {
            assert!(text.parse::<PolicyChoice>().is_err(), "{text}");
        }
    }

    #[test]
    fn defaults_are_kineticas() {
        let options: Options = serde_json::from_str("{}").unwrap();
        assert_eq!(options, Options::default());
        assert!(options.create_schema_if_not_exist && options.checksum);
        let given = [options.reingest, options.cascade_foreign_keys, options.restore_all_permissions, options.ddl_only];
        assert_eq!(given, [false; 4]);
        assert_eq!(options.restore_policy, Policy::None);
        let json = serde_json::to_string(&options).unwrap();
        assert_eq!(serde_json::from_str::<Options>(&json).unwrap(), options);
    }

    #[test]
    fn who_takes_access_shares_it_with_nobody() {
        let options = Options { take_access: true, leave_out: [LeaveOut::Comments].into(), ..Options::default() };
        assert_eq!(options.left_out(), [LeaveOut::Owners, LeaveOut::Privileges, LeaveOut::Comments].into());
        assert!(Options::default().left_out().is_empty());
    }
}
