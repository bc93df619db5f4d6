//! No other restore runs in the target, and none waits unseen.

use super::Situation;
use crate::plan::Finding;
use crate::text::quote;

pub(super) fn check(situation: &Situation<'_>) -> Vec<Finding> {
    let health = &situation.facts.health;
    let into = format!("--into {}", quote(&situation.facts.location));
    let busy = health.busy.as_ref().map(|job| {
        let message = format!("Job {job} is restoring into {} right now", situation.facts.location);
        Finding::refusal("target.busy", message, format!("Wait for it: reinstate jobs {into}"))
    });
    let waiting = health.interrupted.iter().map(|job| {
        let message = format!("Job {job} was interrupted and waits; a restore of the same objects comes in its way");
        let quoted = quote(job);
        Finding::warning(
            "target.job_waits",
            message,
            format!("reinstate resume {quoted} {into} or reinstate abort {quoted} {into}"),
        )
    });
    busy.into_iter().chain(waiting).collect()
}

#[cfg(test)]
mod tests {
    use crate::plan::fixture::Sample;

    #[test]
    fn a_running_job_refuses_and_a_waiting_one_warns() {
        let mut sample = Sample::of(&["table main.a"]);
        sample.facts.health.interrupted = vec!["r-1".to_owned(), "r-2".to_owned()];
        assert!(sample.check().is_ok());
        sample.facts.health.busy = Some("r-3".to_owned());
        sample.finds(&[
            "Refusal target.busy -: Job r-3 is restoring into sqlite:/db/live.db right now … jobs --into sqlite:/db/live.db",
            "Warning target.job_waits -: Job r-1 … [reinstate resume r-1 --into sqlite:/db/live.db or reinstate abort r-1 --into",
            "Warning target.job_waits -: Job r-2",
        ]);
    }
}
