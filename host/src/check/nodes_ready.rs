//! Every node of the target is ready.

use super::Situation;
use crate::plan::Finding;
use crate::text::list;

pub(super) fn check(situation: &Situation<'_>) -> Vec<Finding> {
    let nodes = &situation.facts.health.nodes_not_ready;
    if nodes.is_empty() {
        return Vec::new();
    }
    let message = format!("Nodes of the target are not ready: {}", list(nodes));
    vec![Finding::refusal("target.nodes_not_ready", message, "Wait until they are, then run the same command again")]
}

#[cfg(test)]
mod tests {
    use crate::plan::fixture::Sample;

    #[test]
    fn nodes_are_named() {
        let mut sample = Sample::of(&["table main.a"]);
        sample.facts.health.nodes_not_ready = vec!["rank1".to_owned(), "rank2".to_owned()];
        sample.finds(&["Refusal target.nodes_not_ready … are not ready: rank1, rank2"]);
    }
}
