//! The longest simple path of the chain graph. With cycles that is a hard problem, so the search is bounded:
//! it tells a path it found and the most there can be, and where both agree the answer is exact.

use super::graph::Graph;

/// Edges looked at in one search, shared evenly by the nodes it begins at.
const MOST_STEPS: usize = 1_000_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LongestPath {
    pub nodes: Vec<usize>,
    /// No simple path has more nodes.
    pub at_most: usize,
}

/// The longest path, or the longest that a bounded search found. Without cycles the first descent finds
/// it. The bound for the rest: within a component every node once, then the best way on.
pub fn longest_path(graph: &Graph, components: &[Vec<usize>]) -> LongestPath {
    let ahead = nodes_ahead(graph, components);
    let at_most = ahead.iter().copied().max().unwrap_or(0);
    let mut search = Search {
        graph,
        on_path: vec![false; graph.len()],
        path: Vec::new(),
        best: Vec::new(),
        most_steps: MOST_STEPS / graph.len().max(1),
        ended_early: false,
        ahead,
        at_most,
    };
    for root in search.by_ahead((0..graph.len()).collect()) {
        search.descend(root);
    }
    let at_most = if search.ended_early { at_most } else { search.best.len() };
    LongestPath { nodes: search.best, at_most }
}

/// By node, a bound on the nodes of a simple path that begins in its component.
fn nodes_ahead(graph: &Graph, components: &[Vec<usize>]) -> Vec<usize> {
    let mut ahead = vec![0; graph.len()];
    for component in components.iter().rev() {
        // Members of the component itself still count 0.
        let onward = component.iter().flat_map(|node| graph.next(*node));
        let beyond = onward.filter_map(|node| ahead.get(*node)).max().copied().unwrap_or(0);
        for node in component {
            if let Some(bound) = ahead.get_mut(*node) {
                *bound = beyond + component.len();
            }
        }
    }
    ahead
}

struct Search<'g> {
    graph: &'g Graph,
    ahead: Vec<usize>,
    at_most: usize,
    path: Vec<usize>,
    on_path: Vec<bool>,
    best: Vec<usize>,
    /// In each descent.
    most_steps: usize,
    ended_early: bool,
}

impl Search<'_> {
    /// Depth first, the most promising first; a branch that cannot beat the best is left.
    fn descend(&mut self, root: usize) {
        let (mut open, mut steps) = (Vec::new(), 0);
        self.visit(root, &mut open);
        while let Some(nodes) = open.last_mut() {
            let Some(node) = nodes.next() else {
                open.pop();
                self.leave();
                continue;
            };
            if steps == self.most_steps || self.best.len() == self.at_most {
                self.ended_early = true;
                break;
            }
            steps += 1;
            self.visit(node, &mut open);
        }
        while !self.path.is_empty() {
            self.leave();
        }
    }

    fn visit(&mut self, node: usize, open: &mut Vec<std::vec::IntoIter<usize>>) {
        let promise = self.path.len() + self.ahead.get(node).copied().unwrap_or(0);
        let Some(mark) = self.on_path.get_mut(node).filter(|mark| !**mark) else { return };
        if promise <= self.best.len() {
            return;
        }
        *mark = true;
        self.path.push(node);
        if self.path.len() > self.best.len() {
            self.best.clone_from(&self.path);
        }
        open.push(self.by_ahead(self.graph.next(node).to_vec()).into_iter());
    }

    fn leave(&mut self) {
        let left = self.path.pop();
        if let Some(mark) = left.and_then(|node| self.on_path.get_mut(node)) {
            *mark = false;
        }
    }

    fn by_ahead(&self, mut nodes: Vec<usize>) -> Vec<usize> {
        nodes.sort_by_key(|node| std::cmp::Reverse(self.ahead.get(*node).copied()));
        nodes
    }
}
