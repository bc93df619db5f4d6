//! A rule of the platform's own: restores run in an announced maintenance window only.

use std::path::PathBuf;

use reinstate::check::{Precondition, Situation};
use reinstate::plan::Finding;

/// The window is open while this file exists.
pub struct MaintenanceWindow {
    /// The announcement that the platform's users see.
    pub announcement: PathBuf,
}

impl Precondition for MaintenanceWindow {
    fn check(&self, _: &Situation<'_>) -> Vec<Finding> {
        if self.announcement.exists() {
            return Vec::new();
        }
        vec![Finding::refusal(
            "platform.no_window",
            "No maintenance window is open",
            format!("Announce one in {}", self.announcement.display()),
        )]
    }
}
