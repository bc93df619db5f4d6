//! What goes first: rows before indexes before constraints before the rest, and the biggest of each first, so that no long piece of
//! work is left for the end. What others wait for is as urgent as the most urgent of them.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::plan::Step;

/// What a step's time goes into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Writing rows.
    Rows,
    /// Building indexes over rows that are there.
    Indexes,
    /// Checking rows that are there.
    Constraints,
    /// Definitions.
    Rest,
}

/// A step's place in the line; the smallest goes first, ties in the plan's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Urgency {
    phase: Phase,
    size: Reverse<u64>,
    at: usize,
}

/// How long a step will take, in bytes that it reads or, of an index or a constraint, that its table does.
pub(super) struct Cost {
    pub(super) phase: Phase,
    pub(super) bytes: u64,
}

/// What each step costs.
pub(super) fn costs(steps: &[Step]) -> Vec<Cost> {
    let read: HashMap<u32, u64> = steps.iter().map(|step| (step.id, step.read_bytes)).collect();
    let of_needs = |step: &Step| step.needs.iter().filter_map(|id| read.get(id)).copied().max().unwrap_or(0);
    let cost = |step: &Step| match phase(step) {
        Phase::Rows => Cost { phase: Phase::Rows, bytes: step.read_bytes },
        Phase::Rest => Cost { phase: Phase::Rest, bytes: 0 },
        phase => Cost { phase, bytes: of_needs(step) },
    };
    steps.iter().map(cost).collect()
}

/// Each step's urgency. Steps stand behind those they need, so that one way back through them is enough.
pub(super) fn urgencies(steps: &[Step], costs: &[Cost]) -> Vec<Urgency> {
    let places: HashMap<u32, usize> = steps.iter().enumerate().map(|(at, step)| (step.id, at)).collect();
    let own = costs.iter().map(|cost| (cost.phase, Reverse(cost.bytes)));
    let mut urgencies: Vec<(Phase, Reverse<u64>)> = own.collect();
    for (at, step) in steps.iter().enumerate().rev() {
        let waiting = urgencies[at];
        for needed in step.needs.iter().filter_map(|id| places.get(id)) {
            urgencies[*needed] = urgencies[*needed].min(waiting);
        }
    }
    urgencies.into_iter().enumerate().map(|(at, (phase, size))| Urgency { phase, size, at }).collect()
}

impl Urgency {
    /// The step's position.
    pub(super) fn at(self) -> usize {
        self.at
    }
}

fn phase(step: &Step) -> Phase {
    match step.into.kind.as_str() {
        _ if step.parts > 0 => Phase::Rows,
        "index" | "constraint" | "materialized_view_rows" => Phase::Indexes,
        "foreign_key" | "check_constraint" => Phase::Constraints,
        _ => Phase::Rest,
    }
}

#[cfg(test)]
mod tests {
    use super::super::graph::tests::{named, step};
    use super::*;

    #[test]
    fn long_work_comes_first_and_what_it_waits_for_before_it() {
        let rows = |id, bytes, needs: &[u32]| Step { read_bytes: bytes, ..step(id, 1, needs, &[]) };
        let steps = [
            named("view", step(1, 0, &[], &[])),
            rows(2, 10, &[]),
            named("domain", step(3, 0, &[], &[])),
            rows(4, 100, &[3]),
            named("index", step(5, 0, &[2], &[])),
            named("index", step(6, 0, &[4], &[])),
            named("foreign_key", step(7, 0, &[2, 4, 6], &[])),
            named("comment", step(8, 0, &[4], &[])),
        ];
        let mut order = urgencies(&steps, &costs(&steps));
        order.sort_unstable();
        let ids: Vec<u32> = order.iter().map(|urgency| steps[urgency.at()].id).collect();
        assert_eq!(ids, [3, 4, 2, 6, 5, 7, 1, 8]);
    }
}
