//! Which piece of work may start: the plan's steps as a graph.
//!
//! A step begins when all it needs is finished, its parts follow in order, and it is ended when all that it needs
//! loaded is loaded. Of the steps that may begin, the most urgent goes first (see [`urgency`]); two tasks never hold the
//! same lock. Small steps that wait for nobody are done whole, several in one task.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use crate::plan::Step;
use crate::target::{Counts, Unit};

use super::locks::Locks;
use super::urgency::{Cost, Phase, Urgency, costs, urgencies};

/// A step of at most so many bytes is done whole: one transaction, one row in the journal.
const WHOLE_BYTES: u64 = 2 << 20;
/// A step of more parts than this is not done whole, however small they are.
const WHOLE_PARTS: u32 = 16;
/// Whole steps in one task: their cost is near that of handing a task over.
const WHOLES_AT_ONCE: usize = 32;
/// Bytes that whole steps of one task have to do with, the last one aside: more is worth a task of its own.
const WHOLES_BYTES: u64 = 4 << 20;

/// A piece of work for one thread; the numbers are positions in the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Task {
    /// Steps that are done whole, one after another.
    Wholes(Vec<usize>),
    /// A step's beginning.
    Begin(usize),
    /// One of its parts.
    Part(usize, u32),
    /// Its end and its verification.
    End(usize),
}

