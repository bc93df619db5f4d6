//! Which job goes next: by priority, in turns between operators, and never so that long jobs take every place.

use std::collections::HashMap;

/// A job that waits.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) id: String,
    pub(super) operator: String,
    pub(super) priority: i32,
    /// What only one job may have at a time.
    pub(super) claim: Option<String>,
    /// Bytes that it will read or write; a job of unknown size counts as a long one.
    pub(super) size: Option<u64>,
    /// It has run before: it goes on before others begin, and has its claim while it waits.
    pub(super) begun: bool,
    /// It waits for somebody else at the moment: it has its claim, and no place.
    pub(super) rests: bool,
}

/// Jobs that wait and jobs that run.
#[derive(Debug)]
pub(super) struct Queue {
    width: usize,
    short_bytes: u64,
    waiting: Vec<Candidate>,
    running: Vec<Candidate>,
    /// When an operator's turn last was, as a count of turns.
    turns: HashMap<String, u64>,
    turn: u64,
}

impl Queue {
    pub(super) fn new(width: usize, short_bytes: u64) -> Self {
        Self { width, short_bytes, waiting: Vec::new(), running: Vec::new(), turns: HashMap::new(), turn: 0 }
    }

    pub(super) fn add(&mut self, candidate: Candidate) {
        self.waiting.push(candidate);
    }

    /// Takes the job out, if it waits.
    pub(super) fn remove(&mut self, id: &str) -> Option<Candidate> {
        let at = self.waiting.iter().position(|candidate| candidate.id == id)?;
        Some(self.waiting.remove(at))
    }

    /// Whether the job has been started and is not done.
    pub(super) fn runs(&self, id: &str) -> bool {
        self.running.iter().any(|candidate| candidate.id == id)
    }

    /// Gives the place of a job that runs to others, or takes one back: for that none need be free, so that it is not put off for ever.
    pub(super) fn rest(&mut self, id: &str, rests: bool) {
        self.running.iter_mut().filter(|candidate| candidate.id == id).for_each(|candidate| candidate.rests = rests);
    }

    pub(super) fn running_ids(&self) -> impl Iterator<Item = &str> {
        self.running.iter().map(|candidate| candidate.id.as_str())
    }

