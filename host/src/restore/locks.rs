//! Which steps may run side by side: no two that lock the same object. A step that has to wait is parked beside a lock that is held
//! and is looked at again when that is free, so that thousands of waiting steps cost nothing.

use std::collections::{BTreeSet, HashMap};

use crate::catalog::ObjectName;
use crate::plan::Step;

use super::urgency::Urgency;

/// The locks of a plan's steps.
pub(super) struct Locks {
    /// Each step's locks, by number.
    of: Vec<Vec<usize>>,
    locks: Vec<Lock>,
    /// Tasks of each step that run.
    running: Vec<u32>,
}

#[derive(Default)]
struct Lock {
    holder: Option<usize>,
    waiting: BTreeSet<Urgency>,
}

impl Locks {
    pub(super) fn new(steps: &[Step]) -> Self {
        let mut numbers: HashMap<&ObjectName, usize> = HashMap::new();
        let mut number = |name| {
            let next = numbers.len();
            *numbers.entry(name).or_insert(next)
        };
        let locks_of = |step| {
            let step: &Step = step;
            let mut locks: Vec<usize> = step.locks.iter().map(&mut number).collect();
            locks.sort_unstable();
            locks.dedup();
            locks
        };
        let of: Vec<Vec<usize>> = steps.iter().map(locks_of).collect();
        let locks = numbers.iter().map(|_| Lock::default()).collect();
        Self { running: vec![0; of.len()], of, locks }
    }

    /// Takes the locks of a step for one task more; `false` when another step holds one.
    pub(super) fn take(&mut self, at: usize) -> bool {
        if self.held(at).is_some() {
            return false;
        }
        for lock in &self.of[at] {
            self.locks[*lock].holder = Some(at);
        }
        self.running[at] += 1;
        true
    }

    /// Parks a step that [`Locks::take`] refused. Returns steps that were parked beside locks that this one was to take and will not
    /// for now: they are to be looked at.
    pub(super) fn park(&mut self, urgency: Urgency) -> Vec<Urgency> {
        let at = urgency.at();
        if let Some(lock) = self.held(at) {
            self.locks[lock].waiting.insert(urgency);
        }
        self.wake(at)
    }

    /// One task of the step has ended. Returns the steps that are to be looked at now.
    pub(super) fn release(&mut self, at: usize) -> Vec<Urgency> {
        self.running[at] = self.running[at].saturating_sub(1);
        if self.running[at] > 0 {
            return Vec::new();
        }
        for lock in &self.of[at] {
            if self.locks[*lock].holder == Some(at) {
                self.locks[*lock].holder = None;
            }
        }
        self.wake(at)
    }

    /// A step that will not be done. Returns the steps that are to be looked at now.
    pub(super) fn forget(&mut self, urgency: Urgency) -> Vec<Urgency> {
        for lock in &self.of[urgency.at()] {
            self.locks[*lock].waiting.remove(&urgency);
        }
        self.wake(urgency.at())
    }

    /// The first of its locks that another step holds.
    fn held(&self, at: usize) -> Option<usize> {
        self.of[at].iter().copied().find(|lock| self.locks[*lock].holder.is_some_and(|holder| holder != at))
    }

    /// One waiting step for each of the step's locks that are free.
    fn wake(&mut self, at: usize) -> Vec<Urgency> {
        let Self { of, locks, .. } = self;
        let free = of[at].iter().filter_map(|lock| {
            let lock = &mut locks[*lock];
            if lock.holder.is_none() { lock.waiting.pop_first() } else { None }
        });
        free.collect()
    }
}
