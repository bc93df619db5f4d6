//! The target has space for everything, beside what it holds.

use super::Situation;
use crate::plan::Finding;
use crate::text::bytes;

pub(super) fn check(situation: &Situation<'_>) -> Vec<Finding> {
    let Some(free) = situation.facts.health.free_bytes else { return Vec::new() };
    let predicted = situation.plan.totals.target_bytes;
    // Predictions are rough, and journals and indexes want their part: a tenth more.
    let needed = predicted.saturating_add(predicted / 10);
    if needed <= free {
        return Vec::new();
    }
    let message = format!(
        "The restore needs about {} in {} ({} and a tenth to spare), and {} are free",
        bytes(needed),
        situation.facts.location,
        bytes(predicted),
        bytes(free),
    );
    vec![Finding::refusal(
        "target.space_short",
        message,
        "Free space, or choose fewer objects with --select or --exclude",
    )]
}

#[cfg(test)]
mod tests {
    use crate::plan::fixture::Sample;

    #[test]
    fn a_tenth_is_kept_to_spare() {
        for (free, predicted, expected) in [
            (None, u64::MAX, &[][..]),
            (Some(1100), 1000, &[]),
            (
                Some(1099),
                1000,
                &[
                    "Refusal target.space_short … about 1.1 KiB in sqlite:/db/live.db (1000 B and a tenth to spare), and 1.1 KiB are free",
                ],
            ),
            (Some(0), 0, &[]),
            (Some(1 << 50), u64::MAX, &["target.space_short … about 16.0 EiB"]),
        ] {
            let mut sample = Sample::of(&["table main.a"]);
            sample.facts.health.free_bytes = free;
            sample.outlook("table main.a").bytes = predicted;
            sample.finds(expected);
        }
    }
}
