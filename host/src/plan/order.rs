//! The order in which steps are done: a stable topological order in which cycles are found and left for later.
//!
//! Nothing recurses: an archive may chain as many objects as it likes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What was found.
pub(super) struct Order {
    /// Every node, those it needs first; among nodes that are free to go, the lowest first. A cycle stays together.
    pub(super) sequence: Vec<usize>,
    component: Vec<usize>,
}

impl Order {
    /// Orders the nodes `0..needs.len()`, each of which needs others. Within a cycle there is no order.
    pub(super) fn of(needs: &[Vec<usize>]) -> Self {
        let component = components(needs);
        let sequence = sequence(needs, &component);
        Self { sequence, component }
    }

    /// Whether two nodes need each other, directly or round about.
    pub(super) fn is_cycle(&self, one: usize, other: usize) -> bool {
        self.component[one] == self.component[other]
    }
}

/// Kahn's algorithm over whole cycles, each named by its first node: what needs one of them waits for all of them.
fn sequence(needs: &[Vec<usize>], component: &[usize]) -> Vec<usize> {
    let members = members(component);
    let mut waiting = vec![0_usize; members.len()];
    let mut dependents = vec![Vec::new(); members.len()];
    for (node, needed) in needs.iter().enumerate() {
        for other in needed.iter().filter(|other| component[**other] != component[node]) {
            waiting[component[node]] += 1;
            dependents[component[*other]].push(component[node]);
        }
    }
    let ready = |cycle: usize| Reverse((members[cycle][0], cycle));
    let mut free: BinaryHeap<_> = (0..members.len()).filter(|cycle| waiting[*cycle] == 0).map(ready).collect();
    let mut sequence = Vec::with_capacity(needs.len());
    while let Some(Reverse((_, cycle))) = free.pop() {
        sequence.extend(&members[cycle]);
        for dependent in &dependents[cycle] {
            waiting[*dependent] -= 1;
            if waiting[*dependent] == 0 {
                free.push(ready(*dependent));
            }
        }
    }
    sequence
}

/// The nodes of each component, ascending; none is empty.
fn members(component: &[usize]) -> Vec<Vec<usize>> {
    let mut members = vec![Vec::new(); component.iter().max().map_or(0, |last| last + 1)];
    for (node, component) in component.iter().enumerate() {
        members[*component].push(node);
    }
    members
}

/// Tarjan's strongly connected components: a number for each node, the same for nodes of one cycle.
fn components(needs: &[Vec<usize>]) -> Vec<usize> {
    let mut search = Search {
        needs,
        visited: vec![UNSEEN; needs.len()],
        lowest: vec![0; needs.len()],
        component: vec![UNSEEN; needs.len()],
        open: Vec::new(),
        path: Vec::new(),
        visits: 0,
        found: 0,
    };
    for node in 0..needs.len() {
        if search.visited[node] == UNSEEN {
            search.enter(node);
            search.run();
        }
    }
    search.component
}

const UNSEEN: usize = usize::MAX;

struct Search<'a> {
    needs: &'a [Vec<usize>],
    /// When a node was first seen.
    visited: Vec<usize>,
    /// The earliest open node it leads back to.
    lowest: Vec<usize>,
    component: Vec<usize>,
    /// Nodes that belong to no component yet.
    open: Vec<usize>,
    /// The way to the current node, and which edge comes next at each.
    path: Vec<(usize, usize)>,
    visits: usize,
    found: usize,
}

impl Search<'_> {
    fn enter(&mut self, node: usize) {
        self.visited[node] = self.visits;
        self.lowest[node] = self.visits;
        self.visits += 1;
        self.open.push(node);
        self.path.push((node, 0));
    }

    fn run(&mut self) {
        while let Some((node, edge)) = self.path.last_mut() {
            let node = *node;
            match self.needs[node].get(*edge) {
                Some(&next) => {
                    *edge += 1;
                    if self.visited[next] == UNSEEN {
                        self.enter(next);
                    } else if self.component[next] == UNSEEN {
                        self.lowest[node] = self.lowest[node].min(self.visited[next]);
                    }
                }
                None => self.leave(node),
            }
        }
    }

    fn leave(&mut self, node: usize) {
        self.path.pop();
        if let Some((parent, _)) = self.path.last() {
            self.lowest[*parent] = self.lowest[*parent].min(self.lowest[node]);
        }
        if self.lowest[node] != self.visited[node] {
            return;
        }
        while let Some(member) = self.open.pop() {
            self.component[member] = self.found;
            if member == node {
                break;
            }
        }
        self.found += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_comes_first_and_ties_keep_their_order() {
        for (needs, expected) in [
            (&[&[][..], &[], &[]][..], &[0, 1, 2][..]),
            (&[&[1], &[2], &[]], &[2, 1, 0]),
            (&[&[2], &[], &[], &[]], &[1, 2, 0, 3]),
            (&[&[3], &[0], &[], &[]], &[2, 3, 0, 1]),
            (&[&[1], &[0]], &[0, 1]),
            (&[&[1, 3], &[2], &[0], &[]], &[3, 0, 1, 2]),
            (&[&[0]], &[0]),
        ] {
            let needs: Vec<Vec<usize>> = needs.iter().map(|edges| edges.to_vec()).collect();
            assert_eq!(Order::of(&needs).sequence, expected, "{needs:?}");
        }
    }

    #[test]
    fn cycles_are_told_apart() {
        // 0 ⇄ 1, 1 → 2 → 3 → 2, 4 → 0
        let order = Order::of(&[vec![1], vec![0, 2], vec![3], vec![2], vec![0]]);
        for (one, other, cycle) in [(0, 1, true), (2, 3, true), (1, 2, false), (4, 0, false)] {
            assert_eq!(order.is_cycle(one, other), cycle);
        }
        assert_eq!(order.sequence, [2, 3, 0, 1, 4]);
    }

    #[test]
    fn a_chain_and_a_ring_of_100_000() {
        let count = 100_000;
        let chain: Vec<Vec<usize>> = (0..count).map(|at| if at + 1 < count { vec![at + 1] } else { vec![] }).collect();
        assert!(Order::of(&chain).sequence.into_iter().eq((0..count).rev()));
        let ring: Vec<Vec<usize>> = (0..count).map(|at| vec![(at + 1) % count]).collect();
        let order = Order::of(&ring);
        assert!(order.is_cycle(0, count - 1));
        assert!(order.sequence.into_iter().eq(0..count));
    }
}
