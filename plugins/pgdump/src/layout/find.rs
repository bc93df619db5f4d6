//! Finds the dump in the container: which member is what.

use std::collections::HashMap;

use reinstate_plugin::{ArchiveReader, Member};

use super::header::{Format, SHORTEST, sniff};

/// The name of the table of contents beside files.
const TOC: &str = "toc.dat";
/// Bytes of a script that are looked at.
const SCRIPT_HEAD: u32 = 4096;
/// What pg_dumpall writes first.
const SCRIPT: &str = "PostgreSQL database cluster dump";

/// What was found.
#[derive(Debug)]
pub(super) enum Found {
    /// An archive of pg_dump.
    Archive(Files),
    /// A script of roles and tablespaces.
    Script(Member),
}

/// The members of an archive.
#[derive(Debug)]
pub(super) struct Files {
    /// The custom file, or the table of contents.
    pub(super) main: Member,
    /// What the names of files begin with in the container.
    prefix: String,
    /// Places in `members` by name.
    index: HashMap<String, u32>,
    pub(super) members: Vec<Member>,
}

impl Files {
    /// A file of the dump by its name in the table of contents.
    pub(super) fn find(&self, name: &str) -> Option<u32> {
        self.index.get(&format!("{}{name}", self.prefix)).copied()
    }
}

/// Looks at names and first bytes; nothing when it is no dump.
pub(super) fn find(archive: &dyn ArchiveReader) -> Option<Found> {
    let members: Vec<Member> = archive.members().into_iter().filter(|member| !is_shadow(&member.path)).collect();
    let main = match &members[..] {
        [only] => only,
        several => table_of_contents(several)?,
    };
    let head = archive.head(&main.path, SHORTEST).ok()?;
    if sniff(&head).is_some() {
        let main = main.clone();
        let prefix = main.path.strip_suffix(TOC).unwrap_or_default().to_owned();
        let index = members.iter().enumerate().map(|(at, member)| (member.path.clone(), at as u32)).collect();
        return Some(Found::Archive(Files { main, prefix, index, members }));
    }
    let head = archive.head(&main.path, SCRIPT_HEAD).ok()?;
    (members.len() == 1 && is_script(&head)).then(|| Found::Script(main.clone()))
}

/// What it is, in words for the operator.
pub(super) fn recognise(archive: &dyn ArchiveReader) -> Option<String> {
    let files = match find(archive)? {
        Found::Script(_) => return Some("pg_dumpall --globals-only".to_owned()),
        Found::Archive(files) => files,
    };
    let ((major, minor), format) = sniff(&archive.head(&files.main.path, SHORTEST).ok()?)?;
    let format = match format {
        Some(Format::Custom) => "custom ",
        Some(Format::Files) if files.find("restore.sql").is_some() => "tar ",
        Some(Format::Files) => "directory ",
        None => "",
    };
    Some(format!("pg_dump {format}{major}.{minor}"))
}

/// What macOS puts beside files when it packs them.
fn is_shadow(path: &str) -> bool {
    base(path).starts_with("._")
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The only one of the highest folder that has any.
fn table_of_contents(members: &[Member]) -> Option<&Member> {
    let depth = |member: &&Member| member.path.matches('/').count();
    let all = || members.iter().filter(|member| base(&member.path) == TOC);
    let highest = all().map(|member| depth(&member)).min()?;
    let mut those = all().filter(|member| depth(member) == highest);
    let first = those.next()?;
    those.next().is_none().then_some(first)
}

/// Only comments and psql's own lines come before the title.
fn is_script(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let lines = text.lines().map(str::trim).take_while(|line| line.is_empty() || line.starts_with(['-', '\\']));
    lines.into_iter().any(|line| line.trim_start_matches(['-', ' ']) == SCRIPT)
}

#[cfg(test)]
mod tests {
    use reinstate_plugin::MemoryArchive;

    use super::*;

    const CUSTOM: &[u8] = b"PGDMP\x01\x0e\0\x04\x08\x01rest";
    const FILES: &[u8] = b"PGDMP\x01\x10\0\x04\x08\x03rest";

    fn recognised(members: &[(&str, &[u8])]) -> Option<String> {
        let members = members.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())).collect();
        recognise(&MemoryArchive(members))
    }

    #[test]
    fn a_dump_is_known_by_its_first_bytes() {
        let script = b"--\n-- PostgreSQL database cluster dump\n--\n\nSET x;".as_slice();
        for (members, expected) in [
            (&[("x.backup", CUSTOM)][..], Some("pg_dump custom 1.14")),
            (&[("x.tar", CUSTOM), ("._x.tar", b"")], Some("pg_dump custom 1.14")),
            (&[("toc.dat", FILES)], Some("pg_dump directory 1.16")),
            (&[("d/1.dat", b""), ("d/._toc.dat", b"x"), ("d/toc.dat", FILES)], Some("pg_dump directory 1.16")),
            (&[("./1.dat", b""), ("./toc.dat", FILES), ("./restore.sql", b"")], Some("pg_dump tar 1.16")),
            (&[("toc.dat", FILES), ("old/toc.dat", FILES)], Some("pg_dump directory 1.16")),
            (&[("a/toc.dat", FILES), ("b/toc.dat", FILES)], None),
            (&[("x", FILES), ("y", FILES)], None),
            (&[("toc.dat", b"other"), ("y", b"")], None),
            (&[("g.sql", script)], Some("pg_dumpall --globals-only")),
            (&[("g.sql", script), ("other", b"")], None),
            (&[("g.sql", b"-- PostgreSQL database dump\n")], None),
            (&[("g.sql", b"PGDMP")], None),
            (&[("g.sql", b"")], None),
            (&[], None),
        ] {
            assert_eq!(recognised(members).as_deref(), expected, "{members:?}");
        }
    }
}