    /// The job does not run any more.
    pub(super) fn done(&mut self, id: &str) {
        self.running.retain(|candidate| candidate.id != id);
        if self.running.is_empty() && self.waiting.is_empty() {
            self.turns.clear();
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    /// The job that starts now.
    pub(super) fn next(&mut self) -> Option<String> {
        let order = |at: &usize| {
            let candidate = &self.waiting[*at];
            let running = self.running.iter().filter(|other| other.operator == candidate.operator).count();
            let turn = self.turns.get(&candidate.operator).copied().unwrap_or_default();
            (!candidate.begun, -i64::from(candidate.priority), running, turn, *at)
        };
        let at = (0..self.waiting.len()).filter(|at| self.hindrance(&self.waiting[*at]).is_none()).min_by_key(order)?;
        let candidate = self.waiting.remove(at);
        self.turn += 1;
        self.turns.insert(candidate.operator.clone(), self.turn);
        let id = candidate.id.clone();
        self.running.push(candidate);
        Some(id)
    }

    /// Why each waiting job waits.
    pub(super) fn reasons(&self) -> Vec<(String, Option<String>)> {
        self.waiting.iter().map(|candidate| (candidate.id.clone(), self.hindrance(candidate))).collect()
    }

    fn hindrance(&self, candidate: &Candidate) -> Option<String> {
        if let Some(claim) = &candidate.claim
            && let Some(holder) = self.holders(candidate).find(|other| other.claim.as_ref() == Some(claim))
        {
            return Some(format!("{claim}, which job {} has", holder.id));
        }
        if self.awake().count() >= self.width {
            return Some(format!("one of {} places", self.width));
        }
        let long = self.awake().filter(|other| self.is_long(other)).count();
        if self.is_long(candidate) && self.width > 1 && long >= self.width - 1 {
            return Some("a place for long jobs".to_owned());
        }
        None
    }

    /// Jobs that have a place.
    fn awake(&self) -> impl Iterator<Item = &Candidate> {
        self.running.iter().filter(|candidate| !candidate.rests)
    }

    /// Jobs whose claims stand in the way of this one.
    fn holders<'a>(&'a self, candidate: &'a Candidate) -> impl Iterator<Item = &'a Candidate> {
        let begun = self.waiting.iter().filter(|other| other.begun && !candidate.begun);
        self.running.iter().chain(begun)
    }

    fn is_long(&self, candidate: &Candidate) -> bool {
        candidate.size.is_none_or(|size| size > self.short_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(id: &str, operator: &str, priority: i32, claim: &str, size: Option<u64>) -> Candidate {
        let claim = (!claim.is_empty()).then(|| claim.to_owned());
        Candidate {
            id: id.to_owned(),
            operator: operator.to_owned(),
            priority,
            claim,
            size,
            begun: false,
            rests: false,
        }
    }

    fn started(queue: &mut Queue) -> Vec<String> {
        std::iter::from_fn(|| queue.next()).collect()
    }

    #[test]
    fn operators_take_turns_and_priority_goes_first() {
        let mut queue = Queue::new(4, 10);
        for id in ["a1", "a2", "a3"] {
            queue.add(job(id, "ana", 0, "", Some(1)));
        }
        queue.add(job("b1", "ben", 0, "", Some(1)));
        queue.add(job("c1", "cem", 5, "", Some(1)));
        assert_eq!(started(&mut queue), ["c1", "a1", "b1", "a2"]);
        assert_eq!(queue.reasons(), [("a3".to_owned(), Some("one of 4 places".to_owned()))]);
        queue.done("b1");
        assert_eq!(started(&mut queue), ["a3"]);
    }

    #[test]
    fn long_jobs_leave_a_place_for_a_short_one() {
        let mut queue = Queue::new(2, 10);
        for id in ["long1", "long2"] {
            queue.add(job(id, "ana", 0, "", Some(11)));
        }
        queue.add(job("unknown", "ana", 9, "", None));
        queue.add(job("short", "ana", -5, "", Some(10)));
        assert_eq!(started(&mut queue), ["unknown", "short"]);
        queue.done("short");
        assert_eq!(started(&mut queue), [""; 0]);
        queue.done("unknown");
        assert_eq!(started(&mut queue), ["long1"]);
    }

    #[test]
    fn a_claim_is_held_by_one() {
        let mut queue = Queue::new(4, 10);
        queue.add(job("first", "ana", 0, "target live", Some(1)));
        queue.add(job("second", "ana", 9, "target live", Some(1)));
        queue.add(job("other", "ana", 0, "target test", Some(1)));
        assert_eq!(started(&mut queue), ["second", "other"]);
        assert_eq!(queue.reasons()[0].1.as_deref(), Some("target live, which job second has"));
        assert!(queue.remove("first").is_some() && queue.remove("first").is_none());
    }

    #[test]
    fn who_has_begun_goes_on_first_and_keeps_the_claim() {
        let mut queue = Queue::new(2, 10);
        queue.add(job("urgent", "ana", 9, "target live", Some(1)));
        queue.add(job("other", "ana", 9, "target test", None));
        queue.add(Candidate { begun: true, ..job("begun", "ben", 0, "target live", None) });
        // The only place for a long job is taken, and nobody else gets the target meanwhile.
        queue.add(Candidate { begun: true, ..job("long", "ben", 1, "target third", None) });
        assert_eq!(started(&mut queue), ["long"]);
        let reason = |queue: &Queue, id: &str| queue.reasons().into_iter().find(|(known, _)| known == id).unwrap().1;
        assert_eq!(reason(&queue, "urgent").as_deref(), Some("target live, which job begun has"));
        assert_eq!(reason(&queue, "begun").as_deref(), Some("a place for long jobs"));
        queue.done("long");
        assert_eq!(started(&mut queue), ["begun"]);
        assert!(queue.runs("begun") && !queue.runs("urgent"));
        queue.done("begun");
        assert_eq!(started(&mut queue), ["urgent", "other"]);
    }

    #[test]
    fn who_rests_keeps_the_claim_and_no_place() {
        let mut queue = Queue::new(1, 10);
        for (id, claim) in [("first", "target live"), ("second", "target live"), ("third", "")] {
            queue.add(job(id, "ana", 0, claim, None));
        }
        assert_eq!(started(&mut queue), ["first"]);
        queue.rest("first", true);
        assert_eq!(started(&mut queue), ["third"]);
        queue.rest("first", false);
        queue.done("third");
        assert_eq!((started(&mut queue), queue.running()), (vec![], 1));
        queue.done("first");
        assert_eq!(started(&mut queue), ["second"]);
    }

    #[test]
    fn one_place_is_for_every_job() {
        let mut queue = Queue::new(1, 10);
        queue.add(job("long", "ana", 0, "", None));
        assert_eq!(started(&mut queue), ["long"]);
    }
}
