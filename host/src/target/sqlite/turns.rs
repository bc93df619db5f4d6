//! Parts of one step commit in their order, so that rows keep the archive's order, while they are decoded side by side.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};

use super::lease::internal;

/// Whose turn it is, for every step that has parts open.
#[derive(Default)]
pub(crate) struct Turns {
    steps: Mutex<HashMap<u32, Turn>>,
    changed: Condvar,
}

#[derive(Default)]
struct Turn {
    /// The first part that is not committed.
    next: u32,
    /// Parts after it that an earlier process had committed.
    later: BTreeSet<u32>,
    open: BTreeSet<u32>,
    broken: BTreeSet<u32>,
}

impl Turn {
    fn is_committed(&self, part: u32) -> bool {
        part < self.next || self.later.contains(&part)
    }

    fn commit(&mut self, part: u32) {
        self.later.insert(part);
        while self.later.remove(&self.next) {
            self.next += 1;
        }
    }
}

impl Turns {
    /// Knows parts that an earlier process committed.
    pub(crate) fn resume(&self, step: u32, part: u32) {
        self.steps().entry(step).or_default().commit(part);
    }

    /// A part begins.
    pub(crate) fn open(&self, step: u32, part: u32) -> Result<()> {
        let mut steps = self.steps();
        let turn = steps.entry(step).or_default();
        if turn.is_committed(part) {
            return Err(internal(format!("Part {part} of step {step} is committed already")));
        }
        if !turn.open.insert(part) {
            return Err(internal(format!("Part {part} of step {step} is open already")));
        }
        turn.broken.remove(&part);
        Ok(())
    }

    /// Waits until every earlier part is committed. Fails when one of them was dropped.
    pub(crate) fn wait(&self, step: u32, part: u32) -> Result<()> {
        let mut steps = self.steps();
        loop {
            let turn = steps.entry(step).or_default();
            let next = turn.next;
            if next >= part {
                return Ok(());
            }
            if turn.broken.contains(&next) {
                let message = format!("Part {part} cannot follow part {next}, which did not commit");
                return Err(Error::new("restore.part_failed", message));
            }
            steps = self.changed.wait(steps).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A part ends.
    pub(crate) fn close(&self, step: u32, part: u32, committed: bool) {
        let mut steps = self.steps();
        let turn = steps.entry(step).or_default();
        turn.open.remove(&part);
        if committed {
            turn.commit(part);
        } else {
            turn.broken.insert(part);
        }
        drop(steps);
        self.changed.notify_all();
    }

    /// Nothing of the step is committed any more.
    pub(crate) fn forget(&self, step: u32) {
        self.steps().remove(&step);
        self.changed.notify_all();
    }

    fn steps(&self) -> MutexGuard<'_, HashMap<u32, Turn>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_waits_for_those_before_it_and_fails_with_them() {
        let turns = Turns::default();
        for part in 0..3 {
            turns.open(7, part).unwrap();
        }
        turns.wait(7, 0).unwrap();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| turns.wait(7, 1));
            turns.close(7, 0, true);
            second.join().unwrap().unwrap();
            let third = scope.spawn(|| turns.wait(7, 2));
            turns.close(7, 1, false);
            assert_eq!(third.join().unwrap().unwrap_err().code(), "restore.part_failed");
        });
        assert!(turns.open(7, 0).is_err());
        turns.open(7, 1).unwrap();
        turns.close(7, 1, true);
        turns.wait(7, 2).unwrap();
    }
}
