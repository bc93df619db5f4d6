//! Puts the objects of a second archive, which belong to the whole server, before those of a backup.

use std::collections::HashSet;

use crate::error::{Error, Result};

use super::{Catalog, Digest, ObjectName};

impl Catalog {
    /// Both catalogs as one: the roles of `globals` first. What both have is taken from this one. The digest is that of both.
    ///
    /// Fails with `catalog.not_mergeable` when `globals` has rows of its own, or was understood by another layout, whose objects
    /// this one's plugins cannot restore.
    pub fn merge(self, globals: Self) -> Result<Self> {
        let refuse = |why: &str| {
            let message = format!(
                "The backups {} and {} cannot be restored as one: {why}",
                self.backup.name, globals.backup.name
            );
            Error::new("catalog.not_mergeable", message)
        };
        if self.layout != globals.layout {
            return Err(refuse("they are not backups of the same sort"));
        }
        if let Some(object) = globals.objects.iter().find(|object| !object.entries.is_empty()) {
            return Err(refuse("the second one holds rows; give a script of roles").object(&object.name));
        }
        let digest = Digest::of(&[self.digest.0, globals.digest.0].concat());
        let own: HashSet<&ObjectName> = self.objects.iter().map(|object| &object.name).collect();
        let mut objects: Vec<_> = globals.objects;
        objects.retain(|object| !own.contains(&object.name));
        drop(own);
        objects.extend(self.objects);
        Ok(Self { backup: self.backup, objects, digest, layout: self.layout })
    }
}
