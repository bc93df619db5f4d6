//! The members of an archive and where each is found by its name.

use crate::error::{Error, Result};

use super::{Member, path};

/// Members in the archive's order, no two of which some file system would take for one.
#[derive(Debug, Default)]
pub(super) struct Index {
    members: Vec<Member>,
    /// Numbers of members, in the order of [`path::compare`]: four bytes a member instead of a map.
    order: Vec<u32>,
}

impl Index {
    pub(super) fn new(members: Vec<Member>) -> Result<Self> {
        let count = u32::try_from(members.len())
            .map_err(|_| Error::new("archive.limit", "The archive has more than 4,294,967,295 members"))?;
        let mut order: Vec<u32> = (0..count).collect();
        order.sort_unstable_by(|&a, &b| path::compare(&members[a as usize].path, &members[b as usize].path));
        let index = Self { members, order };
        index.order.windows(2).try_for_each(|pair| index.check_pair(pair[0], pair[1]))?;
        Ok(index)
    }

    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    pub(super) fn position(&self, path: &str) -> Option<usize> {
        let at = |&number: &u32| path::compare(&self.members[number as usize].path, path);
        let place = self.order.binary_search_by(at).ok()?;
        let number = self.order[place] as usize;
        (self.members[number].path == path).then_some(number)
    }

    /// Two names that follow each other in the order.
    fn check_pair(&self, first: u32, second: u32) -> Result<()> {
        let (earlier, later) = (first.min(second), first.max(second));
        let (a, b) = (&self.members[first as usize].path, &self.members[second as usize].path);
        let reason = if a == b {
            "it has the same name as"
        } else if path::compare(a, b).is_eq() {
            "some file systems take its name for that of"
        } else if path::is_inside(b, a) {
            "one is a file and the other lies in a folder of that name:"
        } else {
            return Ok(());
        };
        let shown = |number: u32| path::shown(self.members[number as usize].path.as_bytes());
        let (earlier_name, later_name) = (shown(earlier), shown(later));
        let message = format!(
            "Entry {} `{later_name}` is refused: {reason} entry {} `{earlier_name}`",
            u64::from(later) + 1,
            u64::from(earlier) + 1,
        );
        Err(Error::new("archive.bad_entry", message).entry(later_name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(paths: &[&str]) -> Result<Index> {
        Index::new(paths.iter().map(|path| Member { path: (*path).into(), size: 0, offset: 0 }).collect())
    }

    #[test]
    fn members_are_found_by_their_exact_name() {
        let index = index(&["b", "a/é", "a/B", "c/d/e", "manifest.json"]).unwrap();
        for (number, member) in index.members().iter().enumerate() {
            assert_eq!(index.position(&member.path), Some(number));
        }
        for absent in ["B", "a", "a/e\u{301}", "a/b", "", "z"] {
            assert_eq!(index.position(absent), None, "{absent}");
        }
    }

    #[test]
    fn twins_are_refused_with_both_entries() {
        let cases: [(&[&str], &str); 6] = [
            (&["x", "a", "b", "a"], "Entry 4 `a` is refused: it has the same name as entry 2 `a`"),
            (&["a/B", "A/b"], "some file systems"),
            (&["\u{e9}", "e\u{301}"], "some file systems"),
            (&["a", "a/b"], "folder"),
            (&["a/b", "a b", "A"], "folder"),
            (&["é/b", "e\u{301}"], "folder"),
        ];
        for (paths, reason) in cases {
            let error = index(paths).unwrap_err();
            assert_eq!(error.code(), "archive.bad_entry");
            assert!(error.to_string().contains(reason), "{error}");
        }
        assert!(index(&["a/b", "a/c", "ab", "a b", "a-b/c"]).is_ok());
    }
}
