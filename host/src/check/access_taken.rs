//! Who takes access to what is restored is known, and can be given it.

use super::Situation;
use crate::plan::{Action, Finding, Severity};

pub(super) fn check(situation: &Situation<'_>) -> Option<Finding> {
    let Situation { plan, facts, .. } = situation;
    // A target that knows who we are lets whoever makes an object own it.
    let granted = facts.identity.is_some() || plan.steps.iter().any(|step| step.action == Action::Grant);
    if !plan.options.take_access || granted {
        return None;
    }
    let (message, fix) = match plan.options.identity {
        None => ("Nobody is known who could be given access to what is restored", "--identity NAME"),
        Some(_) => ("The target cannot give access to what is restored", "Give it by hand after the restore"),
    };
    Some(Finding::new(Severity::Warning, "plan.no_access", message, fix))
}
