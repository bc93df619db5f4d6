//! Which piece of work may start: the plan's steps as a graph.
//!
//! A step begins when all it needs is finished, its parts follow in order, and it is ended when all that it needs
//! loaded is loaded. Small steps that wait for nobody are done whole, several in one task.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use crate::plan::{Action, Step};
use crate::target::{Counts, Unit};

/// A step of at most so many bytes is done whole: one transaction, one row in the journal.
const WHOLE_BYTES: u64 = 2 << 20;
/// A step of more parts than this is not done whole, however small they are.
const WHOLE_PARTS: u32 = 16;
/// Whole steps in one task: their cost is near that of handing a task over.
const WHOLES_AT_ONCE: usize = 32;

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
    /// Steps (by position) that may begin.
    ready: BTreeSet<usize>,
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
    /// The graph of a plan's steps, without what the journal says is committed already. `bytes` is what each step reads.
    pub(super) fn new(steps: &[Step], bytes: &[u64], journal: &BTreeMap<(u32, Unit), Counts>) -> Self {
        let positions: HashMap<u32, usize> = steps.iter().enumerate().map(|(at, step)| (step.id, at)).collect();
        let mut states: Vec<StepState> =
            steps.iter().zip(bytes).map(|(step, &bytes)| StepState::new(step, bytes, journal)).collect();
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
        let mut graph = Self { steps: states, ready: BTreeSet::new(), open: VecDeque::new() };
        for at in 0..graph.steps.len() {
            graph.consider(at);
        }
        graph
    }

    /// Whether the step is staged and verified.
    pub(super) fn is_finished(&self, at: usize) -> bool {
        self.steps[at].state == State::Finished
    }

    /// The next task, if any may start now.
    pub(super) fn next(&mut self) -> Option<Task> {
        if let Some(task) = self.open.pop_front() {
            return Some(task);
        }
        let at = self.ready.pop_first()?;
        if !self.steps[at].whole {
            return Some(self.begin(at));
        }
        let mut wholes = vec![at];
        while wholes.len() < WHOLES_AT_ONCE {
            match self.ready.first() {
                Some(&next) if self.steps[next].whole => {
                    self.ready.remove(&next);
                    wholes.push(next);
                }
                _ => break,
            }
        }
        for &at in &wholes {
            self.steps[at].state = State::Ending;
        }
        Some(Task::Wholes(wholes))
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
            self.ready.remove(&at);
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
                self.ready.insert(at);
            }
            _ => {}
        }
    }
}

impl StepState {
    fn new(step: &Step, bytes: u64, journal: &BTreeMap<(u32, Unit), Counts>) -> Self {
        let committed = |unit| journal.contains_key(&(step.id, unit));
        let finished = step.action == Action::Skip || committed(Unit::Whole) || committed(Unit::End);
        let begun = committed(Unit::Begin);
        Self {
            state: if finished { State::Finished } else { State::Waiting },
            whole: !begun && bytes <= WHOLE_BYTES && step.parts <= WHOLE_PARTS,
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
mod tests {
    use super::*;
    use crate::catalog::ObjectName;

    fn step(id: u32, parts: u32, needs: &[u32], needs_loaded: &[u32]) -> Step {
        let name = ObjectName::new("table", Some("main"), format!("t{id}"));
        Step {
            id,
            action: Action::Create,
            object: name.clone(),
            into: name,
            aside: None,
            reason: String::new(),
            plugin: "tables".into(),
            parts,
            rows: 0,
            bytes: 0,
            read_bytes: 0,
            tables: Vec::new(),
            needs: needs.to_vec(),
            needs_loaded: needs_loaded.to_vec(),
            locks: Vec::new(),
            principals: Vec::new(),
            existing: None,
        }
    }

    impl Graph {
        fn unfinished(&self) -> usize {
            self.steps.iter().filter(|step| !matches!(step.state, State::Finished | State::Failed)).count()
        }
    }

    /// Runs everything that may run, in turn, and says in which order.
    fn run(graph: &mut Graph) -> Vec<Task> {
        let mut order = Vec::new();
        while let Some(task) = graph.next() {
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
        let steps = [step(7, 1, &[], &[]), step(8, 1, &[], &[]), step(9, 0, &[7], &[])];
        let mut graph = Graph::new(&steps, &[1, 1, 1], &BTreeMap::new());
        assert_eq!(run(&mut graph), [Task::Wholes(vec![0, 1]), Task::Wholes(vec![2])]);
        assert_eq!(graph.unfinished(), 0);
    }

    #[test]
    fn a_cycle_is_loaded_before_either_step_is_ended() {
        let steps = [step(0, 1, &[], &[1]), step(1, 1, &[], &[0])];
        let mut graph = Graph::new(&steps, &[1, 1], &BTreeMap::new());
        let order = run(&mut graph);
        let end = order.iter().position(|task| matches!(task, Task::End(_))).expect("ends");
        assert_eq!(order[..end].iter().filter(|task| matches!(task, Task::Part(..))).count(), 2);
        assert_eq!(graph.unfinished(), 0);
    }

    #[test]
    fn a_resumed_step_starts_at_its_first_open_part() {
        let steps = [step(3, 3, &[], &[])];
        let journal = [((3, Unit::Begin), Counts::default()), ((3, Unit::Part(0)), Counts::default())].into();
        let mut graph = Graph::new(&steps, &[LARGE], &journal);
        assert_eq!(run(&mut graph), [Task::Part(0, 1), Task::Part(0, 2), Task::End(0)]);
    }

    #[test]
    fn what_is_finished_is_not_done_again() {
        let steps = [step(0, 1, &[], &[]), step(1, 1, &[0], &[])];
        let journal = [((0, Unit::Whole), Counts::default())].into();
        let mut graph = Graph::new(&steps, &[1, LARGE], &journal);
        assert_eq!(run(&mut graph), [Task::Begin(1), Task::Part(1, 0), Task::End(1)]);
    }

    #[test]
    fn a_failure_takes_all_that_depend_on_it_along() {
        let steps = [step(0, 1, &[], &[]), step(1, 0, &[0], &[]), step(2, 0, &[1], &[]), step(3, 0, &[], &[])];
        let mut graph = Graph::new(&steps, &[LARGE, 1, 1, 1], &BTreeMap::new());
        assert_eq!(graph.next(), Some(Task::Begin(0)));
        assert_eq!(graph.failed(0), [0, 1, 2]);
        assert_eq!(run(&mut graph), [Task::Wholes(vec![3])]);
        assert_eq!(graph.unfinished(), 0);
        assert!(!graph.is_finished(1) && graph.is_finished(3));
    }
}
