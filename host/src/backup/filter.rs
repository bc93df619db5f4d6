//! Which of a target's objects go into an archive.

use crate::catalog::ObjectName;
use crate::error::{Error, Result};
use crate::selector::Selector;
use crate::text::escape;

/// Lets through what is selected; everything without selectors.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    selectors: Vec<Selector>,
    /// Whether each has selected something.
    used: Vec<bool>,
    /// Definitions without rows.
    pub(super) ddl_only: bool,
}

impl Filter {
    /// Lets through the objects that one of the selectors selects; with `ddl_only` without their rows.
    pub fn new(selectors: Vec<Selector>, ddl_only: bool) -> Self {
        let used = vec![false; selectors.len()];
        Self { selectors, used, ddl_only }
    }

    /// Whether the object is let through.
    pub(super) fn wants(&self, name: &ObjectName) -> bool {
        self.selectors.is_empty() || self.selectors.iter().any(|selector| selector.selects(name))
    }

    /// The same, and remembers which selectors it were.
    pub(super) fn take(&mut self, name: &ObjectName) -> bool {
        for (selector, used) in self.selectors.iter().zip(&mut self.used) {
            *used |= selector.selects(name);
        }
        self.wants(name)
    }

    /// Fails with `plan.no_match` when a selector selected nothing: most likely a slip, and the backup would lack something.
    pub(super) fn finish(&self) -> Result<()> {
        match self.selectors.iter().zip(&self.used).find(|(_, used)| !**used) {
            None => Ok(()),
            Some((selector, _)) => {
                let message = format!("--select {selector}: the source has no such object");
                Err(Error::new("plan.no_match", escape(&message)).state("No archive was written"))
            }
        }
    }
}