impl Task {
    /// One of its steps.
    pub(super) fn step(&self) -> Option<usize> {
        match self {
            Task::Wholes(steps) => steps.first().copied(),
            Task::Begin(at) | Task::Part(at, _) | Task::End(at) => Some(*at),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Loading { parts_left: u32 },
    Loaded,
    Ending,
    Finished,
    Failed,
}

/// The state of every step and what can be done next.
pub(super) struct Graph {
    steps: Vec<StepState>,
    urgencies: Vec<Urgency>,
    costs: Vec<Cost>,
    locks: Locks,
    /// Steps that may begin, unless a lock that they take is held.
    ready: BTreeSet<Urgency>,
    /// Parts and ends of steps that have begun; these go first, so that few steps are open at once.
    open: VecDeque<Task>,
}

struct StepState {
    state: State,
    whole: bool,
    /// Parts that are not committed yet.
    parts: Vec<u32>,
    begun: bool,
    needs: usize,
    needs_loaded: usize,
    /// Steps that wait for this one to be finished, and to be loaded.
    followers: Vec<usize>,
    loaded_followers: Vec<usize>,
}

impl Graph {
    /// The graph of a plan's steps, without what the journal says is committed already.
    pub(super) fn new(steps: &[Step], journal: &BTreeMap<(u32, Unit), Counts>) -> Self {
        let positions: HashMap<u32, usize> = steps.iter().enumerate().map(|(at, step)| (step.id, at)).collect();
        let mut states: Vec<StepState> = steps.iter().map(|step| StepState::new(step, journal)).collect();
        for (at, step) in steps.iter().enumerate() {
            // An edge to a step that the operator dropped from the plan is met by what the target holds already.
            let needs: Vec<usize> = step.needs.iter().filter_map(|id| positions.get(id).copied()).collect();
            let loaded: Vec<usize> = step.needs_loaded.iter().filter_map(|id| positions.get(id).copied()).collect();
            for &need in &needs {
                if states[need].state != State::Finished {
                    states[at].needs += 1;
                    states[need].followers.push(at);
                }
            }
            for &need in &loaded {
                if !matches!(states[need].state, State::Finished | State::Loaded) {
                    states[at].needs_loaded += 1;
                    states[need].loaded_followers.push(at);
                }
            }
            states[at].whole &= loaded.is_empty();
        }
        let costs = costs(steps);
        let mut graph = Self {
            steps: states,
            urgencies: urgencies(steps, &costs),
            costs,
            locks: Locks::new(steps),
            ready: BTreeSet::new(),
            open: VecDeque::new(),
        };
        for at in 0..graph.steps.len() {
            graph.consider(at);
        }
        graph
    }

    /// Whether the step is staged and verified.
    pub(super) fn is_finished(&self, at: usize) -> bool {
        self.steps[at].state == State::Finished
    }

    /// What the time of a step goes into.
    pub(super) fn phase(&self, at: usize) -> Phase {
        self.costs[at].phase
    }

    /// How long a step takes, in bytes.
    pub(super) fn cost(&self, at: usize) -> u64 {
        self.costs[at].bytes
    }

    /// The next task, if any may start now; [`Graph::ended`] must follow for each of its steps. `width` is how many tasks run at most.
    pub(super) fn next(&mut self, width: usize) -> Option<Task> {
        if let Some(task) = self.next_open() {
            return Some(task);
        }
        let at = self.next_ready()?;
        if !self.steps[at].whole {
            return Some(self.begin(at));
        }
        self.steps[at].state = State::Ending;
        Some(Task::Wholes(self.more_wholes(at, width)))
    }

    fn next_open(&mut self) -> Option<Task> {
        let locks = &mut self.locks;
        let at = self.open.iter().position(|task| task.step().is_some_and(|at| locks.take(at)))?;
        self.open.remove(at)
    }

    /// Takes the most urgent step whose locks are free.
    fn next_ready(&mut self) -> Option<usize> {
        while let Some(urgency) = self.ready.pop_first() {
            if self.locks.take(urgency.at()) {
                return Some(urgency.at());
            }
            let woken = self.locks.park(urgency);
            self.ready.extend(woken);
        }
        None
    }

    /// Further small steps to do in the same task: few enough to leave every other thread its share of what is ready.
    fn more_wholes(&mut self, first: usize, width: usize) -> Vec<usize> {
        let share = (1 + self.ready.len()).div_ceil(2 * width.max(1));
        let mut bytes = self.costs[first].bytes;
        let mut wholes = vec![first];
        while wholes.len() < WHOLES_AT_ONCE.min(share) && bytes < WHOLES_BYTES {
            let Some(at) = self.ready.first().map(|urgency| urgency.at()).filter(|at| self.steps[*at].whole) else {
                break;
            };
            if !self.locks.take(at) {
                break;
            }
            self.ready.pop_first();
            self.steps[at].state = State::Ending;
            bytes = bytes.saturating_add(self.costs[at].bytes);
            wholes.push(at);
        }
        wholes
    }

    /// A task of the step has ended, however it ended.
    pub(super) fn ended(&mut self, at: usize) {
        let woken = self.locks.release(at);
        self.ready.extend(woken);
    }

    fn begin(&mut self, at: usize) -> Task {
        let parts_left = u32::try_from(self.steps[at].parts.len()).unwrap_or(u32::MAX);
        self.steps[at].state = State::Loading { parts_left };
        Task::Begin(at)
    }

    /// A step has begun: its parts may start.
    pub(super) fn begun(&mut self, at: usize) {
        if self.steps[at].state == State::Failed {
            return;
        }
        let parts = std::mem::take(&mut self.steps[at].parts);
        let none = parts.is_empty();
        self.open.extend(parts.into_iter().map(|part| Task::Part(at, part)));
        if none {
            self.loaded(at);
        }
    }

    /// A part is committed.
    pub(super) fn part_done(&mut self, at: usize) {
        if let State::Loading { parts_left } = &mut self.steps[at].state {
            *parts_left -= 1;
            if *parts_left == 0 {
                self.loaded(at);
            }
        }
    }

    fn loaded(&mut self, at: usize) {
        self.steps[at].state = State::Loaded;
        for follower in std::mem::take(&mut self.steps[at].loaded_followers) {
            self.steps[follower].needs_loaded -= 1;
            self.end_if_possible(follower);
        }
        self.end_if_possible(at);
    }

    fn end_if_possible(&mut self, at: usize) {
        let step = &mut self.steps[at];
        if step.state == State::Loaded && step.needs_loaded == 0 {
            step.state = State::Ending;
            self.open.push_back(Task::End(at));
        }
    }

    /// A step is staged and verified.
    pub(super) fn finished(&mut self, at: usize) {
        self.steps[at].state = State::Finished;
        for follower in std::mem::take(&mut self.steps[at].followers) {
            self.steps[follower].needs -= 1;
            self.consider(follower);
        }
    }

    /// A step failed. Returns it and all steps that cannot be done any more because of it, itself first.
    pub(super) fn failed(&mut self, at: usize) -> Vec<usize> {
        let mut failed = Vec::new();
        let mut pending = vec![at];
        while let Some(at) = pending.pop() {
            if matches!(self.steps[at].state, State::Failed | State::Finished) {
                continue;
            }
            self.steps[at].state = State::Failed;
            self.ready.remove(&self.urgencies[at]);
            let woken = self.locks.forget(self.urgencies[at]);
            self.ready.extend(woken);
            self.open.retain(|task| !matches!(task, Task::Part(step, _) | Task::End(step) if *step == at));
            pending.append(&mut self.steps[at].followers);
            pending.append(&mut self.steps[at].loaded_followers);
            failed.push(at);
        }
        failed
    }

    /// Makes a step ready when nothing stands in its way.
    fn consider(&mut self, at: usize) {
        let step = &self.steps[at];
        if step.needs > 0 {
            return;
        }
        match step.state {
            State::Waiting if step.begun => {
                let _ = self.begin(at);
                self.begun(at);
            }
            State::Waiting => {
                self.ready.insert(self.urgencies[at]);
            }
            _ => {}
        }
    }
}

impl StepState {
    fn new(step: &Step, journal: &BTreeMap<(u32, Unit), Counts>) -> Self {
        let committed = |unit| journal.contains_key(&(step.id, unit));
        let finished = !step.action.restores() || committed(Unit::Whole) || committed(Unit::End);
        let begun = committed(Unit::Begin);
        Self {
            state: if finished { State::Finished } else { State::Waiting },
            whole: !begun && step.read_bytes <= WHOLE_BYTES && step.parts <= WHOLE_PARTS,
            parts: (0..step.parts).filter(|&part| !committed(Unit::Part(part))).collect(),
            begun,
            needs: 0,
            needs_loaded: 0,
            followers: Vec::new(),
            loaded_followers: Vec::new(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::catalog::ObjectName;
    use crate::plan::Action;

    pub(in crate::restore) fn step(id: u32, parts: u32, needs: &[u32], needs_loaded: &[u32]) -> Step {
        let name = ObjectName::new("table", Some("main"), format!("t{id}"));
        Step {
            id,
            action: Action::Create,
            plugin: "tables".into(),
            parts,
            needs: needs.to_vec(),
            needs_loaded: needs_loaded.to_vec(),
            ..Step::idle(name.clone(), name)
        }
    }

    /// The step as one of another kind.
    pub(in crate::restore) fn named(kind: &str, mut step: Step) -> Step {
        step.into.kind = kind.to_owned();
        step
    }

    fn sized(read_bytes: u64, step: Step) -> Step {
        Step { read_bytes, ..step }
    }

    fn locking(names: &[&str], step: Step) -> Step {
        let locks = names.iter().map(|name| ObjectName::new("table", Some("main"), *name)).collect();
        Step { locks, ..step }
    }

    impl Graph {
        fn unfinished(&self) -> usize {
            self.steps.iter().filter(|step| !matches!(step.state, State::Finished | State::Failed)).count()
        }
    }

    fn steps_of(task: &Task) -> Vec<usize> {
        match task {
            Task::Wholes(steps) => steps.clone(),
            Task::Begin(at) | Task::Part(at, _) | Task::End(at) => vec![*at],
        }
    }

    /// Runs everything that may run, in turn, and says in which order.
    fn run(graph: &mut Graph) -> Vec<Task> {
        let mut order = Vec::new();
        while let Some(task) = graph.next(1) {
            steps_of(&task).into_iter().for_each(|at| graph.ended(at));
            match &task {
                Task::Wholes(steps) => steps.iter().for_each(|&at| graph.finished(at)),
                Task::Begin(at) => graph.begun(*at),
                Task::Part(at, _) => graph.part_done(*at),
                Task::End(at) => graph.finished(*at),
            }
            order.push(task);
        }
        order
    }

    const LARGE: u64 = u64::MAX;

    #[test]
    fn small_steps_that_wait_for_nobody_go_together() {
        let steps: Vec<Step> = (1..=8).map(|id| step(id, 1, &[], &[])).chain([step(9, 0, &[1], &[])]).collect();
        let mut graph = Graph::new(&steps, &BTreeMap::new());
        let order = run(&mut graph);
        assert_eq!(order[..2], [Task::Wholes(vec![0, 1, 2, 3]), Task::Wholes(vec![4, 5, 6])]);
        assert_eq!(graph.unfinished(), 0);
    }

    #[test]
    fn a_cycle_is_loaded_before_either_step_is_ended() {
        let steps = [step(0, 1, &[], &[1]), step(1, 1, &[], &[0])];
        let mut graph = Graph::new(&steps, &BTreeMap::new());
        let order = run(&mut graph);
        let end = order.iter().position(|task| matches!(task, Task::End(_))).expect("ends");
        assert_eq!(order[..end].iter().filter(|task| matches!(task, Task::Part(..))).count(), 2);
        assert_eq!(graph.unfinished(), 0);
    }

    #[test]
    fn a_resumed_step_starts_at_its_first_open_part() {
        let steps = [sized(LARGE, step(3, 3, &[], &[]))];
        let journal = [((3, Unit::Begin), Counts::default()), ((3, Unit::Part(0)), Counts::default())].into();
        let mut graph = Graph::new(&steps, &journal);
        assert_eq!(run(&mut graph), [Task::Part(0, 1), Task::Part(0, 2), Task::End(0)]);
    }

    #[test]
    fn what_is_finished_is_not_done_again() {
        let steps = [step(0, 1, &[], &[]), sized(LARGE, step(1, 1, &[0], &[]))];
        let journal = [((0, Unit::Whole), Counts::default())].into();
        let mut graph = Graph::new(&steps, &journal);
        assert_eq!(run(&mut graph), [Task::Begin(1), Task::Part(1, 0), Task::End(1)]);
    }

    #[test]
    fn a_failure_takes_all_that_depend_on_it_along() {
        let steps =
            [sized(LARGE, step(0, 1, &[], &[])), step(1, 0, &[0], &[]), step(2, 0, &[1], &[]), step(3, 0, &[], &[])];
        let mut graph = Graph::new(&steps, &BTreeMap::new());
        assert_eq!(graph.next(2), Some(Task::Begin(0)));
        graph.ended(0);
        assert_eq!(graph.failed(0), [0, 1, 2]);
        assert_eq!(run(&mut graph), [Task::Wholes(vec![3])]);
        assert_eq!(graph.unfinished(), 0);
        assert!(!graph.is_finished(1) && graph.is_finished(3));
    }

    #[test]
    fn the_biggest_goes_first_and_nobody_is_left_without_work() {
        let steps: Vec<Step> = (0..10).map(|id| sized(u64::from(id) << 20, step(id, 1, &[], &[]))).collect();
        let mut graph = Graph::new(&steps, &BTreeMap::new());
        assert_eq!(graph.next(2), Some(Task::Begin(9)));
        assert_eq!(graph.next(2), Some(Task::Begin(8)));
        for at in (3..8).rev() {
            assert_eq!(graph.next(2), Some(Task::Begin(at)));
        }
        assert_eq!(graph.next(2), Some(Task::Wholes(vec![2])));
        assert_eq!(graph.next(2), Some(Task::Wholes(vec![1])));
        assert_eq!(graph.next(2), Some(Task::Wholes(vec![0])));
        assert_eq!(graph.next(2), None);
    }

    #[test]
    fn many_small_ones_share_a_task_and_big_indexes_do_not() {
        let steps: Vec<Step> = (0..1000).map(|id| step(id, 0, &[], &[])).collect();
        let mut graph = Graph::new(&steps, &BTreeMap::new());
        assert!(matches!(graph.next(2), Some(Task::Wholes(steps)) if steps.len() == WHOLES_AT_ONCE));
        let table = sized(1 << 30, step(0, 1, &[], &[]));
        let indexes = (1..=40).map(|id| named("index", step(id, 0, &[0], &[])));
        let steps: Vec<Step> = std::iter::once(table).chain(indexes).collect();
        let journal = [((0, Unit::End), Counts::default())].into();
        let mut graph = Graph::new(&steps, &journal);
        assert_eq!(graph.next(2), Some(Task::Wholes(vec![1])));
    }

    #[test]
    fn two_tasks_never_hold_one_lock() {
        let key = |id, names: &[&str]| locking(names, named("foreign_key", step(id, 0, &[], &[])));
        let steps = [
            key(0, &["a", "b"]),
            key(1, &["b", "c"]),
            key(2, &["c", "d"]),
            key(3, &["a", "d"]),
            key(4, &["e"]),
            key(5, &["b", "b"]),
        ];
        let mut graph = Graph::new(&steps, &BTreeMap::new());
        let mut next = || graph.next(8);
        assert_eq!(next(), Some(Task::Wholes(vec![0])));
        assert_eq!(next(), Some(Task::Wholes(vec![2])));
        assert_eq!(next(), Some(Task::Wholes(vec![4])));
        assert_eq!(next(), None);
        graph.ended(0);
        graph.finished(0);
        assert_eq!(graph.next(8), Some(Task::Wholes(vec![5])));
        assert_eq!(graph.next(8), None);
        for at in [2, 5] {
            graph.ended(at);
            graph.finished(at);
        }
        assert_eq!(graph.next(8), Some(Task::Wholes(vec![1])));
        assert_eq!(graph.next(8), Some(Task::Wholes(vec![3])));
    }

    #[test]
    fn parts_of_one_step_share_its_locks_and_others_wait() {
        let steps =
            [locking(&["t"], sized(LARGE, step(0, 2, &[], &[]))), locking(&["t"], sized(LARGE, step(1, 1, &[], &[])))];
        let mut graph = Graph::new(&steps, &BTreeMap::new());
        assert_eq!(graph.next(4), Some(Task::Begin(0)));
        assert_eq!(graph.next(4), None);
        graph.ended(0);
        graph.begun(0);
        assert_eq!(graph.next(4), Some(Task::Part(0, 0)));
        assert_eq!(graph.next(4), Some(Task::Part(0, 1)));
        assert_eq!(graph.next(4), None);
        graph.ended(0);
        assert_eq!(graph.failed(0), [0]);
        assert_eq!(graph.next(4), None);
        graph.ended(0);
        assert_eq!(graph.next(4), Some(Task::Begin(1)));
    }

    #[test]
    fn whatever_the_locks_everything_is_done() {
        // Steps that lock two of seven objects each, in an order that has nothing to do with either.
        let name = |number: u32| ["a", "b", "c", "d", "e", "f", "g"][(number % 7) as usize];
        let steps: Vec<Step> = (0..500)
            .map(|id| locking(&[name(id * id), name(id * 3 + 1)], named("foreign_key", step(id, 0, &[], &[]))))
            .collect();
        let mut graph = Graph::new(&steps, &BTreeMap::new());
        let mut running: VecDeque<usize> = VecDeque::new();
        loop {
            while let Some(task) = if running.len() < 5 { graph.next(5) } else { None } {
                running.extend(steps_of(&task));
                let mut held: Vec<&ObjectName> = running
                    .iter()
                    .flat_map(|at| {
                        let mut locks: Vec<&ObjectName> = steps[*at].locks.iter().collect();
                        locks.dedup();
                        locks
                    })
                    .collect();
                held.sort_unstable();
                let count = held.len();
                held.dedup();
                let in_one_task = matches!(&task, Task::Wholes(steps) if steps.len() > 1);
                assert!(held.len() == count || in_one_task);
            }
            let Some(at) = running.pop_front() else { break };
            graph.ended(at);
            graph.finished(at);
        }
        assert_eq!(graph.unfinished(), 0);
    }
}
