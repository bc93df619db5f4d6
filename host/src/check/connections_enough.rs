//! The target has connections left for the width, for the job itself and for the switch.

use super::Situation;
use crate::plan::Finding;
use crate::text::counted;

/// Connections beside those that work on objects: the job's own, and the switch's.
pub(crate) const RESERVED: u64 = 2;

pub(super) fn check(situation: &Situation<'_>) -> Vec<Finding> {
    let Some(free) = situation.facts.health.free_connections else { return Vec::new() };
    let left = free.saturating_sub(RESERVED);
    let width = u64::from(situation.plan.options.width);
    let have =
        format!("The target has {} left, and {RESERVED} are for the job and its switch", counted(free, "connection"));
    let close = "Close connections to the target, or let it take more";
    let finding = match (width, left) {
        (_, 0) => Finding::refusal("target.connections_short", format!("{have}: none remains to work with"), close),
        (0, 1) => {
            Finding::warning("target.connections_short", format!("{have}: objects are restored one at a time"), close)
        }
        (width, left) if width > left => {
            let message = format!("{have}: --width {width} cannot be reached");
            Finding::refusal("target.connections_short", message, format!("--width {left}, or leave it out"))
        }
        _ => return Vec::new(),
    };
    vec![finding]
}

#[cfg(test)]
mod tests {
    use crate::plan::fixture::Sample;

    #[test]
    fn two_connections_are_kept_back() {
        for (free, width, expected) in [
            (None, 64, &[][..]),
            (Some(100), 0, &[]),
            (Some(10), 8, &[]),
            (
                Some(10),
                9,
                &[
                    "Refusal target.connections_short … 10 connections left … --width 9 cannot be reached [--width 8, or",
                ],
            ),
            (Some(4), 0, &[]),
            (Some(3), 0, &["Warning target.connections_short … one at a time"]),
            (Some(3), 1, &[]),
            (Some(2), 0, &["Refusal target.connections_short … none remains"]),
            (Some(0), 4, &["Refusal target.connections_short … none remains"]),
        ] {
            let mut sample = Sample::of(&["table main.a"]);
            sample.facts.health.free_connections = free;
            sample.options.width = width;
            sample.finds(expected);
        }
    }
}
